package io.aquatint.diffusion.training;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What is learned from.
 *
 * @param instances the pictures of the subject; those of one size are a bucket, and a batch is of one bucket
 * @param classImages pictures of the subject's class, which the model is to go on drawing as it does (prior preservation, Ruiz et
 *     al., DreamBooth, 2022); empty for none. Each size of the instances needs some, for they share batches
 */
public record TrainingSet(List<TrainingExample> instances, List<TrainingExample> classImages) {
    /** In pixels. */
    public record Size(int width, int height) {
        public static Size of(TrainingExample example) {
            return new Size(example.picture().width(), example.picture().height());
        }

        @Override
        public String toString() {
            return width + " x " + height;
        }
    }

    public TrainingSet {
        if (instances.isEmpty()) {
            throw new IllegalArgumentException("a training needs at least one picture");
        }
        instances = List.copyOf(instances);
        classImages = List.copyOf(classImages);
        Set<Size> sizes = buckets(instances).keySet();
        Set<Size> classSizes = buckets(classImages).keySet();
        if (!classImages.isEmpty() && !sizes.equals(classSizes)) {
            throw new IllegalArgumentException(
                    "class images must have the sizes of the pictures, %s, but have %s".formatted(sizes, classSizes));
        }
    }

    public static TrainingSet of(List<TrainingExample> instances) {
        return new TrainingSet(instances, List.of());
    }

    /**
     * How many class images of each size are missing until there are so many in all, and one of each size that instances have.
     * Those of a size become as many as its instances have a share in all.
     *
     * @param there the class images that there are
     */
    public static Map<Size, Integer> missingClassImages(
            List<TrainingExample> instances, List<TrainingExample> there, int wanted) {
        Map<Size, List<TrainingExample>> buckets = buckets(instances);
        Map<Size, Integer> have = new LinkedHashMap<>();
        buckets.keySet().forEach(size -> have.put(size, 0));
        there.forEach(example -> have.merge(Size.of(example), 1, Integer::sum));
        Map<Size, Integer> missing = new LinkedHashMap<>();
        for (int total = there.size(); total < wanted || have.containsValue(0); total++) {
            Size poorest = buckets.keySet().stream()
                    .reduce((one, other) -> share(have, buckets, other) < share(have, buckets, one) ? other : one)
                    .orElseThrow();
            have.merge(poorest, 1, Integer::sum);
            missing.merge(poorest, 1, Integer::sum);
        }
        return missing;
    }

    private static double share(Map<Size, Integer> have, Map<Size, List<TrainingExample>> buckets, Size size) {
        return (double) have.getOrDefault(size, 0)
                / buckets.getOrDefault(size, List.of()).size();
    }

    /** By their size, in the order in which the sizes come. */
    static Map<Size, List<TrainingExample>> buckets(List<TrainingExample> examples) {
        Map<Size, List<TrainingExample>> buckets = new LinkedHashMap<>();
        for (TrainingExample example : examples) {
            buckets.computeIfAbsent(Size.of(example), size -> new ArrayList<>()).add(example);
        }
        return buckets;
    }
}
