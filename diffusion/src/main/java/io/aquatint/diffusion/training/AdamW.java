package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/** {@code torch.optim.AdamW(fused=True)}. */
record AdamW(OptimizerConfig config) implements OptimizerRule {
    @Override
    public Map<String, NDArray> initialState(NDManager owner, long size) {
        Map<String, NDArray> state = new LinkedHashMap<>();
        state.put("exp_avg", owner.zeros(new Shape(size)));
        state.put("exp_avg_sq", owner.zeros(new Shape(size)));
        return state;
    }

    @Override
    public Value write(
            Graph graph,
            Value parameters,
            Value gradient,
            Function<String, Value> state,
            Value step,
            Value rate,
            Value finite) {
        // The list has to be among the results: else TorchScript takes the update for dead code.
        Value updated = graph.op("[%s]", parameters);
        graph.op(
                "torch._fused_adamw_(%s, [%s], [%s], [%s], annotate(List[Tensor], []), [%s], lr=%s, beta1=%s, beta2=%s, weight_decay=%s, eps=%s, amsgrad=False, maximize=False, grad_scale=None, found_inf=%s)",
                updated,
                gradient,
                state.apply("exp_avg"),
                state.apply("exp_avg_sq"),
                step,
                rate,
                config.beta1(),
                config.beta2(),
                config.weightDecay(),
                config.epsilon(),
                graph.op("torch.rsub(%s, 1.0)", finite));
        return graph.op("%s[0]", updated);
    }
}
