package io.aquatint.events;

import java.net.URI;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One event of every type, with every field that it can have. */
final class Examples {
    private static final String A = "a".repeat(64);
    private static final String B = "b".repeat(64);
    private static final String C = "c".repeat(64);
    private static final ManifestImage IMAGE =
            new ManifestImage(A, "images/aa/" + A + ".png", "a photo of sks café, zoë's 🐱", 1);
    private static final ManifestImage HELD_OUT =
            new ManifestImage(B, "images/bb/" + B + ".png", "a photo of sks cat", 2);
    private static final ManifestImage CLASS_IMAGE =
            new ManifestImage(C, "images/cc/" + C + ".png", "a photo of a cat", 1);
    private static final Artifact ARTIFACT = new Artifact(
            ArtifactFormat.DIFFUSERS,
            "models/cats/3/pytorch_lora_weights.safetensors",
            A,
            3_226_184,
            "/v1/models/cats/3/files/pytorch_lora_weights.safetensors");

    /** The settings of the first version of the events, none with its default. */
    static final TrainingSpec SPEC_V1 = TrainingSpec.builder()
            .method(Method.LORA)
            .baseModel("stable-diffusion-v1-5")
            .triggerWord("sks")
            .classWord("cat")
            .resolution(64)
            .trainBatchSize(2)
            .steps(120)
            .learningRate(2e-4)
            .learningRateSchedule("cosine")
            .warmupSteps(10)
            .rank(4)
            .alpha(8.0)
            .targetModules(List.of("to_q", "to_v"))
            .seed(9_007_199_254_740_993L)
            .maxGradientNorm(0.5)
            .minSnrGamma(5.0)
            .checkpointEvery(40)
            .imagesPerBatch(12)
            .minimumImages(6)
            .quietSeconds(60)
            .samplePrompts(List.of("a photo of sks cat"))
            .negativePrompt("blurred")
            .sampleSteps(20)
            .guidanceScale(5.5)
            .sampleSeed(7)
            .stopEarly(false)
            .build();

    /** No setting has its default. */
    static final TrainingSpec SPEC = SPEC_V1.toBuilder()
            .method(Method.FULL)
            .instancePrompt("a photo of sks cat")
            .classPrompt("a photo of a cat")
            .numClassImages(100)
            .priorLossWeight(0.5)
            .classSampleSteps(25)
            .trainTextEncoder(true)
            .placeholderToken("<sks>")
            .initializerToken("cat")
            .numVectors(4)
            .learnableProperty("style")
            .precision("bf16")
            .gradientAccumulationSteps(2)
            .gradientCheckpointing(true)
            .optimizer("adamw8bit")
            .adamBeta1(0.85)
            .adamBeta2(0.99)
            .adamEpsilon(1e-6)
            .adamWeightDecay(0.1)
            .noiseOffset(0.05)
            .captionDropout(0.1)
            .randomFlip(true)
            .aspectRatioBuckets(true)
            .emaDecay(0.999)
            .scheduleCycles(3)
            .schedulePower(2.0)
            .checkpointsKept(3)
            .initFrom("cats/2")
            .build();

    /** An event and the topic in which it stands. */
    record Example<T>(Topic<T> topic, Event<T> event) {
        String type() {
            return event.type();
        }

        @Override
        public String toString() {
            return topic.name() + " " + type();
        }
    }

    private Examples() {}

    static Stream<Example<?>> all() {
        return all(
                SPEC,
                new PixelSize(640, 384),
                new Crop(0, 302, 2419, 4032, 2419),
                ImageRole.CLASS,
                List.of(CLASS_IMAGE));
    }

    /** The same with what there was in the first version. */
    static Stream<Example<?>> ofVersion1() {
        return all(SPEC_V1, new PixelSize(512, 512), new Crop(504, 0, 3024), null, List.of());
    }

