package io.aquatint.diffusion.parity;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.scheduler.LearningRateSchedule;
import io.aquatint.diffusion.text.ClipTokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.StreamSupport;

/** The cases that are JSON files: tokenizers and learning rates. */
final class JsonCases {
    private static final ObjectMapper JSON = new ObjectMapper();

    private JsonCases() {}

    /** The share of texts whose tokens differ. */
    static double tokenizer(Path folder, Path file) {
        JsonNode cases = read(file);
        int differing = 0;
        try (ClipTokenizer tokenizer = ClipTokenizer.load(folder)) {
            for (JsonNode text : cases) {
                long[] ids = tokenizer.tokenize(text.path("text").asText());
                long[] padded = tokenizer.encode(text.path("text").asText());
                boolean same = matches(text, "ids", ids) && matches(text, "padded", padded);
                differing += same ? 0 : 1;
            }
        }
        return cases.isEmpty() ? 1 : (double) differing / cases.size();
    }

    private static boolean matches(JsonNode text, String key, long[] actual) {
        if (!text.has(key)) {
            return true;
        }
        long[] expected = StreamSupport.stream(text.path(key).spliterator(), false)
                .mapToLong(JsonNode::asLong)
                .toArray();
        return Arrays.equals(expected, actual);
    }

    static double learningRates(Path file) {
        JsonNode root = read(file);
        double worst = 0;
        for (var entry : root.path("lr").properties()) {
            if (!LearningRateSchedule.Kind.names().contains(entry.getKey())) {
                throw new UnsupportedModelException(
                        "the learning rate schedule " + entry.getKey() + " is not supported");
            }
            int cycles = entry.getKey().equals("cosine_with_restarts")
                    ? root.path("cosine_with_restarts_cycles").asInt(1)
                    : 1;
            LearningRateSchedule schedule = new LearningRateSchedule(
                    LearningRateSchedule.Kind.named(entry.getKey()),
                    root.path("base_lr").asDouble(1),
                    root.path("warmup").asInt(),
                    root.path("total").asInt(),
                    cycles);
            float[] expected = new float[entry.getValue().size()];
            float[] actual = new float[expected.length];
            for (int step = 0; step < expected.length; step++) {
                expected[step] = (float) entry.getValue().path(step).asDouble();
                actual[step] = (float) schedule.at(step);
            }
            worst = Math.max(worst, GoldenCase.relativeError(actual, expected));
        }
        return worst;
    }

    private static JsonNode read(Path file) {
        try {
            return JSON.readTree(file.toFile());
        } catch (IOException e) {
            throw new CheckpointException(file + " cannot be read: " + e.getMessage(), e);
        }
    }
}
