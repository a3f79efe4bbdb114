package io.aquatint.pretraining;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.initializer.BaseModelInitializer;
import io.aquatint.diffusion.initializer.ModelDesign;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The folder of the model that is trained, in diffusers layout. */
record BaseModel(Path folder) {
    /**
     * 7.8 million weights: 16 x 16 x 4 latents of 64 pixels. The noise grows until next to nothing of a picture is left, for grounds
     * of one colour would else be told from what is left of them.
     */
    static final ModelDesign DESIGN = new ModelDesign(
            EmojiPictures.SIZE,
            List.of(80, 112, 112),
            List.of(5, 7, 7),
            1,
            16,
            true,
            List.of(32, 48, 64),
            1,
            8,
            1,
            128,
            3,
            4,
            32,
            "linear",
            1e-4,
            0.02,
            "v_prediction");

    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    /** With random weights, unless the folder holds a model already. */
    static BaseModel create(Path folder, long seed) {
        BaseModelInitializer.create(folder, DESIGN, Scene.words(Subject.all()), seed);
        return new BaseModel(folder);
    }

    /**
     * Writes the weights of a component in float16.
     *
     * @param prefix of its weights' names in the source
     */
    void write(String component, TensorSource trained, String prefix) {
        Map<String, TensorData> tensors = new LinkedHashMap<>();
        for (String name : trained.names()) {
            if (name.startsWith(prefix)) {
                TensorData tensor = trained.read(name);
                tensors.put(
                        name.substring(prefix.length()),
                        TensorData.of(
                                DType.F16, tensor.toFloats(), tensor.info().dimensions()));
            }
        }
        String file = component.equals("text_encoder") ? "model.safetensors" : "diffusion_pytorch_model.safetensors";
        SafetensorsWriter.write(folder.resolve(component).resolve(file), tensors, Map.of("format", "pt"));
    }

    /** Sets what latents are multiplied with. */
    void scale(double factor) {
        Path file = folder.resolve("vae").resolve("config.json");
        try {
            ObjectNode config = (ObjectNode) JSON.readTree(file.toFile());
            config.put("scaling_factor", factor);
            Files.write(file, JSON.writeValueAsBytes(config));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
