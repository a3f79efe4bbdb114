package io.aquatint.diffusion.training;

import java.util.SplittableRandom;

/** What is random in a training, from its seed and the step alone, so that a resumed training goes on as if never stopped. */
final class StepRandom {
    private final long seed;
    private final int examples;

    StepRandom(long seed, int examples) {
        this.seed = seed;
        this.examples = examples;
    }

    /** The random numbers of a step, counted from 0. */
    SplittableRandom of(int step) {
        return new SplittableRandom(mix(seed, step));
    }

    /** Which example is at a position of the endless sequence of epochs, each in an order of its own. */
    int example(long position) {
        long epoch = position / examples;
        SplittableRandom random = new SplittableRandom(mix(~seed, epoch));
        int[] order = new int[examples];
        for (int i = 0; i < examples; i++) {
            int other = random.nextInt(i + 1);
            order[i] = order[other];
            order[other] = i;
        }
        return order[(int) (position % examples)];
    }

    /** SplitMix64's mixing (Steele et al. 2014), so that neighbouring steps have nothing in common. */
    private static long mix(long seed, long number) {
        long z = seed + (number + 1) * 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }

    static float[] gaussians(SplittableRandom random, int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }
}
