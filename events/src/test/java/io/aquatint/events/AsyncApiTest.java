package io.aquatint.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Holds the AsyncAPI document against the topics. */
final class AsyncApiTest {
    private static final JsonNode DOCUMENT = document();

    static Stream<Topic<?>> topics() {
        return Topics.all().stream();
    }

    @Test
    void everyTopicHasItsChannel() {
        List<String> names =
                new ArrayList<>(Topics.all().stream().map(Topic::name).toList());
        names.add(Topics.DEAD_LETTERS);

        assertThat(names(DOCUMENT.path("channels"))).containsExactlyInAnyOrderElementsOf(names);
    }

    @ParameterizedTest
    @MethodSource("topics")
    void theChannelIsAsTheTopic(Topic<?> topic) {
        JsonNode channel = DOCUMENT.path("channels").path(topic.name());
        JsonNode kafka = channel.path("bindings").path("kafka");
        Map<String, String> config = new LinkedHashMap<>();
        kafka.path("topicConfiguration").properties().forEach(setting -> {
            JsonNode value = setting.getValue();
            config.put(setting.getKey(), value.isArray() ? value.path(0).asText() : value.asText());
        });

        assertThat(channel.path("address").asText()).isEqualTo(topic.name());
        assertThat(channel.path("description").asText()).isNotBlank();
        assertThat(channel.path("x-key").asText()).isNotBlank();
        assertThat(kafka.path("topic").asText()).isEqualTo(topic.name());
        assertThat(kafka.path("partitions").asInt()).isEqualTo(topic.partitions());
        assertThat(config).isEqualTo(topic.config());
        assertThat(names(channel.path("messages")))
                .containsExactlyElementsOf(topic.records().keySet());
        channel.path("messages").properties().forEach(message -> assertThat(
                        message.getValue().path("$ref").asText())
                .isEqualTo("#/components/messages/" + message.getKey()));
    }

    @Test
    void everyTypeHasItsMessage() {
        Set<String> types = SchemaTest.types().keySet();

        assertThat(names(DOCUMENT.path("components").path("messages")))
                .containsAll(types)
                .hasSize(types.size() + 1)
                .contains("dead.letter");
        for (String type : types) {
            JsonNode message = DOCUMENT.path("components").path("messages").path(type);
            assertThat(message.path("name").asText()).isEqualTo(type);
            assertThat(message.path("traits").path(0).path("$ref").asText())
                    .isEqualTo("#/components/messageTraits/cloudEvent");
            assertThat(message.path("headers")
                            .path("properties")
                            .path("ce_type")
                            .path("const")
                            .asText())
                    .isEqualTo(type);
            assertThat(message.path("payload").path("$ref").asText()).isEqualTo("./schema/" + type + ".json");
            assertThat(message.path("summary").asText())
                    .isEqualTo(SchemaTest.schema(type + ".json")
                            .path("description")
                            .asText());
        }
    }

    @Test
    void everyHeaderThatIsWrittenIsNamed() {
        var example = Examples.all().findFirst().orElseThrow();
        JsonNode headers = DOCUMENT.path("components")
                .path("messageTraits")
                .path("cloudEvent")
                .path("headers");
        List<String> written = new ArrayList<>(names(headers.path("properties")));
        written.add("ce_type");

        assertThat(Records.headers(example).keySet()).containsExactlyInAnyOrderElementsOf(written);
    }

    @Test
    void everyTopicIsSentAndReceivedBySomeone() {
        Map<String, List<String>> actions = new LinkedHashMap<>();
        DOCUMENT.path("operations").forEach(operation -> actions.computeIfAbsent(
                        operation.path("channel").path("$ref").asText().replace("#/channels/", ""),
                        name -> new ArrayList<>())
                .add(operation.path("action").asText()));

        for (Topic<?> topic : Topics.all()) {
            assertThat(actions.get(topic.name())).as(topic.name()).contains("send", "receive");
        }
    }

    @Test
    void everyReferenceLeadsSomewhere() {
        for (JsonNode reference : DOCUMENT.findValues("$ref")) {
            String text = reference.asText();
            if (text.startsWith("#/")) {
                assertThat(DOCUMENT.at(text.substring(1)).isMissingNode())
                        .as(text)
                        .isFalse();
            } else {
                assertThat(AsyncApiTest.class.getResource("/io/aquatint/events/" + text.substring(2)))
                        .as(text)
                        .isNotNull();
            }
        }
    }

    private static List<String> names(JsonNode object) {
        return object.properties().stream().map(Map.Entry::getKey).toList();
    }

    private static JsonNode document() {
        try (InputStream in = AsyncApiTest.class.getResourceAsStream("/io/aquatint/events/asyncapi.yaml")) {
            return new YAMLMapper().readTree(in);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
