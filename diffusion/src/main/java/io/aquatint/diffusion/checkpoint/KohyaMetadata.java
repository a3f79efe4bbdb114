package io.aquatint.diffusion.checkpoint;

import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The header metadata of a kohya file ({@code ss_*}, and the {@code modelspec.*} keys of the Stability AI model metadata
 * standard). Values that are not given are left out; the network's module, rank, alpha and hash are filled in on writing.
 */
public record KohyaMetadata(Map<String, String> entries) {
    private static final String ORIGINAL_IMPLEMENTATION = "https://github.com/Stability-AI/generative-models";

    public KohyaMetadata {
        entries = Map.copyOf(entries);
    }

    public static KohyaMetadata of(Map<String, String> entries) {
        return new KohyaMetadata(entries);
    }

    /** A builder for an adapter of a family of base models. */
    public static Builder builder(Architecture architecture) {
        return new Builder(architecture);
    }

    /** The family of the base model, where {@code ss_base_model_version} or {@code modelspec.architecture} names one. */
    public Optional<Architecture> architecture() {
        String version = entries.getOrDefault("ss_base_model_version", "").toLowerCase(Locale.ROOT);
        String specified = entries.getOrDefault("modelspec.architecture", "").toLowerCase(Locale.ROOT);
        if (version.startsWith("sdxl") || specified.startsWith("stable-diffusion-xl")) {
            return Optional.of(Architecture.STABLE_DIFFUSION_XL);
        }
        if (version.startsWith("sd_v2") || specified.startsWith("stable-diffusion-v2")) {
            return Optional.of(Architecture.STABLE_DIFFUSION_2);
        }
        if (version.startsWith("sd_v1") || specified.startsWith("stable-diffusion-v1")) {
            return Optional.of(Architecture.STABLE_DIFFUSION_1);
        }
        return Optional.empty();
    }

    /** These entries, with others that replace those of the same key. */
    public KohyaMetadata with(Map<String, String> others) {
        Map<String, String> all = new TreeMap<>(entries);
        all.putAll(others);
        return new KohyaMetadata(all);
    }

    /** What the metadata standard has of a whole base model in the original layout. */
    static Map<String, String> ofBase(Architecture architecture, boolean velocity) {
        return Map.of(
                "modelspec.sai_model_spec",
                "1.0.0",
                "modelspec.architecture",
                specified(architecture, velocity),
                "modelspec.implementation",
                ORIGINAL_IMPLEMENTATION,
                "modelspec.prediction_type",
                velocity ? "v" : "epsilon");
    }

    private static String specified(Architecture architecture, boolean velocity) {
        return switch (architecture) {
            case STABLE_DIFFUSION_1 -> "stable-diffusion-v1";
            case STABLE_DIFFUSION_2 -> velocity ? "stable-diffusion-v2-768-v" : "stable-diffusion-v2-512";
            case STABLE_DIFFUSION_XL -> "stable-diffusion-xl-v1-base";
        };
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

        private final Architecture architecture;

        private Builder(Architecture architecture) {
            this.architecture = architecture;
            put("modelspec.sai_model_spec", "1.0.0");
            // A1111 and ComfyUI tell by it in which layout the layers are named
            boolean original = architecture == Architecture.STABLE_DIFFUSION_XL;
            put("modelspec.implementation", original ? ORIGINAL_IMPLEMENTATION : "diffusers");
            put("ss_v2", architecture == Architecture.STABLE_DIFFUSION_2 ? "True" : "False");
            base(false);
        }

        /** The names that kohya's scripts and the metadata standard have for a base model. */
        private void base(boolean velocity) {
            put(
                    "ss_base_model_version",
                    switch (architecture) {
                        case STABLE_DIFFUSION_1 -> velocity ? "sd_v1_v" : "sd_v1";
                        case STABLE_DIFFUSION_2 -> velocity ? "sd_v2_v" : "sd_v2";
                        case STABLE_DIFFUSION_XL -> "sdxl_base_v1-0";
                    });
            put("modelspec.architecture", specified(architecture, velocity) + "/lora");
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

        /** @param type the scheduler's, {@code epsilon} or {@code v_prediction} */
        public Builder predictionType(String type) {
            base(type.equals("v_prediction"));
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
