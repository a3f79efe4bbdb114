package io.aquatint.standalone;

import io.aquatint.runtime.config.ObjectStoreConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.nio2blob.FilesystemNio2BlobStore;

/** An S3 object store in this JVM, on loopback, its objects as files in one folder. */
public final class EmbeddedObjectStore implements AutoCloseable {
    private final S3Proxy server;
    private boolean closed;

    private EmbeddedObjectStore(S3Proxy server) {
        this.server = server;
    }

    /**
     * Starts a store on what is in the folder.
     *
     * @param data its folder, made when missing
     * @param port 0 takes a free one
     */
    public static EmbeddedObjectStore start(Path data, int port) {
        try {
            Files.createDirectories(data);
            ObjectStoreConfig config = local(port);
            S3Proxy server = S3Proxy.builder()
                    .blobStore(new FilesystemNio2BlobStore(data.toString()))
                    .endpoint(config.endpoint())
                    .awsAuthentication(AuthenticationType.AWS_V4, config.accessKey(), config.secretKey())
                    .ignoreUnknownHeaders(true)
                    .stopTimeout(0)
                    .build();
            server.start();
            return new EmbeddedObjectStore(server);
        } catch (IOException e) {
            throw new UncheckedIOException("no object store can be started on " + data, e);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(
                    "no object store can be started on %s: %s".formatted(data, e.getMessage()), e);
        }
    }

    /** How clients reach it. */
    public ObjectStoreConfig config() {
        return local(server.getPort());
    }

    private static ObjectStoreConfig local(int port) {
        return ObjectStoreConfig.local(URI.create("http://localhost:" + port));
    }

    /** Stops the store; the objects stay. A second call does nothing. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        try {
            server.stop();
        } catch (Exception e) {
            throw new IllegalStateException("the object store does not stop", e);
        }
    }
}
