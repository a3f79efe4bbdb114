package io.aquatint.diffusion.checkpoint;

import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Names of adapter tensors: diffusers and PEFT separate a module's path by dots, kohya by underscores. */
final class LoraNames {

    /** Which of a layer's tensors a name means. */
    enum Part {
        DOWN,
        UP,
        ALPHA
    }

    /** @param module the module's path with dots, relative to the component */
    record Name(Component component, String module, Part part) {}

    private static final List<Suffix> SUFFIXES = List.of(
            new Suffix(".lora.down.weight", Part.DOWN),
            new Suffix(".lora.up.weight", Part.UP),
            new Suffix(".lora_linear_layer.down.weight", Part.DOWN),
            new Suffix(".lora_linear_layer.up.weight", Part.UP),
            new Suffix(".lora_A.default.weight", Part.DOWN),
            new Suffix(".lora_B.default.weight", Part.UP),
            new Suffix(".lora_A.weight", Part.DOWN),
            new Suffix(".lora_B.weight", Part.UP),
            new Suffix(".lora_down.weight", Part.DOWN),
            new Suffix(".lora_up.weight", Part.UP),
            new Suffix(".alpha", Part.ALPHA));

    /** Parts of module names that hold an underscore themselves; longer ones before their own prefixes. */
    private static final List<String> COMPOUNDS = List.of(
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
            "out_proj");

    private record Suffix(String text, Part part) {}

    private LoraNames() {}

    /** What a stored name means; empty for a form that is not known. */
    static Optional<Name> parse(String stored) {
        for (Suffix suffix : SUFFIXES) {
            if (stored.endsWith(suffix.text())) {
                String path =
                        stored.substring(0, stored.length() - suffix.text().length());
                return path.startsWith("lora_") ? kohya(path, suffix.part()) : dotted(path, suffix.part());
            }
        }
        return Optional.empty();
    }

    private static Optional<Name> dotted(String path, Part part) {
        String module = path.startsWith("base_model.model.") ? path.substring("base_model.model.".length()) : path;
        for (Component component : Component.values()) {
            String prefix = component.folder() + ".";
            if (module.startsWith(prefix)) {
                return Optional.of(new Name(component, canonical(component, module.substring(prefix.length())), part));
            }
        }
        // PEFT's own files hold one component and do not name it
        Component component =
                module.contains("self_attn") || module.contains(".mlp.fc") ? Component.TEXT_ENCODER : Component.UNET;
        return Optional.of(new Name(component, canonical(component, module), part));
    }

    private static Optional<Name> kohya(String path, Part part) {
        for (Prefix prefix : Prefix.values()) {
            if (path.startsWith(prefix.text)) {
                String module = path.substring(prefix.text.length()).replace('_', '.');
                for (String compound : COMPOUNDS) {
                    module = restore(module, compound);
                }
                return Optional.of(new Name(prefix.component, canonical(prefix.component, module), part));
            }
        }
        return Optional.empty();
    }

    /** Puts a compound's underscores back where it stands as whole path elements. */
    private static String restore(String module, String compound) {
        String dotted = "." + compound.replace('_', '.') + ".";
        return ("." + module + ".").replace(dotted, "." + compound + ".").replaceAll("^\\.|\\.$", "");
    }

    private static String canonical(Component component, String module) {
        boolean shortened = component != Component.UNET && module.startsWith("encoder.layers.");
        return shortened ? "text_model." + module : module;
    }

    static String diffusers(Component component, String module, Part part) {
        String layer = component == Component.UNET ? ".lora." : ".lora_linear_layer.";
        return component.folder() + "." + module + layer + part.name().toLowerCase(Locale.ROOT) + ".weight";
    }

    /** SD 1.5's names; a model with two text encoders calls the first {@code lora_te1}. */
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
