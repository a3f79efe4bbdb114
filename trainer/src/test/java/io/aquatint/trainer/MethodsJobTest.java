package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.NetworkFiles;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.events.Artifact;
import io.aquatint.events.ArtifactFormat;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.Event;
import io.aquatint.events.FailureReason;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.ModelVersion;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.TrainingPreparing;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingStarted;
import io.aquatint.events.TrainingWarned;
import io.aquatint.runtime.store.Sha256;
import java.net.URI;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Every method but the plain LoRA, which the other tests train. */
class MethodsJobTest extends TrainingJobFixture {
    @Test
    void aTextEncoderLearnsBesideTheUNet() {
        run(request(with("LORA", Map.of("trainTextEncoder", true))));

        assertThat(LoraFormats.open(result()).adapters()).containsOnlyKeys(Component.UNET, Component.TEXT_ENCODER);
    }

    @Test
    void aNewWordIsLearnedAndContinuedElsewhere() {
        TrainingRequested request = request(with("TEXTUAL_INVERSION", Map.of("numVectors", 2, "steps", 4)));
        run(request);
        TextualInversion whole = TextualInversionFiles.read(result());
        startAnew();

        runInTwoParts(request);

        assertThat(only(TrainingCompleted.class).objectKey()).endsWith("/learned_embeds.safetensors");
        TextualInversion word = TextualInversionFiles.read(result());
        assertThat(word.token()).isEqualTo("<sks>");
        assertThat(word.vectors()).hasSize(2);
        assertClose(word, whole);
    }

    @Test
    void wholeNetworksAreLearnedAndContinuedElsewhere() {
        runInTwoParts(request(
                with("FULL", Map.of("trainTextEncoder", true, "checkpointEvery", 1, "optimizer", "adamw8bit"))));

        assertThat(of(TrainingStarted.class))
                .extracting(TrainingStarted::startStep)
                .containsExactly(0, 1);
        ModelSource base = ModelSource.open(new BaseModels(work).path(BaseModels.DEMO));
        var networks = NetworkFiles.read(result());
        assertThat(networks).containsOnlyKeys("unet", "text_encoder");
        NetworkFiles.verify(base, networks);
        assertThat(networks.get("unet").read("conv_in.weight"))
                .isNotEqualTo(base.weights("unet").read("conv_in.weight"));
    }

    @Test
    void classPicturesAreDrawnOnceForAllTrainings() {
        TrainingRequested request = request(with("DREAMBOOTH", classPictures(2)));
        onEvent = event -> leaveOff |= event instanceof TrainingPreparing preparing && preparing.classImages() == 1;
        assertThat(run(request)).isEqualTo(TrainingJob.End.HANDED_BACK);
        List<String> first = memory.list("class-pictures/");
        assertThat(first).hasSize(1);

        leaveOff = false;
        onEvent = event -> {};
        assertThat(run(request)).isEqualTo(TrainingJob.End.COMPLETED);
        assertThat(of(TrainingPreparing.class))
                .extracting(TrainingPreparing::classImages)
                .containsExactly(1, 2);
        assertThat(memory.list("class-pictures/")).hasSize(2).containsAll(first);

        startAnew();
        run(request(with("DREAMBOOTH_LORA", classPictures(1))));
        assertThat(of(TrainingPreparing.class)).isEmpty();
        assertThat(of(TrainingCompleted.class)).hasSize(1);
    }

    @Test
    void aPersonsOwnClassPicturesAreLearnedInsteadOfDrawnOnes() {
        TrainingRequested request = request(with("DREAMBOOTH_LORA", classPictures(2)));
        TrainingRequested own = new TrainingRequested(
                request.trainingId(),
                request.dataset(),
                request.batch(),
                request.spec(),
                request.images().subList(0, 2),
                request.heldOut(),
                request.images().subList(2, 3));
        assertThat(run(own)).isEqualTo(TrainingJob.End.COMPLETED);

        assertThat(memory.list("class-pictures/")).hasSize(1);
        assertThat(of(TrainingPreparing.class))
                .extracting(TrainingPreparing::classImages)
                .containsExactly(2);
    }

