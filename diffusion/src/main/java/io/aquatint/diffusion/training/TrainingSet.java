package io.aquatint.diffusion.training;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What is learned from.
 *
 * @param instances the pictures of the subject; those of one size are a bucket, and a batch is of one bucket
 * @param classImages pictures of the subject's class, which the model is to go on drawing as it does (prior preservation, Ruiz et
 *     al., DreamBooth, 2022); empty for none. All of the size that all instances then have
 */
public record TrainingSet(List<TrainingExample> instances, List<TrainingExample> classImages) {
    public TrainingSet {
        if (instances.isEmpty()) {
            throw new IllegalArgumentException("a training needs at least one picture");
        }
        instances = List.copyOf(instances);
        classImages = List.copyOf(classImages);
        if (!classImages.isEmpty()) {
            List<TrainingExample> all = new ArrayList<>(instances);
            all.addAll(classImages);
            if (buckets(all).size() > 1) {
                throw new IllegalArgumentException(
                        "with class images all pictures must have one size, but there are pictures of %s"
                                .formatted(String.join(", ", buckets(all).keySet())));
            }
        }
    }

    public static TrainingSet of(List<TrainingExample> instances) {
        return new TrainingSet(instances, List.of());
    }

    /** The instances by their size, {@code 512 x 768}, in the order in which the sizes come. */
    Map<String, List<TrainingExample>> buckets() {
        return buckets(instances);
    }

    private static Map<String, List<TrainingExample>> buckets(List<TrainingExample> examples) {
        Map<String, List<TrainingExample>> buckets = new LinkedHashMap<>();
        for (TrainingExample example : examples) {
            String size = example.picture().width() + " x " + example.picture().height();
            buckets.computeIfAbsent(size, key -> new ArrayList<>()).add(example);
        }
        return buckets;
    }
}
