package io.aquatint.validator;

import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.adapter.LoraLayout;
import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.EventJson;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingStarted;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** Plants pictures and checkpoints of a training on the demo model, at 64 pixels with one sampling step. */
final class DemoTraining {
    private static final LoraConfig LORA = new LoraConfig(2, 2, LoraConfig.ATTENTION);

    private final ObjectStore store;
    private final Path work;
    private final String id;
    private final Path base;
    private final TensorSource unet;

    /** @param work as the validation's: the demo model is made there once */
    DemoTraining(ObjectStore store, Path work, String id) {
        this.store = store;
        this.work = work;
        this.id = id;
        this.base = new BaseModels(work).path(BaseModels.DEMO);
        this.unet = DiffusersFolder.open(base).weights("unet");
    }

    static TrainingSpec spec(String more) {
        String json = """
                {"resolution": 64, "steps": 300, "rank": 2, "checkpointEvery": 100, "sampleSteps": 1,
                 "triggerWord": "sks", "classWord": "cup", "negativePrompt": "blurry" %s}""".formatted(more);
        return EventJson.read(json.getBytes(StandardCharsets.UTF_8), TrainingSpec.class);
    }

    TrainingStarted started(List<ManifestImage> heldOut, List<ManifestImage> trainSubset, TrainingSpec spec) {
        String[] parts = id.split("/");
        int batch = Integer.parseInt(parts[1]);
        return new TrainingStarted(id, parts[0], batch, spec, 0, spec.steps(), 1, "w", "cpu", 4, heldOut, trainSubset);
    }

    /** A picture of plain stripes and a little noise, in the store. */
    ManifestImage picture(int seed) {
        Random random = new Random(seed);
        byte[] rgb = new byte[3 * 64 * 64];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) ((i / 3 % 64 / 8 + seed) % 2 * 200 + random.nextInt(40));
        }
        return picture(new Picture(64, 64, rgb).toPng());
    }

    ManifestImage picture(byte[] png) {
        String sha256 = Sha256.of(png);
        String key = "images/%s/%s.png".formatted(sha256.substring(0, 2), sha256);
        store.put(key, png, "image/png");
        return new ManifestImage(sha256, key, "a sks cup", 1);
    }

    /** A checkpoint that changes the model a little. */
    CheckpointSaved checkpoint(int step) throws IOException {
        return checkpoint(step, step, 0.3);
    }

    /** A checkpoint with which the held-out picture's loss is one or two percent above the base model's, and not the subset's. */
    CheckpointSaved worse(int step) throws IOException {
        return checkpoint(step, 24, 0.15);
    }

    /** A checkpoint with which no loss is a number. */
    CheckpointSaved diverged(int step) throws IOException {
        return checkpoint(step, step, 1e30);
    }

    /** A checkpoint in the store whose adapter's numbers are normal, times {@code size}. */
    CheckpointSaved checkpoint(int step, int seed, double size) throws IOException {
        return checkpoint(step, "adapter", adapter(seed, size));
    }

    /** A checkpoint of textual inversion. */
    CheckpointSaved word(int step, String token) throws IOException {
        int width = ModelSource.open(base).config("text_encoder").integer("hidden_size");
        var word = new TextualInversion(token, List.of(normal(new Random(step), width, 1)), null);
        Path file = Files.createTempFile(work, "planted", ".safetensors");
        TextualInversionFiles.writeDiffusers(file, word, Map.of());
        return checkpoint(step, "learned_embeds", Files.readAllBytes(file));
    }

    /** A checkpoint of the whole UNet, which differs from the base's in one layer. */
    CheckpointSaved networks(int step) throws IOException {
        Map<String, TensorData> tensors = new TreeMap<>();
        unet.names().forEach(name -> tensors.put("unet." + name, unet.read(name)));
        TensorData bias = unet.read("conv_out.bias");
        tensors.put(
                "unet.conv_out.bias",
                TensorData.of(
                        normal(new Random(step), bias.size(), 0.1), bias.info().dimensions()));
        return checkpoint(step, "networks", SafetensorsWriter.toBytes(tensors, Map.of()));
    }

    private CheckpointSaved checkpoint(int step, String name, byte[] file) {
        String key = "trainings/%s/epochs/1/checkpoints/%06d/%s.safetensors".formatted(id, step, name);
        store.put(key, file, "application/octet-stream");
        return new CheckpointSaved(id, step, 1, key, Sha256.of(file), file.length, "state", 0.1);
    }

    private byte[] adapter(int seed, double size) throws IOException {
        Random random = new Random(seed);
        Map<String, LoraPair> pairs = new TreeMap<>();
        LoraLayout.of(unet, LORA)
                .sites()
                .forEach(site -> pairs.put(
                        site.module(),
                        LoraPair.linear(
                                LORA.rank(),
                                site.in(),
                                site.out(),
                                normal(random, LORA.rank() * site.in(), 0.1),
                                normal(random, LORA.rank() * site.out(), size),
                                LORA.alpha())));
        Path file = Files.createTempFile(work, "planted", ".safetensors");
        LoraFormats.writeDiffusers(file, LoraWeights.of(LoraWeights.Component.UNET, pairs), Map.of());
        byte[] bytes = Files.readAllBytes(file);
        Files.delete(file);
        return bytes;
    }

    private static float[] normal(Random random, int count, double size) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * size);
        }
        return values;
    }
}
