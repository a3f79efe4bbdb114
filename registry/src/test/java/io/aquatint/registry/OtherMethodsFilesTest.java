package io.aquatint.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.NetworkFiles;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.initializer.BaseModelInitializer;
import io.aquatint.events.ArtifactFormat;
import io.aquatint.events.Method;
import io.aquatint.events.TrainingRequested;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OtherMethodsFilesTest {
    private static ModelSource model;

    @TempDir
    private Path work = Path.of("");

    private Path folder;

    @BeforeAll
    static void createABaseModel(@TempDir Path base) {
        BaseModelInitializer.create(base, 1);
        model = ModelSource.open(base);
    }

    @BeforeEach
    void makeFolder() throws IOException {
        folder = Files.createDirectory(work.resolve("files"));
    }

    @Test
    void aWordIsWrittenForDiffusersAndForToolsThatTakeTheFilesName() {
        TextualInversion word = word(2, 0.25f);
        List<WrittenFile> files =
                WordFiles.write(learned(word), model, request(Method.TEXTUAL_INVERSION, 2), 200, folder);

        assertThat(files)
                .extracting(WrittenFile::format)
                .containsExactly(ArtifactFormat.DIFFUSERS, ArtifactFormat.A1111);
        assertThat(files)
                .extracting(file -> folder.relativize(file.path()).toString())
                .containsExactly("learned_embeds.safetensors", "sks.safetensors");
        assertThat(TextualInversionFiles.read(files.get(0).path()).token()).isEqualTo("<sks>");
        assertThat(TextualInversionFiles.read(files.get(1).path()).vectors().get(1))
                .containsExactly(word.vectors().get(1));
    }

    @Test
    void aWordThatIsNotWhatWasToBeLearnedIsRefused() {
        TrainingRequested three = request(Method.TEXTUAL_INVERSION, 3);
        Path two = learned(word(2, 0.25f));
        assertThatThrownBy(() -> WordFiles.write(two, model, three, 200, folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("2 vectors, but 3");

        Path nan = learned(word(2, Float.NaN));
        assertThatThrownBy(() -> WordFiles.write(nan, model, request(Method.TEXTUAL_INVERSION, 2), 200, folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("no numbers");
    }

    @Test
    void wholeNetworksAreWrittenInDiffusersFolders() throws IOException {
        Path trained = work.resolve("networks.safetensors");
        NetworkFiles.write(trained, Map.of("unet", model.weights("unet")), Map.of());

        List<WrittenFile> files = TunedNetworks.write(trained, model, request(Method.FULL, 1), 200, folder);

        assertThat(files)
                .filteredOn(file -> file.format() == ArtifactFormat.DIFFUSERS)
                .extracting(file -> folder.relativize(file.path()).toString())
                .containsExactly("unet/diffusion_pytorch_model.safetensors", "unet/config.json");
        SafetensorsFile unet = SafetensorsFile.open(files.get(0).path());
        assertThat(unet.read("conv_in.weight")).isEqualTo(model.weights("unet").read("conv_in.weight"));
        assertThat(files.get(1).path()).content().contains("UNet2DConditionModel");
        try (Stream<Path> written = Files.list(folder)) {
            assertThat(written.filter(Files::isRegularFile))
                    .allMatch(file -> files.contains(new WrittenFile(ArtifactFormat.SINGLE_FILE, file)));
        }
    }

    @Test
    void networksThatWereNotToBeTrainedAreRefused() {
        Path trained = work.resolve("networks.safetensors");
        NetworkFiles.write(
                trained,
                Map.of("unet", model.weights("unet"), "text_encoder", model.weights("text_encoder")),
                Map.of());

        assertThatThrownBy(() -> TunedNetworks.write(trained, model, request(Method.DREAMBOOTH, 1), 200, folder))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("[text_encoder, unet], but [unet] were to be trained");
    }

    private static TextualInversion word(int vectors, float value) {
        float[] first = new float[model.config("text_encoder").integer("hidden_size")];
        first[0] = value;
        return new TextualInversion("<sks>", List.of(first, first.clone()).subList(0, vectors), null);
    }

    private Path learned(TextualInversion word) {
        Path file = work.resolve("checkpoint.safetensors");
        TextualInversionFiles.writeDiffusers(file, word, Map.of());
        return file;
    }

    private static TrainingRequested request(Method method, int vectors) {
        TrainingRequested lora = Trainings.request();
        return new TrainingRequested(
                lora.trainingId(),
                lora.dataset(),
                lora.batch(),
                lora.spec().toBuilder().method(method).numVectors(vectors).build(),
                lora.images(),
                lora.heldOut());
    }
}
