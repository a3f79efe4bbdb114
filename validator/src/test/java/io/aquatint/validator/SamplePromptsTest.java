package io.aquatint.validator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingSpec;
import java.util.List;
import org.junit.jupiter.api.Test;

class SamplePromptsTest {
    private static final List<ManifestImage> PICTURES = List.of(
            new ManifestImage("1", "k", "a red cup", 1),
            new ManifestImage("2", "k", "a red cup ", 1),
            new ManifestImage("3", "k", "", 1),
            new ManifestImage("4", "k", "a blue cup", 1));

    @Test
    void theSpecsPromptsComeFirst() throws Exception {
        assertThat(prompts("{\"samplePrompts\": [\"x\"], \"triggerWord\": \"sks\"}"))
                .containsExactly("x");
    }

    @Test
    void aTriggerWordMakesTwoPrompts() throws Exception {
        assertThat(prompts("{\"triggerWord\": \"sks\", \"classWord\": \"cup\"}"))
                .containsExactly("a photo of sks cup", "a photo of sks cup on a beach");
    }

    @Test
    void withoutATriggerWordTheFirstDistinctCaptionsServe() throws Exception {
        assertThat(prompts("{}")).containsExactly("a red cup", "a blue cup");
    }

    private static List<String> prompts(String spec) throws Exception {
        return SamplePrompts.of(new ObjectMapper().readValue(spec, TrainingSpec.class), PICTURES);
    }
}
