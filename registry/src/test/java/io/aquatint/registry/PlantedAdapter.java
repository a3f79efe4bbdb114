package io.aquatint.registry;

import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.adapter.LoraLayout;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.events.TrainingRequested;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/** Adapters as a request wants them, filled with random numbers. */
final class PlantedAdapter {
    private PlantedAdapter() {}

    static Map<String, LoraPair> pairs(TensorSource unet, TrainingRequested request) {
        Random random = new Random(1);
        Map<String, LoraPair> pairs = new TreeMap<>();
        int rank = request.spec().rank();
        double alpha = request.spec().alpha();
        LoraConfig config = new LoraConfig(rank, alpha, request.spec().targetModules());
        LoraLayout.of(unet, config)
                .sites()
                .forEach(site -> pairs.put(
                        site.module(),
                        LoraPair.linear(
                                rank,
                                site.in(),
                                site.out(),
                                numbers(random, rank * site.in()),
                                numbers(random, rank * site.out()),
                                alpha)));
        return pairs;
    }

    /** As a checkpoint's file. */
    static byte[] file(Map<String, LoraPair> pairs, Path folder) throws IOException {
        Path file = folder.resolve("planted.safetensors");
        LoraFormats.writeKohya(file, LoraWeights.of(LoraWeights.Component.UNET, pairs), Map.of());
        return Files.readAllBytes(file);
    }

    private static float[] numbers(Random random, int count) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = random.nextFloat() - 0.5f;
        }
        return numbers;
    }
}
