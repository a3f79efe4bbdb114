package io.aquatint.diffusion.training;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What of a training can be judged before it begins.
 *
 * @param picturesPerStep the batch size times the batches that make a step
 * @param captions one for each picture that is trained on, as it is trained with
 * @param trigger the word that is to mean the subject; null where there is none
 * @param heldOut so many pictures measure the training and are never trained on
 * @param stopsEarly whether it ends when they say that it overfits
 * @param lacksClassPictures whether it learns one subject of a class with nothing that shows it the rest of the class
 */
public record TrainingPlan(
        Learns learns,
        double learningRate,
        int rank,
        int steps,
        int picturesPerStep,
        List<String> captions,
        @Nullable String trigger,
        int heldOut,
        boolean stopsEarly,
        boolean lacksClassPictures) {

    /** What a training changes, from which follows what is usual. */
    public enum Learns {
        /** A low-rank adapter. */
        ADAPTER(1e-4, 1e-3, 400),
        /** The networks themselves. */
        NETWORKS(5e-6, 5e-5, 400),
        /** A word, whose captions are made of templates. */
        WORD(5e-4, 5e-3, 1500);

        final double usualLearningRate;
        final double highLearningRate;
        /** So often a picture is seen before a training that goes on learns it by heart. */
        final int mostViews;

        Learns(double usualLearningRate, double highLearningRate, int mostViews) {
            this.usualLearningRate = usualLearningRate;
            this.highLearningRate = highLearningRate;
            this.mostViews = mostViews;
        }
    }

    public TrainingPlan {
        captions = List.copyOf(captions);
    }

    /** How often each picture is seen. */
    double views() {
        return captions.isEmpty() ? 0 : (double) steps * picturesPerStep / captions.size();
    }
}
