package io.aquatint.diffusion.graph;

import ai.djl.Device;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.util.cuda.CudaUtils;
import java.lang.management.MemoryUsage;

/** The memory of a GPU. */
public final class DeviceMemory {
    private DeviceMemory() {}

    /** Whether this process and all others take no more than half of it; false where CUDA does not tell. */
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
