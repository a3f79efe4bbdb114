package io.aquatint.runtime.store;

import io.aquatint.runtime.config.ObjectStoreConfig;
import io.minio.BucketExistsArgs;
import io.minio.GetObjectArgs;
import io.minio.GetPresignedObjectUrlArgs;
import io.minio.Http;
import io.minio.ListObjectsArgs;
import io.minio.MakeBucketArgs;
import io.minio.MinioClient;
import io.minio.PutObjectArgs;
import io.minio.RemoveObjectArgs;
import io.minio.Result;
import io.minio.StatObjectArgs;
import io.minio.errors.ErrorResponseException;
import io.minio.errors.MinioException;
import io.minio.messages.Item;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import okhttp3.ConnectionPool;
import okhttp3.Dispatcher;
import okhttp3.OkHttpClient;

/** An S3 object store through MinIO's client. */
public final class S3ObjectStore implements ObjectStore {
    private static final long PART_BYTES = 16L << 20;

    private final MinioClient client;
    private final MinioClient signer;
    private final String bucket;

    public S3ObjectStore(ObjectStoreConfig config) {
        this.bucket = config.bucket();
        var dispatcher = new Dispatcher();
        dispatcher.setMaxRequestsPerHost(dispatcher.getMaxRequests()); // there is but one host
        OkHttpClient http = Certificates.READ
                .newBuilder()
                .dispatcher(dispatcher)
                .connectionPool(new ConnectionPool())
                .build();
        this.client = client(config, config.endpoint(), http);
        this.signer = client(config, config.publicEndpoint(), http);
    }

    /** To read the certificates of the machine takes a second: once a process. */
    private static final class Certificates {
        private static final OkHttpClient READ = Http.newDefaultClient();
    }

    private static MinioClient client(ObjectStoreConfig config, URI endpoint, OkHttpClient http) {
        return MinioClient.builder()
                .httpClient(http, true)
                .endpoint(endpoint.toString())
                .credentials(config.accessKey(), config.secretKey())
                .region(config.region())
                .build();
    }

    /** Creates the bucket unless it is there; of many at once one creates it. */
    public void ensureBucket() {
        try {
            if (!client.bucketExists(BucketExistsArgs.builder().bucket(bucket).build())) {
                makeBucket();
            }
        } catch (MinioException e) {
            throw new ObjectStoreException("cannot create the bucket '%s': %s".formatted(bucket, e.getMessage()), e);
        }
    }

    private void makeBucket() throws MinioException {
        try {
            client.makeBucket(MakeBucketArgs.builder().bucket(bucket).build());
        } catch (ErrorResponseException e) {
            if (!"BucketAlreadyOwnedByYou".equals(e.errorResponse().code())) {
                throw e;
            }
        }
    }

    @Override
    public void put(String key, byte[] bytes, String contentType) {
        put(key, new ByteArrayInputStream(bytes), bytes.length, contentType);
    }

    @Override
    public void put(String key, InputStream in, long size, String contentType) {
        try {
            client.putObject(writing(key, in, size, contentType).build());
        } catch (MinioException e) {
            throw failed("store", key, e);
        }
    }

    @Override
    public void put(String key, Path file, String contentType) {
        try (InputStream in = Files.newInputStream(file)) {
            put(key, in, Files.size(file), contentType);
        } catch (IOException e) {
            throw failed("store", key, e);
        }
    }

    @Override
    public boolean putIfAbsent(String key, byte[] bytes, String contentType) {
        try {
            client.putObject(writing(key, new ByteArrayInputStream(bytes), bytes.length, contentType)
                    .headers(Map.of("If-None-Match", "*"))
                    .build());
            return true;
        } catch (ErrorResponseException e) {
            if (e.response().code() == 412) {
                return false;
            }
            throw failed("store", key, e);
        } catch (MinioException e) {
            throw failed("store", key, e);
        }
    }

    @Override
    public byte[] get(String key) {
        try (InputStream in = open(key)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw failed("read", key, e);
        }
    }

    @Override
    public InputStream open(String key) {
        try {
            return client.getObject(
                    GetObjectArgs.builder().bucket(bucket).object(key).build());
        } catch (MinioException e) {
            throw isMissing(e) ? new ObjectMissingException(key) : failed("read", key, e);
        }
    }

    @Override
    public void download(String key, Path to) {
        try (InputStream in = open(key)) {
            WholeFile.write(in, to);
        } catch (IOException e) {
            throw failed("download", key, e);
        }
    }

    @Override
    public Optional<ObjectInfo> stat(String key) {
        try {
            var found = client.statObject(
                    StatObjectArgs.builder().bucket(bucket).object(key).build());
            Instant modified = found.lastModified().toInstant();
            return Optional.of(new ObjectInfo(key, found.size(), found.contentType(), modified, found.etag()));
        } catch (MinioException e) {
            if (isMissing(e)) {
                return Optional.empty();
            }
            throw failed("look up", key, e);
        }
    }

    @Override
    public List<String> list(String prefix) {
        var keys = new TreeSet<String>();
        try {
            for (Result<Item> result : client.listObjects(ListObjectsArgs.builder()
                    .bucket(bucket)
                    .prefix(prefix)
                    .recursive(true)
                    .build())) {
                keys.add(result.get().objectName());
            }
        } catch (MinioException e) {
            throw failed("list", prefix, e);
        }
        return List.copyOf(keys);
    }

    @Override
    public void delete(String key) {
        try {
            client.removeObject(
                    RemoveObjectArgs.builder().bucket(bucket).object(key).build());
        } catch (MinioException e) {
            if (!isMissing(e)) {
                throw failed("delete", key, e);
            }
        }
    }

    @Override
    public URI presignGet(String key, Duration validity) {
        return presign(Http.Method.GET, key, validity);
    }

    @Override
    public URI presignPut(String key, Duration validity) {
        return presign(Http.Method.PUT, key, validity);
    }

    @Override
    public void close() {
        try (signer) {
            client.close();
        } catch (Exception e) {
            throw new IllegalStateException("cannot close the object store's client", e);
        }
    }

    private URI presign(Http.Method method, String key, Duration validity) {
        try {
            return URI.create(signer.getPresignedObjectUrl(GetPresignedObjectUrlArgs.builder()
                    .method(method)
                    .bucket(bucket)
                    .object(key)
                    .expiry(Math.toIntExact(validity.toSeconds()), TimeUnit.SECONDS)
                    .build()));
        } catch (MinioException e) {
            throw failed("sign", key, e);
        }
    }

    private PutObjectArgs.Builder writing(String key, InputStream in, long size, String contentType) {
        return PutObjectArgs.builder().bucket(bucket).object(key).stream(in, size, size < 0 ? PART_BYTES : -1L)
                .contentType(contentType);
    }

    private static boolean isMissing(MinioException e) {
        return e instanceof ErrorResponseException response
                && response.response().code() == 404
                && !"NoSuchBucket".equals(response.errorResponse().code());
    }

    private ObjectStoreException failed(String what, String key, Exception e) {
        return new ObjectStoreException(
                "cannot %s '%s' in bucket '%s': %s".formatted(what, key, bucket, e.getMessage()), e);
    }
}
