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

    private static List<String> rules(String spec, int images, String caption) throws Exception {
        List<ManifestImage> manifest = Collections.nCopies(images, new ManifestImage("a", "k", caption, 1));
        TrainingSpec read = new ObjectMapper().readValue(spec, TrainingSpec.class);
        return SpecAdvice.of(new TrainingRequested("d/1", "d", 1, read, manifest, List.of())).stream()
                .map(TrainingWarned::rule)
                .toList();
    }
}
