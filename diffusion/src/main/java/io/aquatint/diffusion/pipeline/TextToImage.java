package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.scheduler.SamplingPlan;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** From a prompt to a picture, as diffusers' StableDiffusionPipeline. */
public final class TextToImage {
    private TextToImage() {}

    /**
     * Draws one picture. The same model, adapters and request give the same picture.
     *
     * @throws IllegalArgumentException if the size is no multiple of the autoencoder's factor, or an adapter does not fit
     */
    public static Picture generate(StableDiffusion model, List<WeightedLora> adapters, GenerationRequest request) {
        return generate(model, adapters, List.of(request)).get(0);
    }

    /** Draws several pictures; the adapters are added once. */
    public static List<Picture> generate(
            StableDiffusion model, List<WeightedLora> adapters, List<GenerationRequest> requests) {
        try (AdaptedModel adapted = model.adapted(adapters)) {
            return requests.stream()
                    .map(request -> generate(model, adapted, request))
                    .toList();
        }
    }

    /** Draws one picture with a model whose adapters have been added. */
    public static Picture generate(StableDiffusion model, AdaptedModel adapted, GenerationRequest request) {
        try (NDManager scope = model.manager().newSubManager()) {
            NDArray latent = denoise(model, adapted, request, initialNoise(scope, model, request));
            return Picture.ofPlanes(decode(scope, model, latent).toFloatArray(), request.width(), request.height());
        }
    }

    /** The noise of a seed, [1, latentChannels, height / factor, width / factor]. */
    static NDArray initialNoise(NDManager outputs, StableDiffusion model, GenerationRequest request) {
        int factor = model.vaeConfig().factor();
        if (request.width() % factor != 0 || request.height() % factor != 0) {
            throw new IllegalArgumentException("%d x %d pixels: this model needs multiples of %d"
                    .formatted(request.width(), request.height(), factor));
        }
        Shape shape =
                new Shape(1, model.vaeConfig().latentChannels(), request.height() / factor, request.width() / factor);
        return outputs.create(new Noise(request.seed()).next((int) shape.size()), shape);
    }

    /**
     * Runs the sampler.
     *
     * @param noise standard normal, [1, latentChannels, h, w]; it stays the caller's
     * @return the scaled latent, in the manager of the noise
     */
    public static NDArray denoise(
            StableDiffusion model, AdaptedModel adapted, GenerationRequest request, NDArray noise) {
        SamplingPlan plan = request.sampler().of(model.noiseSchedule()).plan(request.steps());
        boolean guided = request.guidanceScale() > 1;
        try (NDManager scope = noise.getManager().newSubManager()) {
            List<String> prompts =
                    guided ? List.of(request.negativePrompt(), request.prompt()) : List.of(request.prompt());
            PromptEmbedding embedding = adapted.encodeText(scope, prompts); // 1 or 2
            TimeIds size = TimeIds.of(request.width(), request.height());
            NDArray timeIds = TimeIds.array(scope, Collections.nCopies(prompts.size(), size));
            NDArray initial = noise.mul((float) plan.initialNoiseSigma());
            initial.attach(scope);
            NDArray latent = plan.sample(initial, (sample, timestep) -> {
                NDManager step = sample.getManager();
                float[] timesteps = new float[prompts.size()];
                Arrays.fill(timesteps, (float) timestep);
                NDArray input = guided ? NDArrays.concat(new NDList(sample, sample)) : sample;
                NDArray output = adapted.predict(step, input, step.create(timesteps), embedding, timeIds);
                return guided ? guide(output, request.guidanceScale()) : output;
            });
            latent.attach(noise.getManager());
            return latent;
        }
    }

    /** unconditional + scale (conditional - unconditional). */
    private static NDArray guide(NDArray output, double scale) {
        NDArray unconditional = output.get("0:1");
        NDArray conditional = output.get("1:2");
        return unconditional.add(conditional.sub(unconditional).mul((float) scale));
    }

    /** A scaled latent to pixels, [1, 3, height, width], about -1 to 1. */
    public static NDArray decode(NDManager outputs, StableDiffusion model, NDArray latent) {
        try (NDArray unscaled = latent.div((float) model.vaeConfig().scalingFactor())) {
            return model.decodeLatents(outputs, unscaled);
        }
    }
}
