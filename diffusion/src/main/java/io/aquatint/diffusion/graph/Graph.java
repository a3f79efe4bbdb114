package io.aquatint.diffusion.graph;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Builds a network as one TorchScript method. Each call writes one line; layers name their weights as the checkpoint does,
 * relative to the graph's scope, and {@link #scope} goes one level down:
 *
 * <pre>{@code
 * Graph graph = new Graph();
 * Value sample = graph.input("sample");                       // [batch, 4, height, width]
 * Value hidden = graph.conv2d("conv_in", sample, 4, 320, 3, 1, 1); // weights conv_in.weight, conv_in.bias
 * graph.returns(hidden);
 * }</pre>
 *
 * <p>Nothing is computed here: {@link CompiledGraph} does that. Operations are PyTorch's, with its meaning of every argument.
 */
public final class Graph {
    private final String prefix;
    private final Method method;
    private final GraphRule rule;

    public Graph() {
        this("", new Method(), GraphRule.NONE);
    }

    private Graph(String prefix, Method method, GraphRule rule) {
        this.prefix = prefix;
        this.method = method;
        this.rule = rule;
    }

    /** The same graph, with {@code name.} before the name of every layer. */
    public Graph scope(String name) {
        return new Graph(prefix + name + ".", method, rule);
    }

    /** The same graph; what is written through it is changed by a rule, for example by a LoRA. */
    public Graph with(GraphRule other) {
        return new Graph(prefix, method, other);
    }

    /** The full checkpoint name of something in this scope. */
    public String fullName(String name) {
        return prefix + name;
    }

    /** An argument of the method; arguments are given in the order of these calls. */
    public Value input(String name) {
        method.inputs.add(name);
        return new Value(name);
    }

    /** A weight of the checkpoint, relative to this scope, and the shape that it must have there. */
    public Value weight(String name, long... shape) {
        Optional<Value> other = rule.weight(this, prefix + name);
        if (other.isPresent()) {
            return other.get();
        }
        method.shapes.putIfAbsent(prefix + name, Arrays.stream(shape).boxed().toList());
        int index = method.weights.computeIfAbsent(prefix + name, key -> method.weights.size());
        return new Value("weights[" + index + "]");
    }

    /** Ends the method. */
    public void returns(Value... outputs) {
        method.end = "return " + list(outputs);
    }

    /**
     * Ends a part of the network: where activations are not to be kept for the backward pass, those up to the next end are
     * computed again. The fewer values are used on both sides, the better.
     */
    public void endOfPart() {
        method.endPart();
    }

    Method method() {
        return method;
    }

    // Layers

    /** y = x Wᵀ + b over the last dimension, from {@code in} to {@code out} elements. */
    public Value linear(String name, Value x, int in, int out) {
        Value weight = weight(name + ".weight", out, in);
        return adapted(name, x, op("torch.linear(%s, %s, %s)", x, weight, weight(name + ".bias", out)));
    }

    /** y = x Wᵀ over the last dimension, from {@code in} to {@code out} elements. */
    public Value linearWithoutBias(String name, Value x, int in, int out) {
        return adapted(name, x, op("torch.linear(%s, %s, None)", x, weight(name + ".weight", out, in)));
    }

    private Value adapted(String name, Value x, Value y) {
        return rule.linear(this, prefix + name, x, y).orElse(y);
    }

    /** y + scale x Wᵀ as one operation: y [..., out], x [..., in], W [out, in]. */
    public Value addMatMul(Value y, Value x, Value weight, int out, int in, double scale) {
        Value sum = op(
                "torch.addmm(torch.reshape(%s, [-1, %s]), torch.reshape(%s, [-1, %s]), torch.t(%s), beta=1, alpha=%s)",
                y, out, x, in, weight, scale);
        return op("torch.view_as(%s, %s)", sum, y);
    }

    /** A square convolution with a bias, from {@code in} to {@code out} channels, zero padding on all sides. */
    public Value conv2d(String name, Value x, int in, int out, int kernel, int stride, int padding) {
        Value weight = weight(name + ".weight", out, in, kernel, kernel);
        return convolution(x, weight, weight(name + ".bias", out).name(), stride, padding);
    }

    /** The same without the bias, for whoever adds that elsewhere. */
    public Value conv2dWithoutBias(String name, Value x, int in, int out, int kernel, int stride, int padding) {
        return convolution(x, weight(name + ".weight", out, in, kernel, kernel), "None", stride, padding);
    }

    private Value convolution(Value x, Value weight, String bias, int stride, int padding) {
        return op(
                "torch.conv2d(%s, %s, %s, [%s, %s], [%s, %s], [1, 1], 1)",
                x, weight, bias, stride, stride, padding, padding);
    }

    /** A convolution of single pixels with a bias, from {@code in} to {@code out} channels. */
    public Value pointwise(String name, Value x, int in, int out) {
        return pointwise(name, x, in, out, weight(name + ".bias", out));
    }

