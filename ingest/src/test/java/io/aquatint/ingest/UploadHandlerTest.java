package io.aquatint.ingest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetEvent;
import io.aquatint.events.DatasetRejected;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageRejected;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.PixelSize;
import io.aquatint.events.RejectionReason;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.UploadEvent;
import io.aquatint.events.VerdictEvent;
import io.aquatint.ingest.image.Limits;
import io.aquatint.runtime.store.MemoryObjectStore;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import io.aquatint.runtime.store.Sha256;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class UploadHandlerTest {
    private static final Instant NOW = Instant.parse("2026-11-24T05:00:00Z");
    private static final Limits LIMITS = new Limits(2 << 20, 50_000_000, 8);

    private final MemoryObjectStore store = new MemoryObjectStore();
    private final List<Event<VerdictEvent>> verdicts = new ArrayList<>();
    private final List<Event<DatasetEvent>> datasetEvents = new ArrayList<>();
    private final UploadHandler handler = handler(store);

    private UploadHandler handler(ObjectStore objects) {
        var kept = new UploadHandler.Verdicts() {
            @Override
            public void verdict(Event<VerdictEvent> event) {
                verdicts.add(event);
            }

            @Override
            public void dataset(Event<DatasetEvent> event) {
                datasetEvents.add(event);
            }
        };
        return new UploadHandler(objects, new SpecStore(objects), LIMITS, Clock.fixed(NOW, ZoneOffset.UTC), kept);
    }

    static Stream<Arguments> refusals() throws IOException {
        byte[] plain = Resources.image("uploads/plain.jpg");
        byte[] damaged = Resources.image("uploads/grayscale.png");
        damaged[damaged.length / 2] ^= 0x55;
        return Stream.of(
                Arguments.of(RejectionReason.EMPTY, inline(new byte[0])),
                Arguments.of(RejectionReason.NOT_AN_IMAGE, inline(Resources.image("bad/html.png"))),
                Arguments.of(
                        RejectionReason.UNSUPPORTED_FORMAT, inline("II*\0 a TIFF".getBytes(StandardCharsets.US_ASCII))),
                Arguments.of(RejectionReason.TRUNCATED, inline(Resources.image("bad/truncated.jpg"))),
                Arguments.of(RejectionReason.CORRUPT, inline(damaged)),
                Arguments.of(RejectionReason.TOO_MANY_PIXELS, inline(Resources.image("bad/bomb-30000x30000.png"))),
                Arguments.of(RejectionReason.TOO_MANY_BYTES, inline(new byte[(1 << 20) + 1])),
                Arguments.of(RejectionReason.TOO_MANY_BYTES, stored("large")),
                Arguments.of(RejectionReason.TOO_SMALL, inline(png(4, 4))),
                Arguments.of(RejectionReason.OBJECT_MISSING, stored("uploads/nobody-put-it")),
                Arguments.of(
                        RejectionReason.HASH_MISMATCH,
                        new ImageUploaded("cat", "a.jpg", null, null, plain, null, "0".repeat(64), null)),
                Arguments.of(RejectionReason.CAPTION_TOO_LONG, captioned(plain, "x".repeat(2001))),
                Arguments.of(
                        RejectionReason.MALFORMED_EVENT,
                        new ImageUploaded("cat", "a.jpg", null, null, null, null, null, null)),
                Arguments.of(
                        RejectionReason.MALFORMED_EVENT,
                        new ImageUploaded("cat", "a.jpg", null, null, plain, "large", null, null)),
                Arguments.of(
                        RejectionReason.MALFORMED_EVENT,
                        new ImageUploaded("Cat/1", "a.jpg", null, null, plain, null, null, null)));
    }

    @ParameterizedTest
    @MethodSource("refusals")
    void aRefusedPictureIsAVerdictWithItsReasonAndASentence(RejectionReason reason, ImageUploaded upload) {
        store.put("large", new byte[(2 << 20) + 1], "image/jpeg");

        handle("1", upload);

        assertThat(verdicts).singleElement().satisfies(event -> {
            assertThat(event.id()).isEqualTo("image.rejected:1");
            assertThat(event.data()).isInstanceOfSatisfying(ImageRejected.class, rejected -> {
                assertThat(rejected.reason()).isEqualTo(reason);
                assertThat(rejected.detail()).isNotBlank();
                assertThat(rejected.fileName()).isEqualTo("a.jpg");
            });
        });
        assertThat(store.list("images/")).isEmpty();
    }

    @Test
    void everyReasonIsTried() throws IOException {
        assertThat(refusals().map(refusal -> refusal.get()[0]).distinct())
                .containsExactlyInAnyOrderElementsOf(Arrays.asList((Object[]) RejectionReason.values()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "/a", "a/", "a//b", "../secrets", "a/./b", "a\nb"})
    void aKeyThatNoStoreCouldHoldIsRefusedBeforeTheStoreIsAsked(String key) {
        handle("1", stored(key));

        assertThat(rejected().reason()).isEqualTo(RejectionReason.MALFORMED_EVENT);
    }

    @Test
    void aKeyThatIsTooLongIsRefused() {
        handle("1", stored("a".repeat(256)));
        handle("2", stored("a/".repeat(600) + "b"));

        assertThat(verdicts)
                .extracting(event -> ((ImageRejected) event.data()).reason())
                .containsOnly(RejectionReason.MALFORMED_EVENT);
    }

    @Test
    void anAcceptedPictureIsStoredUnderItsContentHash() throws IOException {
        byte[] file = Resources.image("uploads/plain.jpg");
        handle("1", captioned(file, " a photo of zwx cat "));

        ImageAccepted accepted = accepted();
        byte[] png = store.get(accepted.objectKey());
        assertThat(accepted.sha256()).isEqualTo(Sha256.of(png));
        assertThat(accepted.objectKey())
                .isEqualTo("images/%s/%s.png".formatted(accepted.sha256().substring(0, 2), accepted.sha256()));
        assertThat(accepted.caption()).isEqualTo("a photo of zwx cat");
        assertThat(accepted.sourceSha256()).isEqualTo(Sha256.of(file));
        assertThat(accepted.sourceFormat()).isEqualTo("JPEG");
        assertThat(accepted.after()).isEqualTo(new PixelSize(512, 512));
        assertThat(accepted.bytes()).isEqualTo(png.length);
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(png));
        assertThat(image.getWidth()).isEqualTo(512);
        assertThat(verdicts).singleElement().satisfies(event -> {
            assertThat(event.id()).isEqualTo("image.accepted:1");
            assertThat(event.subject()).isEqualTo("cat");
            assertThat(event.time()).isEqualTo(NOW);
            assertThat(event.source()).isEqualTo(URI.create("/aquatint/ingest"));
        });
    }

    @Test
    void aPictureWithoutCaptionHasAnEmptyOne() {
        handle("1", inline(Resources.image("uploads/plain.jpg")));

        assertThat(accepted().caption()).isEmpty();
    }

    @Test
    void aStoredObjectIsReadByItsKeyAndCheckedAgainstItsHash() {
        byte[] file = Resources.image("uploads/lossy.webp");
        store.put("uploads/cat/1", file, "image/webp");
        handle("1", new ImageUploaded("cat", "a.webp", null, null, null, "uploads/cat/1", hash(file), null));

        assertThat(accepted().sourceFormat()).isEqualTo("WEBP");
    }

    @Test
    void theHashMayBeInCapitalLetters() {
        byte[] file = Resources.image("uploads/plain.jpg");
        handle(
                "1",
                new ImageUploaded(
                        "cat", "a.jpg", null, null, file, null, hash(file).toUpperCase(Locale.ROOT), null));

        assertThat(accepted().sourceSha256()).isEqualTo(hash(file));
    }

    @Test
    void theSameUploadTwiceIsTheSameVerdictTwiceAndOneObject() {
        handle("1", inline(Resources.image("uploads/plain.jpg")));
        handle("1", inline(Resources.image("uploads/plain.jpg")));

        assertThat(verdicts).hasSize(2);
        assertThat(verdicts.get(1)).isEqualTo(verdicts.get(0));
        assertThat(store.list("images/")).hasSize(1);
    }

    @Test
    void theSamePixelsInAnotherFileAreTheSamePicture() throws IOException {
        byte[] png = Resources.image("uploads/grayscale.png");
        ByteArrayOutputStream bmp = new ByteArrayOutputStream();
        BufferedImage gray = ImageIO.read(new ByteArrayInputStream(png));
        BufferedImage colour = new BufferedImage(gray.getWidth(), gray.getHeight(), BufferedImage.TYPE_3BYTE_BGR);
        for (int y = 0; y < gray.getHeight(); y++) {
            for (int x = 0; x < gray.getWidth(); x++) {
                int sample = gray.getRaster().getSample(x, y, 0);
                colour.setRGB(x, y, sample << 16 | sample << 8 | sample);
            }
        }
        ImageIO.write(colour, "bmp", bmp);
        handle("1", inline(png));
        handle("2", inline(bmp.toByteArray()));

        assertThat(verdicts)
                .extracting(event -> ((ImageAccepted) event.data()).sha256())
                .hasSize(2)
                .containsOnly(accepted().sha256());
        assertThat(store.list("images/")).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"exif-orientation-3.jpg", "exif-orientation-6.jpg", "exif-orientation-8.jpg"})
    void aPictureIsTurnedUprightByItsExif(String name) throws IOException {
        handle("0", new DatasetConfigured("cat", spec(256)));
        handle("1", inline(Resources.image("uploads/" + name)));

        BufferedImage actual =
                ImageIO.read(new ByteArrayInputStream(store.get(accepted().objectKey())));
        BufferedImage expected =
                ImageIO.read(new ByteArrayInputStream(Resources.image("expected/" + name + ".256.png")));
        long difference = 0;
        for (int y = 0; y < 256; y++) {
            for (int x = 0; x < 256; x++) {
                difference += Math.abs((actual.getRGB(x, y) & 0xff) - (expected.getRGB(x, y) & 0xff));
            }
        }
        assertThat(difference / (256.0 * 256)).isLessThan(2);
    }

    @Test
    void aPictureHasTheResolutionOfItsDataSetsSpec() {
        handle("1", new DatasetConfigured("cat", spec(64)));
        handle("2", inline(Resources.image("uploads/plain.jpg")));

        assertThat(accepted().after()).isEqualTo(new PixelSize(64, 64));
    }

    @Test
    void aGoodSpecIsKeptAndForwarded() {
        DatasetConfigured configured = new DatasetConfigured("cat", spec(128));
        handle("1", configured);

        assertThat(EventJson.read(store.get("datasets/cat/spec.json"), TrainingSpec.class))
                .isEqualTo(configured.spec());
        assertThat(verdicts).singleElement().extracting(Event::data).isEqualTo(configured);
    }

    @Test
    void aBadSpecIsRefusedWithEveryProblemAndTheOneBeforeStaysInForce() {
        handle("1", new DatasetConfigured("cat", spec(128)));
        handle("2", new DatasetConfigured("cat", read("{\"resolution\": 100, \"steps\": 0}")));

        assertThat(verdicts).hasSize(1);
        assertThat(datasetEvents).singleElement().satisfies(event -> {
            assertThat(event.id()).isEqualTo("dataset.rejected:2");
            assertThat(event.data())
                    .isInstanceOfSatisfying(DatasetRejected.class, rejected -> assertThat(rejected.problems())
                            .hasSize(2)
                            .anySatisfy(problem -> assertThat(problem).contains("resolution"))
                            .anySatisfy(problem -> assertThat(problem).contains("steps")));
        });
        assertThat(EventJson.read(store.get("datasets/cat/spec.json"), TrainingSpec.class))
                .isEqualTo(spec(128));
    }

    @Test
    void aResolutionThatNoPictureCouldBePreparedForIsRefused() {
        handle("1", new DatasetConfigured("cat", spec(1 << 20)));

        assertThat(datasetEvents).hasSize(1);
        assertThat(verdicts).isEmpty();
    }

    @Test
    void theResolutionStaysOncePicturesAreThere() {
        handle("1", new DatasetConfigured("cat", spec(64)));
        handle("2", new DatasetConfigured("cat", spec(128)));
        handle("3", inline(Resources.image("uploads/plain.jpg")));
        handle("4", new DatasetConfigured("cat", spec(256)));
        handle("5", new DatasetConfigured("dog", spec(256)));

        assertThat(datasetEvents).singleElement().satisfies(event -> {
            assertThat(event.id()).isEqualTo("dataset.rejected:4");
            assertThat(((DatasetRejected) event.data()).problems())
                    .singleElement()
                    .asString()
                    .contains("128", "256");
        });
    }

    @Test
    void aSealIsForwarded() {
        handle("1", new DatasetSealed("cat"));

        assertThat(verdicts).singleElement().extracting(Event::data).isEqualTo(new DatasetSealed("cat"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "Cat", "a/b", "../x", "-cat", "a b"})
    void aDataSetOfABadNameIsNeitherConfiguredNorSealed(String dataset) {
        handle("1", new DatasetConfigured(dataset, spec(64)));
        handle("2", new DatasetSealed(dataset));

        assertThat(verdicts).isEmpty();
        assertThat(store.list("")).isEmpty();
        assertThat(datasetEvents).extracting(Event::data).hasSize(2).allMatch(DatasetRejected.class::isInstance);
    }

    @Test
    void aStoreThatDoesNotAnswerIsNoVerdict() {
        UploadHandler broken = handler(storeThatFailsFor("any key", key -> true));

        assertThatThrownBy(() -> broken.prepare(event("1", stored("a")))).isInstanceOf(ObjectStoreException.class);
        assertThat(verdicts).isEmpty();
    }

    @Test
    void aKeyForWhichAloneTheStoreFailsIsRefusedRatherThanTriedForEver() {
        handler(storeThatFailsFor("a/b", "a/b"::equals))
                .prepare(event("1", stored("a/b")))
                .run();

        assertThat(rejected().reason()).isEqualTo(RejectionReason.OBJECT_MISSING);
        assertThat(rejected().detail()).contains("a/b");
    }

    private void handle(String id, UploadEvent upload) {
        handler.prepare(event(id, upload)).run();
    }

    private static Event<UploadEvent> event(String id, UploadEvent upload) {
        return Event.of(id, URI.create("/app"), NOW, "cat", upload);
    }

    private ImageAccepted accepted() {
        return (ImageAccepted) verdicts.get(verdicts.size() - 1).data();
    }

    private ImageRejected rejected() {
        return (ImageRejected) verdicts.get(verdicts.size() - 1).data();
    }

    private static TrainingSpec spec(int resolution) {
        return read("{\"resolution\": %d}".formatted(resolution));
    }

    private static TrainingSpec read(String json) {
        return EventJson.read(json.getBytes(StandardCharsets.UTF_8), TrainingSpec.class);
    }

    private static ImageUploaded inline(byte[] bytes) {
        return new ImageUploaded("cat", "a.jpg", null, null, bytes, null, null, null);
    }

    private static ImageUploaded captioned(byte[] bytes, String caption) {
        return new ImageUploaded("cat", "a.jpg", caption, null, bytes, null, null, null);
    }

    private static ImageUploaded stored(String key) {
        return new ImageUploaded("cat", "a.jpg", null, null, null, key, null, null);
    }

    private ObjectStore storeThatFailsFor(String what, Predicate<Object> key) {
        return (ObjectStore) Proxy.newProxyInstance(
                ObjectStore.class.getClassLoader(), new Class<?>[] {ObjectStore.class}, (proxy, method, arguments) -> {
                    if (key.test(arguments[0])) {
                        throw new ObjectStoreException("no answer for " + what, new IllegalStateException("planted"));
                    }
                    return method.invoke(store, arguments);
                });
    }

    private static String hash(byte[] bytes) {
        return Sha256.of(bytes);
    }

    private static byte[] png(int width, int height) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(width, height, BufferedImage.TYPE_3BYTE_BGR), "png", bytes);
        return bytes.toByteArray();
    }
}
