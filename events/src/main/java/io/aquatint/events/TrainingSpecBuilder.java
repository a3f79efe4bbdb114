package io.aquatint.events;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Makes a {@link TrainingSpec}; each setting that is not given has the default that stands here. */
@JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
public final class TrainingSpecBuilder {
    private static final double EMA_DECAY = 0.9999;

    private Method method = Method.LORA;
    private String baseModel = "demo";
    private @Nullable String triggerWord;
    private @Nullable String classWord;
    private int resolution = 512;
    private int trainBatchSize = 1;
    private @Nullable Integer steps;
    private @Nullable Double learningRate;
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
    private @Nullable String instancePrompt;
    private @Nullable String classPrompt;
    private int numClassImages = 200;
    private double priorLossWeight = 1.0;
    private int classSampleSteps = 30;
    private boolean trainTextEncoder = false;
    private @Nullable String placeholderToken;
    private @Nullable String initializerToken;
    private int numVectors = 1;
    private String learnableProperty = "object";
    private String precision = "fp32";
    private int gradientAccumulationSteps = 1;
    private boolean gradientCheckpointing = false;
    private String optimizer = "adamw";
    private double adamBeta1 = 0.9;
    private double adamBeta2 = 0.999;
    private double adamEpsilon = 1e-8;
    private double adamWeightDecay = 1e-2;
    private double noiseOffset = 0;
    private double captionDropout = 0;
    private boolean randomFlip = false;
    private boolean aspectRatioBuckets = false;
    private @Nullable Double emaDecay;
    private int scheduleCycles = 1;
    private double schedulePower = 1.0;
    private @Nullable Integer checkpointsKept;
    private @Nullable String initFrom;

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

    public TrainingSpecBuilder steps(@Nullable Integer steps) {
        this.steps = steps;
        return this;
    }

