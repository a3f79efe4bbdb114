package io.aquatint.trainer;

/** Another trainer has taken the training over: nothing more is to be published. */
final class StaleEpochException extends RuntimeException {
    private static final long serialVersionUID = 1;

    StaleEpochException(String trainingId, int epoch) {
        super("%s: epoch %d is not the current one any more".formatted(trainingId, epoch));
    }
}
