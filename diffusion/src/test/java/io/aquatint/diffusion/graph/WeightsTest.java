package io.aquatint.diffusion.graph;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WeightsTest {
    @TempDir
    Path folder = Path.of("");

    /** Eight bits of mantissa: the same in float32 and bfloat16, and in float16 too. */
    private static final float[] EXACT = {0, -1, 1.5f, -0.0078125f, 200, 3.1406250f};

    @ParameterizedTest
    @EnumSource(Precision.class)
    void aNumberThatEveryPrecisionHasComesThroughEveryConversion(Precision precision) {
        ByteBuffer brain = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 6; i++) {
            brain.putShort(2 * i, (short) (Float.floatToRawIntBits(EXACT[i]) >>> 16));
        }
        ByteBuffer wide = ByteBuffer.allocate(48).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 6; i++) {
            wide.putDouble(8 * i, EXACT[i]);
        }
        Path file = folder.resolve("model.safetensors");
        SafetensorsWriter.write(
                file,
                Map.of(
                        "single", TensorData.of(EXACT, 2, 3),
                        "half", TensorData.halfOf(EXACT, 3, 2),
                        "brain", new TensorData(TensorInfo.of(DType.BF16, 6), brain),
                        "double", new TensorData(TensorInfo.of(DType.F64, 1, 6), wide),
                        "scalar", TensorData.of(new float[] {0.25f})),
                Map.of());
        Map<String, List<Long>> shapes = Map.of(
                "single", List.of(2L, 3L),
                "half", List.of(3L, 2L),
                "brain", List.of(6L),
                "double", List.of(1L, 6L),
                "scalar", List.of());
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Weights weights = Weights.load(manager, SafetensorsFile.open(file), shapes, Set.of(), precision);
            assertThat(weights.precision()).isEqualTo(precision);
            for (String name : List.of("single", "half", "brain", "double")) {
                assertThat(floats(manager, weights, name)).as(name).isEqualTo(EXACT);
                assertThat(weights.get(name).getShape().getShape())
                        .containsExactly(shapes.get(name).stream()
                                .mapToLong(Long::longValue)
                                .toArray());
            }
            assertThat(floats(manager, weights, "scalar")).containsExactly(0.25f);
            assertThat(weights.get("scalar").getShape()).isEqualTo(new Shape());
            if (precision != Precision.BF16) {
                assertThat(weights.get("brain").getDataType())
                        .isEqualTo(precision == Precision.FP16 ? DataType.FLOAT16 : DataType.FLOAT32);
            }
        }
    }

    @Test
    void aTensorOfSeveralPiecesIsWhole() {
        int count = WeightLoader.PIECE_BYTES / 4 * 2 + 1001;
        float[] values = new float[count];
        Random random = new Random(1);
        for (int i = 0; i < count; i++) {
            values[i] = random.nextFloat();
        }
        Path file = folder.resolve("model.safetensors");
        SafetensorsWriter.write(file, Map.of("a", TensorData.of(values, count)), Map.of());
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Map<String, List<Long>> shapes = Map.of("a", List.of((long) count));
            Weights weights = Weights.load(manager, SafetensorsFile.open(file), shapes, Set.of(), Precision.FP32);
            assertThat(weights.get("a").toFloatArray()).isEqualTo(values);
        }
    }

    private static float[] floats(NDManager manager, Weights weights, String name) {
        Graph graph = new Graph();
        graph.returns(graph.toFloat32(graph.input("x")));
        try (CompiledGraph compiled = CompiledGraph.compile(manager, graph);
                Weights none = Weights.none(manager);
                NDArray result = compiled.run(manager, none, weights.get(name)).get(0)) {
            return result.toFloatArray();
        }
    }
}
