package io.aquatint.diffusion.checkpoint;

/** How a LoRA's file names its tensors. */
public enum LoraForm {
    /** {@code pytorch_lora_weights.safetensors}: the component, the module, {@code lora.down} and {@code lora.up}. */
    DIFFUSERS,
    /** {@code adapter_model.safetensors} with {@code adapter_config.json}: one component, {@code lora_A} and {@code lora_B}. */
    PEFT,
    /** A1111's and ComfyUI's: {@code lora_unet_...}, {@code lora_down}, {@code lora_up} and {@code alpha}. */
    KOHYA
}
