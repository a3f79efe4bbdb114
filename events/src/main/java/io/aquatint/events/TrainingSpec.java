package io.aquatint.events;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a data set is trained. Every setting that is absent has the default that fine-tuners expect.
 *
 * @param baseModel the name or path of a base model that the trainers know
 * @param triggerWord the rare word that comes to mean the subject
 * @param classWord what kind of thing the subject is
 * @param resolution the side of the square pictures, in pixels, a multiple of 8
 * @param imagesPerBatch so many new pictures complete a batch
 * @param minimumImages fewer are not trained on
 * @param quietSeconds a batch with the minimum is complete after so many seconds without a new picture
 * @param minSnrGamma min-SNR loss weighting (Hang et al. 2023), off when absent
 */
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

    private static final TrainingSpec DEFAULTS = new TrainingSpec(
            Method.LORA,
            "demo",
            null,
            null,
            512,
            1,
            1000,
            1e-4,
            "constant",
            0,
            16,
            16,
            List.of("to_q", "to_k", "to_v", "to_out.0"),
            0,
            1.0,
            null,
            100,
            10,
            5,
            300,
            List.of(),
            null,
            30,
            7.5,
            42,
            true);

    public TrainingSpec {
        targetModules = List.copyOf(targetModules);
        samplePrompts = List.copyOf(samplePrompts);
    }

    public static TrainingSpec defaults() {
        return DEFAULTS;
    }

    /** Reads a spec in which every absent setting takes its default. */
    @JsonCreator
    static TrainingSpec fromJson(
            @JsonProperty("method") @Nullable Method method,
            @JsonProperty("baseModel") @Nullable String baseModel,
            @JsonProperty("triggerWord") @Nullable String triggerWord,
            @JsonProperty("classWord") @Nullable String classWord,
            @JsonProperty("resolution") @Nullable Integer resolution,
            @JsonProperty("trainBatchSize") @Nullable Integer trainBatchSize,
            @JsonProperty("steps") @Nullable Integer steps,
            @JsonProperty("learningRate") @Nullable Double learningRate,
            @JsonProperty("learningRateSchedule") @Nullable String learningRateSchedule,
            @JsonProperty("warmupSteps") @Nullable Integer warmupSteps,
            @JsonProperty("rank") @Nullable Integer rank,
            @JsonProperty("alpha") @Nullable Double alpha,
            @JsonProperty("targetModules") @Nullable List<String> targetModules,
            @JsonProperty("seed") @Nullable Long seed,
            @JsonProperty("maxGradientNorm") @Nullable Double maxGradientNorm,
            @JsonProperty("minSnrGamma") @Nullable Double minSnrGamma,
            @JsonProperty("checkpointEvery") @Nullable Integer checkpointEvery,
            @JsonProperty("imagesPerBatch") @Nullable Integer imagesPerBatch,
            @JsonProperty("minimumImages") @Nullable Integer minimumImages,
            @JsonProperty("quietSeconds") @Nullable Integer quietSeconds,
            @JsonProperty("samplePrompts") @Nullable List<String> samplePrompts,
            @JsonProperty("negativePrompt") @Nullable String negativePrompt,
            @JsonProperty("sampleSteps") @Nullable Integer sampleSteps,
            @JsonProperty("guidanceScale") @Nullable Double guidanceScale,
            @JsonProperty("sampleSeed") @Nullable Long sampleSeed,
            @JsonProperty("stopEarly") @Nullable Boolean stopEarly) {
        TrainingSpec d = DEFAULTS;
        int givenRank = or(rank, d.rank);
        return new TrainingSpec(
                or(method, d.method),
                or(baseModel, d.baseModel),
                triggerWord,
                classWord,
                or(resolution, d.resolution),
                or(trainBatchSize, d.trainBatchSize),
                or(steps, d.steps),
                or(learningRate, d.learningRate),
                or(learningRateSchedule, d.learningRateSchedule),
                or(warmupSteps, d.warmupSteps),
                givenRank,
                or(alpha, (double) givenRank),
                or(targetModules, d.targetModules),
                or(seed, d.seed),
                or(maxGradientNorm, d.maxGradientNorm),
                minSnrGamma,
                or(checkpointEvery, d.checkpointEvery),
                or(imagesPerBatch, d.imagesPerBatch),
                or(minimumImages, d.minimumImages),
                or(quietSeconds, d.quietSeconds),
                or(samplePrompts, d.samplePrompts),
                negativePrompt,
                or(sampleSteps, d.sampleSteps),
                or(guidanceScale, d.guidanceScale),
                or(sampleSeed, d.sampleSeed),
                or(stopEarly, d.stopEarly));
    }

    /** Everything that is wrong with this spec, as sentences; empty when it can be trained. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        check(
                problems,
                resolution >= 64 && resolution % 8 == 0,
                "resolution",
                resolution,
                "a multiple of 8, 64 or more");
        check(problems, trainBatchSize >= 1, "trainBatchSize", trainBatchSize, "1 or more");
        check(problems, steps >= 1, "steps", steps, "1 or more");
        check(problems, learningRate > 0 && learningRate < 1, "learningRate", learningRate, "above 0 and below 1");
        check(problems, warmupSteps >= 0, "warmupSteps", warmupSteps, "0 or more");
        check(problems, rank >= 1, "rank", rank, "1 or more");
        check(problems, alpha > 0, "alpha", alpha, "above 0");
        check(problems, !targetModules.isEmpty(), "targetModules", targetModules, "at least one name");
        check(problems, maxGradientNorm > 0, "maxGradientNorm", maxGradientNorm, "above 0");
        check(problems, checkpointEvery >= 1, "checkpointEvery", checkpointEvery, "1 or more");
        check(problems, minimumImages >= 1, "minimumImages", minimumImages, "1 or more");
        check(
                problems,
                imagesPerBatch >= minimumImages,
                "imagesPerBatch",
                imagesPerBatch,
                "at least minimumImages (" + minimumImages + ")");
        check(problems, quietSeconds >= 1, "quietSeconds", quietSeconds, "1 or more");
        check(problems, sampleSteps >= 1 && sampleSteps <= 1000, "sampleSteps", sampleSteps, "1 to 1000");
        check(problems, guidanceScale >= 1, "guidanceScale", guidanceScale, "1 or more");
        return problems;
    }

    private static void check(List<String> problems, boolean right, String name, Object value, String expected) {
        if (!right) {
            problems.add("%s is %s, but must be %s".formatted(name, value, expected));
        }
    }

    private static <T> T or(@Nullable T given, T otherwise) {
        return given == null ? otherwise : given;
    }
}
