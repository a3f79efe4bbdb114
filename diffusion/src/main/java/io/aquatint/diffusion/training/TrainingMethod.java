package io.aquatint.diffusion.training;

import io.aquatint.diffusion.adapter.LoraConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is trained. DreamBooth is {@link FullFineTuning}, or {@link Lora}, on a {@link TrainingSet} with class images: the method
 * stays the same.
 */
public sealed interface TrainingMethod {
    /**
     * Low-rank pairs beside the layers of the UNet (Hu et al. 2021).
     *
     * @param textEncoders whether the text encoders' attentions get pairs too
     */
    record Lora(LoraConfig config, boolean textEncoders) implements TrainingMethod {}

    /**
     * Every weight of the UNet.
     *
     * @param textEncoders whether the text encoders' weights are trained too
     * @param averageDecay of a moving average of the weights, which is then the result; none when null. 0.9999 is usual
     */
    record FullFineTuning(boolean textEncoders, @Nullable Double averageDecay) implements TrainingMethod {}

    /**
     * A new word of the text encoders (Gal et al. 2022, "An Image is Worth One Word"); the networks stay as they are. Captions
     * matter only where they are what it is learned with.
     *
     * @param token what stands for it in prompts, for example {@code <my-concept>}
     * @param vectors how many rows it has, 1 to 8
     * @param initializer a known word that all of them begin as
     */
    record TextualInversion(String token, int vectors, String initializer, Templates templates)
            implements TrainingMethod {
        public TextualInversion {
            if (vectors < 1 || vectors > 8) {
                throw new IllegalArgumentException("a new word has 1 to 8 vectors, not " + vectors);
            }
            if (token.isBlank() || initializer.isBlank()) {
                throw new IllegalArgumentException("a new word and its initializer must not be blank");
            }
        }
    }

    /** The prompts that a new word is learned in. */
    enum Templates {
        /** The pictures' own captions, which name the word. */
        CAPTIONS(),
        OBJECT(
                "a photo of a {}",
                "a rendering of a {}",
                "a cropped photo of the {}",
                "the photo of a {}",
                "a photo of a clean {}",
                "a photo of a dirty {}",
                "a dark photo of the {}",
                "a photo of my {}",
                "a photo of the cool {}",
                "a close-up photo of a {}",
                "a bright photo of the {}",
                "a cropped photo of a {}",
                "a photo of the {}",
                "a good photo of the {}",
                "a photo of one {}",
                "a close-up photo of the {}",
                "a rendition of the {}",
                "a photo of the clean {}",
                "a rendition of a {}",
                "a photo of a nice {}",
                "a good photo of a {}",
                "a photo of the nice {}",
                "a photo of the small {}",
                "a photo of the weird {}",
                "a photo of the large {}",
                "a photo of a cool {}",
                "a photo of a small {}"),
        STYLE(
                "a painting in the style of {}",
                "a rendering in the style of {}",
                "a cropped painting in the style of {}",
                "the painting in the style of {}",
                "a clean painting in the style of {}",
                "a dirty painting in the style of {}",
                "a dark painting in the style of {}",
                "a picture in the style of {}",
                "a cool painting in the style of {}",
                "a close-up painting in the style of {}",
                "a bright painting in the style of {}",
                "a cropped painting in the style of {}",
                "a good painting in the style of {}",
                "a close-up painting in the style of {}",
                "a rendition in the style of {}",
                "a nice painting in the style of {}",
                "a small painting in the style of {}",
                "a weird painting in the style of {}",
                "a large painting in the style of {}");

        @SuppressWarnings("ImmutableEnumChecker") // a list that List.of made
        private final List<String> patterns;

        Templates(String... patterns) {
            this.patterns = List.of(patterns);
        }

        /**
         * The prompts with a word in its place.
         *
         * @param caption the picture's own
         */
        List<String> of(String token, String caption) {
            if (this == CAPTIONS) {
                return List.of(caption);
            }
            return patterns.stream()
                    .map(pattern -> pattern.replace("{}", token))
                    .toList();
        }
    }
}
