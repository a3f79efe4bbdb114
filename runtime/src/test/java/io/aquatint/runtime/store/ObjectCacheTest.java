package io.aquatint.runtime.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ObjectCacheTest {
    @TempDir
    Path folder = Path.of("");

    private final MemoryObjectStore memory = new MemoryObjectStore();
    private final AtomicInteger opened = new AtomicInteger();
    private final ObjectStore store = counting(in -> in);
    private final List<String> told = new ArrayList<>();

    @Test
    void anObjectIsFetchedOnceAndLiesByTheHashOfItsContent() throws IOException {
        put("models/sd.safetensors", "weights");

        Path first = cache().file("models/sd.safetensors").orElseThrow();
        Path second = cache().file("models/sd.safetensors").orElseThrow();

        assertThat(first).hasContent("weights").isEqualTo(second);
        assertThat(first).hasFileName("sd.safetensors");
        assertThat(first.getParent()).hasFileName(Sha256.of("weights".getBytes(StandardCharsets.UTF_8)));
        assertThat(opened).hasValue(1);
        assertThat(told).containsExactly("models/sd.safetensors 0/7", "models/sd.safetensors 7/7");
        assertThat(leftOver()).isEmpty();
    }

    @Test
    void anObjectThatChangedIsAnotherFileAndTheFirstStaysAsItWas() {
        put("a.safetensors", "one");
        Path first = cache().file("a.safetensors").orElseThrow();
        put("a.safetensors", "two");
        Path second = cache().file("a.safetensors").orElseThrow();

        assertThat(first).hasContent("one");
        assertThat(second).hasContent("two");
    }

    @Test
    void aFileThatWasDamagedIsFetchedAgain() throws IOException {
        put("a.safetensors", "weights");
        Path file = cache().file("a.safetensors").orElseThrow();
        Files.writeString(file, "we");

        assertThat(cache().file("a.safetensors")).contains(file);
        assertThat(file).hasContent("weights");
    }

    @Test
    void whatIsBelowAKeyIsAFolderOfThoseThatAreNeeded() {
        put("sd15/model_index.json", "{}");
        put("sd15/unet/config.json", "{1}");
        put("sd15/unet/weights.bin", "pickled");
        put("sd15-other/model_index.json", "{2}");
        UnaryOperator<List<String>> needed =
                names -> names.stream().filter(name -> name.endsWith(".json")).toList();

        Path fetched = cache().fetch("sd15", needed).orElseThrow();

        assertThat(fetched.resolve("model_index.json")).hasContent("{}");
        assertThat(fetched.resolve("unet/config.json")).hasContent("{1}");
        assertThat(fetched.resolve("unet/weights.bin")).doesNotExist();
        assertThat(cache().fetch("sd15/", needed)).contains(fetched);
        assertThat(opened).hasValue(2);
        put("sd15/unet/config.json", "{3}");
        Path changed = cache().fetch("sd15", needed).orElseThrow();
        assertThat(changed.resolve("unet/config.json")).hasContent("{3}");
        assertThat(fetched.resolve("unet/config.json")).hasContent("{1}");
    }

    @Test
    void aFolderThatLostAFileIsMadeAgain() throws IOException {
        put("sd15/model_index.json", "{}");
        Path fetched = cache().fetch("sd15", UnaryOperator.identity()).orElseThrow();
        Files.delete(fetched.resolve("model_index.json"));

        assertThat(cache().fetch("sd15", UnaryOperator.identity())).contains(fetched);
        assertThat(fetched.resolve("model_index.json")).hasContent("{}");
    }

    @Test
    void whatTheStoreHasNotIsEmpty() {
        assertThat(cache().fetch("nothing", UnaryOperator.identity())).isEmpty();
        assertThat(cache().fetch("", UnaryOperator.identity())).isEmpty();
        assertThat(cache().file("nothing")).isEmpty();
    }

    @Test
    void aKeyThatLeadsElsewhereIsRefused() {
        put("model/../../outside", "x");
        put("model/unet/..", "x");
        assertThatThrownBy(() -> cache().fetch("model", UnaryOperator.identity()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'model/../../outside'");
        assertThatThrownBy(() -> cache().file("model/unet/..")).isInstanceOf(IllegalArgumentException.class);
        assertThat(folder.getParent().resolve("outside")).doesNotExist();
    }

    @Test
    void anObjectThatBreaksOffIsWorthAnotherTryAndLeavesNothing() throws IOException {
        put("a.safetensors", "weights");
        ObjectStore broken = counting(in -> new ByteArrayInputStream(new byte[3]));
        assertThatThrownBy(() -> new ObjectCache(broken, folder, this::tell).file("a.safetensors"))
                .isInstanceOf(ObjectStoreException.class)
                .hasMessageContaining("'a.safetensors' has 7 bytes, but 3 came");
        ObjectStore failing = counting(in -> new FilterInputStream(in) {
            @Override
            public int read(byte[] bytes) throws IOException {
                throw new IOException("connection reset");
            }
        });
        assertThatThrownBy(() -> new ObjectCache(failing, folder, this::tell).file("a.safetensors"))
                .isInstanceOf(ObjectStoreException.class);
        assertThat(leftOver()).isEmpty();

        assertThat(cache().file("a.safetensors").orElseThrow()).hasContent("weights");
    }

    @Test
    void ofManyAtOnceOneFetches() throws Exception {
        put("a.safetensors", "weights");
        int many = 8;
        CountDownLatch ready = new CountDownLatch(many);
        ExecutorService threads = Executors.newFixedThreadPool(many);
        try {
            Callable<Path> fetch = () -> {
                ready.countDown();
                ready.await();
                return new ObjectCache(store, folder, (key, bytes, size) -> {})
                        .file("a.safetensors")
                        .orElseThrow();
            };
            List<Future<Path>> paths = new ArrayList<>();
            for (int i = 0; i < many; i++) {
                paths.add(threads.submit(fetch));
            }
            for (Future<Path> path : paths) {
                assertThat(path.get()).hasContent("weights");
            }
        } finally {
            threads.shutdownNow();
        }
        assertThat(opened).hasValue(1);
    }

    @Test
    void progressIsToldFromBeginningToEnd() {
        memory.put("large", new byte[20_000_000], "application/octet-stream");
        cache().file("large");
        assertThat(told).hasSizeBetween(10, 102).first().isEqualTo("large 0/20000000");
        assertThat(told).doesNotHaveDuplicates().last().isEqualTo("large 20000000/20000000");
    }

    private ObjectCache cache() {
        return new ObjectCache(store, folder, this::tell);
    }

    private void tell(String key, long bytes, long size) {
        told.add(key + " " + bytes + "/" + size);
    }

    private void put(String key, String content) {
        memory.put(key, content.getBytes(StandardCharsets.UTF_8), "text/plain");
    }

    private List<Path> leftOver() throws IOException {
        Path parts = folder.resolve("parts");
        try (Stream<Path> files = Files.isDirectory(parts) ? Files.list(parts) : Stream.empty()) {
            return files.toList();
        }
    }

    private ObjectStore counting(UnaryOperator<InputStream> stream) {
        return (ObjectStore) Proxy.newProxyInstance(
                ObjectStore.class.getClassLoader(), new Class<?>[] {ObjectStore.class}, (proxy, method, arguments) -> {
                    try {
                        Object result = method.invoke(memory, arguments);
                        if (method.getName().equals("open")) {
                            opened.incrementAndGet();
                            return stream.apply((InputStream) result);
                        }
                        return result;
                    } catch (InvocationTargetException e) {
                        throw Optional.ofNullable(e.getCause()).orElse(e);
                    }
                });
    }
}
