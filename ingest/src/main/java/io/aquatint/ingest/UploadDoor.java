package io.aquatint.ingest;

import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.EventFormatException;
import io.aquatint.events.EventJson;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.UploadEvent;
import io.aquatint.runtime.lifecycle.JsonError;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import io.aquatint.runtime.store.Sha256;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.file.AsyncFile;
import io.vertx.core.file.OpenOptions;
import io.vertx.core.http.HttpServerFileUpload;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The HTTP door: the same upload events for apps without Kafka. A picture goes from the connection to a file and from there to
 * the object store, never whole through memory, and becomes an event once it is stored.
 */
final class UploadDoor {
    private static final Logger LOG = LoggerFactory.getLogger(UploadDoor.class);
    private static final URI SOURCE = URI.create("/aquatint/http");
    private static final Duration PRESIGNED = Duration.ofHours(1);
    private static final int SPEC_BYTES = 1 << 20;

    private final ObjectStore store;
    private final SpecStore specs;
    private final IngestConfig config;
    private final Consumer<Event<UploadEvent>> uploads;

    /** @param uploads returns when the event is safe */
    UploadDoor(ObjectStore store, SpecStore specs, IngestConfig config, Consumer<Event<UploadEvent>> uploads) {
        this.store = store;
        this.specs = specs;
        this.config = config;
        this.uploads = uploads;
    }

    void routes(Router router) {
        router.post("/v1/datasets/:dataset/images").handler(this::receiveImages);
        router.post("/v1/datasets/:dataset/uploads").handler(context -> answer(context, () -> presign(context)));
        router.post("/v1/datasets/:dataset/seal").handler(context -> answer(context, () -> seal(context)));
        router.put("/v1/datasets/:dataset")
                .handler(BodyHandler.create(false).setBodyLimit(SPEC_BYTES))
                .handler(context -> answer(context, () -> configure(context)));
        router.get("/v1/datasets/:dataset").handler(context -> answer(context, () -> describe(context)));
    }

    private record Reply(int status, JsonObject body) {}

    /** What the client did wrong. */
    private static final class BadRequestException extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final transient JsonError error;

