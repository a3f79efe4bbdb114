package io.aquatint.diffusion.graph;

import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.LibUtils;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.file.Path;

/** How a GPU computes float32. */
public final class CudaArithmetic {
    private CudaArithmetic() {}

    /**
     * Lets convolutions use all bits of float32. By default PyTorch rounds what goes into them to ten bits of mantissa (TF32): faster,
     * and for pictures good enough, but not for a comparison number by number. Does nothing without a GPU.
     */
    public static void useAllBits() {
        if (!Engine.getEngine("PyTorch").defaultDevice().isGpu()) {
            return;
        }
        NativeLibrary torch = NativeLibrary.getInstance(
                Path.of(LibUtils.getLibtorchPath(), "libtorch_cpu.so").toString());
        Pointer context = torch.getFunction("_ZN2at13globalContextEv").invokePointer(new Object[0]);
        torch.getFunction("_ZN2at7Context17setAllowTF32CuDNNEb").invoke(new Object[] {context, 0});
    }
}
