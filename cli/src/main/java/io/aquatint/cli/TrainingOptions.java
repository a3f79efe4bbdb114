package io.aquatint.cli;

import io.aquatint.events.Method;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingSpecBuilder;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** How a model is trained: the settings of a {@link TrainingSpec} under the names that diffusers' scripts give them. */
final class TrainingOptions {
    @Option(
            names = "--method",
            paramLabel = "NAME",
            defaultValue = "lora",
            converter = MethodConverter.class,
            description =
                    "lora, dreambooth, dreambooth-lora, textual-inversion or full (default: ${DEFAULT-VALUE}). Other defaults follow from it.")
    private Method method = Method.LORA;

    @Option(
            names = "--resolution",
            paramLabel = "PIXELS",
            description = "The side of the square pictures (default: 512).")
    private @Nullable Integer resolution;

    @Option(
            names = {"--aspect-ratio-buckets", "--enable-bucket"},
            description = "Cut each picture to the nearest of a few shapes of about as many pixels, not square.")
    private @Nullable Boolean aspectRatioBuckets;

    @Option(names = "--max-train-steps", paramLabel = "N", description = "Steps.")
    private @Nullable Integer steps;

    @Option(names = "--train-batch-size", paramLabel = "N", description = "Pictures a step (default: 1).")
    private @Nullable Integer batchSize;

    @Option(
            names = "--gradient-accumulation-steps",
            paramLabel = "N",
            description = "So many batches make one step (default: 1).")
    private @Nullable Integer accumulation;

    @Option(names = "--learning-rate", paramLabel = "X", description = "How fast it learns.")
    private @Nullable Double learningRate;

    @Option(
            names = "--lr-scheduler",
            paramLabel = "NAME",
            description =
                    "constant, constant_with_warmup, linear, cosine, cosine_with_restarts or polynomial (default: constant).")
    private @Nullable String schedule;

    @Option(names = "--lr-warmup-steps", paramLabel = "N", description = "So many steps the rate rises from 0.")
    private @Nullable Integer warmup;

    @Option(names = "--lr-num-cycles", paramLabel = "N", description = "How often cosine_with_restarts starts.")
    private @Nullable Integer cycles;

    @Option(names = "--lr-power", paramLabel = "X", description = "The power of polynomial.")
    private @Nullable Double power;

    @Option(names = "--rank", paramLabel = "N", description = "The width of a LoRA (default: 16).")
    private @Nullable Integer rank;

    @Option(names = "--lora-alpha", paramLabel = "X", description = "Its strength (default: the rank).")
    private @Nullable Double alpha;

    @Option(
            names = "--target-modules",
            paramLabel = "NAME",
            split = ",",
            description = "The layers of the UNet that get a LoRA (default: to_q,to_k,to_v,to_out.0).")
    private @Nullable List<String> targets;

    @Option(names = "--train-text-encoder", description = "Train the text encoders too.")
    private @Nullable Boolean trainTextEncoder;

    @Option(names = "--instance-prompt", paramLabel = "TEXT", description = "The caption of pictures that have none.")
    private @Nullable String instancePrompt;

    @Option(
            names = "--trigger-word",
            paramLabel = "WORD",
            description = "The rare word that comes to mean the subject.")
    private @Nullable String triggerWord;

    @Option(names = "--class-word", paramLabel = "WORD", description = "What kind of thing the subject is.")
    private @Nullable String classWord;

    @Option(
            names = "--class-prompt",
            paramLabel = "TEXT",
            description =
                    "What the class images of dreambooth and dreambooth-lora show (default: made of the class word; without either there is no prior preservation).")
    private @Nullable String classPrompt;

    @Option(names = "--num-class-images", paramLabel = "N", description = "Class images; 0 for none (default: 200).")
    private @Nullable Integer numClassImages;

    @Option(names = "--prior-loss-weight", paramLabel = "X", description = "Their weight (default: 1).")
    private @Nullable Double priorLossWeight;

    @Option(
            names = "--placeholder-token",
            paramLabel = "WORD",
            description = "The new word of textual-inversion, for example '<my-cat>'.")
    private @Nullable String placeholderToken;

    @Option(names = "--initializer-token", paramLabel = "WORD", description = "The known word that it begins as.")
    private @Nullable String initializerToken;

    @Option(names = "--num-vectors", paramLabel = "N", description = "How many vectors it has, 1 to 8 (default: 1).")
    private @Nullable Integer numVectors;

    @Option(
            names = "--learnable-property",
            paramLabel = "NAME",
            description =
                    "Which templates it is learned with: object, style, or captions for the pictures' own (default: object).")
    private @Nullable String learnableProperty;

    @Option(
            names = "--mixed-precision",
            paramLabel = "TYPE",
            description =
                    "What the networks compute in: no, fp16 or bf16 (default: no). What is learned is kept in fp32.")
    private @Nullable String precision;

    @Option(names = "--gradient-checkpointing", description = "Less memory, for about a third more time.")
    private @Nullable Boolean gradientCheckpointing;

    @Option(names = "--use-8bit-adam", description = "The optimiser's state in a quarter of the memory.")
    private boolean use8BitAdam;

    @Option(names = "--adam-weight-decay", paramLabel = "X", description = "Default: 0.01.")
    private @Nullable Double weightDecay;

    @Option(names = "--max-grad-norm", paramLabel = "X", description = "Longer gradients are shortened (default: 1).")
    private @Nullable Double maxGradientNorm;

    @Option(names = "--snr-gamma", paramLabel = "X", description = "Min-SNR loss weights; 5 is usual (default: off).")
    private @Nullable Double snrGamma;