        BadRequestException(int status, String error, String detail, String advice) {
            super(detail);
            this.error = new JsonError(status, error, detail, advice);
        }
    }

    private Reply configure(RoutingContext context) {
        String dataset = dataset(context);
        TrainingSpec spec;
        try {
            Buffer body = context.body().buffer();
            byte[] json = body == null ? new byte[0] : body.getBytes();
            List<String> problems = new ArrayList<>(TrainingSpec.unknownFields(json));
            spec = EventJson.read(json, TrainingSpec.class);
            problems.addAll(spec.problems());
            if (!problems.isEmpty()) {
                throw badSpec(String.join("; ", problems));
            }
        } catch (EventFormatException e) {
            throw badSpec(String.valueOf(e.getMessage()));
        }
        String id = send(dataset, new DatasetConfigured(dataset, spec));
        return new Reply(202, new JsonObject().put("id", id).put("dataset", dataset));
    }

    private static BadRequestException badSpec(String detail) {
        return new BadRequestException(
                400, "bad_spec", detail, "Correct the spec and send it again; absent settings take their defaults.");
    }

    private Reply describe(RoutingContext context) {
        String dataset = dataset(context);
        byte[] spec = EventJson.write(specs.get(dataset));
        return new Reply(
                200, new JsonObject().put("dataset", dataset).put("spec", new JsonObject(Buffer.buffer(spec))));
    }

    private Reply seal(RoutingContext context) {
        String dataset = dataset(context);
        return new Reply(
                202,
                new JsonObject()
                        .put("id", send(dataset, new DatasetSealed(dataset)))
                        .put("dataset", dataset));
    }

    private Reply presign(RoutingContext context) {
        String key = uploadKey(dataset(context));
        return new Reply(
                201,
                new JsonObject()
                        .put("objectKey", key)
                        .put("put", store.presignPut(key, PRESIGNED).toString())
                        .put("expiresAt", Instant.now().plus(PRESIGNED).toString()));
    }

    /** A picture of a multipart request, on its way. */
    private record Received(Path file, String fileName, String contentType, Future<Void> written) {}

    private void receiveImages(RoutingContext context) {
        HttpServerRequest request = context.request();
        if (!DatasetId.isValid(context.pathParam("dataset"))) {
            badDataset(context.pathParam("dataset")).error.send(context);
            return;
        }
        String type = String.valueOf(request.getHeader("content-type"));
        if (!type.startsWith("multipart/form-data")) {
            new JsonError(
                            415,
                            "not_multipart",
                            "The content type is '%s'.".formatted(type),
                            "Send multipart/form-data: curl -F image=@cat.jpg -F caption='a cat'.")
                    .send(context);
            return;
        }
        List<Received> received = new ArrayList<>();
        request.setExpectMultipart(true);
        request.uploadHandler(upload -> received.add(receive(context, upload)));
        request.exceptionHandler(broken -> {
            LOG.info("an upload broke off: {}", broken.toString());
            discard(context.vertx(), received);
        });
        request.endHandler(
                end -> Future.join(received.stream().map(Received::written).toList())
                        .onComplete(written -> {
                            if (written.failed()) {
                                discard(context.vertx(), received);
                                fail(context, written.cause());
                            } else {
                                answer(context, () -> store(context, received));
                            }
                        }));
    }

    private Received receive(RoutingContext context, HttpServerFileUpload upload) {
        Path file = config.work().resolve(UUID.randomUUID() + ".upload");
        Promise<Void> written = Promise.promise();
        upload.pause();
        context.vertx()
                .executeBlocking(() -> Files.createDirectories(config.work()), false)
                .compose(made ->
                        context.vertx().fileSystem().open(file.toString(), new OpenOptions().setCreateNew(true)))
                .onSuccess(opened -> write(upload, opened, written))
                .onFailure(written::fail);
        return new Received(file, upload.filename(), upload.contentType(), written.future());
    }

    /** Writes what comes, no faster than the disk takes it and no more than is allowed. */
    private void write(HttpServerFileUpload upload, AsyncFile file, Promise<Void> written) {
        long[] bytes = new long[1];
        upload.handler(buffer -> {
            bytes[0] += buffer.length();
            if (bytes[0] > config.maxBytes()) {
                return; // read to the end, so that the client hears why
            }
            file.write(buffer).onFailure(written::tryFail);
            if (file.writeQueueFull()) {
                upload.pause();
                file.drainHandler(drained -> upload.resume());
            }
        });
        upload.exceptionHandler(broken -> file.close().onComplete(closed -> written.tryFail(broken)));
        upload.endHandler(end -> file.close().onComplete(closed -> {
            if (bytes[0] > config.maxBytes()) {
                written.tryFail(new BadRequestException(
                        413,
                        "too_many_bytes",
                        "'%s' has %d bytes; %d are allowed".formatted(upload.filename(), bytes[0], config.maxBytes()),
                        "Send a smaller picture; none of this request was taken."));
            } else if (closed.failed()) {
                written.tryFail(closed.cause());
            } else {
                written.tryComplete();
            }
        }));
        upload.resume();
    }

    /** On a worker thread: every picture is stored before the first becomes an event. */
    private Reply store(RoutingContext context, List<Received> received) throws IOException {
        try {
            String dataset = dataset(context);
            if (received.isEmpty()) {
                throw new BadRequestException(
                        400,
                        "no_picture",
                        "The request has no file.",
                        "Send at least one: curl -F image=@cat.jpg -F caption='a cat'.");
            }
            List<String> captions = context.request().formAttributes().getAll("caption");
            if (captions.size() > 1 && captions.size() != received.size()) {
                throw new BadRequestException(
                        400,
                        "captions_unclear",
                        "There are %d captions for %d files.".formatted(captions.size(), received.size()),
                        "Give one caption for all files, or one for each in their order.");
            }
            List<ImageUploaded> images = new ArrayList<>();
            for (int i = 0; i < received.size(); i++) {
                String caption = captions.isEmpty() ? null : captions.get(captions.size() == 1 ? 0 : i);
                images.add(stored(dataset, received.get(i), caption));
            }
            var replies = new JsonArray();
            for (ImageUploaded image : images) {
                replies.add(new JsonObject()
                        .put("id", send(dataset, image))
                        .put("fileName", image.fileName())
                        .put("objectKey", image.objectKey())
                        .put("sha256", image.sha256()));
            }
            return new Reply(202, new JsonObject().put("dataset", dataset).put("uploads", replies));
        } finally {
            for (Received file : received) {
                Files.deleteIfExists(file.file());
            }
        }
    }

    private ImageUploaded stored(String dataset, Received received, @Nullable String caption) throws IOException {
        String key = uploadKey(dataset);
        store.put(key, received.file(), "application/octet-stream");
        return new ImageUploaded(
                dataset,
                received.fileName(),
                caption,
                received.contentType(),
                null,
                key,
                Sha256.of(received.file()),
                null);
    }

    private String send(String dataset, UploadEvent upload) {
        String id = UUID.randomUUID().toString();
        uploads.accept(Event.of(id, SOURCE, Instant.now(), dataset, upload));
        return id;
    }

    private static String dataset(RoutingContext context) {
        String dataset = context.pathParam("dataset");
        if (!DatasetId.isValid(dataset)) {
            throw badDataset(dataset);
        }
        return dataset;
    }

    private static BadRequestException badDataset(@Nullable String dataset) {
        return new BadRequestException(
                400,
                "bad_dataset",
                "'%s' is no name for a data set: %s".formatted(dataset, DatasetId.RULE),
                "Choose another name.");
    }

    private static String uploadKey(String dataset) {
        return "uploads/%s/%s".formatted(dataset, UUID.randomUUID());
    }

    private static void answer(RoutingContext context, Callable<Reply> work) {
        context.vertx()
                .executeBlocking(work, false)
                .onSuccess(reply -> context.response()
                        .setStatusCode(reply.status())
                        .putHeader("content-type", "application/json")
                        .end(reply.body().encode()))
                .onFailure(failure -> fail(context, failure));
    }

    private static void fail(RoutingContext context, Throwable failure) {
        if (failure instanceof BadRequestException bad) {
            bad.error.send(context);
        } else if (failure instanceof ObjectStoreException) {
            LOG.warn("{} failed", context.request().uri(), failure);
            JsonError.storeUnavailable().send(context);
        } else if (failure instanceof KafkaException) {
            LOG.warn("{} failed", context.request().uri(), failure);
            new JsonError(503, "kafka_unavailable", "Kafka does not take the event.", "Send the request again.")
                    .send(context);
        } else {
            LOG.error("{} failed", context.request().uri(), failure);
            new JsonError(500, "internal", "The request failed for a reason of ours.", "See the log of ingest.")
                    .send(context);
        }
    }

    private static void discard(Vertx vertx, List<Received> received) {
        vertx.executeBlocking(
                        () -> {
                            for (Received file : received) {
                                Files.deleteIfExists(file.file());
                            }
                            return true;
                        },
                        false)
                .onFailure(e -> LOG.warn("temporary files of an upload are left over", e));
    }
}
