package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingWarned;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class SpecAdviceTest {
    @Test
    void aUsualTrainingIsNotWarnedOf() throws Exception {
        assertThat(rules("{\"triggerWord\": \"sks\"}", 5, "a photo of SKS cup")).isEmpty();
        assertThat(rules("{}", 5, "a cup")).isEmpty();
    }

    @Test
    void everyDoubtfulSettingIsNamed() throws Exception {
        assertThat(rules("{\"triggerWord\": \"Dog\", \"learningRate\": 0.001}", 4, "a cup"))
                .containsExactly("too-few-images", "high-learning-rate", "generic-trigger", "captions-without-trigger");
    }

    @Test
    void whatIsUsualDependsOnTheMethod() throws Exception {
        String word = "\"triggerWord\": \"sks\"";
        assertThat(rules("{\"method\": \"TEXTUAL_INVERSION\", %s}".formatted(word), 5, ""))
                .isEmpty();
        assertThat(rules("{\"method\": \"DREAMBOOTH\", \"classWord\": \"cup\", %s}".formatted(word), 5, ""))
                .isEmpty();
        assertThat(rules("{\"method\": \"DREAMBOOTH\", \"learningRate\": 1e-4, %s}".formatted(word), 5, ""))
                .containsExactly("high-learning-rate", "no-prior-preservation");
        assertThat(rules("{\"method\": \"FULL\"}", 5, "a cup")).isEmpty();
    }

    @Test
    void aSettingThatTheMethodDoesNotUseIsNamed() throws Exception {
        assertThat(rules("{\"classPrompt\": \"a cup\", \"placeholderToken\": \"<a>\"}", 5, "a cup"))
                .containsExactly("unused-placeholderToken", "unused-classPrompt");
    }

    private static List<String> rules(String spec, int images, String caption) throws Exception {
        List<ManifestImage> manifest = Collections.nCopies(images, new ManifestImage("a", "k", caption, 1));
        TrainingSpec read = new ObjectMapper().readValue(spec, TrainingSpec.class);
        return SpecAdvice.of(new TrainingRequested("d/1", "d", 1, read, manifest, manifest.subList(0, 1))).stream()
                .map(TrainingWarned::rule)
                .toList();
    }
}
