package io.aquatint.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A LoRA and how much of it is taken.
 *
 * @param weight 1 for all; may be negative
 */
record WeightedFile(Path path, double weight) {

    /** {@code FILE:WEIGHT}; a name that is one as it stands has the weight 1. */
    static final class Converter implements ITypeConverter<WeightedFile> {
        @Override
        public WeightedFile convert(String value) {
            int colon = value.lastIndexOf(':');
            if (colon < 1 || Files.exists(Path.of(value))) {
                return new WeightedFile(Path.of(value), 1);
            }
            try {
                double weight = Double.parseDouble(value.substring(colon + 1));
                if (Double.isFinite(weight)) {
                    return new WeightedFile(Path.of(value.substring(0, colon)), weight);
                }
            } catch (NumberFormatException e) {
                throw new TypeConversionException("'" + value.substring(colon + 1) + "' is no weight");
            }
            throw new TypeConversionException("'" + value.substring(colon + 1) + "' is no weight");
        }
    }
}
