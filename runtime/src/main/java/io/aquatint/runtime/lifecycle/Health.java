package io.aquatint.runtime.lifecycle;

/** @param detail a sentence for whoever looks */
public record Health(boolean live, boolean ready, String detail) {
    public static Health up() {
        return new Health(true, true, "up");
    }

    public static Health starting(String detail) {
        return new Health(true, false, detail);
    }

    public static Health down(String detail) {
        return new Health(false, false, detail);
    }
}
