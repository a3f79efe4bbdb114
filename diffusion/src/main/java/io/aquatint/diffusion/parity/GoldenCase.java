package io.aquatint.diffusion.parity;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.graph.Weights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Set;

/** The tensors and settings of one case, and the worst error of what was compared with it so far. */
final class GoldenCase {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final SafetensorsFile file;
    private final JsonNode meta;
    private final Set<String> remarks = new LinkedHashSet<>(); // a model in two forms has the same ones
    private double worst;

    private GoldenCase(SafetensorsFile file, JsonNode meta) {
        this.file = file;
        this.meta = meta;
    }

    static GoldenCase open(Path path) {
        SafetensorsFile file = SafetensorsFile.open(path);
        try {
            return new GoldenCase(file, JSON.readTree(file.metadata().getOrDefault("meta", "{}")));
        } catch (IOException e) {
            throw new CheckpointException(path + ": the metadata meta is no JSON", e);
        }
    }

    JsonNode meta() {
        return meta;
    }

    /** A setting that must be there. */
    JsonNode meta(String key) {
        if (!meta.hasNonNull(key)) {
            throw new CheckpointException(file.describe() + ": meta lacks " + key);
        }
        return meta.path(key);
    }

    Set<String> names() {
        return file.names();
    }

    boolean has(String name) {
        return file.names().contains(name);
    }

    TensorData tensor(String name) {
        return file.read(name);
    }

    float[] floats(String name) {
        return file.read(name).toFloats();
    }

    NDArray array(NDManager manager, String name) {
        return Weights.toDevice(manager, file.read(name));
    }

    /** Row {@code index} of the first dimension. */
    float[] row(String name, int index) {
        TensorData tensor = file.read(name);
        int size = tensor.size() / Math.toIntExact(tensor.info().shape().get(0));
        return Arrays.copyOfRange(tensor.toFloats(), index * size, (index + 1) * size);
    }

    void compare(String name, NDArray actual) {
        compare(actual.toFloatArray(), floats(name));
    }

    double compare(String name, float[] actual) {
        return compare(actual, floats(name));
    }

    /** Keeps the largest of the errors; outputs of another size, and numbers that are none, count as infinitely wrong. */
    double compare(float[] actual, float[] expected) {
        double difference = relativeError(actual, expected);
        double error = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference;
        worst = Math.max(worst, error);
        return error;
    }

    /** Notes what a reader of the result has to know of the file itself. */
    void remark(String remark) {
        remarks.add(remark);
    }

    /** Notes how far our own result moves when what it began with does by as little as float32 can. */
    void remarkSensitivity(String input, double change) {
        if (change > ParityRunner.TRAINING_AND_SAMPLING) {
            remark(("with %s one unit in the last place away our own result differs by %.3g:"
                            + " to that extent the case is ill-conditioned in float32")
                    .formatted(input, change));
        }
    }

    /** The same numbers, each by one unit in the last place larger. */
    static float[] nextUp(float[] numbers) {
        float[] next = new float[numbers.length];
        for (int i = 0; i < next.length; i++) {
            next[i] = numbers[i] == 0 ? 0 : Math.nextUp(numbers[i]);
        }
        return next;
    }

    Set<String> remarks() {
        return remarks;
    }

    double worst() {
        return worst;
    }

    /** ‖actual − expected‖ / ‖expected‖. */
    static double relativeError(float[] actual, float[] expected) {
        if (actual.length != expected.length) {
            return Double.POSITIVE_INFINITY;
        }
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < actual.length; i++) {
            difference += Math.pow((double) actual[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return difference == 0 ? 0 : Math.sqrt(difference / norm);
    }
}
