package io.aquatint.diffusion.pipeline;

import ai.djl.Device;
import io.aquatint.diffusion.graph.DeviceMemory;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** What a job leaves for the next one with the same model, one of each type. It may take memory that nothing else wants. */
final class KeptWork implements AutoCloseable {
    /** On a processor, where nothing is recorded, only as much as costs nothing. */
    private static final long MOST_BYTES = 1 << 28;

    private final Device device;
    private final Map<Class<?>, Reusable> kept = new HashMap<>();

    KeptWork(Device device) {
        this.device = device;
    }

    /** Keeps it in place of another of its type, or closes it where memory is short. */
    void keep(Reusable work) {
        Reusable before = kept.remove(work.getClass());
        if (before != null && before != work) {
            before.close();
        }
        if (device.isGpu() ? DeviceMemory.halfIsFree(device) : work.bytes() <= MOST_BYTES) {
            kept.put(work.getClass(), work);
        } else {
            work.close();
        }
    }

    /** What was kept under a key, which is the caller's then; another of the type is closed, for the caller makes its own. */
    <T extends Reusable> Optional<T> take(Class<T> type, Object key) {
        Reusable work = kept.remove(type);
        if (work == null) {
            return Optional.empty();
        }
        if (!work.key().equals(key)) {
            work.close();
            return Optional.empty();
        }
        return Optional.of(type.cast(work));
    }

    @Override
    public void close() {
        kept.values().forEach(Reusable::close);
        kept.clear();
    }
}
