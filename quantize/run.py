"""A trained run → its network of integers: folded, ranges measured, trained on with rounding."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import torch

from edge_asc.config.schema import Config, config_from_dict, with_overrides
from edge_asc.data.dataset import SceneDataset
from edge_asc.data.open import open_dataset
from edge_asc.files import read_json, remove_left, write_json
from edge_asc.graph.fold import fold
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import trace
from edge_asc.quantize import qat
from edge_asc.quantize.mixed import FileBytes, layers_to_narrow
from edge_asc.runtime.metadata import Weights
from edge_asc.training.fit import fit_material
from edge_asc.training.inputs.examples import inputs, spread
from edge_asc.training.losses.answers import GivenAnswers
from edge_asc.training.losses.distillation import load_teachers
from edge_asc.training.losses.features import check_embeddings
from edge_asc.training.run import Material, labelled, measure, prepare, save_pictures
from edge_asc.training.run_folder import (
    Run,
    load_network,
    only_one,
    provenance,
    quantised_folder,
    read_rows,
    read_run,
    removed_if_empty,
)

SETTINGS = "quantize.json"
RANGE_BATCH = 16  # clips


@dataclass(frozen=True)
class Asked:
    """What a quantisation shall learn, as it was asked for."""

    overrides: Sequence[str]
    teachers: list[str]  # run folders
    answers: Path | None  # of teachers, by clip


class Before(msgspec.Struct, frozen=True):
    """What one was started with, as `quantize.json` says."""

    config: dict[str, Any]
    teachers: list[str] = []
    answers: dict[str, str] = {}  # file and SHA-256


def quantize_run(
    run: Path,
    *,
    ptq: bool = False,
    overrides: Sequence[str] = (),
    resume: bool = False,
    data: Path | SceneDataset | None = None,
    teachers: Sequence[Path | str] = (),
    answers: Path | None = None,
    progress: bool = True,
    cache: Path | None = None,
    file_bytes: FileBytes | None = None,
) -> Path:
    """Quantise a finished run, into RUN/quantized; arguments as of `edge_asc.api.run.Run.quantize`.

    Settings are given as `overrides` such as `quantize.epochs=10`; a resumed training keeps those
    it was started with. `cache` is the folder of the feature cache, None the user's. `file_bytes`
    tells what a file takes; `quantize.bytes` needs it.

    Returns:
        RUN/quantized, or RUN/quantized-int4 or -mixed where the settings' weights are these, with
        weights.pt, nncf.json, quantize.json, metrics.json.

    Raises:
        ValueError: no finished run, quantised already (without `resume`), or other settings than
            those of the training to resume.
        OSError: the data set cannot be read.
    """
    if answers is not None and teachers:
        raise ValueError("give teachers or their answers, not both")
    description = read_run(run)
    settings = with_overrides(description.settings(), overrides)
    folder = quantised_folder(run, settings.quantize.weights)
    asked = Asked(overrides, [*map(str, teachers)], answers)
    with removed_if_empty(folder), only_one(folder, "quantises"):
        if not (resume and (folder / "weights.pt").exists()):
            _quantise(
                run, description, folder, ptq, asked, resume, data, progress, cache, file_bytes
            )
        _draw(folder, description)
    return folder


def _quantise(
    run: Path,
    description: Run,
    folder: Path,
    ptq: bool,
    asked: Asked,
    resume: bool,
    data: Path | SceneDataset | None,
    progress: bool,
    cache: Path | None,
    file_bytes: FileBytes | None,
) -> None:
    """All but the pictures; arguments as of `quantize_run`."""
    _check_free(folder, resume or ptq)
    before = _settings_before(folder) if resume else None
    config, names = _settings(description, folder, asked, before)
    network = float_network(run, description)
    dataset = _dataset_of(run, description, data)
    taught_by = load_teachers(names, description, dataset)
    given = _answers(folder, asked.answers, before, dataset)
    told = given.describe() if given else {}
    material = prepare(config, dataset, description.fold, description.seed, progress, cache, given)
    # What the network was trained on, should the data set have changed since.
    material = replace(material, frontend=description.front_end(), n_frames=description.n_frames)
    clips = spread(material.train, config.quantize.range_clips)
    features = inputs(material.train, clips, material.frontend, material.n_frames)
    batches = features.split(RANGE_BATCH)
    if taught_by and config.train.distill_feature_weight:
        check_embeddings([network, *taught_by], features[:1])
    narrow = layers_to_narrow(
        network, batches, config.quantize.weights, config.quantize.bytes, file_bytes
    )
    quantised = qat.prepare(network, batches, narrow)  # what cannot be done leaves nothing behind
    method = "ptq" if ptq else "qat"
    settings = {"method": method, "config": config.to_dict(), "teachers": names, "answers": told}
    write_json(folder / SETTINGS, settings | {"provenance": provenance()})
    rows: list[dict[str, Any]] = []
    if not ptq:
        rows = fit_material(
            quantised,
            material,
            msgspec.structs.replace(config, train=config.quantize.schedule(config.train)),
            folder,
            seed=description.seed,
            teachers=taught_by,
            resume=resume,
            progress=progress,
        ).rows
    _save_results(folder, quantised.eval(), description, material, rows)
    qat.save(quantised, folder)  # weights.pt, last, says that the rest is there


def _check_free(folder: Path, may_go_on: bool) -> None:
    """Raise ValueError where a quantised network lies, or one that was interrupted."""
    if (folder / "weights.pt").exists():
        raise ValueError(f"{folder} is there already; delete it to quantise again")
    if not may_go_on and (folder / "last.ckpt").exists():
        raise ValueError(f"{folder} was interrupted: go on with --resume, or delete it")


def _settings(
    description: Run, folder: Path, asked: Asked, before: Before | None
) -> tuple[Config, list[str]]:
    """Settings and teachers: those asked for, which to resume must be those it was started with."""
    begun = config_from_dict(before.config, where=str(folder / SETTINGS)) if before else None
    config = with_overrides(begun or description.settings(), asked.overrides)
    if begun not in (None, config):
        raise ValueError(f"{folder} was started with other settings: resume it without --set")
    names = before.teachers if before else asked.teachers
    if asked.teachers not in ([], names):
        raise ValueError(f"{folder} was started with other teachers: resume it without --teacher")
    return config, names


def _answers(
    folder: Path, path: Path | None, before: Before | None, dataset: SceneDataset
) -> GivenAnswers | None:
    """The answers asked for; to resume, those it was started with, wherever they are now."""
    begun = before.answers if before else {}
    if path is None and not begun:
        return None
    given = GivenAnswers.read(path or Path(begun["file"]), dataset.labels)
    if before and given.sha256 != begun.get("sha256"):
        started = "with other answers" if begun else "without answers"
        raise ValueError(f"{folder} was started {started}, not with {given.path}")
    return given


def _dataset_of(run: Path, description: Run, data: Path | SceneDataset | None) -> SceneDataset:
    """The run's data set, where it is now."""
    if not (data or description.data):
        raise ValueError(f"{run} knows of no data set (it was imported): name one with --data")
    opened = (
        data
        if isinstance(data, SceneDataset)
        else open_dataset(data or description.data, columns=description.columns or None)
    )
    dataset = labelled(description.settings(), opened)
    if list(dataset.labels) != description.labels:
        raise ValueError(f"{dataset.root}: scenes of {dataset.name} are not those of {run}")
    return dataset