    private static Stream<Example<?>> all(
            TrainingSpec spec,
            PixelSize prepared,
            Crop crop,
            @Nullable ImageRole role,
            List<ManifestImage> classImages) {
        return Stream.of(
                example(
                        Topics.IMAGE_UPLOADS,
                        new ImageUploaded(
                                "cats",
                                "IMG_0001.jpg",
                                "a photo of sks café, zoë's 🐱",
                                "image/jpeg",
                                new byte[] {(byte) 0xff, (byte) 0xd8, (byte) 0xff, 0, 1, 2, 3},
                                null,
                                "9923793242133ba7d7990d8f9d7934b0d0ef6057cf631d68750bfac7f9d6429b",
                                "upload-app",
                                role)),
                example(Topics.IMAGE_UPLOADS, new DatasetConfigured("cats", spec)),
                example(Topics.IMAGE_UPLOADS, new DatasetSealed("cats")),
                example(
                        Topics.IMAGE_VERDICTS,
                        new ImageAccepted(
                                "cats",
                                A,
                                "images/aa/" + A + ".png",
                                "a photo of sks cat",
                                "IMG_0001.jpg",
                                B,
                                "JPEG",
                                new PixelSize(4032, 3024),
                                prepared,
                                crop,
                                812.25,
                                "8f1c3e7098e1c3b2",
                                401_233,
                                role)),
                example(
                        Topics.IMAGE_VERDICTS,
                        new ImageRejected(
                                "cats",
                                "notes.pdf",
                                B,
                                RejectionReason.NOT_AN_IMAGE,
                                "The file is no picture: send JPEG, PNG, WebP, GIF or BMP.")),
                example(Topics.DATASET_EVENTS, new BatchCompleted("cats", 3, 22, 12, 2, BatchTrigger.SIZE)),
                example(
                        Topics.DATASET_EVENTS,
                        new BatchIncomplete("cats", 3, 4, 6, 2, "Data set cats was sealed with 4 of 6 pictures.")),
                example(
                        Topics.DATASET_EVENTS,
                        new DatasetRejected("cats", List.of("steps is 0, but must be 1 or more"))),
                example(
                        Topics.TRAINING_REQUESTS,
                        new TrainingRequested(
                                "cats/3", "cats", 3, spec, List.of(IMAGE), List.of(HELD_OUT), classImages)),
                example(
                        Topics.TRAINING_EVENTS,
                        new TrainingStarted(
                                "cats/3",
                                "cats",
                                3,
                                spec,
                                40,
                                120,
                                2,
                                "trainer-1",
                                "cpu",
                                20,
                                List.of(HELD_OUT),
                                List.of(IMAGE))),
                example(
                        Topics.TRAINING_EVENTS,
                        new TrainingProgress("cats/3", 60, 120, 0.1284, 1.5e-4, 4.25, 14.1, 0.93)),
                example(
                        Topics.TRAINING_EVENTS,
                        new CheckpointSaved(
                                "cats/3",
                                80,
                                2,
                                "trainings/cats/3/epochs/2/checkpoints/000080/adapter.safetensors",
                                A,
                                3_226_184,
                                "trainings/cats/3/epochs/2/checkpoints/000080/state.safetensors",
                                0.119)),
                example(
                        Topics.TRAINING_EVENTS,
                        new TrainingCompleted(
                                "cats/3",
                                120,
                                2,
                                "trainings/cats/3/epochs/2/checkpoints/000120/adapter.safetensors",
                                A,
                                28.6,
                                0.117)),
                example(
                        Topics.TRAINING_EVENTS,
                        new TrainingFailed(
                                "cats/3",
                                FailureReason.BASE_MODEL_MISSING,
                                "No base model 'demo2' is known; known are demo.",
                                1,
                                false)),
                example(
                        Topics.TRAINING_EVENTS,
                        new TrainingWarned(
                                "cats/3",
                                "too-few-images",
                                "4 pictures are few.",
                                "Send at least 10 pictures of the subject.")),
                example(Topics.TRAINING_EVENTS, new TrainingPreparing("cats/3", 2, 40, 200, 310.5)),
                example(
                        Topics.TRAINING_COMMANDS,
                        new StopTraining("cats/3", "VALIDATION_LOSS_RISING", "The held-out loss rises since step 40.")),
                example(
                        Topics.VALIDATION_EVENTS,
                        new SamplesGenerated(
                                "cats/3",
                                80,
                                List.of(new Sample(
                                        "a photo of sks cat",
                                        "blurred",
                                        7,
                                        "trainings/cats/3/validation/samples/000080/0.png",
                                        B)))),
                example(
                        Topics.VALIDATION_EVENTS,
                        new ValidationScored(
                                "cats/3", 80, 0.93, 0.81, Map.of(62, 0.31, 437, 0.08), Map.of(62, 0.27), 3.5)),
                example(
                        Topics.VALIDATION_EVENTS,
                        new OverfittingAlert(
                                "cats/3",
                                120,
                                AlertLevel.WARNING,
                                AlertRule.VALIDATION_LOSS_RISING,
                                0.97,
                                0.93,
                                "The held-out loss rises since step 40.",
                                "Use the checkpoint of step 40.",
                                40)),
                example(
                        Topics.MODEL_EVENTS,
                        new ModelReady(
                                "cats/3",
                                "cats",
                                3,
                                "cats/3",
                                "stable-diffusion-v1-5",
                                80,
                                List.of(ARTIFACT),
                                new ModelScores(80, 0.93, 0.81))),
                example(
                        Topics.MODEL_EVENTS,
                        new ModelRejected("cats", 3, "cats/3", "The adapter has 4 values that are no numbers.")),
                example(
                        Topics.MODEL_VERSIONS,
                        new ModelVersion(
                                "cats/3",
                                "cats",
                                3,
                                "cats/3",
                                "stable-diffusion-v1-5",
                                80,
                                spec,
                                List.of(IMAGE),
                                List.of(HELD_OUT),
                                List.of(new ModelScores(40, 0.96, 0.9), new ModelScores(80, 0.93, 0.81)),
                                List.of(new ModelCheckpoint(80, "models/cats/3/checkpoint", A, 0.119)),
                                List.of(ARTIFACT),
                                Instant.parse("2026-01-31T12:00:00Z"))));
    }

    private static <T> Example<T> example(Topic<T> topic, T data) {
        Event<T> event =
                Event.of("an-id", URI.create("/aquatint/example"), Instant.parse("2026-01-31T12:00:00.125Z"), "", data);
        return new Example<>(
                topic, Event.of(event.id(), event.source(), event.time(), topic.keyOf(event), event.data()));
    }
}
