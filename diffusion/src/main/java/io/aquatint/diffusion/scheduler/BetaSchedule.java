package io.aquatint.diffusion.scheduler;

/** The noise variances β of the training steps, in float32 as torch computes them. */
public enum BetaSchedule {
    LINEAR {
        @Override
        float[] betas(double start, double end, int steps) {
            return linspace(start, end, steps);
        }
    },
    /** Linear in √β: Stable Diffusion's. */
    SCALED_LINEAR {
        @Override
        float[] betas(double start, double end, int steps) {
            float[] betas = linspace(Math.sqrt(start), Math.sqrt(end), steps);
            for (int i = 0; i < steps; i++) {
                betas[i] *= betas[i];
            }
            return betas;
        }
    },
    /** Glide's cosine schedule (Nichol and Dhariwal, 2021); start and end do not matter. */
    SQUAREDCOS_CAP_V2 {
        @Override
        float[] betas(double start, double end, int steps) {
            float[] betas = new float[steps];
            for (int i = 0; i < steps; i++) {
                double ratio = alphaBar((i + 1.0) / steps) / alphaBar((double) i / steps);
                betas[i] = (float) Math.min(1 - ratio, 0.999);
            }
            return betas;
        }

        private double alphaBar(double time) {
            double cosine = Math.cos((time + 0.008) / 1.008 * Math.PI / 2);
            return cosine * cosine;
        }
    };

    abstract float[] betas(double start, double end, int steps);

    /** From both ends inwards, as torch does. */
    private static float[] linspace(double start, double end, int steps) {
        float first = (float) start;
        float last = (float) end;
        float step = steps == 1 ? 0 : (last - first) / (steps - 1);
        float[] values = new float[steps];
        for (int i = 0; i < steps; i++) {
            values[i] = i < steps / 2 ? first + step * i : last - step * (steps - 1 - i);
        }
        return values;
    }
}
