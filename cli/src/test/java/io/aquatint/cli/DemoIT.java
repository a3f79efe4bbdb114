package io.aquatint.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.checkpoint.LoraFormats;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The main job as a user runs it. */
@Timeout(540)
final class DemoIT {
    @TempDir
    Path folder;

    @Test
    void theDemoTurnsPhotographsIntoAModelThatIsReady() throws Exception {
        StringWriter told = new StringWriter();

        int exit = Aquatint.execute(new PrintWriter(told), "demo", "--data", folder.toString());

        String text = told.toString();
        assertThat(exit).as(text).isZero();
        assertThat(text)
                .contains("coffee-half.jpg refused: TRUNCATED")
                .contains("poster.png refused: TOO_MANY_PIXELS")
                .contains("cat-again.jpg is the same picture as chelsea.jpg: it counts once")
                .contains("demo/1 is complete (sealed): 9 pictures, 1 of them held out")
                .contains("demo/1 completed: 150 steps")
                .contains("demo/1 is ready");
        assertThat(text.lines().filter(line -> line.contains(" accepted: "))).hasSize(9);

        Path objects = folder.resolve("objects/aquatint");
        Path model = objects.resolve("models/demo/1");
        var diffusers = LoraFormats.read(model.resolve("pytorch_lora_weights.safetensors"));
        var kohya = LoraFormats.read(model.resolve("demo-v1-kohya.safetensors"));
        assertThat(diffusers.modules().keySet())
                .isEqualTo(kohya.modules().keySet())
                .hasSize(128);
        List<Path> samples = samples(objects.resolve("trainings/demo/1/samples"));
        assertThat(samples).hasSize(8);
        for (Path sample : samples) {
            assertThat(ImageIO.read(sample.toFile()).getWidth()).isEqualTo(64);
        }
    }

    private static List<Path> samples(Path folder) throws Exception {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile).toList();
        }
    }
}
