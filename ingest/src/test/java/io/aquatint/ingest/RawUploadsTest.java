package io.aquatint.ingest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.events.DatasetEvent;
import io.aquatint.events.Event;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageRejected;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.RejectionReason;
import io.aquatint.events.UploadEvent;
import io.aquatint.events.VerdictEvent;
import io.aquatint.ingest.image.Limits;
import io.aquatint.runtime.store.MemoryObjectStore;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of the files that come by the HTTP door. */
class RawUploadsTest {
    private static final String KEY = "uploads/cat/0b8a3f8e-6a53-4d8e-9c39-0d0d5a1c7f10";
    private static final Instant NOW = Instant.parse("2026-11-24T05:00:00Z");

    private final MemoryObjectStore store = new MemoryObjectStore();
    private final List<Event<VerdictEvent>> verdicts = new ArrayList<>();
    private final UploadHandler handler = handler(store);

    @Test
    void aPictureThatIsAcceptedLeavesNoFileBehindAndOneVerdictHoweverOftenItsEventComes() throws IOException {
        store.put(KEY, Resources.image("uploads/plain.jpg"), "image/jpeg");
        handle("1", upload(KEY, "a cat"));
        assertThat(store.list("uploads/")).isEmpty();

        handle("1", upload(KEY, "a cat"));

        assertThat(verdicts).hasSize(2);
        assertThat(verdicts.get(0).data()).isInstanceOf(ImageAccepted.class);
        assertThat(verdicts.get(1)).isEqualTo(verdicts.get(0));
        assertThat(store.list("images/")).hasSize(1);
    }

    @Test
    void aPictureThatIsRefusedLeavesNoFileBehindAndIsRefusedForTheSameReasonAgain() {
        store.put(KEY, "<html>".getBytes(StandardCharsets.UTF_8), "image/jpeg");
        handle("1", upload(KEY, "a cat"));
        assertThat(store.list("uploads/")).isEmpty();

        handle("1", upload(KEY, "a cat"));

        assertThat(rejected(0).reason()).isEqualTo(RejectionReason.NOT_AN_IMAGE);
        assertThat(verdicts.get(1)).isEqualTo(verdicts.get(0));
    }

    @Test
    void aFileThatIsAnnouncedAnewWithAnotherCaptionIsTheSamePictureWithThatCaption() throws IOException {
        store.put(KEY, Resources.image("uploads/plain.jpg"), "image/jpeg");
        handle("1", upload(KEY, "a cat"));
        handle("2", upload(KEY, "a black cat"));

        assertThat(verdicts.get(1).id()).isEqualTo("image.accepted:2");
        assertThat(accepted(1).caption()).isEqualTo("a black cat");
        assertThat(accepted(1).sha256()).isEqualTo(accepted(0).sha256());
    }

    @ParameterizedTest
    @ValueSource(strings = {"put verdicts/", "delete uploads/"})
    void whereverTheStoreFailsTheNextTryEndsWithTheSameVerdictAndNoFile(String failing) throws IOException {
        store.put(KEY, Resources.image("uploads/plain.jpg"), "image/jpeg");
        UploadHandler unlucky = handler(thatFails(failing));
        assertThatThrownBy(
                        () -> unlucky.prepare(event("1", upload(KEY, "a cat"))).run())
                .isInstanceOf(ObjectStoreException.class);
        assertThat(store.list("uploads/")).containsExactly(KEY);

        handle("1", upload(KEY, "a cat"));

        assertThat(verdicts).hasSize(2);
        assertThat(verdicts.get(1)).isEqualTo(verdicts.get(0));
        assertThat(store.list("uploads/")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "pictures/cat.jpg",
                "uploads/cat.jpg",
                "uploads/cat/1",
                "uploads/dog/0b8a3f8e-6a53-4d8e-9c39-0d0d5a1c7f10",
                "mine/uploads/cat/0b8a3f8e-6a53-4d8e-9c39-0d0d5a1c7f10",
                "uploads/cat/0b8a3f8e-6a53-4d8e-9c39-0d0d5a1c7f10/more"
            })
    void whatOthersNamedOrAnotherDataSetOwnsStays(String key) throws IOException {
        store.put(key, Resources.image("uploads/plain.jpg"), "image/jpeg");

        handle("1", upload(key, "a cat"));

        assertThat(verdicts).singleElement().extracting(Event::data).isInstanceOf(ImageAccepted.class);
        assertThat(store.stat(key)).isPresent();
        assertThat(store.list("verdicts/")).isEmpty();
    }

    @Test
    void aFileThatIsNotThereYetMayStillCome() throws IOException {
        handle("1", upload(KEY, "a cat"));
        assertThat(rejected(0).reason()).isEqualTo(RejectionReason.OBJECT_MISSING);

        store.put(KEY, Resources.image("uploads/plain.jpg"), "image/jpeg");
        handle("2", upload(KEY, "a cat"));

        assertThat(accepted(1).caption()).isEqualTo("a cat");
    }

    @Test
    void aFileWhoseEventIsWrongMayBeAnnouncedAnew() throws IOException {
        store.put(KEY, Resources.image("uploads/plain.jpg"), "image/jpeg");
        handle("1", upload(KEY, "x".repeat(2001)));
        assertThat(rejected(0).reason()).isEqualTo(RejectionReason.CAPTION_TOO_LONG);
        assertThat(store.list("uploads/")).containsExactly(KEY);

        handle("2", upload(KEY, "a cat"));

        assertThat(accepted(1).caption()).isEqualTo("a cat");
        assertThat(store.list("uploads/")).isEmpty();
    }

    private UploadHandler handler(ObjectStore objects) {
        var kept = new UploadHandler.Verdicts() {
            @Override
            public void verdict(Event<VerdictEvent> event) {
                verdicts.add(event);
            }

            @Override
            public void dataset(Event<DatasetEvent> event) {
                throw new AssertionError(event);
            }
        };
        return new UploadHandler(
                objects, new SpecStore(objects), Limits.DEFAULT, Clock.fixed(NOW, ZoneOffset.UTC), kept);
    }

    /** The store, but that it does one thing not. */
    private ObjectStore thatFails(String failing) {
        return (ObjectStore) Proxy.newProxyInstance(
                ObjectStore.class.getClassLoader(), new Class<?>[] {ObjectStore.class}, (proxy, method, arguments) -> {
                    if ((method.getName() + " " + arguments[0]).startsWith(failing)) {
                        throw new ObjectStoreException("no answer", new IllegalStateException("planted"));
                    }
                    try {
                        return method.invoke(store, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private void handle(String id, ImageUploaded upload) {
        handler.prepare(event(id, upload)).run();
    }

    private static Event<UploadEvent> event(String id, ImageUploaded upload) {
        return Event.of(id, URI.create("/app"), NOW, "cat", upload);
    }

    private static ImageUploaded upload(String key, String caption) {
        return new ImageUploaded("cat", "a.jpg", caption, null, null, key, null, null);
    }

    private ImageAccepted accepted(int verdict) {
        return (ImageAccepted) verdicts.get(verdict).data();
    }

    private ImageRejected rejected(int verdict) {
        return (ImageRejected) verdicts.get(verdict).data();
    }
}
