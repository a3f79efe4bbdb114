package io.aquatint.bench.ingest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * How many pictures a second each {@link Contender} prepares, file to file, the same work in turn: the centre square of a JPEG,
 * resized by Lanczos, as a PNG. What counts is processor time, which other programs on the machine disturb least.
 */
public final class IngestBenchmark {
    private static final Path PHOTOGRAPHS = Path.of("bench/ingest/photographs");
    private static final Path WORK = Path.of("bench/ingest/target/pictures");
    private static final int WARM_UPS = 24;

    private IngestBenchmark() {}

    /** @param arguments how many rounds */
    public static void main(String[] arguments) throws IOException {
        int rounds = Integer.parseInt(arguments[0]);
        System.out.println(
                "| pictures | to | by | pictures a second: median | min | max | Aquatint is times as fast |");
        System.out.println("| --- | --- | --- | --- | --- | --- | --- |");
        for (int[] pixels : new int[][] {{1600, 1200}, {4000, 3000}}) {
            List<Path> pictures = Pictures.make(
                    PHOTOGRAPHS, WORK.resolve("%dx%d".formatted(pixels[0], pixels[1])), pixels[0], pixels[1]);
            for (int size : new int[] {512, 256}) {
                print("%d x %d".formatted(pixels[0], pixels[1]), size, measure(pictures, size, rounds));
            }
        }
    }

    private static Map<Contender, double[]> measure(List<Path> pictures, int size, int rounds) throws IOException {
        Path out = Files.createDirectories(WORK.resolve("out"));
        for (int i = 0; i < WARM_UPS; i++) {
            Contender.AQUATINT.milliseconds(pictures, size, out);
        }
        Map<Contender, double[]> rates = new EnumMap<>(Contender.class);
        for (int round = 0; round < rounds; round++) {
            for (Contender contender : Contender.values()) {
                double milliseconds = contender.milliseconds(pictures, size, out);
                rates.computeIfAbsent(contender, any -> new double[rounds])[round] =
                        1000 * pictures.size() / milliseconds;
            }
        }
        rates.values().forEach(Arrays::sort);
        return rates;
    }

    private static void print(String pictures, int size, Map<Contender, double[]> rates) {
        double ours = median(Objects.requireNonNull(rates.get(Contender.AQUATINT)));
        rates.forEach((contender, sorted) -> System.out.printf(
                Locale.ROOT,
                "| %s | %d | %s | %.1f | %.1f | %.1f | %.2f |%n",
                pictures,
                size,
                contender.title(),
                median(sorted),
                sorted[0],
                sorted[sorted.length - 1],
                ours / median(sorted)));
    }

    private static double median(double[] sorted) {
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }
}
