package io.aquatint.pretraining;

import io.aquatint.diffusion.pipeline.AdaptedModel;
import io.aquatint.diffusion.pipeline.ContactSheet;
import io.aquatint.diffusion.pipeline.GenerationRequest;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextToImage;
import io.aquatint.diffusion.scheduler.Sampler;
import io.aquatint.diffusion.training.TrainingExample;
import io.aquatint.diffusion.training.ValidationLoss;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What a model that was trained here can do: a sheet of samples that nobody chose, and numbers. Prompts are the captions at fixed
 * positions of the pictures that were trained on and of those that were held out.
 */
public final class ModelReport {
    private static final int SHEET = 16;
    private static final int ACROSS = 8;
    private static final int NEIGHBOURS = 20_000;
    private static final int FINALISTS = 20;
    private static final int STEPS = 30;
    private static final double GUIDANCE = 3;

    private final StableDiffusion model;
    private final EmojiArtwork artwork;
    private final EmojiPictures trained;
    private final EmojiPictures heldOut;

    private ModelReport(StableDiffusion model, EmojiArtwork artwork, long seed) {
        this.model = model;
        this.artwork = artwork;
        this.trained = EmojiPictures.training(artwork, seed);
        this.heldOut = EmojiPictures.heldOut(artwork, seed);
    }

    /**
     * Writes {@code samples.png} and the lines of {@code numbers.txt}.
     *
     * @param folder as {@link Pretraining}'s
     * @param count how many pictures each number is the mean of
     * @param told gets each line as soon as it is known
     */
    public static void write(Path folder, Path out, long seed, int count, Consumer<String> told)
            throws IOException, InterruptedException {
        EmojiArtwork artwork = EmojiArtwork.at(folder.resolve("artwork.safetensors"));
        try (StableDiffusion model = StableDiffusion.load(folder.resolve("model"));
                AdaptedModel base = model.adapted(List.of())) {
            ModelReport report = new ModelReport(model, artwork, seed);
            Files.createDirectories(out);
            List<Picture> ofTrained = report.draw(base, report.trained);
            List<Picture> ofHeldOut = report.draw(base, report.heldOut);
            Files.write(out.resolve("samples.png"), report.sheet(ofTrained, ofHeldOut));
            List<String> lines = new ArrayList<>();
            Consumer<String> line = lines::add;
            line = line.andThen(told);
            line.accept(report.losses("trained on", base, report.trained, count));
            line.accept(report.losses("held out", base, report.heldOut, count));
            report.neighbours(ofTrained, ofHeldOut).forEach(line);
            line.accept(report.recognised(base, count));
            Files.write(out.resolve("numbers.txt"), lines);
        }
    }

    private List<Picture> draw(AdaptedModel base, EmojiPictures source) {
        return IntStream.range(0, SHEET)
                .mapToObj(i -> draw(base, source.scene(i).caption(), i))
                .toList();
    }

    private Picture draw(AdaptedModel base, String prompt, long seed) {
        var request = new GenerationRequest(
                prompt, "", seed, STEPS, GUIDANCE, EmojiPictures.SIZE, EmojiPictures.SIZE, Sampler.Kind.DDIM);
        return TextToImage.generate(model, base, request);
    }

    private byte[] sheet(List<Picture> ofTrained, List<Picture> ofHeldOut) {
        List<ContactSheet.Row> rows = new ArrayList<>();
        for (int from = 0; from < SHEET; from += ACROSS) {
            rows.add(row("seen in training", trained, ofTrained, from));
        }
        for (int from = 0; from < SHEET; from += ACROSS) {
            rows.add(row("never seen together", heldOut, ofHeldOut, from));
        }
        return new ContactSheet(List.of(), rows, 128, 96).toPng();
    }

    private static ContactSheet.Row row(String label, EmojiPictures source, List<Picture> drawn, int from) {
        List<String> captions = IntStream.range(from, from + ACROSS)
                .mapToObj(i -> source.scene(i).caption())
                .toList();
        return new ContactSheet.Row(label, drawn.subList(from, from + ACROSS), captions);
    }

