package io.aquatint.diffusion.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.aquatint.diffusion.Golden;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class OptimizerUpdateTest {
    private static final int SIZE = 1000; // no multiple of a block
    private static final double RATE = 1e-2;

    private final NDManager manager = NDManager.newBaseManager("PyTorch");

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void adamWWithClippingIsWhatItsFormulasSay() {
        OptimizerConfig config = OptimizerConfig.DEFAULT;
        float[] start = normal(1);
        double[] expected = doubles(start);
        double[] average = new double[SIZE];
        double[] square = new double[SIZE];
        NDArray parameters = manager.create(start);
        try (OptimizerUpdate update = new OptimizerUpdate(manager, config, parameters, null)) {
            for (int step = 1; step <= 5; step++) {
                float[] gradient = normal(10 + step);
                double norm = norm(gradient);
                // twice the gradient, as a loss scale of 2 makes it
                NDArray scaled = manager.create(gradient).mul(2);
                assertThat(apply(update, parameters, scaled, 0.5, step - 1L))
                        .isCloseTo((float) norm, within((float) (1e-5 * norm)));
                for (int i = 0; i < SIZE; i++) {
                    double clipped = gradient[i] * Math.min(1, 1 / (norm + 1e-6));
                    average[i] = 0.9 * average[i] + 0.1 * clipped;
                    square[i] = 0.999 * square[i] + 0.001 * clipped * clipped;
                    double change = average[i]
                            / (1 - Math.pow(0.9, step))
                            / (Math.sqrt(square[i] / (1 - Math.pow(0.999, step))) + 1e-8);
                    expected[i] = expected[i] * (1 - RATE * 0.01) - RATE * change;
                }
            }
        }
        assertThat(Golden.relativeError(parameters.toFloatArray(), floats(expected)))
                .isLessThan(1e-5);
    }

    @Test
    void eightBitsFollowThirtyTwoClosely() {
        float[] exact = trained(OptimizerConfig.Kind.ADAMW);
        float[] eight = trained(OptimizerConfig.Kind.ADAMW_8BIT);
        float[] start = normal(1);
        double way = Golden.relativeError(exact, start);
        assertThat(Golden.relativeError(eight, exact)).isLessThan(0.1 * way);
    }

    private float[] trained(OptimizerConfig.Kind kind) {
        NDArray parameters = manager.create(normal(1));
        float[] direction = normal(2);
        try (OptimizerUpdate update =
                new OptimizerUpdate(manager, OptimizerConfig.DEFAULT.withKind(kind), parameters, null)) {
            for (int step = 0; step < 30; step++) {
                float[] gradient = normal(100 + step);
                for (int i = 0; i < SIZE; i++) {
                    gradient[i] = direction[i] + 0.3f * gradient[i];
                }
                apply(update, parameters, manager.create(gradient), 1, step);
            }
            return parameters.toFloatArray();
        }
    }

    @ParameterizedTest
    @EnumSource(OptimizerConfig.Kind.class)
    void aGradientThatIsNotFiniteChangesNothingAtAll(OptimizerConfig.Kind kind) {
        NDArray parameters = manager.create(normal(1));
        OptimizerConfig config = OptimizerConfig.DEFAULT.withKind(kind);
        try (OptimizerUpdate update = new OptimizerUpdate(manager, config, parameters, 0.9)) {
            apply(update, parameters, manager.create(normal(2)), 1, 0);
            float[] before = parameters.toFloatArray();
            float[][] state = state(update);
            float[] gradient = normal(3);
            gradient[7] = Float.POSITIVE_INFINITY;
            assertThat(apply(update, parameters, manager.create(gradient), 1, 1))
                    .isInfinite();
            assertThat(parameters.toFloatArray()).isEqualTo(before);
            assertThat(state(update)).isDeepEqualTo(state);
        }
    }

    private static float[][] state(OptimizerUpdate update) {
        return update.state().values().stream()
                .map(array -> array.toType(DataType.FLOAT32, false).toFloatArray())
                .toArray(float[][]::new);
    }

    @Test
    void theMovingAverageIsThatOfDiffusers() {
        NDArray parameters = manager.create(normal(1));
        double[] expected = new double[SIZE];
        try (OptimizerUpdate update = new OptimizerUpdate(manager, OptimizerConfig.DEFAULT, parameters, 0.2)) {
            for (int step = 0; step < 4; step++) {
                apply(update, parameters, manager.create(normal(20 + step)), 1, step);
                double decay = step == 0 ? 0 : Math.min(0.2, (1.0 + step) / (10 + step));
                float[] now = parameters.toFloatArray();
                for (int i = 0; i < SIZE; i++) {
                    expected[i] = decay * expected[i] + (1 - decay) * now[i];
                }
            }
            NDArray average = update.state().get(OptimizerUpdate.AVERAGE);
            assertThat(average).isNotNull();
            assertThat(Golden.relativeError(average.toFloatArray(), floats(expected)))
                    .isLessThan(1e-6);
        }
    }

    @Test
    void theEightBitNumbersAreBitsandbytes() {
        for (boolean signed : new boolean[] {true, false}) {
            double[] levels = AdamW8Bit.levels(signed);
            assertThat(levels).hasSize(256).isSorted().doesNotHaveDuplicates().contains(0, 1);
            assertThat(levels[0]).isCloseTo(signed ? -0.9929688 : 0, within(1e-6));
        }
    }

    private float apply(
            OptimizerUpdate update, NDArray parameters, NDArray gradient, double unscale, long updatesBefore) {
        try (NDManager scope = manager.newSubManager()) {
            NDArray[] numbers = update.numbers(scope, unscale, RATE, updatesBefore);
            return update.apply(scope, parameters, gradient, numbers).getFloat();
        }
    }

    private static float[] normal(long seed) {
        Random random = new Random(seed);
        float[] numbers = new float[SIZE];
        for (int i = 0; i < SIZE; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }

    private static double norm(float[] numbers) {
        return Math.sqrt(Arrays.stream(doubles(numbers)).map(x -> x * x).sum());
    }

    private static double[] doubles(float[] numbers) {
        double[] doubles = new double[numbers.length];
        Arrays.setAll(doubles, i -> numbers[i]);
        return doubles;
    }

    private static float[] floats(double[] numbers) {
        float[] floats = new float[numbers.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) numbers[i];
        }
        return floats;
    }
}
