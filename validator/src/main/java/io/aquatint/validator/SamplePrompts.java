package io.aquatint.validator;

import io.aquatint.events.ManifestImage;
import io.aquatint.events.Method;
import io.aquatint.events.TrainingSpec;
import java.util.List;

/** What the sample images of a training show. */
public final class SamplePrompts {
    private static final int COUNT = 2;

    private SamplePrompts() {}

    /**
     * The spec's prompts; without any, two of the trigger and class word; without a trigger word the first two distinct captions.
     */
    public static List<String> of(TrainingSpec spec, List<ManifestImage> pictures) {
        if (!spec.samplePrompts().isEmpty()) {
            return spec.samplePrompts();
        }
        String trigger = spec.subjectWord() == null ? "" : spec.subjectWord().strip();
        String classWord = spec.classWord() == null ? "" : spec.classWord().strip();
        if (!trigger.isEmpty()) {
            boolean newWord = spec.method() == Method.TEXTUAL_INVERSION; // which says of itself what it is
            String subject = newWord ? trigger : (trigger + " " + classWord).strip();
            return List.of("a photo of " + subject, "a photo of " + subject + " on a beach");
        }
        List<String> captions = pictures.stream()
                .map(picture -> spec.captionOf(picture).strip())
                .filter(caption -> !caption.isEmpty())
                .distinct()
                .limit(COUNT)
                .toList();
        if (!captions.isEmpty()) {
            return captions;
        }
        return List.of(classWord.isEmpty() ? "a photo" : "a photo of " + classWord);
    }
}
