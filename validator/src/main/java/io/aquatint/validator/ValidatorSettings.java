package io.aquatint.validator;

import io.aquatint.runtime.config.ConfigDefault;
import io.aquatint.runtime.config.ConfigKey;
import java.nio.file.Path;

/**
 * How a validator works.
 *
 * @param work where base models and scratch files are kept; {@code .cache/aquatint} of the user's home when empty
 */
public record ValidatorSettings(
        @ConfigKey("validator.work") @ConfigDefault("") Path work) {

    public ValidatorSettings {
        work = work.toString().isEmpty() ? Path.of(System.getProperty("user.home"), ".cache", "aquatint") : work;
    }
}
