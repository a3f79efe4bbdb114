package io.aquatint.trainer;

import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingWarned;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Warns of settings that can be trained but seldom do what one wants. */
public final class SpecAdvice {
    private static final int FEW_IMAGES = 5;
    private static final double HIGH_LEARNING_RATE = 1e-3;
    /** Words that the base model knows well, so that training must first unlearn what they mean. */
    private static final Set<String> GENERIC = Set.of(
            "animal", "bag", "bird", "boy", "car", "cat", "chair", "child", "cup", "dog", "face", "flower", "girl",
            "house", "image", "man", "object", "person", "photo", "picture", "shoe", "style", "subject", "thing", "toy",
            "woman");

    private SpecAdvice() {}

    /** The warnings of a request, in a fixed order. */
    public static List<TrainingWarned> of(TrainingRequested request) {
        TrainingSpec spec = request.spec();
        List<TrainingWarned> warnings = new ArrayList<>();
        int images = request.images().size();
        if (images < FEW_IMAGES) {
            warnings.add(new TrainingWarned(
                    request.trainingId(),
                    "too-few-images",
                    "%d pictures are trained on".formatted(images),
                    "Give %d pictures or more, from several angles and before several backgrounds."
                            .formatted(FEW_IMAGES)));
        }
        if (spec.learningRate() >= HIGH_LEARNING_RATE) {
            warnings.add(new TrainingWarned(
                    request.trainingId(),
                    "high-learning-rate",
                    "the learning rate is %s".formatted(spec.learningRate()),
                    "A LoRA usually learns well at 1e-4; at 1e-3 and above it often diverges or copies its pictures."));
        }
        String trigger = spec.triggerWord() == null ? "" : spec.triggerWord().strip();
        if (!trigger.isEmpty()) {
            ofTrigger(request, trigger, warnings);
        }
        return warnings;
    }

    private static void ofTrigger(TrainingRequested request, String trigger, List<TrainingWarned> warnings) {
        String lowerCase = trigger.toLowerCase(Locale.ROOT);
        if (GENERIC.contains(lowerCase)) {
            warnings.add(new TrainingWarned(
                    request.trainingId(),
                    "generic-trigger",
                    "the trigger word '%s' is a common word".formatted(trigger),
                    "Take a rare word as the trigger, for instance 'sks', and give the common one as the class word."));
        }
        long without = request.images().stream()
                .map(ManifestImage::caption)
                .filter(caption -> !caption.toLowerCase(Locale.ROOT).contains(lowerCase))
                .count();
        if (without > 0) {
            warnings.add(new TrainingWarned(
                    request.trainingId(),
                    "captions-without-trigger",
                    "%d of %d captions do not contain the trigger word '%s'"
                            .formatted(without, request.images().size(), trigger),
                    "Put the trigger word into every caption: only so does it come to mean the subject."));
        }
    }
}
