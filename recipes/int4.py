"""Weights of four bits for the networks of `recipes/artifacts`, from their float16 files.

    int4.py make NAME PRESET DATA FOLD WAY   one network; WAY: of `WAYS`
    int4.py judge NAME DATA FOLD             accuracy from the files, bytes, ms: figures.json
    int4.py table NAME                       all folds' figures as Markdown

NAME is a folder of `recipes/artifacts` and of `recipes/out/int4`. A float16 file holds a network
as it was trained, folded: enough to go on from, without the days of training before it. What int8
is compared with is the int8 file that lies beside it.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from tables import made, made_line, markdown

from edge_asc.config.schema import Config, load_preset
from edge_asc.data.open import open_dataset
from edge_asc.export.run import write_file
from edge_asc.files import atomic_write, write_json
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.graph import Graph
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import Metadata, Weights, read_metadata

HERE = Path(__file__).parent
WAYS = {"rounded": "int4, rounded", "trained": "int4, trained", "mixed": "mixed, trained"}
# What `edge-asc quantize` does where a preset says nothing, as nothing was chosen for four bits.
SETTINGS = ["quantize.epochs=20", "quantize.learning_rate=3e-4"]
KINDS = {"int8": "int8"} | WAYS
MOST_BYTES = 80_000  # of the mixed file
FORMATS = ("tflite", "onnx")
RUNS = 200  # of each file, in turn, for its median time


def make(name: str, preset: str, data: str, fold: str, way: str) -> None:
    """Quantise a fold's float network and write its two files."""
    source = HERE / "artifacts" / name / f"fold{fold}-float16.tflite"
    graph, n_frames = from_tflite(source.read_bytes())
    config = load_preset(preset, SETTINGS)
    quantised = _quantised(graph, n_frames, source, config, data, int(fold), way)
    for file_format in FORMATS:
        with atomic_write(_file(name, fold, way, file_format)) as path:
            metadata = _metadata(source, quantised, way)
            path.write_bytes(write_file(quantised, metadata, file_format, n_frames))


def _quantised(
    graph: Graph, n_frames: int, source: Path, config: Config, data: str, fold: int, way: str
) -> Graph:
    """As `edge-asc quantize` does with a run, whose own float network teaches it."""
    from edge_asc.graph.network import GraphNetwork
    from edge_asc.quantize import qat
    from edge_asc.quantize.mixed import layers_to_narrow
    from edge_asc.training.fit import fit_material
    from edge_asc.training.inputs.examples import inputs, spread
    from edge_asc.training.inputs.load import prepare

    frontend = FrontEnd.from_dict(read_metadata(source).frontend)
    material = prepare(config, open_dataset(Path(data)), fold, 0, False)
    material = replace(material, frontend=frontend, n_frames=n_frames)
    clips = spread(material.train, config.quantize.range_clips)
    batches = inputs(material.train, clips, frontend, n_frames).split(16)
    network = GraphNetwork(graph).eval()
    weights: Weights = "mixed" if way.startswith("mixed") else "int4"
    narrow = layers_to_narrow(
        network, batches, weights, MOST_BYTES, lambda layers: _bytes_of(graph, source, layers)
    )
    quantised = qat.prepare(network, batches, narrow)
    if way != "rounded":
        schedule = msgspec.structs.replace(config, train=config.quantize.schedule(config.train))
        folder = HERE / "out" / "int4" / source.parent.name / f"fold{fold}-{way}"
        teachers = (GraphNetwork(graph).eval(),)
        fit_material(quantised, material, schedule, folder, teachers=teachers, resume=True)
    return qat.freeze(quantised.eval())


def _bytes_of(graph: Graph, source: Path, narrow: Sequence[int]) -> int:
    from edge_asc.quantize import qat

    quantised = qat.dummy_quantised(graph, narrow)
    metadata = _metadata(source, quantised, "mixed")
    return max(len(write_file(quantised, metadata, f, graph.n_frames)) for f in FORMATS)


def _metadata(source: Path, graph: Graph, way: str) -> Metadata:
    from edge_asc.quantize.four_bits import weights_of

    told = read_metadata(source)
    provenance = told.provenance | {"quantised": "ptq" if way == "rounded" else "qat"}
    return msgspec.structs.replace(
        told, precision=weights_of(graph), provenance=provenance, warnings=[]
    )  # those of float16 are of its size