    /** The same with a bias [out] that is not the layer's own alone. */
    public Value pointwise(String name, Value x, int in, int out, Value bias) {
        return routine(Routine.POINTWISE, "%s, %s, %s", x, weight(name + ".weight", out, in, 1, 1), bias);
    }

    public Value groupNorm(String name, Value x, int channels, int groups, double epsilon) {
        Value weight = weight(name + ".weight", channels);
        Value bias = weight(name + ".bias", channels);
        if (method.differentiable) { // PyTorch's own has the faster backward pass
            return op("torch.group_norm(%s, %s, %s, %s, %s, True)", x, groups, weight, bias, epsilon);
        }
        return routine(Routine.GROUP_NORM, "%s, %s, %s, %s, %s", x, groups, weight, bias, epsilon);
    }

    /** Normalises the last dimension, which has {@code size} elements. */
    public Value layerNorm(String name, Value x, int size, double epsilon) {
        return op(
                "torch.layer_norm(%s, [%s], %s, %s, %s, True)",
                x, size, weight(name + ".weight", size), weight(name + ".bias", size), epsilon);
    }

    /** Rows of a table: ids [...] to [..., size]. */
    public Value embedding(String name, Value ids, int rows, int size) {
        Value table = weight(name + ".weight", rows, size);
        return rule.embedding(this, prefix + name, table, rows, ids).orElseGet(() -> rows(table, ids));
    }

    /** Rows of a table [n, c]: ids [...] to [..., c]. */
    public Value rows(Value table, Value ids) {
        return op("torch.embedding(%s, %s, -1, False, False)", table, ids);
    }

    /** A linear layer to twice {@code out} elements whose first half is multiplied by the GELU of the second (Shazeer, 2020). */
    public Value geglu(String name, Value x, int in, int out) {
        if (rule == GraphRule.NONE && !method.differentiable) {
            Value weight = weight(name + ".weight", 2L * out, in);
            return routine(Routine.GEGLU, "%s, %s, %s", x, weight, weight(name + ".bias", 2L * out));
        }
        Value both = linear(name, x, in, 2 * out); // [b, tokens, 2 out]
        Value gate = gelu(chunk(both, 2, 2, 1));
        return mul(chunk(both, 2, 2, 0), gate);
    }

    // Activations

    public Value silu(Value x) {
        return op("torch.silu(%s)", x);
    }

    /** The exact GELU, with erf. */
    public Value gelu(Value x) {
        return op("torch.gelu(%s, approximate=\"none\")", x);
    }

    /** x sigmoid(1.702 x), OpenAI's approximation of GELU. */
    public Value quickGelu(Value x) {
        return mul(x, sigmoid(mul(x, 1.702)));
    }

    public Value sigmoid(Value x) {
        return op("torch.sigmoid(%s)", x);
    }

    // Attention

    /** softmax(q kᵀ / sqrt(d)) v over [batch, heads, tokens, d]. */
    public Value attention(Value query, Value key, Value value, boolean causal) {
        return op(
                "torch.scaled_dot_product_attention(%s, %s, %s, None, 0.0, %s)",
                query, key, value, causal ? "True" : "False");
    }

    /** [batch, tokens, heads * d] to [batch, heads, tokens, d]. */
    public Value splitHeads(Value x, int heads) {
        return transpose(op("torch.unflatten(%s, 2, [%s, -1])", x, heads), 1, 2);
    }

    /** [batch, heads, tokens, d] to [batch, tokens, heads * d]. */
    public Value joinHeads(Value x) {
        return flatten(transpose(x, 1, 2), 2, 3);
    }

    // Arithmetic

    public Value add(Value a, Value b) {
        return op("torch.add(%s, %s)", a, b);
    }

    public Value sub(Value a, Value b) {
        return op("torch.sub(%s, %s)", a, b);
    }

    public Value mul(Value a, Value b) {
        return op("torch.mul(%s, %s)", a, b);
    }

    public Value mul(Value a, double b) {
        return op("torch.mul(%s, %s)", a, b);
    }

    public Value sin(Value x) {
        return op("torch.sin(%s)", x);
    }

    public Value cos(Value x) {
        return op("torch.cos(%s)", x);
    }

    public Value exp(Value x) {
        return op("torch.exp(%s)", x);
    }

    public Value square(Value x) {
        return op("torch.mul(%s, %s)", x, x);
    }

    /** The mean over all elements. */
    public Value mean(Value x) {
        return op("torch.mean(%s)", x);
    }

    /** The mean over some dimensions, which go away. */
    public Value mean(Value x, int... dimensions) {
        return op("torch.mean(%s, %s)", x, Arrays.toString(dimensions));
    }

    public Value toFloat32(Value x) {
        return to(x, Precision.FP32);
    }

    /** In the precision that a network computes in; nothing happens to what is in it already. */
    public Value to(Value x, Precision precision) {
        return op("torch.to(%s, %s)", x, precision.scalarType());
    }

