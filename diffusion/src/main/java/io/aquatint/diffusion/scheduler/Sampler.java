package io.aquatint.diffusion.scheduler;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** A way from noise to a clean sample in few steps. */
public interface Sampler {

    /**
     * @param steps how many steps, 1 up to the schedule's
     * @throws IllegalArgumentException for other numbers
     */
    SamplingPlan plan(int steps);

    /** The samplers by the names that people know. */
    enum Kind {
        DDIM,
        DPMPP_2M,
        DPMPP_2M_KARRAS,
        EULER,
        EULER_ANCESTRAL,
        DDPM;

        /** For example {@code dpmpp_2m}. */
        public static Optional<Kind> named(String name) {
            return Arrays.stream(values())
                    .filter(kind -> kind.name().toLowerCase(Locale.ROOT).equals(name))
                    .findFirst();
        }

        public Sampler of(NoiseSchedule schedule) {
            return switch (this) {
                case DDIM -> new DdimSampler(schedule);
                case DPMPP_2M -> new DpmSolverMultistepSampler(schedule, false);
                case DPMPP_2M_KARRAS -> new DpmSolverMultistepSampler(schedule, true);
                case EULER -> new EulerDiscreteSampler(schedule);
                case EULER_ANCESTRAL -> new EulerAncestralDiscreteSampler(schedule);
                case DDPM -> new DdpmSampler(schedule);
            };
        }
    }
}
