package io.aquatint.diffusion.training;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.graph.FlatTensors;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.GraphRule;
import io.aquatint.diffusion.graph.ParameterLayout;
import io.aquatint.diffusion.graph.Parameters;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextEncoder;
import io.aquatint.diffusion.text.ClipTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The rows of a new word in the token tables of the text encoders; nothing else changes. */
final class TrainableWord implements Trainable {
    private static final String TABLE = "text_model.embeddings.token_embedding";

    private final StableDiffusion model;
    private final TrainingMethod.TextualInversion method;
    private final ParameterLayout layout;
    private final List<ClipTokenizer> tokenizers = new ArrayList<>();

    TrainableWord(StableDiffusion model, TrainingMethod.TextualInversion method) {
        this.model = model;
        this.method = method;
        Map<String, List<Long>> shapes = new LinkedHashMap<>();
        for (TextEncoder encoder : model.textEncoders()) {
            shapes.put(name(encoder), List.of((long) method.vectors(), (long)
                    encoder.config().hiddenSize()));
        }
        this.layout = ParameterLayout.of(shapes);
        try {
            for (TextEncoder encoder : model.textEncoders()) {
                Map<String, Integer> word = Map.of(method.token(), method.vectors());
                tokenizers.add(
                        encoder.tokenizer().withWords(word, encoder.config().vocabSize()));
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private static String name(TextEncoder encoder) {
        return encoder.component() + "." + TABLE;
    }

    @Override
    public ParameterLayout layout() {
        return layout;
    }

    @Override
    public void initialize(FlatTensors parameters, @Nullable Path previous) {
        @Nullable TextualInversion word = previous == null
                ? null
                : TextualInversionFiles.read(previous.resolve(TextualInversionFiles.DIFFUSERS_NAME));
        for (TextEncoder encoder : model.textEncoders()) {
            int size = encoder.config().hiddenSize();
            float[] rows = new float[method.vectors() * size];
            List<float[]> beginning = word == null ? initializer(encoder) : vectors(word, encoder);
            for (int i = 0; i < method.vectors(); i++) {
                System.arraycopy(beginning.get(i), 0, rows, i * size, size);
            }
            parameters.set(name(encoder), TensorData.of(rows, method.vectors(), size));
        }
    }

    /** The row of the initializer word, once for each vector. */
    private List<float[]> initializer(TextEncoder encoder) {
        long[] ids = encoder.tokenizer().tokenize(method.initializer()); // with begin and end
        if (ids.length != 3) {
            throw new IllegalArgumentException(
                    "the initializer '%s' is %d tokens of %s, but must be one: take a simpler word"
                            .formatted(method.initializer(), ids.length - 2, encoder.component()));
        }
        int size = encoder.config().hiddenSize();
        TensorData table = model.source().weights(encoder.component()).read(TABLE + ".weight");
        float[] row = table.row(Math.toIntExact(ids[1]));
        if (row.length != size) {
            throw new CheckpointException("%s has rows of %d, not %d".formatted(name(encoder), row.length, size));
        }
        List<float[]> rows = new ArrayList<>();
        for (int i = 0; i < method.vectors(); i++) {
            rows.add(row);
        }
        return rows;
    }

    private List<float[]> vectors(TextualInversion word, TextEncoder encoder) {
        boolean first = encoder == model.textEncoders().get(0);
        List<float[]> second = word.secondVectors();
        List<float[]> vectors = first || second == null ? word.vectors() : second;
        int size = encoder.config().hiddenSize();
        if (vectors.size() != method.vectors() || vectors.get(0).length != size) {
            throw new CheckpointException("%s has %d vectors of %d, but this training needs %d of %d"
                    .formatted(word.token(), vectors.size(), vectors.get(0).length, method.vectors(), size));
        }
        return vectors;
    }

    @Override
    public GraphRule rule(Parameters parameters) {
        return new GraphRule() {
            @Override
            public Optional<Value> embedding(Graph graph, String module, Value table, int rows, Value ids) {
                if (!layout.contains(module)) {
                    return Optional.empty();
                }
                Value known = graph.rows(table, graph.op("torch.clamp(%s, None, %s)", ids, rows - 1));
                Value own = graph.rows(
                        parameters.get(graph, module), graph.op("torch.clamp(torch.sub(%s, %s), 0, None)", ids, rows));
                Value isOwn = graph.op("torch.unsqueeze(torch.ge(%s, %s), -1)", ids, rows); // [..., 1]
                return Optional.of(graph.op("torch.where(%s, %s, %s)", isOwn, own, known));
            }
        };
    }

    @Override
    public boolean changesText() {
        return true;
    }

    @Override
    public List<String> captions(TrainingExample example) {
        return method.templates().of(method.token(), example.caption());
    }

    @Override
    public List<ClipTokenizer> tokenizers() {
        return List.copyOf(tokenizers);
    }

    @Override
    public @Nullable Double averageDecay() {
        return null;
    }

    @Override
    public void write(TensorSource parameters, Path folder, Map<String, String> metadata) {
        List<List<float[]>> rows = model.textEncoders().stream()
                .map(encoder -> rows(parameters.read(name(encoder))))
                .toList();
        TextualInversionFiles.writeDiffusers(
                folder.resolve(TextualInversionFiles.DIFFUSERS_NAME),
                new TextualInversion(method.token(), rows.get(0), rows.size() == 1 ? null : rows.get(1)),
                metadata);
    }

    private static List<float[]> rows(TensorData matrix) {
        List<float[]> rows = new ArrayList<>();
        for (int i = 0; i < matrix.info().shape().get(0); i++) {
            rows.add(matrix.row(i));
        }
        return rows;
    }

    @Override
    public void close() {
        tokenizers.forEach(ClipTokenizer::close);
    }
}
