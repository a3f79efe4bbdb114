package io.aquatint.diffusion.pipeline;

import java.util.Random;
import java.util.SplittableRandom;

/** Standard normal noise that follows from a seed alone, on every machine and device. */
public final class Noise {
    private final Random random;

    public Noise(long seed) {
        this.random = new Random(new SplittableRandom(seed).nextLong());
    }

    /** Noise seeded by a picture's content hash, in hex. */
    public static Noise ofHash(String sha256) {
        return new Noise(Long.parseUnsignedLong(sha256.substring(0, 16), 16));
    }

    /** The next numbers. */
    public float[] next(int count) {
        float[] noise = new float[count];
        for (int i = 0; i < count; i++) {
            noise[i] = (float) random.nextGaussian();
        }
        return noise;
    }
}
