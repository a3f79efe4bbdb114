package io.aquatint.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.events.DatasetRejected;
import io.aquatint.events.ImageRejected;
import io.aquatint.events.RejectionReason;
import io.aquatint.events.Topics;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What ingest cannot take, and that it goes on all the same. */
@Timeout(180)
final class IngestRefusalsIT extends IngestFixture {
    @Test
    void aKeyThatTheStoreCannotHoldBlocksNothing() throws Exception {
        INFRASTRUCTURE.store().put("strange/object", NoisePicture.png(1), "image/png");
        List<String> keys = List.of(
                "strange/nothing",
                "strange/object/below",
                "strange",
                "strange/a b+c%2F&d?e#f",
                "strange/ä€😀",
                "strange/back\\slash",
                "strange/\"quoted\"",
                "strange/<&>",
                "strange/" + "x".repeat(250),
                "../strange/object",
                "strange/./object",
                "/strange/object");
        try (var services = new Services()) {
            for (String key : keys) {
                upload("strange", key, stored("strange", key));
            }
            picture("strange", 2);
            await(() -> !accepted("strange").isEmpty());
        }

        assertThat(rejected("strange"))
                .hasSize(keys.size())
                .extracting(ImageRejected::reason)
                .containsOnly(RejectionReason.OBJECT_MISSING, RejectionReason.MALFORMED_EVENT);
    }

    @Test
    void aVerdictThatCannotBeReadIsADeadLetterAndTheBatcherGoesOn() throws Exception {
        app.send(Topics.IMAGE_VERDICTS, "unreadable", "1", "image.accepted", "{\"dataset\": ");
        app.send(Topics.IMAGE_VERDICTS, "unreadable", "2", "image.unheard.of", "{}");
        try (var services = new Services()) {
            configure("unreadable", 5);
            for (int i = 0; i < 5; i++) {
                picture("unreadable", i);
            }
            await(() -> !requestsOf("unreadable").isEmpty());
        }

        assertThat(deadLetter("unreadable")).contains("UNDECODABLE", Topics.IMAGE_VERDICTS.name());
    }

    @Test
    void anEventThatIsTooLargeForItsVerdictOrForTheDeadLettersBlocksNothing() throws Exception {
        String name = "x".repeat(9 << 20);
        try (var services = new Services()) {
            upload(
                    "giant",
                    "name",
                    image("giant", NoisePicture.png(1)).replace("{", "{\"fileName\": \"" + name + "\", "));
            upload("giant", "compressed", " ".repeat(20 << 20) + "no JSON");
            upload(
                    "giant",
                    "spec",
                    "dataset.configured",
                    "{\"dataset\": \"giant\", \"spec\": {\"baseModel\": \"%s\"}}".formatted(name));
            picture("giant", 3);
            await(() -> !accepted("giant").isEmpty());
        }

        assertThat(accepted("giant")).hasSize(1);
        assertThat(deadLetter("giant")).contains("PERMANENT", "UNDECODABLE", "aquatint_bytes=" + ((20 << 20) + 7));
        assertThat(datasetEventsOf("giant")).singleElement().isInstanceOf(DatasetRejected.class);
    }

    @Test
    void aBadSpecIsToldAndChangesNothing() throws Exception {
        try (var services = new Services()) {
            upload("Bad Name", "1", "dataset.sealed", "{\"dataset\": \"Bad Name\"}");
            upload(
                    "bad-spec",
                    "2",
                    "dataset.configured",
                    "{\"dataset\": \"bad-spec\", \"spec\": {\"resolution\": 100}}");
            await(() -> datasetEventsOf("Bad Name").size()
                            + datasetEventsOf("bad-spec").size()
                    == 2);
        }

        assertThat(datasetEventsOf("bad-spec"))
                .singleElement()
                .isInstanceOfSatisfying(DatasetRejected.class, rejected -> assertThat(rejected.problems())
                        .singleElement()
                        .asString()
                        .contains("resolution"));
    }
}
