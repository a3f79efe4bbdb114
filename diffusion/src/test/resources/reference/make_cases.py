# Writes reference cases with diffusers, transformers and peft in float32 on the CPU. Usage: golden.py GOLDEN OUT
import copy, itertools, json, os, sys, traceback
import torch, torch.nn.functional as F
import diffusers, transformers, peft
from diffusers import (UNet2DConditionModel, AutoencoderKL, DDPMScheduler, DDIMScheduler, EulerAncestralDiscreteScheduler,
                       StableDiffusionPipeline)
from diffusers.training_utils import compute_snr
from transformers import CLIPTextModel, CLIPTokenizer
from peft import LoraConfig
from safetensors.torch import save_file

torch.set_num_threads(6)
golden, out = sys.argv[1], sys.argv[2]
VERSIONS = {"torch": torch.__version__, "diffusers": diffusers.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
TARGETS = ["to_k", "to_q", "to_v", "to_out.0"]
TEXT_TARGETS = ["k_proj", "out_proj", "q_proj", "v_proj"]
BASE = {"batch": 2, "weight_decay": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "max_grad_norm": 1.0}


def save(model, name, tensors, meta):
    folder = os.path.join(out, model, "cases")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name + ".safetensors")
    tensors = {k: v.detach().clone().contiguous() for k, v in tensors.items()}
    save_file(tensors, path, metadata={"meta": json.dumps({**meta, "versions": VERSIONS})})
    print(name, model, os.path.getsize(path), flush=True)


def unet(model):
    return UNet2DConditionModel.from_pretrained(os.path.join(golden, model, "model"), subfolder="unet", torch_dtype=torch.float32)


def text_encoder(model):
    return CLIPTextModel.from_pretrained(os.path.join(golden, model, "model"), subfolder="text_encoder", torch_dtype=torch.float32)


def unet_name(name):
    return name.replace(".lora_A.default.", ".lora.down.").replace(".lora_B.default.", ".lora.up.")


def text_name(name):
    name = name.replace("text_model.", "").replace("base_model.model.", "")
    return name.replace(".lora_A.default.", ".lora_linear_layer.down.").replace(".lora_B.default.", ".lora_linear_layer.up.")


