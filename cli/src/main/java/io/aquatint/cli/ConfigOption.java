package io.aquatint.cli;

import io.aquatint.diffusion.checkpoint.ModelSource;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code --config}: what a single file cannot say of itself. */
final class ConfigOption {
    @Option(
            names = "--config",
            paramLabel = "DIR",
            description =
                    "A diffusers folder with the configs of a single file whose sizes are not the published ones.")
    private @Nullable Path folder;

    boolean isGiven() {
        return folder != null;
    }

    ModelSource open(Path base) {
        return folder == null ? ModelSource.open(base) : ModelSource.open(base, folder);
    }
}
