package io.aquatint.events;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Makes a {@link TrainingSpec}; each setting that is not given has the default that stands here. */
@JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
public final class TrainingSpecBuilder {
    private Method method = Method.LORA;
    private String baseModel = "demo";
    private @Nullable String triggerWord;
    private @Nullable String classWord;
    private int resolution = 512;
    private int trainBatchSize = 1;
    private int steps = 1000;
    private double learningRate = 1e-4;
    private String learningRateSchedule = "constant";
    private int warmupSteps = 0;
    private int rank = 16;
    private @Nullable Double alpha;
    private List<String> targetModules = List.of("to_q", "to_k", "to_v", "to_out.0");
    private long seed = 0;
    private double maxGradientNorm = 1.0;
    private @Nullable Double minSnrGamma;
    private int checkpointEvery = 100;
    private int imagesPerBatch = 10;
    private int minimumImages = 5;
    private int quietSeconds = 300;
    private List<String> samplePrompts = List.of();
    private @Nullable String negativePrompt;
    private int sampleSteps = 30;
    private double guidanceScale = 7.5;
    private long sampleSeed = 42;
    private boolean stopEarly = true;

    TrainingSpecBuilder() {}

    public TrainingSpecBuilder method(Method method) {
        this.method = method;
        return this;
    }

    public TrainingSpecBuilder baseModel(String baseModel) {
        this.baseModel = baseModel;
        return this;
    }

    public TrainingSpecBuilder triggerWord(@Nullable String triggerWord) {
        this.triggerWord = triggerWord;
        return this;
    }

    public TrainingSpecBuilder classWord(@Nullable String classWord) {
        this.classWord = classWord;
        return this;
    }

    public TrainingSpecBuilder resolution(int resolution) {
        this.resolution = resolution;
        return this;
    }

    public TrainingSpecBuilder trainBatchSize(int trainBatchSize) {
        this.trainBatchSize = trainBatchSize;
        return this;
    }

    public TrainingSpecBuilder steps(int steps) {
        this.steps = steps;
        return this;
    }

    public TrainingSpecBuilder learningRate(double learningRate) {
        this.learningRate = learningRate;
        return this;
    }

    public TrainingSpecBuilder learningRateSchedule(String learningRateSchedule) {
        this.learningRateSchedule = learningRateSchedule;
        return this;
    }

    public TrainingSpecBuilder warmupSteps(int warmupSteps) {
        this.warmupSteps = warmupSteps;
        return this;
    }

    public TrainingSpecBuilder rank(int rank) {
        this.rank = rank;
        return this;
    }

    /** The strength of the LoRA; as the rank when it is not given. */
    public TrainingSpecBuilder alpha(@Nullable Double alpha) {
        this.alpha = alpha;
        return this;
    }

    public TrainingSpecBuilder targetModules(List<String> targetModules) {
        this.targetModules = targetModules;
        return this;
    }

    public TrainingSpecBuilder seed(long seed) {
        this.seed = seed;
        return this;
    }

    public TrainingSpecBuilder maxGradientNorm(double maxGradientNorm) {
        this.maxGradientNorm = maxGradientNorm;
        return this;
    }

    public TrainingSpecBuilder minSnrGamma(@Nullable Double minSnrGamma) {
        this.minSnrGamma = minSnrGamma;
        return this;
    }

    public TrainingSpecBuilder checkpointEvery(int checkpointEvery) {
        this.checkpointEvery = checkpointEvery;
        return this;
    }

    public TrainingSpecBuilder imagesPerBatch(int imagesPerBatch) {
        this.imagesPerBatch = imagesPerBatch;
        return this;
    }

    public TrainingSpecBuilder minimumImages(int minimumImages) {
        this.minimumImages = minimumImages;
        return this;
    }

    public TrainingSpecBuilder quietSeconds(int quietSeconds) {
        this.quietSeconds = quietSeconds;
        return this;
    }

    public TrainingSpecBuilder samplePrompts(List<String> samplePrompts) {
        this.samplePrompts = samplePrompts;
        return this;
    }

    public TrainingSpecBuilder negativePrompt(@Nullable String negativePrompt) {
        this.negativePrompt = negativePrompt;
        return this;
    }

    public TrainingSpecBuilder sampleSteps(int sampleSteps) {
        this.sampleSteps = sampleSteps;
        return this;
    }

    public TrainingSpecBuilder guidanceScale(double guidanceScale) {
        this.guidanceScale = guidanceScale;
        return this;
    }

    public TrainingSpecBuilder sampleSeed(long sampleSeed) {
        this.sampleSeed = sampleSeed;
        return this;
    }

    public TrainingSpecBuilder stopEarly(boolean stopEarly) {
        this.stopEarly = stopEarly;
        return this;
    }

    public TrainingSpec build() {
        return new TrainingSpec(
                method,
                baseModel,
                triggerWord,
                classWord,
                resolution,
                trainBatchSize,
                steps,
                learningRate,
                learningRateSchedule,
                warmupSteps,
                rank,
                alpha == null ? rank : alpha,
                targetModules,
                seed,
                maxGradientNorm,
                minSnrGamma,
                checkpointEvery,
                imagesPerBatch,
                minimumImages,
                quietSeconds,
                samplePrompts,
                negativePrompt,
                sampleSteps,
                guidanceScale,
                sampleSeed,
                stopEarly);
    }
}
