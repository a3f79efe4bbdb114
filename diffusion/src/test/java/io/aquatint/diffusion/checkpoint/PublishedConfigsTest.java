package io.aquatint.diffusion.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.scheduler.NoiseSchedule;
import io.aquatint.diffusion.scheduler.PredictionType;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.vae.AutoencoderKlConfig;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A single file's configs are those that the same model has on the hub. */
class PublishedConfigsTest {
    @Test
    void stableDiffusion1() {
        ModelSource source = PublishedFiles.source(PublishedFiles.first(), Map.of());
        assertThat(source.architecture()).isEqualTo(Architecture.STABLE_DIFFUSION_1);
        assertUNet(source, PublishedFiles.UNET_1, 686, 859_520_964);
        assertVae(source, "0.18215");
        assertText(source, "text_encoder", PublishedFiles.CLIP_L, 123_060_480);
        assertThat(NoiseSchedule.of(source.config("scheduler")).predictionType())
                .isEqualTo(PredictionType.EPSILON);
    }

    @Test
    void stableDiffusion2() {
        ModelSource source = PublishedFiles.source(PublishedFiles.second(), Map.of());
        assertThat(source.architecture()).isEqualTo(Architecture.STABLE_DIFFUSION_2);
        assertUNet(source, PublishedFiles.UNET_2, 686, 865_910_724);
        assertVae(source, "0.18215");
        assertText(source, "text_encoder", PublishedFiles.CLIP_H, 340_387_840);
        assertThat(NoiseSchedule.of(source.config("scheduler")).predictionType())
                .isEqualTo(PredictionType.V_PREDICTION);
    }

    @Test
    void stableDiffusionXl() {
        ModelSource source = PublishedFiles.source(PublishedFiles.large(), Map.of());
        assertThat(source.architecture()).isEqualTo(Architecture.STABLE_DIFFUSION_XL);
        assertUNet(source, PublishedFiles.UNET_LARGE, 1680, 2_567_463_684L);
        assertVae(source, "0.13025");
        assertText(source, "text_encoder", PublishedFiles.CLIP_L, 123_060_480);
        assertText(source, "text_encoder_2", PublishedFiles.CLIP_G, 694_659_840);
        assertThat(NoiseSchedule.of(source.config("scheduler")).predictionType())
                .isEqualTo(PredictionType.EPSILON);
    }

    @ParameterizedTest
    @CsvSource({
        "modelspec.prediction_type, epsilon, EPSILON, 64",
        "modelspec.prediction_type, v, V_PREDICTION, 96",
        "modelspec.architecture, stable-diffusion-v2-512, EPSILON, 64",
        "modelspec.architecture, stable-diffusion-v2-768-v, V_PREDICTION, 96"
    })
    void theMetadataSaysWhatAFileOfTheSecondFamilyPredicts(
            String key, String value, PredictionType prediction, int sampleSize) {
        ModelSource source = PublishedFiles.source(PublishedFiles.second(), Map.of(key, value));
        assertThat(NoiseSchedule.of(source.config("scheduler")).predictionType())
                .isEqualTo(prediction);
        assertThat(source.config("unet").integer("sample_size")).isEqualTo(sampleSize);
    }

    @Test
    void markersSayThatAFilePredictsVelocityDownToPureNoise() {
        Map<String, List<Long>> file = new LinkedHashMap<>(PublishedFiles.large());
        file.put("v_pred", List.of(0L));
        file.put("ztsnr", List.of(0L));
        NoiseSchedule schedule =
                NoiseSchedule.of(PublishedFiles.source(file, Map.of()).config("scheduler"));
        assertThat(schedule.predictionType()).isEqualTo(PredictionType.V_PREDICTION);
        assertThat(schedule.signal(999)).isLessThan(1e-6);
    }

    @Test
    void aLastLayerThatWasLeftOutIsNotMissed() {
        Map<String, List<Long>> file = new LinkedHashMap<>(PublishedFiles.second());
        file.keySet().removeIf(name -> name.contains("resblocks.23."));
        assertText(PublishedFiles.source(file, Map.of()), "text_encoder", PublishedFiles.CLIP_H, 340_387_840);
    }

    @Test
    void whatHangsOnAMissingTensorIsAskedFor() {
        Map<String, List<Long>> file = new LinkedHashMap<>(PublishedFiles.first());
        file.remove("model.diffusion_model.input_blocks.4.0.out_layers.3.weight");
        assertThatThrownBy(() -> PublishedFiles.source(file, Map.of()))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("block_out_channels");
    }

    private static void assertUNet(ModelSource source, String published, int tensors, long parameters) {
        UNet2DConditionConfig config = UNet2DConditionConfig.from(source.config("unet"));
        assertThat(config).isEqualTo(UNet2DConditionConfig.from(PublishedFiles.config(published)));
        assertThat(source.weights("unet").names()).hasSize(tensors);
        assertThat(parameters(source.weights("unet"))).isEqualTo(parameters);
        assertThat(source.weights("unet").contradictions()).isEmpty();
    }

    private static void assertVae(ModelSource source, String scalingFactor) {
        AutoencoderKlConfig config = AutoencoderKlConfig.from(source.config("vae"));
        assertThat(config)
                .isEqualTo(
                        AutoencoderKlConfig.from(PublishedFiles.config(PublishedFiles.VAE.formatted(scalingFactor))));
        assertThat(parameters(source.weights("vae"))).isEqualTo(83_653_863);
        assertThat(source.weights("vae").info("decoder.mid_block.attentions.0.to_q.weight"))
                .isEqualTo(TensorInfo.of(DType.F16, 512, 512));
    }

    private static void assertText(ModelSource source, String component, String published, long parameters) {
        ClipTextConfig expected = ClipTextConfig.from(PublishedFiles.config(published));
        ClipTextConfig config = ClipTextConfig.from(source.config(component));
        // the projection's width does not matter where there is none
        assertThat(config)
                .usingRecursiveComparison()
                .ignoringFields(expected.projected() ? new String[0] : new String[] {"projectionDim"})
                .isEqualTo(expected);
        assertThat(parameters(source.weights(component))).isEqualTo(parameters);
    }

    private static long parameters(TensorSource weights) {
        return weights.names().stream()
                .mapToLong(name -> weights.info(name).elements())
                .sum();
    }
}