def randomise(parameters, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, p in parameters:
        deviation = 0.25 if "lora_A" in name else 0.02
        p.data = torch.randn(p.shape, generator=generator) * deviation


def inputs(steps, batch, size, context, seed, xl):
    generator = torch.Generator().manual_seed(seed)
    t = {
        "latents": torch.randn(steps, batch, 4, size, size, generator=generator),
        "noise": torch.randn(steps, batch, 4, size, size, generator=generator),
        "timesteps": torch.randint(0, 1000, (steps, batch), generator=generator),
    }
    if context:
        t["context"] = torch.randn(steps, batch, 77, context, generator=generator)
    if xl:
        for i in range(steps):
            t[f"text_embeds.{i}"] = torch.randn(batch, 32, generator=generator)
            t[f"time_ids.{i}"] = torch.tensor([[size * 4.0, size * 4.0, 0, 0, size * 4.0, size * 4.0]] * batch)
    return t


def added(t, i, dtype):
    if f"text_embeds.{i}" not in t:
        return None
    return {"text_embeds": t[f"text_embeds.{i}"].to(dtype), "time_ids": t[f"time_ids.{i}"].to(dtype)}


def loss_of(pred, target, meta, scheduler, timesteps):
    gamma = meta.get("snr_gamma")
    if gamma is None:
        return F.mse_loss(pred, target, reduction="mean")
    snr = compute_snr(scheduler, timesteps)
    weights = torch.stack([snr, gamma * torch.ones_like(timesteps)], dim=1).min(dim=1)[0]
    weights = weights / (snr if meta["prediction_type"] == "epsilon" else snr + 1)
    loss = F.mse_loss(pred, target, reduction="none")
    return (loss.mean(dim=list(range(1, len(loss.shape)))) * weights).mean()


def train_lora(model, meta, t, parameters_seed, dtype, nudge=False):
    torch.manual_seed(0)
    net = unet(model)
    net.requires_grad_(False)
    net.add_adapter(LoraConfig(r=meta["rank"], lora_alpha=meta["alpha"], target_modules=TARGETS, init_lora_weights="gaussian"))
    named = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
    randomise(named, parameters_seed)
    if nudge:
        for _, p in named:
            p.data = torch.nextafter(p.data, torch.full_like(p.data, 1e9))
    net.to(dtype)
    net.train()
    init = {"init." + unet_name(n): p.detach().clone() for n, p in named}
    scheduler = DDPMScheduler(**SCHEDULE, prediction_type=meta["prediction_type"])
    parameters = [p for _, p in named]
    optimizer = torch.optim.AdamW(parameters, lr=meta["lr"], betas=tuple(meta["betas"]), weight_decay=meta["weight_decay"], eps=meta["eps"])
    losses, norms = [], []
    for i in range(meta["steps"]):
        latents, noise, timesteps = t["latents"][i].to(dtype), t["noise"][i].to(dtype), t["timesteps"][i]
        noisy = scheduler.add_noise(latents, noise, timesteps)
        target = noise if meta["prediction_type"] == "epsilon" else scheduler.get_velocity(latents, noise, timesteps)
        pred = net(noisy, timesteps, t["context"][i].to(dtype), added_cond_kwargs=added(t, i, dtype), return_dict=False)[0]
        loss = loss_of(pred, target, meta, scheduler, timesteps)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, meta["max_grad_norm"]).detach().clone())
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach().clone())
    final = {"final." + unet_name(n): p.detach().clone() for n, p in named}
    return init, final, torch.stack(losses), torch.stack(norms)


def relative(a, b):
    return ((a.double() - b.double()).norm() / b.double().norm()).item()


def report(name, one, other):
    worst = max((relative(one[1][k], other[1][k]), k) for k in one[1])
    whole = relative(torch.cat([v.flatten() for v in one[1].values()]), torch.cat([other[1][k].flatten() for k in one[1]]))
    print(f"  {name}: losses {relative(one[2], other[2]):.2e} norms {relative(one[3], other[3]):.2e} whole {whole:.2e} worst layer {worst[0]:.2e} {worst[1]}", flush=True)


def lora_case(model, name, size, seed, **changes):
    xl = model == "sdxl"
    meta = {"steps": 4, "lr": 1e-3, **BASE, "rank": 4, "alpha": 4, "full": False, "prior_preservation": False, "prior_loss_weight": 1.0,
            "snr_gamma": None, "target_modules": TARGETS, "prediction_type": "epsilon", **{k: v for k, v in SCHEDULE.items()}, **changes}
    t = inputs(meta["steps"], meta["batch"], size, 64 if xl else 32, seed, xl)
    result = train_lora(model, meta, t, seed + 1, torch.float32)
    init, final, losses, norms = result
    moved = relative(torch.cat([init["init." + k[6:]].flatten() for k in final]), torch.cat([v.flatten() for v in final.values()]))
    print(f"  {name}: moved {moved:.2e} losses {losses.tolist()} norms {norms.tolist()}")
    report("nudged", result, train_lora(model, meta, t, seed + 1, torch.float32, nudge=True))
    report("float64", result, train_lora(model, meta, t, seed + 1, torch.float64))
    save(model, name, {**t, **init, **final, "losses": losses, "grad_norms": norms}, meta)


