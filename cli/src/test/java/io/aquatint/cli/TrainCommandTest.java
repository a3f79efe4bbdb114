package io.aquatint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.checkpoint.LoraFile;
import io.aquatint.diffusion.checkpoint.LoraForm;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.initializer.BaseModelInitializer;
import io.aquatint.diffusion.pipeline.Picture;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainCommandTest {
    private static final String LORA_FILE = "pytorch_lora_weights.safetensors";

    @TempDir
    static Path folder;

    private static Path base;
    private static Path images;

    @BeforeAll
    static void createModelAndPictures() throws IOException {
        base = folder.resolve("base");
        BaseModelInitializer.create(base, 1);
        images = Files.createDirectories(folder.resolve("images"));
        for (int i = 0; i < 6; i++) {
            write(images.resolve("picture-%d.png".formatted(i)), 80, 70);
            Files.writeString(images.resolve("picture-%d.txt".formatted(i)), "a photo of sks cup number " + i);
        }
        Files.writeString(images.resolve("broken.jpg"), "no picture");
    }

    @Test
    void aTrainingResumedFromItsCheckpointEndsAsIfNeverStopped() throws IOException {
        Path whole = folder.resolve("whole");
        String[] options = {
            "--max-train-steps", "4", "--trigger-word", "sks", "--class-word", "cup", "--learning-rate", "1e-3"
        };
        Run run = train(whole, options);

        assertThat(run.code()).as(run.printed()).isZero();
        assertThat(run.printed())
                .contains("5 pictures, 1 held out")
                .contains("step 4 of 4")
                .contains("score     step 4")
                .contains("advice    the learning rate is 0.001");
        assertThat(whole.resolve("samples/step-000000-0.png")).exists();
        assertThat(whole.resolve("samples/step-000004-1.png")).exists();
        assertThat(Files.readString(whole.resolve("README.md"))).contains("`sks`", "| 4 |", "\"learningRate\" : 0.001");
        byte[] result = Files.readAllBytes(whole.resolve(LORA_FILE));
        LoraFile kohya = LoraFormats.open(whole.resolve("whole-v1-kohya.safetensors"));
        assertThat(kohya.form()).isEqualTo(LoraForm.KOHYA);
        assertThat(kohya.adapters().get(Component.UNET).modules().keySet())
                .isEqualTo(LoraFormats.read(whole.resolve(LORA_FILE)).modules().keySet());
        assertThat(kohya.metadata())
                .containsEntry("modelspec.trigger_phrase", "sks")
                .containsEntry("ss_steps", "4");

        delete(whole.resolve("checkpoints/checkpoint-4"));
        Files.delete(whole.resolve(LORA_FILE));
        Run resumed = train(
                whole, Stream.concat(Stream.of(options), Stream.of("--resume")).toArray(String[]::new));

        assertThat(resumed.code()).as(resumed.printed()).isZero();
        assertThat(Files.readAllBytes(whole.resolve(LORA_FILE))).isEqualTo(result);
    }

    @Test
    void aNewWordIsLearned() {
        Path out = folder.resolve("word");
        Run run = train(
                out,
                "--method",
                "textual-inversion",
                "--placeholder-token",
                "<cup>",
                "--initializer-token",
                "a",
                "--num-vectors",
                "2",
                "--max-train-steps",
                "2");

        assertThat(run.code()).as(run.printed()).isZero();
        TextualInversion word = TextualInversionFiles.read(out.resolve("learned_embeds.safetensors"));
        assertThat(word.token()).isEqualTo("<cup>");
        TextualInversion forA1111 = TextualInversionFiles.read(out.resolve("cup.safetensors"), "<cup>");
        assertThat(forA1111.vectors()).hasSize(2);
        assertThat(forA1111.vectors().get(1)).isEqualTo(word.vectors().get(1));
    }

    @Test
    void dreamBoothDrawsItsClassImagesOnce() throws IOException {
        Path out = folder.resolve("dreambooth");
        String[] options = {
            "--method", "dreambooth", "--class-prompt", "a photo of a cup", "--num-class-images", "2",
            "--instance-prompt", "a photo of sks cup", "--max-train-steps", "2", "--checkpoints-total-limit", "1"
        };
        Run run = train(out, options);

        assertThat(run.code()).as(run.printed()).isZero();
        assertThat(out.resolve("unet/diffusion_pytorch_model.safetensors")).exists();
        Path drawn = out.resolve("class-images/class-64x64-00001.png");
        byte[] before = Files.readAllBytes(drawn);
        Files.write(drawn, before);
        var time = Files.getLastModifiedTime(drawn);

        assertThat(train(out, options).code()).isZero();
        assertThat(Files.getLastModifiedTime(drawn)).isEqualTo(time);
        assertThat(Files.readAllBytes(drawn)).isEqualTo(before);
    }

    @Test
    void picturesKeepTheirShapesInBucketsAndClassImagesHaveTheSame() throws IOException {
        Path shapes = Files.createDirectories(folder.resolve("shapes"));
        write(shapes.resolve("wide.png"), 200, 100);
        write(shapes.resolve("wider.png"), 300, 100);
        write(shapes.resolve("square.png"), 100, 100);
        Path own = Files.createDirectories(folder.resolve("own"));
        write(own.resolve("high.png"), 150, 200);
        Path out = folder.resolve("buckets");
        Run run = train(
                out,
                "--images",
                shapes.toString(),
                "--method",
                "dreambooth-lora",
                "--class-prompt",
                "a cup",
                "--num-class-images",
                "3",
                "--class-images",
                own.toString(),
                "--resolution",
                "192",
                "--aspect-ratio-buckets",
                "--validation-prompt",
                "a cup",
                "--max-train-steps",
                "2");

        assertThat(run.code()).as(run.printed()).isZero();
        assertThat(run.printed()).contains("3 pictures, 0 held out");
        try (Stream<Path> drawn = Files.list(out.resolve("class-images"))) {
            assertThat(drawn.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("class-256x128-00000.png", "class-256x128-00001.png");
        }
        assertThat(Picture.decode(Files.readAllBytes(out.resolve("class-images/class-256x128-00000.png")))
                        .width())
                .isEqualTo(256);
    }

    @Test
    void whatCannotBeIsRefusedBeforeAnythingIsLoaded() {
        Run run = train(folder.resolve("refused"), "--learning-rate", "5");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.printed().lines())
                .containsExactly(
                        "aquatint: learningRate is 5.0, but must be above 0 and below 1",
                        "See 'aquatint train --help'.");

        assertThat(train(folder.resolve("refused"), "--method", "lokr").printed())
                .contains("dreambooth-lora");
        Run nothing = train(folder.resolve("refused"), "--resume");
        assertThat(nothing.code()).isEqualTo(1);
        assertThat(nothing.printed()).contains("has no checkpoint to resume from");
    }

    private static void write(Path file, int width, int height) throws IOException {
        byte[] rgb = new byte[3 * width * height];
        new Random(file.hashCode()).nextBytes(rgb);
        Files.write(file, new Picture(width, height, rgb).toPng());
    }

    private record Run(int code, String printed) {}

    private static Run train(Path out, String... options) {
        List<String> arguments = new ArrayList<>(List.of(
                "train",
                "--base",
                base.toString(),
                "-o",
                out.toString(),
                "--checkpointing-steps",
                "2",
                "--sample-steps",
                "2",
                "--seed",
                "3"));
        arguments.addAll(List.of(options));
        Map.of("--images", images.toString(), "--resolution", "64").forEach((option, value) -> {
            if (!arguments.contains(option)) {
                arguments.addAll(List.of(option, value));
            }
        });
        StringWriter printed = new StringWriter();
        PrintWriter writer = new PrintWriter(printed, true);
        int code = Aquatint.execute(writer, writer, arguments.toArray(String[]::new));
        return new Run(code, printed.toString());
    }

    private static void delete(Path tree) throws IOException {
        try (Stream<Path> paths = Files.walk(tree)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
