package io.aquatint.diffusion.checkpoint;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
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

    /**
     * What tools know a file by, in hexadecimal.
     *
     * @param file SHA-256 of all of it: its first ten digits are A1111's model hash
     * @param data SHA-256 of what follows the header, whatever its metadata: the first twelve digits are A1111's hash of a LoRA
     */
    public record Hashes(String file, String data) {}

    /** Reads the whole file. */
    public Hashes hashes() {
        try (InputStream in = Files.newInputStream(path)) {
            MessageDigest file = MessageDigest.getInstance("SHA-256");
            MessageDigest data = MessageDigest.getInstance("SHA-256");
            file.update(in.readNBytes(Math.toIntExact(header.dataStart())));
            byte[] piece = new byte[1 << 16];
            for (int read = in.read(piece); read >= 0; read = in.read(piece)) {
                file.update(piece, 0, read);
                data.update(piece, 0, read);
            }
            return new Hashes(
                    HexFormat.of().formatHex(file.digest()), HexFormat.of().formatHex(data.digest()));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + path + ": " + e, e);
        }
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
