package io.aquatint.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.UnsupportedModelException;
import io.aquatint.diffusion.graph.Precision;
import io.aquatint.diffusion.pipeline.BaseModelMissingException;
import io.aquatint.diffusion.pipeline.PictureNotFiniteException;
import io.aquatint.diffusion.training.TrainingDivergedException;
import io.aquatint.events.FailureReason;
import io.aquatint.runtime.store.ObjectMissingException;
import io.aquatint.runtime.store.ObjectStoreException;
import java.io.IOException;
import java.nio.file.Path;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Test;

class TrainingFailureTest {
    @Test
    void whatTheModelIsToBlameForIsPermanent() {
        assertPermanent(new BaseModelMissingException("no 'x'"), FailureReason.BASE_MODEL_MISSING);
        assertPermanent(new UnsupportedModelException("SDXL"), FailureReason.UNSUPPORTED_MODEL);
        assertPermanent(new CheckpointException("a tensor is missing"), FailureReason.UNSUPPORTED_MODEL);
        assertPermanent(new TrainingDivergedException(7, Float.NaN, 1), FailureReason.NOT_A_NUMBER);
        assertPermanent(new PictureNotFiniteException(Path.of("base"), 7, Precision.FP32), FailureReason.NOT_A_NUMBER);
        assertPermanent(
                new TrainingFailedException(FailureReason.IMAGE_MISSING, "no picture"), FailureReason.IMAGE_MISSING);
    }

    @Test
    void memoryThatRanOutIsKnownByTorchsWordsToo() {
        assertPermanent(new OutOfMemoryError("Java heap space"), FailureReason.OUT_OF_MEMORY);
        assertPermanent(
                new IllegalStateException(
                        "step", new RuntimeException("CUDA out of memory. Tried to allocate 2.00 GiB")),
                FailureReason.OUT_OF_MEMORY);
        assertPermanent(
                new RuntimeException(
                        "[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
                FailureReason.OUT_OF_MEMORY);
    }

    @Test
    void whatTheWorldAroundIsToBlameForIsTriedAgain() {
        assertThat(TrainingFailure.of(new ObjectStoreException("cannot store 'x'", new IOException("refused"))))
                .isEqualTo(new TrainingFailure(FailureReason.UNAVAILABLE, false, "cannot store 'x'"));
        assertThat(TrainingFailure.of(new TimeoutException("no broker")).isOfTheMoment())
                .isTrue();
    }

    @Test
    void whateverElseGoesWrongIsOurFaultAndTriedAgain() {
        assertThat(TrainingFailure.of(new NullPointerException()))
                .isEqualTo(new TrainingFailure(FailureReason.INTERNAL, false, "java.lang.NullPointerException"));
        assertThat(TrainingFailure.of(new ObjectMissingException("x")).reason()).isEqualTo(FailureReason.INTERNAL);
        assertThat(TrainingFailure.of(new StackOverflowError()).reason()).isEqualTo(FailureReason.INTERNAL);
    }

    private static void assertPermanent(Throwable thrown, FailureReason reason) {
        TrainingFailure failure = TrainingFailure.of(thrown);
        assertThat(failure.reason()).isEqualTo(reason);
        assertThat(failure.permanent()).isTrue();
        assertThat(failure.detail()).isNotBlank();
    }
}
