package io.aquatint.diffusion.checkpoint;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Tensors of another layout under diffusers' names. What has another form there is brought into it when it is read: a third of a
 * fused projection (without a copy), a matrix transposed, a convolution of one pixel as the matrix that it is (without a copy).
 */
final class ConvertedTensors implements TensorSource {
    private final TensorSource file;
    private final String description;
    private final Map<String, Part> parts;
    private final UnaryOperator<String> toOriginal;

    /** What a tensor is made of. */
    record Part(String original, Form form) {}

    /** How a tensor is made of the stored one. */
    enum Form {
        SAME,
        /** [a, b, 1, 1] to [a, b]. */
        FLAT,
        TRANSPOSED,
        /** Rows 0 to n - 1 of 3n; the shape keeps its other dimensions. */
        FIRST_THIRD,
        SECOND_THIRD,
        LAST_THIRD
    }

    /**
     * @param parts of each tensor by diffusers' name; all of them are in the file
     * @param toOriginal what a tensor that is missing would be called in the file
     */
    ConvertedTensors(TensorSource file, String description, Map<String, Part> parts, UnaryOperator<String> toOriginal) {
        this.file = file;
        this.description = description;
        this.parts = new LinkedHashMap<>(parts);
        this.toOriginal = toOriginal;
        List<String> problems = new ArrayList<>();
        this.parts.forEach((name, part) -> impossible(part).ifPresent(problems::add));
        if (!problems.isEmpty()) {
            throw new CheckpointException(description + ": " + String.join("; ", problems));
        }
    }

    private Optional<String> impossible(Part part) {
        List<Long> shape = file.info(part.original()).shape();
        boolean possible =
                switch (part.form()) {
                    case SAME, FLAT -> true;
                    case TRANSPOSED -> shape.size() == 2;
                    case FIRST_THIRD, SECOND_THIRD, LAST_THIRD -> !shape.isEmpty() && shape.get(0) % 3 == 0;
                };
        if (possible || part.form() == Form.FIRST_THIRD || part.form() == Form.SECOND_THIRD) {
            return Optional.empty(); // a fused tensor is named once
        }
        return Optional.of(part.original() + " is " + shape
                + (part.form() == Form.TRANSPOSED
                        ? ", not a matrix"
                        : ", not query, key and value one above the other"));
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(parts.keySet());
    }

    @Override
    public TensorInfo info(String name) {
        Part part = part(name);
        TensorInfo stored = file.info(part.original());
        List<Long> shape = new ArrayList<>(stored.shape());
        switch (part.form()) {
            case SAME -> {}
            case FLAT -> {
                if (shape.size() == 4 && shape.get(2) == 1 && shape.get(3) == 1) {
                    shape.subList(2, 4).clear();
                }
            }
            case TRANSPOSED -> Collections.reverse(shape);
            case FIRST_THIRD, SECOND_THIRD, LAST_THIRD -> shape.set(0, shape.get(0) / 3);
        }
        return new TensorInfo(stored.dtype(), shape);
    }

    @Override
    public TensorData read(String name) {
        Part part = part(name);
        ByteBuffer stored = file.read(part.original()).bytes();
        ByteBuffer bytes =
                switch (part.form()) {
                    case SAME, FLAT -> stored;
                    case TRANSPOSED -> transposed(stored, info(name));
                    case FIRST_THIRD -> third(stored, 0);
                    case SECOND_THIRD -> third(stored, 1);
                    case LAST_THIRD -> third(stored, 2);
                };
        return new TensorData(info(name), bytes);
    }

    private static ByteBuffer third(ByteBuffer stored, int index) {
        int size = stored.limit() / 3;
        return stored.slice(index * size, size);
    }

    /** @param info of the result */
    static ByteBuffer transposed(ByteBuffer stored, TensorInfo info) {
        int rows = Math.toIntExact(info.shape().get(0));
        int columns = Math.toIntExact(info.shape().get(1));
        int size = info.dtype().bytes();
        ByteBuffer bytes = ByteBuffer.allocate(stored.limit());
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                bytes.put((row * columns + column) * size, stored, (column * rows + row) * size, size);
            }
        }
        return bytes;
    }

    @Override
    public String describe() {
        return description;
    }

    @Override
    public String nameInFile(String name) {
        Part part = parts.get(name);
        return part == null ? toOriginal.apply(name) : part.original();
    }

    private Part part(String name) {
        Part part = parts.get(name);
        if (part == null) {
            throw new CheckpointException("%s has no tensor %s (%s)".formatted(description, name, nameInFile(name)));
        }
        return part;
    }
}
