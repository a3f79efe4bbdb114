package io.aquatint.diffusion.graph;

import ai.djl.Device;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.LibUtils;
import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.ptr.IntByReference;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a device is told to do, recorded once and given to it again as a whole: libtorch's {@code at::cuda::CUDAGraph}, called by the
 * symbols of its libraries. Memory that is taken while recording is the recording's own until it is closed.
 *
 * <p>Nothing here throws because of the device or of libtorch's version: where a symbol is missing, or what is to be recorded cannot
 * be, there is no graph, and a line in the log says so once.
 */
final class CudaGraph implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CudaGraph.class);

    /** A system property: {@code false} launches everything piece by piece. */
    static final String SWITCH = "aquatint.cudaGraphs";

    /** Other threads may allocate meanwhile. */
    private static final int RELAXED = 2;

    /** More than the object takes, in any version. */
    private static final int OBJECT_BYTES = 1 << 16;

    private static final int NOT_CAPTURING = 0;
    private static final int CAPTURING = 1;

    /** Two numbers by value: a stream, or the id of a memory pool. */
    @Structure.FieldOrder({"first", "second"})
    public static class Pair extends Structure implements Structure.ByValue {
        public long first;
        public long second;
    }

    /** The functions of one libtorch, by their C++ names. */
    private record Symbols(
            Function streamFromPool,
            Function currentStream,
            Function useStream,
            Function handleOfStream,
            Function newPool,
            Function construct,
            Function begin,
            Function end,
            Function replay,
            Function reset,
            Function synchronize,
            Function isCapturing,
            Function endCapture,
            Function lastError) {

        static @Nullable Symbols find() {
            try {
                Path folder = Path.of(LibUtils.getLibtorchPath());
                NativeLibrary core = NativeLibrary.getInstance(
                        folder.resolve("libc10_cuda.so").toString());
                NativeLibrary torch = NativeLibrary.getInstance(
                        folder.resolve("libtorch_cuda.so").toString());
                return new Symbols(
                        core.getFunction("_ZN3c104cuda17getStreamFromPoolEba"),
                        core.getFunction("_ZN3c104cuda20getCurrentCUDAStreamEa"),
                        core.getFunction("_ZN3c104cuda20setCurrentCUDAStreamENS0_10CUDAStreamE"),
                        core.getFunction("_ZNK3c104cuda10CUDAStream6streamEv"),
                        torch.getFunction("_ZN2at4cuda17graph_pool_handleEv"),
                        constructor(torch),
                        torch.getFunction("_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode"),
                        torch.getFunction("_ZN2at4cuda9CUDAGraph11capture_endEv"),
                        torch.getFunction("_ZN2at4cuda9CUDAGraph6replayEv"),
                        torch.getFunction("_ZN2at4cuda9CUDAGraph5resetEv"),
                        torch.getFunction("cudaDeviceSynchronize"),
                        torch.getFunction("cudaStreamIsCapturing"),
                        torch.getFunction("cudaStreamEndCapture"),
                        torch.getFunction("cudaGetLastError"));
            } catch (UnsatisfiedLinkError | RuntimeException e) {
                LOG.info(
                        "no CUDA graphs with this libtorch, so each step is launched piece by piece: {}",
                        e.getMessage());
                return null;
            }
        }

        /** Without an argument until PyTorch 2.7, with one since; a caller that gives it does no harm. */
        private static Function constructor(NativeLibrary torch) {
            try {
                return torch.getFunction("_ZN2at4cuda9CUDAGraphC1Eb");
            } catch (UnsatisfiedLinkError e) {
                return torch.getFunction("_ZN2at4cuda9CUDAGraphC1Ev");
            }
        }
    }

    private static final class Lazy {
        static final @Nullable Symbols SYMBOLS = Symbols.find();

        private Lazy() {}
    }

    /** Memory that several graphs share, which are never replayed at once. */
    static final class Pool {
        private final Pair id;

        private Pool(Pair id) {
            this.id = id;
        }

        /** None where nothing can be recorded. */
        static Optional<Pool> on(Device device) {
            if (!device.isGpu() || !Boolean.parseBoolean(System.getProperty(SWITCH, "true"))) {
                return Optional.empty();
            }
            Symbols symbols = Lazy.SYMBOLS;
            if (symbols == null) {
                return Optional.empty();
            }
            return Optional.of(new Pool((Pair) symbols.newPool().invoke(Pair.class, new Object[0])));
        }
    }

    private final Symbols symbols;
    private final Memory object = new Memory(OBJECT_BYTES);

    private CudaGraph(Symbols symbols) {
        this.symbols = symbols;
        object.clear();
    }

    /**
     * Records what some work tells the device. The work is not done: only {@link #replay} does it.
     *
     * @param work runs once; it may neither read from the device nor create arrays from numbers of the host
     * @return none if it cannot be recorded
     */
    static Optional<CudaGraph> record(Device device, Pool pool, Runnable work) {
        Symbols symbols = Lazy.SYMBOLS;
        if (symbols == null) {
            return Optional.empty();
        }
        JniUtils.emptyCudaCache(); // what the work took before, it takes again from the pool
        byte index = (byte) device.getDeviceId();
        Pair current = (Pair) symbols.currentStream().invoke(Pair.class, new Object[] {index});
        Pair stream = (Pair) symbols.streamFromPool().invoke(Pair.class, new Object[] {0, index});
        check(symbols, symbols.synchronize().invokeInt(new Object[0]));
        symbols.useStream().invoke(new Object[] {stream});
        try {
            CudaGraph graph = new CudaGraph(symbols);
            symbols.construct().invoke(new Object[] {graph.object, 0});
            symbols.begin().invoke(new Object[] {graph.object, pool.id, RELAXED});
            @Nullable RuntimeException failure = null;
            try {
                work.run();
            } catch (RuntimeException e) {
                failure = e;
            }
            if (failure != null || graph.status(stream) != CAPTURING) {
                graph.abandon(stream);
                LOG.warn(
                        "a step could not be recorded as a CUDA graph, so it is launched piece by piece: {}",
                        failure == null ? "the recording broke off" : failure.getMessage());
                return Optional.empty();
            }
            symbols.end().invoke(new Object[] {graph.object});
            return Optional.of(graph);
        } finally {
            symbols.useStream().invoke(new Object[] {current});
        }
    }

    private int status(Pair stream) {
        IntByReference status = new IntByReference();
        check(symbols, symbols.isCapturing().invokeInt(new Object[] {handle(stream), status}));
        return status.getValue();
    }

    private Pointer handle(Pair stream) {
        Memory copy = new Memory(2L * Long.BYTES);
        copy.setLong(0, stream.first);
        copy.setLong(Long.BYTES, stream.second);
        return symbols.handleOfStream().invokePointer(new Object[] {copy});
    }

    /** Ends a recording by CUDA's own function: libtorch's throws where it failed, through us, which nothing survives. */
    private void abandon(Pair stream) {
        if (status(stream) != NOT_CAPTURING) {
            symbols.endCapture().invokeInt(new Object[] {handle(stream), new Memory(Long.BYTES)});
        }
        symbols.lastError().invokeInt(new Object[0]);
    }

    private static void check(Symbols symbols, int error) {
        if (error != 0) {
            symbols.lastError().invokeInt(new Object[0]);
            throw new IllegalStateException("CUDA answers with error " + error);
        }
    }

    /** Does the work once more, with what its arrays hold now, after all that this thread told the device before. */
    void replay() {
        symbols.replay().invoke(new Object[] {object});
    }

    /** Frees the memory; no array that the work made may be used afterwards. */
    @Override
    public void close() {
        symbols.synchronize().invokeInt(new Object[0]);
        symbols.reset().invoke(new Object[] {object});
    }
}
