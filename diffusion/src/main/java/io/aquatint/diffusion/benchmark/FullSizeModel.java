package io.aquatint.diffusion.benchmark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.ModelConfig;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.Graph;
import io.aquatint.diffusion.initializer.BaseModelInitializer;
import io.aquatint.diffusion.text.ClipTextConfig;
import io.aquatint.diffusion.text.ClipTextModel;
import io.aquatint.diffusion.unet.UNet2DConditionConfig;
import io.aquatint.diffusion.unet.UNet2DConditionModel;
import io.aquatint.diffusion.vae.AutoencoderKl;
import io.aquatint.diffusion.vae.AutoencoderKlConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;

/**
 * Writes Stable Diffusion 1.5 or XL at full size, with random float16 weights, as a diffusers folder: what is measured does not
 * depend on what a model has learned. One tensor at a time, so the heap stays small.
 */
final class FullSizeModel {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int TABLE = 1 << 20;

    private FullSizeModel() {}

    /**
     * Writes the model, unless the folder holds one already.
     *
     * @param name sd15 or sdxl
     */
    static void write(String name, Path folder) {
        Path index = folder.resolve("model_index.json");
        if (Files.exists(index)) {
            return;
        }
        try (InputStream in = Objects.requireNonNull(FullSizeModel.class.getResourceAsStream(name + ".json"), name)) {
            JsonNode configs = JSON.readTree(in);
            Files.createDirectories(folder);
            Path small = Files.createTempDirectory("tokenizer");
            BaseModelInitializer.create(small, 0);
            for (Map.Entry<String, JsonNode> component : configs.properties()) {
                String key = component.getKey();
                if (key.equals("model_index")) {
                    continue;
                }
                Path part = Files.createDirectories(folder.resolve(key));
                if (key.equals("scheduler")) {
                    JSON.writeValue(part.resolve("scheduler_config.json").toFile(), component.getValue());
                } else {
                    Path config = part.resolve("config.json");
                    JSON.writeValue(config.toFile(), component.getValue());
                    write(key, ModelConfig.read(config), part);
                }
                if (key.startsWith("text_encoder")) {
                    copy(small.resolve("tokenizer"), folder.resolve(key.replace("text_encoder", "tokenizer")));
                }
            }
            JSON.writeValue(index.toFile(), configs.path("model_index"));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write a model into " + folder, e);
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        try (var files = Files.list(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName()));
            }
        }
    }

    private static void write(String component, ModelConfig config, Path folder) {
        Graph graph = new Graph();
        String file = "diffusion_pytorch_model.safetensors";
        if (component.equals("unet")) {
            UNet2DConditionConfig unet = UNet2DConditionConfig.from(config);
            boolean added = unet.takesTextAndTime();
            new UNet2DConditionModel(unet)
                    .forward(
                            graph,
                            graph.input("sample"),
                            graph.input("timestep"),
                            graph.input("context"),
                            added ? graph.input("text_embeds") : null,
                            added ? graph.input("time_ids") : null);
        } else if (component.equals("vae")) {
            AutoencoderKl vae = new AutoencoderKl(AutoencoderKlConfig.from(config));
            vae.encode(graph, graph.input("image"));
            vae.decode(graph, graph.input("latent"));
        } else {
            new ClipTextModel(ClipTextConfig.from(config)).forward(graph, graph.input("input_ids"));
            file = "model.safetensors";
        }
        SafetensorsWriter.write(
                folder.resolve(file), new RandomTensors(graph.weightShapes(), component), Map.of("format", "pt"));
    }

    /** Tensors of these shapes: norms with 1 and 0, all else with a deviation of one by the root of what goes in. */
    private record RandomTensors(Map<String, List<Long>> shapes, String describe) implements TensorSource {
        private static final float[] NORMAL = normal();

        private static float[] normal() {
            Random random = new Random(1);
            float[] numbers = new float[TABLE];
            for (int i = 0; i < TABLE; i++) {
                numbers[i] = (float) random.nextGaussian();
            }
            return numbers;
        }

        @Override
        public Set<String> names() {
            return shapes.keySet();
        }

        @Override
        public TensorInfo info(String name) {
            return new TensorInfo(DType.F16, shapes.getOrDefault(name, List.of()));
        }

        @Override
        public TensorData read(String name) {
            TensorInfo info = info(name);
            int size = Math.toIntExact(info.elements());
            if (info.shape().size() == 1) {
                float[] numbers = new float[size];
                if (name.endsWith(".weight")) {
                    Arrays.fill(numbers, 1);
                }
                return TensorData.halfOf(numbers, info.dimensions());
            }
            double deviation = name.contains("embedding.weight")
                    ? 0.02
                    : 1 / Math.sqrt((double) info.elements() / info.shape().get(0));
            byte[] table = table(deviation);
            ByteBuffer bytes = ByteBuffer.allocate(2 * size).order(ByteOrder.LITTLE_ENDIAN);
            int at = 2 * Math.floorMod(name.hashCode(), TABLE);
            while (bytes.hasRemaining()) {
                int length = Math.min(bytes.remaining(), table.length - at);
                bytes.put(table, at, length);
                at = 0;
            }
            return new TensorData(info, bytes.flip());
        }

        private static byte[] table(double deviation) {
            float[] scaled = new float[TABLE];
            for (int i = 0; i < TABLE; i++) {
                scaled[i] = (float) (NORMAL[i] * deviation);
            }
            ByteBuffer bytes = TensorData.halfOf(scaled, TABLE).bytes();
            byte[] table = new byte[2 * TABLE];
            bytes.duplicate().get(table);
            return table;
        }
    }
}
