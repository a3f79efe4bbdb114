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
                        true))
                .isEqualTo(read("{}"));
    }

    @Test
    void noSettingIsMistakenForAnother() throws Exception {
        for (RecordComponent setting : TrainingSpec.class.getRecordComponents()) {
            assertThat(setting.getAccessor().invoke(Examples.SPEC))
                    .as(setting.getName())
                    .matches(value ->
                            value.equals(Method.LORA) || !value.equals(invoke(setting, TrainingSpec.defaults())));
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
                "method               | \"FULL\"",
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
