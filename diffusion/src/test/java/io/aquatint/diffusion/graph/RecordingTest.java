package io.aquatint.diffusion.graph;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RecordingTest {
    @Test
    void eachRunSeesItsOwnInputsAndWhatEarlierRunsChanged() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray sum = manager.zeros(new Shape(2));
            try (Recording recording = new Recording(manager, (outputs, inputs) -> {
                sum.addi(inputs[0]);
                NDArray result = sum.mul(inputs[1]);
                result.attach(outputs);
                return new NDList(result);
            })) {
                List<List<Float>> results = new ArrayList<>();
                for (int run = 1; run <= 4; run++) {
                    try (NDManager scope = manager.newSubManager()) {
                        NDList outputs = recording.run(
                                scope.create(new float[] {run, 10 * run}), scope.create(new float[] {2, 3}));
                        float[] numbers = outputs.get(0).toFloatArray();
                        results.add(List.of(numbers[0], numbers[1]));
                    }
                }
                assertThat(results)
                        .containsExactly(List.of(2f, 30f), List.of(6f, 90f), List.of(12f, 180f), List.of(20f, 300f));
            }
        }
    }

    @Test
    void theOutputsOfARunAreFreedByTheNext() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Recording recording = new Recording(manager, (outputs, inputs) -> {
                    NDArray result = inputs[0].mul(2);
                    result.attach(outputs);
                    return new NDList(result);
                })) {
            NDArray input = manager.create(1f);
            NDArray first = recording.run(input).get(0);
            assertThat(first.isReleased()).isFalse();
            NDArray second = recording.run(input).get(0);
            assertThat(first.isReleased()).isTrue();
            assertThat(second.getFloat()).isEqualTo(2);
        }
    }
}
