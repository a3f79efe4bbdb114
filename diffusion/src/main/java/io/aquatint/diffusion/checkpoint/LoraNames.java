package io.aquatint.diffusion.checkpoint;

import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Names of adapter tensors: diffusers and PEFT separate a module's path by dots, kohya by underscores. */
final class LoraNames {

    /** Which of a layer's tensors a name means. */
    enum Part {
        DOWN,
        UP,
        ALPHA
    }

    /**
     * @param module the module's path with dots, relative to the component
     * @param original whether that path is one of the original layout, to be read with {@link OriginalUNetNames}
     */
    record Name(LoraForm form, Component component, String module, boolean original, Part part) {}

    private static final String PEFT_PREFIX = "base_model.model.";

    private static final List<Suffix> SUFFIXES = List.of(
            new Suffix(".lora.down.weight", Part.DOWN),
            new Suffix(".lora.up.weight", Part.UP),
            new Suffix(".lora_linear_layer.down.weight", Part.DOWN),
            new Suffix(".lora_linear_layer.up.weight", Part.UP),
            new Suffix("_lora.down.weight", Part.DOWN), // of diffusers before 0.22: to_q_lora
            new Suffix("_lora.up.weight", Part.UP),
            new Suffix(".lora_A.default.weight", Part.DOWN),
            new Suffix(".lora_B.default.weight", Part.UP),
            new Suffix(".lora_A.weight", Part.DOWN),
            new Suffix(".lora_B.weight", Part.UP),
            new Suffix(".lora_down.weight", Part.DOWN),
            new Suffix(".lora_up.weight", Part.UP),
            new Suffix(".alpha", Part.ALPHA));

    /** What other adapters have in the names of their tensors. */
    private static final Map<String, String> OTHER_KINDS = otherKinds();

    /** Parts of module names that hold underscores themselves. */
    private static final Set<String> COMPOUNDS = Set.of(
            "down_blocks",
            "up_blocks",
            "mid_block",
            "transformer_blocks",
            "to_q",
            "to_k",
            "to_v",
            "to_out",
            "proj_in",
            "proj_out",
            "time_emb_proj",
            "time_embedding",
            "add_embedding",
            "linear_1",
            "linear_2",
            "conv_shortcut",
            "conv_in",
            "conv_out",
            "text_model",
            "self_attn",
            "q_proj",
            "k_proj",
            "v_proj",
            "out_proj",
            "text_projection",
            "input_blocks",
            "middle_block",
            "output_blocks",
            "in_layers",
            "out_layers",
            "emb_layers",
            "skip_connection",
            "time_embed",
            "label_emb");

    private static final List<String> ORIGINAL =
            List.of("input_blocks.", "middle_block.", "output_blocks.", "time_embed.", "label_emb.", "out.");

    private record Suffix(String text, Part part) {}

    private LoraNames() {}

    private static Map<String, String> otherKinds() {
        Map<String, String> kinds = new LinkedHashMap<>();
        kinds.put(".hada_", "a LoHa");
        kinds.put(".lokr_", "a LoKr");
        kinds.put(".dora_scale", "a DoRA");
        kinds.put(".lora_magnitude_vector", "a DoRA");
        kinds.put(".lora_mid.", "a LoCon with middle tensors (lora_mid)");
        kinds.put(".oft_", "an OFT adapter");
        kinds.put(".on_input", "an (IA)3 adapter");
        kinds.put(".w_norm", "an adapter of norms");
        kinds.put(".b_norm", "an adapter of norms");
        kinds.put(".diff_b", "an adapter with whole differences (diff)");
        kinds.put(".lora_A.bias", "a LoRA with biases");
        kinds.put(".lora_B.bias", "a LoRA with biases");
        kinds.put("bundle_emb.", "an adapter with a textual inversion inside (bundle_emb)");
        kinds.put("lora_te3_", "an adapter of a third text encoder (Stable Diffusion 3)");
        kinds.put("lora_transformer_", "an adapter of a transformer (Stable Diffusion 3, FLUX)");
        kinds.put("lora_unet_double_blocks_", "an adapter of a transformer (FLUX)");
        kinds.put("lora_unet_single_blocks_", "an adapter of a transformer (FLUX)");
        kinds.put("lora_unet_joint_blocks_", "an adapter of a transformer (Stable Diffusion 3)");
        return kinds;
    }

    /** The kind of adapter that a tensor of this name belongs to, where it is a known one that is not supported. */
    static Optional<String> otherKind(String stored) {
        if (stored.startsWith("transformer.")) {
            return Optional.of("an adapter of a transformer (Stable Diffusion 3, FLUX)");
        }
        if (stored.endsWith(".diff")) {
            return Optional.of("an adapter with whole differences (diff)");
        }
        return OTHER_KINDS.entrySet().stream()
                .filter(kind -> stored.contains(kind.getKey()))
                .map(Map.Entry::getValue)
                .findFirst();
    }

