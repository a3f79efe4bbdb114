package io.aquatint.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Where pictures are written: one file, or the next free numbers of a folder. */
final class PictureFiles {
    private static final Pattern NUMBERED = Pattern.compile("(\\d{5,9})-.*\\.png");

    private final Path path;
    private int next;

    private PictureFiles(Path path, int next) {
        this.path = path;
        this.next = next;
    }

    static boolean isPng(Path path) {
        return path.toString().toLowerCase(Locale.ROOT).endsWith(".png");
    }

    /** @param path a .png file, or else a folder that is made when it is missing */
    static PictureFiles in(Path path) throws IOException {
        if (isPng(path)) {
            Path parent = path.toAbsolutePath().getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            return new PictureFiles(path, 0);
        }
        Files.createDirectories(path);
        try (Stream<Path> files = Files.list(path)) {
            int next = files.map(file -> NUMBERED.matcher(file.getFileName().toString()))
                    .filter(Matcher::matches)
                    .mapToInt(matcher -> Integer.parseInt(matcher.group(1)) + 1)
                    .max()
                    .orElse(0);
            return new PictureFiles(path, next);
        }
    }

    /** For example {@code 00007-42.png}, with the number and the seed. */
    Path write(byte[] png, long seed) throws IOException {
        Path file = isPng(path) ? path : path.resolve("%05d-%d.png".formatted(next++, seed));
        Files.write(file, png);
        return file;
    }
}
