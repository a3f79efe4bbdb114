package io.aquatint.trainer;

import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.TrainingAdvice;
import io.aquatint.diffusion.training.TrainingPlan;
import io.aquatint.diffusion.training.TrainingSet;
import io.aquatint.events.Method;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.events.TrainingWarned;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Warns of requests that can be trained but seldom give what one wants, by the rules of {@link TrainingAdvice}. */
public final class SpecAdvice {
    private SpecAdvice() {}

    /** The warnings of a request, in a fixed order. */
    public static List<TrainingWarned> of(TrainingRequested request) {
        TrainingSpec spec = request.spec();
        List<TrainingWarned> warnings = new ArrayList<>(warned(request, TrainingAdvice.of(plan(request))));
        if (spec.method() != Method.TEXTUAL_INVERSION && spec.placeholderToken() != null) {
            warnings.add(unused(request, "placeholderToken", "give the word as triggerWord"));
        }
        if (!request.ownClassImages().isEmpty() && !spec.learnsWithClassPictures()) {
            warnings.add(
                    unused(
                            request,
                            "classImages",
                            "take DREAMBOOTH or DREAMBOOTH_LORA, with a class word or a class prompt and numClassImages above 0"));
        }
        if (spec.classPrompt() != null && spec.classCaption() == null) {
            warnings.add(unused(
                    request, "classPrompt", "take DREAMBOOTH or DREAMBOOTH_LORA, which learn with class pictures"));
        }
        return warnings;
    }

    /** The warnings of its base model on the machine that it is trained on. */
    public static List<TrainingWarned> of(TrainingRequested request, StableDiffusion model) {
        TrainingSpec spec = request.spec();
        return warned(request, TrainingAdvice.of(model, SpecTraining.precision(spec), spec.resolution()));
    }

    /**
     * The warning of a person's own class pictures that cannot be used.
     *
     * @param shapes of those that are left out, one for each
     */
    static Optional<TrainingWarned> ofLeftOut(TrainingRequested request, List<TrainingSet.Size> shapes) {
        if (shapes.isEmpty()) {
            return Optional.empty();
        }
        String names = shapes.stream().distinct().map(String::valueOf).collect(Collectors.joining(", "));
        return Optional.of(
                new TrainingWarned(
                        request.trainingId(),
                        "class-pictures-left-out",
                        "%d of %d class pictures are left out: no picture to train on has their shape, %s"
                                .formatted(
                                        shapes.size(), request.ownClassImages().size(), names),
                        "The base model draws others in their stead. To have yours used, upload class pictures of the shapes that the pictures have."));
    }

    private static TrainingPlan plan(TrainingRequested request) {
        TrainingSpec spec = request.spec();
        return plan(
                spec,
                request.images().stream().map(spec::captionOf).toList(),
                request.heldOut().size());
    }

    /**
     * What of a spec's training can be judged.
     *
     * @param captions one for each picture that is trained on, as it is trained with
     * @param heldOut so many pictures measure it
     */
    public static TrainingPlan plan(TrainingSpec spec, List<String> captions, int heldOut) {
        return new TrainingPlan(
                switch (spec.method()) {
                    case LORA, DREAMBOOTH_LORA -> TrainingPlan.Learns.ADAPTER;
                    case DREAMBOOTH, FULL -> TrainingPlan.Learns.NETWORKS;
                    case TEXTUAL_INVERSION -> TrainingPlan.Learns.WORD;
                },
                spec.learningRate(),
                spec.rank(),
                spec.steps(),
                spec.trainBatchSize() * spec.gradientAccumulationSteps(),
                captions,
                spec.subjectWord(),
                heldOut,
                spec.stopEarly(),
                spec.method() == Method.DREAMBOOTH && !spec.learnsWithClassPictures());
    }

    private static List<TrainingWarned> warned(TrainingRequested request, List<TrainingAdvice> advice) {
        return advice.stream()
                .map(one -> new TrainingWarned(request.trainingId(), one.rule(), one.detail(), one.advice()))
                .toList();
    }

    private static TrainingWarned unused(TrainingRequested request, String setting, String instead) {
        return new TrainingWarned(
                request.trainingId(),
                "unused-" + setting,
                "%s is given, but %s does not use it"
                        .formatted(setting, request.spec().method()),
                "Leave it out, or " + instead + ".");
    }
}