    @Test
    void classPicturesOfAShapeThatNoPictureHasAreToldOfAndDrawnInstead() {
        Map<String, Object> settings = new HashMap<>(classPictures(2));
        settings.put("aspectRatioBuckets", true);
        TrainingRequested request = request(with("DREAMBOOTH_LORA", settings));
        byte[] wide = new Picture(128, 64, new byte[3 * 128 * 64]).toPng();
        memory.put("images/wide.png", wide, "image/png");
        TrainingRequested own = new TrainingRequested(
                request.trainingId(),
                request.dataset(),
                request.batch(),
                request.spec(),
                request.images(),
                request.heldOut(),
                List.of(new ManifestImage(Sha256.of(wide), "images/wide.png", "a mug", 1)));
        assertThat(run(own)).isEqualTo(TrainingJob.End.COMPLETED);

        assertThat(of(TrainingWarned.class))
                .filteredOn(warned -> warned.rule().equals("class-pictures-left-out"))
                .extracting(TrainingWarned::detail)
                .containsExactly(
                        "1 of 1 class pictures are left out: no picture to train on has their shape, 128 x 64");
        assertThat(memory.list("class-pictures/")).as("drawn by the base model").hasSize(2);
    }

    @Test
    void aTrainingStartsFromAnEarlierVersion() {
        run(request(with("TEXTUAL_INVERSION", Map.of("learningRate", 0.5))));
        byte[] learned = memory.get(only(TrainingCompleted.class).objectKey());
        TextualInversion before = TextualInversionFiles.read(result());
        publish("mugs/1", only(TrainingCompleted.class).objectKey(), learned);
        startAnew();

        TrainingSpec next = with("TEXTUAL_INVERSION", Map.of("learningRate", 1e-9, "initFrom", "previous"));
        TrainingRequested second = request(next);
        second = new TrainingRequested("mugs/2", "mugs", 2, next, second.images(), second.heldOut());
        assertThat(run(second)).isEqualTo(TrainingJob.End.COMPLETED);

        assertClose(TextualInversionFiles.read(result()), before);
    }

    @Test
    void anEarlierVersionThatDoesNotFitIsNamed() {
        publish("cups/1", "models/cups/1/learned_embeds.safetensors", new byte[0]);
        assertThat(run(request(with("LORA", Map.of("initFrom", "cups/1"))))).isEqualTo(TrainingJob.End.FAILED);
        assertThat(run(request(with("LORA", Map.of("initFrom", "cups/7"))))).isEqualTo(TrainingJob.End.FAILED);

        assertThat(of(TrainingFailed.class)).extracting(TrainingFailed::reason).containsOnly(FailureReason.BAD_SPEC);
        assertThat(of(TrainingFailed.class))
                .extracting(TrainingFailed::detail)
                .containsExactly(
                        "initFrom is cups/1, which TEXTUAL_INVERSION made: LORA cannot start from it",
                        "initFrom is cups/7, but there is no such model version: wait for its model.ready, or name another");
    }

    private void runInTwoParts(TrainingRequested request) {
        onEvent = event -> leaveOff |= event instanceof CheckpointSaved;
        assertThat(run(request)).isEqualTo(TrainingJob.End.HANDED_BACK);
        leaveOff = false;
        onEvent = event -> {};
        assertThat(run(request)).isEqualTo(TrainingJob.End.COMPLETED);
    }

    /** Much closer than one step moves it. */
    private static void assertClose(TextualInversion one, TextualInversion other) {
        for (int row = 0; row < one.vectors().size(); row++) {
            assertThat(one.vectors().get(row)).containsExactly(other.vectors().get(row), offset(1e-5f));
        }
    }

    private static Map<String, Object> classPictures(int count) {
        return Map.of("numClassImages", count, "classSampleSteps", 1, "steps", 1);
    }

    private static TrainingSpec with(String method, Map<String, Object> settings) {
        Map<String, Object> all = new HashMap<>(
                Map.of("method", method, "steps", 2, "learningRate", 1e-4, "triggerWord", "sks", "classWord", "a"));
        all.putAll(settings);
        return spec(all);
    }

    private Path result() {
        Path file = work.resolve("learned_embeds.safetensors");
        memory.download(only(TrainingCompleted.class).objectKey(), file);
        return file;
    }

    /** As the registry would tell of it. */
    private void publish(String modelId, String key, byte[] file) {
        String[] parts = modelId.split("/");
        String published = "models/%s/learned_embeds.safetensors".formatted(modelId);
        memory.put(published, file, "application/octet-stream");
        versions.on(Event.of(
                "id",
                URI.create("/test"),
                NOON,
                modelId,
                new ModelVersion(
                        modelId,
                        parts[0],
                        Integer.parseInt(parts[1]),
                        modelId,
                        "demo",
                        2,
                        with("TEXTUAL_INVERSION", Map.of()),
                        List.of(),
                        List.of(),
                        List.of(),
                        List.of(),
                        List.of(new Artifact(
                                ArtifactFormat.DIFFUSERS, published, Sha256.of(file), file.length, "/" + key)),
                        NOON)));
    }
}
