package io.aquatint.diffusion.graph;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The TorchScript method that a {@link Graph} writes: its arguments and lines. */
final class Method {
    /** The name of the argument that has all weights. */
    static final String WEIGHTS = "weights";

    final List<String> inputs = new ArrayList<>();
    final Map<String, Integer> weights = new LinkedHashMap<>();
    final Map<String, List<Long>> shapes = new LinkedHashMap<>();
    final List<Line> lines = new ArrayList<>();
    /** The numbers of the lines that a part of the network begins with. */
    final List<Integer> parts = new ArrayList<>();

    /** Those that the lines call. */
    final Set<Routine> routines = EnumSet.noneOf(Routine.class);

    /** Whether there are {@link Parameters} to differentiate by. */
    boolean differentiable;

    String end = "";
    /** How the lines are differentiated, where they do not do so themselves. */
    @Nullable Recomputation differentiation;

    /** @param value the name of what the line computes */
    record Line(String value, String expression) {
        @Override
        public String toString() {
            return "    " + value + " = " + expression + "\n";
        }
    }

    Value add(String expression) {
        Value value = new Value("v" + lines.size());
        lines.add(new Line(value.name(), expression));
        return value;
    }

    void endPart() {
        if (parts.isEmpty() || parts.get(parts.size() - 1) < lines.size()) {
            parts.add(lines.size());
        }
    }

    boolean takesWeights() {
        return !weights.isEmpty();
    }

    String source() {
        Recomputation recomputation = differentiation;
        return routines.stream().map(Routine::source).collect(Collectors.joining())
                + (recomputation == null ? ownSource() : recomputation.source());
    }

    private String ownSource() {
        return head("forward", inputs)
                + lines.stream().map(Line::toString).collect(Collectors.joining())
                + "    " + end + "\n";
    }

    /** The first line of a method with tensors as arguments. */
    String head(String name, List<String> tensors) {
        String arguments =
                tensors.stream().map(tensor -> ", " + tensor + ": Tensor").collect(Collectors.joining());
        String all = takesWeights() ? ", " + WEIGHTS + ": List[Tensor]" + arguments : arguments;
        return "  def " + name + "(self: __torch__.M" + all + ") -> List[Tensor]:\n";
    }
}
