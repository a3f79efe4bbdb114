package io.aquatint.diffusion.checkpoint;

import java.util.List;

/** Lists of problems in messages. */
final class Problems {
    private static final int SHOWN = 12;

    private Problems() {}

    /** All of a few, the first of many and how many more there are. */
    static String summary(List<String> problems) {
        int shown = Math.min(problems.size(), SHOWN);
        String more = problems.size() > shown ? "; and " + (problems.size() - shown) + " more" : "";
        return String.join("; ", problems.subList(0, shown)) + more;
    }
}
