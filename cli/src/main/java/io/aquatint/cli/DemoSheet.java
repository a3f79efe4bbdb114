package io.aquatint.cli;

import io.aquatint.diffusion.pipeline.ContactSheet;
import io.aquatint.diffusion.pipeline.Picture;
import io.aquatint.events.Sample;
import io.aquatint.events.SamplesGenerated;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/** The samples of a training as one picture: prompts in rows; the base model and each checkpoint in columns. */
final class DemoSheet {
    private static final int SIDE = 112;
    private static final int LABELS = 210;

    private final TreeMap<Integer, List<Sample>> samples = new TreeMap<>();

    synchronized void add(SamplesGenerated generated) {
        samples.put(generated.step(), generated.samples());
    }

    synchronized boolean has(int step) {
        return samples.containsKey(step);
    }

    /**
     * Draws it.
     *
     * @param object the bytes of a sample by its key
     * @return a PNG file
     */
    synchronized byte[] toPng(Function<String, byte[]> object) {
        List<String> columns = new ArrayList<>();
        Map<String, List<Picture>> rows = new LinkedHashMap<>();
        samples.forEach((step, drawn) -> {
            columns.add(step == 0 ? "base model" : "step " + step);
            drawn.forEach(sample -> rows.computeIfAbsent(sample.prompt(), prompt -> new ArrayList<>())
                    .add(Picture.decode(object.apply(sample.objectKey()))));
        });
        List<ContactSheet.Row> labelled = new ArrayList<>();
        rows.forEach((prompt, pictures) -> labelled.add(new ContactSheet.Row(prompt, pictures)));
        return new ContactSheet(columns, labelled, SIDE, LABELS).toPng();
    }
}
