package io.aquatint.diffusion.adapter;

import static io.aquatint.diffusion.Golden.path;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import io.aquatint.diffusion.adapter.LoraArithmetic.Resized;
import io.aquatint.diffusion.adapter.LoraArithmetic.Summand;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraMismatchException;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LoraArithmeticTest {
    private static final String Q = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";

    @Test
    void aSumChangesEveryWeightByTheSumOfTheChanges() {
        LoraWeights a = LoraFormats.read(path("sd15/lora/a-kohya.safetensors"));
        LoraWeights b = LoraFormats.read(path("sd15/lora/b-kohya.safetensors"));

        LoraWeights sum = only(
                LoraArithmetic.sum(List.of(new Summand("a", List.of(a), 0.7), new Summand("b", List.of(b), -0.5))));

        assertThat(sum.rank()).isEqualTo(8);
        assertThat(sum.modules()).hasSize(128);
        sum.modules().forEach((module, pair) -> {
            assertThat(pair.scale()).isEqualTo(1);
            double[] expected = added(change(of(a, module)), 0.7, change(of(b, module)), -0.5);
            assertThat(distance(change(pair), expected)).isLessThan(1e-7 * norm(expected));
        });
    }

    @Test
    void aLayerOfOneAloneStaysAndSoDoesAComponent() {
        LoraWeights unet = adapter(Component.UNET, Map.of("x", random(2, 5, 4, 1, 1)));
        LoraWeights other = adapter(Component.UNET, Map.of("y", random(3, 5, 4, 3, 2)));
        LoraWeights text = adapter(Component.TEXT_ENCODER, Map.of("z", random(1, 2, 2, 1, 3)));

        List<LoraWeights> sums = LoraArithmetic.sum(
                List.of(new Summand("one", List.of(unet, text), 1), new Summand("two", List.of(other), 2)));

        assertThat(sums).extracting(LoraWeights::component).containsExactly(Component.UNET, Component.TEXT_ENCODER);
        assertThat(sums.get(0).modules()).containsOnlyKeys("x", "y");
        assertThat(of(sums.get(0), "y").rank()).isEqualTo(3);
        assertThat(change(of(sums.get(0), "x"))).containsExactly(change(of(unet, "x")), within(1e-6));
        assertThat(change(of(sums.get(0), "y")))
                .containsExactly(added(change(of(other, "y")), 2, change(of(other, "y")), 0), within(1e-6));
    }

    @Test
    void adaptersOfDifferentBasesHaveNoSum() {
        LoraWeights narrow = adapter(Component.UNET, Map.of("x", random(2, 5, 4, 1, 1), "same", random(1, 2, 2, 1, 1)));
        LoraWeights wide = adapter(Component.UNET, Map.of("x", random(2, 7, 4, 1, 1), "same", random(1, 2, 2, 1, 1)));
        assertThatExceptionOfType(LoraMismatchException.class)
                .isThrownBy(() -> LoraArithmetic.sum(
                        List.of(new Summand("one", List.of(narrow), 1), new Summand("two", List.of(wide), 1))))
                .withMessage("two does not fit one: unet x is [4, 7], not [4, 5]");
    }

    @Test
    void aHigherRankKeepsAllAndALowerTheBest() {
        LoraWeights adapter = adapter(Component.UNET, Map.of(Q, random(6, 20, 12, 3, 7)));
        double[] whole = change(of(adapter, Q));

        Resized same = LoraArithmetic.resize(List.of(adapter), RankRule.fixed(50));
        assertThat(of(same.adapters().get(0), Q).rank()).isEqualTo(6);
        assertThat(same.relativeError()).isZero();
        assertThat(distance(change(of(same.adapters().get(0), Q)), whole)).isLessThan(1e-6 * norm(whole));

        double before = 0;
        for (int rank = 5; rank > 0; rank--) {
            Resized resized = LoraArithmetic.resize(List.of(adapter), RankRule.fixed(rank));
            LoraPair pair = of(resized.adapters().get(0), Q);
            assertThat(pair.rank()).isEqualTo(rank);
            assertThat(pair.scale()).isEqualTo(1);
            double error = distance(change(pair), whole) / norm(whole);
            assertThat(error).isGreaterThan(before);
            assertThat(resized.relativeError()).isCloseTo(error, within(1e-6));
            assertThat(resized.layers()).hasSize(1);
            assertThat(resized.layers().get(0).relativeError()).isCloseTo(error, within(1e-6));
            before = error;
        }
    }

    /** The change is diag(4, 3, 2, 1) in disguise: its pair has more rank than it needs, and alpha is negative. */
    @Test
    void singularValuesAreThoseOfTheWholeChange() {
        float[] up = new float[4 * 5];
        float[] down = new float[5 * 4];
        for (int i = 0; i < 4; i++) {
            up[i * 5 + i] = -(4 - i);
            down[i * 4 + i] = 1;
        }
        LoraPair pair = LoraPair.linear(5, 4, 4, down, up, -5);
        LoraWeights adapter = adapter(Component.UNET, Map.of(Q, pair));

        Resized resized = LoraArithmetic.resize(List.of(adapter), RankRule.fixed(2));
        assertThat(resized.relativeError()).isCloseTo(Math.sqrt(5.0 / 30), within(1e-12));
        assertThat(change(of(resized.adapters().get(0), Q)))
                .containsExactly(new double[] {4, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, within(1e-6));
        assertThat(LoraArithmetic.norms(adapter).get(Q)).isCloseTo(Math.sqrt(30), within(1e-12));

        assertThat(rank(adapter, RankRule.energy(0.5))).isEqualTo(1); // 16 of 30
        assertThat(rank(adapter, RankRule.energy(0.8))).isEqualTo(2); // 25 of 30
        assertThat(rank(adapter, RankRule.energy(0.9))).isEqualTo(3); // 29 of 30
        assertThat(rank(adapter, RankRule.energy(1))).isEqualTo(4);
    }

    @Test
    void convolutionsKeepTheirShape() {
        float[] values = new float[3 * 4 * 9];
        values[5] = 2;
        LoraPair convolution = new LoraPair(
                values, new long[] {3, 4, 3, 3}, new float[] {1, 2, 3, 4, 5, 6}, new long[] {2, 3, 1, 1}, 3);
        LoraWeights adapter = adapter(Component.UNET, Map.of("conv", convolution));

        LoraPair twice = of(
                only(LoraArithmetic.sum(
                        List.of(new Summand("a", List.of(adapter), 1), new Summand("b", List.of(adapter), 1)))),
                "conv");
        assertThat(twice.downShape()).containsExactly(6, 4, 3, 3);
        assertThat(twice.upShape()).containsExactly(2, 6, 1, 1);
        Resized resized =
                LoraArithmetic.resize(List.of(adapter(Component.UNET, Map.of("conv", twice))), RankRule.fixed(1));
        LoraPair one = of(resized.adapters().get(0), "conv");
        assertThat(one.downShape()).containsExactly(1, 4, 3, 3);
        assertThat(one.upShape()).containsExactly(2, 1, 1, 1);
        assertThat(change(one)).containsExactly(added(change(convolution), 2, change(convolution), 0), within(1e-5));
    }

    @Test
    void whatChangesNothingHasNoError() {
        LoraWeights nothing =
                adapter(Component.UNET, Map.of(Q, LoraPair.linear(4, 6, 6, new float[24], new float[24], 4)));
        Resized resized = LoraArithmetic.resize(List.of(nothing), RankRule.energy(0.9));
        assertThat(resized.relativeError()).isZero();
        assertThat(of(resized.adapters().get(0), Q).rank()).isEqualTo(1);
    }

    @Test
    void valuesThatAreNoNumbersAreNamed() {
        LoraPair bad = random(2, 3, 3, 2, 1);
        bad.up()[1] = Float.NaN;
        assertThatExceptionOfType(CheckpointException.class)
                .isThrownBy(() ->
                        LoraArithmetic.resize(List.of(adapter(Component.UNET, Map.of(Q, bad))), RankRule.fixed(1)))
                .withMessageContaining(Q);
    }

    private static int rank(LoraWeights adapter, RankRule rule) {
        return of(LoraArithmetic.resize(List.of(adapter), rule).adapters().get(0), Q)
                .rank();
    }

    private static LoraPair random(int rank, int in, int out, double alpha, long seed) {
        Random random = new Random(seed);
        float[] down = new float[rank * in];
        float[] up = new float[out * rank];
        for (int i = 0; i < down.length; i++) {
            down[i] = (float) random.nextGaussian();
        }
        for (int i = 0; i < up.length; i++) {
            up[i] = (float) random.nextGaussian();
        }
        return LoraPair.linear(rank, in, out, down, up, alpha);
    }

    private static LoraWeights adapter(Component component, Map<String, LoraPair> modules) {
        return LoraWeights.of(component, modules);
    }

    private static LoraWeights only(List<LoraWeights> adapters) {
        assertThat(adapters).hasSize(1);
        return adapters.get(0);
    }

    private static LoraPair of(LoraWeights adapter, String module) {
        return Objects.requireNonNull(adapter.modules().get(module));
    }

    private static double[] change(LoraPair pair) {
        double[] change = new double[pair.out() * pair.width()];
        for (int row = 0; row < pair.out(); row++) {
            for (int column = 0; column < pair.width(); column++) {
                for (int k = 0; k < pair.rank(); k++) {
                    change[row * pair.width() + column] +=
                            pair.scale() * pair.up()[row * pair.rank() + k] * pair.down()[k * pair.width() + column];
                }
            }
        }
        return change;
    }

    private static double[] added(double[] a, double aWeight, double[] b, double bWeight) {
        double[] sum = new double[a.length];
        for (int i = 0; i < a.length; i++) {
            sum[i] = aWeight * a[i] + bWeight * b[i];
        }
        return sum;
    }

    private static double distance(double[] a, double[] b) {
        return norm(added(a, 1, b, -1));
    }

    private static double norm(double[] values) {
        double sum = 0;
        for (double value : values) {
            sum += value * value;
        }
        return Math.sqrt(sum);
    }
}
