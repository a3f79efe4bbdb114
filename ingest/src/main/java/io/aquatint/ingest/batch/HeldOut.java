package io.aquatint.ingest.batch;

import io.aquatint.runtime.store.Sha256;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/** Chooses the pictures that are never trained on, by content alone. */
public final class HeldOut {
    private HeldOut() {}

    /**
     * A tenth of the pictures, at least one, never all: those with the smallest SHA-256 of data set and content hash. The
     * order of arrival makes no difference.
     */
    public static List<String> choose(String dataset, Collection<String> hashes) {
        int count = Math.min(hashes.size() - 1, Math.max(1, hashes.size() / 10));
        return hashes.stream()
                .sorted(Comparator.comparing(hash -> rank(dataset + hash)))
                .limit(Math.max(0, count))
                .toList();
    }

    private static String rank(String text) {
        return Sha256.of(text.getBytes(StandardCharsets.UTF_8));
    }
}
