package io.aquatint.bench.ingest;

import com.sun.management.OperatingSystemMXBean;
import io.aquatint.ingest.image.ImagePreparer;
import io.aquatint.ingest.image.Limits;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Who makes small squares of pictures. */
enum Contender {
    AQUATINT("Aquatint") {
        @Override
        double milliseconds(List<Path> pictures, int size, Path out) throws IOException {
            var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
            long begin = system.getProcessCpuTime();
            for (Path picture : pictures) {
                byte[] png = ImagePreparer.prepare(Files.readAllBytes(picture), size, Limits.DEFAULT)
                        .png();
                Files.write(out.resolve(picture.getFileName() + ".png"), png);
            }
            return (system.getProcessCpuTime() - begin) / 1e6;
        }
    },

    PILLOW("Pillow") {
        @Override
        double milliseconds(List<Path> pictures, int size, Path out) throws IOException {
            Path script = out.resolve("pillow.py");
            try (InputStream in = Contender.class.getResourceAsStream("pillow.py")) {
                Files.write(script, in.readAllBytes());
            }
            List<String> command = new ArrayList<>(
                    List.of("/usr/bin/python3", script.toString(), Integer.toString(size), out.toString()));
            pictures.forEach(picture -> command.add(picture.toString()));
            return Double.parseDouble(output(command));
        }
    },

    VIPS("vipsthumbnail") {
        @Override
        double milliseconds(List<Path> pictures, int size, Path out) throws IOException {
            List<String> command = new ArrayList<>(List.of(
                    "bash",
                    "-c",
                    "TIMEFORMAT='%U %S'; { time VIPS_CONCURRENCY=1 \"$@\" >&2; } 2>&1",
                    "vips",
                    "vipsthumbnail",
                    "--size=%dx%d".formatted(size, size),
                    "--smartcrop=centre",
                    "--output=%s/%%s.png[strip]".formatted(out.toAbsolutePath())));
            pictures.forEach(picture -> command.add(picture.toString()));
            double seconds = 0;
            for (String part : output(command).split(" ", -1)) {
                seconds += Double.parseDouble(part);
            }
            return 1000 * seconds;
        }
    };

    private final String title;

    Contender(String title) {
        this.title = title;
    }

    String title() {
        return title;
    }

    /** The processor time of making a square of each picture, from file to file. */
    abstract double milliseconds(List<Path> pictures, int size, Path out) throws IOException;

    private static String output(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        try {
            if (process.waitFor() != 0) {
                throw new IOException(command.get(0) + " failed: " + output);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        return output;
    }
}
