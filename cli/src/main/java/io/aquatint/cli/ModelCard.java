package io.aquatint.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.aquatint.diffusion.pipeline.StableDiffusion;
import io.aquatint.diffusion.training.TrainingSet;
import io.aquatint.events.EventJson;
import io.aquatint.events.TrainingSpec;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;

/**
 * What a trained model is, for those who get its files.
 *
 * @param scores the held-out loss at each checkpoint, relative to the base model's
 */
record ModelCard(
        TrainingSpec spec, StableDiffusion model, TrainingSet set, int heldOut, SortedMap<Integer, Double> scores) {

    String text() {
        StringBuilder text = new StringBuilder();
        String method = TrainingOptions.MethodConverter.name(spec.method());
        String subject = spec.subjectWord() == null ? "" : " of `" + spec.subjectWord() + "`";
        line(text, "# " + method + subject);
        line(text, "");
        line(
                text,
                "Trained by Aquatint on %d pictures%s%s. Base model: `%s` (%s)."
                        .formatted(
                                set.instances().size(),
                                set.classImages().isEmpty()
                                        ? ""
                                        : " and " + set.classImages().size() + " class images",
                                heldOut == 0 ? "" : ", with " + heldOut + " held out",
                                model.source().path().getFileName(),
                                model.architecture()
                                        .name()
                                        .toLowerCase(Locale.ROOT)
                                        .replace('_', ' ')));
        line(text, "");
        if (!scores.isEmpty()) {
            line(text, "## Scores");
            line(text, "");
            line(text, "The loss on the held-out pictures, relative to the base model's; less is better.");
            line(text, "");
            line(text, "| step | held-out loss |");
            line(text, "| ---: | ---: |");
            for (Map.Entry<Integer, Double> score : scores.entrySet()) {
                line(text, String.format(Locale.ROOT, "| %d | %.4f |", score.getKey(), score.getValue()));
            }
            line(text, "");
        }
        line(text, "Samples of each checkpoint are in `samples/`.");
        line(text, "");
        line(text, "## Settings");
        line(text, "");
        line(text, "```json");
        line(text, settings());
        line(text, "```");
        return text.toString();
    }

    private String settings() {
        try {
            JsonNode json = EventJson.mapper().valueToTree(spec);
            return EventJson.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(json);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void line(StringBuilder text, String line) {
        text.append(line).append('\n');
    }
}
