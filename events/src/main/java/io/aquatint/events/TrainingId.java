package io.aquatint.events;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a training is named by: its data set and the number of the batch, written {@code dataset/batch}. Objects are kept under this
 * name, so a text that is none must not become part of a key.
 */
public record TrainingId(String dataset, int batch) {
    private static final Pattern FORM = Pattern.compile("([a-z0-9][a-z0-9._-]{0,62})/([1-9][0-9]{0,8})");

    /** Empty when the text names no training. */
    public static Optional<TrainingId> parse(String text) {
        Matcher matcher = FORM.matcher(text);
        return matcher.matches()
                ? Optional.of(new TrainingId(matcher.group(1), Integer.parseInt(matcher.group(2))))
                : Optional.empty();
    }

    @Override
    public String toString() {
        return dataset + "/" + batch;
    }
}
