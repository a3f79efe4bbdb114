package io.aquatint.validator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.aquatint.diffusion.pipeline.Picture;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

class NearCopyTest {
    @Test
    void theSamePictureIsAtDistanceZeroAndBlackFromWhiteAtOne() {
        assertThat(NearCopy.distance(plain(8, 0), plain(8, 0))).isZero();
        assertThat(NearCopy.distance(plain(8, 0), plain(8, 255))).isEqualTo(1);
        assertThat(NearCopy.distance(plain(8, 0), plain(8, 51))).isEqualTo(.2, within(1e-12));
    }

    @Test
    void oneDifferentTileTellsPicturesWithOneBackgroundApart() {
        Picture changed = plain(8, 0);
        for (int y = 6; y < 8; y++) {
            Arrays.fill(changed.rgb(), 3 * (y * 8 + 6), 3 * (y * 8 + 8), (byte) 255);
        }
        assertThat(NearCopy.distance(plain(8, 0), changed)).isEqualTo(1);
    }

    @Test
    void sidesThatFourDoesNotDivideAreCoveredToTheEdge() {
        Picture changed = plain(10, 0);
        changed.rgb()[3 * 100 - 1] = (byte) 255;
        assertThat(NearCopy.distance(plain(10, 0), changed)).isPositive();
    }

    @Test
    void theClosestOfTheSameSizeIsFound() {
        Map<String, Picture> training = Map.of("far", plain(8, 200), "near", plain(8, 10), "other size", plain(16, 0));
        assertThat(NearCopy.closest(plain(8, 0), training))
                .hasValueSatisfying(match -> assertThat(match.sha256()).isEqualTo("near"));
        assertThat(NearCopy.closest(plain(32, 0), training)).isEmpty();
    }

    private static Picture plain(int side, int value) {
        byte[] rgb = new byte[3 * side * side];
        Arrays.fill(rgb, (byte) value);
        return new Picture(side, side, rgb);
    }
}
