package io.aquatint.runtime.store;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** Writes a file that appears whole or not at all. */
final class WholeFile {
    private WholeFile() {}

    static void write(InputStream in, Path to) throws IOException {
        Path absolute = to.toAbsolutePath();
        Path folder = absolute.getParent();
        if (folder == null) {
            throw new IOException(to + " is no file");
        }
        Files.createDirectories(folder);
        Path part = Files.createTempFile(folder, ".download", ".part");
        try {
            Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
            Files.move(part, absolute, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(part);
        }
    }
}
