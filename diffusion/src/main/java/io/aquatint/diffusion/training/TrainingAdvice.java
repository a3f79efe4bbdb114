package io.aquatint.diffusion.training;

import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * A warning of what can be trained but seldom does what one wants.
 *
 * @param rule which of the rules it is, for programs
 * @param detail what was found, a sentence without its full stop
 * @param advice what to do instead
 */
public record TrainingAdvice(String rule, String detail, String advice) {
    private static final int FEW_IMAGES = 5;
    private static final int HIGH_RANK = 128;
    /** A caption of so many characters seldom fits the 75 tokens that a text encoder reads. */
    private static final int LONG_CAPTION = 350;
    /** Of the UNet. Stable Diffusion 1.5's has 860 million. */
    private static final long LARGE_MODEL = 100_000_000;

    /** Words that the base model knows well, so that training must first unlearn what they mean. */
    private static final Set<String> GENERIC = Set.of(
            "animal",
            "art",
            "artwork",
            "baby",
            "bag",
            "bike",
            "bird",
            "bottle",
            "boy",
            "building",
            "car",
            "cat",
            "chair",
            "character",
            "child",
            "cup",
            "design",
            "dog",
            "drawing",
            "face",
            "flower",
            "girl",
            "horse",
            "house",
            "image",
            "lady",
            "logo",
            "man",
            "mug",
            "object",
            "painting",
            "person",
            "pet",
            "photo",
            "picture",
            "plant",
            "portrait",
            "product",
            "robot",
            "shoe",
            "style",
            "subject",
            "table",
            "thing",
            "toy",
            "tree",
            "woman");

    /** The warnings of a plan, in a fixed order. */
    public static List<TrainingAdvice> of(TrainingPlan plan) {
        List<TrainingAdvice> advice = new ArrayList<>();
        ofPictures(plan, advice);
        ofSettings(plan, advice);
        ofValidation(plan, advice);
        if (plan.learns() != TrainingPlan.Learns.WORD) {
            ofCaptions(plan, advice);
        }
        return advice;
    }

    /**
     * The warnings of a base model and the machine that it is on.
     *
     * @param precision what is computed in
     * @param resolution the side of the pictures; where they have several shapes, of the square with as many pixels
     */
    public static List<TrainingAdvice> of(StableDiffusion model, Precision precision, int resolution) {
        List<TrainingAdvice> advice = new ArrayList<>();
        boolean gpu = model.manager().getDevice().isGpu();
        boolean large = parameters(model) >= LARGE_MODEL;
        if (large && !gpu) {
            advice.add(new TrainingAdvice(
                    "cpu-for-large-model",
                    "the UNet has %d million parameters, and it is trained on the CPU"
                            .formatted(parameters(model) / 1_000_000),
                    "Train on a GPU, where a step takes a fraction of a second; here it takes minutes."));
        } else if (large && precision == Precision.FP32) {
            advice.add(new TrainingAdvice(
                    "slow-precision",
                    "it is computed in fp32 on a GPU",
                    "Set the precision to bf16: several times as fast, in half the memory."));
        }
        if (!gpu && precision != Precision.FP32) {
            advice.add(new TrainingAdvice(
                    "half-precision-on-cpu",
                    "it is computed in 16 bits on the CPU",
                    "Set the precision to fp32: on most CPUs it is faster, and it is exact."));
        }
        int usual = model.unetConfig().sampleSize() * model.vaeConfig().factor();
        if (resolution > 1.5 * usual || resolution < 0.75 * usual) {
            advice.add(new TrainingAdvice(
                    "unusual-resolution",
                    "the resolution is %d, but the base model was made for %d".formatted(resolution, usual),
                    "Prepare the pictures at %d, or take a base model that was made for %d."
                            .formatted(usual, resolution)));
        }
        return advice;
    }

    private static long parameters(StableDiffusion model) {
        TensorSource unet = model.source().weights("unet");
        return unet.names().stream()
                .mapToLong(name -> unet.info(name).elements())
                .sum();
    }

