package io.aquatint.diffusion.graph;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.checkpoint.TensorSource;
import java.util.Set;
import java.util.stream.Collectors;

/** The flat float32 tensor of a {@link ParameterLayout} on a device, and its parts by their names. */
public final class FlatTensors implements TensorSource {
    private final ParameterLayout layout;
    private final NDArray array;

    /** @param array float32, [size of the layout]; it stays the caller's */
    public FlatTensors(ParameterLayout layout, NDArray array) {
        if (array.size() != layout.size()) {
            throw new IllegalArgumentException("%d elements, but %s".formatted(array.size(), layout));
        }
        this.layout = layout;
        this.array = array;
    }

    /** All zero. */
    public static FlatTensors zeros(NDManager owner, ParameterLayout layout) {
        return new FlatTensors(layout, owner.zeros(new Shape(layout.size())));
    }

    public ParameterLayout layout() {
        return layout;
    }

    /** float32, [size of the layout]. */
    public NDArray array() {
        return array;
    }

    /** Sets one of them; other floating-point types are converted. */
    public void set(String name, TensorData values) {
        ParameterLayout.Slot slot = layout.slot(name);
        if (!slot.shape().equals(values.info().shape())) {
            throw new IllegalArgumentException("%s is %s, not %s"
                    .formatted(name, slot.shape(), values.info().shape()));
        }
        DeviceArrays.write(array, slot.offset(), values);
    }

    @Override
    public Set<String> names() {
        return layout.slots().stream().map(ParameterLayout.Slot::name).collect(Collectors.toUnmodifiableSet());
    }

    @Override
    public TensorInfo info(String name) {
        return new TensorInfo(DType.F32, layout.slot(name).shape());
    }

    @Override
    public TensorData read(String name) {
        ParameterLayout.Slot slot = layout.slot(name);
        return new TensorData(
                info(name),
                DeviceArrays.read(array, slot.offset(), slot.elements()).bytes());
    }

    @Override
    public String describe() {
        return "the parameters of the training";
    }
}
