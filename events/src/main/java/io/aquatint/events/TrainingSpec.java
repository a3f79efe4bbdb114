package io.aquatint.events;

import com.fasterxml.jackson.databind.annotation.JsonDeserialize;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a data set is trained. Every setting that is absent has the default that fine-tuners expect; the defaults stand in
 * {@link TrainingSpecBuilder}.
 *
 * @param baseModel a base model: {@code demo}, a path that all trainers have, or {@code store:} and a key of the object store
 * @param triggerWord the rare word that comes to mean the subject
 * @param classWord what kind of thing the subject is
 * @param resolution the side of the square pictures, in pixels, a multiple of 8
 * @param trainBatchSize pictures a step
 * @param learningRateSchedule one of {@link #LEARNING_RATE_SCHEDULES}
 * @param warmupSteps so many steps the learning rate rises from 0; the schedule {@code constant} has none
 * @param rank the width of the LoRA
 * @param alpha the strength of the LoRA, whose output is scaled by alpha / rank; absent: as the rank
 * @param targetModules the names of the layers that get a LoRA
 * @param maxGradientNorm a longer gradient is shortened to this
 * @param minSnrGamma min-SNR loss weighting (Hang et al. 2023), off when absent
 * @param checkpointEvery a checkpoint is kept after each so many steps
 * @param imagesPerBatch so many new pictures complete a batch
 * @param minimumImages fewer are not trained on
 * @param quietSeconds a batch with the minimum is complete after so many seconds without a new picture
 * @param samplePrompts what the samples show; when empty, prompts are made of the trigger word or the captions
 * @param sampleSteps the sampler's steps
 * @param guidanceScale how strongly a sample follows its prompt; 1 is not at all more than it would
 * @param sampleSeed the seed of the samples, the same at every checkpoint
 * @param stopEarly whether the validator may stop a training that overfits
 */
@JsonDeserialize(builder = TrainingSpecBuilder.class)
public record TrainingSpec(
        Method method,
        String baseModel,
        @Nullable String triggerWord,
        @Nullable String classWord,
        int resolution,
        int trainBatchSize,
        int steps,
        double learningRate,
        String learningRateSchedule,
        int warmupSteps,
        int rank,
        double alpha,
        List<String> targetModules,
        long seed,
        double maxGradientNorm,
        @Nullable Double minSnrGamma,
        int checkpointEvery,
        int imagesPerBatch,
        int minimumImages,
        int quietSeconds,
        List<String> samplePrompts,
        @Nullable String negativePrompt,
        int sampleSteps,
        double guidanceScale,
        long sampleSeed,
        boolean stopEarly) {

    /** The names of the learning rate's schedules, as in diffusers. */
    public static final List<String> LEARNING_RATE_SCHEDULES =
            List.of("constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial");

    private static final TrainingSpec DEFAULTS = new TrainingSpecBuilder().build();

    public TrainingSpec {
        targetModules = List.copyOf(targetModules);
        samplePrompts = List.copyOf(samplePrompts);
    }

    public static TrainingSpec defaults() {
        return DEFAULTS;
    }

    /** A builder in which every setting has its default: {@code TrainingSpec.builder().resolution(64).steps(120).build()}. */
    public static TrainingSpecBuilder builder() {
        return new TrainingSpecBuilder();
    }

    /** A builder in which every setting is as here; so alpha stays as it is when the rank is changed. */
    public TrainingSpecBuilder toBuilder() {
        return EventJson.mapper().convertValue(this, TrainingSpecBuilder.class);
    }

    /**
     * What a spec in JSON names that is no setting, as sentences that say what may have been meant. Events are read without
     * regard to such fields; a person who made a slip should hear of it.
     *
     * @throws EventFormatException if it is no JSON object
     */
    public static List<String> unknownFields(byte[] json) {
        List<String> known = Arrays.stream(TrainingSpec.class.getRecordComponents())
                .map(RecordComponent::getName)
                .toList();
        List<String> unknown = new ArrayList<>();
        EventJson.read(json, ObjectNode.class).fieldNames().forEachRemaining(name -> {
            if (!known.contains(name)) {
                unknown.add("'%s' is no setting of a training; %s".formatted(name, NearestName.advice(name, known)));
            }
        });
        return unknown;
    }

    /** Everything that is wrong with this spec, as sentences; empty when it can be trained. */
    public List<String> problems() {
        var problems = new Problems();
        problems.check(method == Method.LORA, "method", method, "LORA: no other method can be trained yet");
        problems.check(!baseModel.isBlank(), "baseModel", "blank", "the name or path of a base model");
        problems.check(triggerWord == null || !triggerWord.isBlank(), "triggerWord", "blank", "a word, or absent");
        problems.check(classWord == null || !classWord.isBlank(), "classWord", "blank", "a word, or absent");
        problems.check(
                resolution >= 64 && resolution % 8 == 0, "resolution", resolution, "a multiple of 8, 64 or more");
        problems.check(trainBatchSize >= 1, "trainBatchSize", trainBatchSize, "1 or more");
        problems.check(steps >= 1, "steps", steps, "1 or more");
        problems.check(learningRate > 0 && learningRate < 1, "learningRate", learningRate, "above 0 and below 1");
        problems.check(
                LEARNING_RATE_SCHEDULES.contains(learningRateSchedule),
                "learningRateSchedule",
                "'" + learningRateSchedule + "'",
                "one of " + String.join(", ", LEARNING_RATE_SCHEDULES));
        problems.check(
                warmupSteps >= 0 && warmupSteps <= steps,
                "warmupSteps",
                warmupSteps,
                "0 to the number of steps (" + steps + ")");
        problems.check(rank >= 1, "rank", rank, "1 or more");
        problems.check(isAboveZero(alpha), "alpha", alpha, "above 0");
        problems.check(
                !targetModules.isEmpty() && targetModules.stream().noneMatch(String::isBlank),
                "targetModules",
                targetModules,
                "at least one name, and none of them blank");
        problems.check(isAboveZero(maxGradientNorm), "maxGradientNorm", maxGradientNorm, "above 0");
        problems.check(
                minSnrGamma == null || isAboveZero(minSnrGamma), "minSnrGamma", minSnrGamma, "above 0, or absent");
        problems.check(checkpointEvery >= 1, "checkpointEvery", checkpointEvery, "1 or more");
        problems.check(minimumImages >= 1, "minimumImages", minimumImages, "1 or more");
        problems.check(
                imagesPerBatch >= minimumImages,
                "imagesPerBatch",
                imagesPerBatch,
                "at least minimumImages (" + minimumImages + ")");
        problems.check(quietSeconds >= 1, "quietSeconds", quietSeconds, "1 or more");
        problems.check(sampleSteps >= 1 && sampleSteps <= 1000, "sampleSteps", sampleSteps, "1 to 1000");
        problems.check(
                guidanceScale >= 1 && Double.isFinite(guidanceScale), "guidanceScale", guidanceScale, "1 or more");
        return problems.sentences;
    }

    private static boolean isAboveZero(double value) {
        return value > 0 && Double.isFinite(value);
    }

    private static final class Problems {
        private final List<String> sentences = new ArrayList<>();

        void check(boolean right, String name, @Nullable Object value, String expected) {
            if (!right) {
                sentences.add("%s is %s, but must be %s".formatted(name, value, expected));
            }
        }
    }
}
