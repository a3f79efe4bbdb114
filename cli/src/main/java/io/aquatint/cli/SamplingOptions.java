package io.aquatint.cli;

import io.aquatint.diffusion.checkpoint.Architecture;
import io.aquatint.diffusion.scheduler.Sampler;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** How pictures come out of noise. */
final class SamplingOptions {
    @Option(
            names = "--sampler",
            paramLabel = "NAME",
            defaultValue = "dpmpp_2m",
            converter = Converter.class,
            description =
                    "ddim, dpmpp_2m, dpmpp_2m_karras, euler, euler_ancestral or ddpm (default: ${DEFAULT-VALUE}).")
    private Sampler.Kind sampler = Sampler.Kind.DPMPP_2M;

    @Option(
            names = {"--num-inference-steps", "--steps"},
            paramLabel = "N",
            defaultValue = "30",
            description = "How often the network looks at a picture (default: ${DEFAULT-VALUE}).")
    private int steps;

    @Option(
            names = "--guidance-scale",
            paramLabel = "X",
            description = "How strongly the prompt counts; 1 is without guidance (default: 7.5, 5 for SD XL).")
    private @Nullable Double guidanceScale;

    Sampler.Kind sampler() {
        return sampler;
    }

    int steps() {
        return steps;
    }

    double guidanceScale(Architecture architecture) {
        if (guidanceScale != null) {
            return guidanceScale;
        }
        return architecture == Architecture.STABLE_DIFFUSION_XL ? 5 : 7.5; // diffusers' pipelines have these
    }

    static final class Converter implements ITypeConverter<Sampler.Kind> {
        @Override
        public Sampler.Kind convert(String value) {
            return Sampler.Kind.named(value.toLowerCase(Locale.ROOT).replace('-', '_'))
                    .orElseThrow(() -> new TypeConversionException("'%s' is none of %s"
                            .formatted(
                                    value,
                                    Arrays.stream(Sampler.Kind.values())
                                            .map(kind -> kind.name().toLowerCase(Locale.ROOT))
                                            .collect(Collectors.joining(", ")))));
        }
    }
}
