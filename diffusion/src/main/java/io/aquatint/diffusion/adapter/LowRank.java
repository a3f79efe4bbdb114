package io.aquatint.diffusion.adapter;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.graph.CompiledGraph;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.graph.Value;
import io.aquatint.diffusion.graph.Weights;

/**
 * Linear algebra of low-rank pairs in float64. The change of a weight, scale * up down [out, in], is never made: its singular values
 * are those of a core as small as the rank, what is left of up and down after a QR decomposition of each.
 */
final class LowRank implements AutoCloseable {
    private final NDManager manager = NDManager.newBaseManager("PyTorch");
    private final CompiledGraph singularValues = CompiledGraph.compile(manager, singularValuesGraph());
    private final CompiledGraph squaredNorm = CompiledGraph.compile(manager, squaredNormGraph());
    private final Weights none = Weights.none(manager);

    /**
     * A change as left * diag(values) * right.
     *
     * @param left orthonormal columns, [out, n] row-major
     * @param values n of them, the largest first
     * @param right orthonormal rows, [n, in] row-major
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Decomposition(double[] left, double[] values, double[] right) {}

    private static Graph singularValuesGraph() {
        Graph graph = new Graph();
        Value up = graph.op("torch.to(%s, 7)", graph.input("up")); // [out, rank]
        Value down = graph.op("torch.to(%s, 7)", graph.input("down")); // [rank, in]
        Value upFactors = graph.op("torch.linalg_qr(%s)", up);
        Value downFactors = graph.op("torch.linalg_qr(%s)", graph.transpose(down, 0, 1));
        Value core = matMul(graph, part(graph, upFactors, 1), graph.transpose(part(graph, downFactors, 1), 0, 1));
        Value decomposed = graph.op("torch.linalg_svd(%s, False)", core);
        Value left = matMul(graph, part(graph, upFactors, 0), part(graph, decomposed, 0)); // [out, n]
        Value right = matMul(
                graph, part(graph, decomposed, 2), graph.transpose(part(graph, downFactors, 0), 0, 1)); // [n, in]
        graph.returns(left, part(graph, decomposed, 1), right);
        return graph;
    }

    /** |up down|^2 is the sum of the products of the elements of up' up and down down'. */
    private static Graph squaredNormGraph() {
        Graph graph = new Graph();
        Value up = graph.op("torch.to(%s, 7)", graph.input("up"));
        Value down = graph.op("torch.to(%s, 7)", graph.input("down"));
        Value ups = matMul(graph, graph.transpose(up, 0, 1), up); // [rank, rank]
        Value downs = matMul(graph, down, graph.transpose(down, 0, 1)); // [rank, rank]
        graph.returns(graph.op("torch.sum(%s)", graph.mul(ups, downs)));
        return graph;
    }

    private static Value matMul(Graph graph, Value a, Value b) {
        return graph.op("torch.matmul(%s, %s)", a, b);
    }

    private static Value part(Graph graph, Value tuple, int index) {
        return graph.op("(%s)[%s]", tuple, index);
    }

    Decomposition decompose(LoraPair pair) {
        try (NDManager scope = manager.newSubManager()) {
            NDList results = run(scope, singularValues, pair);
            double[] values = results.get(1).toDoubleArray();
            for (int i = 0; i < values.length; i++) {
                values[i] *= Math.abs(pair.scale());
            }
            double[] left = results.get(0).toDoubleArray();
            if (pair.scale() < 0) {
                for (int i = 0; i < left.length; i++) {
                    left[i] = -left[i];
                }
            }
            return new Decomposition(left, values, results.get(2).toDoubleArray());
        }
    }

    /** The Frobenius norm of the change. */
    double norm(LoraPair pair) {
        try (NDManager scope = manager.newSubManager()) {
            double squared = run(scope, squaredNorm, pair).get(0).toDoubleArray()[0];
            return Math.abs(pair.scale()) * Math.sqrt(Math.max(0, squared));
        }
    }

    private NDList run(NDManager scope, CompiledGraph graph, LoraPair pair) {
        NDArray up = scope.create(pair.up(), new Shape(pair.out(), pair.rank()));
        NDArray down = scope.create(pair.down(), new Shape(pair.rank(), pair.width()));
        return graph.run(scope, none, up, down);
    }

    @Override
    public void close() {
        manager.close();
    }
}
