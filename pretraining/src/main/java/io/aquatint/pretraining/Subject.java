package io.aquatint.pretraining;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * Something that can be drawn.
 *
 * @param key the emoji's short name
 * @param singular what captions call one of them
 * @param plural what they call several; empty for what is never counted
 */
record Subject(String key, String singular, String plural) {

    /** The list {@code subjects.txt}. */
    static List<Subject> all() {
        try (InputStream in =
                Objects.requireNonNull(Subject.class.getResourceAsStream("subjects.txt"), "subjects.txt")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.isBlank() && !line.startsWith("#"))
                    .map(Subject::parse)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Subject parse(String line) {
        List<String> parts = Arrays.asList(line.split("\\|"));
        String plural = parts.size() < 3 ? parts.get(1) + "s" : parts.get(2);
        return new Subject(parts.get(0), parts.get(1), plural.equals("-") ? "" : plural);
    }

    boolean countable() {
        return !plural.isEmpty();
    }

    /** Whether its name says a colour already, so that a second one would contradict it. */
    boolean coloured() {
        List<String> words = List.of(singular.split(" "));
        return Colour.all().stream().anyMatch(colour -> words.contains(colour.word()));
    }

    /** The singular with its article; what is never counted has none. */
    String withArticle(String adjectives) {
        String words = adjectives + singular;
        if (!countable()) {
            return words;
        }
        return ("aeiou".indexOf(words.charAt(0)) >= 0 && !words.startsWith("uni") ? "an " : "a ") + words;
    }
}
