package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.scheduler.SamplingPlan;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.Stream;

/**
 * From prompts to pictures, as diffusers' StableDiffusionPipeline and StableDiffusionXLPipeline. All noise of a picture follows
 * from its own seed, so it is the same picture alone and in a batch, but for the rounding of the network.
 */
public final class TextToImage {
    private TextToImage() {}

    /**
     * Draws one picture. The same model, adapters and request give the same picture.
     *
     * @throws IllegalArgumentException if the UNet cannot halve the size at each level, or an adapter does not fit
     * @throws PictureNotFiniteException if NaN or infinity came out
     */
    public static Picture generate(StableDiffusion model, List<WeightedLora> adapters, GenerationRequest request) {
        try (AdaptedModel adapted = model.adapted(adapters)) {
            return generate(model, adapted, request);
        }
    }

    /** Draws one picture with a model whose adapters have been added. */
    public static Picture generate(StableDiffusion model, AdaptedModel adapted, GenerationRequest request) {
        return generate(model, adapted, List.of(request), step -> {}).get(0);
    }

    /**
     * Draws several pictures at once: as one batch through the network, then decoded one after the other.
     *
     * @param batch one for each picture; they may differ in their prompts and seeds
     * @param afterStep is told how many steps are done
     * @throws IllegalArgumentException if the requests differ in anything else, or the UNet cannot halve the size at each
     *     level
     * @throws PictureNotFiniteException if NaN or infinity came out in place of one
     */
    public static List<Picture> generate(
            StableDiffusion model, AdaptedModel adapted, List<GenerationRequest> batch, IntConsumer afterStep) {
        try (NDManager scope = model.manager().newSubManager()) {
            NDArray latents = latents(scope, model, adapted, batch, afterStep);
            List<Picture> pictures = new ArrayList<>();
            for (int i = 0; i < batch.size(); i++) {
                try (NDManager step = scope.newSubManager()) {
                    NDArray latent = latents.get(i + ":" + (i + 1));
                    latent.attach(step);
                    float[] planes = decode(step, model, latent).toFloatArray();
                    GenerationRequest request = batch.get(i);
                    checkFinite(planes, model, request);
                    pictures.add(Picture.ofPlanes(planes, request.width(), request.height()));
                }
            }
            return pictures;
        }
    }

    /** A latent that is not finite is seen here too: the decoder's group norms spread it over the whole picture. */
    private static void checkFinite(float[] planes, StableDiffusion model, GenerationRequest request) {
        for (float value : planes) {
            if (!Float.isFinite(value)) {
                throw new PictureNotFiniteException(model.source().path(), request.seed(), model.precision());
            }
        }
    }

    /** The scaled latents of a batch, [b, latentChannels, height / factor, width / factor]. */
    static NDArray latents(
            NDManager outputs,
            StableDiffusion model,
            AdaptedModel adapted,
            List<GenerationRequest> batch,
            IntConsumer afterStep) {
        List<Noise> noises =
                batch.stream().map(request -> new Noise(request.seed())).toList();
        try (NDArray initial = draw(outputs, noises, latentShape(model, batch.get(0)))) {
            SamplingPlan.NoiseSource fresh = (scope, shape) -> draw(scope, noises, shape.slice(1));
            return denoise(model, adapted, batch, initial, fresh, afterStep);
        }
    }

    /** [latentChannels, height / factor, width / factor]. */
    private static Shape latentShape(StableDiffusion model, GenerationRequest request) {
        int factor = model.vaeConfig().factor();
        int multiple = factor
                << (model.unetConfig().blockOutChannels().size() - 1); // the UNet halves it at each level but one
        if (request.width() % multiple != 0 || request.height() % multiple != 0) {
            throw new IllegalArgumentException("%d x %d pixels: width and height must be multiples of %d for this model"
                    .formatted(request.width(), request.height(), multiple));
        }
        return new Shape(model.vaeConfig().latentChannels(), request.height() / factor, request.width() / factor);
    }

    /** The next numbers of each, [noises, ...]. */
    private static NDArray draw(NDManager outputs, List<Noise> noises, Shape each) {
        int size = Math.toIntExact(each.size());
        float[] all = new float[noises.size() * size];
        for (int i = 0; i < noises.size(); i++) {
            System.arraycopy(noises.get(i).next(size), 0, all, i * size, size);
        }
        return outputs.create(all, new Shape(noises.size()).addAll(each));
    }

