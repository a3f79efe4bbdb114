package io.aquatint.ingest;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.EventFormatException;
import io.aquatint.events.EventJson;
import io.aquatint.events.ImageRole;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.UploadEvent;
import io.aquatint.ingest.image.RejectedImageException;
import io.aquatint.runtime.lifecycle.JsonError;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import io.aquatint.runtime.store.Sha256;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.FileUpload;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import io.vertx.ext.web.handler.BodyHandler;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
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

    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final String WHOLE = "whole form";

    /** Room for {@link ImageUploaded#INLINE_BYTES} in base64. */
    private static final long JSON_BYTES = 2 << 20;

    private static final String DATASET = "/v1/datasets/:dataset";
    private static final String IMAGES = DATASET + "/images";

    private final ObjectStore store;
    private final SpecStore specs;
    private final IngestSettings settings;
    private final Consumer<Event<UploadEvent>> uploads;

    /** @param uploads returns when the event is safe */
    UploadDoor(ObjectStore store, SpecStore specs, IngestSettings settings, Consumer<Event<UploadEvent>> uploads) {
        this.store = store;
        this.specs = specs;
        this.settings = settings;
        this.uploads = uploads;
    }

    void routes(Router router) {
        BodyHandler files = BodyHandler.create(settings.work().toString())
                .setBodyLimit(settings.maxRequestBytes())
                .setDeleteUploadedFilesOnEnd(true);
        BodyHandler json = BodyHandler.create(false).setBodyLimit(JSON_BYTES);
        router.route("/v1/datasets/*").failureHandler(UploadDoor::fail);
        router.route(DATASET).handler(UploadDoor::checkDataset);
        router.route(DATASET + "/*").handler(UploadDoor::checkDataset);
        router.get(DATASET).handler(context -> answer(context, () -> describe(context)));
        router.put(DATASET).handler(json).handler(context -> answer(context, () -> configure(context)));
        router.post(IMAGES).consumes("multipart/form-data").handler(UploadDoor::expectWholeForm);
        router.post(IMAGES)
                .consumes("multipart/form-data")
                .handler(files)
                .handler(UploadDoor::noteWholeForm)
                .handler(context -> answer(context, () -> receive(context)));
        router.post(IMAGES)
                .consumes("application/json")
                .handler(json)
                .handler(context -> answer(context, () -> announce(context)));
        router.post(IMAGES).handler(UploadDoor::refuseContentType);
        router.post(DATASET + "/uploads").handler(context -> answer(context, () -> presign(context)));
        router.post(DATASET + "/seal").handler(context -> answer(context, () -> seal(context)));
    }

    /**
     * A form that ends within a file would never be answered: its file waits for the rest. Once the last byte is here, the files
     * are written in no time.
     */
    private static void expectWholeForm(RoutingContext context) {
        context.request().end().onSuccess(end -> context.vertx().setTimer(PATIENCE.toMillis(), timer -> {
            if (context.get(WHOLE) == null) {
                // The answer first: when the files are given up the body handler fails too, with a reason that helps
                // nobody.
                context.fail(new BadRequestException(
                        400, "broken_form", "The form ends before its last file does.", "Send it again, whole."));
                context.cancelAndCleanupFileUploads();
            }
        }));
        context.next();
    }

    private static void noteWholeForm(RoutingContext context) {
        context.put(WHOLE, true);
        context.next();
    }

    private record Reply(int status, JsonObject body) {}

    private static void checkDataset(RoutingContext context) {
        String dataset = dataset(context);
        if (DatasetId.isValid(dataset)) {
            context.next();
        } else {
            context.fail(new BadRequestException(
                    400,
                    "bad_dataset",
                    "'%s' is no name for a data set: %s".formatted(dataset, DatasetId.RULE),
                    "Choose another name."));
        }
    }

    private Reply describe(RoutingContext context) {
        String dataset = dataset(context);
        return new Reply(200, new JsonObject().put("dataset", dataset).put("spec", json(specs.get(dataset))));
    }

    private Reply configure(RoutingContext context) {
        String dataset = dataset(context);
        byte[] body = body(context);
        List<String> problems = SpecReader.problems(body);
        if (!problems.isEmpty()) {
            throw badSpec(problems);
        }
        TrainingSpec spec = SpecReader.read(body);
        problems = specs.problems(dataset, spec);
        if (!problems.isEmpty()) {
            throw badSpec(problems);
        }
        String id = send(new DatasetConfigured(dataset, spec));
        return new Reply(
                202, new JsonObject().put("id", id).put("dataset", dataset).put("spec", json(spec)));
    }

    private Reply seal(RoutingContext context) {
        String dataset = dataset(context);
        String id = send(new DatasetSealed(dataset));
        return new Reply(202, new JsonObject().put("id", id).put("dataset", dataset));
    }

    /** For apps that put the picture into the store themselves and then announce its key. */
    private Reply presign(RoutingContext context) {
        String key = RawUploads.newKey(dataset(context));
        return new Reply(
                201,
                new JsonObject()
                        .put("objectKey", key)
                        .put("put", store.presignPut(key, PRESIGNED).toString())
                        .put("expiresAt", Instant.now().plus(PRESIGNED).toString()));
    }

    /** The data of an {@code image.uploaded} event as JSON; the data set may be left out. */
    private Reply announce(RoutingContext context) {
        String dataset = dataset(context);
        ImageUploaded image;
        try {
            ObjectNode body = EventJson.read(body(context), ObjectNode.class);
            String named = body.path("dataset").asText(dataset);
            if (!named.equals(dataset)) {
                throw new BadRequestException(
                        400,
                        "two_datasets",
                        "The address says '%s', and the body says '%s'.".formatted(dataset, named),
                        "Leave the data set out of the body.");
            }
            body.put("dataset", dataset);
            image = EventJson.read(EventJson.write(body), ImageUploaded.class);
            UploadRules.check(image);
        } catch (EventFormatException e) {
            throw new BadRequestException(
                    400,
                    "bad_upload",
                    String.valueOf(e.getMessage()),
                    "Send {\"objectKey\": \"...\", \"caption\": \"...\"}.");
        }
        return accepted(dataset, List.of(image));
    }

    /** Every picture of a multipart request is stored before the first becomes an event. */
    private Reply receive(RoutingContext context) throws IOException {
        String dataset = dataset(context);
        List<FileUpload> files = context.fileUploads().stream()
                .filter(file -> !(file.fileName().isBlank() && file.size() == 0)) // a form's field without a file
                .toList();
        List<String> captions = context.request().formAttributes().getAll("caption");
        checkParts(files, captions);
        ImageRole role = role(context.request().getFormAttribute("role"));
        List<ImageUploaded> images = new ArrayList<>();
        for (int i = 0; i < files.size(); i++) {
            String caption = captions.isEmpty() ? null : captions.get(captions.size() == 1 ? 0 : i);
            images.add(stored(dataset, files.get(i), caption, role));
        }
        return accepted(dataset, images);
    }

    private static @Nullable ImageRole role(@Nullable String name) {
        if (name == null) {
            return null;
        }
        return Arrays.stream(ImageRole.values())
                .filter(role -> role.name().equalsIgnoreCase(name.strip()))
                .findFirst()
                .orElseThrow(() -> new BadRequestException(
                        400,
                        "unknown_role",
                        "'%s' is no role of a picture.".formatted(name),
                        "Give role=class for pictures of others of the class, and none for what is to be learned."));
    }

    private void checkParts(List<FileUpload> files, List<String> captions) {
        if (files.isEmpty()) {
            throw new BadRequestException(
                    400,
                    "no_picture",
                    "The request has no file.",
                    "Send at least one: curl -F image=@cat.jpg -F caption='a cat'.");
        } else if (captions.size() > 1 && captions.size() != files.size()) {
            throw new BadRequestException(
                    400,
                    "captions_unclear",
                    "There are %d captions for %d files.".formatted(captions.size(), files.size()),
                    "Give one caption for all files, or one for each in their order.");
        }
        for (FileUpload file : files) {
            if (file.size() > settings.maxBytes()) {
                throw new BadRequestException(
                        413,
                        "too_many_bytes",
                        "'%s' has %d bytes; %d are allowed"
                                .formatted(file.fileName(), file.size(), settings.maxBytes()),
                        "Send a smaller picture; none of this request was taken.");
            }
        }
        for (String caption : captions) {
            if (caption.length() > UploadRules.CAPTION_LENGTH) {
                throw new BadRequestException(
                        400,
                        "caption_too_long",
                        "A caption has %d characters; %d are allowed"
                                .formatted(caption.length(), UploadRules.CAPTION_LENGTH),
                        "Shorten the caption.");
            }
        }
    }

    private ImageUploaded stored(String dataset, FileUpload upload, @Nullable String caption, @Nullable ImageRole role)
            throws IOException {
        Path file = Path.of(upload.uploadedFileName());
        String key = RawUploads.newKey(dataset);
        store.put(key, file, "application/octet-stream");
        return new ImageUploaded(
                dataset, upload.fileName(), caption, upload.contentType(), null, key, Sha256.of(file), null, role);
    }

    private Reply accepted(String dataset, List<ImageUploaded> images) {
        var replies = new JsonArray();
        for (ImageUploaded image : images) {
            replies.add(new JsonObject()
                    .put("id", send(image))
                    .put("fileName", image.fileName())
                    .put("objectKey", image.objectKey())
                    .put("sha256", image.sha256()));
        }
        return new Reply(202, new JsonObject().put("dataset", dataset).put("uploads", replies));
    }

    /** The id of a picture's event; its verdict has the id {@code image.accepted:<id>} or {@code image.rejected:<id>}. */
    private String send(UploadEvent upload) {
        String id = UUID.randomUUID().toString();
        uploads.accept(Event.of(id, SOURCE, Instant.now(), upload.dataset(), upload));
        return id;
    }

    private static String dataset(RoutingContext context) {
        return String.valueOf(context.pathParam("dataset"));
    }

    private static byte[] body(RoutingContext context) {
        Buffer body = context.body().buffer();
        return body == null ? new byte[0] : body.getBytes();
    }

    private static JsonObject json(TrainingSpec spec) {
        return new JsonObject(Buffer.buffer(EventJson.write(spec)));
    }

    private static BadRequestException badSpec(List<String> problems) {
        return new BadRequestException(
                400,
                "bad_spec",
                String.join("; ", problems),
                "Correct the spec and send it again; absent settings take their defaults.");
    }

    private static void refuseContentType(RoutingContext context) {
        context.fail(
                new BadRequestException(
                        415,
                        "bad_content_type",
                        "The content type is '%s'.".formatted(context.request().getHeader("content-type")),
                        "Send multipart/form-data: curl -F image=@cat.jpg -F caption='a cat'; or application/json with an objectKey."));
    }

    /** Works on a worker thread: Kafka and the store block. */
    private static void answer(RoutingContext context, Callable<Reply> work) {
        context.vertx()
                .executeBlocking(work, false)
                .onSuccess(reply -> context.response()
                        .setStatusCode(reply.status())
                        .putHeader("content-type", "application/json")
                        .end(reply.body().encode()))
                .onFailure(context::fail);
    }

    private static void fail(RoutingContext context) {
        if (!context.response().ended()) {
            error(context).send(context);
        }
    }

    private static JsonError error(RoutingContext context) {
        Throwable failure = context.failure();
        if (failure instanceof BadRequestException bad) {
            return bad.error();
        } else if (failure instanceof RejectedImageException refused) {
            return new JsonError(
                    400,
                    refused.reason().name().toLowerCase(Locale.ROOT),
                    String.valueOf(refused.getMessage()),
                    refused.reason().advice());
        } else if (failure instanceof ObjectStoreException) {
            LOG.warn("{} failed", context.request().uri(), failure);
            return JsonError.storeUnavailable();
        } else if (failure instanceof KafkaException) {
            LOG.warn("{} failed", context.request().uri(), failure);
            return new JsonError(503, "kafka_unavailable", "Kafka does not take the event.", "Send the request again.");
        } else if (context.statusCode() == 413) {
            return new JsonError(
                    413,
                    "too_many_bytes",
                    "The request is larger than is allowed.",
                    "Send fewer or smaller pictures at once; none of this request was taken.");
        } else if (context.statusCode() >= 400 && context.statusCode() < 500) {
            return new JsonError(
                    context.statusCode(),
                    "bad_request",
                    failure == null ? "The request cannot be read." : String.valueOf(failure.getMessage()),
                    "Send the request as its content type says.");
        }
        LOG.error("{} failed", context.request().uri(), failure);
        return new JsonError(500, "internal", "The request failed for a reason of ours.", "See the log of ingest.");
    }
}
