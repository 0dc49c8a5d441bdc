"""Ways to store an int8 network in an .onnx file: how fast, and how far from what was trained.

    python bench/encodings.py FOLDER | python recipes/tables.py fill RESULTS.md encodings

The zoo's files are rewritten in each way. Milliseconds: the least of interleaved runs on one thread
of this processor, because what else runs here only adds to it. Steps: the largest difference of a
logit from exact arithmetic on the file that ships, here and on a processor with AVX2 that qemu
emulates. FOLDER gets the files.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

# The tests' exact arithmetic on a file's integers, and the recipes' tables.
sys.path.extend(map(str, Path(__file__).resolve().parents[1].glob("tests/support/*")))
sys.path.append(str(Path(__file__).resolve().parents[1] / "recipes"))
from tables import made, made_line, markdown

from edge_asc.runtime.metadata import read_metadata
from edge_asc.runtime.sessions import import_onnxruntime
from edge_asc.runtime.zoo.models import zoo_models
from elsewhere import AVX2, answers
from exact_onnx import exact_logits, largest_steps
from old_onnx import signed_weights
from taught import clips

N_RUNS, N_FRAMES = 100, 500  # one window of 5 s
N_CLIPS, N_TRIED_FRAMES = 4, 100  # for the steps


def signed_activations(data: bytes) -> bytes:
    """int8 throughout."""
    model = onnx.load_from_string(signed_weights(data))
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.UINT8:
            moved = numpy_helper.to_array(tensor).astype(np.int16) - 128
            tensor.CopyFrom(numpy_helper.from_array(moved.astype(np.int8), tensor.name))
    return bytes(model.SerializeToString())


def narrow_weights(data: bytes) -> bytes:
    """int8 weights that are even numbers, so that half of each fits 7 bits."""
    model = onnx.load_from_string(signed_weights(data))
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.INT8 and len(tensor.dims) > 1:
            even = np.clip(2 * np.rint(numpy_helper.to_array(tensor) / 2), -126, 126)
            tensor.CopyFrom(numpy_helper.from_array((even / 2).astype(np.int8), tensor.name))
            scale_doubled(model.graph, tensor.name)
    return bytes(model.SerializeToString())


def scale_doubled(graph: onnx.GraphProto, weight: str) -> None:
    """Give a weight, now halved, twice its scale; and half its bias, which has the same."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "QLinearConv" and node.input[3] == weight:
            scale, bias = (numpy_helper.to_array(tensors[node.input[p]]) for p in (4, 8))
            for position, array in ((4, 2 * scale), (8, np.rint(bias / 2).astype(np.int32))):
                name = f"{weight}/{position}"
                graph.initializer.append(numpy_helper.from_array(array, name))
                node.input[position] = name


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "uint8, uint8 (as shipped)": lambda data: data,
    "uint8, int8": signed_weights,
    "int8, int8": signed_activations,
    "uint8, int8 of 7 bits": narrow_weights,
}


def milliseconds(files: dict[str, bytes], n_mels: int) -> dict[str, float]:
    """Least time of a window, by way; the ways take turns."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # tensors that one of the ways leaves unused
    sessions = {
        way: onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        for way, data in files.items()
    }
    x = clips(1, n_mels, N_FRAMES, seed=7)[0].numpy()
    times: dict[str, list[float]] = {way: [] for way in files}
    for _ in range(N_RUNS):
        for way, session in sessions.items():
            began = time.perf_counter()
            session.run(None, {"x": x})
            times[way].append(1000 * (time.perf_counter() - began))
    return {way: min(spent) for way, spent in times.items()}


def steps(folder: Path, files: dict[str, bytes], n_mels: int) -> dict[str, tuple[float, float]]:
    """Largest differences from the shipped file in exact arithmetic, here and emulated, by way."""
    folder.mkdir(parents=True, exist_ok=True)
    x = clips(N_CLIPS, n_mels, N_TRIED_FRAMES, seed=7)[0][:, 0].numpy()
    exact = exact_logits(next(iter(files.values())), x)
    for index, data in enumerate(files.values()):
        (folder / f"{index}.onnx").write_bytes(data)
        np.savez(folder / f"{index}.npz", x=x)
    here, there = answers(folder, None), answers(folder, AVX2)
    return {
        way: tuple(largest_steps(found[f"{index}.onnx"], exact) for found in (here, there))
        for index, way in enumerate(files)
    }


def main(folder: Path) -> None:
    """A row a way, three columns a model."""
    rows: dict[str, list[str]] = {way: [way] for way in WAYS}
    columns = ["activations, weights"]
    for model in zoo_models():
        data = model.tflite.with_suffix(".onnx").read_bytes()
        n_mels = read_metadata(model.tflite).frontend["n_mels"]
        files = {way: write(data) for way, write in WAYS.items()}
        times, apart = milliseconds(files, n_mels), steps(folder / model.name, files, n_mels)
        columns += [f"{model.name}, ms", "steps here", "with AVX2"]
        for way in WAYS:
            rows[way] += [f"{times[way]:.2f}", *(f"{n:.0f}" for n in apart[way])]
    print(markdown(columns, list(rows.values())))
    print(f"\n{made_line(made())}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