def text_case():
    meta = {"steps": 4, "lr": 1e-3, **BASE, "rank": 4, "alpha": 4, "clip": "unet+text encoder together", "snr_gamma": None,
            "target_modules": TARGETS, "text_target_modules": TEXT_TARGETS, "prediction_type": "epsilon", **SCHEDULE}
    t = inputs(4, 2, 16, 0, 500, False)
    tokenizer = CLIPTokenizer.from_pretrained(os.path.join(golden, "sd15/model"), subfolder="tokenizer")
    t["input_ids"] = tokenizer(["a photo of sks dog", "a painting of a cat in the snow"], padding="max_length", max_length=77,
                               truncation=True, return_tensors="pt").input_ids

    def run(dtype):
        net, text = unet("sd15"), text_encoder("sd15")
        net.requires_grad_(False)
        text.requires_grad_(False)
        net.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=TARGETS, init_lora_weights="gaussian"))
        text.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=TEXT_TARGETS, init_lora_weights="gaussian"))
        a = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
        b = [(n, p) for n, p in text.named_parameters() if p.requires_grad]
        randomise(a, 501)
        randomise(b, 502)
        net.to(dtype).train()
        text.to(dtype).train()
        names = [("unet." + unet_name(n), p) for n, p in a] + [("text_encoder." + text_name(n), p) for n, p in b]
        init = {"init." + n: p.detach().clone() for n, p in names}
        parameters = [p for _, p in names]
        scheduler = DDPMScheduler(**SCHEDULE)
        optimizer = torch.optim.AdamW(parameters, lr=meta["lr"], betas=(0.9, 0.999), weight_decay=0.01, eps=1e-8)
        losses, norms = [], []
        for i in range(4):
            noisy = scheduler.add_noise(t["latents"][i].to(dtype), t["noise"][i].to(dtype), t["timesteps"][i])
            context = text(t["input_ids"], return_dict=False)[0]
            pred = net(noisy, t["timesteps"][i], context, return_dict=False)[0]
            loss = F.mse_loss(pred, t["noise"][i].to(dtype), reduction="mean")
            loss.backward()
            norms.append(torch.nn.utils.clip_grad_norm_(parameters, 1.0).detach().clone())
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.detach().clone())
        return init, {"final." + n: p.detach().clone() for n, p in names}, torch.stack(losses), torch.stack(norms)

    result = run(torch.float32)
    report("float64", result, run(torch.float64))
    save("sd15", "train-lora-with-text-encoder", {**t, **result[0], **result[1], "losses": result[2], "grad_norms": result[3]}, meta)


FINALS = ["conv_in.weight", "conv_out.bias", "down_blocks.1.attentions.0.proj_in.weight",
          "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight", "time_embedding.linear_1.weight", "up_blocks.1.resnets.0.norm1.weight"]


def full_case(model, size, seed, name="train-full-prior", prior=True, **changes):
    xl = model == "sdxl"
    meta = {"steps": 3, "lr": 1e-4, **BASE, "batch": 4, "full": True, "prior_preservation": prior, "prior_loss_weight": 0.5 if prior else 1.0,
            "snr_gamma": None, "prediction_type": "epsilon", **SCHEDULE, **changes}
    t = inputs(meta["steps"], meta["batch"], size, 64 if xl else 32, seed, xl)

    def run(dtype):
        net = unet(model).to(dtype).train()
        parameters = list(net.parameters())
        scheduler = DDPMScheduler(**SCHEDULE)
        optimizer = torch.optim.AdamW(parameters, lr=meta["lr"], betas=(0.9, 0.999), weight_decay=0.01, eps=1e-8)
        losses, norms = [], []
        for i in range(meta["steps"]):
            noise = t["noise"][i].to(dtype)
            noisy = scheduler.add_noise(t["latents"][i].to(dtype), noise, t["timesteps"][i])
            pred = net(noisy, t["timesteps"][i], t["context"][i].to(dtype), added_cond_kwargs=added(t, i, dtype), return_dict=False)[0]
            pred, pred_prior = torch.chunk(pred, 2, dim=0)
            target, target_prior = torch.chunk(noise, 2, dim=0)
            loss = F.mse_loss(pred, target, reduction="mean") + meta["prior_loss_weight"] * F.mse_loss(pred_prior, target_prior, reduction="mean")
            loss.backward()
            norms.append(torch.nn.utils.clip_grad_norm_(parameters, 1.0).detach().clone())
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.detach().clone())
        named = dict(net.named_parameters())
        return {}, {"final." + k: named[k].detach().clone() for k in FINALS}, torch.stack(losses), torch.stack(norms)

    result = run(torch.float32)
    print(f"  {name}: losses {result[2].tolist()} norms {result[3].tolist()}")
    report("float64", result, run(torch.float64))
    save(model, name, {**t, **result[1], "losses": result[2], "grad_norms": result[3]}, meta)


