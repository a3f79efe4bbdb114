package io.aquatint.pretraining;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a picture shows, and its caption: one subject, two or three of it, or one beside another; on a ground.
 *
 * @param ground of which colour the ground is; white, where the caption does not speak of it
 * @param tint the colour that the subject is given, its own when null
 */
record Scene(
        List<Subject> subjects,
        int count,
        Size size,
        @Nullable Colour tint,
        Colour ground,
        boolean groundNamed,
        String opening) {

    private static final List<String> OPENINGS = List.of("a photo of ", "a picture of ", "an emoji of ");
    private static final int HELD_OUT_ONE_IN = 16;

    enum Size {
        NORMAL(""),
        SMALL("small "),
        BIG("big ");

        private final String adjective;

        Size(String adjective) {
            this.adjective = adjective;
        }
    }

    /** A scene of a data set's distribution, whether held out or not. */
    static Scene draw(List<Subject> all, SplittableRandom random) {
        Subject subject = all.get(random.nextInt(all.size()));
        int kind = random.nextInt(100);
        List<Subject> subjects = new ArrayList<>(List.of(subject));
        int count = 1;
        Size size = Size.NORMAL;
        if (kind < 20) {
            Subject other = all.get(random.nextInt(all.size()));
            if (!other.equals(subject)) {
                subjects.add(other);
            }
        } else if (kind < 42 && subject.countable()) {
            count = 2 + random.nextInt(2);
        } else {
            int sized = random.nextInt(100);
            size = sized < 12 ? Size.SMALL : sized < 24 ? Size.BIG : Size.NORMAL;
        }
        boolean tinted = subjects.size() == 1 && !subject.coloured() && random.nextInt(100) < 22;
        Colour tint = tinted ? Colour.tints().get(random.nextInt(Colour.tints().size())) : null;
        boolean named = random.nextInt(100) < 85;
        Colour ground = named ? Colour.all().get(random.nextInt(Colour.all().size())) : Colour.WHITE;
        String opening = random.nextInt(100) < 70 ? "" : OPENINGS.get(random.nextInt(OPENINGS.size()));
        return new Scene(List.copyOf(subjects), count, size, tint, ground, named, opening);
    }

    /**
     * Whether this combination is kept from training: one in sixteen, for ever the same. Each subject, colour and count is trained
     * on, but these were never together.
     */
    boolean heldOut() {
        return Math.floorMod(SplitMix.of(combination().hashCode(), 0), HELD_OUT_ONE_IN) == 0;
    }

    /** Subjects, count, tint and ground: what is seen, however it is said. */
    String combination() {
        String names = subjects.stream().map(Subject::key).collect(Collectors.joining("+"));
        return "%d %s %s %s on %s".formatted(count, size, tint == null ? "plain" : tint.word(), names, ground.word());
    }

    String caption() {
        String adjectives = size.adjective + (tint == null ? "" : tint.word() + " ");
        String what;
        if (subjects.size() > 1) {
            what = subjects.stream().map(subject -> subject.withArticle("")).collect(Collectors.joining(" and "));
        } else if (count > 1) {
            what = (count == 2 ? "two " : "three ")
                    + adjectives
                    + subjects.get(0).plural();
        } else {
            what = subjects.get(0).withArticle(adjectives);
        }
        if (!groundNamed) {
            return opening + what;
        }
        return opening + what + (ground == Colour.ORANGE ? " on an " : " on a ") + ground.word() + " background";
    }

    /** Every word that a caption can have. */
    static List<String> words(List<Subject> all) {
        List<String> texts = new ArrayList<>(OPENINGS);
        texts.add("a an and on background two three small big");
        Colour.all().forEach(colour -> texts.add(colour.word()));
        all.forEach(subject -> texts.add(subject.singular() + " " + subject.plural()));
        return texts.stream()
                .flatMap(text -> List.of(text.strip().split("\\s+")).stream())
                .distinct()
                .toList();
    }
}
