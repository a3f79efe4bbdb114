package io.aquatint.validator;

import io.aquatint.runtime.config.ConfigDefault;
import io.aquatint.runtime.config.ConfigKey;
import java.nio.file.Path;

/** @param work the folder for base models that are made on first use, and for files in passing */
public record ValidatorSettings(
        @ConfigKey("validator.work") @ConfigDefault("work") Path work) {}
