package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.aquatint.diffusion.pipeline.BaseModelMissingException;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.pipeline.WarmModel;
import io.aquatint.runtime.store.MemoryObjectStore;
import io.aquatint.runtime.store.ObjectCache;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BaseModelInStoreTest {
    @TempDir
    Path work;

    private final MemoryObjectStore store = new MemoryObjectStore();

    @Test
    void aBaseModelOfTheStoreIsLoadedOnceAndAgainWhenItChanged() throws IOException {
        Path demo = new BaseModels(work).path(BaseModels.DEMO);
        try (Stream<Path> files = Files.walk(demo)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                store.put("bases/small/" + demo.relativize(file), file, "application/octet-stream");
            }
        }
        try (WarmModel warm = new WarmModel(models())) {
            StableDiffusion first = warm.get("store:bases/small");
            assertThat(first.vaeConfig().factor()).isEqualTo(4);
            assertThat(warm.get("store:bases/small")).isSameAs(first);
            String key = "bases/small/scheduler/scheduler_config.json";
            String config = new String(store.get(key), StandardCharsets.UTF_8);
            store.put(key, (config + " ").getBytes(StandardCharsets.UTF_8), "application/json");
            assertThat(warm.get("store:bases/small")).isNotSameAs(first);
        }
    }

    @Test
    void aKeyWithoutObjectsIsPermanentAndSaysWhatToDo() {
        assertThatThrownBy(() -> models().path("store:bases/none"))
                .isInstanceOf(BaseModelMissingException.class)
                .hasMessageContaining("'bases/none'")
                .satisfies(thrown ->
                        assertThat(TrainingFailure.of(thrown).permanent()).isTrue());
    }

    private BaseModels models() {
        return new BaseModels(work, ObjectCache.ofModels(store, work)::fetch);
    }
}
