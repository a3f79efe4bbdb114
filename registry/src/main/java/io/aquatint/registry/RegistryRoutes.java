package io.aquatint.registry;

import io.aquatint.events.Artifact;
import io.aquatint.events.EventJson;
import io.aquatint.events.ModelVersion;
import io.aquatint.runtime.lifecycle.JsonError;
import io.aquatint.runtime.lifecycle.ObjectResponse;
import io.aquatint.runtime.store.ObjectStore;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.HostAndPort;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** The registry's REST: list, look up and download model versions. */
final class RegistryRoutes {
    private static final String LATEST = "latest";

    private final Catalogue catalogue;
    private final ObjectStore store;
    private final Links links;
    private final BooleanSupplier ready;

    /** @param ready false while the catalogue is still being read: then there are no answers that could be wrong */
    RegistryRoutes(Catalogue catalogue, ObjectStore store, Links links, BooleanSupplier ready) {
        this.catalogue = catalogue;
        this.store = store;
        this.links = links;
        this.ready = ready;
    }

    /**
     * {@code GET /v1/models} (newest first, {@code ?dataset=} for one data set's), {@code GET /v1/models/{dataset}/{version}} with
     * the whole lineage ({@code latest} is the highest version) and {@code GET .../files/NAME}; instead of a name a format will do,
     * {@code .../files/kohya}.
     */
    void addTo(Router router) {
        router.get("/v1/models").handler(this::list);
        router.get("/v1/models/:dataset/:version")
                .handler(context -> withVersion(context, version -> json(context, linked(context, version))));
        router.get("/v1/models/:dataset/:version/files/*")
                .handler(context -> withVersion(context, version -> file(context, version)));
    }

    private void list(RoutingContext context) {
        if (!ready.getAsBoolean()) {
            starting(context);
            return;
        }
        Optional<String> dataset = context.queryParam("dataset").stream().findFirst();
        List<ModelSummary> models = catalogue.versions(dataset).stream()
                .map(version -> ModelSummary.of(linked(context, version)))
                .toList();
        json(context, Map.of("models", models));
    }

    private void withVersion(RoutingContext context, Consumer<ModelVersion> answer) {
        if (!ready.getAsBoolean()) {
            starting(context);
            return;
        }
        String dataset = context.pathParam("dataset");
        String number = context.pathParam("version");
        if (number.equals(LATEST)) {
            catalogue.latest(dataset).ifPresentOrElse(answer, () -> missing(context, dataset, number));
        } else if (number.matches("[1-9]\\d{0,8}")) {
            int version = Integer.parseInt(number);
            catalogue
                    .version(dataset, version)
                    .ifPresentOrElse(answer, () -> missingOrRejected(context, dataset, version));
        } else {
            new JsonError(
                            400,
                            "bad_version",
                            "'%s' is no version.".formatted(number),
                            "Versions are 1, 2, 3 and so on, or 'latest'.")
                    .send(context);
        }
    }

    private void file(RoutingContext context, ModelVersion version) {
        String name = String.valueOf(context.pathParam("*"));
        Optional<Artifact> artifact = Links.find(version, name);
        if (artifact.isEmpty()) {
            new JsonError(
                            404,
                            "file_unknown",
                            "Model %s has no file '%s'.".formatted(version.modelId(), name),
                            "Its files stand in the 'artifacts' of GET /v1/models/%s.".formatted(version.modelId()))
                    .send(context);
            return;
        }
        String key = artifact.get().objectKey();
        String fileName = key.substring(key.lastIndexOf('/') + 1);
        context.response()
                .putHeader("content-disposition", "attachment; filename=\"%s\"".formatted(fileName))
                .putHeader("etag", "\"%s\"".formatted(artifact.get().sha256()));
        JsonError missing = new JsonError(
                404,
                "file_missing",
                "The object store has no '%s' any more.".formatted(key),
                "Restore it from a backup; its SHA-256 is in the model's artifacts.");
        ObjectResponse.send(context, store, key, missing);
    }

    private void missingOrRejected(RoutingContext context, String dataset, int version) {
        catalogue
                .rejection(dataset, version)
                .ifPresentOrElse(
                        rejected -> new JsonError(
                                        404,
                                        "model_rejected",
                                        "Version %d of '%s' was rejected: %s"
                                                .formatted(version, dataset, rejected.detail()),
                                        "Train the data set again, or take another version.")
                                .send(context),
                        () -> missing(context, dataset, Integer.toString(version)));
    }

    private static void missing(RoutingContext context, String dataset, String version) {
        new JsonError(
                        404,
                        "model_missing",
                        "There is no version %s of '%s'.".formatted(version, dataset),
                        "GET /v1/models lists all versions; one appears when its training is done and checked.")
                .send(context);
    }

    private static void starting(RoutingContext context) {
        context.response().putHeader("retry-after", "1");
        new JsonError(
                        503,
                        "catching_up",
                        "The registry has just started and is still reading its events.",
                        "Try again in a second.")
                .send(context);
    }

    /** The version with links under the address that the client knows. */
    private ModelVersion linked(RoutingContext context, ModelVersion version) {
        HostAndPort authority = context.request().authority();
        Optional<String> asked =
                Optional.ofNullable(authority).map(host -> context.request().scheme() + "://" + host);
        return Versions.with(
                version,
                version.artifacts().stream()
                        .map(artifact -> new Artifact(
                                artifact.format(),
                                artifact.objectKey(),
                                artifact.sha256(),
                                artifact.bytes(),
                                links.of(version.dataset(), version.version(), artifact.objectKey(), asked)))
                        .toList());
    }

    private static void json(RoutingContext context, Object body) {
        context.response().putHeader("content-type", "application/json").end(Buffer.buffer(EventJson.write(body)));
    }
}
