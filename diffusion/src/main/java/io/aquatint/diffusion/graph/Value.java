package io.aquatint.diffusion.graph;

/** A tensor inside a {@link Graph}: the result of an input, a weight or an operation. */
public record Value(String name) {
    @Override
    public String toString() {
        return name;
    }
}
