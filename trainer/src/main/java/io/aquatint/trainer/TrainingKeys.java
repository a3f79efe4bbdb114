package io.aquatint.trainer;

import io.aquatint.events.Method;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a training keeps its objects. Each epoch has a folder of its own, so that a trainer which lost its job can never write
 * over its successor's work.
 */
public record TrainingKeys(String dataset, int batch) {
    private static final Pattern IN_EPOCH = Pattern.compile("([1-9]\\d{0,8})/(.+)");
    private static final Pattern CHECKPOINT = Pattern.compile(
            "checkpoints/(\\d{6,9})/(?:(adapter|learned_embeds|networks|state)\\.safetensors|saved\\.json)");

    /** A checkpoint's place: its step, and the epoch that wrote it. */
    public record Place(int epoch, int step) {}

    public String prefix() {
        return "trainings/%s/%d/".formatted(dataset, batch);
    }

    /** The event that tells of the training's end; whoever finds it need not train. */
    public String completed() {
        return prefix() + "completed.json";
    }

    /** All that the epochs wrote. */
    public String epochs() {
        return prefix() + "epochs/";
    }

    /** A trainer owns the training's epoch n when it wrote this object first; the highest n is the current epoch. */
    public String claim(int n) {
        return epoch(n) + "claim.json";
    }

    /** An epoch that ended without a fault of its own, to be continued by another. */
    public String handedBack(int n) {
        return epoch(n) + "handed-back.json";
    }

    /** An epoch with which the training failed for good. */
    public String failed(int n) {
        return epoch(n) + "failed.json";
    }

    /** The epoch whose claim a key is; empty when it is no claim of this training's. */
    public OptionalInt epochOfClaim(String key) {
        return epochOf(key, "claim.json");
    }

    /** The epoch that handed the training back by this key. */
    public OptionalInt epochOfHandedBack(String key) {
        return epochOf(key, "handed-back.json");
    }

    /** The epoch that failed by this key. */
    public OptionalInt epochOfFailed(String key) {
        return epochOf(key, "failed.json");
    }

    /** What the training has made: an adapter, a word, or whole networks. */
    public String result(Place place, Method method) {
        String name =
                switch (method) {
                    case LORA, DREAMBOOTH_LORA -> "adapter";
                    case TEXTUAL_INVERSION -> "learned_embeds";
                    case DREAMBOOTH, FULL -> "networks";
                };
        return checkpoint(place) + name + ".safetensors";
    }

    /** What a training resumes from. */
    public String state(Place place) {
        return checkpoint(place) + "state.safetensors";
    }

    /** The event that tells of the checkpoint; written when the rest is there. */
    public String saved(Place place) {
        return checkpoint(place) + "saved.json";
    }

    /** The place of a checkpoint's key; empty when the key is of no checkpoint of this training. */
    public Optional<Place> placeOf(String key) {
        Matcher inEpoch = inEpoch(key);
        if (!inEpoch.matches()) {
            return Optional.empty();
        }
        Matcher checkpoint = CHECKPOINT.matcher(inEpoch.group(2));
        return checkpoint.matches()
                ? Optional.of(new Place(Integer.parseInt(inEpoch.group(1)), Integer.parseInt(checkpoint.group(1))))
                : Optional.empty();
    }

    /** Whether a key is of what a checkpoint of this training has made, whatever its method. */
    boolean isResult(String key) {
        return placeOf(key)
                .filter(place -> !key.equals(state(place)) && !key.equals(saved(place)))
                .isPresent();
    }

    private OptionalInt epochOf(String key, String file) {
        Matcher inEpoch = inEpoch(key);
        return inEpoch.matches() && inEpoch.group(2).equals(file)
                ? OptionalInt.of(Integer.parseInt(inEpoch.group(1)))
                : OptionalInt.empty();
    }

    private Matcher inEpoch(String key) {
        return IN_EPOCH.matcher(key.startsWith(epochs()) ? key.substring(epochs().length()) : "");
    }

    private String epoch(int n) {
        return epochs() + n + "/";
    }

    private String checkpoint(Place place) {
        return epoch(place.epoch()) + String.format(Locale.ROOT, "checkpoints/%06d/", place.step());
    }
}
