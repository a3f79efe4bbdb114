package io.aquatint.runtime.config;

import io.aquatint.events.NearestName;
import java.io.IOException;
import java.io.Reader;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Reads an immutable record from flags, the environment and a properties file, the first that speaks wins. Components are
 * texts, numbers, booleans, enums, {@link URI}s, {@link Path}s, ISO-8601 {@link Duration}s or records of those; they carry
 * {@link ConfigKey}, and {@link ConfigDefault} where they may be left out.
 */
public final class ConfigLoader {
    private static final String PREFIX = "AQUATINT_";

    /** A variable that is so many letters from a known one was meant to be that one. */
    private static final int SLIP = 2;

    private final Map<String, Setting> given = new TreeMap<>();
    private final Set<String> known = new TreeSet<>();
    private final List<String> problems = new ArrayList<>();

    /** @param shared other programs may be meant: only what looks like a slip of the pen is refused */
    private record Setting(String value, String from, boolean shared) {
        Setting(String value, String from) {
            this(value, from, false);
        }
    }

    private ConfigLoader() {}

    /**
     * @param flags by key, for example {@code kafka.bootstrap}
     * @param file a properties file
     * @param environment only variables that begin with {@code AQUATINT_} are looked at; one that is unknown may be another
     *     program's and is left alone, unless it is nearly a known one
     * @throws ConfigException naming every missing, malformed and unknown key
     */
    public static <R extends Record> R load(
            Class<R> record, Map<String, String> flags, Optional<Path> file, Map<String, String> environment) {
        return load(record, flags, file, environment, Map.of());
    }

    /** The same with defaults, by key, that are only known when the program runs; they come before {@link ConfigDefault}. */
    public static <R extends Record> R load(
            Class<R> record,
            Map<String, String> flags,
            Optional<Path> file,
            Map<String, String> environment,
            Map<String, String> defaults) {
        ConfigLoader loader = new ConfigLoader();
        loader.collectKeys(record);
        defaults.forEach((key, value) -> loader.given.put(key, new Setting(value, "default")));
        file.ifPresent(loader::readFile);
        loader.readEnvironment(environment);
        flags.forEach((key, value) -> loader.given.put(key, new Setting(value, "flag --" + key)));
        loader.refuseUnknown();
        Object read = loader.read(record);
        if (read == null || !loader.problems.isEmpty()) {
            throw new ConfigException(loader.problems);
        }
        return record.cast(read);
    }

    /** A record as text, one {@code key=value} after another, secrets masked. */
    public static String describe(Record record) {
        Map<String, String> values = new LinkedHashMap<>();
        describe(record, values);
        return values.toString();
    }

    private static void describe(Record record, Map<String, String> into) {
        for (RecordComponent component : record.getClass().getRecordComponents()) {
            Object value = valueOf(record, component);
            if (value instanceof Record inner) {
                describe(inner, into);
            } else {
                boolean secret = component.isAnnotationPresent(Secret.class);
                into.put(keyOf(component), secret ? "****" : String.valueOf(value));
            }
        }
    }

    private static @Nullable Object valueOf(Record record, RecordComponent component) {
        try {
            return component.getAccessor().invoke(record);
        } catch (IllegalAccessException | InvocationTargetException e) {
            throw new IllegalStateException("cannot read " + component, e);
        }
    }

    private void collectKeys(Class<?> record) {
        for (RecordComponent component : record.getRecordComponents()) {
            if (component.getType().isRecord()) {
                collectKeys(component.getType());
            } else {
                known.add(keyOf(component));
            }
        }
    }

