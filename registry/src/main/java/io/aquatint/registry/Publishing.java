package io.aquatint.registry;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.pipeline.BaseModelMissingException;
import io.aquatint.events.Event;
import io.aquatint.events.ModelEvent;
import io.aquatint.events.ModelReady;
import io.aquatint.events.ModelRejected;
import io.aquatint.events.ModelVersion;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStoreException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the versions that are due, then announces them. Whatever was done before a crash is done again with the same result, or
 * seen to be done; events are published under ids that tell a repetition.
 */
final class Publishing {
    private static final Logger LOG = LoggerFactory.getLogger(Publishing.class);
    private static final URI SOURCE = URI.create("/aquatint/registry");
    private static final Duration PAUSE = Duration.ofSeconds(5);
    private static final Duration LONG_PAUSE = Duration.ofMinutes(1);

    private final Catalogue catalogue;
    private final VersionFiles files;
    private final Outlet outlet;
    private final Map<String, Instant> postponed = new HashMap<>();

    /** Publishes, and returns when that is done. */
    interface Outlet {
        void version(Event<ModelVersion> event);

        void model(Event<ModelEvent> event);
    }

    Publishing(Catalogue catalogue, VersionFiles files, Outlet outlet) {
        this.catalogue = catalogue;
        this.files = files;
        this.outlet = outlet;
    }

    /** Publishes what is due. What cannot be done now, because the store or a base model is out of reach, is tried again later. */
    void publishDue(Instant now) {
        for (Draft draft : catalogue.due(now)) {
            String modelId = draft.version().modelId();
            if (!now.isBefore(postponed.getOrDefault(modelId, Instant.MIN))) {
                postponed.remove(modelId);
                publish(draft, now);
            }
        }
        catalogue
                .scoredLater()
                .forEach(version -> publish("scores:" + version.scores().size(), version, now));
        catalogue.unannounced().forEach(version -> announce(version, now));
    }

    private void publish(Draft draft, Instant now) {
        ModelVersion version;
        try {
            version = Versions.with(draft.version(), files.kept(draft.version().checkpoints()), files.make(draft));
        } catch (CheckpointException
                | UnsupportedModelException
                | ObjectMissingException
                | IllegalArgumentException e) {
            reject(draft, String.valueOf(e.getMessage()), now);
            return;
        } catch (BaseModelMissingException e) {
            postpone(draft, now.plus(LONG_PAUSE), e);
            return;
        } catch (ObjectStoreException | IOException | UncheckedIOException e) {
            postpone(draft, now.plus(PAUSE), e);
            return;
        }
        publish("", version, now);
    }

    /** @param state what sets the event apart from the version's first */
    private void publish(String state, ModelVersion version, Instant now) {
        String id = "model.version:" + version.modelId() + (state.isEmpty() ? "" : ":" + state);
        var event = Event.of(id, SOURCE, now, version.modelId(), version);
        outlet.version(event);
        catalogue.takeVersion(event);
    }

    private void announce(ModelVersion version, Instant now) {
        ModelEvent announced = new ModelReady(
                version.modelId(),
                version.dataset(),
                version.version(),
                version.trainingId(),
                version.baseModel(),
                version.step(),
                version.artifacts(),
                Versions.scores(version));
        publish(Event.of("model.ready:" + version.modelId(), SOURCE, now, version.dataset(), announced));
        LOG.info("model {} is ready", version.modelId());
    }

    private void reject(Draft draft, String detail, Instant now) {
        ModelVersion version = draft.version();
        ModelEvent refused = new ModelRejected(version.dataset(), version.version(), version.trainingId(), detail);
        publish(Event.of("model.rejected:" + version.modelId(), SOURCE, now, version.dataset(), refused));
        LOG.warn("model {} is rejected: {}", version.modelId(), detail);
    }

    private void publish(Event<ModelEvent> event) {
        outlet.model(event);
        catalogue.takeModel(event);
    }

    private void postpone(Draft draft, Instant until, Exception cause) {
        String modelId = draft.version().modelId();
        LOG.warn("model {} cannot be made now and is tried again at {}: {}", modelId, until, cause.toString());
        postponed.put(modelId, until);
    }
}