    /**
     * Runs the sampler.
     *
     * @param batch b requests that differ in no more than their prompts and seeds
     * @param noise standard normal, [b, latentChannels, h, w]; it stays the caller's
     * @param fresh the noise of samplers that add some at each step
     * @return the scaled latents, in the manager of the noise
     */
    static NDArray denoise(
            StableDiffusion model,
            AdaptedModel adapted,
            List<GenerationRequest> batch,
            NDArray noise,
            SamplingPlan.NoiseSource fresh,
            IntConsumer afterStep) {
        GenerationRequest request = checked(batch);
        SamplingPlan plan = request.sampler().of(model.noiseSchedule()).plan(request.steps());
        boolean guided = request.guidanceScale() > 1;
        try (NDManager scope = noise.getManager().newSubManager()) {
            PromptEmbedding prompts = prompts(model, adapted, scope, batch, guided);
            int rows = Math.toIntExact(prompts.context().getShape().get(0)); // b or 2b
            TimeIds size = TimeIds.of(request.width(), request.height());
            NDArray timeIds = TimeIds.array(scope, Collections.nCopies(rows, size));
            NDArray initial = noise.mul((float) plan.initialNoiseSigma());
            initial.attach(scope);
            int[] done = {0};
            NDArray latents = plan.sample(initial, fresh, (sample, timestep) -> {
                NDManager step = sample.getManager();
                NDArray timesteps = step.full(new Shape(rows), (float) timestep);
                NDArray input = guided ? NDArrays.concat(new NDList(sample, sample)) : sample;
                NDArray output = adapted.predict(step, input, timesteps, prompts, timeIds);
                NDArray prediction = guided ? guide(output, request.guidanceScale()) : output;
                afterStep.accept(++done[0]);
                return prediction;
            });
            latents.attach(noise.getManager());
            return latents;
        }
    }

    private static GenerationRequest checked(List<GenerationRequest> batch) {
        GenerationRequest first = batch.get(0);
        for (GenerationRequest request : batch) {
            GenerationRequest alike = new GenerationRequest(
                    first.prompt(),
                    first.negativePrompt(),
                    first.seed(),
                    request.steps(),
                    request.guidanceScale(),
                    request.width(),
                    request.height(),
                    request.sampler());
            if (!alike.equals(first)) {
                throw new IllegalArgumentException(
                        "pictures of one batch differ in more than prompt and seed: %s and %s"
                                .formatted(first, request));
            }
        }
        return first;
    }

    /** With guidance all negative prompts before all prompts. */
    static PromptEmbedding prompts(
            StableDiffusion model,
            AdaptedModel adapted,
            NDManager scope,
            List<GenerationRequest> batch,
            boolean guided) {
        List<String> prompts = batch.stream().map(GenerationRequest::prompt).toList();
        if (!guided) {
            return adapted.encodeText(scope, prompts);
        }
        List<String> negatives = batch.stream().map(TextToImage::negativePrompt).toList();
        PromptEmbedding both = adapted.encodeText(
                scope, Stream.concat(negatives.stream(), prompts.stream()).toList());
        if (!model.source().zerosForAbsentNegativePrompt()) {
            return both;
        }
        float[] kept = new float[2 * batch.size()];
        for (int i = 0; i < kept.length; i++) {
            kept[i] = i < batch.size() && batch.get(i).negativePrompt() == null ? 0 : 1;
        }
        return both.scaled(scope, kept);
    }

    private static String negativePrompt(GenerationRequest request) {
        String prompt = request.negativePrompt();
        return prompt == null ? "" : prompt;
    }

    /** unconditional + scale (conditional - unconditional). */
    private static NDArray guide(NDArray output, double scale) {
        NDList halves = output.split(2);
        NDArray unconditional = halves.get(0);
        return unconditional.add(halves.get(1).sub(unconditional).mul((float) scale));
    }

    /** A scaled latent to pixels, [1, 3, height, width], about -1 to 1. */
    public static NDArray decode(NDManager outputs, StableDiffusion model, NDArray latent) {
        try (NDArray unscaled = latent.div((float) model.vaeConfig().scalingFactor())) {
            return model.decodeLatents(outputs, unscaled);
        }
    }
}
