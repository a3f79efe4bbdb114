package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.DatasetConfigured;
import io.aquatint.events.DatasetSealed;
import io.aquatint.events.Event;
import io.aquatint.events.ImageUploaded;
import io.aquatint.events.Topics;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.UploadEvent;
import io.aquatint.runtime.kafka.EventLoop;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A producer that knows nothing of ours: text for key and value, and the four headers that the README names. */
@Timeout(120)
final class PlainProducerIT {
    @RegisterExtension
    static final Infrastructure INFRASTRUCTURE = new Infrastructure();

    @Test
    void itsEventsAreReadInTheirOrderWithItsKeyAndTimestamp() throws Exception {
        BlockingQueue<Event<UploadEvent>> read = new LinkedBlockingQueue<>();
        Instant before = Instant.ofEpochMilli(System.currentTimeMillis());
        send(
                "dataset.configured",
                "{\"dataset\": \"cats\", \"spec\": {\"triggerWord\": \"sks\", \"resolution\": 64, \"steps\": 120}}");
        send(
                "image.uploaded",
                "{\"dataset\": \"cats\", \"caption\": \"a photo of sks cat\", \"fileName\": \"1.jpg\", \"bytes\": \"/9j/\"}");
        send("dataset.sealed", "{\"dataset\": \"cats\"}");

        List<Event<UploadEvent>> events = new ArrayList<>();
        try (var loop = new EventLoop(INFRASTRUCTURE.kafka(), "plain").on(Topics.IMAGE_UPLOADS, read::add)) {
            loop.start();
            for (int i = 0; i < 3; i++) {
                events.add(read.poll(60, TimeUnit.SECONDS));
            }
        }
        assertThat(events).doesNotContainNull().allSatisfy(event -> {
            assertThat(event.subject()).isEqualTo("cats");
            assertThat(event.time()).isBetween(before, Instant.now());
        });
        assertThat(events.get(0).data())
                .isEqualTo(new DatasetConfigured(
                        "cats",
                        TrainingSpec.builder()
                                .triggerWord("sks")
                                .resolution(64)
                                .steps(120)
                                .build()));
        assertThat(((ImageUploaded) events.get(1).data()).bytes())
                .isEqualTo(new byte[] {(byte) 0xff, (byte) 0xd8, (byte) 0xff});
        assertThat(events.get(2).data()).isEqualTo(new DatasetSealed("cats"));
    }

    private static void send(String type, String json) throws Exception {
        try (var producer = new PlainProducer(INFRASTRUCTURE.broker().bootstrap())) {
            producer.send(Topics.IMAGE_UPLOADS, "cats", type + "-1", type, json);
        }
    }
}
