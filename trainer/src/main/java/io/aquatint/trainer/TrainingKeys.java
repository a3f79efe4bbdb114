package io.aquatint.trainer;

import java.util.Locale;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where a training keeps its objects. */
public record TrainingKeys(String dataset, int batch) {
    private static final Pattern CHECKPOINT = Pattern.compile("checkpoints/(\\d{6,9})/(adapter|state)\\.safetensors");

    public String prefix() {
        return "trainings/%s/%d/".formatted(dataset, batch);
    }

    /** A trainer owns the training's epoch n when it wrote this object first. */
    public String epoch(int n) {
        return prefix() + "epochs/" + n;
    }

    /** The object with this prefix and the highest number is the current epoch. */
    public String epochs() {
        return prefix() + "epochs/";
    }

    /** The number of an epoch's key; empty when the key is none of this training's. */
    public OptionalInt epochOf(String key) {
        String number = key.startsWith(epochs()) ? key.substring(epochs().length()) : "";
        return number.matches("[1-9]\\d{0,8}") ? OptionalInt.of(Integer.parseInt(number)) : OptionalInt.empty();
    }

    public String checkpoints() {
        return prefix() + "checkpoints/";
    }

    /** The adapter, in diffusers' format. */
    public String adapter(int step) {
        return checkpoint(step) + "adapter.safetensors";
    }

    /** What a training resumes from. */
    public String state(int step) {
        return checkpoint(step) + "state.safetensors";
    }

    /** The step of a checkpoint's key; empty when the key is none of this training's. */
    public OptionalInt stepOf(String key) {
        if (!key.startsWith(prefix())) {
            return OptionalInt.empty();
        }
        Matcher matcher = CHECKPOINT.matcher(key.substring(prefix().length()));
        return matcher.matches() ? OptionalInt.of(Integer.parseInt(matcher.group(1))) : OptionalInt.empty();
    }

    private String checkpoint(int step) {
        return checkpoints() + String.format(Locale.ROOT, "%06d/", step);
    }
}
