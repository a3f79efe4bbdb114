package io.aquatint.cli;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.Contents;
import io.aquatint.diffusion.checkpoint.LoraFile;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.Adaptation;
import io.aquatint.diffusion.pipeline.AdaptedModel;
import io.aquatint.diffusion.pipeline.GenerationRequest;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.TextToImage;
import io.aquatint.diffusion.pipeline.WeightedLora;
import io.aquatint.diffusion.text.ClipTokenizer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "generate",
        description = "Draw pictures from prompts with a base model and what was trained on it.",
        footer = {
            "",
            "Picture i of a prompt has the seed SEED + i, and is the same picture alone",
            "and among others. How it was made is in its file, as A1111 writes it.",
            "",
            "  aquatint generate --base stable-diffusion-v1-5/ --num-images 4 \\",
            "      --prompt 'a photo of sks cat on the moon' --lora cat.safetensors:0.8 \\",
            "      --seed 1 -o pictures/"
        },
        mixinStandardHelpOptions = true,
        sortOptions = false)
final class GenerateCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--base",
            paramLabel = "MODEL",
            required = true,
            description = "The base model: a diffusers folder or a single file. SD 1.x, 2.x or XL.")
    private Path base = Path.of("");

    @Mixin
    private ConfigOption config = new ConfigOption();

    @Option(
            names = "--prompt",
            paramLabel = "TEXT",
            required = true,
            description = "What to draw; may be given more than once.")
    private List<String> prompts = List.of();

    @Option(names = "--negative-prompt", paramLabel = "TEXT", description = "What to draw away from.")
    private @Nullable String negativePrompt;

    @Option(
            names = "--lora",
            paramLabel = "FILE[:WEIGHT]",
            converter = WeightedFile.Converter.class,
            description = "A LoRA of any form and its weight (default: 1); may be given more than once.")
    private List<WeightedFile> loras = List.of();

    @Option(
            names = "--embedding",
            paramLabel = "FILE",
            description = "A textual inversion, whose word may stand in prompts; may be given more than once.")
    private List<Path> embeddings = List.of();

    @Option(
            names = "--model-weights",
            paramLabel = "DIR",
            description =
                    "Networks in place of the base's: the unet/ (and text_encoder/) that a full fine-tuning wrote.")
    private @Nullable Path modelWeights;

    @Mixin
    private SamplingOptions sampling = new SamplingOptions();

    @Option(names = "--seed", paramLabel = "N", description = "The noise to begin with (default: any, and printed).")
    private @Nullable Long seed;

    @Option(
            names = {"--num-images", "--num-images-per-prompt"},
            paramLabel = "N",
            defaultValue = "1",
            description = "Pictures of each prompt (default: ${DEFAULT-VALUE}).")
    private int numImages;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            defaultValue = "4",
            description = "Pictures drawn at once; fewer take less memory (default: ${DEFAULT-VALUE}).")
    private int batchSize;

    @Option(names = "--width", paramLabel = "PIXELS", description = "Default: what the model was trained with.")
    private @Nullable Integer width;

    @Option(names = "--height", paramLabel = "PIXELS", description = "The same.")
    private @Nullable Integer height;

    @Option(
            names = "--precision",
            paramLabel = "TYPE",
            defaultValue = "fp32",
            description = "What to compute in: fp32, fp16 or bf16 (default: ${DEFAULT-VALUE}).")
    private String precision = "";

    @Option(
            names = {"-o", "--output"},
            paramLabel = "OUT",
            required = true,
            description = "A folder, where pictures are numbered; or, for one picture, a .png file.")
    private Path output = Path.of("");

    @Override
    public Integer call() throws IOException {
        Precision wanted = Precision.named(precision.equals("fp32") ? "no" : precision)
                .orElseThrow(() -> wrong("--precision " + precision + " is none of fp32, fp16, bf16"));
        if (numImages < 1 || batchSize < 1) {
            throw wrong("--num-images and --batch-size must be at least 1");
        }
        int pictures = prompts.size() * numImages;
        if (pictures > 1 && PictureFiles.isPng(output)) {
            throw wrong(pictures + " pictures need a folder, and " + output + " is a file's name");
        }
        // all that is small is read and checked before the base model's weights are
        ModelSource source = config.open(base);
        Adaptation adaptation = new Adaptation(loras(source), words(source), networks());
        try (ProgressLine bar = new ProgressLine("loading", " MiB", 1 << 20);
                StableDiffusion model = StableDiffusion.load(source, wanted, bar::to);
                AdaptedModel adapted = model.adapted(adaptation)) {
            bar.close();
            warnOfLongPrompts(adapted);
            draw(model, adapted, requests(model));
        }
        return 0;
    }

    private ParameterException wrong(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    private List<WeightedLora> loras(ModelSource source) {
        List<WeightedLora> adapters = new ArrayList<>();
        for (WeightedFile file : loras) {
            LoraFile lora = LoraFormats.open(file.path());
            lora.verifyAgainst(source);
            lora.weights().forEach(adapter -> adapters.add(new WeightedLora(adapter, file.weight())));
        }
        return adapters;
    }

    private List<TextualInversion> words(ModelSource source) {
        List<TextualInversion> words = new ArrayList<>();
        for (Path file : embeddings) {
            TextualInversion word = TextualInversionFiles.read(file);
            TextualInversionFiles.verify(source, word);
            words.add(word);
            if (prompts.stream().noneMatch(prompt -> prompt.contains(word.token()))) {
                spec.commandLine()
                        .getErr()
                        .printf("aquatint: the word %s of %s is in no prompt%n", Printed.line(word.token()), file);
            }
        }
        return words;
    }

    private Map<String, TensorSource> networks() {
        if (modelWeights == null) {
            return Map.of();
        }
        Contents contents = Contents.of(modelWeights);
        if (contents instanceof Contents.Networks) {
            return contents.parts().tensors();
        }
        throw new CheckpointException(modelWeights + " holds no networks such as unet/: see 'aquatint inspect'");
    }

    private void warnOfLongPrompts(AdaptedModel adapted) {
        ClipTokenizer tokenizer = adapted.textEncoders().get(0).tokenizer();
        List<String> texts = new ArrayList<>(prompts);
        if (negativePrompt != null) {
            texts.add(negativePrompt);
        }
        for (String text : texts) {
            String cutOff = tokenizer.cutOff(text);
            if (!cutOff.isEmpty()) {
                spec.commandLine()
                        .getErr()
                        .printf(
                                "aquatint: the text encoder takes %d tokens, so this end of the prompt does not count: %s%n",
                                tokenizer.maxLength(), Printed.line(cutOff));
            }
        }
    }

    private List<GenerationRequest> requests(StableDiffusion model) {
        int usual = model.unetConfig().sampleSize() * model.vaeConfig().factor();
        long first = seed == null ? ThreadLocalRandom.current().nextLong(1L << 32) : seed;
        return prompts.stream()
                .map(prompt -> new GenerationRequest(
                        prompt,
                        negativePrompt,
                        first,
                        sampling.steps(),
                        sampling.guidanceScale(model.architecture()),
                        width == null ? usual : width,
                        height == null ? usual : height,
                        sampling.sampler()))
                .flatMap(request -> request.pictures(numImages).stream())
                .toList();
    }

    private void draw(StableDiffusion model, AdaptedModel adapted, List<GenerationRequest> requests)
            throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        PictureFiles files = PictureFiles.in(output);
        for (int begin = 0; begin < requests.size(); begin += batchSize) {
            List<GenerationRequest> batch = requests.subList(begin, Math.min(begin + batchSize, requests.size()));
            String task = "drawing %d of %d".formatted(begin + batch.size(), requests.size());
            List<Picture> pictures;
            try (ProgressLine bar = new ProgressLine(task, " steps", 1)) {
                pictures = TextToImage.generate(model, adapted, batch, step -> bar.to(step, sampling.steps()));
            }
            for (int i = 0; i < batch.size(); i++) {
                GenerationRequest request = batch.get(i);
                String settings = new GenerationSettings(request, settings(model)).text();
                byte[] png = pictures.get(i).toPng(Map.of(GenerationSettings.KEYWORD, settings));
                out.printf("%s: seed %d%n", files.write(png, request.seed()), request.seed());
            }
            out.flush();
        }
    }

    private Map<String, String> settings(StableDiffusion model) {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("Model", name(model.source().path()));
        if (modelWeights != null) {
            settings.put("Model weights", name(modelWeights));
        }
        if (!loras.isEmpty()) {
            settings.put(
                    "LoRA",
                    loras.stream()
                            .map(lora -> name(lora.path()) + ":" + Printed.line(lora.weight()))
                            .collect(Collectors.joining(", ")));
        }
        if (!embeddings.isEmpty()) {
            settings.put("TI", embeddings.stream().map(GenerateCommand::name).collect(Collectors.joining(", ")));
        }
        settings.put("Precision", precision);
        settings.put("Version", spec.root().version()[0]);
        return settings;
    }

    private static String name(Path path) {
        return String.valueOf(path.toAbsolutePath().normalize().getFileName());
    }
}
