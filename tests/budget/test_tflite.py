"""Counts of .tflite files: by hand, against the runtime's own shapes, and of damaged bytes."""

import struct
from math import prod
from pathlib import Path

import ai_edge_litert.schema_py_generated as schema
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_asc.budget.inventory import Inventory, Layer, peak_bytes
from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.tflite.arena import ALIGNMENT_BYTES
from edge_asc.budget.tflite.operators import (
    MOVES,
    PER_INPUT,
    PER_OUTPUT,
    POOLS,
    UNPACKING,
    operator_name,
)
from edge_asc.budget.tflite.reader import read_tflite
from edge_asc.budget.tflite.schema import TYPES, count_nonzero, read_subgraphs
from edge_asc.budget.tflite.shapes import RULES, Shapes
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.metadata import METADATA_KEY, Metadata, metadata_to_json
from networks import ANY_LENGTH, CASES, Case
from tflite_files import TFLiteFile, options

SAME, VALID = schema.Padding.SAME, schema.Padding.VALID


def layer_of(kind: str, inventory: Inventory) -> Layer:
    (layer,) = [layer for layer in inventory.layers if layer.kind == kind]
    return layer


def one_op(kind: str, inputs: list, out: tuple[int, ...], made: object = None) -> bytes:
    """A file of one op; tuples among the inputs are activations, arrays constants."""
    file = TFLiteFile()
    ids = [file.tensor(x, name=f"x{i}") if isinstance(x, tuple) else
           -1 if x is None else file.constant(x) for i, x in enumerate(inputs)]  # fmt: skip
    y = file.tensor(out, name="y")
    file.op(kind, ids, [y], made)
    file.graph.inputs = [i for i, x in zip(ids, inputs, strict=True) if isinstance(x, tuple)]
    file.graph.outputs = [y]
    return file.bytes()


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


STRIDE_2 = {"strideW": 2, "strideH": 2}
WINDOW = {"filterWidth": 2, "filterHeight": 3}
# op, inputs, output shape, options, MACs, elementwise operations, parameters
BY_HAND = [
    ("CONV_2D", [(1, 8, 10, 3), ones(5, 3, 3, 3), ones(5)], (1, 4, 5, 5),
     options("Conv2D", padding=SAME, **STRIDE_2), 4 * 5 * 5 * 27, 0, 5 * 27 + 5),
    ("DEPTHWISE_CONV_2D", [(1, 8, 10, 3), ones(1, 3, 3, 6), ones(6)], (1, 6, 8, 6),
     options("DepthwiseConv2D", padding=VALID, strideW=1, strideH=1), 6 * 8 * 6 * 9, 0, 60),
    ("FULLY_CONNECTED", [(1, 1, 1, 7), ones(4, 7), None], (1, 4), None, 28, 0, 28),
    ("TRANSPOSE_CONV", [np.array([1, 8, 8, 2], np.int32), ones(2, 3, 3, 5), (1, 4, 4, 5)],
     (1, 8, 8, 2), options("TransposeConv", **STRIDE_2), 4 * 4 * 5 * 2 * 9, 0, 90),
    ("CONV_3D", [(1, 4, 4, 4, 2), ones(3, 3, 3, 2, 5)], (1, 2, 2, 2, 5), None, 8 * 5 * 54, 0, 270),
    ("BATCH_MATMUL", [(2, 3, 4), (2, 4, 5)], (2, 3, 5), None, 2 * 3 * 5 * 4, 0, 0),
    ("MAX_POOL_2D", [(1, 9, 8, 4)], (1, 3, 4, 4),
     options("Pool2D", padding=SAME, strideW=2, strideH=3, **WINDOW), 0, 48 * 6, 0),
    ("AVERAGE_POOL_2D", [(1, 9, 8, 4)], (1, 3, 4, 4),
     options("Pool2D", padding=VALID, strideW=2, strideH=3, **WINDOW), 0, 48 * 6, 0),
    ("MEAN", [(1, 8, 10, 3), np.array([1, 2], np.int32)], (1, 3), None, 0, 240, 0),
    ("REDUCE_MAX", [(1, 8, 10, 3), np.array([3], np.int32)], (1, 8, 10), None, 0, 240, 0),
    ("MAXIMUM", [(1, 8, 10, 3), (1, 8, 10, 3)], (1, 8, 10, 3), None, 0, 240, 0),
    ("MUL", [(1, 8, 10, 3), (1, 1, 1, 3)], (1, 8, 10, 3), None, 0, 240, 0),
    ("LOGISTIC", [(1, 8, 10, 1)], (1, 8, 10, 1), None, 0, 80, 0),
    ("RESHAPE", [(1, 8, 10, 1), np.array([1, 80], np.int32)], (1, 80), None, 0, 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "inputs", "out", "made", "macs", "elementwise", "parameters"),
    BY_HAND,
    ids=[row[0] for row in BY_HAND],
)
def test_one_op_by_hand(
    kind: str, inputs: list, out: tuple, made: object, macs: int, elementwise: int, parameters: int
) -> None:
    data = one_op(kind, inputs, out, made)
    inventory = read_tflite(data, audio_s=1.0)
    assert (inventory.macs, inventory.elementwise) == (macs, elementwise)
    assert inventory.parameters == parameters
    assert inventory.constant_bytes == sum(x.nbytes for x in inputs if isinstance(x, np.ndarray))
    activations = [x for x in inputs if isinstance(x, tuple)] + [out]
    assert inventory.peak_activation_bytes == sum(aligned(4 * prod(s)) for s in activations)
    assert inventory.file_bytes == len(data) and not inventory.notes


