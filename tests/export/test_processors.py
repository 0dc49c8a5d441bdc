"""int8 files on an older processor: emulated, they answer what exact arithmetic does.

ONNX Runtime and LiteRT choose their kernels by the processor's instructions. What is tried natively
says nothing of the others; `recipes/processors.py` measures more of them.
"""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_asc.export.onnx.to_onnx import to_onnx
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.network import GraphNetwork
from edge_asc.quantize import qat
from edge_asc.runtime.formats.unsigned_weights import has_signed_weights, unsigned_weights
from edge_asc.runtime.metadata import read_metadata
from edge_asc.runtime.zoo.models import zoo_models
from elsewhere import AVX2, answers, emulator
from exact_onnx import exact_logits, largest_steps, steps_of_each_op, with_integers_out
from networks import CASES
from old_onnx import signed_weights
from taught import N_KINDS, clips, taught_graph

pytestmark = pytest.mark.slow

# Kernels round to either side what lies halfway, and the next layers spread it: at most 4 steps
# from exact arithmetic with 30 seeds of the network that spreads it most, 2 with others.
STEPS = 4.01
N_CLIPS = 4
LARGEST, WEIGHT, STEP = 255, 127, 512  # 2 · 255 · 127 is twice what 16 bits hold
# Of each kind of op one: maximum and attention, leaky ReLU, grouped convolutions, a sum.
TRIED = ("compact-abstract", "single-leaky-relu-replace", "dcase2024-baseline", "resnet-light")
OLD = "old"

needs_emulator = pytest.mark.skipif(
    emulator() is None, reason="no qemu-x86_64 (apt install qemu-user-static)"
)


def sum_of_two(weight_type: type) -> bytes:
    """A file that answers x · WEIGHT + x · WEIGHT sixteen times, in steps of STEP."""
    offset = 128 if weight_type is np.uint8 else 0
    constants = {
        "one": np.array(1, np.float32),
        "zero": np.array(0, np.uint8),
        "w": np.full((16, 2, 1, 1), WEIGHT + offset, weight_type),
        "ws": np.ones(16, np.float32),
        "wz": np.full(16, offset, weight_type),
        "step": np.array(STEP, np.float32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "one", "zero"], ["q"]),
        helper.make_node("Concat", ["q", "q"], ["two"], axis=1),
        helper.make_node(
            "QLinearConv", ["two", "one", "zero", "w", "ws", "wz", "step", "zero"], ["s"]
        ),
        helper.make_node("DequantizeLinear", ["s", "step", "zero"], ["y"]),
        helper.make_node("Flatten", ["y"], ["scene"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 1, 1])
    scene = helper.make_tensor_value_info("scene", TensorProto.FLOAT, ["N", 16])
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", [x], [scene], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def lay(folder: Path, name: str, x: np.ndarray, **files: bytes) -> None:
    """A model's files and its inputs, for `elsewhere_answers.py`."""
    np.savez(folder / f"{name}.npz", x=x)
    for suffix, data in files.items():
        (folder / f"{name}.{suffix}").write_bytes(data)


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[np.ndarray]]]:
    """Files, and what they answer on a processor with AVX2 and no VNNI.

    All in one start: imports take an emulated processor longer than models. NAME-ops.onnx is
    NAME.onnx with all its integers among its outputs, OLD a file with int8 weights.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    for case in (case for case in CASES if str(case) in TRIED):
        examples, _ = clips(16, case.n_mels, case.n_frames, seed=99)
        float_network = GraphNetwork(taught_graph(case, n_clips=N_KINDS)).eval()
        graph = qat.freeze(qat.prepare(float_network, examples.split(8)))
        x = clips(N_CLIPS, case.n_mels, case.n_frames, seed=7)[0][:, 0].numpy()
        onnx_file, tflite_file = (write(graph, case.n_frames) for write in (to_onnx, to_tflite))
        lay(folder, str(case), x, onnx=onnx_file, tflite=tflite_file)
        lay(folder, f"{case}-ops", x, onnx=with_integers_out(onnx_file))
        if str(case) == TRIED[0]:
            old = signed_weights(onnx_file)
            lay(folder, OLD, x, onnx=old)
            lay(folder, f"{OLD}-ops", x, onnx=with_integers_out(old))
    for model in zoo_models():
        n_mels = read_metadata(model.tflite).frontend["n_mels"]
        x = clips(1, n_mels, 50, seed=7)[0][:, 0].numpy()
        onnx_file = model.tflite.with_suffix(".onnx").read_bytes()
        lay(folder, model.name, x, onnx=onnx_file, tflite=model.tflite.read_bytes())
    x = np.full((1, 1, 1), LARGEST, np.float32)
    for name, weight_type in (("signed", np.int8), ("unsigned", np.uint8)):
        lay(folder, name, x, onnx=sum_of_two(weight_type))
    return folder, answers(folder, AVX2)


@needs_emulator
def test_int8_weights_saturate_there(emulated: tuple[Path, dict]) -> None:
    """Else the tests below could not fail."""
    _, found = emulated
    (right,), (wrong,) = found["unsigned.onnx"], found["signed.onnx"]
    np.testing.assert_array_equal(
        right / STEP, np.full((1, 16), np.rint(2 * LARGEST * WEIGHT / STEP))
    )
    np.testing.assert_array_equal(wrong / STEP, np.full((1, 16), np.rint(2**15 / STEP)))


@needs_emulator
def test_files_answer_there_what_is_exact(emulated: tuple[Path, dict]) -> None:
    folder, found = emulated
    models = {*TRIED, *(model.name for model in zoo_models())}
    others = {"signed", "unsigned", OLD, *(f"{name}-ops" for name in (*TRIED, OLD))}
    assert {Path(name).stem for name in found} == models | others
    assert len(found) == 2 * len(models) + len(others)
    for name in models:
        exact = exact_logits(*laid(folder, name))
        for suffix in ("onnx", "tflite"):
            assert largest_steps(found[f"{name}.{suffix}"], exact) <= STEPS, (name, suffix)


@needs_emulator
@pytest.mark.parametrize("name", TRIED)
def test_each_op_is_exact_to_a_step_there(name: str, emulated: tuple[Path, dict]) -> None:
    """Of its own inputs, so that nothing spreads."""
    steps = of_each_op(*emulated, name)
    assert {op for op, n in steps.items() if n} <= {"QuantizeLinear", "QLinearConv"}
    assert max(steps.values()) <= 1, steps


def laid(folder: Path, name: str) -> tuple[bytes, np.ndarray]:
    """A model's .onnx file and its inputs."""
    with np.load(folder / f"{name}.npz") as inputs:
        return (folder / f"{name}.onnx").read_bytes(), inputs["x"]


def of_each_op(folder: Path, found: dict[str, list[np.ndarray]], name: str) -> dict[str, int]:
    """`steps_of_each_op` without the logits, which are the first outputs."""
    integers = [value for value in found[f"{name}-ops.onnx"] if value.dtype == np.uint8]
    return steps_of_each_op(*laid(folder, f"{name}-ops"), integers)


@needs_emulator
def test_weights_as_they_were_are_wrong_there(emulated: tuple[Path, dict]) -> None:
    """The same network with int8 weights, as files held them before."""
    folder, found = emulated
    data, _ = laid(folder, TRIED[0])
    old, x = laid(folder, OLD)
    assert has_signed_weights(old) and unsigned_weights(old) == data
    assert largest_steps(found[f"{OLD}.onnx"], exact_logits(old, x)) > STEPS
    assert of_each_op(folder, found, OLD)["QLinearConv"] > 1
