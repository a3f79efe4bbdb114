package io.aquatint.cli;

import io.aquatint.events.Artifact;
import io.aquatint.events.BatchCompleted;
import io.aquatint.events.BatchIncomplete;
import io.aquatint.events.CheckpointSaved;
import io.aquatint.events.DatasetEvent;
import io.aquatint.events.DatasetRejected;
import io.aquatint.events.ImageAccepted;
import io.aquatint.events.ImageRejected;
import io.aquatint.events.ModelEvent;
import io.aquatint.events.ModelReady;
import io.aquatint.events.ModelRejected;
import io.aquatint.events.OverfittingAlert;
import io.aquatint.events.Sample;
import io.aquatint.events.SamplesGenerated;
import io.aquatint.events.TrainingCompleted;
import io.aquatint.events.TrainingEvent;
import io.aquatint.events.TrainingFailed;
import io.aquatint.events.TrainingPreparing;
import io.aquatint.events.TrainingProgress;
import io.aquatint.events.TrainingStarted;
import io.aquatint.events.TrainingWarned;
import io.aquatint.events.ValidationEvent;
import io.aquatint.events.ValidationScored;
import io.aquatint.events.VerdictEvent;
import java.io.PrintWriter;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Help.Ansi.Style;

/**
 * Tells a person what happens, an event a line, and a training's progress as a bar where there is a terminal. For one thread at a
 * time.
 */
final class Narrator implements AutoCloseable {
    private static final long PROGRESS_LINE_MILLIS = 5_000;
    private static final int WIDTH = 100;
    private static final String CLEAR_LINE = "\r\u001b[K";

    private static final Map<String, Style> STYLES = Map.of(
            "picture", Style.fg_blue,
            "batch", Style.fg_yellow,
            "data set", Style.fg_yellow,
            "training", Style.fg_green,
            "advice", Style.fg_cyan,
            "samples", Style.fg_magenta,
            "score", Style.fg_magenta,
            "ALERT", Style.fg_red,
            "model", Style.fg_yellow);

    private final PrintWriter out;
    private final boolean terminal;
    private final UnaryOperator<String> place;
    private final Map<String, String> firstFile = new HashMap<>();
    private @Nullable ProgressBar bar;
    private String drawn = "";
    private long lastProgressLine;

    /**
     * @param terminal draw a bar; otherwise a line every few seconds
     * @param place where a person finds an object, by its key
     */
    Narrator(PrintWriter out, boolean terminal, UnaryOperator<String> place) {
        this.out = out;
        this.terminal = terminal;
        this.place = place;
    }

    void tell(VerdictEvent verdict) {
        if (verdict instanceof ImageAccepted accepted) {
            String file = String.valueOf(accepted.fileName());
            String before = firstFile.putIfAbsent(accepted.sha256(), file);
            if (before != null) {
                line("picture", "%s is the same picture as %s: it counts once", file, before);
            } else {
                line(
                        "picture",
                        "%s accepted: %s %dx%d to %dx%d, sharpness %.0f",
                        file,
                        accepted.sourceFormat(),
                        accepted.before().width(),
                        accepted.before().height(),
                        accepted.after().width(),
                        accepted.after().height(),
                        accepted.sharpness());
            }
        } else if (verdict instanceof ImageRejected rejected) {
            line(
                    "picture",
                    "%s refused: %s: %s. %s",
                    rejected.fileName(),
                    rejected.reason(),
                    rejected.detail(),
                    rejected.reason().advice());
        }
    }

    void tell(DatasetEvent event) {
        if (event instanceof BatchCompleted completed) {
            line(
                    "batch",
                    "%s/%d is complete (%s): %d pictures, %d of them held out for validation",
                    completed.dataset(),
                    completed.batch(),
                    completed.trigger().name().toLowerCase(Locale.ROOT),
                    completed.images(),
                    completed.heldOut());
        } else if (event instanceof BatchIncomplete incomplete) {
            line("batch", "%s", incomplete.detail());
        } else if (event instanceof DatasetRejected rejected) {
            line("data set", "%s refused: %s", rejected.dataset(), String.join("; ", rejected.problems()));
        }
    }