def aligned(n_bytes: int) -> int:
    return -(-n_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def test_fused_rules_give_the_stored_shape() -> None:
    """The shape rules agree with the output shapes that were written by hand above."""
    for kind, inputs, out, made, *_ in BY_HAND:
        graph = read_subgraphs(one_op(kind, inputs, out, made))[0]
        if kind in RULES or kind in PER_OUTPUT:
            shape = Shapes(graph).outputs(graph.operators[0])
            assert shape == [out], kind


def test_half_precision_weights_belong_to_who_reads_them() -> None:
    file = TFLiteFile()
    x = file.tensor((1, 4), name="x")
    stored = file.constant(np.array([[1, 0, -0.0, 2]] * 3, np.float16))
    weight, y = file.tensor((3, 4)), file.tensor((1, 3), name="scene")
    file.op("DEQUANTIZE", [stored], [weight])
    file.op("FULLY_CONNECTED", [x, weight, -1], [y])
    file.graph.inputs, file.graph.outputs = [x], [y]
    inventory = read_tflite(file.bytes(), audio_s=1.0)
    (layer,) = inventory.layers
    assert (layer.name, layer.parameters, layer.nonzero) == ("scene", 12, 6)
    assert layer.bytes_by_dtype == {"float16": 24}
    assert inventory.peak_activation_bytes == aligned(4 * 4) + aligned(4 * 3)


def test_equal_tensors_take_room_once_and_count_each() -> None:
    """Two biases of zeros in one buffer: parameters are 2 x 3, bytes 12."""
    file = TFLiteFile()
    x, weight = file.tensor((1, 3)), file.constant(np.eye(3, dtype=np.float32))
    zero = file.constant(np.zeros(3, np.float32))
    again = file.tensor((3,))
    file.graph.tensors[again].buffer = file.graph.tensors[zero].buffer
    y, z, last = (file.tensor((1, 3)) for _ in range(3))
    file.op("FULLY_CONNECTED", [x, weight, zero], [y])
    file.op("FULLY_CONNECTED", [y, weight, again], [z])
    file.op("FULLY_CONNECTED", [z, weight, zero], [last])
    file.graph.inputs, file.graph.outputs = [x], [last]
    inventory = read_tflite(file.bytes(), audio_s=1.0)
    assert inventory.constant_bytes == 4 * (9 + 3)
    assert [layer.parameters for layer in inventory.layers] == [12, 3, 0]
    assert inventory.macs == 27


def test_packed_and_sparse_weights() -> None:
    file = TFLiteFile()
    x, y, z = file.tensor((1, 5)), file.tensor((1, 3)), file.tensor((1, 3))
    packed = file.tensor((3, 5), "int4", data=bytes([0x10, 0x0F, 0, 0, 0, 0, 0, 0x01]))
    sparse = file.tensor((3, 3), "float32", data=struct.pack("<2f", 1, 2))
    sparsity = schema.SparsityParametersT()
    sparsity.traversalOrder = [0, 1]
    file.graph.tensors[sparse].sparsity = sparsity
    dense = file.tensor((3, 3))
    file.op("FULLY_CONNECTED", [x, packed, -1], [y])
    file.op("DENSIFY", [sparse], [dense])
    file.op("FULLY_CONNECTED", [y, dense, -1], [z])
    file.graph.inputs, file.graph.outputs = [x], [z]
    first, second = read_tflite(file.bytes(), audio_s=1.0).layers
    assert (first.parameters, first.nonzero, first.bytes_by_dtype) == (15, 3, {"int4": 8})
    assert (second.parameters, second.nonzero, second.bytes_by_dtype) == (9, 2, {"float32": 8})


def test_operator_code_is_the_larger_field() -> None:
    """Writers fill either field; a code past 127 fits only the newer one."""
    for deprecated, current in ((55, 0), (0, 55), (55, 55)):
        file = TFLiteFile()
        a, b, y = (file.tensor((1, 4)) for _ in range(3))
        file.op("MAXIMUM", [a, b], [y])
        code = file.model.operatorCodes[0]
        code.deprecatedBuiltinCode, code.builtinCode = deprecated, current
        file.graph.inputs, file.graph.outputs = [a, b], [y]
        assert read_tflite(file.bytes(), audio_s=1.0).layers[0].kind == "MAXIMUM"
    gelu = one_op("GELU", [(1, 4)], (1, 4))
    assert read_tflite(gelu, audio_s=1.0).elementwise == 4


def test_unknown_ops_are_named_and_not_counted() -> None:
    file = TFLiteFile()
    x, y, z, last = (file.tensor((1, 4)) for _ in range(4))
    file.op(9999, [x], [y])
    file.op("CUSTOM", [y], [z])
    file.model.operatorCodes[-1].customCode = "Mfcc"
    file.op("SKIP_GRAM", [z], [last])
    file.graph.inputs, file.graph.outputs = [x], [last]
    inventory = read_tflite(file.bytes(), audio_s=1.0)
    assert [layer.kind for layer in inventory.layers] == ["OP_9999", "CUSTOM Mfcc", "SKIP_GRAM"]
    assert inventory.macs == inventory.elementwise == 0
    assert inventory.notes == ("work of CUSTOM Mfcc, OP_9999, SKIP_GRAM is not counted",)


def test_constants_that_nothing_reads_take_room() -> None:
    file = TFLiteFile()
    x, y = file.tensor((1, 4)), file.tensor((1, 4))
    file.constant(np.ones(50, np.float32), name="left over")
    file.op("RELU", [x], [y])
    file.graph.inputs, file.graph.outputs = [x], [y]
    inventory = read_tflite(file.bytes(), audio_s=1.0)
    assert inventory.constant_bytes == 200 and inventory.parameters == 0
    assert [layer.kind for layer in inventory.layers] == ["RELU", "unread"]


def test_names_and_types_are_those_of_the_schema() -> None:
    """Other releases of the schema may have more at their ends, never others."""
    codes = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith("_")}
    assert all(operator_name(code) in (name, f"OP_{code}") for code, name in codes.items())
    assert operator_name(209) == "STABLEHLO_CASE"
    grouped = {*PER_OUTPUT, *PER_INPUT, *POOLS, *MOVES, *UNPACKING, *RULES}
    assert grouped <= {operator_name(code) for code in range(210)}
    types = {v: k for k, v in vars(schema.TensorType).items() if not k.startswith("_")}
    for (name, _), code in zip(TYPES, sorted(types), strict=False):
        assert types[code] == name.upper()


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32", "uint8", "int64", "int8"])
def test_nonzero_of_whole_types(dtype: str) -> None:
    numbers = np.array([0, 1, -0.0, 0, 5, 0.25]).astype(dtype)
    bits = 8 * numbers.itemsize
    assert count_nonzero(memoryview(numbers.tobytes()), dtype, bits) == np.count_nonzero(numbers)


