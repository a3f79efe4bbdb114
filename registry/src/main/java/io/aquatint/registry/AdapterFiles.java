package io.aquatint.registry;

import io.aquatint.diffusion.adapter.LoraConfig;
import io.aquatint.diffusion.adapter.LoraLayout;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.KohyaMetadata;
import io.aquatint.diffusion.checkpoint.LoraFile;
import io.aquatint.diffusion.checkpoint.LoraFormats;
import io.aquatint.diffusion.checkpoint.LoraPair;
import io.aquatint.diffusion.checkpoint.LoraWeights;
import io.aquatint.diffusion.checkpoint.LoraWeights.Component;
import io.aquatint.diffusion.checkpoint.LoraWriter;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.events.ArtifactFormat;
import io.aquatint.events.TrainingRequested;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Writes an adapter in the forms that other tools read, then reads each file again and checks it: it adapts just the layers that
 * the training was to adapt, every layer fits the base model, and every number is the one that was trained.
 */
public final class AdapterFiles {
    private AdapterFiles() {}

    /** The kohya file's name: people collect these in one folder, so it says what it is. */
    static String kohyaName(TrainingRequested request) {
        return request.dataset() + "-v" + request.batch() + "-kohya.safetensors";
    }

    /**
     * Writes both files of a version into a folder.
     *
     * @param adapter the checkpoint's adapter, in any form
     * @return the files, each checked
     * @throws CheckpointException with all that does not fit; what was written then is not to be used
     */
    static List<WrittenFile> write(
            Path adapter, ModelSource base, TrainingRequested request, int step, Instant createdAt, Path folder) {
        LoraFile trained = LoraFormats.open(adapter);
        verify(trained, base, request);

        Path diffusers = folder.resolve(LoraFormats.DIFFUSERS_NAME);
        new LoraWriter(trained.weights()).diffusers(diffusers);
        verifyWritten(diffusers, trained, base, request);

        Path kohya = writeKohya(trained, base, request, step, createdAt, folder);
        return List.of(
                new WrittenFile(ArtifactFormat.DIFFUSERS, diffusers), new WrittenFile(ArtifactFormat.KOHYA, kohya));
    }

    /**
     * Writes kohya's file of an adapter into a folder, {@code DATASET-vBATCH-kohya.safetensors}.
     *
     * @return the file, checked
     * @throws CheckpointException with all that does not fit; what was written then is not to be used
     */
    public static Path writeKohya(
            LoraFile trained, ModelSource base, TrainingRequested request, int step, Instant createdAt, Path folder) {
        Path kohya = folder.resolve(kohyaName(request));
        new LoraWriter(trained.weights())
                .unet(base.config("unet"))
                .kohya(kohya, kohyaMetadata(base, request, step, createdAt));
        verifyWritten(kohya, trained, base, request);
        return kohya;
    }

    private static KohyaMetadata kohyaMetadata(
            ModelSource base, TrainingRequested request, int step, Instant createdAt) {
        return KohyaMetadata.builder(base.architecture())
                .predictionType(base.config("scheduler").text("prediction_type", "epsilon"))
                .title(request.dataset() + "-v" + request.batch())
                .triggerPhrase(request.spec().triggerWord())
                .date(createdAt.toString())
                .resolution(request.spec().resolution())
                .trainImages(request.images().size())
                .steps(step)
                .seed(request.spec().seed())
                .learningRate(request.spec().learningRate())
                .optimizer("AdamW")
                .build();
    }

    private static void verifyWritten(Path file, LoraFile trained, ModelSource base, TrainingRequested request) {
        LoraFile read = LoraFormats.open(file);
        verify(read, base, request);
        List<String> changed = new ArrayList<>();
        trained.adapters().forEach((component, adapter) -> {
            LoraWeights again = read.adapters().get(component);
            adapter.modules().forEach((module, pair) -> {
                LoraPair stored = again == null ? null : again.modules().get(module);
                if (stored == null || !sameChange(pair, stored)) {
                    changed.add(component.folder() + " " + module);
                }
            });
        });
        if (!changed.isEmpty()) {
            throw new CheckpointException(file.getFileName() + " holds other numbers than were trained in: " + changed);
        }
    }

    private static void verify(LoraFile adapter, ModelSource base, TrainingRequested request) {
        adapter.verifyAgainst(base);
        Path file = adapter.path();
        LoraConfig config = new LoraConfig(
                request.spec().rank(), request.spec().alpha(), request.spec().targetModules());
        Set<String> expected = LoraLayout.of(base.weights("unet"), config).sites().stream()
                .map(LoraLayout.Site::module)
                .collect(Collectors.toSet());
        LoraWeights unet = adapter.adapters().get(Component.UNET);
        Set<String> found = unet == null ? Set.of() : unet.modules().keySet();
        if (!found.equals(expected)) {
            throw new CheckpointException("%s does not adapt what the training was to adapt: missing %s, too many %s"
                    .formatted(file.getFileName(), difference(expected, found), difference(found, expected)));
        }
        List<String> notFinite = new ArrayList<>();
        adapter.weights().forEach(weights -> weights.modules().forEach((module, pair) -> {
            if (!finite(pair.down()) || !finite(pair.up())) {
                notFinite.add(module);
            }
        }));
        if (!notFinite.isEmpty()) {
            throw new CheckpointException(file.getFileName() + " holds values that are no numbers in: " + notFinite);
        }
    }

    /** Both change the weight alike: the files differ in whether the scale is in {@code up} or beside it. */
    private static boolean sameChange(LoraPair one, LoraPair other) {
        LoraPair first = one.folded();
        LoraPair second = other.folded();
        return Arrays.equals(first.down(), second.down()) && Arrays.equals(first.up(), second.up());
    }

    private static boolean finite(float[] values) {
        for (float value : values) {
            if (!Float.isFinite(value)) {
                return false;
            }
        }
        return true;
    }

    private static Set<String> difference(Set<String> of, Set<String> without) {
        Set<String> rest = new TreeSet<>(of);
        rest.removeAll(without);
        return rest;
    }
}
