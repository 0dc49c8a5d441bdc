"""Static files where they are to go: TensorFlow Lite Micro, and Arm's compiler for its NPUs.

Both are wheels that are installed beside the rest where there are any: `pip install -e .[micro]`.
"""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_asc.budget.read_file import inventory_of_file
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.graph import Graph
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import trace
from edge_asc.models import build
from edge_asc.quantize import qat
from edge_asc.quantize.four_bits import layers_of_four_bits
from edge_asc.runtime.sessions import OPENERS, dequantize, quantize
from edge_asc.runtime.zoo.models import model_path
from networks import ANY_LENGTH, CASES, WIDE, Case

ARENA_BYTES = 4_000_000
# Other kernels than LiteRT's: each may round what lies halfway to the other side.
STEPS = 2.01
NPUS = ("ethos-u55-128", "ethos-u65-256", "ethos-u85-256")
OF_ANY_LENGTH = [case for case in CASES if case.name in ANY_LENGTH]
COMPACT = CASES[0]
ZOO = ("esc10-32k", "esc10-128k", "encoder", "encoder-lite")


def installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent
        return False


needs_tflm = pytest.mark.skipif(
    not installed("tflite_micro"), reason="tflite-micro is not installed: pip install .[micro]"
)
needs_vela = pytest.mark.skipif(
    not installed("ethosu.vela"), reason="ethos-u-vela is not installed: pip install .[micro]"
)


def of_zoo(name: str) -> tuple[Graph, int]:
    return from_tflite(model_path(name).read_bytes())


def of_case(case: Case) -> tuple[Graph, int]:
    return qat.dummy_quantised(case.graph()), case.n_frames


def static(found: tuple[Graph, int]) -> bytes:
    return to_tflite(*found, static=True)


@needs_tflm
@pytest.mark.parametrize(
    "data",
    [*(lambda n=n: static(of_zoo(n)) for n in ZOO),
     *(lambda c=c: static(of_case(c)) for c in OF_ANY_LENGTH)],
    ids=[*ZOO, *map(str, OF_ANY_LENGTH)],
)  # fmt: skip
def test_the_arena_is_the_one_that_is_counted(
    data: Callable[[], bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    """To the byte, but for what kernels need for themselves while they run."""
    from tflite_micro import runtime

    file = data()
    interpreter = runtime.Interpreter.from_bytes(file, arena_size=ARENA_BYTES)
    interpreter.print_allocations()
    said = "".join(capfd.readouterr())
    (head,) = re.findall(r"Arena allocation head (\d+) bytes", said)
    counted = inventory_of_file(file, audio_s=1.0).peak_activation_bytes
    assert counted <= int(head) <= 1.03 * counted + 256


def of_four_bits() -> tuple[Graph, int]:
    network = GraphNetwork(WIDE.graph()).eval()
    narrow = layers_of_four_bits(network.graph)
    return qat.freeze(qat.prepare(network, [WIDE.inputs(8)], narrow).eval()), WIDE.n_frames


@needs_tflm
@pytest.mark.parametrize("found", [lambda: of_zoo("esc10-32k"), of_four_bits], ids=["int8", "int4"])
def test_its_answers_are_ours(found: Callable[[], tuple[Graph, int]]) -> None:
    """Weights of four bits it unpacks by itself, as it computes."""
    from tflite_micro import runtime

    graph, n_frames = found()
    file = static((graph, n_frames))
    micro, ours = (
        runtime.Interpreter.from_bytes(file, arena_size=ARENA_BYTES),
        OPENERS["litert"](file, 1),
    )
    x, y = (graph.grids[value] for value in (graph.input, graph.outputs["scene"]))
    draw = np.random.default_rng(0)
    for _ in range(4):
        features = draw.standard_normal((graph.n_mels, n_frames)).astype(np.float32)
        micro.set_input(quantize(features, x.scale, x.zero_point, np.int8)[None, :, :, None], 0)
        micro.invoke()
        logits = dequantize(micro.get_output(0)[0], y.scale, y.zero_point)
        assert np.abs(logits - ours.run(features)["scene"]).max() <= STEPS * y.scale


def behind_an_encoder() -> tuple[Graph, int]:
    """A network whose embeddings stay as long as they are."""
    options = {"base": "encoder-lite", "unit_length": False}
    graph = trace(build("pretrained", options, n_scenes=3), 64)
    return qat.dummy_quantised(graph), 501


@needs_vela
@pytest.mark.parametrize("npu", NPUS)
@pytest.mark.parametrize(
    "data",
    [
        lambda: static(of_zoo("esc10-32k")),
        lambda: static(of_case(COMPACT)),
        lambda: static(behind_an_encoder()),
    ],
    ids=["esc10-32k", "compact", "behind an encoder"],
)
def test_an_npu_takes_all_operators(data: Callable[[], bytes], npu: str, tmp_path: Path) -> None:
    """Also a convolution that strides by four over a padded map."""
    assert cpu_operators(data(), npu, tmp_path) == 0


@needs_vela
def test_what_an_npu_leaves_to_the_processor(tmp_path: Path) -> None:
    """A dynamic file's input is padded there; an encoder's length is made 1 there."""
    assert cpu_operators(to_tflite(*of_case(COMPACT)), NPUS[0], tmp_path) == 1
    assert cpu_operators(static(of_zoo("encoder")), NPUS[0], tmp_path) == 1


def cpu_operators(data: bytes, npu: str, folder: Path) -> int:
    path = folder / "m.tflite"
    path.write_bytes(data)
    command = ["--accelerator-config", npu, "--output-dir", str(folder / "out"), str(path)]
    done = subprocess.run(
        [sys.executable, "-m", "ethosu.vela", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (count,) = re.findall(r"CPU operators = (\d+)", done.stdout)
    return int(count)
