package io.aquatint.standalone;

import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.adapter.LoraLayout;
import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingStarted;
import io.aquatint.events.ValidationScored;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** What ingest, batcher and trainer leave behind, without them: pictures and checkpoints in the store, and their events. */
final class PlantedTraining {
    private static final URI SOURCE = URI.create("/test");
    private static final TrainingSpec SPEC = EventJson.read("""
            {"resolution": 64, "steps": 200, "rank": 2, "checkpointEvery": 100, "sampleSteps": 1, "triggerWord": "sks"}""".getBytes(StandardCharsets.UTF_8), TrainingSpec.class);

    private final Infrastructure infrastructure;
    private final Path work;
    private final String dataset;
    private final String id;

    /** @param work of the service under test: the demo model is made there */
    PlantedTraining(Infrastructure infrastructure, Path work, String dataset) {
        this.infrastructure = infrastructure;
        this.work = work;
        this.dataset = dataset;
        this.id = dataset + "/1";
    }

    void publishRequested() {
        var request = new TrainingRequested(id, dataset, 1, SPEC, List.of(picture(2)), List.of(picture(1)));
        infrastructure.kafka().publisher().publishNow(Topics.TRAINING_REQUESTS, event("requested", request));
    }

    void publishStarted() {
        publish(new TrainingStarted(
                id, dataset, 1, SPEC, 0, 200, 1, "test", "cpu", 1, List.of(picture(1)), List.of(picture(2))));
    }

    /** Puts a checkpoint into the store; its adapter's numbers are normal, times {@code size}. */
    CheckpointSaved checkpoint(int step, double size) throws IOException {
        byte[] adapter = adapter(step, size);
        String key = "trainings/%s/epochs/1/checkpoints/%06d/adapter.safetensors".formatted(id, step);
        infrastructure.store().put(key, adapter, "application/octet-stream");
        return new CheckpointSaved(id, step, 1, key, Sha256.of(adapter), adapter.length, key + "-state", 0.1);
    }

    void publish(TrainingEvent data) {
        infrastructure.kafka().publisher().publishNow(Topics.TRAINING_EVENTS, event("training", data));
    }

    void publishCompleted(CheckpointSaved last) {
        publish(new TrainingCompleted(id, last.step(), last.epoch(), last.objectKey(), last.sha256(), 10, last.loss()));
    }

    void publishScored(int step) {
        var scored = new ValidationScored(id, step, 0.9, 0.8, Map.of(62, 0.9), Map.of(62, 0.8), 1);
        infrastructure.kafka().publisher().publishNow(Topics.VALIDATION_EVENTS, event("scored", scored));
    }

    private <T> Event<T> event(String what, T data) {
        return Event.of("test." + what + ":" + id, SOURCE, Instant.now(), id, data);
    }

    private ManifestImage picture(int seed) {
        byte[] rgb = new byte[3 * 64 * 64];
        new Random(seed).nextBytes(rgb);
        byte[] png = new Picture(64, 64, rgb).toPng();
        String sha256 = Sha256.of(png);
        String key = "images/%s/%s.png".formatted(sha256.substring(0, 2), sha256);
        infrastructure.store().put(key, png, "image/png");
        return new ManifestImage(sha256, key, "a sks cup", 1);
    }

    private byte[] adapter(int seed, double size) throws IOException {
        TensorSource unet = DiffusersFolder.open(new BaseModels(work).path(SPEC.baseModel()))
                .weights("unet");
        LoraConfig config = new LoraConfig(SPEC.rank(), SPEC.alpha(), SPEC.targetModules());
        Random random = new Random(seed);
        Map<String, LoraPair> pairs = new TreeMap<>();
        LoraLayout.of(unet, config).sites().forEach(site -> {
            float[] down = normal(random, SPEC.rank() * site.in(), size);
            float[] up = normal(random, SPEC.rank() * site.out(), size);
            pairs.put(site.module(), LoraPair.linear(SPEC.rank(), site.in(), site.out(), down, up, SPEC.alpha()));
        });
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
