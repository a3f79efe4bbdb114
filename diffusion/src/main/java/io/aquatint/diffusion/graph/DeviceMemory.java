package io.aquatint.diffusion.graph;

import ai.djl.Device;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.util.cuda.CudaUtils;
import java.lang.management.MemoryUsage;

/** The memory of a GPU. */
public final class DeviceMemory {
    private DeviceMemory() {}

    /** Whether nobody, this process or another, has the half of it; not where CUDA does not tell. */
    public static boolean halfIsFree(Device gpu) {
        JniUtils.emptyCudaCache(); // what nothing uses any more would count
        try {
            MemoryUsage memory = CudaUtils.getGpuMemory(gpu);
            return memory.getCommitted() <= memory.getMax() / 2;
        } catch (IllegalArgumentException | LinkageError e) {
            return false;
        }
    }
}
