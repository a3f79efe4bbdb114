"""Times diffusers' own training steps and samplings on models of full size with random weights.

A step does what examples/text_to_image/train_text_to_image_lora.py (and its SDXL and DreamBooth siblings) does between two
progress-bar updates. With "-cached" after a work's name, latents and text embeddings are given instead of computed, which the
scripts do not do and Aquatint does. Prints a line of JSON for each work. Usage: diffusers_steps.py TOKENIZER STEPS WORK...
"""
import gc
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from diffusers import AutoencoderKL, DDPMScheduler, DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.optimization import get_scheduler
from peft import LoraConfig
from torch.profiler import ProfilerActivity, profile
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

DEVICE = torch.device("cuda")
DTYPE = torch.bfloat16
WARM_UP = 5
SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000)
UNET = {
    "sd15": dict(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
    "sdxl": dict(
        sample_size=128, cross_attention_dim=2048, attention_head_dim=[5, 10, 20], block_out_channels=[320, 640, 1280],
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], addition_embed_type="text_time",
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816, transformer_layers_per_block=[1, 2, 10],
        use_linear_projection=True),
}
VAE = dict(
    block_out_channels=[128, 256, 512, 512], down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
    layers_per_block=2, latent_channels=4, sample_size=512, scaling_factor=0.18215)
TEXT = dict(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, eos_token_id=2)
TEXT_2 = dict(vocab_size=49408, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
              hidden_act="gelu", projection_dim=1280, eos_token_id=2)


def on_device(make):
    with DEVICE:
        return make()


def measure(name, step, warm_up, steps):
    for _ in range(warm_up):
        step()
    torch.cuda.synchronize()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1e3)
    allocated = torch.cuda.max_memory_allocated() / 2**30
    free, total = torch.cuda.mem_get_info()
    with profile(activities=[ProfilerActivity.CUDA], acc_events=True) as profiler:
        step()
        torch.cuda.synchronize()
    events = [event for event in profiler.key_averages() if event.self_device_time_total > 0]
    result = dict(name=name, median=statistics.median(times), min=min(times), max=max(times), allocated=allocated,
                  used=(total - free) / 2**30, kernels_ms=sum(event.self_device_time_total for event in events) / 1e3,
                  kernels=sum(event.count for event in events))
    print(json.dumps({key: round(value, 2) if isinstance(value, float) else value for key, value in result.items()}), flush=True)


def conditions(model, batch, pixels, cached):
    """What gives the text states, and SDXL's pooled text and time ids."""
    xl = model == "sdxl"
    ids = torch.randint(0, 49000, (batch, 77), device=DEVICE)
    time_ids = torch.tensor([[pixels, pixels, 0, 0, pixels, pixels]] * batch, device=DEVICE, dtype=DTYPE)
    if cached:
        states = torch.randn(batch, 77, UNET[model]["cross_attention_dim"], device=DEVICE, dtype=DTYPE)
        added = dict(text_embeds=torch.randn(batch, 1280, device=DEVICE, dtype=DTYPE), time_ids=time_ids) if xl else None
        return lambda: (states, added)
    first = on_device(lambda: CLIPTextModel(CLIPTextConfig(**TEXT))).to(DTYPE).requires_grad_(False)
    if not xl:
        return lambda: (first(ids, return_dict=False)[0], None)
    second = on_device(lambda: CLIPTextModelWithProjection(CLIPTextConfig(**TEXT_2))).to(DTYPE).requires_grad_(False)

    def both():
        one = first(ids, output_hidden_states=True)
        two = second(ids, output_hidden_states=True)
        states = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1)
        return states, dict(text_embeds=two.text_embeds, time_ids=time_ids)

    return both


def train(name, model, batch, method, cached, steps):
    pixels = 1024 if model == "sdxl" else 512
    accelerator = Accelerator(mixed_precision="bf16")
    unet = on_device(lambda: UNet2DConditionModel(**UNET[model]))
    vae_dtype = torch.float32 if model == "sdxl" else DTYPE
    vae = None if cached else on_device(lambda: AutoencoderKL(**VAE)).to(vae_dtype).requires_grad_(False)
    encode = conditions(model, batch, pixels, cached)
    if method == "lora":
        unet.requires_grad_(False)
        unet.to(DEVICE, dtype=DTYPE)
        unet.add_adapter(LoraConfig(r=16, lora_alpha=16, init_lora_weights="gaussian",
                                    target_modules=["to_k", "to_q", "to_v", "to_out.0"]))
    parameters = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    scheduler = DDPMScheduler(**SCHEDULE)
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8)
    unet, optimizer, rates = accelerator.prepare(unet, optimizer, get_scheduler("constant", optimizer=optimizer))
    unet.train()
    pictures = torch.rand(batch, 3, pixels, pixels, device=DEVICE) * 2 - 1
    known = torch.randn(batch, 4, pixels // 8, pixels // 8, device=DEVICE, dtype=DTYPE)

    def step():
        with accelerator.accumulate(unet):
            if cached:
                latents = known
            else:
                latents = (vae.encode(pictures.to(vae_dtype)).latent_dist.sample() * vae.config.scaling_factor).to(DTYPE)
            noise = torch.randn_like(latents)
            timesteps = torch.randint(0, 1000, (batch,), device=DEVICE).long()
            noisy = scheduler.add_noise(latents, noise, timesteps)
            states, added = encode()
            prediction = unet(noisy, timesteps, states, added_cond_kwargs=added, return_dict=False)[0]
            if method == "dreambooth":
                prediction, prior = torch.chunk(prediction, 2, dim=0)
                target, prior_target = torch.chunk(noise, 2, dim=0)
                loss = F.mse_loss(prediction.float(), target.float()) + F.mse_loss(prior.float(), prior_target.float())
            else:
                loss = F.mse_loss(prediction.float(), noise.float(), reduction="mean")
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            rates.step()
            optimizer.zero_grad()
        return loss.detach().item()

    measure(name, step, WARM_UP, steps)


def sample(name, batch, tokenizer):
    pipeline = StableDiffusionPipeline(
        on_device(lambda: AutoencoderKL(**VAE)).to(DTYPE), on_device(lambda: CLIPTextModel(CLIPTextConfig(**TEXT))).to(DTYPE),
        CLIPTokenizer.from_pretrained(tokenizer), on_device(lambda: UNet2DConditionModel(**UNET["sd15"])).to(DTYPE),
        DPMSolverMultistepScheduler(**SCHEDULE, steps_offset=1), None, None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    prompts = ["a photo of a dog"] * batch
    measure(name, lambda: pipeline(prompts, num_inference_steps=30, guidance_scale=7.5, output_type="np"), 1, 5)


def main(tokenizer, steps, works):
    for work in works:
        model, method, batch = work.split("-")[:3]
        torch.cuda.reset_peak_memory_stats()
        if method == "sample":
            sample(work, int(batch), tokenizer)
        else:
            train(work, model, int(batch), method, work.endswith("-cached"), steps)
        gc.collect()
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
