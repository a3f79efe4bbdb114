package io.aquatint.events;

import java.util.List;

/** Guesses what a name that is not known was meant to be. */
final class NearestName {
    private NearestName() {}

    /** "did you mean ...?", or all known names when none is near. */
    static String advice(String name, List<String> known) {
        String nearest = known.get(0);
        for (String candidate : known) {
            if (distance(name, candidate) < distance(name, nearest)) {
                nearest = candidate;
            }
        }
        return distance(name, nearest) <= Math.max(2, name.length() / 3)
                ? "did you mean '%s'?".formatted(nearest)
                : "known are " + String.join(", ", known);
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
