package io.aquatint.diffusion.graph;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The loss and its gradient with each part of the network computed twice: going forward without a record, where only what goes
 * from part to part is kept, and going backward part by part with one (Chen et al. 2016). Each part is a method of its own.
 */
final class Recomputation {
    private static final Pattern NAME = Pattern.compile("\\b[A-Za-z_][A-Za-z_0-9]*\\b(?!\\()");

    private final Method method;
    private final Parameters parameters;
    private final Value loss;
    private final Value factor;
    private final List<Part> parts = new ArrayList<>();
    private final Pattern parameter;

    /**
     * A part of the network.
     *
     * @param values of earlier parts that it uses
     * @param inputs of the method that it uses
     * @param used the parameters that it uses, by their numbers
     * @param results what later parts use of it
     */
    private record Part(
            String name,
            List<Method.Line> lines,
            List<String> values,
            List<String> inputs,
            List<Integer> used,
            List<String> results) {
        /** Whether anything that is trained comes before or in it. */
        boolean depends() {
            return !values.isEmpty() || !used.isEmpty();
        }
    }

    /** @param begin the first line of the parameters, which are followed by the networks */
    Recomputation(Method method, Parameters parameters, int begin, Value loss, Value factor) {
        this.method = method;
        this.parameters = parameters;
        this.loss = loss;
        this.factor = factor;
        this.parameter = Pattern.compile("\\b" + parameters.parts().name() + "\\[(\\d+)\\]");
        int first = begin;
        while (!method.lines.get(first).value().equals(parameters.parts().name())) {
            first++;
        }
        List<Integer> bounds = new ArrayList<>();
        bounds.add(first + 1);
        method.parts.stream()
                .filter(line -> line > bounds.get(0) && line < method.lines.size())
                .forEach(bounds::add);
        bounds.add(method.lines.size());
        for (int i = 0; i + 1 < bounds.size(); i++) {
            int after = bounds.get(i + 1);
            parts.add(part(
                    i, method.lines.subList(bounds.get(i), after), method.lines.subList(after, method.lines.size())));
        }
    }

    private Part part(int number, List<Method.Line> lines, List<Method.Line> later) {
        Set<String> own = lines.stream().map(Method.Line::value).collect(Collectors.toSet());
        Set<String> names = names(lines);
        Set<String> before = method.lines.stream().map(Method.Line::value).collect(Collectors.toSet());
        List<String> values = names.stream()
                .filter(name -> before.contains(name)
                        && !own.contains(name)
                        && !name.equals(parameters.parts().name()))
                .toList();
        List<String> inputs = names.stream().filter(method.inputs::contains).toList();
        Set<Integer> used = new LinkedHashSet<>();
        for (Method.Line line : lines) {
            parameter.matcher(line.expression()).results().forEach(match -> used.add(Integer.valueOf(match.group(1))));
        }
        Set<String> wanted = names(later);
        List<String> results = lines.stream()
                .map(Method.Line::value)
                .filter(value -> wanted.contains(value) || value.equals(loss.name()))
                .toList();
        return new Part("part" + number, lines, values, inputs, List.copyOf(used), results);
    }

    private static Set<String> names(Collection<Method.Line> lines) {
        Set<String> names = new LinkedHashSet<>();
        for (Method.Line line : lines) {
            NAME.matcher(line.expression()).results().map(MatchResult::group).forEach(names::add);
        }
        return names;
    }

    String source() {
        StringBuilder source = new StringBuilder();
        parts.forEach(part -> source.append(method(part)));
        source.append(method.head("forward", method.inputs));
        Script script = new Script(source);
        script.line("flat = torch.to(%s, %d)"
                .formatted(Parameters.INPUT, parameters.precision().scalarType()));
        script.line("params = torch.split_with_sizes(flat, %s, 0)".formatted(sizes()));
        List<Part> all = parts;
        for (Part part : all.subList(0, all.size() - 1)) {
            script.line("r = %s".formatted(call(part, "params", "")));
            for (int i = 0; i < part.results().size(); i++) {
                script.line("%s = r[%d]".formatted(part.results().get(i), i));
            }
        }
        script.line("torch.set_grad_enabled(True)");
        Map<Integer, String> slopes = new LinkedHashMap<>(); // of parameters
        Set<String> known = new LinkedHashSet<>(); // the values that have a slope
        for (int i = all.size() - 1; i >= 0; i--) {
            if (all.get(i).depends()) {
                backward(script, all.get(i), i == all.size() - 1, known, slopes);
            }
        }
        script.line("torch.set_grad_enabled(False)");
        List<String> flat = parameters.layout().slots().stream()
                .map(slot -> slopes.getOrDefault(slot.index(), "torch.zeros_like(params[%d])".formatted(slot.index())))
                .toList();
        script.line("gradient = torch.cat([%s], 0)".formatted(String.join(", ", flat)));
        script.line("return [loss, gradient]");
        return source.toString();
    }

