package io.aquatint.diffusion.parity;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.graph.FlatTensors;
import io.aquatint.diffusion.graph.ParameterLayout;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.scheduler.NoiseSchedule;
import io.aquatint.diffusion.training.OptimizerConfig;
import io.aquatint.diffusion.training.TrainingMethod;
import io.aquatint.diffusion.training.TrainingStep;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Training by every method. */
final class TrainingCases {
    private static final String TOKENS = "text_encoder.text_model.embeddings.token_embedding";

    private TrainingCases() {}

    /**
     * Trains as the case did. The case is judged by losses, gradient norms and each tensor at the end.
     *
     * @return the largest error of losses, gradient norms and what was trained as one vector
     */
    static double train(ModelSource source, GoldenCase golden) {
        try (StableDiffusion model = StableDiffusion.load(source, Precision.FP32)) {
            return train(model, golden);
        }
    }

    private static double train(StableDiffusion model, GoldenCase golden) {
        List<String> initial =
                golden.names().stream().filter(name -> name.startsWith("init.")).toList();
        if (!initial.isEmpty() && initial.stream().allMatch(name -> sameAfterTraining(golden, name))) {
            golden.remark(
                    "every init.* tensor equals its final.*: the adapter that training began from is not in the file");
        }
        Outcome outcome = train(model, golden, false);
        double whole = Math.max(golden.compare("losses", outcome.losses()), outcome.errorAsOneVector(golden));
        if (golden.has("grad_norms")) {
            whole = Math.max(whole, golden.compare("grad_norms", outcome.gradientNorms()));
        }
        outcome.trained().forEach((name, tensor) -> golden.compare(tensor, golden.floats(name)));
        if (golden.worst() > ParityRunner.TRAINING_AND_SAMPLING) {
            golden.remarkSensitivity(
                    "every number that training began from", outcome.differenceFrom(train(model, golden, true)));
        }
        return whole;
    }

    private static boolean sameAfterTraining(GoldenCase golden, String name) {
        String trained = "final." + name.substring("init.".length());
        return golden.has(trained) && Arrays.equals(golden.floats(name), golden.floats(trained));
    }

    /**
     * What a training came to.
     *
     * @param trained by the names of the case
     */
    private record Outcome(float[] losses, float[] gradientNorms, Map<String, float[]> trained) {
        double errorAsOneVector(GoldenCase golden) {
            double difference = 0;
            double norm = 0;
            for (Map.Entry<String, float[]> tensor : trained.entrySet()) {
                float[] expected = golden.floats(tensor.getKey());
                for (int i = 0; i < expected.length; i++) {
                    difference += Math.pow((double) tensor.getValue()[i] - expected[i], 2);
                    norm += Math.pow(expected[i], 2);
                }
            }
            return difference == 0 ? 0 : Math.sqrt(difference / norm);
        }

        double differenceFrom(Outcome other) {
            double difference = Math.max(
                    GoldenCase.relativeError(losses, other.losses),
                    GoldenCase.relativeError(gradientNorms, other.gradientNorms));
            for (Map.Entry<String, float[]> tensor : trained.entrySet()) {
                float[] others = other.trained.getOrDefault(tensor.getKey(), new float[0]);
                difference = Math.max(difference, GoldenCase.relativeError(tensor.getValue(), others));
            }
            return difference;
        }
    }

    /** @param nudged whether to begin one unit in the last place away */
    private static Outcome train(StableDiffusion model, GoldenCase golden, boolean nudged) {
        int steps = golden.tensor("losses").size();
        float[] losses = new float[steps];
        float[] norms = new float[steps];
        double rate = golden.meta("lr").asDouble();
        try (TrainingStep step = TrainingStep.of(model, method(golden), optimizer(golden.meta()), 0)) {
            FlatTensors parameters = step.parameters();
            begin(golden, parameters);
            if (nudged) {
                nudge(parameters);
            }
            for (int i = 0; i < steps; i++) {
                int number = i;
                TrainingStep.Result result = step.step(rate, scope -> batch(scope, model, golden, number));
                losses[i] = result.loss();
                norms[i] = result.gradientNorm();
            }
            Map<String, float[]> trained = new LinkedHashMap<>();
            for (String name : golden.names()) {
                if (name.startsWith("final")) {
                    trained.put(name, parameters.read(parameter(name)).toFloats());
                }
            }
            return new Outcome(losses, norms, trained);
        }
    }