    /**
     * What a stored name means; empty for a form that is not known.
     *
     * @param assumed the component of names that have none, as in PEFT's files; null for what the modules' names say
     */
    static Optional<Name> parse(String stored, @Nullable Component assumed) {
        if (otherKind(stored).isPresent()) {
            return Optional.empty();
        }
        for (Suffix suffix : SUFFIXES) {
            if (stored.endsWith(suffix.text())) {
                String path =
                        stored.substring(0, stored.length() - suffix.text().length());
                return path.startsWith("lora_") ? kohya(path, suffix.part()) : dotted(path, suffix.part(), assumed);
            }
        }
        return Optional.empty();
    }

    private static Optional<Name> dotted(String path, Part part, @Nullable Component assumed) {
        String module = path.startsWith(PEFT_PREFIX) ? path.substring(PEFT_PREFIX.length()) : path;
        for (Component component : Component.values()) {
            String prefix = component.folder() + ".";
            if (module.startsWith(prefix)) {
                return Optional.of(name(LoraForm.DIFFUSERS, component, module.substring(prefix.length()), part));
            }
        }
        Component component = assumed;
        if (component == null) {
            boolean text = module.contains("self_attn") || module.contains(".mlp.fc");
            component = text ? Component.TEXT_ENCODER : Component.UNET;
        }
        return Optional.of(name(LoraForm.PEFT, component, module, part));
    }

    private static Optional<Name> kohya(String path, Part part) {
        for (Prefix prefix : Prefix.values()) {
            if (path.startsWith(prefix.text)) {
                String module = withDots(path.substring(prefix.text.length()));
                return Optional.of(name(LoraForm.KOHYA, prefix.component, module, part));
            }
        }
        return Optional.empty();
    }

    private static Name name(LoraForm form, Component component, String module, Part part) {
        boolean unet = component == Component.UNET;
        boolean original = unet && ORIGINAL.stream().anyMatch(module::startsWith);
        return new Name(form, component, unet ? unetModule(module) : textModule(module), original, part);
    }

    /** {@code down_blocks_0_attn1_to_q} to {@code down_blocks.0.attn1.to_q}. */
    private static String withDots(String underscored) {
        String[] words = underscored.split("_", -1);
        List<String> path = new ArrayList<>();
        for (int i = 0; i < words.length; ) {
            int taken = 1;
            for (int count = Math.min(3, words.length - i); count > 1; count--) {
                if (COMPOUNDS.contains(String.join("_", Arrays.asList(words).subList(i, i + count)))) {
                    taken = count;
                    break;
                }
            }
            path.add(String.join("_", Arrays.asList(words).subList(i, i + taken)));
            i += taken;
        }
        return String.join(".", path);
    }

    private static String unetModule(String module) {
        String plain = module.replace(".processor.", ".");
        return plain.endsWith(".to_out") ? plain + ".0" : plain; // diffusers' to_out_lora
    }

    /** Under transformers 5 and in PEFT's files the leading {@code text_model} may be missing. */
    private static String textModule(String module) {
        String whole = module.startsWith("encoder.layers.") ? "text_model." + module : module;
        for (String projection : List.of("q", "k", "v", "out")) {
            if (whole.endsWith(".to_" + projection)) {
                return whole.substring(0, whole.length() - 3 - projection.length()) + projection + "_proj";
            }
        }
        return whole;
    }

    static String diffusers(Component component, String module, Part part) {
        String layer = component == Component.UNET ? ".lora." : ".lora_linear_layer.";
        return component.folder() + "." + module + layer + part.name().toLowerCase(Locale.ROOT) + ".weight";
    }

    static String peft(String module, Part part) {
        return PEFT_PREFIX + module + (part == Part.DOWN ? ".lora_A.weight" : ".lora_B.weight");
    }

    /**
     * @param module the module's path, of a UNet with two text encoders in the original layout
     * @param twoTextEncoders a model with two calls the first {@code lora_te1}
     */
    static String kohya(Component component, String module, boolean twoTextEncoders, Part part) {
        String prefix =
                switch (component) {
                    case UNET -> Prefix.UNET.text;
                    case TEXT_ENCODER -> twoTextEncoders ? Prefix.TEXT_1.text : Prefix.TEXT.text;
                    case TEXT_ENCODER_2 -> Prefix.TEXT_2.text;
                };
        String suffix =
                switch (part) {
                    case DOWN -> ".lora_down.weight";
                    case UP -> ".lora_up.weight";
                    case ALPHA -> ".alpha";
                };
        return prefix + module.replace('.', '_') + suffix;
    }

    private enum Prefix {
        UNET("lora_unet_", Component.UNET),
        TEXT_1("lora_te1_", Component.TEXT_ENCODER),
        TEXT_2("lora_te2_", Component.TEXT_ENCODER_2),
        TEXT("lora_te_", Component.TEXT_ENCODER);

        private final String text;
        private final Component component;

        Prefix(String text, Component component) {
            this.text = text;
            this.component = component;
        }
    }
}
