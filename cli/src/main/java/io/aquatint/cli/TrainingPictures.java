package io.aquatint.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.diffusion.pipeline.AdaptedModel;
import io.aquatint.diffusion.pipeline.GenerationRequest;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextToImage;
import io.aquatint.diffusion.scheduler.Sampler;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.TrainingSet;
import io.aquatint.diffusion.training.TrainingSet.Size;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.PixelSize;
import io.aquatint.events.TrainingSpec;
import io.aquatint.ingest.batch.HeldOut;
import io.aquatint.ingest.image.Limits;
import io.aquatint.ingest.image.PrepareFolder;
import io.aquatint.ingest.image.TargetSize;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The pictures of a local training.
 *
 * @param trained on
 * @param heldOut measure the training and are never trained on
 */
record TrainingPictures(List<TrainingExample> trained, List<TrainingExample> heldOut) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final double GUIDANCE_SCALE = 7.5;

    /**
     * Prepares a folder as ingest does with uploads, and chooses the held-out pictures as the batcher does.
     *
     * @param scratch where the prepared pictures are written to
     */
    static TrainingPictures of(Path folder, Path scratch, TrainingSpec spec, PrintStream console) throws IOException {
        List<TrainingExample> all = new ArrayList<>();
        for (TrainingExample example : prepared(folder, scratch, TargetSize.of(spec), console)) {
            var image = new ManifestImage(example.id(), example.id(), example.caption(), 1);
            all.add(new TrainingExample(example.id(), example.picture(), spec.captionOf(image)));
        }
        Set<String> heldOut = new HashSet<>(
                HeldOut.choose("", all.stream().map(TrainingExample::id).toList()));
        if (all.size() < spec.minimumImages()) {
            heldOut.clear(); // so few are better all learned from
        }
        return new TrainingPictures(
                all.stream().filter(example -> !heldOut.contains(example.id())).toList(),
                all.stream().filter(example -> heldOut.contains(example.id())).toList());
    }

    private static List<TrainingExample> prepared(Path folder, Path scratch, TargetSize size, PrintStream console)
            throws IOException {
        new PrepareFolder(size, Limits.DEFAULT, console).prepare(folder, scratch);
        List<TrainingExample> examples = new ArrayList<>();
        for (String line : Files.readAllLines(scratch.resolve("metadata.jsonl"))) {
            JsonNode entry = JSON.readTree(line);
            byte[] png =
                    Files.readAllBytes(scratch.resolve(entry.path("file_name").asText()));
            examples.add(new TrainingExample(
                    Sha256.of(png), Picture.decode(png), entry.path("text").asText()));
        }
        return examples;
    }

    /**
     * The class images of a training: those of a folder, cut to the sizes of the pictures, and as many as are missing, drawn by the
     * base model.
     *
     * @param own a person's class images; none when null
     * @param drawn where those that the base model drew are kept
     */
    List<TrainingExample> classImages(
            @Nullable Path own, Path drawn, Path scratch, TrainingSpec spec, StableDiffusion model, PrintStream console)
            throws IOException {
        String caption = spec.classCaption();
        if (!spec.learnsWithClassPictures() || caption == null) {
            return List.of();
        }
        List<TrainingExample> images = new ArrayList<>();
        if (own != null) {
            List<PixelSize> sizes = trained.stream()
                    .map(example -> new PixelSize(
                            example.picture().width(), example.picture().height()))
                    .distinct()
                    .toList();
            prepared(own, scratch, new TargetSize(sizes), console).stream()
                    .limit(spec.numClassImages())
                    .forEach(image -> images.add(new TrainingExample(image.id(), image.picture(), caption)));
        }
        Files.createDirectories(drawn);
        Map<Size, Integer> missing = TrainingSet.missingClassImages(trained, images, spec.numClassImages());
        int all = images.size()
                + missing.values().stream().mapToInt(count -> count).sum();
        try (ProgressLine bar = new ProgressLine("class images", "", 1);
                AdaptedModel base = model.adapted(List.of())) {
            for (Map.Entry<Size, Integer> count : missing.entrySet()) {
                for (int number = 0; number < count.getValue(); number++) {
                    byte[] png = classImage(drawn, count.getKey(), number, caption, spec, model, base);
                    images.add(new TrainingExample(Sha256.of(png), Picture.decode(png), caption));
                    bar.to(images.size(), all);
                }
            }
        }
        return images;
    }

    private static byte[] classImage(
            Path folder,
            Size size,
            int number,
            String caption,
            TrainingSpec spec,
            StableDiffusion model,
            AdaptedModel base)
            throws IOException {
        Path file = folder.resolve("class-%dx%d-%05d.png".formatted(size.width(), size.height(), number));
        if (!Files.exists(file)) {
            GenerationRequest request = new GenerationRequest(
                    caption,
                    "",
                    spec.seed() + number,
                    spec.classSampleSteps(),
                    GUIDANCE_SCALE,
                    size.width(),
                    size.height(),
                    Sampler.Kind.DPMPP_2M);
            Files.write(file, TextToImage.generate(model, base, request).toPng());
        }
        return Files.readAllBytes(file);
    }
}
