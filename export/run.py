"""A run → model files that keep their budget and compute what was trained, or no files at all."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast, get_args

import msgspec

from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.rules import Rule, enforce, rules_named
from edge_asc.config.own_code import is_own
from edge_asc.export import parity
from edge_asc.export.model_file import ModelFile
from edge_asc.export.names import check_free, file_stem
from edge_asc.export.onnx.to_onnx import to_onnx
from edge_asc.export.static import of_length, static_metadata
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.files import atomic_write, read_json, write_json
from edge_asc.graph.fold import fold
from edge_asc.graph.graph import Graph
from edge_asc.graph.trace import check_length, trace
from edge_asc.quantize import qat
from edge_asc.quantize.half import round_to_half
from edge_asc.quantize.run import SETTINGS, load_quantised
from edge_asc.runtime.metadata import (
    METADATA_KEY,
    Format,
    Metadata,
    Precision,
    Weights,
    metadata_to_json,
)
from edge_asc.suggest import no_such
from edge_asc.training.inputs.examples import load_examples
from edge_asc.training.run_folder import Run, load_network, quantised_folder, read_run

WRITERS = {"tflite": to_tflite, "onnx": to_onnx}
PARITY_FILE = "parity.json"
LICENCE_CHARACTERS = 80  # of the data's licence, in metadata


def export_run(
    run: Path,
    *,
    precision: Precision | None = None,
    formats: Sequence[Format] = ("tflite",),
    rule: str | None = None,
    views: int | None = None,
    static: bool = False,
    window_s: float | None = None,
    out: Path | None = None,
    enforced: bool = True,
    overwrite: bool = False,
) -> list[ModelFile]:
    """Write a run's network as model files, and parity.json beside them.

    Arguments are those of `edge_asc.api.run.Run.export`, with a file for each of `formats`.

    Raises:
        OverBudget: a file would be over the rule; none is written.
        ParityError: a file computes something else than torch; it is not written.
        FileExistsError: such a file holds something else, and `overwrite` is not set.
        ValueError: no such run, precision, rule or format, the run has no such network, or the
            network takes no such window.
    """
    description = read_run(run)
    settings = description.settings()
    precision, rule = precision or settings.precision, rule or settings.rule
    check_one_of("precision", precision, get_args(Precision))
    rules = rules_named(rule)
    examples = load_examples(run)
    graph = deployment_graph(run, precision)
    metadata = model_metadata(run, description, precision, rule, enforced)
    if views is not None:
        metadata = msgspec.structs.replace(metadata, views=views)
    n_frames = description.n_frames
    if window_s is not None and not static:
        raise ValueError("a window of its own is for static files: others take any length")
    if static:
        metadata = static_metadata(metadata, graph, window_s)
        n_frames = metadata.frames or n_frames
        examples = of_length(examples, n_frames)
        _check_window(run, description, n_frames)
    folder, stem = out or run / "export", file_stem(run, description, precision, static)
    files: dict[Path, bytes] = {}
    for file_format in formats:
        data = write_file(graph, metadata, file_format, n_frames)
        over = judge(data, f"{stem}.{file_format}", n_frames, metadata.clip_s, rules, enforced)
        if over:
            warned = msgspec.structs.replace(metadata, warnings=over)
            data = write_file(graph, warned, file_format, n_frames)
        files[folder / f"{stem}.{file_format}"] = data
    if not overwrite:
        check_free(files)
    return [_place(path, data, graph, examples) for path, data in files.items()]


def check_one_of(what: str, name: str, known: Sequence[str]) -> None:
    """Raise ValueError unless a name is a known one."""
    if name not in known:
        raise ValueError(no_such(what, name, known))


def deployment_graph(run: Path, precision: Precision) -> Graph:
    """The graph whose numbers a file of this precision holds."""
    if precision in get_args(Weights):
        return qat.freeze(load_quantised(run, cast("Weights", precision)))
    description = read_run(run)
    n_mels, n_frames = description.front_end().n_mels, description.n_frames
    graph = fold(trace(load_network(run), n_mels, n_frames))
    return round_to_half(graph) if precision == "float16" else graph


def _check_window(run: Path, description: Run, n_frames: int) -> None:
    """Raise ValueError where a network of one's own is another one in a window of its own."""
    if n_frames != description.n_frames and is_own(description.settings().model.name):
        network, n_mels = load_network(run), description.front_end().n_mels
        check_length(network, trace(network, n_mels, description.n_frames), n_frames)