    private void readFile(Path file) {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        } catch (IOException | IllegalArgumentException e) {
            problems.add("cannot read the file %s: %s".formatted(file, e));
        }
        properties
                .stringPropertyNames()
                .forEach(key -> given.put(key, new Setting(properties.getProperty(key), "file " + file.getFileName())));
    }

    private void readEnvironment(Map<String, String> environment) {
        environment.forEach((variable, value) -> {
            if (variable.startsWith(PREFIX)) {
                String key = known.stream()
                        .filter(candidate -> variableOf(candidate).equals(variable))
                        .findFirst()
                        .orElse(variable.substring(PREFIX.length())
                                .toLowerCase(Locale.ROOT)
                                .replace('_', '.'));
                given.put(key, new Setting(value, "environment variable " + variable, true));
            }
        });
    }

    private static String variableOf(String key) {
        return PREFIX + key.toUpperCase(Locale.ROOT).replace('.', '_').replace('-', '_');
    }

    private void refuseUnknown() {
        given.forEach((key, setting) -> {
            boolean slip = !setting.shared() || NearestName.of(key, known, SLIP).isPresent();
            if (!known.contains(key) && slip) {
                problems.add(
                        "unknown key '%s' (%s); %s".formatted(key, setting.from(), NearestName.advice(key, known)));
            }
        });
    }

    private @Nullable Object read(Class<?> record) {
        RecordComponent[] components = record.getRecordComponents();
        @Nullable Object[] values = new @Nullable Object[components.length];
        int before = problems.size();
        for (int i = 0; i < components.length; i++) {
            Class<?> type = components[i].getType();
            values[i] = type.isRecord() ? read(type) : value(components[i]);
        }
        if (problems.size() > before) {
            return null;
        }
        try {
            var constructor = record.getDeclaredConstructor(
                    Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new));
            return constructor.newInstance(values);
        } catch (InvocationTargetException e) {
            if (!(e.getCause() instanceof IllegalArgumentException cause)) {
                throw new IllegalStateException("cannot make a " + record.getSimpleName(), e.getCause());
            }
            problems.add(String.valueOf(cause.getMessage()));
            return null;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(record + " needs a public constructor", e);
        }
    }

    private @Nullable Object value(RecordComponent component) {
        String key = keyOf(component);
        ConfigDefault otherwise = component.getAnnotation(ConfigDefault.class);
        Setting setting = given.get(key);
        if (setting == null && otherwise != null) {
            setting = new Setting(otherwise.value(), "default");
        }
        if (setting == null) {
            problems.add("'%s' is missing: set it with --%s, %s or in the properties file"
                    .formatted(key, key, variableOf(key)));
            return null;
        }
        String text = setting.value().trim();
        try {
            return convert(text, component.getType());
        } catch (RuntimeException e) {
            String shown = component.isAnnotationPresent(Secret.class) ? "****" : text;
            problems.add("'%s' (%s) is '%s', but must be %s"
                    .formatted(key, setting.from(), shown, expected(component.getType())));
            return null;
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static Object convert(String text, Class<?> type) {
        if (type == String.class) {
            return text;
        } else if (type == int.class) {
            return Integer.parseInt(text);
        } else if (type == long.class) {
            return Long.parseLong(text);
        } else if (type == double.class) {
            return Double.parseDouble(text);
        } else if (type == boolean.class) {
            return switch (text) {
                case "true" -> true;
                case "false" -> false;
                default -> throw new IllegalArgumentException(text);
            };
        } else if (type == URI.class) {
            return URI.create(text);
        } else if (type == Path.class) {
            return Path.of(text);
        } else if (type == Duration.class) {
            return Duration.parse(text);
        } else if (type.isEnum()) {
            return Enum.valueOf((Class) type, text.toUpperCase(Locale.ROOT));
        }
        throw new IllegalStateException("no configuration of type " + type);
    }

    private static String expected(Class<?> type) {
        if (type.isEnum()) {
            return "one of " + Arrays.toString(type.getEnumConstants());
        } else if (type == boolean.class) {
            return "true or false";
        } else if (type == int.class || type == long.class) {
            return "a whole number";
        } else if (type == Duration.class) {
            return "a duration such as PT30S";
        }
        return "a " + type.getSimpleName();
    }

    private static String keyOf(RecordComponent component) {
        ConfigKey key = component.getAnnotation(ConfigKey.class);
        return key == null ? component.getName() : key.value();
    }
}
