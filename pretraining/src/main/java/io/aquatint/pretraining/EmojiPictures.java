package io.aquatint.pretraining;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Endless captioned pictures of emoji. Which scene is at a position, and how it is painted, follow from the seed and the position
 * alone; the scenes of training and those that are held out have no combination in common.
 */
final class EmojiPictures {
    static final int SIZE = 64;

    private final EmojiArtwork artwork;
    private final long seed;
    private final boolean heldOut;

    /** @param pixels [3, 64, 64], as bytes of 0 to 255 */
    @SuppressWarnings("ArrayRecordComponent")
    record Captioned(Scene scene, byte[] pixels) {}

    private EmojiPictures(EmojiArtwork artwork, long seed, boolean heldOut) {
        this.artwork = artwork;
        this.seed = seed;
        this.heldOut = heldOut;
    }

    static EmojiPictures training(EmojiArtwork artwork, long seed) {
        return new EmojiPictures(artwork, seed, false);
    }

    static EmojiPictures heldOut(EmojiArtwork artwork, long seed) {
        return new EmojiPictures(artwork, ~seed, true);
    }

    Captioned get(long position) {
        SplittableRandom random = SplitMix.random(seed, position);
        Scene scene = scene(random);
        return new Captioned(scene, paint(scene, random));
    }

    /** What {@link #get} shows. */
    Scene scene(long position) {
        return scene(SplitMix.random(seed, position));
    }

    private Scene scene(SplittableRandom random) {
        Scene scene = Scene.draw(artwork.subjects(), random);
        while (scene.heldOut() != heldOut) {
            scene = Scene.draw(artwork.subjects(), random);
        }
        return scene;
    }

    private byte[] paint(Scene scene, SplittableRandom random) {
        float[][] picture = new float[3][SIZE * SIZE];
        for (int channel = 0; channel < 3; channel++) {
            float light = scene.ground().channel(channel) + (2 * random.nextFloat() - 1) * 0.03f;
            Arrays.fill(picture[channel], light);
        }
        List<Sprite.Place> places = places(scene, random);
        for (int i = 0; i < places.size(); i++) {
            Subject subject = scene.subjects().get(scene.subjects().size() > 1 ? i : 0);
            artwork.sprite(subject)
                    .inColour(scene.tint())
                    .paint(picture, SIZE, places.get(i).jittered(random, places.size() == 1 ? 0.06 : 0.025));
        }
        return bytes(picture);
    }

    /** A ground of one colour, [3][64 * 64] in 0 to 1. */
    static float[][] ground(Colour colour) {
        float[][] picture = new float[3][SIZE * SIZE];
        for (int channel = 0; channel < 3; channel++) {
            Arrays.fill(picture[channel], colour.channel(channel));
        }
        return picture;
    }

    static byte[] bytes(float[][] picture) {
        byte[] pixels = new byte[3 * SIZE * SIZE];
        for (int i = 0; i < pixels.length; i++) {
            float value = picture[i / (SIZE * SIZE)][i % (SIZE * SIZE)];
            pixels[i] = (byte) Math.round(255 * Math.min(1, Math.max(0, value)));
        }
        return pixels;
    }

    /** About the sizes that a single subject has, in sides of the picture. */
    static double[] scales(Scene.Size size) {
        return switch (size) {
            case NORMAL -> new double[] {0.68, 0.75, 0.82};
            case SMALL -> new double[] {0.36, 0.4, 0.44};
            case BIG -> new double[] {0.95, 1, 1.05};
        };
    }

    private static List<Sprite.Place> places(Scene scene, SplittableRandom random) {
        int number = scene.subjects().size() > 1 ? scene.subjects().size() : scene.count();
        if (number == 2) {
            return List.of(place(0.25, 0.5, 0.42), place(0.75, 0.5, 0.42));
        }
        if (number == 3) {
            List<Sprite.Place> three = new ArrayList<>();
            three.add(place(0.5, 0.26, 0.42));
            three.add(place(0.25, 0.74, 0.42));
            three.add(place(0.75, 0.74, 0.42));
            return three;
        }
        double[] scales = scales(scene.size());
        double scale = scales[0] + (scales[2] - scales[0]) * random.nextDouble();
        return List.of(place(0.5, 0.5, scale));
    }

    private static Sprite.Place place(double x, double y, double scale) {
        return new Sprite.Place(x, y, scale, 0);
    }
}