def test_nonzero_of_types_that_numpy_lacks() -> None:
    assert count_nonzero(memoryview(b"\x00\x80\x80\x3f\x00\x00"), "bfloat16", 16) == 1
    assert count_nonzero(memoryview(b"\x00\x80\x01"), "float8_e4m3fn", 8) == 1
    assert count_nonzero(memoryview(b"\x0f\xf0\xff\x00"), "int4", 4) == 4
    assert count_nonzero(memoryview(b"\x03\x55"), "int2", 2) == 5


FRONT_END = FrontEnd(sample_rate_hz=8000, n_fft=256, win_length=256, hop_length=200, n_mels=40)


def metadata(clip_s: float) -> bytes:
    made = Metadata(name="t", labels=["a"], frontend=FRONT_END.to_dict(), clip_s=clip_s,
                     precision="float32")  # fmt: skip
    return metadata_to_json(made)


COMPACT = CASES[0]


def test_length_comes_from_the_metadata() -> None:
    data = to_tflite(COMPACT.graph(), COMPACT.n_frames, {METADATA_KEY: metadata(clip_s=2.0)})
    as_trained = read_tflite(data)
    assert as_trained.input_shape == (1, 40, 81, 1)  # 1 + 2 s x 8000 Hz / 200
    assert as_trained.audio_s == 2.0 and not as_trained.notes
    assert as_trained.macs == read_tflite(data, frames=81).macs
    shorter = read_tflite(data, frames=41)
    assert shorter.audio_s == 1.0 and shorter.macs < as_trained.macs
    assert read_tflite(data, audio_s=4.0).audio_s == 4.0


