package io.aquatint.diffusion.initializer;

import io.aquatint.diffusion.checkpoint.TensorData;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/**
 * Collects the weights of a new network, in float16. Each tensor's numbers follow from the seed and its name alone. Layers are
 * initialised as PyTorch does by default: uniform between ±1 / sqrt(fan in), norms with 1 and 0.
 */
final class InitialWeights {
    private final String prefix;
    private final long seed;
    private final Map<String, TensorData> tensors;

    InitialWeights(long seed) {
        this("", seed, new LinkedHashMap<>());
    }

    private InitialWeights(String prefix, long seed, Map<String, TensorData> tensors) {
        this.prefix = prefix;
        this.seed = seed;
        this.tensors = tensors;
    }

    InitialWeights scope(String name) {
        return new InitialWeights(prefix + name + ".", seed, tensors);
    }

    Map<String, TensorData> tensors() {
        return tensors;
    }

    void linear(String name, int in, int out) {
        linearWithoutBias(name, in, out);
        uniform(name + ".bias", in, out);
    }

    void linearWithoutBias(String name, int in, int out) {
        uniform(name + ".weight", in, out, in);
    }

    void conv2d(String name, int in, int out, int kernel) {
        int fanIn = in * kernel * kernel;
        uniform(name + ".weight", fanIn, out, in, kernel, kernel);
        uniform(name + ".bias", fanIn, out);
    }

    void norm(String name, int channels) {
        float[] ones = new float[channels];
        Arrays.fill(ones, 1);
        tensors.put(prefix + name + ".weight", TensorData.halfOf(ones, channels));
        tensors.put(prefix + name + ".bias", TensorData.halfOf(new float[channels], channels));
    }

    /** A linear layer with normally distributed weights and a bias of 0, as CLIP's. */
    void normalLinear(String name, int in, int out, double deviation) {
        normal(name + ".weight", deviation, out, in);
        tensors.put(prefix + name + ".bias", TensorData.halfOf(new float[out], out));
    }

    void normal(String name, double deviation, long... shape) {
        Random random = random(name);
        float[] values = new float[elements(shape)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * deviation);
        }
        tensors.put(prefix + name, TensorData.halfOf(values, shape));
    }

    private void uniform(String name, int fanIn, long... shape) {
        double bound = 1 / Math.sqrt(fanIn);
        Random random = random(name);
        float[] values = new float[elements(shape)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) ((random.nextFloat() * 2 - 1) * bound);
        }
        tensors.put(prefix + name, TensorData.halfOf(values, shape));
    }

    private Random random(String name) {
        return new Random(seed * 0x9E3779B97F4A7C15L + (prefix + name).hashCode());
    }

    private static int elements(long... shape) {
        return Math.toIntExact(Arrays.stream(shape).reduce(1, Math::multiplyExact));
    }
}
