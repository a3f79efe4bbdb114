package io.aquatint.diffusion.parity;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.adapter.LoraLayout;
import io.aquatint.diffusion.checkpoint.DiffusersFolder;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.scheduler.NoiseSchedule;
import io.aquatint.diffusion.training.LoraStep;
import io.aquatint.diffusion.training.OptimizerConfig;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** Training of a LoRA on the UNet. */
final class TrainingCases {
    private TrainingCases() {}

    /**
     * Trains as the case did.
     *
     * @return the largest error of losses, gradient norms and the adapter as one vector; the case is judged by each layer too
     */
    static double lora(DiffusersFolder model, GoldenCase golden) {
        JsonNode meta = golden.meta();
        if (meta.path("full").asBoolean() || meta.path("prior_preservation").asBoolean()) {
            throw new UnsupportedModelException(
                    "training the whole network, and prior preservation, are not supported");
        }
        if (golden.names().stream()
                .filter(name -> name.startsWith("init."))
                .allMatch(name -> sameAfterTraining(golden, name))) {
            golden.remark(
                    "every init.* tensor equals its final.*: the adapter that training began from is not in the file");
        }
        TensorSource source = model.weights("unet");
        LoraLayout layout = LoraLayout.of(
                source,
                new LoraConfig(
                        golden.meta("rank").asInt(),
                        golden.meta("alpha").asDouble(),
                        texts(golden.meta("target_modules"))));
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Weights weights = Weights.load(manager, source, source.names(), Set.of());
            OptimizerConfig optimizer = new OptimizerConfig(
                    golden.meta("betas").path(0).asDouble(),
                    golden.meta("betas").path(1).asDouble(),
                    golden.meta("eps").asDouble(),
                    golden.meta("weight_decay").asDouble(),
                    meta.path("max_grad_norm").asDouble(Double.POSITIVE_INFINITY));
            UNet2DConditionConfig config = UNet2DConditionConfig.from(model.config("unet"));
            float[] initial = initial(layout, golden);
            Outcome outcome;
            try (LoraStep step = new LoraStep(manager, config, weights, layout, optimizer, initial)) {
                outcome = train(manager, step, golden, config.takesTextAndTime());
            }
            double losses = golden.compare("losses", outcome.losses());
            double norms = golden.compare("grad_norms", outcome.gradientNorms());
            double adapter = compareFinal(layout, outcome.adapter(), golden);
            if (golden.worst() > ParityRunner.TRAINING_AND_SAMPLING) {
                float[] nudged = GoldenCase.nextUp(initial);
                try (LoraStep step = new LoraStep(manager, config, weights, layout, optimizer, nudged)) {
                    Outcome other = train(manager, step, golden, config.takesTextAndTime());
                    golden.remarkSensitivity("every number of the first adapter", outcome.differenceFrom(other));
                }
            }
            return Math.max(Math.max(losses, norms), adapter);
        }
    }

    private static boolean sameAfterTraining(GoldenCase golden, String name) {
        String trained = "final." + name.substring("init.".length());
        return golden.has(trained) && Arrays.equals(golden.floats(name), golden.floats(trained));
    }

    private static float[] initial(LoraLayout layout, GoldenCase golden) {
        float[] flat = new float[layout.size()];
        for (LoraLayout.Site site : layout.sites().values()) {
            String name = "init." + site.module() + ".lora.";
            layout.put(flat, site, golden.floats(name + "down.weight"), golden.floats(name + "up.weight"));
        }
        return flat;
    }

    /** What a training came to. */
    private record Outcome(float[] losses, float[] gradientNorms, float[] adapter) {
        double differenceFrom(Outcome other) {
            double losses = GoldenCase.relativeError(this.losses, other.losses);
            double norms = GoldenCase.relativeError(gradientNorms, other.gradientNorms);
            return Math.max(Math.max(losses, norms), GoldenCase.relativeError(adapter, other.adapter));
        }
    }

    private static Outcome train(NDManager manager, LoraStep step, GoldenCase golden, boolean textAndTime) {
        int steps = golden.meta("steps").asInt();
        float[] losses = new float[steps];
        float[] norms = new float[steps];
        for (int i = 0; i < steps; i++) {
            try (NDManager scope = manager.newSubManager()) {
                LoraStep.Result result = step.step(
                        batch(scope, golden, i, textAndTime), golden.meta("lr").asDouble());
                losses[i] = result.loss();
                norms[i] = result.gradientNorm();
            }
        }
        return new Outcome(losses, norms, step.adapter());
    }

    static LoraStep.Batch batch(NDManager scope, GoldenCase golden, int step, boolean textAndTime) {
        NoiseSchedule schedule = SchedulerCases.schedule(golden.meta());
        float[] timesteps = golden.row("timesteps", step);
        float[] latents = golden.row("latents", step);
        float[] noise = golden.row("noise", step);
        int pictures = timesteps.length;
        int size = latents.length / pictures;
        float[] noisy = new float[latents.length];
        float[] target = new float[latents.length];
        float[] lossWeights = new float[pictures];
        for (int picture = 0; picture < pictures; picture++) {
            int timestep = (int) timesteps[picture];
            double gamma = golden.meta().path("snr_gamma").asDouble(0);
            lossWeights[picture] = gamma > 0 ? (float) schedule.minSnrWeight(timestep, gamma) : 1;
            for (int i = picture * size; i < (picture + 1) * size; i++) {
                noisy[i] = (float) (schedule.signal(timestep) * latents[i] + schedule.noise(timestep) * noise[i]);
                target[i] = (float) (schedule.targetFromClean(timestep) * latents[i]
                        + schedule.targetFromNoise(timestep) * noise[i]);
            }
        }
        Shape shape = rowShape(golden, "latents");
        NDArray[] conditions = textAndTime
                ? new NDArray[] {golden.array(scope, "text_embeds." + step), golden.array(scope, "time_ids." + step)}
                : new NDArray[0];
        return new LoraStep.Batch(
                scope.create(noisy, shape),
                scope.create(target, shape),
                scope.create(timesteps),
                scope.create(golden.row("context", step), rowShape(golden, "context")),
                scope.create(lossWeights),
                conditions);
    }

    private static Shape rowShape(GoldenCase golden, String name) {
        return new Shape(golden.tensor(name).info().dimensions()).slice(1);
    }

    /**
     * Every layer alone and all of them as one vector.
     *
     * @return the error of the vector
     */
    private static double compareFinal(LoraLayout layout, float[] actual, GoldenCase golden) {
        float[] expected = new float[layout.size()];
        for (LoraLayout.Site site : layout.sites().values()) {
            String name = "final." + site.module() + ".lora.";
            layout.put(expected, site, golden.floats(name + "down.weight"), golden.floats(name + "up.weight"));
        }
        double whole = golden.compare(actual, expected);
        for (LoraLayout.Site site : layout.sites().values()) {
            golden.compare(layout.down(actual, site), layout.down(expected, site));
            golden.compare(layout.up(actual, site), layout.up(expected, site));
        }
        return whole;
    }

    private static List<String> texts(JsonNode list) {
        List<String> texts = new ArrayList<>();
        list.forEach(item -> texts.add(item.asText()));
        return texts;
    }
}
