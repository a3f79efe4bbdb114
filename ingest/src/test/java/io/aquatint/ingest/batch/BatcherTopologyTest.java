package io.aquatint.ingest.batch;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.aquatint.events.BatchCompleted;
import io.aquatint.events.BatchIncomplete;
import io.aquatint.events.BatchTrigger;
import io.aquatint.events.Crop;
import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetEvent;
import io.aquatint.events.DatasetRejected;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageRejected;
import io.aquatint.events.ImageRole;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.PixelSize;
import io.aquatint.events.RejectionReason;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingRequest;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.VerdictEvent;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class BatcherTopologyTest {
    private final TopologyTestDriver driver =
            new TopologyTestDriver(BatcherTopology.build(), new Properties(), Instant.parse("2026-01-01T00:00:00Z"));
    private final TestInputTopic<String, Event<VerdictEvent>> verdicts = driver.createInputTopic(
            Topics.IMAGE_VERDICTS.name(),
            Serdes.String().serializer(),
            Topics.IMAGE_VERDICTS.serde().serializer());
    private final TestOutputTopic<String, Event<TrainingRequest>> requests = driver.createOutputTopic(
            Topics.TRAINING_REQUESTS.name(),
            Serdes.String().deserializer(),
            Topics.TRAINING_REQUESTS.serde().deserializer());
    private final TestOutputTopic<String, Event<DatasetEvent>> events = driver.createOutputTopic(
            Topics.DATASET_EVENTS.name(),
            Serdes.String().deserializer(),
            Topics.DATASET_EVENTS.serde().deserializer());

    @AfterEach
    void close() {
        driver.close();
    }

    @Test
    void aFullBatchIsOneRequestWithAllPicturesOfWhichSomeAreHeldOut() {
        accept(0, 10);

        TrainingRequested request = request();
        assertThat(request.trainingId()).isEqualTo("cat/1");
        assertThat(request.images()).hasSize(9);
        assertThat(request.heldOut()).hasSize(1).doesNotContainAnyElementsOf(request.images());
        assertThat(events.readValue().data()).isEqualTo(new BatchCompleted("cat", 1, 10, 10, 1, BatchTrigger.SIZE));
        assertNothingMore();
    }

    @Test
    void classPicturesCountForNoBatchAndAreInEachRequest() {
        accept("cat", 100, 120, "a cat", ImageRole.CLASS);
        accept("cat", 100, 101, "a cat", ImageRole.CLASS);
        assertNothingMore();

        accept(0, 10);
        TrainingRequested first = request();
        assertThat(first.images()).hasSize(9);
        assertThat(first.ownClassImages()).hasSize(20).doesNotContainAnyElementsOf(first.images());
        assertThat(events.readValue().data()).isEqualTo(new BatchCompleted("cat", 1, 10, 10, 1, BatchTrigger.SIZE));

        accept(10, 20);
        assertThat(request().ownClassImages()).isEqualTo(first.ownClassImages());
    }

    @Test
    void aDuplicateCountsOnce() {
        accept(0, 9);
        accept(0, 9);
        assertNothingMore();

        accept(9, 10);
        assertThat(request().images()).hasSize(9);
    }

    @Test
    void aRefusedPictureCountsForNothing() {
        accept(0, 9);
        send(new ImageRejected("cat", "a.jpg", null, RejectionReason.TRUNCATED, "It ends too early."));
        assertNothingMore();
    }

    @Test
    void sealingCompletesABatchThatHasTheMinimum() {
        accept(0, 5);
        send(new DatasetSealed("cat"));

        assertThat(request().images()).hasSize(4);
        assertThat(events.readValue().data()).isEqualTo(new BatchCompleted("cat", 1, 5, 5, 1, BatchTrigger.SEALED));
    }

    @Test
    void sealingTwiceRequestsOnce() {
        accept(0, 5);
        send(new DatasetSealed("cat"));
        send(new DatasetSealed("cat"));

        request();
        events.readValue();
        assertNothingMore();
    }

    @Test
    void sealingWithTooFewSaysHowManyAreMissing() {
        accept(0, 3);
        send(new DatasetSealed("cat"));

        assertThat(events.readValue().data()).isInstanceOfSatisfying(BatchIncomplete.class, incomplete -> {
            assertThat(incomplete.have()).isEqualTo(3);
            assertThat(incomplete.need()).isEqualTo(5);
            assertThat(incomplete.missing()).isEqualTo(2);
        });
        assertNothingMore();
    }

    @Test
    void aQuietTimeCompletesABatchThatHasTheMinimum() {
        accept(0, 5);
        driver.advanceWallClockTime(Duration.ofSeconds(299));
        assertNothingMore();

        driver.advanceWallClockTime(Duration.ofSeconds(2));
        request();
        assertThat(events.readValue().data()).isEqualTo(new BatchCompleted("cat", 1, 5, 5, 1, BatchTrigger.QUIET));
        driver.advanceWallClockTime(Duration.ofSeconds(1000));
        assertNothingMore();
    }

    @Test
    void aQuietTimeWithTooFewPicturesChangesNothing() {
        accept(0, 4);
        driver.advanceWallClockTime(Duration.ofSeconds(1000));
        assertNothingMore();
    }

    @Test
    void theNextBatchKeepsTheHeldOutPicturesAndTrainsOnAllOthers() {
        accept(0, 10);
        TrainingRequested first = request();
        accept(10, 20);
        TrainingRequested second = request();

        assertThat(second.trainingId()).isEqualTo("cat/2");
        assertThat(second.heldOut()).isEqualTo(first.heldOut());
        assertThat(second.images()).hasSize(19).containsAll(first.images());
        assertThat(second.images()).extracting(ManifestImage::batch).containsOnly(1, 2);
    }

    @Test
    void theHeldOutPicturesDoNotDependOnTheOrderOfArrival() {
        assertThat(HeldOut.choose("cat", List.of("a", "b", "c", "d", "e")))
                .isEqualTo(HeldOut.choose("cat", List.of("e", "d", "c", "b", "a")));
    }

    @Test
    void aSpecThatMakesTheBatchSmallerCompletesIt() throws JsonProcessingException {
        accept(0, 6);
        TrainingSpec spec = EventJson.mapper().readValue("{\"imagesPerBatch\": 6}", TrainingSpec.class);
        send(new DatasetConfigured("cat", spec));

        assertThat(request().spec()).isEqualTo(spec);
    }

    @Test
    void picturesBeyondWhatOneRequestCanNameAreLeftOutAndSaidSo() throws JsonProcessingException {
        TrainingSpec spec = EventJson.mapper().readValue("{\"imagesPerBatch\": 100000}", TrainingSpec.class);
        send(new DatasetConfigured("cat", spec));
        accept("cat", 0, 1300, "\u20ac".repeat(2000));
        assertThat(requests.isEmpty()).isTrue();
        long leftOut = events.readValuesToList().stream()
                .map(Event::data)
                .filter(event -> event instanceof DatasetRejected)
                .count();
        assertThat(leftOut).isPositive();

        send(new DatasetSealed("cat"));

        TrainingRequested request = request();
        assertThat(request.images().size() + request.heldOut().size() + leftOut).isEqualTo(1300);
        assertThat(EventJson.write(request)).hasSizeBetween(6 << 20, 8 << 20);
    }

    @Test
    void dataSetsDoNotMix() {
        accept("cat", 0, 9);
        accept("cat2", 0, 9);
        assertNothingMore();

        accept("cat2", 9, 10);
        assertThat(request().dataset()).isEqualTo("cat2");
        assertThat(requests.isEmpty()).isTrue();
    }

    private TrainingRequested request() {
        return (TrainingRequested) requests.readValue().data();
    }

    private void assertNothingMore() {
        assertThat(requests.isEmpty()).isTrue();
        assertThat(events.isEmpty()).isTrue();
    }

    private void accept(int from, int to) {
        accept("cat", from, to);
    }

    private void accept(String dataset, int from, int to) {
        accept(dataset, from, to, "a cat");
    }

    private void accept(String dataset, int from, int to, String caption) {
        accept(dataset, from, to, caption, null);
    }

    private void accept(String dataset, int from, int to, String caption, @Nullable ImageRole role) {
        for (int i = from; i < to; i++) {
            String hash = "%064x".formatted(i);
            send(new ImageAccepted(
                    dataset,
                    hash,
                    "datasets/%s/images/%s.png".formatted(dataset, hash),
                    caption,
                    null,
                    hash,
                    "JPEG",
                    new PixelSize(640, 480),
                    new PixelSize(512, 512),
                    new Crop(80, 0, 480),
                    100.5,
                    "0123456789abcdef",
                    1000,
                    role));
        }
    }

    private void send(VerdictEvent data) {
        Event<VerdictEvent> event =
                Event.of("test", URI.create("/aquatint/ingest"), Instant.EPOCH, data.dataset(), data);
        verdicts.pipeInput(data.dataset(), event);
    }
}
