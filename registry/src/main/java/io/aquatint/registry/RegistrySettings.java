package io.aquatint.registry;

import io.aquatint.runtime.config.ConfigDefault;
import io.aquatint.runtime.config.ConfigKey;
import java.nio.file.Path;
import java.time.Duration;

/**
 * How a registry works.
 *
 * @param work where base models and scratch files are kept; {@code .cache/aquatint} of the user's home when empty
 * @param scoreWait a version is made without scores when the validator gave none so long after the training
 * @param publicUrl where others reach this registry's REST, for the links in {@code model.ready}, for example
 *     {@code https://models.example.com}; without it the links are signed ones of the object store, which end after 7 days
 */
public record RegistrySettings(
        @ConfigKey("registry.work") @ConfigDefault("") Path work,

        @ConfigKey("registry.score.wait") @ConfigDefault("PT10M")
        Duration scoreWait,

        @ConfigKey("registry.public.url") @ConfigDefault("") String publicUrl) {

    public RegistrySettings {
        work = work.toString().isEmpty() ? Path.of(System.getProperty("user.home"), ".cache", "aquatint") : work;
        if (scoreWait.isNegative()) {
            throw new IllegalArgumentException(
                    "'registry.score.wait' is %s, but must not be negative".formatted(scoreWait));
        }
        if (!publicUrl.isEmpty() && !publicUrl.matches("https?://[^/]+.*")) {
            throw new IllegalArgumentException(
                    "'registry.public.url' is '%s', but must begin with http:// or https:// and a host"
                            .formatted(publicUrl));
        }
    }
}