    private static void ofPictures(TrainingPlan plan, List<TrainingAdvice> advice) {
        int images = plan.captions().size();
        if (images < FEW_IMAGES) {
            advice.add(new TrainingAdvice(
                    "too-few-images",
                    "%d pictures are trained on".formatted(images),
                    "Give %d pictures or more, from several angles and before several backgrounds."
                            .formatted(FEW_IMAGES)));
        }
        if (plan.views() > plan.learns().mostViews) {
            advice.add(new TrainingAdvice(
                    "too-many-steps",
                    "each picture is seen %.0f times".formatted(plan.views()),
                    "Train for at most %d steps with so few pictures, or give more: what is seen so often is learned by heart."
                            .formatted((int)
                                    Math.max(1, (double) plan.learns().mostViews * images / plan.picturesPerStep()))));
        }
    }

    private static void ofSettings(TrainingPlan plan, List<TrainingAdvice> advice) {
        TrainingPlan.Learns learns = plan.learns();
        if (plan.learningRate() >= learns.highLearningRate) {
            String what =
                    switch (learns) {
                        case ADAPTER -> "a LoRA";
                        case NETWORKS -> "a whole network";
                        case WORD -> "a new word";
                    };
            advice.add(new TrainingAdvice(
                    "high-learning-rate",
                    "the learning rate is %s".formatted(plan.learningRate()),
                    "Take about %s, at which %s usually learns well; from %s on it often diverges or copies its pictures."
                            .formatted(learns.usualLearningRate, what, learns.highLearningRate)));
        }
        if (learns == TrainingPlan.Learns.ADAPTER && plan.rank() >= HIGH_RANK) {
            advice.add(
                    new TrainingAdvice(
                            "high-rank",
                            "the rank is %d".formatted(plan.rank()),
                            "Take 4 to 32: enough for a subject or a style. A wider adapter has room to learn pictures by heart, and a larger file."));
        }
        if (plan.lacksClassPictures()) {
            advice.add(
                    new TrainingAdvice(
                            "no-prior-preservation",
                            "nothing shows the model what else there is of the class",
                            "Give a class word or a class prompt and some 200 class pictures, or the model forgets what others of the class look like."));
        }
    }

    private static void ofValidation(TrainingPlan plan, List<TrainingAdvice> advice) {
        if (plan.heldOut() == 0) {
            advice.add(
                    new TrainingAdvice(
                            "no-validation",
                            "no picture is held out",
                            "Give at least two pictures, so that one can be kept from training: without it nothing tells when the model overfits."));
        } else if (!plan.stopsEarly()) {
            advice.add(new TrainingAdvice(
                    "no-early-stop",
                    "the training goes on when it overfits",
                    "Let it stop early, or look at the scores and take the checkpoint with the lowest."));
        }
    }

    private static void ofCaptions(TrainingPlan plan, List<TrainingAdvice> advice) {
        List<String> captions = plan.captions();
        String trigger = plan.trigger() == null ? "" : plan.trigger().strip();
        String lowerCase = trigger.toLowerCase(Locale.ROOT);
        if (GENERIC.contains(lowerCase)) {
            advice.add(new TrainingAdvice(
                    "generic-trigger",
                    "the trigger word '%s' is a common word".formatted(trigger),
                    "Take a rare word as the trigger, for instance 'sks', and give the common one as the class word."));
        }
        long without = captions.stream()
                .filter(caption -> !caption.toLowerCase(Locale.ROOT).contains(lowerCase))
                .count();
        if (without > 0) {
            advice.add(new TrainingAdvice(
                    "captions-without-trigger",
                    "%d of %d captions do not contain the trigger word '%s'"
                            .formatted(without, captions.size(), trigger),
                    "Put the trigger word into every caption: only so does it come to mean the subject."));
        }
        if (trigger.isEmpty() && !captions.isEmpty() && captions.stream().allMatch(String::isBlank)) {
            advice.add(
                    new TrainingAdvice(
                            "no-captions",
                            "no picture has a caption, and there is no trigger word",
                            "Say in the captions what the pictures show, with a rare word for the subject; without one, every picture the model makes changes."));
        }
        long cut = captions.stream()
                .filter(caption -> caption.length() > LONG_CAPTION)
                .count();
        if (cut > 0) {
            advice.add(new TrainingAdvice(
                    "long-captions",
                    "%d of %d captions have more than %d characters".formatted(cut, captions.size(), LONG_CAPTION),
                    "Shorten them: the text encoder reads 75 tokens, some 60 words, and the rest is cut off."));
        }
    }
}
