package io.aquatint.pretraining;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.pretraining.EmojiPictures.Captioned;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class EmojiPicturesTest {
    private static final int SIDE = 64;
    private static final EmojiArtwork DISCS = discs();

    /** Every subject is a grey disc: enough to see where and how large it is painted. */
    private static EmojiArtwork discs() {
        byte[] rgba = new byte[4 * SIDE * SIDE];
        for (int i = 0; i < SIDE * SIDE; i++) {
            double x = i % SIDE - 31.5;
            int row = i / SIDE;
            double y = row - 31.5;
            for (int channel = 0; channel < 3; channel++) {
                rgba[4 * i + channel] = 100;
            }
            rgba[4 * i + 3] = (byte) (Math.hypot(x, y) < 31 ? 255 : 0);
        }
        Map<String, Sprite> sprites = new LinkedHashMap<>();
        Subject.all().forEach(subject -> sprites.put(subject.key(), Sprite.of(SIDE, rgba)));
        return new EmojiArtwork(Subject.all(), sprites);
    }

    @Test
    void aPictureFollowsFromSeedAndPositionAlone() {
        Captioned picture = EmojiPictures.training(DISCS, 5).get(1234);
        EmojiPictures again = EmojiPictures.training(DISCS, 5);
        again.get(7);
        assertThat(again.get(1234).pixels()).isEqualTo(picture.pixels());
        assertThat(again.get(1234).scene()).isEqualTo(picture.scene()).isEqualTo(again.scene(1234));
        assertThat(EmojiPictures.training(DISCS, 6).get(1234).pixels()).isNotEqualTo(picture.pixels());
    }

    @Test
    void whatIsHeldOutIsNeverTrainedOn() {
        EmojiPictures training = EmojiPictures.training(DISCS, 1);
        EmojiPictures heldOut = EmojiPictures.heldOut(DISCS, 1);
        Set<String> trained = new HashSet<>();
        Set<String> kept = new HashSet<>();
        for (int i = 0; i < 4000; i++) {
            trained.add(training.scene(i).combination());
            kept.add(heldOut.scene(i).combination());
        }
        assertThat(trained).hasSizeGreaterThan(2000).doesNotContainAnyElementsOf(kept);
        assertThat(kept).hasSizeGreaterThan(2000);
    }

    @Test
    void everySubjectAndEveryColourIsTrainedOn() {
        EmojiPictures training = EmojiPictures.training(DISCS, 1);
        Set<Subject> subjects = new HashSet<>();
        Set<Colour> grounds = new HashSet<>();
        for (int i = 0; i < 6000; i++) {
            subjects.addAll(training.scene(i).subjects());
            grounds.add(training.scene(i).ground());
        }
        assertThat(subjects).containsExactlyInAnyOrderElementsOf(Subject.all());
        assertThat(grounds).containsExactlyInAnyOrder(Colour.values());
    }

    @Test
    void asManySubjectsAreSeenAsTheCaptionSays() {
        EmojiPictures pictures = EmojiPictures.training(DISCS, 3);
        Set<Integer> counts = new HashSet<>();
        for (int i = 0; i < 400; i++) {
            Captioned picture = pictures.get(i);
            Scene scene = picture.scene();
            if (scene.ground() != Colour.WHITE || scene.tint() != null || scene.size() != Scene.Size.NORMAL) {
                continue;
            }
            int wanted = scene.subjects().size() > 1 ? 2 : scene.count();
            assertThat(blots(picture.pixels())).as(scene.caption()).isEqualTo(wanted);
            counts.add(wanted);
        }
        assertThat(counts).containsExactlyInAnyOrder(1, 2, 3);
    }

    /** How many dark regions there are. */
    private static int blots(byte[] pixels) {
        boolean[] seen = new boolean[SIDE * SIDE];
        int blots = 0;
        for (int start = 0; start < seen.length; start++) {
            if (dark(pixels, start) && !seen[start]) {
                blots++;
                java.util.ArrayDeque<Integer> open = new java.util.ArrayDeque<>(List.of(start));
                while (!open.isEmpty()) {
                    int at = open.pop();
                    if (at < 0 || at >= seen.length || seen[at] || !dark(pixels, at)) {
                        continue;
                    }
                    seen[at] = true;
                    open.push(at - SIDE);
                    open.push(at + SIDE);
                    if (at % SIDE > 0) {
                        open.push(at - 1);
                    }
                    if (at % SIDE < SIDE - 1) {
                        open.push(at + 1);
                    }
                }
            }
        }
        return blots;
    }

    private static boolean dark(byte[] pixels, int at) {
        return (pixels[at] & 0xff) < 175;
    }

    @Test
    void theGroundHasTheColourOfItsName() {
        EmojiPictures pictures = EmojiPictures.training(DISCS, 4);
        for (int i = 0; i < 300; i++) {
            Captioned picture = pictures.get(i);
            if (picture.scene().size() == Scene.Size.BIG) {
                continue; // covers the corners
            }
            for (int channel = 0; channel < 3; channel++) {
                float corner = (picture.pixels()[channel * SIDE * SIDE] & 0xff) / 255f;
                assertThat(corner)
                        .as(picture.scene().caption())
                        .isCloseTo(
                                picture.scene().ground().channel(channel), org.assertj.core.data.Offset.offset(0.04f));
            }
        }
    }

    @Test
    void aTintTurnsGreyIntoTheColour() {
        float[][] picture = new float[3][SIDE * SIDE];
        Sprite disc = DISCS.sprites().get("cat");
        assertThat(disc).isNotNull();
        if (disc != null) {
            disc.tinted(Colour.RED).paint(picture, SIDE, new Sprite.Place(0.5, 0.5, 1, 0));
        }
        int middle = SIDE * SIDE / 2 + SIDE / 2;
        assertThat(picture[0][middle]).isGreaterThan(2 * picture[1][middle]).isGreaterThan(2 * picture[2][middle]);
    }
}
