package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** {@code torch.optim.AdamW(fused=True)}. */
record AdamW(OptimizerConfig config, long size) implements OptimizerRule {
    /** So much of the gradient is in float32 at once. */
    private static final long PIECE = 1 << 25;

    @Override
    public Map<String, NDArray> zeroState(NDManager owner, long size) {
        Map<String, NDArray> state = new LinkedHashMap<>();
        state.put("exp_avg", owner.zeros(new Shape(size)));
        state.put("exp_avg_sq", owner.zeros(new Shape(size)));
        return state;
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
        List<Piece> pieces = new ArrayList<>();
        Value skip = graph.op("torch.rsub(%s, 1.0)", finite);
        for (long begin = 0; begin < size; begin += PIECE) {
            long count = Math.min(PIECE, size - begin);
            Value updated = graph.op("[torch.narrow(%s, 0, %s, %s)]", parameters, begin, count);
            graph.op(
                    "torch._fused_adamw_(%s, [%s], [torch.narrow(%s, 0, %s, %s)], [torch.narrow(%s, 0, %s, %s)], annotate(List[Tensor], []), [%s], lr=%s, beta1=%s, beta2=%s, weight_decay=%s, eps=%s, amsgrad=False, maximize=False, grad_scale=None, found_inf=%s)",
                    updated,
                    OptimizerRule.slope(graph, gradient, factor, begin, count),
                    state.apply("exp_avg"),
                    begin,
                    count,
                    state.apply("exp_avg_sq"),
                    begin,
                    count,
                    step,
                    rate,
                    config.beta1(),
                    config.beta2(),
                    config.weightDecay(),
                    config.epsilon(),
                    skip);
            pieces.add(new Piece(graph.op("%s[0]", updated), begin, count));
        }
        return pieces;
    }
}