    private String losses(String name, AdaptedModel base, EmojiPictures source, int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            EmojiPictures.Captioned picture = source.get(i);
            String id = "%064x".formatted(SplitMix.of(i, 0) >>> 1);
            var example = new TrainingExample(
                    new StringBuilder(id).reverse().toString(),
                    picture(picture.pixels()),
                    picture.scene().caption());
            sum += ValidationLoss.evaluate(model, base, example).values().stream()
                    .mapToDouble(Double::doubleValue)
                    .average()
                    .orElseThrow();
        }
        return format("loss of %d pictures that were %s: %.4f", count, name, sum / count);
    }

    /** How far pictures are from the nearest of those that were trained on: root of the mean square difference, 0 to 1. */
    private List<String> neighbours(List<Picture> ofTrained, List<Picture> ofHeldOut) {
        List<Picture> real = IntStream.range(0, SHEET)
                .mapToObj(i -> picture(heldOut.get(i).pixels()))
                .toList();
        List<Picture> all = new ArrayList<>(ofTrained);
        all.addAll(ofHeldOut);
        all.addAll(real);
        double[] nearest = new double[all.size()];
        Arrays.fill(nearest, 1);
        for (int i = 0; i < NEIGHBOURS; i++) {
            Picture neighbour = picture(trained.get(i).pixels());
            for (int j = 0; j < nearest.length; j++) {
                nearest[j] = Math.min(nearest[j], distance(all.get(j), neighbour));
            }
        }
        List<String> lines = new ArrayList<>();
        List<String> names = List.of(
                "samples of prompts that were trained on",
                "samples of held-out prompts",
                "held-out pictures themselves");
        for (int part = 0; part < names.size(); part++) {
            double[] some = Arrays.copyOfRange(nearest, part * SHEET, (part + 1) * SHEET);
            Arrays.sort(some);
            lines.add(format(
                    "distance to the nearest of %d training pictures, %s: median %.3f, least %.3f",
                    NEIGHBOURS, names.get(part), (some[SHEET / 2 - 1] + some[SHEET / 2]) / 2, some[0]));
        }
        return lines;
    }

    /** Of how many samples of held-out prompts the right subject is the nearest of all subjects, and of how many pictures. */
    private String recognised(AdaptedModel base, int count) {
        int samples = 0;
        int real = 0;
        int done = 0;
        for (int i = 0; done < count; i++) {
            Scene scene = heldOut.scene(i);
            if (scene.subjects().size() > 1 || scene.count() > 1 || scene.tint() != null) {
                continue;
            }
            done++;
            if (nearestSubject(draw(base, scene.caption(), i), scene)
                    .equals(scene.subjects().get(0))) {
                samples++;
            }
            if (nearestSubject(picture(heldOut.get(i).pixels()), scene)
                    .equals(scene.subjects().get(0))) {
                real++;
            }
        }
        return format(
                "the nearest of %d subjects is the right one in %.0f %% of %d samples of held-out prompts, in %.0f %% of real pictures",
                artwork.subjects().size(), 100.0 * samples / count, count, 100.0 * real / count);
    }

    /** The nearest of those that come nearest in the middle, when they may also stand a little beside it. */
    private Subject nearestSubject(Picture picture, Scene scene) {
        Map<Subject, Double> middle = artwork.subjects().parallelStream()
                .collect(Collectors.toConcurrentMap(
                        subject -> subject, subject -> distance(picture, subject, scene, 0)));
        return artwork.subjects().stream()
                .sorted(Comparator.comparingDouble(middle::get))
                .limit(FINALISTS)
                .parallel()
                .min(Comparator.comparingDouble(subject -> distance(picture, subject, scene, 1)))
                .orElseThrow();
    }

    /** The least over some sizes, and over places that many steps beside the middle. */
    private double distance(Picture picture, Subject subject, Scene scene, int reach) {
        double least = 1;
        Sprite sprite = artwork.sprite(subject);
        for (double scale : EmojiPictures.scales(scene.size())) {
            for (int down = -reach; down <= reach; down++) {
                for (int right = -reach; right <= reach; right++) {
                    float[][] planes = EmojiPictures.ground(scene.ground());
                    var place = new Sprite.Place(0.5 + 0.03 * right, 0.5 + 0.03 * down, scale, 0);
                    sprite.paint(planes, EmojiPictures.SIZE, place);
                    least = Math.min(least, distance(picture, picture(EmojiPictures.bytes(planes))));
                }
            }
        }
        return least;
    }

    private static double distance(Picture one, Picture other) {
        long sum = 0;
        for (int i = 0; i < one.rgb().length; i++) {
            int difference = (one.rgb()[i] & 0xff) - (other.rgb()[i] & 0xff);
            sum += (long) difference * difference;
        }
        return Math.sqrt((double) sum / one.rgb().length) / 255;
    }

    private static Picture picture(byte[] planes) {
        int pixels = EmojiPictures.SIZE * EmojiPictures.SIZE;
        byte[] rgb = new byte[3 * pixels];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = planes[i % 3 * pixels + i / 3];
        }
        return new Picture(EmojiPictures.SIZE, EmojiPictures.SIZE, rgb);
    }

    private static String format(String pattern, Object... values) {
        return String.format(Locale.ROOT, pattern, values);
    }
}
