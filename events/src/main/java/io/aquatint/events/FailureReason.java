package io.aquatint.events;

/** Why a training fails: a closed set. */
public enum FailureReason {
    BASE_MODEL_MISSING("Name a base model that the trainer can find."),
    UNSUPPORTED_MODEL("Use a Stable Diffusion model in diffusers layout with safetensors weights."),
    BAD_SPEC("Correct the training spec and seal the data set again."),
    IMAGE_MISSING("A picture of the manifest is not in the object store: upload it again."),
    NOT_A_NUMBER(
            "The loss or a picture is no number: lower the learning rate, or take a base model that draws pictures."),
    OUT_OF_MEMORY(
            "Lower the batch size, the resolution or the rank, or set gradientCheckpointing or the optimizer adamw8bit."),
    UNAVAILABLE("The object store or Kafka did not answer: see that they run."),
    DELIVERIES_EXHAUSTED("It failed several times: read the trainer's log, then request it again."),
    STALE_EPOCH("Another trainer has taken the job over: nothing to do."),
    INTERNAL("A fault of ours: please report it with the trainer's log.");

    private final String advice;

    FailureReason(String advice) {
        this.advice = advice;
    }

    /** What to do about it, as a sentence. */
    public String advice() {
        return advice;
    }
}
