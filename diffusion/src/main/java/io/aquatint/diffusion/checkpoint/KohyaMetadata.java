package io.aquatint.diffusion.checkpoint;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The header metadata of a kohya file ({@code ss_*}, and the {@code modelspec.*} keys of the Stability AI model metadata
 * standard). Values that are not given are left out; the network's module, rank, alpha and hash are filled in on writing.
 */
public record KohyaMetadata(Map<String, String> entries) {

    public KohyaMetadata {
        entries = Map.copyOf(entries);
    }

    static KohyaMetadata of(Map<String, String> entries) {
        return new KohyaMetadata(entries);
    }

    /** A builder for an adapter of the Stable Diffusion 1.5 family. */
    public static Builder stableDiffusion15() {
        return new Builder("sd_v1", "stable-diffusion-v1/lora");
    }

    /** A builder for an adapter of the Stable Diffusion XL family. */
    public static Builder stableDiffusionXl() {
        return new Builder("sdxl_base_v1-0", "stable-diffusion-xl-v1-base/lora");
    }

    /** A number without a needless fraction, as kohya's scripts write integers. */
    static String number(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15
                ? Long.toString((long) value)
                : Double.toString(value);
    }

    /** Collects the entries, named by what they mean. */
    public static final class Builder {
        private final Map<String, String> entries = new TreeMap<>();

        private Builder(String baseVersion, String architecture) {
            put("ss_base_model_version", baseVersion);
            put("modelspec.sai_model_spec", "1.0.0");
            put("modelspec.architecture", architecture);
            put("modelspec.implementation", "diffusers");
        }

        public Builder title(String title) {
            put("ss_output_name", title);
            return put("modelspec.title", title);
        }

        public Builder triggerPhrase(@Nullable String phrase) {
            return put("modelspec.trigger_phrase", phrase);
        }

        /** @param instant ISO-8601 */
        public Builder date(String instant) {
            return put("modelspec.date", instant);
        }

        public Builder resolution(int pixels) {
            put("ss_resolution", "(" + pixels + ", " + pixels + ")");
            return put("modelspec.resolution", pixels + "x" + pixels);
        }

        public Builder predictionType(String type) {
            return put("modelspec.prediction_type", type.equals("v_prediction") ? "v" : type);
        }

        public Builder trainImages(int images) {
            return put("ss_num_train_images", Integer.toString(images));
        }

        public Builder steps(int steps) {
            return put("ss_steps", Integer.toString(steps));
        }

        public Builder epoch(int epoch) {
            return put("ss_epoch", Integer.toString(epoch));
        }

        public Builder seed(long seed) {
            return put("ss_seed", Long.toString(seed));
        }

        public Builder learningRate(double rate) {
            return put("ss_learning_rate", Double.toString(rate));
        }

        public Builder optimizer(String optimizer) {
            return put("ss_optimizer", optimizer);
        }

        /** @param json for each folder of images the tags' counts: {@code {"dataset": {"a tag": 3}}} */
        public Builder tagFrequency(String json) {
            return put("ss_tag_frequency", json);
        }

        /** Any other entry; null leaves it out. */
        public Builder put(String key, @Nullable String value) {
            if (value != null) {
                entries.put(key, value);
            }
            return this;
        }

        public KohyaMetadata build() {
            return new KohyaMetadata(entries);
        }
    }
}
