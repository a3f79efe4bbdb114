package io.aquatint.diffusion.checkpoint;

import io.aquatint.diffusion.Golden;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import java.util.zip.GZIPInputStream;

/**
 * Single files of the original layout, put together by a table that says which tensor of a diffusers folder stands where in the
 * single file that diffusers' own tools made of it.
 */
public final class OriginalFile {
    private OriginalFile() {}

    /**
     * One line of the table.
     *
     * @param form "same" (whatever the shapes are), "transposed", "third0", "third1" or "third2"
     */
    public record Line(
            String component, String name, List<Long> shape, String original, List<Long> originalShape, String form) {}

    /** @param model {@code sd15} or {@code sdxl} */
    public static List<Line> table(String model) {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(
                new GZIPInputStream(Files.newInputStream(Golden.path(model + "/single-file-tensors.tsv.gz"))),
                StandardCharsets.UTF_8))) {
            return lines.lines()
                    .map(line -> line.split("\t", -1))
                    .map(line -> new Line(line[0], line[1], shape(line[2]), line[3], shape(line[4]), line[5]))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The original layout of a folder's tensors. */
    public static Map<String, TensorData> of(List<Line> table, Function<Line, TensorData> tensors) {
        Map<String, TensorData> originals = new LinkedHashMap<>();
        for (Line line : table) {
            TensorData data = tensors.apply(line);
            TensorInfo info = new TensorInfo(data.info().dtype(), line.originalShape());
            int size = data.bytes().limit();
            switch (line.form()) {
                case "same" -> originals.put(line.original(), new TensorData(info, data.bytes()));
                case "transposed" -> originals.put(line.original(), new TensorData(info, transposed(data)));
                default -> {
                    TensorData fused = originals.computeIfAbsent(
                            line.original(), name -> new TensorData(info, ByteBuffer.allocate(3 * size)));
                    int index = line.form().charAt("third".length()) - '0';
                    fused.bytes().put(index * size, data.bytes(), 0, size);
                }
            }
        }
        return originals;
    }

    /** Different numbers for each name. */
    public static TensorData random(Line line) {
        int size = line.shape().stream().mapToInt(Long::intValue).reduce(1, Math::multiplyExact);
        byte[] bytes = new byte[2 * size];
        new Random((line.component() + line.name()).hashCode()).nextBytes(bytes);
        return new TensorData(new TensorInfo(DType.F16, line.shape()), ByteBuffer.wrap(bytes));
    }

    private static ByteBuffer transposed(TensorData matrix) {
        int rows = Math.toIntExact(matrix.info().shape().get(0));
        int columns = Math.toIntExact(matrix.info().shape().get(1));
        ByteBuffer bytes = ByteBuffer.allocate(2 * rows * columns).order(ByteOrder.LITTLE_ENDIAN);
        for (int column = 0; column < columns; column++) {
            for (int row = 0; row < rows; row++) {
                bytes.putShort(matrix.bytes().getShort(2 * (row * columns + column)));
            }
        }
        return bytes.flip();
    }

    private static List<Long> shape(String text) {
        return text.isEmpty()
                ? List.of()
                : Arrays.stream(text.split("x", -1)).map(Long::valueOf).toList();
    }
}
