package io.aquatint.runtime.config;

import java.net.URI;

/** An S3 object store. */
public record ObjectStoreConfig(
        @ConfigKey("store.endpoint") @ConfigDefault("http://localhost:9000")
        URI endpoint,

        @ConfigKey("store.bucket") @ConfigDefault("aquatint")
        String bucket,

        @ConfigKey("store.access.key") String accessKey,
        @ConfigKey("store.secret.key") @Secret String secretKey,

        @ConfigKey("store.region") @ConfigDefault("us-east-1")
        String region) {

    @Override
    public String toString() {
        return ConfigLoader.describe(this);
    }
}
