package io.aquatint.events;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrainingIdTest {
    @Test
    void itIsReadAsItIsWritten() {
        TrainingId id = new TrainingId("red-cups.v2", 12);
        assertThat(TrainingId.parse(id.toString())).contains(id);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "cups", "cups/", "/1", "../1", "cups/0", "cups/-1", "Cups/1", "a/b/1", "cups/1/", "cups/1.5"
            })
    void whatCouldLeadOutOfItsFolderNamesNoTraining(String text) {
        assertThat(TrainingId.parse(text)).isEmpty();
    }
}
