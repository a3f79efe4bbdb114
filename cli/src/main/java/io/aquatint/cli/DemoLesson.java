package io.aquatint.cli;

import io.aquatint.events.ImageUploaded;
import io.aquatint.events.Method;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingSpecBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * What the demo teaches: pictures of a mascot and how they are trained on.
 *
 * @param overfit three pictures, ten times the learning rate, five times the steps: too much of everything
 */
record DemoLesson(Method method, boolean overfit) {
    static final String DATASET = "demo";

    private static final int FEW = 3;
    private static final int RATE_FACTOR = 10;
    private static final int STEPS_FACTOR = 5;

    /** As an upload app sends them: one twice and two damaged, except where there are only three. */
    List<ImageUploaded> uploads() throws IOException {
        List<Mascot.Pose> poses = Mascot.poses();
        if (overfit) {
            poses = poses.subList(0, FEW);
        }
        List<ImageUploaded> uploads = new ArrayList<>();
        for (Mascot.Pose pose : poses) {
            uploads.add(upload("tinto-%02d.png".formatted(uploads.size() + 1), pose.caption(), Mascot.png(pose)));
        }
        if (!overfit) {
            byte[] first = Mascot.png(poses.get(0));
            String caption = poses.get(0).caption();
            uploads.add(4, upload("tinto-half.png", caption, Arrays.copyOf(first, first.length / 2)));
            uploads.add(8, upload("tinto-again.png", caption, first));
            uploads.add(upload("poster.png", caption, poster()));
        }
        return uploads;
    }

    private static ImageUploaded upload(String name, String caption, byte[] bytes) {
        return new ImageUploaded(DATASET, name, caption, null, bytes, null, null, "aquatint demo");
    }

    private static byte[] poster() throws IOException {
        try (InputStream in =
                Objects.requireNonNull(DemoLesson.class.getResourceAsStream("demo/poster.png"), "poster.png")) {
            return in.readAllBytes();
        }
    }

    TrainingSpec spec() {
        TrainingSpecBuilder spec = TrainingSpec.builder()
                .method(method)
                .baseModel("demo")
                .triggerWord(Mascot.NAME)
                .classWord("alien")
                .resolution(64)
                .trainBatchSize(2)
                .rank(16)
                .imagesPerBatch(20)
                .minimumImages(overfit ? FEW : 5)
                .samplePrompts(prompts())
                .sampleSteps(20)
                .guidanceScale(3.0);
        int steps =
                switch (method) {
                    case LORA, DREAMBOOTH_LORA -> 300;
                    case DREAMBOOTH, FULL -> 240;
                    case TEXTUAL_INVERSION -> 600;
                };
        double rate =
                switch (method) {
                    case LORA, DREAMBOOTH_LORA -> 8e-4;
                    case DREAMBOOTH, FULL -> 1e-4;
                    case TEXTUAL_INVERSION -> 1e-2;
                };
        if (method == Method.DREAMBOOTH || method == Method.DREAMBOOTH_LORA) {
            spec.numClassImages(12).classSampleSteps(15).trainBatchSize(1);
        }
        if (method == Method.TEXTUAL_INVERSION) {
            spec.learnableProperty("captions").numVectors(4).learningRateSchedule("cosine");
        }
        if (method == Method.DREAMBOOTH || method == Method.FULL) {
            spec.emaDecay(0.0);
        }
        return spec.steps(overfit ? STEPS_FACTOR * steps : steps)
                .learningRate(overfit ? RATE_FACTOR * rate : rate)
                .checkpointEvery(steps / 3)
                .build();
    }

    /** Of the subject first, then some that have nothing to do with it. */
    private List<String> prompts() {
        String subject = method == Method.TEXTUAL_INVERSION ? "<" + Mascot.NAME + ">" : Mascot.NAME;
        return List.of(
                subject + " on a white background",
                subject + " on a yellow background",
                subject + " on a turquoise background",
                "a cat on a white background",
                "two red apples on a blue background",
                "a rocket on a black background",
                "a penguin and a pizza",
                "a yellow star on a green background");
    }
}
