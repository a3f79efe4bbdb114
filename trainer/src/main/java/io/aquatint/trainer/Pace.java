package io.aquatint.trainer;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;

/** How fast a training goes, over its last steps; the first steps are slower, and other programs come and go. */
final class Pace {
    private static final int STEPS = 50;

    private final Deque<Mark> marks = new ArrayDeque<>();

    private record Mark(int step, Instant at) {}

    /** @param step how many steps were done before the first that is measured */
    Pace(int step, Instant now) {
        marks.add(new Mark(step, now));
    }

    void done(int step, Instant now) {
        marks.addLast(new Mark(step, now));
        if (marks.size() > STEPS + 1) {
            marks.removeFirst();
        }
    }

    /** 0 until time has gone by. */
    double stepsPerSecond() {
        Mark first = marks.getFirst();
        Mark last = marks.getLast();
        double seconds = Duration.between(first.at(), last.at()).toNanos() / 1e9;
        return seconds > 0 ? (last.step() - first.step()) / seconds : 0;
    }

    /** 0 until the pace is known. */
    double secondsLeft(int steps) {
        double pace = stepsPerSecond();
        return pace > 0 ? (steps - marks.getLast().step()) / pace : 0;
    }
}
