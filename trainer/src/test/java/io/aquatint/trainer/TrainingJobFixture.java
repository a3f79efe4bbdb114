package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.BaseNDManager;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.pipeline.BaseModels;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.diffusion.pipeline.WarmModel;
import io.aquatint.events.Event;
import io.aquatint.events.EventJson;
import io.aquatint.events.ManifestImage;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingRequested;
import io.aquatint.events.TrainingSpec;
import io.aquatint.runtime.store.MemoryObjectStore;
import io.aquatint.runtime.store.ObjectStore;
import io.aquatint.runtime.store.ObjectStoreException;
import io.aquatint.runtime.store.Sha256;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Jobs on a store in memory, the demo model and pictures of 64 pixels. */
abstract class TrainingJobFixture {
    static final TrainingKeys KEYS = new TrainingKeys("mugs", 1);
    static final Instant NOON = Instant.parse("2026-01-01T12:00:00Z");

    @TempDir
    static Path work;

    static WarmModel model;

    final MemoryObjectStore memory = new MemoryObjectStore();
    final List<Event<TrainingEvent>> events = new ArrayList<>();
    final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    ObjectStore store = memory;
    Executor uploads = Runnable::run;
    Consumer<TrainingEvent> onEvent = event -> {};
    volatile boolean leaveOff;
    boolean stopped;
    Map<Integer, Double> scores = Map.of();
    final EarlierVersions versions = new EarlierVersions();

    @BeforeAll
    static void openModel() {
        model = new WarmModel(new BaseModels(work));
    }

    @AfterAll
    static void closeModel() {
        model.close();
    }

    @BeforeEach
    void storePictures() {
        pictures().forEach((key, bytes) -> memory.put(key, bytes, "image/png"));
    }

    static final class OutOfThisWorld extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    TrainingJob.End run(TrainingRequested request) {
        return run(request, 1);
    }

    TrainingJob.End run(TrainingRequested request, int deliveries) {
        EventSink sink = event -> {
            onEvent.accept(event.data());
            events.add(event);
        };
        Signals signals = new Signals() {
            @Override
            public boolean leaveOff() {
                return leaveOff;
            }

            @Override
            public boolean stopped(String trainingId) {
                return stopped && trainingId.equals("mugs/1");
            }

            @Override
            public Map<Integer, Double> scores(String trainingId) {
                return scores;
            }
        };
        var settings = new TrainerSettings(work, "tester", 3, Duration.ZERO);
        var tools = new TrainingJob.Tools(
                store,
                sink,
                model,
                versions,
                settings,
                new TrainerMetrics(registry),
                Clock.fixed(NOON, ZoneOffset.UTC),
                uploads);
        return new TrainingJob(tools, request, deliveries, signals).run();
    }

    void startAnew() {
        memory.list("trainings/").forEach(memory::delete);
        events.clear();
    }

    List<String> types() {
        return events.stream().map(Event::type).toList();
    }

    <T> List<T> of(Class<T> type) {
        return events.stream()
                .map(Event::data)
                .filter(type::isInstance)
                .map(type::cast)
                .toList();
    }

    <T> T only(Class<T> type) {
        assertThat(of(type)).hasSize(1);
        return of(type).get(0);
    }

    LoraWeights adapter(String key) {
        Path file = work.resolve("adapter.safetensors");
        memory.download(key, file);
        return LoraFormats.read(file);
    }

    /** The arrays of the model and of all that was made below it. DJL itself tells only of a manager's own. */
    static int liveArrays() {
        return liveArrays(model.get(BaseModels.DEMO).manager());
    }

    private static int liveArrays(NDManager manager) {
        int arrays = 0;
        try {
            Field field = BaseNDManager.class.getDeclaredField("resources");
            field.setAccessible(true);
            for (Object resource : ((Map<?, ?>) field.get(manager)).values()) {
                arrays += resource instanceof NDManager below ? liveArrays(below) : 1;
            }
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("this DJL keeps its resources elsewhere", e);
        }
        return arrays;
    }

    /** The most that the process has ever had in memory, where the system tells. */
    static long residentBytes() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) {
            return 0;
        }
        try (Stream<String> lines = Files.lines(status)) {
            return lines.filter(line -> line.startsWith("VmHWM:"))
                    .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElseThrow();
        }
    }

    /** The store, but that it fails to take some keys. */
    ObjectStore failing(Predicate<String> keys) {
        return (ObjectStore) Proxy.newProxyInstance(
                ObjectStore.class.getClassLoader(), new Class<?>[] {ObjectStore.class}, (proxy, method, arguments) -> {
                    if (method.getName().startsWith("put") && keys.test((String) arguments[0])) {
                        throw new ObjectStoreException(
                                "cannot store '%s'".formatted(arguments[0]), new IOException("connection refused"));
                    }
                    try {
                        return method.invoke(memory, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    static TrainingKeys.Place place(int epoch, int step) {
        return new TrainingKeys.Place(epoch, step);
    }

    static TrainingRequested request(int steps) {
        return request(spec(Map.of("steps", steps)));
    }

    static TrainingRequested request(TrainingSpec spec) {
        List<ManifestImage> images = pictures().entrySet().stream()
                .map(entry -> new ManifestImage(Sha256.of(entry.getValue()), entry.getKey(), "a photo of a sks mug", 1))
                .toList();
        return new TrainingRequested("mugs/1", "mugs", 1, spec, images.subList(0, 3), images.subList(3, 4));
    }

    static TrainingSpec spec(Map<String, Object> settings) {
        ObjectNode json = EventJson.mapper().createObjectNode();
        json.put("resolution", 64);
        json.put("rank", 2);
        json.put("learningRate", 9e-4);
        json.put("checkpointEvery", 2);
        json.put("seed", 11);
        settings.forEach((key, value) -> json.set(key, EventJson.mapper().valueToTree(value)));
        return EventJson.read(EventJson.write(json), TrainingSpec.class);
    }

    static Map<String, byte[]> pictures() {
        var random = new Random(3);
        var pictures = new TreeMap<String, byte[]>();
        for (int i = 0; i < 4; i++) {
            byte[] rgb = new byte[3 * 64 * 64];
            random.nextBytes(rgb);
            pictures.put("images/%d.png".formatted(i), new Picture(64, 64, rgb).toPng());
        }
        return pictures;
    }
}
