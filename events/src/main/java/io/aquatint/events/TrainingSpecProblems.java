package io.aquatint.events;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What is wrong with a {@link TrainingSpec}, as sentences of one form: the setting, what it is, and what it must be. */
final class TrainingSpecProblems {
    private static final Pattern VERSION = Pattern.compile("[a-z0-9][a-z0-9._-]{0,62}/[1-9]\\d{0,8}");
    private static final int MOST_VECTORS = 8;

    private final TrainingSpec spec;
    private final List<String> sentences = new ArrayList<>();

    private TrainingSpecProblems(TrainingSpec spec) {
        this.spec = spec;
    }

    static List<String> of(TrainingSpec spec) {
        var problems = new TrainingSpecProblems(spec);
        problems.ofTraining();
        problems.ofOptions();
        problems.ofMethods();
        problems.ofBatches();
        problems.ofSamples();
        return problems.sentences;
    }

    private void ofTraining() {
        check(!spec.baseModel().isBlank(), "baseModel", "blank", "the name or path of a base model");
        checkWords("triggerWord", spec.triggerWord(), "a word");
        checkWords("classWord", spec.classWord(), "a word");
        int resolution = spec.resolution();
        check(resolution >= 64 && resolution % 8 == 0, "resolution", resolution, "a multiple of 8, 64 or more");
        checkAtLeast("trainBatchSize", spec.trainBatchSize(), 1);
        checkAtLeast("steps", spec.steps(), 1);
        double rate = spec.learningRate();
        check(rate > 0 && rate < 1, "learningRate", rate, "above 0 and below 1");
        checkOneOf("learningRateSchedule", spec.learningRateSchedule(), TrainingSpec.LEARNING_RATE_SCHEDULES);
        int warmup = spec.warmupSteps();
        check(
                warmup >= 0 && warmup <= spec.steps(),
                "warmupSteps",
                warmup,
                "0 to the number of steps (" + spec.steps() + ")");
        checkAtLeast("rank", spec.rank(), 1);
        checkAboveZero("alpha", spec.alpha());
        check(
                !spec.targetModules().isEmpty() && spec.targetModules().stream().noneMatch(String::isBlank),
                "targetModules",
                spec.targetModules(),
                "at least one name, and none of them blank");
        checkAboveZero("maxGradientNorm", spec.maxGradientNorm());
        Double gamma = spec.minSnrGamma();
        check(gamma == null || isAboveZero(gamma), "minSnrGamma", gamma, "above 0, or absent");
        checkAtLeast("checkpointEvery", spec.checkpointEvery(), 1);
    }

    private void ofOptions() {
        checkOneOf("precision", spec.precision(), TrainingSpec.PRECISIONS);
        checkAtLeast("gradientAccumulationSteps", spec.gradientAccumulationSteps(), 1);
        checkOneOf("optimizer", spec.optimizer(), TrainingSpec.OPTIMIZERS);
        checkBelowOne("adamBeta1", spec.adamBeta1());
        checkBelowOne("adamBeta2", spec.adamBeta2());
        checkAboveZero("adamEpsilon", spec.adamEpsilon());
        checkNotNegative("adamWeightDecay", spec.adamWeightDecay());
        checkNotNegative("noiseOffset", spec.noiseOffset());
        double dropout = spec.captionDropout();
        check(dropout >= 0 && dropout <= 1, "captionDropout", dropout, "0 to 1");
        checkBelowOne("emaDecay", spec.emaDecay());
        checkAtLeast("scheduleCycles", spec.scheduleCycles(), 1);
        checkAboveZero("schedulePower", spec.schedulePower());
        checkAtLeast("checkpointsKept", spec.checkpointsKept(), 1);
        String from = spec.initFrom();
        check(
                from == null
                        || from.equals(TrainingSpec.PREVIOUS)
                        || VERSION.matcher(from).matches(),
                "initFrom",
                "'" + from + "'",
                "a model version, for example cats/3, or " + TrainingSpec.PREVIOUS);
    }

    private void ofMethods() {
        checkWords("instancePrompt", spec.instancePrompt(), "text");
        checkWords("classPrompt", spec.classPrompt(), "text");
        checkAtLeast("numClassImages", spec.numClassImages(), 0);
        checkNotNegative("priorLossWeight", spec.priorLossWeight());
        int steps = spec.classSampleSteps();
        check(steps >= 1 && steps <= 1000, "classSampleSteps", steps, "1 to 1000");
        checkOneOf("learnableProperty", spec.learnableProperty(), TrainingSpec.LEARNABLE_PROPERTIES);
        int vectors = spec.numVectors();
        check(vectors >= 1 && vectors <= MOST_VECTORS, "numVectors", vectors, "1 to " + MOST_VECTORS);
        checkToken("placeholderToken", spec.placeholderToken());
        checkToken("initializerToken", spec.initializerToken());
        if (spec.method() == Method.TEXTUAL_INVERSION) {
            String word = spec.subjectWord();
            if (word == null) {
                check(
                        false,
                        "placeholderToken",
                        "absent",
                        "the new word, for example <my-cat>; or give a triggerWord, of which it is made");
            } else if (spec.placeholderToken() == null) {
                checkToken("triggerWord", spec.triggerWord());
            }
            check(
                    !spec.trainTextEncoder(),
                    "trainTextEncoder",
                    true,
                    "false: textual inversion learns a word and leaves the text encoder as it is");
        }
    }

    private void ofBatches() {
        checkAtLeast("minimumImages", spec.minimumImages(), 1);
        check(
                spec.imagesPerBatch() >= spec.minimumImages(),
                "imagesPerBatch",
                spec.imagesPerBatch(),
                "at least minimumImages (" + spec.minimumImages() + ")");
        checkAtLeast("quietSeconds", spec.quietSeconds(), 1);
    }

    private void ofSamples() {
        int steps = spec.sampleSteps();
        check(steps >= 1 && steps <= 1000, "sampleSteps", steps, "1 to 1000");
        double scale = spec.guidanceScale();
        check(scale >= 1 && Double.isFinite(scale), "guidanceScale", scale, "1 or more");
    }

    private void checkAtLeast(String name, int value, int least) {
        check(value >= least, name, value, least + " or more");
    }

    private void checkAboveZero(String name, double value) {
        check(isAboveZero(value), name, value, "above 0");
    }

    private void checkNotNegative(String name, double value) {
        check(value >= 0 && Double.isFinite(value), name, value, "0 or more");
    }

    private void checkBelowOne(String name, double value) {
        check(value >= 0 && value < 1, name, value, "0 or more and below 1");
    }

    private void checkOneOf(String name, String value, List<String> known) {
        check(known.contains(value), name, "'" + value + "'", "one of " + String.join(", ", known));
    }

    private void checkWords(String name, @Nullable String value, String expected) {
        check(value == null || !value.isBlank(), name, "blank", expected + ", or absent");
    }

    private void checkToken(String name, @Nullable String value) {
        check(
                value == null || (!value.isBlank() && value.chars().noneMatch(Character::isWhitespace)),
                name,
                "'" + value + "'",
                "one word, without spaces");
    }

    private static boolean isAboveZero(double value) {
        return value > 0 && Double.isFinite(value);
    }

    private void check(boolean right, String name, @Nullable Object value, String expected) {
        if (!right) {
            sentences.add("%s is %s, but must be %s".formatted(name, value, expected));
        }
    }
}
