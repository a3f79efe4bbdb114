package io.aquatint.events;

import java.lang.reflect.AnnotatedParameterizedType;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.net.URI;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import org.jspecify.annotations.Nullable;

/** Any record that its types allow: absent where that is allowed, empty lists, extreme numbers, every character. */
final class ArbitraryRecords {
    private ArbitraryRecords() {}

    /** Any event of any topic. */
    static Arbitrary<Examples.Example<?>> events() {
        return Arbitraries.of(Topics.all()).flatMap(ArbitraryRecords::events);
    }

    private static <T> Arbitrary<Examples.Example<?>> events(Topic<T> topic) {
        return Arbitraries.of(List.copyOf(topic.records().values())).flatMap(record -> Combinators.combine(
                        texts().filter(text -> !text.isEmpty()),
                        Arbitraries.strings().alpha().ofMinLength(1).map(text -> URI.create("/" + text)),
                        times(),
                        texts().filter(text -> !text.isEmpty()),
                        record(record))
                .as((id, source, time, subject, data) ->
                        new Examples.Example<>(topic, Event.of(id, source, time, subject, (T) data))));
    }

    static <T> Arbitrary<T> record(Class<T> record) {
        RecordComponent[] components = record.getRecordComponents();
        List<Arbitrary<Object>> values = Arrays.stream(components)
                .map(component -> {
                    Arbitrary<Object> value = value(component.getAnnotatedType());
                    boolean nullable = component.getAnnotatedType().isAnnotationPresent(Nullable.class);
                    return nullable ? value.injectNull(0.3) : value;
                })
                .toList();
        return Combinators.combine(values).as(arguments -> construct(record, components, arguments));
    }

    private static <T> T construct(Class<T> record, RecordComponent[] components, List<Object> arguments) {
        try {
            Class<?>[] types =
                    Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
            return record.getDeclaredConstructor(types).newInstance(arguments.toArray());
        } catch (InvocationTargetException e) {
            throw new AssertionError(record + " refused " + arguments, e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new LinkageError(e.getMessage(), e);
        }
    }

    private static Arbitrary<Object> value(AnnotatedType annotated) {
        Type type = annotated.getType();
        if (annotated instanceof AnnotatedParameterizedType generic) {
            AnnotatedType[] arguments = generic.getAnnotatedActualTypeArguments();
            return type.getTypeName().startsWith(List.class.getName())
                    ? value(arguments[0]).list().ofMaxSize(3).asGeneric()
                    : Arbitraries.maps(value(arguments[0]), value(arguments[1]))
                            .ofMaxSize(3)
                            .map(Map.class::cast)
                            .asGeneric();
        }
        Class<?> raw = (Class<?>) type;
        if (raw == int.class || raw == Integer.class) {
            return Arbitraries.integers().asGeneric();
        } else if (raw == long.class) {
            return Arbitraries.longs().asGeneric();
        } else if (raw == double.class || raw == Double.class) {
            return doubles().asGeneric();
        } else if (raw == boolean.class) {
            return Arbitraries.of(true, false).asGeneric();
        } else if (raw == String.class) {
            return texts().asGeneric();
        } else if (raw == byte[].class) {
            return Arbitraries.bytes().array(byte[].class).ofMaxSize(40).asGeneric();
        } else if (raw == Instant.class) {
            return times().asGeneric();
        } else if (raw.isEnum()) {
            return Arbitraries.of(raw.getEnumConstants()).asGeneric();
        }
        return record(raw).asGeneric();
    }

    /** Every finite double, by its bits. */
    private static Arbitrary<Double> doubles() {
        return Arbitraries.oneOf(
                Arbitraries.longs().map(Double::longBitsToDouble).filter(Double::isFinite),
                Arbitraries.of(0.0, -0.0, 1.0, Double.MIN_VALUE, Double.MAX_VALUE, -Double.MAX_VALUE, 0.1));
    }

    /** Every character, the two halves of one always together. */
    private static Arbitrary<String> texts() {
        return Arbitraries.oneOf(
                        Arbitraries.integers().between(0, 0x7f),
                        Arbitraries.integers().between(0, 0x10ffff).filter(c -> c < 0xd800 || c > 0xdfff))
                .list()
                .ofMaxSize(12)
                .map(points -> points.stream()
                        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                        .toString());
    }

    /** What RFC 3339 can say: the years 1 to 9999, to the nanosecond. */
    private static Arbitrary<Instant> times() {
        return Combinators.combine(
                        Arbitraries.longs()
                                .between(
                                        Instant.parse("0001-01-01T00:00:00Z").getEpochSecond(),
                                        Instant.parse("9999-12-31T23:59:59Z").getEpochSecond()),
                        Arbitraries.integers().between(0, 999_999_999))
                .as(Instant::ofEpochSecond);
    }
}
