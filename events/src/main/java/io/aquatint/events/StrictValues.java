package io.aquatint.events;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.exc.StreamReadException;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.deser.std.StdScalarDeserializer;
import com.fasterxml.jackson.databind.ser.std.StdScalarSerializer;
import java.io.IOException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;

/** Values that Jackson would take in more forms than the schemas allow. */
final class StrictValues {
    private StrictValues() {}

    /** Jackson would write NaN and the infinities as text. */
    static final class DoubleWriter extends StdScalarSerializer<Double> {
        private static final long serialVersionUID = 1;

        DoubleWriter() {
            super(Double.class);
        }

        @Override
        public void serialize(Double value, JsonGenerator json, SerializerProvider provider) throws IOException {
            if (!Double.isFinite(value)) {
                throw JsonMappingException.from(
                        json, "%s cannot be written, for JSON has finite numbers only".formatted(value));
            }
            json.writeNumber(value);
        }
    }

    /** Jackson would read the text "NaN", and 1e999 as infinite. */
    static final class DoubleReader extends StdScalarDeserializer<Double> {
        private static final long serialVersionUID = 1;

        DoubleReader() {
            super(Double.class);
        }

        @Override
        public Double deserialize(JsonParser json, DeserializationContext context) throws IOException {
            if (!json.currentToken().isNumeric()) {
                return (Double) context.handleUnexpectedToken(Double.class, json);
            }
            double value = json.getDoubleValue();
            if (!Double.isFinite(value)) {
                throw JsonMappingException.from(json, "too large for a number of 64 bits");
            }
            return value;
        }
    }

    /** Jackson would read numbers as seconds. */
    static final class TimeReader extends StdScalarDeserializer<Instant> {
        private static final long serialVersionUID = 1;

        TimeReader() {
            super(Instant.class);
        }

        @Override
        public Instant deserialize(JsonParser json, DeserializationContext context) throws IOException {
            if (!json.hasToken(JsonToken.VALUE_STRING)) {
                return (Instant) context.handleUnexpectedToken(Instant.class, json);
            }
            try {
                return OffsetDateTime.parse(json.getText()).toInstant();
            } catch (DateTimeParseException e) {
                throw context.weirdStringException(json.getText(), Instant.class, e.getMessage());
            }
        }
    }

    /** Jackson would read lists of numbers. */
    static final class BytesReader extends StdScalarDeserializer<byte[]> {
        private static final long serialVersionUID = 1;

        BytesReader() {
            super(byte[].class);
        }

        @Override
        public byte[] deserialize(JsonParser json, DeserializationContext context) throws IOException {
            if (!json.hasToken(JsonToken.VALUE_STRING)) {
                return (byte[]) context.handleUnexpectedToken(byte[].class, json);
            }
            try {
                return json.getBinaryValue(context.getBase64Variant());
            } catch (StreamReadException e) {
                throw context.weirdStringException("", byte[].class, e.getOriginalMessage());
            }
        }
    }
}
