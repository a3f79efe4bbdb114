package io.aquatint.diffusion.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.ModelConfig;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.scheduler.NoiseSchedule;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.vae.AutoencoderKlConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each value of a config that changes what a network computes is read, or refused with the file and the key. */
class ConfigsTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder = Path.of("");

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "unet | norm_num_groups | 7",
                "unet | norm_num_groups | 0",
                "unet | norm_eps | \"small\"",
                "unet | flip_sin_to_cos | \"maybe\"",
                "unet | freq_shift | \"none\"",
                "unet | attention_head_dim | 0",
                "unet | attention_head_dim | 7",
                "unet | attention_head_dim | [8, 8, 8]",
                "unet | attention_head_dim | 99999999999",
                "unet | num_attention_heads | 8",
                "unet | block_out_channels | [32, 64, 64, -64]",
                "unet | layers_per_block | -1",
                "unet | transformer_layers_per_block | [[1, 1], 1, 1, 1]",
                "unet | cross_attention_dim | [32, 32, 32, 32]",
                "unet | down_block_types | [\"DownBlock2D\", \"SimpleCrossAttnDownBlock2D\", \"DownBlock2D\", \"DownBlock2D\"]",
                "unet | up_block_types | [\"UpBlock2D\"]",
                "unet | mid_block_type | null",
                "unet | mid_block_type | \"UNetMidBlock2DSimpleCrossAttn\"",
                "unet | act_fn | \"gelu\"",
                "unet | attention_type | \"gated\"",
                "unet | addition_embed_type | \"image\"",
                "unet | class_embed_type | \"projection\"",
                "unet | num_class_embeds | 10",
                "unet | dual_cross_attention | true",
                "unet | only_cross_attention | [true, true, true, false]",
                "unet | mid_block_only_cross_attention | true",
                "unet | resnet_time_scale_shift | \"scale_shift\"",
                "unet | resnet_skip_time_act | true",
                "unet | time_embedding_type | \"fourier\"",
                "unet | timestep_post_act | \"silu\"",
                "unet | time_cond_proj_dim | 256",
                "unet | encoder_hid_dim_type | \"text_proj\"",
                "unet | conv_in_kernel | 1",
                "vae | norm_num_groups | 5",
                "vae | scaling_factor | 0",
                "vae | scaling_factor | \"large\"",
                "vae | shift_factor | 0.1",
                "vae | latents_mean | [0.1, 0.1, 0.1, 0.1]",
                "vae | act_fn | \"relu\"",
                "vae | down_block_types | [\"AttnDownEncoderBlock2D\"]",
                "text_encoder | num_attention_heads | 7",
                "text_encoder | hidden_act | \"relu\"",
                "text_encoder | num_hidden_layers | 100000",
                "scheduler | thresholding | true",
                "scheduler | trained_betas | [0.1]",
                "scheduler | timestep_spacing | \"odd\"",
                "scheduler | prediction_type | \"flow\"",
                "scheduler | beta_schedule | \"sigmoid\"",
                "scheduler | beta_start | 2.0",
                "scheduler | num_train_timesteps | 0",
                "scheduler | num_train_timesteps | 2000000000",
                "scheduler | steps_offset | -5",
                "scheduler | clip_sample | \"perhaps\"",
                "scheduler | rescale_betas_zero_snr | 1",
                "scheduler | variance_type | \"learned_range\"",
                "scheduler | _class_name | \"FlowMatchEulerDiscreteScheduler\"",
            })
    void aValueThatCannotBeOrIsNotKnownIsRefusedByName(String component, String key, String value) throws IOException {
        ModelConfig config = with(component, key, value);

        assertThatThrownBy(() -> read(component, config))
                .isInstanceOfAny(CheckpointException.class, UnsupportedModelException.class)
                .hasMessageContaining(config.path().toString())
                .hasMessageContaining(key);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "unet | attention_head_dim | [8, 8, 8, 8]",
                "unet | num_attention_heads | null",
                "unet | upcast_attention | true", // attention adds up in float32 here, whatever it is given
                "unet | only_cross_attention | false",
                "unet | mid_block_only_cross_attention | null",
                "unet | projection_class_embeddings_input_dim | 100", // nothing without a type of embedding
                "vae | force_upcast | false", // it always computes in float32 here
                "vae | shift_factor | null",
                "vae | latents_mean | null",
                "scheduler | clip_sample | true",
                "scheduler | rescale_betas_zero_snr | true",
                "scheduler | timestep_spacing | \"trailing\"",
            })
    void aValueThatPublishedModelsHaveIsTaken(String component, String key, String value) throws IOException {
        ModelConfig config = with(component, key, value);

        assertThat(read(component, config)).isNotNull();
    }

    @Test
    void eightHeadsAreMeantWhereAConfigIsSilent() throws IOException {
        ModelConfig config = with("unet", "attention_head_dim", "null");

        assertThat(UNet2DConditionConfig.from(config).heads()).containsExactly(8, 8, 8, 8);
    }

    @Test
    void aMiddleWithoutAttentionHasOneLayerAsInDiffusers() throws IOException {
        UNet2DConditionConfig config = UNet2DConditionConfig.from(with("unet", "mid_block_type", "\"UNetMidBlock2D\""));

        List<String> middle = StableDiffusion.unetGraph(config, Precision.FP32).weightShapes().keySet().stream()
                .filter(name -> name.startsWith("mid_block."))
                .toList();
        assertThat(middle).isNotEmpty().allMatch(name -> name.startsWith("mid_block.resnets.0."));
    }

    private static Object read(String component, ModelConfig config) {
        return switch (component) {
            case "unet" -> UNet2DConditionConfig.from(config);
            case "vae" -> AutoencoderKlConfig.from(config);
            case "scheduler" -> NoiseSchedule.of(config);
            default -> ClipTextConfig.from(config);
        };
    }

    private ModelConfig with(String component, String key, String value) throws IOException {
        String file = component.equals("scheduler") ? "scheduler_config.json" : "config.json";
        ObjectNode config = (ObjectNode) JSON.readTree(
                Golden.path("sd15/model/" + component).resolve(file).toFile());
        config.set(key, JSON.readTree(value));
        return ModelConfig.read(Files.writeString(folder.resolve(file), config.toString()));
    }
}
