package io.aquatint.pretraining;

import java.util.SplittableRandom;

/** Numbers that follow from a seed and a position alone (SplitMix64's mixing, Steele et al. 2014). */
final class SplitMix {
    private SplitMix() {}

    static long of(long seed, long position) {
        long z = seed + (position + 1) * 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }

    static SplittableRandom random(long seed, long position) {
        return new SplittableRandom(of(seed, position));
    }
}
