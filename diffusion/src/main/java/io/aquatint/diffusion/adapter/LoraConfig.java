package io.aquatint.diffusion.adapter;

import java.util.List;

/**
 * Which layers get a low-rank pair, and how strong it is (Hu et al. 2021, "LoRA").
 *
 * @param rank the inner width
 * @param alpha the pair's output is scaled by alpha / rank
 * @param targetModules a layer is adapted when its name is, or ends in a point and, one of these; as PEFT matches them
 */
public record LoraConfig(int rank, double alpha, List<String> targetModules) {
    /** The four projections of every attention. */
    public static final List<String> ATTENTION = List.of("to_q", "to_k", "to_v", "to_out.0");

    /** The four projections of every attention of a text encoder. */
    public static final List<String> TEXT_ATTENTION = List.of("q_proj", "k_proj", "v_proj", "out_proj");

    public LoraConfig {
        if (rank < 1) {
            throw new IllegalArgumentException("the rank is " + rank + ", but must be 1 or more");
        }
        if (!(alpha > 0)) {
            throw new IllegalArgumentException("alpha is " + alpha + ", but must be above 0");
        }
        targetModules = List.copyOf(targetModules);
    }

    public double scale() {
        return alpha / rank;
    }

    static boolean matches(String module, String target) {
        return module.equals(target) || module.endsWith("." + target);
    }
}
