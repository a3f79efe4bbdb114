package io.aquatint.diffusion.graph;

import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where named tensors lie in one flat float32 tensor: whatever is trained is one tensor with one gradient, one norm and one
 * update. Each begins at a multiple of {@value #ALIGNMENT} elements, as fast matrix products want it; what lies between is zero
 * and stays so.
 */
public final class ParameterLayout {
    private static final int ALIGNMENT = 64;

    private final Map<String, Slot> slots = new LinkedHashMap<>();
    private final long size;

    /**
     * A tensor's place.
     *
     * @param index counts the tensors
     * @param offset the elements before it
     */
    public record Slot(String name, List<Long> shape, int index, long offset) {
        public Slot {
            shape = List.copyOf(shape);
        }

        public long elements() {
            return shape.stream().reduce(1L, Math::multiplyExact);
        }

        /** Its elements and those up to the next one. */
        long space() {
            return (elements() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        }
    }

    private ParameterLayout(Map<String, List<Long>> shapes) {
        long offset = 0;
        for (Map.Entry<String, List<Long>> tensor : shapes.entrySet()) {
            Slot slot = new Slot(tensor.getKey(), tensor.getValue(), slots.size(), offset);
            slots.put(slot.name(), slot);
            offset = Math.addExact(offset, slot.space());
        }
        this.size = offset;
    }

    /** Tensors of these shapes, in this order. */
    public static ParameterLayout of(Map<String, List<Long>> shapes) {
        if (shapes.isEmpty()) {
            throw new IllegalArgumentException("there is nothing to train");
        }
        return new ParameterLayout(shapes);
    }

    public boolean contains(String name) {
        return slots.containsKey(name);
    }

    /** @throws IllegalArgumentException if there is no such tensor */
    public Slot slot(String name) {
        Slot slot = slots.get(name);
        if (slot == null) {
            throw new IllegalArgumentException("no parameter " + name);
        }
        return slot;
    }

    public Collection<Slot> slots() {
        return Collections.unmodifiableCollection(slots.values());
    }

    /** The elements of the flat tensor. */
    public long size() {
        return size;
    }

    @Override
    public String toString() {
        return "%d tensors of %d elements".formatted(slots.size(), size);
    }
}
