package io.aquatint.diffusion.pipeline;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.checkpoint.TextualInversion;
import io.aquatint.diffusion.graph.Weights;
import io.aquatint.diffusion.text.ClipTokenizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** A {@link StableDiffusion} with an {@link Adaptation} laid over it. Owns only what differs. */
public final class AdaptedModel implements AutoCloseable {
    private final StableDiffusion model;
    private final StableDiffusion.Use use;
    private final NDManager manager;
    private final AdaptedUNet unet;
    private final List<TextEncoder> textEncoders = new ArrayList<>();
    private final List<ClipTokenizer> tokenizers = new ArrayList<>(); // those that differ

    private AdaptedModel(StableDiffusion model, NDManager manager, Adaptation adaptation) {
        this.model = model;
        this.use = model.use();
        this.manager = manager;
        try {
            for (TextEncoder encoder : model.textEncoders()) {
                textEncoders.add(adapted(encoder, adaptation));
            }
            this.unet = unet(adaptation);
        } catch (RuntimeException e) {
            closeText();
            throw e;
        }
    }

    /** @throws CheckpointException if anything does not fit */
    static AdaptedModel of(StableDiffusion model, Adaptation adaptation) {
        checkComponents(model, adaptation);
        return new AdaptedModel(model, model.manager().newSubManager(), adaptation);
    }

    private static void checkComponents(StableDiffusion model, Adaptation adaptation) {
        Set<String> wanted = new TreeSet<>(adaptation.networks().keySet());
        adaptation.loras().forEach(lora -> wanted.add(lora.adapter().component().folder()));
        wanted.remove(StableDiffusion.UNET);
        model.textEncoders().forEach(encoder -> wanted.remove(encoder.component()));
        if (!wanted.isEmpty()) {
            throw new CheckpointException("%s has no %s that could be adapted: the adapter is for another architecture"
                    .formatted(model.source().path(), String.join(" and no ", wanted)));
        }
        int encoders = model.textEncoders().size();
        for (TextualInversion word : adaptation.words()) {
            int embeddings = word.secondVectors() == null ? 1 : 2;
            if (embeddings != encoders) {
                throw new CheckpointException("the word %s is made for %d text encoder(s), but %s has %d"
                        .formatted(word.token(), embeddings, model.source().path(), encoders));
            }
        }
    }

    private AdaptedUNet unet(Adaptation adaptation) {
        boolean replaced = adaptation.networks().containsKey(StableDiffusion.UNET);
        NDManager owner = model.manager().newSubManager();
        try {
            AdaptedWeights weights = weights(owner, StableDiffusion.UNET, model.unetWeights(), adaptation);
            Optional<AdaptedUNet> kept = replaced ? Optional.empty() : model.take(AdaptedUNet.class, weights.changed());
            if (kept.isEmpty()) {
                return new AdaptedUNet(model, owner, weights, replaced);
            }
            weights.overwrite(kept.get().weights());
            owner.close();
            return kept.get();
        } catch (RuntimeException e) {
            owner.close();
            throw e;
        }
    }

    /** A network's weights with its adapters. */
    private AdaptedWeights weights(NDManager owner, String component, Weights base, Adaptation adaptation) {
        TensorSource other = adaptation.networks().get(component);
        AdaptedWeights weights = other == null
                ? new AdaptedWeights(owner, model.source().weights(component), base)
                : new AdaptedWeights(owner, other, model.load(owner, component, other));
        adaptation.loras().stream()
                .filter(lora -> lora.adapter().component().folder().equals(component))
                .forEach(weights::add);
        return weights;
    }

    private TextEncoder adapted(TextEncoder encoder, Adaptation adaptation) {
        AdaptedWeights weights = weights(manager, encoder.component(), encoder.weights(), adaptation);
        if (adaptation.words().isEmpty()) {
            return encoder.with(weights.weights(), encoder.tokenizer());
        }
        Map<String, Integer> tokens = new LinkedHashMap<>();
        for (TextualInversion word : adaptation.words()) {
            List<float[]> rows = rows(word, encoder);
            if (tokens.putIfAbsent(word.token(), rows.size()) != null) {
                throw new CheckpointException("the word %s is there twice".formatted(word.token()));
            }
            weights.appendTokens(rows);
        }
        ClipTokenizer tokenizer =
                encoder.tokenizer().withWords(tokens, encoder.config().vocabSize());
        tokenizers.add(tokenizer);
        return encoder.with(weights.weights(), tokenizer);
    }

    private List<float[]> rows(TextualInversion word, TextEncoder encoder) {
        List<float[]> second = word.secondVectors();
        boolean first = encoder.component().equals(model.textEncoders().get(0).component());
        List<float[]> rows = first || second == null ? word.vectors() : second;
        int size = encoder.config().hiddenSize();
        if (rows.get(0).length != size) {
            throw new CheckpointException("the word %s is [%d, %d], but the %s of %s needs [%d, %d]"
                    .formatted(
                            word.token(),
                            rows.size(),
                            rows.get(0).length,
                            encoder.component(),
                            model.source().path(),
                            rows.size(),
                            size));
        }
        return rows;
    }

    /** The UNet's weights as they are here. */
    public Weights unetWeights() {
        return unet.weights();
    }

    /** The text encoders as they are here: one, or SDXL's two. */
    public List<TextEncoder> textEncoders() {
        return List.copyOf(textEncoders);
    }

    /** Encodes prompts; the arrays are in the given manager. */
    public PromptEmbedding encodeText(NDManager outputs, List<String> prompts) {
        return model.encodeText(outputs, textEncoders, prompts);
    }

    /**
     * The noise (or velocity) that the UNet sees.
     *
     * @param sample [b, latentChannels, h, w]
     * @param timestep [b]
     * @param prompts b of them
     * @param timeIds [b, 6], see {@link TimeIds}; a model that is not told of sizes does not look at them
     */
    public NDArray predict(
            NDManager outputs, NDArray sample, NDArray timestep, PromptEmbedding prompts, NDArray timeIds) {
        return unet.predict(outputs, model.unetInputs(sample, timestep, prompts, timeIds));
    }

    @Override
    public void close() {
        closeText();
        unet.release();
    }

    private void closeText() {
        manager.close();
        use.close();
        tokenizers.forEach(ClipTokenizer::close);
    }
}
