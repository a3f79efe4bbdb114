package io.aquatint.diffusion.graph;

import java.util.Optional;

/**
 * Changes networks while their graph is written, so that no network knows what is trained or adapted. What a rule gives takes the
 * place of what the network asked for; empty leaves it as it is. Names are full names in the checkpoint.
 */
public interface GraphRule {
    /** Changes nothing. */
    GraphRule NONE = new GraphRule() {};

    /**
     * Called for each linear layer.
     *
     * @param module the layer's name, without {@code .weight}
     * @param input what goes into the layer, [..., in]
     * @param output what the layer makes of it, [..., out]
     */
    default Optional<Value> linear(Graph graph, String module, Value input, Value output) {
        return Optional.empty();
    }

    /** Called for each weight; what is given has its shape. */
    default Optional<Value> weight(Graph graph, String name) {
        return Optional.empty();
    }

    /**
     * Called for each table that is looked up.
     *
     * @param module the table's name, without {@code .weight}
     * @param table [rows, size]
     * @param ids [...], int64; they may lie beyond the table where the rule knows more rows
     * @return the rows, [..., size]
     */
    default Optional<Value> embedding(Graph graph, String module, Value table, int rows, Value ids) {
        return Optional.empty();
    }
}
