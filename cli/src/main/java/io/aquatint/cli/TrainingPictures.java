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
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingSpec;
import io.aquatint.ingest.batch.HeldOut;
import io.aquatint.ingest.image.Limits;
import io.aquatint.ingest.image.PrepareFolder;
import io.aquatint.runtime.store.Sha256;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

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
        new PrepareFolder(spec.resolution(), Limits.DEFAULT, console).prepare(folder, scratch);
        List<TrainingExample> all = new ArrayList<>();
        for (String line : Files.readAllLines(scratch.resolve("metadata.jsonl"))) {
            JsonNode entry = JSON.readTree(line);
            byte[] png =
                    Files.readAllBytes(scratch.resolve(entry.path("file_name").asText()));
            String sha256 = Sha256.of(png);
            var image = new ManifestImage(sha256, sha256, entry.path("text").asText(), 1);
            all.add(new TrainingExample(sha256, Picture.decode(png), spec.captionOf(image)));
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

    /** The class images of a folder; those that are missing are drawn by the base model and put there. */
    static List<TrainingExample> classImages(Path folder, TrainingSpec spec, StableDiffusion model) throws IOException {
        String caption = spec.classCaption();
        if (!spec.learnsWithClassPictures() || caption == null) {
            return List.of();
        }
        Files.createDirectories(folder);
        List<Path> files;
        try (Stream<Path> found = Files.list(folder)) {
            files = new ArrayList<>(found.filter(PictureFiles::isPng)
                    .sorted()
                    .limit(spec.numClassImages())
                    .toList());
        }
        int side = spec.resolution();
        try (ProgressLine bar = new ProgressLine("class images", "", 1);
                AdaptedModel base = model.adapted(List.of())) {
            for (long number = 0; files.size() < spec.numClassImages(); number++) {
                Path file = folder.resolve("class-%05d.png".formatted(number));
                if (Files.exists(file)) {
                    continue;
                }
                GenerationRequest request = new GenerationRequest(
                        caption,
                        "",
                        spec.seed() + number,
                        spec.classSampleSteps(),
                        GUIDANCE_SCALE,
                        side,
                        side,
                        Sampler.Kind.DPMPP_2M);
                Files.write(file, TextToImage.generate(model, base, request).toPng());
                files.add(file);
                bar.to(files.size(), spec.numClassImages());
            }
        }
        List<TrainingExample> images = new ArrayList<>();
        for (Path file : files) {
            byte[] png = Files.readAllBytes(file);
            images.add(new TrainingExample(Sha256.of(png), Picture.decode(png), caption));
        }
        return images;
    }
}
