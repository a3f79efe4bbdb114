package io.aquatint.registry;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.ModelSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.checkpoint.TextualInversionFiles;
import io.aquatint.events.ArtifactFormat;
import io.aquatint.events.TrainingRequested;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Writes a word in the forms that other tools read, then reads each file again: it fits the base model and is the one that was learned. */
public final class WordFiles {
    private WordFiles() {}

    /**
     * Writes the files of a version into a folder.
     *
     * @param learned the checkpoint's file
     * @throws CheckpointException with what does not fit; what was written then is not to be used
     */
    static List<WrittenFile> write(Path learned, ModelSource base, TrainingRequested request, int step, Path folder) {
        String token = request.spec().subjectWord();
        TextualInversion word = TextualInversionFiles.read(learned, token);
        TextualInversionFiles.verify(base, word);
        int vectors = request.spec().numVectors();
        if (word.vectors().size() != vectors) {
            throw new CheckpointException("%s has %d vectors, but %d were to be learned"
                    .formatted(learned.getFileName(), word.vectors().size(), vectors));
        }

        List<WrittenFile> written = new ArrayList<>();
        Path diffusers = folder.resolve(TextualInversionFiles.DIFFUSERS_NAME);
        TextualInversionFiles.writeDiffusers(diffusers, word, metadata(request, step))
                .forEach(file -> written.add(new WrittenFile(ArtifactFormat.DIFFUSERS, file)));
        verifyWritten(diffusers, word, null);

        written.add(new WrittenFile(ArtifactFormat.A1111, writeA1111(word, request, step, folder)));
        return written;
    }

    /**
     * Writes a word into a folder for A1111 and ComfyUI, in a file that is called as the word is, as far as files can be.
     *
     * @return the file, checked
     */
    public static Path writeA1111(TextualInversion word, TrainingRequested request, int step, Path folder) {
        Path file = folder.resolve(nameOf(word.token(), request) + ".safetensors");
        TextualInversionFiles.writeA1111(file, word, metadata(request, step));
        verifyWritten(file, word, word.token());
        return file;
    }

    private static Map<String, String> metadata(TrainingRequested request, int step) {
        return Map.of("aquatint.training", request.trainingId(), "aquatint.step", String.valueOf(step));
    }

    /** The token without what file names may not have: tools take the name for the word. */
    private static String nameOf(String token, TrainingRequested request) {
        String name = token.replaceAll("[^\\p{L}\\p{N}._-]", "");
        return name.isEmpty() || name.startsWith(".") || name.startsWith("learned_embeds")
                ? request.dataset() + "-v" + request.batch()
                : name;
    }

    private static void verifyWritten(Path file, TextualInversion word, @Nullable String token) {
        TextualInversion read = TextualInversionFiles.read(file, token);
        if (!read.token().equals(word.token())
                || !same(read.vectors(), word.vectors())
                || !same(read.secondVectors(), word.secondVectors())) {
            throw new CheckpointException(file.getFileName() + " holds another word than was learned");
        }
    }

    private static boolean same(@Nullable List<float[]> one, @Nullable List<float[]> other) {
        if (one == null || other == null) {
            return one == other;
        }
        return Arrays.deepEquals(one.toArray(), other.toArray());
    }
}
