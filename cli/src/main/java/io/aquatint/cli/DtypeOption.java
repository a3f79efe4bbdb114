package io.aquatint.cli;

import io.aquatint.diffusion.checkpoint.DType;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code --dtype}: kohya's {@code --save_precision}. */
final class DtypeOption {
    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            converter = Converter.class,
            description = "The element type to write: fp32, fp16 or bf16; else as it was.")
    private @Nullable DType dtype;

    /** Null where none was asked for. */
    @Nullable DType get() {
        return dtype;
    }

    static final class Converter implements ITypeConverter<DType> {
        @Override
        public DType convert(String value) {
            return switch (value.toLowerCase(Locale.ROOT)) {
                case "fp32", "float32", "float", "f32" -> DType.F32;
                case "fp16", "float16", "half", "f16" -> DType.F16;
                case "bf16", "bfloat16" -> DType.BF16;
                default -> throw new TypeConversionException("'" + value + "' is none of fp32, fp16, bf16");
            };
        }
    }
}