    private static TrainingMethod method(GoldenCase golden) {
        JsonNode meta = golden.meta();
        if (meta.path("full").asBoolean()) {
            return new TrainingMethod.FullFineTuning(false, null);
        }
        if (meta.has("placeholder_ids")) {
            return new TrainingMethod.TextualInversion(
                    "<placeholder>",
                    meta.path("placeholder_ids").size(),
                    "a", // every vocabulary has it; the case itself says what the rows begin as
                    TrainingMethod.Templates.OBJECT);
        }
        List<String> targets = new ArrayList<>();
        meta.path("target_modules").forEach(target -> targets.add(target.asText()));
        LoraConfig config = new LoraConfig(
                golden.meta("rank").asInt(),
                golden.meta("alpha").asDouble(),
                targets.isEmpty() ? LoraConfig.ATTENTION : targets);
        return new TrainingMethod.Lora(config, golden.has("input_ids"));
    }

    private static OptimizerConfig optimizer(JsonNode meta) {
        OptimizerConfig usual = OptimizerConfig.DEFAULT;
        return new OptimizerConfig(
                usual.kind(),
                meta.path("betas").path(0).asDouble(usual.beta1()),
                meta.path("betas").path(1).asDouble(usual.beta2()),
                meta.path("eps").asDouble(usual.epsilon()),
                meta.path("weight_decay").asDouble(usual.weightDecay()),
                meta.path("max_grad_norm").asDouble(Double.POSITIVE_INFINITY));
    }

    private static void begin(GoldenCase golden, FlatTensors parameters) {
        for (String name : golden.names()) {
            if (name.startsWith("init")) {
                parameters.set(parameter(name), golden.tensor(name));
            }
        }
    }

    private static void nudge(FlatTensors parameters) {
        for (ParameterLayout.Slot slot : parameters.layout().slots()) {
            float[] next = GoldenCase.nextUp(parameters.read(slot.name()).toFloats());
            long[] shape = slot.shape().stream().mapToLong(Long::longValue).toArray();
            parameters.set(slot.name(), TensorData.of(next, shape));
        }
    }

    /** What the training calls a tensor of the case: init.* or final.*, with or without the component. */
    private static String parameter(String name) {
        if (name.endsWith("_embedding")) {
            return TOKENS;
        }
        String tensor = name.substring(name.indexOf('.') + 1);
        if (tensor.startsWith("text_encoder.")) {
            return tensor.replace("text_encoder.encoder.", "text_encoder.text_model.encoder.")
                    .replace(".lora_linear_layer.", ".lora.");
        }
        return tensor.startsWith("unet.") ? tensor : "unet." + tensor;
    }

    /** The inputs of a step, in the order of {@link io.aquatint.diffusion.training.LossGraph}. */
    static NDArray[] batch(NDManager scope, StableDiffusion model, GoldenCase golden, int step) {
        NoiseSchedule schedule =
                golden.meta().has("prediction_type") ? SchedulerCases.schedule(golden.meta()) : model.noiseSchedule();
        float[] timesteps = golden.row("timesteps", step);
        float[] latents = golden.row("latents", step);
        float[] noise = golden.row("noise", step);
        int pictures = timesteps.length;
        int size = latents.length / pictures;
        float[] noisy = new float[latents.length];
        float[] target = new float[latents.length];
        float[] weights = new float[pictures];
        for (int picture = 0; picture < pictures; picture++) {
            int timestep = (int) timesteps[picture];
            weights[picture] = (float) weight(golden.meta(), schedule, timestep, 2 * picture >= pictures);
            for (int i = picture * size; i < (picture + 1) * size; i++) {
                noisy[i] = (float) (schedule.signal(timestep) * latents[i] + schedule.noise(timestep) * noise[i]);
                target[i] = (float) (schedule.targetFromClean(timestep) * latents[i]
                        + schedule.targetFromNoise(timestep) * noise[i]);
            }
        }
        Shape shape = rowShape(golden, "latents");
        List<NDArray> inputs = new ArrayList<>(List.of(
                scope.create(noisy, shape),
                scope.create(target, shape),
                scope.create(timesteps),
                scope.create(weights)));
        if (golden.has("input_ids")) {
            inputs.add(golden.array(scope, "input_ids"));
        } else {
            inputs.add(scope.create(golden.row("context", step), rowShape(golden, "context")));
        }
        if (model.unetConfig().takesTextAndTime()) {
            inputs.add(golden.array(scope, "text_embeds." + step));
            inputs.add(golden.array(scope, "time_ids." + step));
        }
        return inputs.toArray(NDArray[]::new);
    }

    /** @param second whether the picture is in the second half of the batch, where class images are */
    private static double weight(JsonNode meta, NoiseSchedule schedule, int timestep, boolean second) {
        double gamma = meta.path("snr_gamma").asDouble(0);
        double weight = gamma > 0 ? schedule.minSnrWeight(timestep, gamma) : 1;
        if (!meta.path("prior_preservation").asBoolean()) {
            return weight;
        }
        return 2 * weight * (second ? meta.path("prior_loss_weight").asDouble(1) : 1);
    }

    private static Shape rowShape(GoldenCase golden, String name) {
        return new Shape(golden.tensor(name).info().dimensions()).slice(1);
    }
}
