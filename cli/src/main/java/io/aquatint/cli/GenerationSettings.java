package io.aquatint.cli;

import io.aquatint.diffusion.pipeline.GenerationRequest;
import io.aquatint.diffusion.scheduler.Sampler;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * How a picture was made, as A1111 writes it into the text chunk {@code parameters} of a PNG file: the prompt, the negative prompt,
 * and a line of settings. Tools that read that show and copy it.
 *
 * @param more settings besides those of the request, by their names
 */
record GenerationSettings(GenerationRequest request, Map<String, String> more) {
    /** The keyword of the chunk. */
    static final String KEYWORD = "parameters";

    String text() {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("Steps", String.valueOf(request.steps()));
        settings.put("Sampler", name(request.sampler()));
        settings.put("CFG scale", Printed.line(request.guidanceScale()));
        settings.put("Seed", String.valueOf(request.seed()));
        settings.put("Size", request.width() + "x" + request.height());
        settings.putAll(more);
        String negative = request.negativePrompt() == null ? "" : "\nNegative prompt: " + request.negativePrompt();
        return request.prompt() + negative + "\n"
                + settings.entrySet().stream()
                        .map(setting -> setting.getKey() + ": " + quoted(setting.getValue()))
                        .collect(Collectors.joining(", "));
    }

    /** As A1111 calls it. */
    private static String name(Sampler.Kind sampler) {
        return switch (sampler) {
            case DDIM -> "DDIM";
            case DPMPP_2M -> "DPM++ 2M";
            case DPMPP_2M_KARRAS -> "DPM++ 2M Karras";
            case EULER -> "Euler";
            case EULER_ANCESTRAL -> "Euler a";
            case DDPM -> "DDPM";
        };
    }

    /** What would end a setting is put in quotes, as in JSON. */
    private static String quoted(String value) {
        boolean plain = value.chars().noneMatch(c -> c == ',' || c == ':' || c == '"' || c == '\n');
        return plain
                ? value
                : '"' + value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
    }
}