def write_file(graph: Graph, metadata: Metadata, file_format: Format, n_frames: int) -> bytes:
    """The bytes of a model file; static where its metadata say how many frames it takes."""
    check_one_of("format", file_format, get_args(Format))
    entries = {METADATA_KEY: metadata_to_json(metadata)}
    half, static = metadata.precision == "float16", metadata.frames is not None
    return WRITERS[file_format](graph, n_frames, entries, half=half, static=static)


def model_metadata(
    run: Path,
    description: Run,
    precision: Precision,
    rule: str,
    enforced: bool = True,
    quantised_with: Mapping[str, Any] | None = None,
) -> Metadata:
    """What the file will say of itself.

    `quantised_with` is what `quantize.json` will hold; None: what it holds.
    """
    made_by = description.provenance
    provenance = {
        "dataset": description.dataset,
        "fold": description.fold,
        "seed": description.seed,
        "date": made_by.get("date"),
        "git": made_by.get("git"),
        "edge_asc": made_by.get("edge_asc"),
        "torch": made_by.get("versions", {}).get("torch"),
    }
    if licence := made_by.get("data_licence"):
        provenance["data_licence"] = licence[:LICENCE_CHARACTERS]
    if unknown := made_by.get("unknown"):  # it learned from these, too
        provenance["unknown_licence"] = unknown["licence"][:LICENCE_CHARACTERS]
    if "imported" in made_by:  # weights of others: which file they came from
        provenance["imported"] = made_by["imported"]
    if base := description.base:
        provenance["base"] = {"name": base["name"], "sha256": base["sha256"][:12]}
    if precision in get_args(Weights):
        folder = quantised_folder(run, cast("Weights", precision))
        settings = read_json(folder / SETTINGS) if quantised_with is None else quantised_with
        provenance |= _quantised_by(settings, provenance)
    settings = description.settings()
    return Metadata(
        name=settings.name,
        labels=description.labels,
        abstract_labels=description.abstract_labels,
        frontend=description.frontend,
        clip_s=description.clip_s,
        views=settings.data.views,
        others=settings.others,
        precision=precision,
        provenance=provenance,
        budget={"rule": rule, "enforced": enforced},
    )


def _quantised_by(settings: Mapping[str, Any], trained_by: Mapping[str, Any]) -> dict[str, Any]:
    """What made a quantised network: how, by which NNCF, and what else was not as in training."""
    made_by = settings.get("provenance", {})
    versions = made_by.get("versions", {})
    found = {name: made_by.get(name) for name in ("edge_asc", "git")}
    found["torch"] = versions.get("torch")
    others = {name: v for name, v in found.items() if v and v != trained_by.get(name)}
    by = {"quantised_by": others} if others else {}
    return {"quantised": settings["method"], "nncf": versions.get("nncf"), **by}


def judge(
    data: bytes, name: str, n_frames: int, audio_s: float, rules: Sequence[Rule], enforced: bool
) -> list[str]:
    """What of a file is over the rules, one line each; raises instead where they are enforced."""
    inventory = inventory_of_file(data, frames=n_frames, audio_s=audio_s, name=name)
    if enforced:
        for rule in rules:
            enforce(inventory, rule)
    return [
        f"over {rule.name}: {verdict}"
        for rule in rules
        for verdict in rule.measure(inventory)
        if not verdict.ok
    ]


def _place(path: Path, data: bytes, graph: Graph, examples: Any) -> ModelFile:
    """Try the file where it will lie, then give it its name and add its figures to parity.json."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)
        result = parity.compare(temporary, graph, examples)
        parity.check(path.name, result)
    figures = asdict(result)
    record = path.parent / PARITY_FILE
    known = read_json(record) if record.is_file() else {}
    write_json(record, {**known, path.name: figures})
    return ModelFile(path, figures)