    void tell(TrainingEvent event) {
        if (event instanceof TrainingStarted started) {
            line(
                    "training",
                    "%s %s on %s: %s, %d pictures, %d px, %d steps",
                    started.trainingId(),
                    started.startStep() == 0 ? "starts" : "goes on at step " + started.startStep(),
                    started.device(),
                    started.spec().method(),
                    started.images(),
                    started.spec().resolution(),
                    started.steps());
        } else if (event instanceof TrainingWarned warned) {
            line("advice", "%s. %s", warned.detail(), warned.advice());
        } else if (event instanceof TrainingPreparing preparing) {
            line(
                    "training",
                    "%s waits for its class pictures: %d of %d",
                    preparing.trainingId(),
                    preparing.classImages(),
                    preparing.numClassImages());
        } else if (event instanceof TrainingProgress progress) {
            progress(progress);
        } else if (event instanceof CheckpointSaved saved) {
            line("training", "checkpoint of step %d saved, loss %.4f", saved.step(), saved.loss());
        } else if (event instanceof TrainingCompleted completed) {
            endBar();
            line(
                    "training",
                    "%s completed: %d steps in %.0f s, loss %.4f",
                    completed.trainingId(),
                    completed.step(),
                    completed.seconds(),
                    completed.finalLoss());
        } else if (event instanceof TrainingFailed failed) {
            endBar();
            line(
                    "training",
                    "%s failed: %s: %s%s",
                    failed.trainingId(),
                    failed.reason(),
                    failed.detail(),
                    failed.willRetry() ? "; it is tried again" : "");
        }
    }

    void tell(ValidationEvent event) {
        if (event instanceof SamplesGenerated generated) {
            List<Sample> samples = generated.samples();
            line("samples", "step %d: %d pictures", generated.step(), samples.size());
            samples.forEach(sample -> line("", "\"%s\": %s", sample.prompt(), place.apply(sample.objectKey())));
        } else if (event instanceof ValidationScored scored) {
            line(
                    "score",
                    "step %d: loss on held-out pictures %.3f of the base model's, on training pictures %.3f",
                    scored.step(),
                    scored.heldOut(),
                    scored.trainSubset());
        } else if (event instanceof OverfittingAlert alert) {
            line("ALERT", "%s at step %d: %s. %s", alert.level(), alert.step(), alert.detail(), alert.advice());
        }
    }

    void tell(ModelEvent event) {
        if (event instanceof ModelReady ready) {
            line("model", "%s is ready: the checkpoint of step %d", ready.modelId(), ready.step());
            for (Artifact artifact : ready.artifacts()) {
                line(
                        "",
                        "%-9s %s (%d kB)",
                        artifact.format().name().toLowerCase(Locale.ROOT),
                        place.apply(artifact.objectKey()),
                        artifact.bytes() / 1000);
            }
        } else if (event instanceof ModelRejected rejected) {
            line("model", "%s/%d is not published: %s", rejected.dataset(), rejected.version(), rejected.detail());
        }
    }

    private void progress(TrainingProgress progress) {
        if (terminal) {
            ProgressBar shown = bar;
            if (shown == null) {
                shown = new ProgressBarBuilder()
                        .setTaskName("training")
                        .setInitialMax(progress.steps())
                        .setStyle(ProgressBarStyle.ASCII)
                        .setUnit(" steps", 1)
                        .showSpeed()
                        .setConsumer(new DelegatingProgressBarConsumer(this::draw, WIDTH))
                        .build();
                bar = shown;
            }
            shown.setExtraMessage(String.format(Locale.ROOT, " loss %.4f", progress.loss()));
            shown.stepTo(progress.step());
            return;
        }
        long now = System.currentTimeMillis();
        if (now - lastProgressLine >= PROGRESS_LINE_MILLIS || progress.step() == progress.steps()) {
            lastProgressLine = now;
            line(
                    "training",
                    "step %d of %d, loss %.4f, %.1f steps/s, %.0f s left",
                    progress.step(),
                    progress.steps(),
                    progress.loss(),
                    progress.stepsPerSecond(),
                    progress.secondsLeft());
        }
    }

    private void line(String what, String format, @Nullable Object... values) {
        String text = coloured(what, String.format(Locale.ROOT, format, values)) + System.lineSeparator();
        synchronized (out) {
            // over the bar, which is drawn again below
            out.print(bar == null ? text : CLEAR_LINE + text + drawn);
            out.flush();
        }
    }

    private String coloured(String what, String told) {
        boolean bad = what.equals("ALERT") || told.contains(" refused: ") || told.contains(" failed: ");
        return styled(String.format(Locale.ROOT, "%-9s ", what), STYLES.getOrDefault(what, Style.reset))
                + styled(told, bad ? Style.fg_red : Style.reset);
    }

    private String styled(String text, Style style) {
        return terminal && style != Style.reset ? style.on() + text + style.off() : text;
    }

    /** Called by the bar's own thread, for which its end waits: nothing else is locked here than the printing. */
    private void draw(String text) {
        synchronized (out) {
            drawn = text;
            out.print(CLEAR_LINE + text);
            out.flush();
        }
    }

    private void endBar() {
        ProgressBar shown = bar;
        if (shown != null) {
            bar = null;
            shown.close();
            out.println();
        }
    }

    @Override
    public void close() {
        endBar();
    }
}
