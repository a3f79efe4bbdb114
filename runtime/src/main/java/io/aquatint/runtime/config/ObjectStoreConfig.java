package io.aquatint.runtime.config;

import java.net.URI;

/**
 * An S3 object store. What is not given is as the store of {@code aquatint up} has it.
 *
 * @param publicEndpoint where others reach the store, for the addresses that are signed for them; the endpoint itself when empty
 */
public record ObjectStoreConfig(
        @ConfigKey("store.endpoint") @ConfigDefault("http://localhost:9000")
        URI endpoint,

        @ConfigKey("store.public.endpoint") @ConfigDefault("")
        URI publicEndpoint,

        @ConfigKey("store.bucket") @ConfigDefault(LOCAL_BUCKET)
        String bucket,

        @ConfigKey("store.access.key") @ConfigDefault(LOCAL_ACCESS_KEY)
        String accessKey,

        @ConfigKey("store.secret.key") @ConfigDefault(LOCAL_SECRET_KEY) @Secret
        String secretKey,

        @ConfigKey("store.region") @ConfigDefault(LOCAL_REGION)
        String region) {
    private static final String LOCAL_BUCKET = "aquatint";
    private static final String LOCAL_ACCESS_KEY = "aquatint";
    private static final String LOCAL_SECRET_KEY = "aquatint-local";
    private static final String LOCAL_REGION = "us-east-1";

    public ObjectStoreConfig {
        publicEndpoint = publicEndpoint.toString().isEmpty() ? endpoint : publicEndpoint;
    }

    /** A store inside this JVM, which listens on loopback alone: its keys are no secret. */
    public static ObjectStoreConfig local(URI endpoint) {
        return new ObjectStoreConfig(
                endpoint, endpoint, LOCAL_BUCKET, LOCAL_ACCESS_KEY, LOCAL_SECRET_KEY, LOCAL_REGION);
    }

    @Override
    public String toString() {
        return ConfigLoader.describe(this);
    }
}