    public TrainingSpecBuilder learningRate(@Nullable Double learningRate) {
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

    public TrainingSpecBuilder instancePrompt(@Nullable String instancePrompt) {
        this.instancePrompt = instancePrompt;
        return this;
    }

    public TrainingSpecBuilder classPrompt(@Nullable String classPrompt) {
        this.classPrompt = classPrompt;
        return this;
    }

    public TrainingSpecBuilder numClassImages(int numClassImages) {
        this.numClassImages = numClassImages;
        return this;
    }

    public TrainingSpecBuilder priorLossWeight(double priorLossWeight) {
        this.priorLossWeight = priorLossWeight;
        return this;
    }

    public TrainingSpecBuilder classSampleSteps(int classSampleSteps) {
        this.classSampleSteps = classSampleSteps;
        return this;
    }

    public TrainingSpecBuilder trainTextEncoder(boolean trainTextEncoder) {
        this.trainTextEncoder = trainTextEncoder;
        return this;
    }

    public TrainingSpecBuilder placeholderToken(@Nullable String placeholderToken) {
        this.placeholderToken = placeholderToken;
        return this;
    }

    public TrainingSpecBuilder initializerToken(@Nullable String initializerToken) {
        this.initializerToken = initializerToken;
        return this;
    }

    public TrainingSpecBuilder numVectors(int numVectors) {
        this.numVectors = numVectors;
        return this;
    }

    public TrainingSpecBuilder learnableProperty(String learnableProperty) {
        this.learnableProperty = learnableProperty;
        return this;
    }

    public TrainingSpecBuilder precision(String precision) {
        this.precision = precision;
        return this;
    }

    public TrainingSpecBuilder gradientAccumulationSteps(int gradientAccumulationSteps) {
        this.gradientAccumulationSteps = gradientAccumulationSteps;
        return this;
    }

    public TrainingSpecBuilder gradientCheckpointing(boolean gradientCheckpointing) {
        this.gradientCheckpointing = gradientCheckpointing;
        return this;
    }

    public TrainingSpecBuilder optimizer(String optimizer) {
        this.optimizer = optimizer;
        return this;
    }

    public TrainingSpecBuilder adamBeta1(double adamBeta1) {
        this.adamBeta1 = adamBeta1;
        return this;
    }

    public TrainingSpecBuilder adamBeta2(double adamBeta2) {
        this.adamBeta2 = adamBeta2;
        return this;
    }

    public TrainingSpecBuilder adamEpsilon(double adamEpsilon) {
        this.adamEpsilon = adamEpsilon;
        return this;
    }

    public TrainingSpecBuilder adamWeightDecay(double adamWeightDecay) {
        this.adamWeightDecay = adamWeightDecay;
        return this;
    }

    public TrainingSpecBuilder noiseOffset(double noiseOffset) {
        this.noiseOffset = noiseOffset;
        return this;
    }

    public TrainingSpecBuilder captionDropout(double captionDropout) {
        this.captionDropout = captionDropout;
        return this;
    }

    public TrainingSpecBuilder randomFlip(boolean randomFlip) {
        this.randomFlip = randomFlip;
        return this;
    }

    public TrainingSpecBuilder aspectRatioBuckets(boolean aspectRatioBuckets) {
        this.aspectRatioBuckets = aspectRatioBuckets;
        return this;
    }

    public TrainingSpecBuilder emaDecay(@Nullable Double emaDecay) {
        this.emaDecay = emaDecay;
        return this;
    }

    public TrainingSpecBuilder scheduleCycles(int scheduleCycles) {
        this.scheduleCycles = scheduleCycles;
        return this;
    }

    public TrainingSpecBuilder schedulePower(double schedulePower) {
        this.schedulePower = schedulePower;
        return this;
    }

    public TrainingSpecBuilder checkpointsKept(@Nullable Integer checkpointsKept) {
        this.checkpointsKept = checkpointsKept;
        return this;
    }

    public TrainingSpecBuilder initFrom(@Nullable String initFrom) {
        this.initFrom = initFrom;
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
                steps == null ? defaultSteps() : steps,
                learningRate == null ? defaultLearningRate() : learningRate,
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
                stopEarly,
                instancePrompt,
                classPrompt,
                numClassImages,
                priorLossWeight,
                classSampleSteps,
                trainTextEncoder,
                placeholderToken,
                initializerToken,
                numVectors,
                learnableProperty,
                precision,
                gradientAccumulationSteps,
                gradientCheckpointing,
                optimizer,
                adamBeta1,
                adamBeta2,
                adamEpsilon,
                adamWeightDecay,
                noiseOffset,
                captionDropout,
                randomFlip,
                aspectRatioBuckets,
                emaDecay == null ? method == Method.FULL ? EMA_DECAY : 0 : emaDecay,
                scheduleCycles,
                schedulePower,
                checkpointsKept == null ? defaultCheckpointsKept() : checkpointsKept,
                initFrom);
    }

    /** DreamBooth learns longer where class pictures hold it back. */
    private int defaultSteps() {
        return switch (method) {
            case LORA, FULL -> 1000;
            case DREAMBOOTH, DREAMBOOTH_LORA ->
                numClassImages > 0 && (classPrompt != null || classWord != null) ? 800 : 400;
            case TEXTUAL_INVERSION -> 3000;
        };
    }

    private double defaultLearningRate() {
        return switch (method) {
            case LORA, DREAMBOOTH_LORA -> 1e-4;
            case DREAMBOOTH -> trainTextEncoder ? 2e-6 : 5e-6;
            case TEXTUAL_INVERSION -> 5e-4;
            case FULL -> 1e-5;
        };
    }

    /** Those of whole networks have gigabytes. */
    private int defaultCheckpointsKept() {
        return switch (method) {
            case LORA, DREAMBOOTH_LORA, TEXTUAL_INVERSION -> 5;
            case DREAMBOOTH, FULL -> 2;
        };
    }
}
