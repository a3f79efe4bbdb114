package io.aquatint.diffusion.benchmark;

import ai.djl.pytorch.jni.LibUtils;
import com.sun.jna.Callback;
import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Adds up how long the GPU is inside kernels, as torch.profiler does, by CUPTI's activity records: NVIDIA's own library, which
 * libtorch for CUDA is linked with. It slows the host down, so a time is not taken together with a step's.
 */
final class KernelClock {
    /** CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL of cupti_activity.h. */
    private static final int KERNEL = 10;

    private static final int FORCED = 1;
    private static final long BUFFER_BYTES = 8L << 20;

    /** Where CUpti_ActivityKernel, in all its versions, has the kind, the start and the end; the times in nanoseconds. */
    private static final long KIND_OFFSET = 0;

    private static final long START_OFFSET = 16;
    private static final long END_OFFSET = 24;

    private final NativeLibrary torch;
    private final Map<Pointer, Memory> buffers = new ConcurrentHashMap<>();
    private final Requested requested = this::lend;
    private final Completed completed = this::read;
    private long nanoseconds;
    private long kernels;

    /** How long all kernels took together, and how many they were. */
    record Total(double milliseconds, long kernels) {}

    /** CUpti_BuffersCallbackRequestFunc. */
    interface Requested extends Callback {
        void invoke(PointerByReference buffer, Pointer size, Pointer mostRecords);
    }

    /** CUpti_BuffersCallbackCompleteFunc. */
    interface Completed extends Callback {
        void invoke(Pointer context, int stream, Pointer buffer, long size, long validSize);
    }

    private KernelClock(NativeLibrary torch) {
        this.torch = torch;
    }

    /** None where libtorch came without CUPTI. */
    static Optional<KernelClock> ofDevice() {
        try {
            KernelClock clock = new KernelClock(NativeLibrary.getInstance(Path.of(LibUtils.getLibtorchPath())
                    .resolve("libtorch_cpu.so")
                    .toString()));
            clock.call("cuptiActivityRegisterCallbacks", clock.requested, clock.completed);
            return Optional.of(clock);
        } catch (UnsatisfiedLinkError | IllegalStateException e) {
            System.err.println("no times of kernels: " + e.getMessage());
            return Optional.empty();
        }
    }

    /** The kernels of some work, which has to wait for its results. */
    Total of(Runnable work) {
        call("cuptiActivityFlushAll", FORCED);
        synchronized (this) {
            nanoseconds = 0;
            kernels = 0;
        }
        call("cuptiActivityEnable", KERNEL);
        try {
            work.run();
        } finally {
            call("cuptiActivityFlushAll", FORCED);
            call("cuptiActivityDisable", KERNEL);
        }
        synchronized (this) {
            return new Total(nanoseconds / 1e6, kernels);
        }
    }

    private void lend(PointerByReference buffer, Pointer size, Pointer mostRecords) {
        Memory memory = new Memory(BUFFER_BYTES);
        buffers.put(memory, memory);
        buffer.setValue(memory);
        size.setLong(0, BUFFER_BYTES);
        mostRecords.setLong(0, 0); // as many as it holds
    }

    private synchronized void read(Pointer context, int stream, Pointer buffer, long size, long validSize) {
        Function next = torch.getFunction("cuptiActivityGetNextRecord");
        PointerByReference record = new PointerByReference();
        while (next.invokeInt(new Object[] {buffer, validSize, record}) == 0) {
            Pointer kernel = record.getValue();
            if (kernel.getInt(KIND_OFFSET) == KERNEL) {
                nanoseconds += kernel.getLong(END_OFFSET) - kernel.getLong(START_OFFSET);
                kernels++;
            }
        }
        buffers.remove(buffer);
    }

    private void call(String function, Object... arguments) {
        int error = torch.getFunction(function).invokeInt(arguments);
        if (error != 0) {
            throw new IllegalStateException("%s answers with error %d".formatted(function, error));
        }
    }
}
