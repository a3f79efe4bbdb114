package io.aquatint.events;

import com.fasterxml.jackson.databind.annotation.JsonDeserialize;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * How a data set is trained. Every setting that is absent has the default that fine-tuners expect of the method; the defaults
 * stand in {@link TrainingSpecBuilder}. Names are those of diffusers' training scripts where they mean the same.
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
 * @param instancePrompt the caption of pictures that have none; the DreamBooth methods make one of trigger and class word
 * @param classPrompt what the class pictures of the DreamBooth methods show; made of the class word when absent. Without either there is no prior preservation
 * @param numClassImages so many class pictures the base model draws; 0 for no prior preservation
 * @param priorLossWeight the weight of the class pictures' loss beside that of the data set's
 * @param classSampleSteps the sampler's steps for a class picture
 * @param trainTextEncoder whether the text encoders learn too
 * @param placeholderToken the new word of textual inversion; the trigger word in angle brackets when absent
 * @param initializerToken the known word that it begins as; the class word's last word when absent, else "object" or "style"
 * @param numVectors how many vectors the new word has, 1 to 8
 * @param learnableProperty which templates textual inversion learns with, one of {@link #LEARNABLE_PROPERTIES}
 * @param precision what the networks compute in, one of {@link #PRECISIONS}; what is learned is always kept in fp32
 * @param gradientAccumulationSteps so many batches make one step
 * @param gradientCheckpointing whether activations are computed again in the backward pass, for less memory
 * @param optimizer one of {@link #OPTIMIZERS}
 * @param adamBeta1 how slowly the mean of the gradients moves
 * @param adamBeta2 how slowly the mean of their squares moves
 * @param adamEpsilon added to the root of those squares
 * @param adamWeightDecay how fast weights shrink, times the learning rate
 * @param noiseOffset so much of one number a channel is added to the noise, so that a model learns dark and bright pictures; 0 is off
 * @param captionDropout in this share of the examples the caption is empty
 * @param randomFlip whether half of the examples are mirrored
 * @param aspectRatioBuckets whether pictures keep about their shape, in sizes of about {@code resolution} squared, instead of being cut square
 * @param emaDecay the weights that are kept are a moving average of this decay; 0 is off
 * @param scheduleCycles how often {@code cosine_with_restarts} starts
 * @param schedulePower the power of {@code polynomial}
 * @param checkpointsKept so many of the newest checkpoints are kept, besides the best
 * @param initFrom the model version to start from, "data set/version", or {@link #PREVIOUS} for the newest of the same data set; the base model when absent
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
        boolean stopEarly,
        @Nullable String instancePrompt,
        @Nullable String classPrompt,
        int numClassImages,
        double priorLossWeight,
        int classSampleSteps,
        boolean trainTextEncoder,
        @Nullable String placeholderToken,
        @Nullable String initializerToken,
        int numVectors,
        String learnableProperty,
        String precision,
        int gradientAccumulationSteps,
        boolean gradientCheckpointing,
        String optimizer,
        double adamBeta1,
        double adamBeta2,
        double adamEpsilon,
        double adamWeightDecay,
        double noiseOffset,
        double captionDropout,
        boolean randomFlip,
        boolean aspectRatioBuckets,
        double emaDecay,
        int scheduleCycles,
        double schedulePower,
        int checkpointsKept,
        @Nullable String initFrom) {

    /** The names of the learning rate's schedules, as in diffusers. */
    public static final List<String> LEARNING_RATE_SCHEDULES =
            List.of("constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial");

    /** What networks can compute in. */
    public static final List<String> PRECISIONS = List.of("fp32", "bf16", "fp16");

    /** The optimisers; {@code adamw8bit} keeps its moments in 8 bits, a quarter of the memory. */
    public static final List<String> OPTIMIZERS = List.of("adamw", "adamw8bit");

    /** What a new word can mean, by which templates are chosen; {@code captions}: the pictures' own say it, as in kohya's scripts. */
    public static final List<String> LEARNABLE_PROPERTIES = List.of("object", "style", "captions");

    /** Starts from the newest version of the same data set; from the base model when there is none yet. */
    public static final String PREVIOUS = "previous";

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
        return TrainingSpecProblems.of(this);
    }

    /** Whether pictures of the class are learned beside those of the data set (prior preservation, Ruiz et al. 2022). */
    public boolean learnsWithClassPictures() {
        return numClassImages > 0 && classCaption() != null;
    }

    /** What the class pictures show: the class prompt, or one of the class word. Null for other methods than DreamBooth's. */
    public @Nullable String classCaption() {
        if (!isDreamBooth() || (classPrompt == null && classWord == null)) {
            return null;
        }
        return classPrompt == null ? "a photo of " + classWord : classPrompt;
    }

    /**
     * The caption that a picture is trained and scored with: its own; where it has none, the instance prompt, which DreamBooth's
     * methods make of trigger and class word. Textual inversion learns with its templates, and this is the plainest; or with the
     * pictures' captions, in which the new word stands for the trigger word, and before them where there is none.
     */
    public String captionOf(ManifestImage image) {
        if (method == Method.TEXTUAL_INVERSION) {
            if (learnableProperty.equals("captions") && !image.caption().isBlank()) {
                return withSubject(image.caption());
            }
            String form = learnableProperty.equals("style") ? "a painting in the style of %s" : "a photo of a %s";
            return form.formatted(subjectWord());
        } else if (!image.caption().isBlank() || (instancePrompt == null && !isDreamBooth())) {
            return image.caption();
        } else if (instancePrompt != null) {
            return instancePrompt;
        }
        String subject = (words(triggerWord) + " " + words(classWord)).strip();
        return subject.isEmpty() ? "" : "a photo of " + subject;
    }

    private String withSubject(String caption) {
        String subject = words(subjectWord());
        if (caption.contains(subject)) {
            return caption;
        }
        String trigger = words(triggerWord);
        Matcher known = Pattern.compile("(?<![\\w<])" + Pattern.quote(trigger) + "(?![\\w>])", Pattern.CASE_INSENSITIVE)
                .matcher(caption);
        return !trigger.isEmpty() && known.find()
                ? known.replaceAll(Matcher.quoteReplacement(subject))
                : subject + ", " + caption;
    }

    /**
     * The word by which a model is asked for what it learned: the trigger word, for textual inversion the new word. Null where
     * there is none.
     */
    public @Nullable String subjectWord() {
        if (method != Method.TEXTUAL_INVERSION) {
            return triggerWord;
        } else if (placeholderToken != null || triggerWord == null || triggerWord.startsWith("<")) {
            return placeholderToken == null ? triggerWord : placeholderToken;
        }
        return "<" + triggerWord.strip() + ">";
    }

    /** The word that textual inversion begins with. */
    public String initialWord() {
        if (initializerToken != null) {
            return initializerToken;
        }
        String kind = words(classWord);
        String property = learnableProperty.equals("style") ? "style" : "object";
        return kind.isEmpty() ? property : kind.substring(kind.lastIndexOf(' ') + 1);
    }

    private boolean isDreamBooth() {
        return method == Method.DREAMBOOTH || method == Method.DREAMBOOTH_LORA;
    }

    private static String words(@Nullable String text) {
        return text == null ? "" : text.strip();
    }
}