    private List<Long> sizes() {
        return parameters.layout().slots().stream()
                .map(ParameterLayout.Slot::space)
                .toList();
    }

    private String method(Part part) {
        List<String> arguments = new ArrayList<>(part.values());
        arguments.addAll(part.inputs());
        StringBuilder source = new StringBuilder(method.head(part.name(), arguments)
                .replaceFirst("self: __torch__.M", "self: __torch__.M, params: List[Tensor]"));
        for (Method.Line line : part.lines()) {
            String expression = parameter.matcher(line.expression()).replaceAll(match -> "params[%d]"
                    .formatted(part.used().indexOf(Integer.valueOf(match.group(1)))));
            source.append(new Method.Line(line.value(), expression));
        }
        return source.append("    return [%s]\n".formatted(String.join(", ", part.results())))
                .toString();
    }

    /**
     * @param from the list that has the parameters, all of them or, if it is the part's own, those that it uses
     * @param prefix of the names of values that earlier parts made
     */
    private String call(Part part, String from, String prefix) {
        List<String> arguments = new ArrayList<>();
        arguments.add(
                from.equals("params")
                        ? part.used().stream().map("params[%d]"::formatted).collect(Collectors.joining(", ", "[", "]"))
                        : from);
        if (part.used().isEmpty()) {
            arguments.set(0, "annotate(List[Tensor], [])");
        }
        if (method.takesWeights()) {
            arguments.add(Method.WEIGHTS);
        }
        part.values().forEach(value -> arguments.add(prefix + value));
        arguments.addAll(part.inputs());
        return "(self).%s(%s)".formatted(part.name(), String.join(", ", arguments));
    }

    private void backward(Script script, Part part, boolean last, Set<String> known, Map<Integer, String> slopes) {
        List<String> leaves = new ArrayList<>();
        for (String value : part.values()) {
            script.line("x_%s = torch.requires_grad_(torch.detach(%s), True)".formatted(value, value));
            leaves.add("x_" + value);
        }
        List<String> own = new ArrayList<>();
        for (int number : part.used()) {
            script.line("p_%d = torch.requires_grad_(torch.detach(params[%d]), True)".formatted(number, number));
            own.add("p_" + number);
        }
        leaves.addAll(own);
        script.line("r = %s".formatted(call(part, "[%s]".formatted(String.join(", ", own)), "x_")));
        List<String> terms = new ArrayList<>();
        for (int i = 0; i < part.results().size(); i++) {
            String value = part.results().get(i);
            if (last && value.equals(loss.name())) {
                script.line("loss = torch.detach(r[%d])".formatted(i));
                terms.add("torch.sum(torch.mul(r[%d], %s))".formatted(i, factor.name()));
            } else if (known.contains(value)) { // the derivative of a sum of products is just the slope
                terms.add("torch.sum(torch.mul(r[%d], g_%s), dtype=6)".formatted(i, value));
            }
        }
        String sum = terms.stream()
                .reduce((a, b) -> "torch.add(%s, %s)".formatted(a, b))
                .orElseThrow();
        script.line("s = torch.grad([%s], [%s], None, None, False, True)".formatted(sum, String.join(", ", leaves)));
        for (int i = 0; i < part.values().size(); i++) {
            String value = part.values().get(i);
            String slope = "g_" + value;
            script.slope(slope, i, "x_" + value, known.contains(value) ? slope : null);
            known.add(value);
        }
        for (int i = 0; i < part.used().size(); i++) {
            int number = part.used().get(i);
            String slope = "d_" + number;
            script.slope(slope, part.values().size() + i, "p_" + number, slopes.get(number));
            slopes.put(number, slope);
        }
    }

    /** Lines of a method. */
    private record Script(StringBuilder source) {
        void line(String line) {
            source.append("    ").append(line).append('\n');
        }

        /** Takes a slope out of the list {@code s}, where it is None if nothing depends on the leaf, and adds it to an earlier one. */
        void slope(String name, int index, String leaf, @Nullable String earlier) {
            line("o = s[%d]".formatted(index));
            line("if o is None:");
            line("  n = torch.zeros_like(%s)".formatted(leaf));
            line("else:");
            line("  n = o");
            line("%s = %s".formatted(name, earlier == null ? "n" : "torch.add(%s, n)".formatted(earlier)));
        }
    }
}
