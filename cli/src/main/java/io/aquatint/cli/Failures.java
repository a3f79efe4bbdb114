package io.aquatint.cli;

import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Locale;
import java.util.Objects;

/** Says what went wrong as a person would: the runtime's own messages are often a bare path, or name a class. */
final class Failures {
    private Failures() {}

    /** One sentence, without a full stop. */
    static String sentence(Throwable thrown) {
        Throwable cause = thrown.getCause();
        if (thrown instanceof UncheckedIOException
                && cause != null
                && cause.toString().equals(thrown.getMessage())) {
            return sentence(cause);
        }
        if (thrown instanceof FileSystemException file) {
            return "%s: %s".formatted(file.getFile(), reason(file));
        }
        if (cause instanceof OutOfMemoryError) {
            return "not enough memory (%s): give more with AQUATINT_JAVA_OPTIONS=-Xmx4g or the like"
                    .formatted(cause.getMessage());
        }
        String message = thrown.getMessage();
        if (message == null) {
            return thrown.toString();
        }
        if (message.toLowerCase(Locale.ROOT).contains("can't allocate memory")) { // torch's, on the CPU
            return "not enough memory for what was asked: " + message;
        }
        return message.replaceAll("java(\\.[a-z]+)+\\.[A-Za-z]+Exception: ", "");
    }

    private static String reason(FileSystemException thrown) {
        if (thrown instanceof NoSuchFileException) {
            return "there is no such file or folder, and it cannot be made";
        } else if (thrown instanceof FileAlreadyExistsException) {
            return "it is there already, and is no folder";
        } else if (thrown instanceof NotDirectoryException) {
            return "it is no folder";
        } else if (thrown instanceof AccessDeniedException) {
            return "permission denied";
        }
        return Objects.requireNonNullElse(thrown.getReason(), thrown.getClass().getSimpleName());
    }
}
