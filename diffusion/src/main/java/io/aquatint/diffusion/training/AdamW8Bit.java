package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.DoubleStream;

/**
 * AdamW whose running means are kept in eight bits: each block of 256 elements is divided by its largest, and each quotient
 * replaced by the nearest of 256 numbers that lie closer together towards zero (Dettmers et al., 8-bit Optimizers via Block-wise
 * Quantization, 2021; the numbers are those of bitsandbytes' {@code create_dynamic_map}).
 */
final class AdamW8Bit implements OptimizerRule {
    private static final int BLOCK = 256;
    /** So many elements are in float32 at a time, however many there are. */
    private static final long PIECE = 1 << 24;

    private final OptimizerConfig config;
    private long size;

    AdamW8Bit(OptimizerConfig config) {
        this.config = config;
    }

    @Override
    public Map<String, NDArray> zeroState(NDManager owner, long count) {
        this.size = count;
        long blocks = (count + BLOCK - 1) / BLOCK;
        Map<String, NDArray> state = new LinkedHashMap<>();
        for (Moment moment : Moment.values()) {
            state.put(moment.codes(), owner.zeros(new Shape(blocks * BLOCK), DataType.UINT8));
            state.put(moment.scales(), owner.zeros(new Shape(blocks)));
        }
        return state;
    }

    @Override
    public void begin(Map<String, NDArray> zeros) {
        for (Moment moment : Moment.values()) {
            int zero = Arrays.binarySearch(levels(moment.signed), 0);
            Objects.requireNonNull(zeros.get(moment.codes())).addi(zero);
        }
    }

    @Override
    public Map<String, NDArray> constants(NDManager owner) {
        Map<String, NDArray> constants = new LinkedHashMap<>();
        for (Moment moment : Moment.values()) {
            double[] levels = levels(moment.signed);
            float[] rounded = new float[levels.length];
            float[] borders = new float[levels.length - 1];
            for (int i = 0; i < levels.length; i++) {
                rounded[i] = (float) levels[i];
                if (i > 0) {
                    borders[i - 1] = (float) ((levels[i - 1] + levels[i]) / 2);
                }
            }
            constants.put(moment.levels(), owner.create(rounded));
            constants.put(moment.borders(), owner.create(borders));
        }
        return constants;
    }

    /** The two running means: of the gradient, which has a sign, and of its square, which has none. */
    private enum Moment {
        AVERAGE("exp_avg", true),
        SQUARE("exp_avg_sq", false);

        private final String name;
        private final boolean signed;

        Moment(String name, boolean signed) {
            this.name = name;
            this.signed = signed;
        }

        String codes() {
            return name + "_codes";
        }

        String scales() {
            return name + "_scales";
        }

        String levels() {
            return name + "_levels";
        }

        /** What lies in the middle of two levels. */
        String borders() {
            return name + "_borders";
        }
    }

    /** 256 numbers from -1 (or 0) to 1, ascending. */
    static double[] levels(boolean signed) {
        DoubleStream.Builder levels = DoubleStream.builder();
        int exponents = 7;
        for (int i = 0; i < exponents; i++) {
            int count = 1 << (signed ? i : i + 1);
            double power = Math.pow(10, i - exponents + 1);
            for (int k = 0; k < count; k++) {
                double middle = 0.1 + 0.9 * (k + 0.5) / count;
                levels.add(power * middle);
                if (signed) {
                    levels.add(-power * middle);
                }
            }
        }
        levels.add(0).add(1);
        return levels.build().sorted().toArray();
    }

    @Override
    public List<Piece> write(
            Graph graph,
            Value parameters,
            Value gradient,
            Value factor,
            Function<String, Value> state,
            Value step,
            Value rate,
            Value finite) {
        Codes averages = new Codes(Moment.AVERAGE, config.beta1(), state);
        Codes squares = new Codes(Moment.SQUARE, config.beta2(), state);
        Value correction1 = graph.op("torch.rsub(torch.pow(%s, %s), 1.0)", config.beta1(), step);
        Value correction2 = graph.op("torch.sqrt(torch.rsub(torch.pow(%s, %s), 1.0))", config.beta2(), step);
        Value keep = graph.op("torch.rsub(torch.mul(%s, %s), 1.0)", rate, config.weightDecay());
        Value skip = graph.op("torch.eq(%s, 0.0)", finite);
        for (long begin = 0; begin < size; begin += PIECE) {
            long count = Math.min(PIECE, size - begin);
            Value slice = graph.op("torch.narrow(%s, 0, %s, %s)", parameters, begin, count);
            Value slope = OptimizerRule.slope(graph, gradient, factor, begin, count);
            long padded = (count + BLOCK - 1) / BLOCK * BLOCK;
            if (padded > count) {
                slope = graph.op("torch.constant_pad_nd(%s, [0, %s], 0)", slope, padded - count);
            }
            Value average = averages.next(graph, slope, begin, padded, skip);
            Value square = squares.next(graph, graph.square(slope), begin, padded, skip);
            Value denominator =
                    graph.op("torch.add(torch.div(torch.sqrt(%s), %s), %s)", square, correction2, config.epsilon());
            Value change = graph.op(
                    "torch.narrow(torch.div(torch.mul(%s, torch.div(%s, %s)), %s), 0, 0, %s)",
                    average, rate, correction1, denominator, count);
            Value next = graph.sub(graph.mul(slice, keep), change);
            graph.op("torch.copy_(%s, torch.where(%s, %s, %s))", slice, skip, slice, next);
        }
        return List.of(new Piece(parameters, 0, size));
    }

    /** One of the running means inside a graph. */
    private static final class Codes {
        private final double beta;
        private final Value codes;
        private final Value scales;
        private final Value levels;
        private final Value borders;

        Codes(Moment moment, double beta, Function<String, Value> state) {
            this.beta = beta;
            this.codes = state.apply(moment.codes());
            this.scales = state.apply(moment.scales());
            this.levels = state.apply(moment.levels());
            this.borders = state.apply(moment.borders());
        }

        /** The new running mean of a piece in float32, after it has been written back in eight bits. */
        Value next(Graph graph, Value sample, long begin, long count, Value skip) {
            long blocks = count / BLOCK;
            Value piece = graph.op("torch.narrow(%s, 0, %s, %s)", codes, begin, count);
            Value factors = graph.op("torch.narrow(%s, 0, %s, %s)", scales, begin / BLOCK, blocks);
            Value known = graph.op(
                    "torch.mul(torch.reshape(torch.index_select(%s, 0, torch.to(%s, 3)), [%s, %s]), torch.unsqueeze(%s, 1))",
                    levels, piece, blocks, BLOCK, factors); // [blocks, 256]
            Value next = graph.add(graph.mul(known, beta), graph.mul(graph.reshape(sample, blocks, BLOCK), 1 - beta));
            Value largest = graph.op("torch.amax(torch.abs(%s), [1])", next);
            Value quotients =
                    graph.op("torch.div(%s, torch.clamp(torch.unsqueeze(%s, 1), 1e-38, None))", next, largest);
            Value nearest = graph.op("torch.reshape(torch.to(torch.bucketize(%s, %s), 0), [-1])", quotients, borders);
            graph.op("torch.copy_(%s, torch.where(%s, %s, %s))", piece, skip, piece, nearest);
            graph.op("torch.copy_(%s, torch.where(%s, %s, %s))", factors, skip, factors, largest);
            return graph.flatten(next, 0, 1);
        }
    }
}
