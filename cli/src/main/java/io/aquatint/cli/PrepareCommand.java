package io.aquatint.cli;

import io.aquatint.ingest.image.Limits;
import io.aquatint.ingest.image.PrepareFolder;
import io.aquatint.ingest.image.TargetSize;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "prepare",
        description = "Crop, resize and check a folder of pictures, as ingest does with uploads.",
        footer = {
            "",
            "Writes PNG files, metadata.jsonl (file_name, text, source) and report.json (what was refused and why).",
            "The caption of a.jpg is read from a.txt beside it, or from the folder's own metadata.jsonl."
        },
        mixinStandardHelpOptions = true)
final class PrepareCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Parameters(index = "0", paramLabel = "IN", description = "The folder with pictures and captions.")
    private Path in = Path.of("");

    @Parameters(index = "1", paramLabel = "OUT", description = "The folder to write to; made when missing.")
    private Path out = Path.of("");

    @Option(
            names = "--size",
            paramLabel = "N",
            defaultValue = "512",
            description = "The side of the square pictures in pixels (default: ${DEFAULT-VALUE}).")
    private int size;

    @Option(
            names = {"--aspect-ratio-buckets", "--enable-bucket"},
            description = "Cut each picture to the nearest of a few shapes of about as many pixels, not square.")
    private boolean buckets;

    @Override
    public Integer call() {
        if (size < 8 || size > 4096) {
            throw new ParameterException(spec.commandLine(), "--size is " + size + ", but must be 8 to 4096");
        }
        if (!Files.isDirectory(in)) {
            throw new ParameterException(spec.commandLine(), in + " is no folder");
        }
        TargetSize target = buckets ? TargetSize.buckets(size) : TargetSize.square(size);
        PrepareFolder.Report report = new PrepareFolder(target, Limits.DEFAULT, System.out).prepare(in, out);
        System.out.printf(
                "%d pictures in %s, %d the same as another, %d refused%n",
                report.accepted(), out, report.duplicates(), report.refused());
        return 0;
    }
}
