package io.aquatint.pretraining;

import java.util.List;
import java.util.Locale;

/** A colour that captions name: what grounds are filled and subjects are tinted with. */
enum Colour {
    WHITE(250, 250, 250),
    BLACK(22, 22, 24),
    GREY(140, 142, 146),
    RED(214, 40, 44),
    ORANGE(247, 140, 32),
    YELLOW(250, 214, 50),
    GREEN(64, 168, 72),
    TURQUOISE(64, 196, 190),
    BLUE(50, 110, 220),
    PURPLE(136, 70, 190),
    PINK(246, 150, 190),
    BROWN(124, 80, 50);

    private static final List<Colour> ALL = List.of(values());
    private static final List<Colour> TINTS = List.of(RED, ORANGE, YELLOW, GREEN, BLUE, PURPLE, PINK);

    private final int red;
    private final int green;
    private final int blue;

    Colour(int red, int green, int blue) {
        this.red = red;
        this.green = green;
        this.blue = blue;
    }

    static List<Colour> all() {
        return ALL;
    }

    /** Those that are told apart on a subject, whatever it is. */
    static List<Colour> tints() {
        return TINTS;
    }

    String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @param channel 0 red, 1 green, 2 blue
     *  @return 0 to 1 */
    float channel(int channel) {
        return (channel == 0 ? red : channel == 1 ? green : blue) / 255f;
    }
}