def test_length_without_a_metadata() -> None:
    data = to_tflite(COMPACT.graph(), COMPACT.n_frames, {METADATA_KEY: b"{}"})
    inventory = read_tflite(data)
    assert inventory.input_shape == (1, 40, COMPACT.n_frames, 1)
    assert inventory.audio_s == 0.01 * COMPACT.n_frames and inventory.missing == {
        "work",
        "activations",
    }
    assert [note.split(":")[0] for note in inventory.notes] == [
        "its metadata cannot be read",
        "dynamic input counted at its stored length; --frames and --seconds say it",
        "the file does not say how much audio its input holds"]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shapes_are_those_of_the_runtime(case: Case) -> None:
    """Second implementation: LiteRT resizes the same file, operator by operator."""
    data = to_tflite(case.graph(), case.n_frames)
    graph = read_subgraphs(data)[0]
    for n_frames in [case.n_frames, 33, 80] if case.name in ANY_LENGTH else [case.n_frames]:
        shapes = Shapes(graph)
        shapes.resize({graph.inputs[0]: (1, case.n_mels, n_frames, 1)})
        runtime = Interpreter(
            model_content=data,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        runtime.resize_tensor_input(graph.inputs[0], [1, case.n_mels, n_frames, 1])
        runtime.allocate_tensors()
        theirs = {d["index"]: tuple(map(int, d["shape"])) for d in runtime.get_tensor_details()}
        assert not shapes.kept
        for index, shape in enumerate(shapes.known):
            assert theirs[index] == shape


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_bytes_on_disk(case: Case, half: bool) -> None:
    """Constants and metadata are all the buffers there are; the rest of the file is graph."""
    data = to_tflite(case.graph(), case.n_frames, {"note": b"12345"}, half=half)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    on_disk = sum(len(b.data) for b in model.buffers if b.data is not None)
    inventory = read_tflite(data)
    assert inventory.constant_bytes == on_disk - len(b"12345")
    assert inventory.constant_bytes < (inventory.file_bytes or 0) == len(data)
    assert sum(sum(layer.bytes_by_dtype.values()) for layer in inventory.layers) == (
        inventory.constant_bytes
    )


def test_input_that_cannot_take_the_length() -> None:
    data = to_tflite(COMPACT.graph(), COMPACT.n_frames)
    assert read_tflite(data, frames=1).input_shape == (1, 40, 1, 1)  # ceil mode: never too short
    with pytest.raises(ValueError, match="frames must be at least 1, not 0"):
        read_tflite(data, frames=0)
    with pytest.raises(ValueError, match="seconds of audio must be above 0"):
        read_tflite(data, audio_s=0)
    fixed = to_tflite(CASES[2].graph(), CASES[2].n_frames)
    with pytest.raises(ValueError, match=r"model\.tflite: input of fixed shape \[1, 32, 63, 1\]"):
        read_tflite(fixed, frames=64)
    valid = TFLiteFile()
    x = valid.tensor((1, 5, 1, 1), signature=(-1, 5, -1, 1))
    y = valid.tensor((1, 1, 1, 2), signature=(-1, 1, -1, 2))
    made = options("Conv2D", padding=VALID, strideW=1, strideH=1)
    valid.op("CONV_2D", [x, valid.constant(ones(2, 5, 5, 1)), -1], [y], made)
    valid.graph.inputs, valid.graph.outputs = [x], [y]
    assert read_tflite(valid.bytes(), frames=9).macs == 5 * 2 * 25
    with pytest.raises(ValueError, match=r"CONV_2D of 5 over an axis of 4: input too short"):
        read_tflite(valid.bytes(), frames=4)


def test_file_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(one_op("RELU", [(1, 4)], (1, 4))[:60])
    with pytest.raises(ValueError, match=r"broken\.tflite: "):
        inventory_of_file(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"broken\.tflite: neither a TFLite nor an ONNX"):
        inventory_of_file(path)
    with pytest.raises(OSError, match="absent"):
        inventory_of_file(tmp_path / "absent.tflite")


def victims() -> list[bytes]:
    kinds = [one_op(*row[:4]) for row in BY_HAND]
    return [*kinds, to_tflite(COMPACT.graph(), 33, half=True)]


VICTIMS = victims()


@settings(max_examples=300, deadline=2000)  # ms a file: damage must not cost time either
@given(st.integers(0, len(VICTIMS) - 1), st.data())
def test_damaged_file_is_counted_or_complained_of(which: int, data: st.DataObject) -> None:
    victim = bytearray(VICTIMS[which])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(victim) - 1))
        victim[at] = data.draw(st.sampled_from([0, 1, 2, 4, 0x7F, 0x80, 0xFF]))
    end = data.draw(st.sampled_from([len(victim), len(victim) // 2, len(victim) - 8]))
    frames = data.draw(st.sampled_from([None, 10]))
    try:
        inventory = read_tflite(bytes(victim[:end]), frames=frames)
    except ValueError as error:
        assert str(error).startswith("model.tflite: ") and "\n" not in str(error)
    else:
        assert inventory.constant_bytes <= len(victim)


Steps = st.lists(st.tuples(st.lists(st.integers(0, 7), max_size=3), st.integers(0, 7)), max_size=9)


@given(Steps, st.lists(st.integers(0, 50), min_size=8, max_size=8), st.sets(st.integers(0, 7)))
def test_peak_is_the_largest_live_set(
    plan: list[tuple[list[int], int]], sizes: list[int], kept: set[int]
) -> None:
    """Second implementation: at each step, ask of every tensor whether it is alive."""
    steps = [(reads, [made]) for reads, made in plan]

    def alive(tensor: int, now: int) -> bool:
        makes = [i for i, (_, makes) in enumerate(steps) if tensor in makes]
        reads = [i for i, (reads, _) in enumerate(steps) if tensor in reads]
        if not makes and not reads:
            return False
        # Read before it is made: it was there from the start.
        first_made = min(makes, default=len(steps))
        start = 0 if reads and min(reads) <= first_made else first_made
        end = len(steps) if tensor in kept else max([*makes, *reads])
        return start <= now <= end

    expected = max(
        (sum(sizes[t] for t in range(8) if alive(t, now)) for now in range(len(steps))), default=0
    )
    assert peak_bytes(steps, dict(enumerate(sizes)), kept) == expected
