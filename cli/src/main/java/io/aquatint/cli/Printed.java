package io.aquatint.cli;

/** Text out of files, for a terminal. */
final class Printed {
    private static final int LONGEST = 400;
    private static final String[] UNITS = {"B", "KiB", "MiB", "GiB"};

    private Printed() {}

    /** One line, without control characters, and no longer than a person reads. */
    static String line(Object text) {
        String shown = text instanceof Double number && number == Math.rint(number)
                ? Long.toString(number.longValue())
                : text.toString().replaceAll("[\\p{Cntrl}\\u0080-\\u009f]", " ");
        return shown.length() <= LONGEST
                ? shown
                : shown.substring(0, LONGEST) + "... (" + shown.length() + " characters)";
    }

    /** Whatever stands in a file: a terminal must not obey it. */
    static String withoutControls(String message) {
        return message.replaceAll("[\\p{Cntrl}\\u0080-\\u009f&&[^\n]]", "?");
    }

    static String bytes(long count) {
        double size = count;
        int unit = 0;
        while (size >= 1024 && unit < UNITS.length - 1) {
            size /= 1024;
            unit++;
        }
        return unit == 0 ? count + " B" : "%.1f %s".formatted(size, UNITS[unit]);
    }
}
