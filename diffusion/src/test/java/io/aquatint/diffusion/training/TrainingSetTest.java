package io.aquatint.diffusion.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.training.TrainingSet.Size;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class TrainingSetTest {
    private static final Size SQUARE = new Size(64, 64);
    private static final Size WIDE = new Size(128, 64);

    @Test
    void classImagesAreSharedOutAsThePicturesAre() {
        assertThat(TrainingSet.missingClassImages(pictures(4, 0), List.of(), 200))
                .isEqualTo(Map.of(SQUARE, 200));
        assertThat(TrainingSet.missingClassImages(pictures(3, 1), List.of(), 200))
                .isEqualTo(Map.of(SQUARE, 150, WIDE, 50));
        assertThat(TrainingSet.missingClassImages(pictures(9, 1), List.of(), 2)).isEqualTo(Map.of(SQUARE, 1, WIDE, 1));
    }

    @Test
    void aSizeThatHasNoClassImageGetsOneHoweverManyThereAre() {
        assertThat(TrainingSet.missingClassImages(pictures(9, 1), List.of(), 1)).isEqualTo(Map.of(SQUARE, 1, WIDE, 1));
        assertThat(TrainingSet.missingClassImages(pictures(1, 1), pictures(7, 0), 5))
                .isEqualTo(Map.of(WIDE, 1));
    }

    @Test
    void classImagesThatAreThereAreNotMissing() {
        assertThat(TrainingSet.missingClassImages(pictures(1, 1), pictures(7, 1), 8))
                .isEmpty();
        assertThat(TrainingSet.missingClassImages(pictures(1, 1), pictures(3, 1), 6))
                .isEqualTo(Map.of(WIDE, 2));
    }

    @Test
    void classImagesOfASizeThatNoPictureHasAreRefused() {
        assertThatThrownBy(() -> new TrainingSet(pictures(1, 0), pictures(1, 1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("[64 x 64]")
                .hasMessageContaining("[64 x 64, 128 x 64]");
    }

    private static List<TrainingExample> pictures(int squares, int wide) {
        return Stream.concat(
                        Stream.generate(() -> picture(SQUARE)).limit(squares),
                        Stream.generate(() -> picture(WIDE)).limit(wide))
                .toList();
    }

    private static TrainingExample picture(Size size) {
        byte[] rgb = new byte[3 * size.width() * size.height()];
        return new TrainingExample("id", new Picture(size.width(), size.height(), rgb), "");
    }
}
