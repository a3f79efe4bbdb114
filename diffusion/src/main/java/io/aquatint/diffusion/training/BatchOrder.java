package io.aquatint.diffusion.training;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Which pictures are in which batch, from the seed and the batch's number alone. A batch is of one bucket; buckets are drawn as
 * often as they have pictures. Within a bucket each picture is seen once before any is seen twice, in an order that changes.
 */
final class BatchOrder {
    private final long seed;
    private final int batchSize;
    private final List<Integer> sizes;
    private final int total;
    private final List<Integer> drawn = new ArrayList<>(); // the bucket of each batch so far
    private final long[] before; // the batches of each bucket among them

    /** @param sizes how many pictures each bucket has */
    BatchOrder(long seed, int batchSize, List<Integer> sizes) {
        this.seed = seed;
        this.batchSize = batchSize;
        this.sizes = List.copyOf(sizes);
        this.total = sizes.stream().mapToInt(Integer::intValue).sum();
        this.before = new long[sizes.size()];
    }

    /**
     * @param position how many batches of the bucket come before
     * @param examples places in the bucket
     */
    record Batch(int bucket, long position, List<Integer> examples) {}

    /** @param number from 0; batches may be asked for in any order */
    Batch batch(long number) {
        int bucket = 0;
        long position = number;
        if (sizes.size() > 1) {
            drawUpTo(number);
            bucket = drawn.get(Math.toIntExact(number));
            position = positionInBucket(number, bucket);
        }
        return new Batch(bucket, position, examples(seed + bucket, position, sizes.get(bucket)));
    }

    /** Which of {@code count} other pictures of a batch's bucket stand beside those of the batch: as many, in an order of their own. */
    List<Integer> others(Batch batch, int count) {
        return examples(~(seed + batch.bucket()), batch.position(), count);
    }

    private List<Integer> examples(long seed, long position, int count) {
        List<Integer> examples = new ArrayList<>();
        for (int i = 0; i < batchSize; i++) {
            examples.add(example(seed, position * batchSize + i, count));
        }
        return examples;
    }

    private void drawUpTo(long number) {
        while (drawn.size() <= number) {
            int place = new SplittableRandom(mix(seed ^ 0x6275636b65747321L, drawn.size())).nextInt(total);
            int bucket = 0;
            while (place >= sizes.get(bucket)) {
                place -= sizes.get(bucket++);
            }
            drawn.add(bucket);
            before[bucket]++;
        }
    }

    private long positionInBucket(long number, int bucket) {
        long position = before[bucket];
        for (int later = drawn.size() - 1; later >= number; later--) {
            if (drawn.get(later) == bucket) {
                position--;
            }
        }
        return position;
    }

    /** Which of {@code count} things is at a position of the endless sequence of epochs, each in an order of its own. */
    private static int example(long seed, long position, int count) {
        SplittableRandom random = new SplittableRandom(mix(~seed, position / count));
        int[] order = new int[count];
        for (int i = 0; i < count; i++) {
            int other = random.nextInt(i + 1);
            order[i] = order[other];
            order[other] = i;
        }
        return order[(int) (position % count)];
    }

    /** SplitMix64's mixing (Steele et al. 2014), so that neighbouring numbers have nothing in common. */
    static long mix(long seed, long number) {
        long z = seed + (number + 1) * 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
