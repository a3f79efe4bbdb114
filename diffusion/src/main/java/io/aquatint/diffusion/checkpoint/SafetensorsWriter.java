package io.aquatint.diffusion.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/**
 * Writes safetensors files as the reference library does: wider element types first, then by name, the header padded with
 * spaces to eight bytes. The same tensors and metadata give the same bytes.
 */
public final class SafetensorsWriter {
    private SafetensorsWriter() {}

    /** As {@link #write(Path, TensorSource, Map)}. */
    public static void write(Path target, Map<String, TensorData> tensors, Map<String, String> metadata) {
        write(target, new TensorsInMemory(tensors), metadata);
    }

    /**
     * Writes through a temporary file beside the target, so that the target is whole or untouched. Each tensor is read when it is
     * its turn, and let go of.
     */
    public static void write(Path target, TensorSource tensors, Map<String, String> metadata) {
        if (Files.exists(target) && !Files.isRegularFile(target)) { // which a rename might take the place of
            throw new CheckpointException(target + " cannot be written: it is there already, and is no file");
        }
        try {
            Path partial = target.resolveSibling(target.getFileName() + "." + UUID.randomUUID() + ".partial");
            try {
                try (OutputStream out = new BufferedOutputStream(
                        Files.newOutputStream(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                        1 << 16)) {
                    write(out, tensors, metadata);
                }
                Files.move(partial, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(partial);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + target + ": " + e, e);
        }
    }

    /** Writes to a stream, which stays open. */
    public static void write(OutputStream out, Map<String, TensorData> tensors, Map<String, String> metadata)
            throws IOException {
        write(out, new TensorsInMemory(tensors), metadata);
    }

    private static void write(OutputStream out, TensorSource tensors, Map<String, String> metadata) throws IOException {
        byte[] header = header(tensors, metadata);
        int padding = (8 - header.length % 8) % 8;
        out.write(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(header.length + padding)
                .array());
        out.write(header);
        out.write(" ".repeat(padding).getBytes(StandardCharsets.US_ASCII));
        writeData(out, tensors);
    }

    /** The file as bytes, for small files such as adapters. */
    public static byte[] toBytes(Map<String, TensorData> tensors, Map<String, String> metadata) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            write(out, tensors, metadata);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    /** Writes the part after the header: what tools hash to identify the weights whatever the metadata. */
    static void writeData(OutputStream out, Map<String, TensorData> tensors) throws IOException {
        writeData(out, new TensorsInMemory(tensors));
    }

    @SuppressWarnings("resource") // closing the channel would close the caller's stream
    private static void writeData(OutputStream out, TensorSource tensors) throws IOException {
        WritableByteChannel channel = Channels.newChannel(out);
        for (String name : ordered(tensors)) {
            TensorData tensor = tensors.read(name);
            if (!tensor.info().equals(tensors.info(name))) {
                throw new IllegalStateException(
                        "%s was to be %s and is %s".formatted(name, tensors.info(name), tensor.info()));
            }
            ByteBuffer data = tensor.bytes().duplicate();
            while (data.hasRemaining()) {
                channel.write(data);
            }
        }
    }

    private static List<String> ordered(TensorSource tensors) {
        Comparator<String> widerFirst =
                Comparator.comparing(name -> tensors.info(name).dtype(), Comparator.reverseOrder());
        return tensors.names().stream()
                .sorted(widerFirst.thenComparing(Comparator.naturalOrder()))
                .toList();
    }

    private static byte[] header(TensorSource tensors, Map<String, String> metadata) throws IOException {
        ByteArrayOutputStream header = new ByteArrayOutputStream();
        try (JsonGenerator json = new JsonFactory().createGenerator(header)) {
            json.writeStartObject();
            if (!metadata.isEmpty()) {
                json.writeObjectFieldStart("__metadata__");
                for (Map.Entry<String, String> entry : new TreeMap<>(metadata).entrySet()) {
                    json.writeStringField(entry.getKey(), entry.getValue());
                }
                json.writeEndObject();
            }
            long begin = 0;
            for (String name : ordered(tensors)) {
                TensorInfo info = tensors.info(name);
                long end = begin + info.elements() * info.dtype().bytes();
                json.writeObjectFieldStart(name);
                json.writeStringField("dtype", info.dtype().name());
                json.writeFieldName("shape");
                json.writeArray(info.dimensions(), 0, info.shape().size());
                json.writeFieldName("data_offsets");
                json.writeArray(new long[] {begin, end}, 0, 2);
                json.writeEndObject();
                begin = end;
            }
            json.writeEndObject();
        }
        return header.toByteArray();
    }
}
