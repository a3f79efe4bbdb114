package io.aquatint.diffusion.scheduler;

/** Linear combinations of equally long arrays. */
final class Combination {
    private Combination() {}

    static float[] of(double a, float[] x, double b, float[] y) {
        if (x.length != y.length) {
            throw new IllegalArgumentException("arrays of " + x.length + " and " + y.length + " elements");
        }
        float[] sum = new float[x.length];
        for (int i = 0; i < sum.length; i++) {
            sum[i] = (float) (a * x[i] + b * y[i]);
        }
        return sum;
    }
}
