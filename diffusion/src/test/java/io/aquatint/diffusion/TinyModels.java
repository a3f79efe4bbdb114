package io.aquatint.diffusion;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.diffusion.checkpoint.ModelConfig;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.text.ClipTextModel;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.unet.UNet2DConditionModel;
import io.aquatint.diffusion.vae.AutoencoderKl;
import io.aquatint.diffusion.vae.AutoencoderKlConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Diffusers folders of architectures that no fixture has in full: the weights that are missing are made up. */
public final class TinyModels {
    private static final ObjectMapper JSON = new ObjectMapper();

    private TinyModels() {}

    /** SDXL with the fixture's text encoders. */
    public static Path stableDiffusionXl(Path folder) throws IOException {
        copy(Golden.path("sdxl/model"), folder);
        return completed(folder);
    }

    /**
     * Stable Diffusion 2: linear projections, a list of head counts, v-prediction, a text encoder with GELU; and besides, three
     * levels of one layer a block.
     */
    public static Path stableDiffusion2(Path folder) throws IOException {
        copy(Golden.path("sd15/model"), folder);
        for (String weights : List.of("unet/diffusion_pytorch_model", "text_encoder/model")) {
            Files.delete(folder.resolve(weights + ".safetensors"));
        }
        edit(folder.resolve("unet/config.json"), config -> {
            config.put("use_linear_projection", true).put("layers_per_block", 1).put("cross_attention_dim", 48);
            config.set("attention_head_dim", JSON.valueToTree(List.of(2, 4, 8)));
            config.set("block_out_channels", JSON.valueToTree(List.of(32, 64, 64)));
            config.set(
                    "down_block_types",
                    JSON.valueToTree(List.of("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D")));
            config.set(
                    "up_block_types",
                    JSON.valueToTree(List.of("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D")));
        });
        edit(folder.resolve("text_encoder/config.json"), config -> config.put("hidden_act", "gelu")
                .put("hidden_size", 48)
                .put("num_hidden_layers", 2));
        edit(
                folder.resolve("scheduler/scheduler_config.json"),
                config -> config.put("prediction_type", "v_prediction"));
        return completed(folder);
    }

    /** Stable Diffusion 1.5 with so many times fewer channels; 1 is its full size, 2.1 GB. */
    public static Path stableDiffusion1(Path folder, int divisor) throws IOException {
        copy(Golden.path("sd15/model"), folder);
        for (String weights :
                List.of("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model")) {
            Files.delete(folder.resolve(weights + ".safetensors"));
        }
        edit(folder.resolve("unet/config.json"), config -> {
            config.put("cross_attention_dim", 768 / divisor).put("norm_num_groups", 32 / divisor);
            config.set("block_out_channels", divided(divisor, 320, 640, 1280, 1280));
        });
        edit(folder.resolve("vae/config.json"), config -> {
            config.put("norm_num_groups", 32 / divisor);
            config.set("block_out_channels", divided(divisor, 128, 256, 512, 512));
        });
        edit(folder.resolve("text_encoder/config.json"), config -> config.put("hidden_size", 768 / divisor)
                .put("intermediate_size", 3072 / divisor)
                .put("num_hidden_layers", 12)
                .put("num_attention_heads", 12)
                .put("vocab_size", 49408));
        return completed(folder);
    }

    private static JsonNode divided(int divisor, int... channels) {
        return JSON.valueToTree(
                Arrays.stream(channels).map(count -> count / divisor).toArray());
    }

    public static void edit(Path file, Consumer<ObjectNode> change) throws IOException {
        ObjectNode config = (ObjectNode) JSON.readTree(file.toFile());
        change.accept(config);
        Files.writeString(file, config.toPrettyString());
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                Files.createDirectories(target.getParent());
                Files.copy(file, target);
            }
        }
    }

    private static Path completed(Path folder) throws IOException {
        for (String component : List.of("unet", "vae", "text_encoder", "text_encoder_2")) {
            Path part = folder.resolve(component);
            String stem = component.startsWith("text") ? "model" : "diffusion_pytorch_model";
            Path weights = part.resolve(stem + ".safetensors");
            if (Files.isDirectory(part) && !Files.exists(weights)) {
                Graph graph = graph(component, ModelConfig.read(part.resolve("config.json")));
                SafetensorsWriter.write(weights, random(graph.weightShapes()), Map.of());
            }
        }
        return folder;
    }

    private static Graph graph(String component, ModelConfig json) {
        Graph graph = new Graph();
        switch (component) {
            case "unet" ->
                new UNet2DConditionModel(UNet2DConditionConfig.from(json))
                        .forward(
                                graph,
                                graph.input("sample"),
                                graph.input("timestep"),
                                graph.input("context"),
                                graph.input("text_embeds"),
                                graph.input("time_ids"));
            case "vae" -> {
                AutoencoderKl vae = new AutoencoderKl(AutoencoderKlConfig.from(json));
                vae.encode(graph, graph.input("image"));
                vae.decode(graph, graph.input("latent"));
            }
            default -> new ClipTextModel(ClipTextConfig.from(json)).forward(graph, graph.input("input_ids"));
        }
        return graph;
    }

    private static Map<String, TensorData> random(Map<String, List<Long>> shapes) {
        Random random = new Random(1);
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        shapes.forEach((name, shape) -> {
            long[] dimensions = shape.stream().mapToLong(Long::longValue).toArray();
            long elements = shape.stream().reduce(1L, Math::multiplyExact);
            double bound = dimensions.length == 1 ? 0.1 : Math.sqrt(3.0 * dimensions[0] / elements);
            float[] values = new float[Math.toIntExact(elements)];
            for (int i = 0; i < values.length; i++) {
                boolean norm = dimensions.length == 1 && name.endsWith(".weight");
                values[i] = (float) ((norm ? 1 : 0) + random.nextDouble(-bound, bound));
            }
            tensors.put(name, TensorData.halfOf(values, dimensions));
        });
        return tensors;
    }
}
