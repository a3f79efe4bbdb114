package io.aquatint.events;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/** Guesses what a name that is not known was meant to be. */
public final class NearestName {
    private NearestName() {}

    /** "did you mean ...?", or all known names when none is near. */
    public static String advice(String name, Collection<String> known) {
        return of(name, known, Math.max(2, name.length() / 3))
                .map("did you mean '%s'?"::formatted)
                .orElseGet(() -> "known are " + String.join(", ", known));
    }

    /** The known name that is nearest, if it takes at most so many letters to be changed, added or left out. */
    public static Optional<String> of(String name, Collection<String> known, int letters) {
        return known.stream()
                .min(Comparator.comparingInt(candidate -> distance(name, candidate)))
                .filter(nearest -> distance(name, nearest) <= letters);
    }

    /** Levenshtein's distance, upper and lower case being the same. */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j < row.length; j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j < row.length; j++) {
                boolean same = Character.toLowerCase(a.charAt(i - 1)) == Character.toLowerCase(b.charAt(j - 1));
                int replaced = diagonal + (same ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length()];
    }
}