def inversion_case():
    meta = {"placeholder_ids": [1000, 1001], "initializer": "dog", "lr": 5e-3, **BASE, "max_grad_norm": None, "steps": 4, "prediction_type": "epsilon", **SCHEDULE}
    t = inputs(4, 2, 16, 0, 700, False)
    tokenizer = CLIPTokenizer.from_pretrained(os.path.join(golden, "sd15/model"), subfolder="tokenizer")
    tokenizer.add_tokens(["<x>", "<x>_1"])
    assert tokenizer.convert_tokens_to_ids(["<x>", "<x>_1"]) == [1000, 1001]
    meta["initializer_id"] = tokenizer.encode("dog", add_special_tokens=False)[0]
    t["input_ids"] = tokenizer(["a photo of a <x> <x>_1", "a rendering of the <x> <x>_1"], padding="max_length", max_length=77,
                               truncation=True, return_tensors="pt").input_ids

    def run(dtype):
        net, text = unet("sd15").to(dtype), text_encoder("sd15")
        text.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        text.to(dtype)
        table = text.get_input_embeddings().weight
        with torch.no_grad():
            for token in meta["placeholder_ids"]:
                table[token] = table[meta["initializer_id"]].clone()
        first = table[1000:].detach().clone()
        original = table.detach().clone()
        net.requires_grad_(False)
        text.requires_grad_(False)
        table.requires_grad_(True)
        text.train()
        scheduler = DDPMScheduler(**SCHEDULE)
        optimizer = torch.optim.AdamW([table], lr=meta["lr"], betas=(0.9, 0.999), weight_decay=0.01, eps=1e-8)
        losses = []
        for i in range(4):
            noisy = scheduler.add_noise(t["latents"][i].to(dtype), t["noise"][i].to(dtype), t["timesteps"][i])
            pred = net(noisy, t["timesteps"][i], text(t["input_ids"], return_dict=False)[0], return_dict=False)[0]
            loss = F.mse_loss(pred, t["noise"][i].to(dtype), reduction="mean")
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            with torch.no_grad():
                table[:1000] = original[:1000]
            losses.append(loss.detach().clone())
        return first, {"final_embedding": table[1000:].detach().clone()}, torch.stack(losses), torch.stack(losses)

    result = run(torch.float32)
    report("float64", result, run(torch.float64))
    print("  inversion moved", relative(result[0], result[1]["final_embedding"]), "losses", result[2].tolist())
    save("sd15", "train-textual-inversion", {**t, "init_embedding": result[0], **result[1], "losses": result[2]}, meta)