    @Option(names = "--noise-offset", paramLabel = "X", description = "For very dark and bright pictures (default: 0).")
    private @Nullable Double noiseOffset;

    @Option(names = "--caption-dropout", paramLabel = "X", description = "How often a caption is left empty, 0 to 1.")
    private @Nullable Double captionDropout;

    @Option(names = "--random-flip", description = "See half of the pictures mirrored.")
    private @Nullable Boolean randomFlip;

    @Option(names = "--ema-decay", paramLabel = "X", description = "Keep a moving average of whole networks; 0 is off.")
    private @Nullable Double emaDecay;

    @Option(names = "--seed", paramLabel = "N", description = "All that is random follows from it (default: 0).")
    private @Nullable Long seed;

    @Option(
            names = "--checkpointing-steps",
            paramLabel = "N",
            description = "A checkpoint each N steps (default: 100).")
    private @Nullable Integer checkpointEvery;

    @Option(
            names = "--checkpoints-total-limit",
            paramLabel = "N",
            description = "So many of the newest checkpoints are kept, besides the best.")
    private @Nullable Integer checkpointsKept;

    @Option(
            names = "--validation-prompt",
            paramLabel = "TEXT",
            description = "What the samples at each checkpoint show; may be given more than once.")
    private @Nullable List<String> validationPrompts;

    @Option(names = "--sample-steps", paramLabel = "N", description = "The sampler's steps of a sample (default: 30).")
    private @Nullable Integer sampleSteps;

    /** @param base the base model's path, as the spec names it */
    TrainingSpec spec(String base) {
        TrainingSpecBuilder builder = TrainingSpec.builder().method(method).baseModel(base);
        set(builder, resolution, TrainingSpecBuilder::resolution);
        set(builder, aspectRatioBuckets, TrainingSpecBuilder::aspectRatioBuckets);
        set(builder, steps, TrainingSpecBuilder::steps);
        set(builder, batchSize, TrainingSpecBuilder::trainBatchSize);
        set(builder, accumulation, TrainingSpecBuilder::gradientAccumulationSteps);
        set(builder, learningRate, TrainingSpecBuilder::learningRate);
        set(builder, schedule, TrainingSpecBuilder::learningRateSchedule);
        set(builder, warmup, TrainingSpecBuilder::warmupSteps);
        set(builder, cycles, TrainingSpecBuilder::scheduleCycles);
        set(builder, power, TrainingSpecBuilder::schedulePower);
        set(builder, rank, TrainingSpecBuilder::rank);
        set(builder, alpha, TrainingSpecBuilder::alpha);
        set(builder, targets, TrainingSpecBuilder::targetModules);
        set(builder, trainTextEncoder, TrainingSpecBuilder::trainTextEncoder);
        set(builder, instancePrompt, TrainingSpecBuilder::instancePrompt);
        set(builder, triggerWord, TrainingSpecBuilder::triggerWord);
        set(builder, classWord, TrainingSpecBuilder::classWord);
        set(builder, classPrompt, TrainingSpecBuilder::classPrompt);
        set(builder, numClassImages, TrainingSpecBuilder::numClassImages);
        set(builder, priorLossWeight, TrainingSpecBuilder::priorLossWeight);
        set(builder, placeholderToken, TrainingSpecBuilder::placeholderToken);
        set(builder, initializerToken, TrainingSpecBuilder::initializerToken);
        set(builder, numVectors, TrainingSpecBuilder::numVectors);
        set(builder, learnableProperty, TrainingSpecBuilder::learnableProperty);
        set(builder, "no".equals(precision) ? "fp32" : precision, TrainingSpecBuilder::precision);
        set(builder, gradientCheckpointing, TrainingSpecBuilder::gradientCheckpointing);
        set(builder, use8BitAdam ? "adamw8bit" : null, TrainingSpecBuilder::optimizer);
        set(builder, weightDecay, TrainingSpecBuilder::adamWeightDecay);
        set(builder, maxGradientNorm, TrainingSpecBuilder::maxGradientNorm);
        set(builder, snrGamma, TrainingSpecBuilder::minSnrGamma);
        set(builder, noiseOffset, TrainingSpecBuilder::noiseOffset);
        set(builder, captionDropout, TrainingSpecBuilder::captionDropout);
        set(builder, randomFlip, TrainingSpecBuilder::randomFlip);
        set(builder, emaDecay, TrainingSpecBuilder::emaDecay);
        set(builder, seed, TrainingSpecBuilder::seed);
        set(builder, checkpointEvery, TrainingSpecBuilder::checkpointEvery);
        set(builder, checkpointsKept, TrainingSpecBuilder::checkpointsKept);
        set(builder, validationPrompts, TrainingSpecBuilder::samplePrompts);
        set(builder, sampleSteps, TrainingSpecBuilder::sampleSteps);
        return builder.build();
    }

    private static <T> void set(
            TrainingSpecBuilder builder, @Nullable T value, BiConsumer<TrainingSpecBuilder, T> setting) {
        if (value != null) {
            setting.accept(builder, value);
        }
    }

    static final class MethodConverter implements ITypeConverter<Method> {
        @Override
        public Method convert(String value) {
            return Arrays.stream(Method.values())
                    .filter(method ->
                            name(method).equals(value.toLowerCase(Locale.ROOT).replace('_', '-')))
                    .findFirst()
                    .orElseThrow(() -> new TypeConversionException("'%s' is none of %s"
                            .formatted(
                                    value,
                                    Arrays.stream(Method.values())
                                            .map(MethodConverter::name)
                                            .collect(Collectors.joining(", ")))));
        }

        static String name(Method method) {
            return method.name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }
}
