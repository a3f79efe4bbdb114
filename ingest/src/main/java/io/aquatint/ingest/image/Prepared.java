package io.aquatint.ingest.image;

import io.aquatint.events.Crop;
import io.aquatint.events.PixelSize;

/**
 * A picture as it is trained on.
 *
 * @param png the file, without metadata
 * @param sha256 of the file, in hex: the picture's identity
 * @param sourceFormat what came in, by its bytes: JPEG, PNG, WEBP, GIF or BMP
 * @param before the upright source's size
 * @param crop what was cut out of it
 * @param sharpness the variance of the Laplacian of the luma, 0 to 255; below about 100 it looks blurred
 * @param perceptualHash 16 hex digits, alike for pictures that look alike
 */
public record Prepared(
        byte[] png,
        String sha256,
        String sourceFormat,
        PixelSize before,
        PixelSize after,
        Crop crop,
        double sharpness,
        String perceptualHash) {}
