package io.aquatint.events;

import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.AnnotatedField;
import com.fasterxml.jackson.databind.introspect.AnnotatedMember;
import com.fasterxml.jackson.databind.introspect.AnnotatedParameter;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import org.jspecify.annotations.Nullable;

/**
 * Tells Jackson what the null checker knows: a component of a record that is not {@code @Nullable} must be given, and null is
 * not enough. For a setting of a {@link TrainingSpecBuilder} null is the same as absent.
 */
final class RequiredUnlessNullable extends JacksonAnnotationIntrospector {
    private static final long serialVersionUID = 1;

    @Override
    public @Nullable Boolean hasRequiredMarker(AnnotatedMember member) {
        AnnotatedElement component = component(member);
        return component == null ? super.hasRequiredMarker(member) : Boolean.valueOf(!isNullable(component));
    }

    @Override
    public JsonSetter.Value findSetterInfo(Annotated annotated) {
        AnnotatedElement component = component(annotated);
        if (component != null && !isNullable(component)) {
            return JsonSetter.Value.construct(Nulls.FAIL, Nulls.FAIL);
        } else if (annotated instanceof AnnotatedField field
                && field.getDeclaringClass() == TrainingSpecBuilder.class
                && !isNullable(field.getAnnotated().getAnnotatedType())) {
            return JsonSetter.Value.construct(Nulls.SKIP, Nulls.FAIL);
        }
        return super.findSetterInfo(annotated);
    }

    /** The annotated type of a record's component, if it is one. */
    private static @Nullable AnnotatedElement component(Annotated annotated) {
        if (annotated instanceof AnnotatedParameter parameter
                && parameter.getOwner().getAnnotated() instanceof Executable owner
                && owner instanceof Constructor<?>
                && owner.getDeclaringClass().isRecord()) {
            return owner.getAnnotatedParameterTypes()[parameter.getIndex()];
        }
        return null;
    }

    private static boolean isNullable(AnnotatedElement type) {
        return type.isAnnotationPresent(Nullable.class);
    }
}
