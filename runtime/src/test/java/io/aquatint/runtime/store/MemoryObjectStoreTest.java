package io.aquatint.runtime.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class MemoryObjectStoreTest {
    private final ObjectStore store = new MemoryObjectStore();

    @AfterEach
    void close() throws Exception {
        store.close();
    }

    @Test
    void whatIsPutIsThereUntilItIsDeleted() {
        store.put("a/b", bytes("one"), "text/plain");

        assertThat(store.get("a/b")).isEqualTo(bytes("one"));
        assertThat(store.stat("a/b")).isPresent();
        store.delete("a/b");
        assertThat(store.stat("a/b")).isEmpty();
    }

    @Test
    void onlyTheFirstOfTwoClaimsWins() {
        assertThat(store.putIfAbsent("epochs/1", bytes("first"), "text/plain")).isTrue();
        assertThat(store.putIfAbsent("epochs/1", bytes("second"), "text/plain")).isFalse();
        assertThat(store.get("epochs/1")).isEqualTo(bytes("first"));
    }

    @Test
    void keysAreListedByPrefixInTheirOrder() {
        store.put("x/2", bytes(""), "text/plain");
        store.put("x/1", bytes(""), "text/plain");
        store.put("y/1", bytes(""), "text/plain");

        assertThat(store.list("x/")).containsExactly("x/1", "x/2");
    }

    @Test
    void anObjectThatIsNotThereIsNamed() {
        assertThatThrownBy(() -> store.get("no/such"))
                .isInstanceOf(ObjectMissingException.class)
                .hasMessageContaining("no/such");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
