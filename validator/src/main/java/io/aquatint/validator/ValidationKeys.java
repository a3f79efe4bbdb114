package io.aquatint.validator;

import io.aquatint.events.TrainingId;
import io.aquatint.runtime.kafka.PermanentException;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where the validation of a training ("data set/batch") keeps its objects. */
record ValidationKeys(String trainingId) {
    private static final Pattern EVALUATION = Pattern.compile("(\\d{6,9})\\.json");

    /** @throws PermanentException if this names no training */
    ValidationKeys {
        if (TrainingId.parse(trainingId).isEmpty()) {
            throw new PermanentException("'%s' names no training: data set, slash and batch do".formatted(trainingId));
        }
    }

    /** The {@code training.started} that says what is held out. */
    String started() {
        return folder() + "started.json";
    }

    /** The pictures that are trained on. */
    String pictures() {
        return folder() + "pictures.json";
    }

    /** What was found at a step; 0 is the base model. */
    String evaluation(int step) {
        return folder() + String.format(Locale.ROOT, "%06d.json", step);
    }

    /** The prefix of all evaluations. */
    String folder() {
        return "trainings/" + trainingId + "/validation/";
    }

    /** The step of an evaluation's key; empty when the key is of something else. */
    OptionalInt stepOf(String key) {
        Matcher matcher = EVALUATION.matcher(key.startsWith(folder()) ? key.substring(folder().length()) : "");
        return matcher.matches() ? OptionalInt.of(Integer.parseInt(matcher.group(1))) : OptionalInt.empty();
    }

    /** A sample picture; {@code n} counts from 0. */
    String sample(int step, int n) {
        return "trainings/%s/samples/".formatted(trainingId) + String.format(Locale.ROOT, "%06d/%d.png", step, n);
    }
}
