package io.aquatint.diffusion.checkpoint;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Map;
import java.util.Set;

/**
 * A safetensors file: an eight-byte header length, a JSON header, the tensors' bytes. Opening reads and checks the header
 * alone. A tensor's bytes are read (small ones) or memory mapped (large ones) when asked for, so that no handle stays open
 * and files beyond 2 GiB work; only a single tensor is limited to that.
 */
public final class SafetensorsFile implements TensorSource {
    private static final int MAPPED_FROM_BYTES = 1 << 20;

    private final Path path;
    private final SafetensorsHeader header;

    private SafetensorsFile(Path path, SafetensorsHeader header) {
        this.path = path;
        this.header = header;
    }

    /**
     * Reads and checks the header.
     *
     * @throws SafetensorsException where the file is broken: truncated, a header that is too long or no JSON, unknown element
     *     types, offsets that overlap, leave gaps or do not fit the shape
     * @throws UncheckedIOException where it cannot be read
     */
    public static SafetensorsFile open(Path path) {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            return new SafetensorsFile(path, SafetensorsHeader.read(path, channel));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + path + ": " + e, e);
        }
    }

    public Path path() {
        return path;
    }

    /** The header's {@code __metadata__}. */
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /** The names in the order of the header. */
    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(header.entries().keySet());
    }

    @Override
    public TensorInfo info(String name) {
        return entry(name).info();
    }

    @Override
    public TensorData read(String name) {
        SafetensorsHeader.Entry entry = entry(name);
        return new TensorData(entry.info(), bytes(entry));
    }

    @Override
    public String describe() {
        return path.toString();
    }

    private SafetensorsHeader.Entry entry(String name) {
        SafetensorsHeader.Entry entry = header.entries().get(name);
        if (entry == null) {
            throw new SafetensorsException(path, name, "is not in the file");
        }
        return entry;
    }

    private ByteBuffer bytes(SafetensorsHeader.Entry entry) {
        long size = entry.end() - entry.begin();
        if (size > Integer.MAX_VALUE) {
            throw new SafetensorsException(path, entry.name(), "tensors over 2 GiB are not supported");
        }
        long position = header.dataStart() + entry.begin();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            if (position + size > channel.size()) {
                throw new EOFException("the file became shorter after it was opened");
            }
            if (size >= MAPPED_FROM_BYTES) {
                return channel.map(FileChannel.MapMode.READ_ONLY, position, size)
                        .order(ByteOrder.LITTLE_ENDIAN);
            }
            ByteBuffer bytes = ByteBuffer.allocate((int) size).order(ByteOrder.LITTLE_ENDIAN);
            readFully(channel, position, bytes);
            return bytes;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + entry.name() + " of " + path + ": " + e, e);
        }
    }

    static void readFully(FileChannel channel, long position, ByteBuffer into) throws IOException {
        long at = position;
        while (into.hasRemaining()) {
            int count = channel.read(into, at);
            if (count < 0) {
                throw new EOFException("the file ends at byte " + at);
            }
            at += count;
        }
        into.flip();
    }
}
