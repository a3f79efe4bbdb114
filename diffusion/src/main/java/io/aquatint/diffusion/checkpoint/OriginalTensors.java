package io.aquatint.diffusion.checkpoint;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * A base model's tensors under the names of the original layout: what {@link SingleFileCheckpoint} reads, the other way round.
 * Query, key and value of an OpenCLIP layer become one matrix, its text projection is transposed, and the matrices of an
 * autoencoder's attention become convolutions of one pixel.
 */
final class OriginalTensors implements TensorSource {
    /** What every reader makes itself. */
    private static final String POSITIONS = "text_model.embeddings.position_ids";

    private final ModelSource model;
    private final Map<String, Stored> tensors = new LinkedHashMap<>();
    private final List<String> nameless = new ArrayList<>();

    /** What a tensor of the file is made of. */
    private record Stored(TensorSource source, List<String> names, Form form) {}

    private enum Form {
        SAME,
        /** [a, b] to [a, b, 1, 1]. */
        ONE_PIXEL,
        TRANSPOSED,
        /** One above the other. */
        FUSED
    }

    /**
     * @param markers tensors besides the model's, by their names in the file
     * @throws CheckpointException if a tensor has no name in the original layout, with all of them
     */
    OriginalTensors(ModelSource model, Map<String, TensorData> markers) {
        this.model = model;
        TensorSource marking = new TensorsInMemory(markers);
        markers.keySet().forEach(name -> tensors.put(name, new Stored(marking, List.of(name), Form.SAME)));
        addUNet();
        addVae();
        boolean large = model.architecture() == Architecture.STABLE_DIFFUSION_XL;
        if (model.architecture() == Architecture.STABLE_DIFFUSION_2) {
            addOpenClip("text_encoder", "cond_stage_model.model.");
        } else {
            addClip(large ? "conditioner.embedders.0.transformer." : "cond_stage_model.transformer.");
        }
        if (large) {
            addOpenClip("text_encoder_2", "conditioner.embedders.1.model.");
        }
        if (!nameless.isEmpty()) {
            throw new CheckpointException("%s has tensors that have no name in the original layout: %s"
                    .formatted(model.path(), Problems.summary(nameless)));
        }
    }

    private void addUNet() {
        TensorSource unet = model.weights("unet");
        OriginalUNetNames names = OriginalUNetNames.of(model.config("unet"));
        for (String name : unet.names()) {
            names.toOriginal(name)
                    .ifPresentOrElse(
                            original -> tensors.put(
                                    "model.diffusion_model." + original, new Stored(unet, List.of(name), Form.SAME)),
                            () -> nameless.add("unet " + name));
        }
    }

    private void addVae() {
        TensorSource vae = model.weights("vae");
        OriginalVaeNames names = OriginalVaeNames.ofDiffusers(vae.names());
        for (String name : vae.names()) {
            boolean matrix = name.contains(".mid_block.attentions.")
                    && vae.info(name).shape().size() == 2;
            Form form = matrix ? Form.ONE_PIXEL : Form.SAME;
            names.toOriginal(name)
                    .ifPresentOrElse(
                            original ->
                                    tensors.put("first_stage_model." + original, new Stored(vae, List.of(name), form)),
                            () -> nameless.add("vae " + name));
        }
    }

    private void addClip(String start) {
        TensorSource text = model.weights("text_encoder");
        for (String name : text.names()) {
            if (name.equals(POSITIONS)) {
                continue;
            }
            if (name.startsWith("text_model.")) {
                tensors.put(start + name, new Stored(text, List.of(name), Form.SAME));
            } else {
                nameless.add("text_encoder " + name);
            }
        }
    }

    private void addOpenClip(String component, String start) {
        TensorSource text = model.weights(component);
        Set<String> originals = new TreeSet<>();
        for (String name : text.names()) {
            String original = OpenClipNames.toOriginal(name);
            if (OpenClipNames.toTransformers(original).containsKey(name)) {
                originals.add(original);
            } else if (!name.equals(POSITIONS)) {
                nameless.add(component + " " + name);
            }
        }
        for (String original : originals) {
            Map<String, ConvertedTensors.Part> parts = OpenClipNames.toTransformers(original);
            Form form =
                    switch (parts.values().iterator().next().form()) {
                        case FIRST_THIRD, SECOND_THIRD, LAST_THIRD -> Form.FUSED;
                        case TRANSPOSED -> Form.TRANSPOSED;
                        case SAME, FLAT -> Form.SAME;
                    };
            List<String> names = parts.entrySet().stream()
                    .sorted(Map.Entry.comparingByValue(Comparator.comparing(ConvertedTensors.Part::form)))
                    .map(Map.Entry::getKey)
                    .toList();
            tensors.put(start + original, new Stored(text, names, form));
        }
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(tensors.keySet());
    }

    @Override
    public TensorInfo info(String name) {
        Stored stored = stored(name);
        List<TensorInfo> infos =
                stored.names().stream().map(stored.source()::info).toList();
        TensorInfo first = infos.get(0);
        List<Long> shape = new ArrayList<>(first.shape());
        switch (stored.form()) {
            case SAME -> {}
            case ONE_PIXEL -> shape.addAll(List.of(1L, 1L));
            case TRANSPOSED -> Collections.reverse(shape);
            case FUSED -> {
                if (infos.stream().anyMatch(info -> !info.equals(first)) || shape.isEmpty()) {
                    throw new CheckpointException("%s: %s are one tensor in the original layout, but differ here: %s"
                            .formatted(model.path(), stored.names(), infos));
                }
                shape.set(0, 3 * shape.get(0));
            }
        }
        return new TensorInfo(first.dtype(), shape);
    }

    @Override
    public TensorData read(String name) {
        Stored stored = stored(name);
        TensorInfo info = info(name);
        Function<String, ByteBuffer> bytes = part -> stored.source().read(part).bytes();
        String first = stored.names().get(0);
        return new TensorData(
                info,
                switch (stored.form()) {
                    case SAME, ONE_PIXEL -> bytes.apply(first);
                    case TRANSPOSED -> ConvertedTensors.transposed(bytes.apply(first), info);
                    case FUSED -> {
                        ByteBuffer fused = ByteBuffer.allocate(
                                Math.toIntExact(info.elements() * info.dtype().bytes()));
                        stored.names().forEach(part -> fused.put(bytes.apply(part)));
                        yield fused.flip();
                    }
                });
    }

    @Override
    public String describe() {
        return model.path().toString();
    }

    private Stored stored(String name) {
        Stored stored = tensors.get(name);
        if (stored == null) {
            throw new CheckpointException("%s has no tensor %s".formatted(model.path(), name));
        }
        return stored;
    }
}
