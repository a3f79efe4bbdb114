package io.aquatint.diffusion.checkpoint;

import static io.aquatint.diffusion.Golden.path;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OriginalUNetNamesTest {
    @ParameterizedTest
    @CsvSource({
        "input_blocks.0.0.weight, conv_in.weight",
        "time_embed.2.bias, time_embedding.linear_2.bias",
        "label_emb.0.0.weight, add_embedding.linear_1.weight",
        "out.0.weight, conv_norm_out.weight",
        "out.2.weight, conv_out.weight",
        "input_blocks.1.0.in_layers.2.weight, down_blocks.0.resnets.0.conv1.weight",
        "input_blocks.3.0.op.weight, down_blocks.0.downsamplers.0.conv.weight",
        "input_blocks.4.0.skip_connection.weight, down_blocks.1.resnets.0.conv_shortcut.weight",
        "input_blocks.4.1.transformer_blocks.0.attn1.to_q, down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
        "input_blocks.8.1.proj_in, down_blocks.2.attentions.1.proj_in",
        "middle_block.0.emb_layers.1.weight, mid_block.resnets.0.time_emb_proj.weight",
        "middle_block.1.transformer_blocks.9.ff.net.0.proj, mid_block.attentions.0.transformer_blocks.9.ff.net.0.proj",
        "middle_block.2.out_layers.3, mid_block.resnets.1.conv2",
        "output_blocks.2.2.conv.weight, up_blocks.0.upsamplers.0.conv.weight",
        "output_blocks.5.0.out_layers.0.bias, up_blocks.1.resnets.2.norm2.bias",
        "output_blocks.5.1.norm.bias, up_blocks.1.attentions.2.norm.bias"
    })
    void theLayersOfStableDiffusionXl(String original, String diffusers) {
        OriginalUNetNames names = OriginalUNetNames.uniform(2);
        assertThat(names.toDiffusers(original)).contains(diffusers);
        assertThat(names.toOriginal(diffusers)).contains(original);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "input_blocks.3.0.in_layers.2",
                "input_blocks.4.0.op.weight",
                "input_blocks.4.2.proj_in",
                "input_blocks.x.1.proj_in",
                "output_blocks.1.1.conv",
                "output_blocks.1",
                "joint_blocks.0.1.proj",
                "out.3.weight"
            })
    void whatIsNoLayerIsSaidToBeNone(String original) {
        assertThat(OriginalUNetNames.uniform(2).toDiffusers(original)).isEmpty();
    }

    @Test
    void everyTensorOfAUNetHasAnOriginalNameOfItsOwn() {
        DiffusersFolder model = DiffusersFolder.open(path("sd15/model"));
        OriginalUNetNames names = OriginalUNetNames.of(model.config("unet"));
        Set<String> tensors = model.weights("unet").names();
        Set<String> originals = new TreeSet<>();
        for (String tensor : tensors) {
            String original = names.toOriginal(tensor).orElseThrow();
            assertThat(names.toDiffusers(original)).contains(tensor);
            originals.add(original);
        }
        // level 0 on the way up has no attention: its upsampler comes right after the resnet
        assertThat(originals)
                .hasSameSizeAs(tensors)
                .contains("output_blocks.2.1.conv.weight", "output_blocks.5.2.conv.bias");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void theLayersOfALevelFollowFromTheNamesOfAWholeAdapter(int layers) {
        List<String> modules = new ArrayList<>();
        for (int level = 1; level < 3; level++) {
            for (int layer = 0; layer < layers; layer++) {
                modules.add("down_blocks.%d.attentions.%d.proj_in".formatted(level, layer));
            }
            for (int layer = 0; layer <= layers; layer++) {
                modules.add("up_blocks.%d.attentions.%d.proj_in".formatted(level - 1, layer));
            }
        }
        OriginalUNetNames writing =
                OriginalUNetNames.impliedByDiffusers(modules).orElseThrow();
        List<String> originals = modules.stream()
                .map(module -> writing.toOriginal(module).orElseThrow())
                .toList();
        assertThat(originals).contains("input_blocks." + (layers + 2) + ".1.proj_in");
        OriginalUNetNames reading =
                OriginalUNetNames.impliedByOriginal(originals).orElseThrow();
        assertThat(originals.stream().map(name -> reading.toDiffusers(name).orElseThrow()))
                .isEqualTo(modules);
    }

    @Test
    void aPartOfAnAdapterIsTakenForAPublishedModels() {
        OriginalUNetNames names = OriginalUNetNames.impliedByOriginal(List.of("output_blocks.4.1.proj_out"))
                .orElseThrow();
        assertThat(names.toDiffusers("output_blocks.4.1.proj_out")).contains("up_blocks.1.attentions.1.proj_out");
        assertThat(OriginalUNetNames.impliedByOriginal(List.of(
                        "input_blocks.3.1.proj_in",
                        "input_blocks.4.1.proj_in",
                        "input_blocks.5.1.a",
                        "input_blocks.6.1.a",
                        "input_blocks.7.1.a",
                        "input_blocks.8.1.a",
                        "input_blocks.9.1.a",
                        "input_blocks.10.1.a",
                        "input_blocks.11.1.a",
                        "input_blocks.12.1.a")))
                .isEmpty();
    }
}
