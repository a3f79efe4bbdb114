package io.aquatint.diffusion.adapter;

/** How many singular values of a layer's change are kept. */
@FunctionalInterface
public interface RankRule {
    /** @param singularValues the largest first; at least 1 and at most all of them are kept, whatever is answered */
    int rank(double[] singularValues);

    /** So many of each layer. */
    static RankRule fixed(int rank) {
        if (rank < 1) {
            throw new IllegalArgumentException("the rank is " + rank + ", but must be 1 or more");
        }
        return values -> rank;
    }

    /** As few of each layer as hold this fraction of its energy, the sum of the squares of its singular values. */
    static RankRule energy(double fraction) {
        if (!(fraction > 0 && fraction <= 1)) {
            throw new IllegalArgumentException(
                    "the fraction of the energy is " + fraction + ", but must be above 0 and at most 1");
        }
        return values -> {
            double total = 0;
            for (double value : values) {
                total += value * value;
            }
            double kept = 0;
            for (int i = 0; i < values.length; i++) {
                kept += values[i] * values[i];
                if (kept >= fraction * total) {
                    return i + 1;
                }
            }
            return values.length;
        };
    }
}
