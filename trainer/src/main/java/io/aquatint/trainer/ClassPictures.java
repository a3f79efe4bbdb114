package io.aquatint.trainer;

import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.pipeline.AdaptedModel;
import io.aquatint.diffusion.pipeline.GenerationRequest;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextToImage;
import io.aquatint.diffusion.scheduler.Sampler;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.TrainingSet;
import io.aquatint.diffusion.training.TrainingSet.Size;
import io.aquatint.events.EventJson;
import io.aquatint.events.TrainingSpec;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Sha256;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;

/**
 * The pictures by which a model remembers a class while it learns one subject of it, drawn by the base model itself. Each is kept in
 * the object store under what it follows from: base model, prompt, sampler and its own seed. Trainings and trainers share them, a
 * training that wants more of them draws only those that are missing, and one that was cut short goes on with the next.
 */
final class ClassPictures {
    private static final Sampler.Kind SAMPLER = Sampler.Kind.DPMPP_2M;
    private static final double GUIDANCE_SCALE = 7.5;
    private static final String PNG = "image/png";

    private final ObjectStore store;
    private final StableDiffusion model;
    private final TrainingSpec spec;
    private final String caption;

    /** All but the seed that a picture follows from. */
    private record Origin(
            String base, String prompt, int steps, double guidanceScale, int width, int height, String sampler) {}

    ClassPictures(ObjectStore store, StableDiffusion model, TrainingSpec spec) {
        this.store = store;
        this.model = model;
        this.spec = spec;
        this.caption = Objects.requireNonNull(spec.classCaption(), "a training without class pictures");
    }

    /**
     * The pictures, a person's own first, those that are missing drawn; of each size that the data set's have.
     *
     * @param own of these sizes
     * @param leaveOff looked at before each picture that is drawn
     * @param progress told how many there are, after each that is drawn
     * @return empty when it was left off
     */
    Optional<List<TrainingExample>> get(
            List<TrainingExample> instances,
            List<TrainingExample> own,
            BooleanSupplier leaveOff,
            IntConsumer progress) {
        List<TrainingExample> examples = new ArrayList<>(own);
        Map<Size, Integer> counts = TrainingSet.missingClassImages(instances, own, spec.numClassImages());
        String identity = identity(model);
        try (AdaptedModel base = model.adapted(List.of())) {
            for (Map.Entry<Size, Integer> count : counts.entrySet()) {
                Size size = count.getKey();
                String folder = folder(identity, size);
                for (int i = 0; i < count.getValue(); i++) {
                    long seed = spec.seed() + i;
                    String key = folder + seed + ".png";
                    Optional<byte[]> stored = stored(key);
                    if (stored.isEmpty() && leaveOff.getAsBoolean()) {
                        return Optional.empty();
                    }
                    byte[] png = stored.orElseGet(() -> keep(key, draw(base, size, seed)));
                    examples.add(new TrainingExample(Sha256.of(png), Picture.decode(png), caption));
                    if (stored.isEmpty()) {
                        progress.accept(examples.size());
                    }
                }
            }
        }
        return Optional.of(examples);
    }

    private String folder(String base, Size size) {
        Origin origin = new Origin(
                base, caption, spec.classSampleSteps(), GUIDANCE_SCALE, size.width(), size.height(), SAMPLER.name());
        return "class-pictures/%s/".formatted(Sha256.of(EventJson.write(origin)));
    }

    private byte[] draw(AdaptedModel base, Size size, long seed) {
        GenerationRequest request = new GenerationRequest(
                caption, "", seed, spec.classSampleSteps(), GUIDANCE_SCALE, size.width(), size.height(), SAMPLER);
        return TextToImage.generate(model, base, request).toPng();
    }

    /** Of two trainers that draw the same at once, on different devices perhaps, one is believed by both. */
    private byte[] keep(String key, byte[] png) {
        return store.putIfAbsent(key, png, PNG) ? png : store.get(key);
    }

    private Optional<byte[]> stored(String key) {
        try {
            return Optional.of(store.get(key));
        } catch (ObjectMissingException e) {
            return Optional.empty();
        }
    }

    /** What tells one base model from another, wherever it lies: weights that every fine-tuning changes, and not all of gigabytes. */
    private static String identity(StableDiffusion model) {
        TensorSource unet = model.source().weights("unet");
        List<String> hashes = new ArrayList<>();
        for (String name : unet.names()) {
            if (name.startsWith("conv_out.") || name.startsWith("mid_block.attentions.0.transformer_blocks.0.attn")) {
                ByteBuffer bytes = unet.read(name).bytes();
                byte[] copy = new byte[bytes.remaining()];
                bytes.get(copy);
                hashes.add(name + " " + Sha256.of(copy));
            }
        }
        return String.join("\n", hashes.stream().sorted().toList());
    }
}
