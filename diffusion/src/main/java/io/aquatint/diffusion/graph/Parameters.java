package io.aquatint.diffusion.graph;

import java.util.List;

/**
 * The tensors of a {@link ParameterLayout} inside a graph: views of one input, the flat tensor, which is brought to a precision
 * once. The graph can be differentiated by it.
 */
public final class Parameters {
    /** The input's name: float32, [size]. */
    public static final String INPUT = "parameters";

    private final ParameterLayout layout;
    private final Precision precision;
    private final int begin;
    private final Value leaf;
    private final Value parts;

    /**
     * Adds the input to a graph. To be called before anything is written that the parameters take part in.
     *
     * @param precision what the networks compute in
     */
    public Parameters(Graph graph, ParameterLayout layout, Precision precision) {
        this.layout = layout;
        this.precision = precision;
        this.begin = graph.method().lines.size();
        graph.method().differentiable = true;
        graph.op("torch.set_grad_enabled(True)");
        this.leaf = graph.op("torch.requires_grad_(torch.detach(%s), True)", graph.to(graph.input(INPUT), precision));
        List<Long> sizes =
                layout.slots().stream().map(ParameterLayout.Slot::space).toList();
        this.parts = graph.op("torch.split_with_sizes(%s, %s, 0)", leaf, sizes);
    }

    public ParameterLayout layout() {
        return layout;
    }

    Precision precision() {
        return precision;
    }

    /** The list of all tensors inside the graph, flat. */
    Value parts() {
        return parts;
    }

    /** A tensor in its own shape. */
    public Value get(Graph graph, String name) {
        ParameterLayout.Slot slot = layout.slot(name);
        String part = slot.elements() == slot.space()
                ? "%s[%d]".formatted(parts, slot.index())
                : "torch.narrow(%s[%d], 0, 0, %d)".formatted(parts, slot.index(), slot.elements());
        return graph.op("torch.reshape(%s, %s)", part, slot.shape());
    }

    /**
     * Ends the method with a loss and its gradient by the parameters, times a factor.
     *
     * @param loss one number
     * @param factor one number: the loss scale of half precision, or a part of a batch; returned are the loss as it is, and
     *     factor times the gradient, [size], in the precision
     * @param keepActivations false to compute the network's parts again in the backward pass (Chen et al., Training Deep Nets with
     *     Sublinear Memory Cost, 2016): slower, in much less memory
     */
    public void returnsLossAndGradient(Graph graph, Value loss, Value factor, boolean keepActivations) {
        if (!keepActivations) {
            graph.method().differentiation = new Recomputation(graph.method(), this, begin, loss, factor);
            return;
        }
        Value gradients = graph.op(
                "torch.grad([%s], [%s], annotate(Optional[List[Optional[Tensor]]], [%s]), None, False, False)",
                loss, leaf, graph.reshapeLike(factor, loss));
        Value gradient = graph.op("unchecked_cast(Tensor, %s[0])", gradients);
        Value detached = graph.op("torch.detach(%s)", loss);
        graph.op("torch.set_grad_enabled(False)");
        graph.returns(detached, gradient);
    }
}