def _settings_before(folder: Path) -> Before | None:
    """What an interrupted quantisation was started with; None where there was none."""
    path = folder / SETTINGS
    return read_json(path, Before) if path.is_file() else None


def float_network(run: Path, description: Run) -> GraphNetwork:
    """The run's network, folded, as a module of its graph."""
    graph = fold(trace(load_network(run), description.front_end().n_mels, description.n_frames))
    return GraphNetwork(graph).eval()


def load_quantised(run: Path, weights: Weights = "int8") -> GraphNetwork:
    """The quantised network of a run.

    Raises:
        ValueError: the run has not been quantised to such weights.
    """
    folder = quantised_folder(run, weights)
    if not (folder / "weights.pt").exists():
        wanted = "" if weights == "int8" else f" --weights {weights}"
        raise ValueError(
            f"{run} has no {weights} network yet: run `edge-asc quantize {run}{wanted}`"
            " (or, quicker and less accurate, with --ptq)"
        )
    return qat.load(float_network(run, read_run(run)), folder).eval()


@torch.no_grad()
def _save_results(
    folder: Path,
    quantised: GraphNetwork,
    description: Run,
    material: Material,
    rows: list[dict[str, Any]],
) -> None:
    """Score the integer network and write metrics.json."""
    frozen = GraphNetwork(qat.freeze(quantised)).eval()
    metrics: dict[str, Any] = {"method": "qat" if rows else "ptq", "epochs": len(rows)}
    metrics |= measure(frozen, material, description)
    write_json(folder / "metrics.json", metrics)


def _draw(folder: Path, description: Run) -> None:
    """Write the pictures, where they are not there yet."""
    remove_left(folder)
    if not (folder / "confusion.png").exists():
        metrics = read_json(folder / "metrics.json")
        curves = folder / "metrics.csv"
        rows = read_rows(curves) if metrics["epochs"] and curves.exists() else []
        save_pictures(folder, rows, metrics, description.labels)
