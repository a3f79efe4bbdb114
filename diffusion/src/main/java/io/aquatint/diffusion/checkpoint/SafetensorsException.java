package io.aquatint.diffusion.checkpoint;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A file that is no valid safetensors file, with the tensor that shows it where there is one. */
public final class SafetensorsException extends CheckpointException {
    private static final long serialVersionUID = 1L;

    private final String file;
    private final @Nullable String tensor;
    private final String reason;

    SafetensorsException(Path file, @Nullable String tensor, String reason) {
        super(file + (tensor == null ? "" : ": tensor " + shortened(tensor)) + ": " + reason);
        this.file = file.toString();
        this.tensor = tensor;
        this.reason = reason;
    }

    public String file() {
        return file;
    }

    public @Nullable String tensor() {
        return tensor;
    }

    public String reason() {
        return reason;
    }

    private static String shortened(String name) {
        return name.length() <= 200 ? name : name.substring(0, 200) + "...";
    }
}