def _file(name: str, fold: str, way: str, file_format: str) -> Path:
    folder = HERE / "out" / "int4" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"fold{fold}-{way}.{file_format}"


def _files(name: str, fold: str) -> dict[str, Path]:
    """The published int8 files, and ours as far as they are there."""
    artifacts = HERE / "artifacts" / name
    found = {f"int8.{f}": artifacts / f"fold{fold}-int8.{f}" for f in FORMATS}
    found |= {f"trained.{f}": artifacts / f"fold{fold}-int4.{f}" for f in FORMATS}
    made_here = {f"{way}.{f}": _file(name, fold, way, f) for way in WAYS for f in FORMATS}
    found |= {key: path for key, path in made_here.items() if path.is_file()}
    return {key: path for key, path in found.items() if path.is_file()}


def judge(name: str, data: str, fold: str) -> None:
    """Accuracy of every file by its runtime, and their times in one run, in turn."""
    from edge_asc.evaluation.evaluate import evaluate

    files = _files(name, fold)
    times = _times_ms({key: Classifier.load(path, views=1) for key, path in files.items()})
    figures = {}
    for key, path in files.items():
        evaluation = evaluate(path, Path(data), fold=int(fold))
        figures[key] = {
            "accuracy": evaluation.accuracy,
            "file_bytes": path.stat().st_size,
            "ms": times[key],
            "named": evaluation.scene.argmax(1).tolist(),
        }
    path = HERE / "out" / "int4" / name / f"fold{fold}.json"
    write_json(path, {"made": made(), "figures": figures})


def _times_ms(classifiers: dict[str, Classifier]) -> dict[str, float]:
    taken: dict[str, list[float]] = {key: [] for key in classifiers}
    one = next(iter(classifiers.values()))
    shape = (one.frontend.n_mels, one.window_frames)
    features = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    for _ in range(RUNS):
        for key, classifier in classifiers.items():
            start_s = time.perf_counter()
            classifier.logits(features)
            taken[key].append(1000 * (time.perf_counter() - start_s))
    return {key: statistics.median(times) for key, times in taken.items()}


def table(name: str) -> None:
    """Print a row for each kind of weights and each format."""
    folder = HERE / "out" / "int4" / name
    folds = {p.stem.removeprefix("fold"): json.loads(p.read_text())
             for p in sorted(folder.glob("fold?.json"))}  # fmt: skip
    if not folds:
        raise SystemExit(f"{folder}: no fold has figures yet")
    figures = {fold: found["figures"] for fold, found in folds.items()}
    rows = []
    for way, words in KINDS.items():
        for file_format in FORMATS:
            of = [found.get(f"{way}.{file_format}") for found in figures.values()]
            if any(of):
                label = {"tflite": "TFLite", "onnx": "ONNX"}[file_format]
                rows.append([f"{words}, {label}", *_row(of)])
    columns = ["", "mean, %", *(f"fold {fold}" for fold in folds), "file bytes", "ms, 5 s clip"]
    print(markdown(columns, rows))
    told = [_agreement(figures.values(), *way) for way in KINDS.items()]
    print("\n" + "; ".join(filter(None, told)) + ".")
    print(made_line(next(iter(folds.values()))["made"]))


def _agreement(folds: Iterable[dict[str, Any]], way: str, words: str) -> str:
    """On how many clips the two formats, each by its runtime, name the same scene."""
    both = [[fold[f"{way}.{f}"]["named"] for f in FORMATS] for fold in folds
            if f"{way}.tflite" in fold]  # fmt: skip
    pairs = [pair for one, other in both for pair in zip(one, other, strict=True)]
    same = sum(a == b for a, b in pairs)
    return f"{words}: TFLite and ONNX agree on {same} of {len(pairs)} clips" if pairs else ""


def _row(of: Sequence[dict[str, Any] | None]) -> list[str]:
    known = [figures for figures in of if figures]
    mean = statistics.mean(100 * figures["accuracy"] for figures in known)
    sizes = sorted({figures["file_bytes"] for figures in known})
    span = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,}-{sizes[-1]:,}"
    each = [f"{100 * figures['accuracy']:.2f}" if figures else "" for figures in of]
    whole = f"{mean:.2f}" if len(known) == len(of) else ""
    return [whole, *each, span, f"{statistics.median(f['ms'] for f in known):.2f}"]


if __name__ == "__main__":
    {"make": make, "judge": judge, "table": table}[sys.argv[1]](*sys.argv[2:])
