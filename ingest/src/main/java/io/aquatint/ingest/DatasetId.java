package io.aquatint.ingest;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The names that data sets may have: they stand in keys of records and objects, and in addresses. */
final class DatasetId {
    static final String RULE =
            "a data set's name is 1 to 63 characters: small letters, digits, '.', '_' and '-', a letter or digit first";

    private static final Pattern VALID = Pattern.compile("[a-z0-9][a-z0-9._-]{0,62}");

    private DatasetId() {}

    static boolean isValid(@Nullable String name) {
        return name != null && VALID.matcher(name).matches();
    }
}
