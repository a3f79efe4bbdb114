package io.aquatint.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.RecordComponent;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TrainingSpecTest {
    @Test
    void everySettingHasTheDefaultThatFineTunersExpect() {
        assertThat(TrainingSpec.defaults())
                .isEqualTo(new TrainingSpec(
                        Method.LORA,
                        "demo",
                        null,
                        null,
                        512,
                        1,
                        1000,
                        1e-4,
                        "constant",
                        0,
                        16,
                        16,
                        List.of("to_q", "to_k", "to_v", "to_out.0"),
                        0,
                        1.0,
                        null,
                        100,
                        10,
                        5,
                        300,
                        List.of(),
                        null,
                        30,
                        7.5,
                        42,
                        true,
                        null,
                        null,
                        200,
                        1.0,
                        30,
                        false,
                        null,
                        null,
                        1,
                        "object",
                        "fp32",
                        1,
                        false,
                        "adamw",
                        0.9,
                        0.999,
                        1e-8,
                        1e-2,
                        0,
                        0,
                        false,
                        false,
                        0,
                        1,
                        1.0,
                        5,
                        null))
                .isEqualTo(read("{}"));
    }

    @Test
    void noSettingIsMistakenForAnother() throws Exception {
        for (RecordComponent setting : TrainingSpec.class.getRecordComponents()) {
            assertThat(setting.getAccessor().invoke(Examples.SPEC))
                    .as(setting.getName())
                    .isNotNull()
                    .isNotEqualTo(invoke(setting, TrainingSpec.defaults()));
        }
        assertThat(read(new String(EventJson.write(Examples.SPEC), StandardCharsets.UTF_8)))
                .isEqualTo(Examples.SPEC);
        assertThat(Examples.SPEC.learningRateSchedule()).isEqualTo("cosine");
        assertThat(Examples.SPEC.minimumImages()).isEqualTo(6);
        assertThat(Examples.SPEC.imagesPerBatch()).isEqualTo(12);
    }

    @Test
    void alphaIsAsTheRankUnlessItIsGiven() {
        assertThat(read("{\"rank\": 4}").alpha()).isEqualTo(4);
        assertThat(read("{\"rank\": 4, \"alpha\": null}").alpha()).isEqualTo(4);
        assertThat(read("{\"rank\": 4, \"alpha\": 2.5}").alpha()).isEqualTo(2.5);
        assertThat(TrainingSpec.builder().rank(8).build().alpha()).isEqualTo(8);
        assertThat(TrainingSpec.builder().rank(8).alpha(1.0).build().alpha()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({
        "LORA,              false, 1000, 1e-4, 0,      5",
        "LORA,              true,  1000, 1e-4, 0,      5",
        "DREAMBOOTH,        false, 400,  5e-6, 0,      2",
        "DREAMBOOTH,        true,  400,  2e-6, 0,      2",
        "DREAMBOOTH_LORA,   false, 400,  1e-4, 0,      5",
        "TEXTUAL_INVERSION, false, 3000, 5e-4, 0,      5",
        "FULL,              false, 1000, 1e-5, 0.9999, 2",
    })
    void everyMethodHasItsDefaults(
            Method method, boolean trainTextEncoder, int steps, double rate, double emaDecay, int checkpointsKept) {
        TrainingSpec spec = TrainingSpec.builder()
                .method(method)
                .trainTextEncoder(trainTextEncoder)
                .triggerWord("sks")
                .build();

        assertThat(spec.problems()).isEmpty();
        assertThat(spec.steps()).isEqualTo(steps);
        assertThat(spec.learningRate()).isEqualTo(rate);
        assertThat(spec.emaDecay()).isEqualTo(emaDecay);
        assertThat(spec.checkpointsKept()).isEqualTo(checkpointsKept);
    }

    @ParameterizedTest
    @CsvSource({"DREAMBOOTH", "DREAMBOOTH_LORA"})
    void dreamBoothMakesItsPromptsOfTriggerAndClassWord(Method method) {
        TrainingSpec spec = TrainingSpec.builder()
                .method(method)
                .triggerWord("sks")
                .classWord("dog")
                .build();

        assertThat(spec.classCaption()).isEqualTo("a photo of dog");
        assertThat(spec.toBuilder().classPrompt("a dog").build().classCaption()).isEqualTo("a dog");
        assertThat(spec.steps()).isEqualTo(800);
        assertThat(spec.learnsWithClassPictures()).isTrue();
        assertThat(spec.toBuilder().numClassImages(0).build().learnsWithClassPictures())
                .isFalse();
        assertThat(spec.captionOf(image(" "))).isEqualTo("a photo of sks dog");
        assertThat(spec.toBuilder().instancePrompt("sks").build().captionOf(image("")))
                .isEqualTo("sks");
        assertThat(spec.captionOf(image("sks dog asleep"))).isEqualTo("sks dog asleep");
        assertThat(read("{\"triggerWord\": \"sks\"}").captionOf(image(""))).isEmpty();
    }

    @Test
    void theNewWordIsMadeOfTheTriggerWordAndBeginsAsTheClassWord() {
        TrainingSpec spec = read("{\"method\": \"TEXTUAL_INVERSION\", \"triggerWord\": \"duck7\"}");

        assertThat(spec.initialWord()).isEqualTo("object");
        assertThat(spec.subjectWord()).isEqualTo("<duck7>");
        assertThat(spec.captionOf(image("a rubber duck"))).isEqualTo("a photo of a <duck7>");
        assertThat(spec.toBuilder().learnableProperty("style").build().captionOf(image("a rubber duck")))
                .isEqualTo("a painting in the style of <duck7>");
        assertThat(read("{\"method\": \"TEXTUAL_INVERSION\", \"classWord\": \"rubber duck\"}")
                        .initialWord())
                .isEqualTo("duck");
        assertThat(read("{\"method\": \"TEXTUAL_INVERSION\", \"triggerWord\": \"<a>\"}")
                        .subjectWord())
                .isEqualTo("<a>");
    }

    @Test
    void aNewWordTakesTheTriggerWordsPlaceInCaptionsThatItIsLearnedWith() {
        TrainingSpec spec = read(
                "{\"method\": \"TEXTUAL_INVERSION\", \"triggerWord\": \"duck\", \"learnableProperty\": \"captions\"}");

        assertThat(spec.problems()).isEmpty();
        assertThat(spec.captionOf(image("Duck on a pond, no duckling"))).isEqualTo("<duck> on a pond, no duckling");
        assertThat(spec.captionOf(image("a <duck> asleep"))).isEqualTo("a <duck> asleep");
        assertThat(spec.captionOf(image("a pond"))).isEqualTo("<duck>, a pond");
        assertThat(spec.captionOf(image(" "))).isEqualTo("a photo of a <duck>");
        assertThat(spec.initialWord()).isEqualTo("object");
    }

    @Test
    void textualInversionNeedsAWordAndLeavesTheTextEncoderAsItIs() {
        assertThat(read("{\"method\": \"TEXTUAL_INVERSION\", \"trainTextEncoder\": true}")
                        .problems())
                .satisfiesExactly(
                        problem -> assertThat(problem).startsWith("placeholderToken is absent, but must be"),
                        problem -> assertThat(problem).startsWith("trainTextEncoder is true, but must be false"));
        assertThat(read("{\"method\": \"TEXTUAL_INVERSION\", \"triggerWord\": \"my cat\"}")
                        .problems())
                .containsExactly("triggerWord is 'my cat', but must be one word, without spaces");
    }

    @Test
    void aTrainingStartsFromAVersionOrThePreviousOne() {
        for (String from : List.of("cats/2", "previous", "a.b-c_d/120")) {
            assertThat(TrainingSpec.builder().initFrom(from).build().problems()).isEmpty();
        }
    }

    @Test
    void aSpecIsChangedThroughItsBuilder() {
        TrainingSpec changed =
                Examples.SPEC.toBuilder().steps(7).triggerWord(null).build();

        assertThat(changed.steps()).isEqualTo(7);
        assertThat(changed.triggerWord()).isNull();
        assertThat(changed.alpha()).isEqualTo(8);
        assertThat(changed.toBuilder().steps(120).triggerWord("sks").build()).isEqualTo(Examples.SPEC);
    }

    @Test
    void nullIsTheSameAsAbsent() {
        assertThat(read("{\"steps\": null, \"targetModules\": null, \"method\": null, \"classWord\": null}"))
                .isEqualTo(TrainingSpec.defaults());
    }

    @Test
    void anyMapperReadsIt() throws Exception {
        assertThat(new ObjectMapper().readValue("{\"rank\": 2}", TrainingSpec.class))
                .isEqualTo(TrainingSpec.builder().rank(2).build());
    }

    @Test
    void aSettingOfTheWrongTypeIsNamed() {
        assertThatThrownBy(() -> read("{\"steps\": \"many\"}"))
                .isInstanceOf(EventFormatException.class)
                .hasMessageContaining("'steps'");
        assertThatThrownBy(() -> read("{\"targetModules\": [\"to_q\", 3]}"))
                .isInstanceOf(EventFormatException.class)
                .hasMessageContaining("'targetModules[1]'");
    }

    @Test
    void theDefaultsCanBeTrained() {
        assertThat(TrainingSpec.defaults().problems()).isEmpty();
        assertThat(Examples.SPEC.problems()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "baseModel            | \" \"",
                "triggerWord          | \"\"",
                "classWord            | \"\"",
                "resolution           | 60",
                "resolution           | 100",
                "trainBatchSize       | 0",
                "steps                | 0",
                "learningRate         | 0",
                "learningRate         | 1",
                "learningRateSchedule | \"cosinus\"",
                "warmupSteps          | -1",
                "warmupSteps          | 1001",
                "rank                 | 0",
                "alpha                | 0",
                "targetModules        | []",
                "targetModules        | [\"\"]",
                "maxGradientNorm      | 0",
                "minSnrGamma          | 0",
                "checkpointEvery      | 0",
                "imagesPerBatch       | 4",
                "minimumImages        | 0",
                "quietSeconds         | 0",
                "sampleSteps          | 0",
                "sampleSteps          | 1001",
                "guidanceScale        | 0.5",
                "instancePrompt       | \" \"",
                "classPrompt          | \"\"",
                "numClassImages       | -1",
                "priorLossWeight      | -1",
                "classSampleSteps     | 0",
                "placeholderToken     | \"my cat\"",
                "initializerToken     | \"\"",
                "numVectors           | 0",
                "numVectors           | 9",
                "learnableProperty    | \"face\"",
                "precision            | \"fp8\"",
                "gradientAccumulationSteps | 0",
                "optimizer            | \"lion\"",
                "adamBeta1            | 1",
                "adamBeta2            | -0.1",
                "adamEpsilon          | 0",
                "adamWeightDecay      | -1",
                "noiseOffset          | -0.1",
                "captionDropout       | 1.1",
                "emaDecay             | 1",
                "scheduleCycles       | 0",
                "schedulePower        | 0",
                "checkpointsKept      | 0",
                "initFrom             | \"cats\"",
                "initFrom             | \"cats/0\"",
            })
    void aSettingThatCannotBeTrainedIsNamed(String setting, String value) {
        assertThat(read("{\"%s\": %s}".formatted(setting, value)).problems())
                .isNotEmpty()
                .first()
                .asString()
                .startsWith(setting + " is ");
    }

    @Test
    void everyProblemIsNamedAtOnce() {
        assertThat(read("{\"steps\": 0, \"rank\": 0, \"learningRateSchedule\": \"cosinus\"}")
                        .problems())
                .containsExactly(
                        "steps is 0, but must be 1 or more",
                        "learningRateSchedule is 'cosinus', but must be one of constant, constant_with_warmup, linear, cosine, cosine_with_restarts, polynomial",
                        "rank is 0, but must be 1 or more",
                        "alpha is 0.0, but must be above 0");
    }

    @Test
    void aSlipInASettingsNameIsNamedWithWhatWasMeant() {
        assertThat(TrainingSpec.unknownFields(bytes("{\"learningrate\": 1, \"steps\": 2, \"batchsize\": 1}")))
                .hasSize(2)
                .first()
                .isEqualTo("'learningrate' is no setting of a training; did you mean 'learningRate'?");
        assertThat(TrainingSpec.unknownFields(bytes("{\"xyz\": 1}")))
                .singleElement()
                .asString()
                .contains("known are method, baseModel");
        assertThat(TrainingSpec.unknownFields(EventJson.write(Examples.SPEC))).isEmpty();
        assertThatThrownBy(() -> TrainingSpec.unknownFields(bytes("[]"))).isInstanceOf(EventFormatException.class);
    }

    private static ManifestImage image(String caption) {
        return new ManifestImage("a", "images/a.png", caption, 1);
    }

    private static Object invoke(RecordComponent component, Object record) {
        try {
            return component.getAccessor().invoke(record);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(e.getMessage(), e);
        }
    }

    private static TrainingSpec read(String json) {
        return EventJson.read(bytes(json), TrainingSpec.class);
    }

    private static byte[] bytes(String json) {
        return json.getBytes(StandardCharsets.UTF_8);
    }
}
