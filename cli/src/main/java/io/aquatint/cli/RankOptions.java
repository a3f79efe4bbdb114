package io.aquatint.cli;

import io.aquatint.diffusion.adapter.LoraArithmetic;
import io.aquatint.diffusion.adapter.LoraArithmetic.Resized;
import io.aquatint.diffusion.adapter.LoraArithmetic.ResizedLayer;
import io.aquatint.diffusion.adapter.RankRule;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import java.io.PrintWriter;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** To which rank: kohya's {@code --new_rank}, and {@code --dynamic_method sv_fro}. */
final class RankOptions {
    private static final int WORST = 5;

    @Option(
            names = "--rank",
            paramLabel = "N",
            description = "Keep the N largest singular values of each layer's change.")
    private @Nullable Integer rank;

    @Option(
            names = "--energy",
            paramLabel = "F",
            description =
                    "Keep as few as hold this fraction of each layer's energy, for example 0.95: a rank of its own"
                            + " for each layer.")
    private @Nullable Double energy;

    /** @throws IllegalArgumentException if both are given, or one is out of its range */
    @Nullable RankRule rule() {
        if (rank != null && energy != null) {
            throw new IllegalArgumentException("--rank and --energy exclude each other");
        }
        if (rank != null) {
            return RankRule.fixed(rank);
        }
        return energy == null ? null : RankRule.energy(energy);
    }

    /** Brings adapters to the rank and says what was lost. */
    static List<LoraWeights> resize(PrintWriter out, Collection<LoraWeights> adapters, RankRule rule) {
        Resized resized = LoraArithmetic.resize(adapters, rule);
        out.printf("relative error %.3g of all layers together; the worst:%n", resized.relativeError());
        resized.layers().stream()
                .sorted(Comparator.comparingDouble(ResizedLayer::relativeError).reversed())
                .limit(WORST)
                .forEach(layer -> out.printf(
                        "  %.3g  %s %s, rank %d to %d%n",
                        layer.relativeError(),
                        layer.component().folder(),
                        Printed.line(layer.module()),
                        layer.before(),
                        layer.after()));
        return resized.adapters();
    }
}
