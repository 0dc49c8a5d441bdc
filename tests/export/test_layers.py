"""What people's networks are made of: torch = .tflite = .onnx, in float32, float16 and int8."""

import os
from functools import cache

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from torch import nn

from edge_asc.budget.network.reader import inventory_of_torch
from edge_asc.budget.onnx.reader import read_onnx
from edge_asc.budget.tflite.reader import read_tflite
from edge_asc.export.onnx.to_onnx import to_onnx
from edge_asc.export.parity import MOST_STEPS
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.fold import fold
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.graph import Graph
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import trace
from edge_asc.quantize import qat
from edge_asc.quantize.half import round_to_half
from layers import FLOAT_ONLY, LAYERS, with_layer

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore:Using padding='same':UserWarning"
    ),  # torch's, of even kernels
]

N_MELS, N_FRAMES = 12, 61
FLOAT = 1e-5  # of the largest logit: float32 sums in another order
# Each integer kernel may round to the other side what lies halfway between two steps. TFLite's own
# kernel of MEAN rounds less well than XNNPACK's, which networks of random weights make larger.
STEPS = {"XNNPACK": 2.01, "ONNX Runtime": 2.01, "builtin": MOST_STEPS}
# What is brought to unit length is off by more where it is a few steps long before.
LENGTHENED = {"of channels": 12.0}
N_SHORT = 20  # frames of a map that leaves the network number by number
RESOLVERS = {
    "XNNPACK": OpResolverType.AUTO,
    "builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
}
names = pytest.mark.parametrize("name", LAYERS)


def stored_as(*precisions: str) -> pytest.MarkDecorator:
    """Each layer in each precision that it has."""
    pairs = [(name, precision) for precision in precisions for name in LAYERS
             if precision != "int8" or name not in FLOAT_ONLY]  # fmt: skip
    return pytest.mark.parametrize(("name", "precision"), pairs)


@cache
def graph_of(name: str, precision: str = "float32") -> Graph:
    return stored(trace(with_layer(LAYERS[name]), N_MELS), precision, features(16))


@cache
def by_itself(name: str, precision: str) -> Graph:
    """The layer behind its stem: each number of its result is a logit."""
    network = with_layer(LAYERS[name])
    layers = nn.Sequential(network.stem, network.layer, nn.Flatten()).eval()
    return stored(trace(layers, N_MELS, N_SHORT), precision, features(16, N_SHORT))


def stored(graph: Graph, precision: str, examples: torch.Tensor) -> Graph:
    graph = fold(graph)
    if precision == "int8":
        return qat.freeze(qat.prepare(GraphNetwork(graph).eval(), [examples]))
    return round_to_half(graph) if precision == "float16" else graph


def features(n_clips: int, n_frames: int = N_FRAMES) -> torch.Tensor:
    torch.manual_seed(n_clips)
    return torch.randn(n_clips, 1, N_MELS, n_frames)


def run_tflite(data: bytes, x: np.ndarray, resolver: OpResolverType) -> np.ndarray:
    interpreter = Interpreter(model_content=data, experimental_op_resolver_type=resolver)
    (entry,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(entry["index"], [1, *x.shape[2:], 1])
    interpreter.allocate_tensors()
    rows = []
    for clip in x[:, 0, :, :, None]:
        scale, zero = entry["quantization"]
        if scale:
            clip = np.clip(np.rint(clip / scale) + zero, -128, 127)
        interpreter.set_tensor(entry["index"], clip[None].astype(entry["dtype"]))
        interpreter.invoke()
        scale, zero = out["quantization"]
        values = interpreter.get_tensor(out["index"])[0].astype(np.float32)
        rows.append((values - zero) * scale if scale else values)
    return np.stack(rows)


def run_onnx(data: bytes, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(data)
    return session.run(None, {"x": x})[0]


@names
def test_the_graph_computes_what_the_network_does(name: str) -> None:
    network, x = with_layer(LAYERS[name]), features(3, 47)
    with torch.no_grad():
        ours, theirs = GraphNetwork(graph_of(name))(x)[0], network(x)
    assert (ours - theirs).abs().max() <= FLOAT * theirs.abs().max()


def check_files(
    graph: Graph, lengths: tuple[int, ...], half: bool = False, builtin: float = STEPS["builtin"]
) -> None:
    network = GraphNetwork(graph).eval()
    tflite, onnx = (write(graph, lengths[0], half=half) for write in (to_tflite, to_onnx))
    for n_frames in lengths:
        x = features(5, n_frames)
        with torch.no_grad():
            expected = network(x)[0].numpy()
        found = {kind: run_tflite(tflite, x.numpy(), r) for kind, r in RESOLVERS.items()}
        found["ONNX Runtime"] = run_onnx(onnx, x.numpy())
        worst = {k: float(np.abs(v - expected).max()) for k, v in found.items()}
        if graph.is_quantised:
            step = graph.grids[graph.outputs["scene"]].scale
            allowed = STEPS | {"builtin": builtin}
            assert all(worst[k] <= allowed[k] * step for k in worst), (worst, step)
        else:
            assert max(worst.values()) <= FLOAT * np.abs(expected).max(), worst


@stored_as("float32", "float16", "int8")
def test_files_compute_the_graph(name: str, precision: str) -> None:
    graph = graph_of(name, precision)
    check_files(graph, (N_FRAMES, 47), half=precision == "float16")


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("name", ["frames up to many", "last of many frames"])
def test_files_leave_out_what_lies_beyond_a_limit(name: str, precision: str) -> None:
    check_files(graph_of(name, precision), (199, 201, 700))


@stored_as("float32", "int8")
def test_each_number_of_a_layer_is_right(name: str, precision: str) -> None:
    """Nothing is averaged here, so that no error hides."""
    builtin = LENGTHENED.get(name, STEPS["builtin"])
    check_files(by_itself(name, precision), (N_SHORT,), builtin=builtin)


@stored_as("float32", "int8")
def test_both_readers_count_the_same_work(name: str, precision: str) -> None:
    graph, n_frames = graph_of(name, precision), N_FRAMES + 19  # not the one that is stored
    theirs = read_onnx(to_onnx(graph, N_FRAMES), frames=n_frames, audio_s=1.0)
    ours = read_tflite(to_tflite(graph, N_FRAMES), frames=n_frames, audio_s=1.0)
    assert not ours.missing and not theirs.missing, (ours.notes, theirs.notes)
    assert (ours.macs, ours.parameters) == (theirs.macs, theirs.parameters)


@names
def test_the_network_is_counted_in_full(name: str) -> None:
    """Before export: all its operations are known, and its parameters are torch's."""
    network = with_layer(LAYERS[name])
    found = inventory_of_torch(network, (1, 1, N_MELS, N_FRAMES), audio_s=1.0)
    assert not found.notes
    assert found.parameters == sum(p.numel() for p in network.parameters())


@stored_as("float32", "int8")
def test_a_file_read_and_written_again_is_the_same_file(name: str, precision: str) -> None:
    file = to_tflite(graph_of(name, precision), N_FRAMES)
    graph, n_frames = from_tflite(file)
    assert to_tflite(graph, n_frames) == file


@pytest.mark.parametrize("name", sorted(FLOAT_ONLY))
def test_what_int8_steps_say_too_little_of_is_refused_in_int8(name: str) -> None:
    with pytest.raises(ValueError, match=r"layer.*\.py:\d+: (sqrt|rsqrt|div) .* no int8 form"):
        graph_of(name, "int8")
