package io.aquatint.diffusion.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.aquatint.diffusion.Golden;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClipTokenizerTest {
    @Test
    void everyCaseOfTheTinyVocabularyIsAsTransformersSays() throws IOException {
        assertCases(Golden.path("sd15/model/tokenizer"), Golden.path("sd15/cases/tokenizer-tiny.json"));
    }

    @Test
    void everyCaseOfTheFullVocabularyIsAsTransformersSays() throws IOException {
        assertCases(Golden.path("tokenizer/model/tokenizer"), Golden.path("tokenizer/cases/tokenizer-clip.json"));
    }

    @Test
    void aLongTextKeepsItsEndToken() {
        try (ClipTokenizer tokenizer = ClipTokenizer.load(Golden.path("sd15/model/tokenizer"))) {
            long[] ids = tokenizer.encode("dog ".repeat(500));
            assertThat(ids).hasSize(77);
            assertThat(ids[0]).isEqualTo(998);
            assertThat(ids[76]).isEqualTo(999);
            assertThat(ids[75]).isNotEqualTo(999);
        }
    }

    @Test
    void anySizeOfAnyLanguageGives77Tokens() {
        try (ClipTokenizer tokenizer = ClipTokenizer.load(Golden.path("sd15/model/tokenizer"))) {
            for (String text : new String[] {"", " ", "\u0000", "<|endoftext|> a", "é̂", "🏳️‍🌈", "ไทย", "\uD800"}) {
                assertThat(tokenizer.encode(text)).as(text).hasSize(77).startsWith(998L);
            }
        }
    }

    @Test
    void aFolderWithoutAVocabularyIsRefusedByName(@TempDir Path empty) {
        assertThatThrownBy(() -> ClipTokenizer.load(empty))
                .isInstanceOf(CheckpointException.class)
                .hasMessageContaining("vocab.json is missing");
    }

    private static void assertCases(Path folder, Path file) throws IOException {
        JsonNode cases = new ObjectMapper().readTree(file.toFile());
        assertThat(cases).isNotEmpty();
        try (ClipTokenizer tokenizer = ClipTokenizer.load(folder)) {
            for (JsonNode item : cases) {
                String text = item.path("text").asText();
                assertThat(tokenizer.tokenize(text)).as(text).containsExactly(longs(item.path("ids")));
                assertThat(tokenizer.encode(text)).as(text).containsExactly(longs(item.path("padded")));
            }
        }
    }

    private static long[] longs(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false)
                .mapToLong(JsonNode::asLong)
                .toArray();
    }
}
