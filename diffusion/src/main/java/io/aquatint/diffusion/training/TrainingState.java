package io.aquatint.diffusion.training;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.aquatint.diffusion.checkpoint.CheckpointException;
import io.aquatint.diffusion.checkpoint.DType;
import io.aquatint.diffusion.checkpoint.SafetensorsFile;
import io.aquatint.diffusion.checkpoint.SafetensorsWriter;
import io.aquatint.diffusion.checkpoint.TensorData;
import io.aquatint.diffusion.checkpoint.TensorInfo;
import io.aquatint.diffusion.checkpoint.TensorSource;
import io.aquatint.diffusion.graph.DeviceArrays;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Flat arrays in a file, in pieces that fit into a buffer, so that a training may be of any size. */
final class TrainingState implements TensorSource {
    private static final long PIECE = 1 << 26;

    private final Map<String, Piece> pieces = new LinkedHashMap<>();

    private record Piece(NDArray array, long begin, long count) {}

    private TrainingState(Map<String, NDArray> arrays) {
        arrays.forEach((name, array) -> {
            for (long begin = 0; begin == 0 || begin < array.size(); begin += PIECE) {
                String piece = array.size() <= PIECE ? name : name + "." + begin / PIECE;
                pieces.put(piece, new Piece(array, begin, Math.min(PIECE, array.size() - begin)));
            }
        });
    }

    /** @param arrays float32 or uint8 */
    static void write(Path file, Map<String, NDArray> arrays, Map<String, String> metadata) {
        SafetensorsWriter.write(file, new TrainingState(arrays), metadata);
    }

    /**
     * Reads back into the arrays.
     *
     * @throws CheckpointException if the file has not just these arrays
     */
    static void read(SafetensorsFile file, Map<String, NDArray> arrays) {
        TrainingState wanted = new TrainingState(arrays);
        if (!file.names().equals(wanted.names())) {
            throw new CheckpointException("%s: this state has the tensors %s, not %s"
                    .formatted(file.describe(), file.names(), wanted.names()));
        }
        wanted.pieces.forEach((name, piece) -> {
            if (!file.info(name).equals(wanted.info(name))) {
                throw new CheckpointException(
                        "%s: %s is %s, not %s".formatted(file.describe(), name, file.info(name), wanted.info(name)));
            }
            DeviceArrays.write(piece.array(), piece.begin(), file.read(name));
        });
    }

    @Override
    public Set<String> names() {
        return pieces.keySet();
    }

    @Override
    public TensorInfo info(String name) {
        Piece piece = piece(name);
        return TensorInfo.of(piece.array().getDataType() == DataType.UINT8 ? DType.U8 : DType.F32, piece.count());
    }

    @Override
    public TensorData read(String name) {
        Piece piece = piece(name);
        return DeviceArrays.read(piece.array(), piece.begin(), piece.count());
    }

    private Piece piece(String name) {
        Piece piece = pieces.get(name);
        if (piece == null) {
            throw new CheckpointException("a training's state has no " + name);
        }
        return piece;
    }

    @Override
    public String describe() {
        return "the state of the training";
    }
}
