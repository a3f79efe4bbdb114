package io.aquatint.ingest;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** The pictures of the tests. */
public final class Resources {
    private Resources() {}

    /** @param name for example {@code uploads/plain.jpg} */
    public static byte[] image(String name) {
        try (InputStream in = Resources.class.getResourceAsStream("/images/" + name)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
