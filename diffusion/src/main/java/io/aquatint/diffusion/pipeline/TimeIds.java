package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.graph.DeviceArrays;
import java.util.List;

/**
 * What SDXL is told of a picture's size (Podell et al., SDXL, 2023, section 2.2), in pixels.
 *
 * @param originalHeight of the picture before it was scaled and cropped
 * @param cropTop how many rows were cut off above
 * @param targetHeight of the picture as the network has it
 */
public record TimeIds(
        int originalHeight, int originalWidth, int cropTop, int cropLeft, int targetHeight, int targetWidth) {
    /** How many numbers they are. */
    static final int COUNT = 6;

    /** Of a picture that was neither scaled nor cropped. */
    public static TimeIds of(int width, int height) {
        return new TimeIds(height, width, 0, 0, height, width);
    }

    /** One row for each picture, [pictures, 6], in diffusers' order. */
    public static NDArray array(NDManager manager, List<TimeIds> pictures) {
        float[] rows = new float[COUNT * pictures.size()];
        for (int i = 0; i < pictures.size(); i++) {
            System.arraycopy(pictures.get(i).values(), 0, rows, COUNT * i, COUNT);
        }
        return DeviceArrays.create(manager, rows, new Shape(pictures.size(), COUNT));
    }

    private float[] values() {
        return new float[] {originalHeight, originalWidth, cropTop, cropLeft, targetHeight, targetWidth};
    }
}
