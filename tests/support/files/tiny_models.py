"""A linear model on mean spectra as a model file, made without our own exporters.

Mean over frames, then one fully connected layer for each head. It tells tones of three pitches
apart, so tests know what it must answer. Letters: M mels, F frames, S scenes, A abstract classes.
"""

from pathlib import Path
from typing import Any

import ai_edge_litert.schema_py_generated as schema
import numpy as np
import soundfile

from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.metadata import METADATA_KEY, Metadata, metadata_to_json
from edge_asc.runtime.trust.digest import seal
from tflite_files import TFLiteFile, options

FRONTEND = FrontEnd(
    sample_rate_hz=8000,
    n_fft=256,
    win_length=256,
    hop_length=128,
    n_mels=12,
    normalization="none",
)
PITCH_HZ = {"low": 300.0, "middle": 1000.0, "high": 2500.0}
LABELS = tuple(PITCH_HZ)
ABSTRACT_OF = {"low": "dark", "middle": "dark", "high": "bright"}
ABSTRACT_LABELS = ("dark", "bright")
CLIP_S = 1.0
INPUT_GRID, MEAN_GRID, OUTPUT_GRID = (0.1, 27), (0.1, 27), (0.25, -3)  # scale, zero point

Head = tuple[np.ndarray, np.ndarray]  # weights [classes, M], bias [classes]


def tone(label: str, n_samples: int = 8000, seed: int = 0) -> np.ndarray:
    """A tone of a scene's pitch in a little noise, float32 `[N]`."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(n_samples) / FRONTEND.sample_rate_hz
    pitch_hz = PITCH_HZ[label] * rng.uniform(0.97, 1.03)
    wave = 0.3 * np.sin(2 * np.pi * pitch_hz * time_s + rng.uniform(0, 6))
    return (wave + 0.01 * rng.standard_normal(n_samples)).astype(np.float32)


def write_tone(path: Path, label: str, seconds: float = CLIP_S, seed: int = 0) -> Path:
    """The same as a 16-bit WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rate_hz = FRONTEND.sample_rate_hz
    soundfile.write(path, tone(label, round(seconds * rate_hz), seed), rate_hz)
    return path


def scene_head() -> Head:
    """Weights that are large where a scene's tone has its energy."""
    spectra = np.stack([FRONTEND.raw(tone(label)).mean(1) for label in LABELS])  # [S, M]
    weights = 0.2 * (spectra - spectra.mean(0))
    bias = -(weights * spectra.mean(0)).sum(1)
    return weights.astype(np.float32), bias.astype(np.float32)


def abstract_head() -> Head:
    """The likelier of two scenes for dark, the third for bright."""
    weights, bias = scene_head()
    join = np.array([[0.5, 0.5, 0], [0, 0, 1]], np.float32)
    return join @ weights, join @ bias


def metadata(**changes: Any) -> Metadata:
    """The metadata of the model."""
    fields: dict[str, Any] = {
        "name": "tiny",
        "labels": list(LABELS),
        "abstract_labels": [],
        "frontend": FRONTEND.to_dict(),
        "clip_s": CLIP_S,
        "precision": "float32",
    }
    return Metadata(**{**fields, **changes})


def write_model(
    path: Path, fixed_frames: int | None = None, scene: Head | None = None, **changes: Any
) -> Path:
    """Write the model in the format of the suffix; `changes` are fields of its metadata."""
    described = metadata(**changes)
    heads = {"scene": scene or scene_head()}
    if described.abstract_labels:
        heads["abstract"] = abstract_head()
    write = _write_tflite if path.suffix == ".tflite" else _write_onnx
    write(path, described, heads, fixed_frames)
    return path


def _write_tflite(
    path: Path, described: Metadata, heads: dict[str, Head], fixed_frames: int | None
) -> None:
    file, int8 = TFLiteFile(), described.precision == "int8"
    kind, mels = "int8" if int8 else "float32", FRONTEND.n_mels
    frames = fixed_frames or 10
    signature = None if fixed_frames else (1, mels, -1, 1)
    x = file.tensor((1, mels, frames, 1), kind, "x", signature)
    axes = file.constant(np.array([2, 3], np.int32))
    mean = file.tensor((1, mels), kind)
    file.op("MEAN", [x, axes], [mean], options("Reducer", keepDims=False))
    if int8:
        _set_grid(file, x, *INPUT_GRID)
        _set_grid(file, mean, *MEAN_GRID)
    outputs = [_tflite_head(file, mean, name, *head, int8) for name, head in heads.items()]
    file.graph.inputs, file.graph.outputs = [x], outputs
    file.metadata(METADATA_KEY, metadata_to_json(described))
    path.write_bytes(seal(file.bytes()))


def _tflite_head(
    file: TFLiteFile, mean: int, name: str, weights: np.ndarray, bias: np.ndarray, int8: bool
) -> int:
    output = file.tensor((1, len(bias)), "int8" if int8 else "float32", name)
    if int8:
        scale = float(np.abs(weights).max()) / 127
        w = file.constant(np.rint(weights / scale).astype(np.int8))
        b = file.constant(np.rint(bias / (scale * MEAN_GRID[0])).astype(np.int32))
        _set_grid(file, w, scale, 0)
        _set_grid(file, b, scale * MEAN_GRID[0], 0)
        _set_grid(file, output, *OUTPUT_GRID)
    else:
        w, b = file.constant(weights), file.constant(bias)
    file.op("FULLY_CONNECTED", [mean, w, b], [output], options("FullyConnected"))
    return output


def _set_grid(file: TFLiteFile, tensor: int, scale: float, zero_point: int) -> None:
    grid = schema.QuantizationParametersT()
    grid.scale, grid.zeroPoint = [scale], [zero_point]
    file.graph.tensors[tensor].quantization = grid


def _write_onnx(
    path: Path, described: Metadata, heads: dict[str, Head], fixed_frames: int | None
) -> None:
    import onnx
    from onnx import helper, numpy_helper

    nodes = [helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 3], keepdims=0)]
    constants, outputs = [], []
    for name, (weights, bias) in heads.items():
        constants += [
            numpy_helper.from_array(weights, f"{name}_w"),
            numpy_helper.from_array(bias, f"{name}_b"),
        ]
        gemm_inputs = ["mean", f"{name}_w", f"{name}_b"]
        nodes.append(helper.make_node("Gemm", gemm_inputs, [name], transB=1))
        outputs.append(helper.make_tensor_value_info(name, 1, [1, len(bias)]))
    shape = [1, 1, FRONTEND.n_mels, fixed_frames or "frames"]
    inputs = [helper.make_tensor_value_info("x", 1, shape)]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: metadata_to_json(described).decode()})
    onnx.checker.check_model(model)
    path.write_bytes(seal(model.SerializeToString()))