    /** In the precision of another value. */
    public Value typeAs(Value x, Value other) {
        return op("torch.type_as(%s, %s)", x, other);
    }

    // Shape

    public Value transpose(Value x, int a, int b) {
        return op("torch.transpose(%s, %s, %s)", x, a, b);
    }

    public Value flatten(Value x, int from, int to) {
        return op("torch.flatten(%s, %s, %s)", x, from, to);
    }

    public Value reshape(Value x, long... shape) {
        return op("torch.reshape(%s, %s)", x, Arrays.toString(shape));
    }

    /** The elements of x in the shape of another value. */
    public Value reshapeLike(Value x, Value other) {
        return op("torch.reshape(%s, torch.size(%s))", x, other);
    }

    public Value unsqueeze(Value x, int dimension) {
        return op("torch.unsqueeze(%s, %s)", x, dimension);
    }

    public Value cat(int dimension, Value... values) {
        return op("torch.cat(%s, %s)", list(values), dimension);
    }

    /** Part {@code index} of {@code count} equal parts. */
    public Value chunk(Value x, int count, int dimension, int index) {
        return op("torch.chunk(%s, %s, %s)[%s]", x, count, dimension, index);
    }

    /** Zeros around height and width. */
    public Value pad(Value x, int left, int right, int top, int bottom) {
        return op("torch.constant_pad_nd(%s, [%s, %s, %s, %s], 0)", x, left, right, top, bottom);
    }

    /** Each pixel four times: [b, c, h, w] to [b, c, 2h, 2w]. */
    public Value upsampleNearest(Value x) {
        return op("torch.upsample_nearest2d(%s, None, [2.0, 2.0])", x);
    }

    /** Each pixel four times, to the height and width of another map: [b, c, h, w] to [b, c, H, W]. */
    public Value upsampleNearestLike(Value x, Value other) {
        return op("torch.upsample_nearest2d(%s, [torch.size(%s, 2), torch.size(%s, 3)], None)", x, other, other);
    }

    /** The first columns of the last dimension-1: [b, n, ...] to [b, count, ...] of the rows 0 to count - 1, on dimension 0. */
    public Value firstRows(Value x, Value like) {
        return op("torch.slice(%s, 0, 0, torch.size(%s, 1), 1)", x, like);
    }

    /** 0, 1, ..., count - 1 as float32, on the device of another value. */
    public Value range(int count, Value like) {
        return op("torch.arange(%s, dtype=6, device=ops.prim.device(%s))", count, like);
    }

    /** 1 where x equals the number, else 0, as int64. */
    public Value equalTo(Value x, long number) {
        return op("torch.to(torch.eq(%s, %s), 4)", x, number);
    }

    /** The index of the (first) largest element of the last dimension. */
    public Value argmax(Value x) {
        return op("torch.argmax(%s, -1)", x);
    }

    /** One row of each batch element: [b, n, c] and indices [b] to [b, c]. */
    public Value rowAt(Value x, Value indices) {
        Value index = op("torch.unsqueeze(torch.unsqueeze(%s, 1), 2)", indices); // [b, 1, 1]
        return op("torch.squeeze(torch.take_along_dim(%s, %s, 1), 1)", x, index);
    }

    /** The ordered indices where rows [b, ...] are repeated, for code that has its own operation to write. */
    public Value op(String format, Object... arguments) {
        return method.add(line(format, arguments));
    }

    private Value routine(Routine routine, String format, Object... arguments) {
        method.routines.add(routine);
        return op(routine.call() + "(" + format + ")", arguments);
    }

    private static String line(String format, Object... arguments) {
        Object[] written = Arrays.stream(arguments)
                .map(argument -> argument instanceof Double number ? literal(number) : String.valueOf(argument))
                .toArray();
        return String.format(format, written);
    }

    /** A float as TorchScript reads it: always with a point or an exponent. */
    private static String literal(double number) {
        if (Double.isNaN(number) || Double.isInfinite(number)) {
            throw new IllegalArgumentException("a constant must be a finite number, not " + number);
        }
        return Double.toString(number).replace('E', 'e');
    }

    private static String list(Value... values) {
        return Arrays.stream(values).map(Value::name).collect(Collectors.joining(", ", "[", "]"));
    }

    /** The names of the weights, in the order in which the method takes them. */
    public List<String> weightNames() {
        return List.copyOf(method.weights.keySet());
    }

    /** The shape that each weight must have in the checkpoint. */
    public Map<String, List<Long>> weightShapes() {
        return Collections.unmodifiableMap(method.shapes);
    }

    /** The names of the inputs, in the order in which the method takes them. */
    public List<String> inputNames() {
        return List.copyOf(method.inputs);
    }

    /** The method as TorchScript: graphs of the same source and the same names compute the same. */
    public String source() {
        return method.source();
    }
}
