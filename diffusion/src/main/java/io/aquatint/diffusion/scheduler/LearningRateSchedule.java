package io.aquatint.diffusion.scheduler;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The learning rate of each step, as diffusers' {@code get_scheduler}. */
public final class LearningRateSchedule {
    private static final double POLYNOMIAL_END = 1e-7;

    /** The schedules by name. All but {@code CONSTANT} begin with a linear warm-up from 0. */
    public enum Kind {
        CONSTANT,
        CONSTANT_WITH_WARMUP,
        LINEAR,
        COSINE,
        COSINE_WITH_RESTARTS,
        POLYNOMIAL;

        /**
         * @param name for example {@code cosine_with_restarts}
         * @throws IllegalArgumentException for a name that is not known
         */
        public static Kind named(String name) {
            return Arrays.stream(values())
                    .filter(kind -> kind.lowerCase().equals(name))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException(
                            "unknown learning rate schedule " + name + ": one of " + names()));
        }

        /** All names. */
        public static List<String> names() {
            return Arrays.stream(values()).map(Kind::lowerCase).toList();
        }

        private String lowerCase() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final Kind kind;
    private final double base;
    private final int warmup;
    private final int total;
    private final int cycles;
    private final double power;

    /** As the other, with the power 1. */
    public LearningRateSchedule(Kind kind, double base, int warmup, int total, int cycles) {
        this(kind, base, warmup, total, cycles, 1);
    }

    /**
     * @param cycles how often {@code COSINE_WITH_RESTARTS} falls from the base to 0
     * @param power of {@code POLYNOMIAL}
     */
    public LearningRateSchedule(Kind kind, double base, int warmup, int total, int cycles, double power) {
        this.kind = kind;
        this.base = base;
        this.warmup = warmup;
        this.total = total;
        this.cycles = cycles;
        this.power = power;
    }

    public static LearningRateSchedule of(String name, double base, int warmup, int total) {
        return new LearningRateSchedule(Kind.named(name), base, warmup, total, 1);
    }

    /** @param step from 0 */
    public double at(int step) {
        if (kind == Kind.CONSTANT) {
            return base;
        }
        if (step < warmup) {
            return base * step / Math.max(1, warmup);
        }
        double progress = (double) (step - warmup) / Math.max(1, total - warmup);
        return switch (kind) {
            case CONSTANT, CONSTANT_WITH_WARMUP -> base;
            case LINEAR -> base * Math.max(0, 1 - progress);
            case COSINE -> base * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
            case COSINE_WITH_RESTARTS ->
                progress >= 1 ? 0 : base * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * (cycles * progress % 1))));
            case POLYNOMIAL ->
                progress > 1
                        ? POLYNOMIAL_END
                        : (base - POLYNOMIAL_END) * Math.pow(1 - progress, power) + POLYNOMIAL_END;
        };
    }
}