def sampler_case(model, name, scheduler, seed, size, **extra):
    import diffusers.schedulers.scheduling_ddpm as ddpm
    import diffusers.schedulers.scheduling_euler_ancestral_discrete as ancestral
    steps = 10
    generator = torch.Generator().manual_seed(seed)
    initial = torch.randn(1, 4, size, size, generator=generator)
    noise = torch.randn(steps, 1, 4, size, size, generator=generator)
    scheduler.set_timesteps(steps)
    step = [0]
    take = lambda *a, **k: noise[step[0]].clone()
    ddpm.randn_tensor = take
    ancestral.randn_tensor = take
    sigma = scheduler.init_noise_sigma
    sample = initial * sigma
    first = sample.clone()
    trajectory = []
    for i, timestep in enumerate(scheduler.timesteps):
        step[0] = i
        scaled = scheduler.scale_model_input(sample, timestep)
        output = torch.sin(3 * scaled) * 0.5 + 0.1 * torch.cos(timestep.float())
        sample = scheduler.step(output, timestep, sample).prev_sample
        trajectory.append(sample.clone())
    sigmas = scheduler.sigmas if hasattr(scheduler, "sigmas") else torch.zeros(1)
    save(model, "sampler-" + name, {"initial": first, "noise": noise, "sigmas": sigmas.float(), "timesteps": scheduler.timesteps.float(),
                                     "trajectory": torch.stack(trajectory)},
         {"steps": steps, "init_noise_sigma": float(sigma), "model": "eps = sin(3*scaled_input)*0.5 + 0.1*cos(timestep)", **SCHEDULE, "prediction_type": "epsilon", **extra})


def image_case():
    pipe = StableDiffusionPipeline.from_pretrained(os.path.join(golden, "sd15/model"), torch_dtype=torch.float32, safety_checker=None,
                                                   feature_extractor=None, requires_safety_checker=False)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(900)
    latent = torch.randn(1, 4, 16, 16, generator=generator)
    meta = {"prompt": "a photo of sks dog", "negative_prompt": "blurry", "steps": 5, "guidance_scale": 7.5, "sampler": "ddim"}

    def draw(initial, adapters):
        pipe.unload_lora_weights()
        for name in adapters:
            path = os.path.join(golden, "sd15/lora", name)
            if os.path.isdir(path):
                pipe.load_lora_weights(path, adapter_name=name.replace("-", "_"))
            else:
                pipe.load_lora_weights(os.path.dirname(path), weight_name=name + ".safetensors", adapter_name=name.replace("-", "_"))
        if adapters:
            pipe.set_adapters([n.replace("-", "_") for n in adapters], [adapters[n] for n in adapters])
        return pipe(meta["prompt"], negative_prompt=meta["negative_prompt"], num_inference_steps=5, guidance_scale=7.5,
                    latents=initial.clone(), output_type="latent").images

    plain = draw(latent, {})
    tensors = {"initial_latent": latent}
    for name, adapters in [("a=0.1", {"a": 0.1}), ("a=0.07,b=0.05", {"a": 0.07, "b": 0.05}), ("b=0.1", {"b": 0.1}), ("b-kohya=0.02", {"b-kohya": 0.02})]:
        tensors[name] = draw(latent, adapters)
        other = draw(torch.nextafter(latent, torch.full_like(latent, 1e9)), adapters)
        print(f"  {name}: differs from none by {relative(tensors[name], plain):.2e}, nudged {relative(other, tensors[name]):.2e}", flush=True)
    save("sd15", "text2img-lora", tensors, meta)


for case in [lambda: lora_case("sd15", "train-lora", 16, 100), lambda: lora_case("sd15", "train-lora-alpha8-snr5", 16, 200, rank=2, alpha=8, snr_gamma=5.0),
             lambda: lora_case("sd15", "train-lora-v-prediction", 16, 300, rank=2, alpha=2, prediction_type="v_prediction", snr_gamma=5.0),
             lambda: lora_case("sdxl", "train-lora", 16, 400, rank=2, alpha=2, steps=3),
             text_case, lambda: full_case("sd15", 16, 600), lambda: full_case("sdxl", 16, 650), inversion_case,
             lambda: sampler_case("sd15", "euler_ancestral", EulerAncestralDiscreteScheduler(**SCHEDULE, steps_offset=1), 800, 8),
             lambda: sampler_case("sd15", "ddpm", DDPMScheduler(**SCHEDULE, steps_offset=1, clip_sample=False), 850, 8,
                                  note="DDPMScheduler, clip_sample off, variance_type fixed_small, leading spacing, steps_offset 1"),
             image_case]:
    try:
        case()
    except Exception:
        traceback.print_exc(file=sys.stdout)
