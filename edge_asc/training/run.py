"""A training run: data set and fold → features → network → run folder."""

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edge_asc.config.own_code import is_own
from edge_asc.config.schema import Config, config_from_dict
from edge_asc.config.whole_paths import whole_paths, with_whole_paths
from edge_asc.data.dataset import SceneDataset
from edge_asc.data.open import open_recordings
from edge_asc.files import atomic_write, write_json
from edge_asc.models import build_for
from edge_asc.models.means import SeveralViews
from edge_asc.models.own import check_heads, say_if_not_exportable
from edge_asc.training.augment.extra import find
from edge_asc.training.callbacks.average import snapshot
from edge_asc.training.callbacks.loggers import check_loggers
from edge_asc.training.fit import Fitted, fit_material
from edge_asc.training.inputs.examples import save_examples
from edge_asc.training.inputs.load import Material, abstract_labels, labelled, prepare
from edge_asc.training.inputs.torch_frontend import TorchFrontEnd
from edge_asc.training.losses.answers import GivenAnswers
from edge_asc.training.losses.distillation import load_teachers
from edge_asc.training.losses.features import check_embeddings
from edge_asc.training.placement import HERE, Placement, is_main_process
from edge_asc.training.plots import save_confusion, save_curves
from edge_asc.training.run_folder import (
    PACKAGE_LIST,
    Run,
    all_packages,
    only_one,
    provenance,
    read_run,
)
from edge_asc.training.start_from.base import check_processes, describe_base, keep_base
from edge_asc.training.start_from.transfer import (
    Transfer,
    begin_with,
    check_untested,
    keep_statistics,
)
from edge_asc.training.validate import by_recording, predict, score

# What decides a run beside its configuration: fields of its description.
DECIDE = ("fold", "seed", "dataset", "init", "base", "teachers", "answers")


def train(
    config: Config,
    dataset: SceneDataset,
    fold: int | None,
    folder: Path | str,
    *,
    data: str = "",
    init: Path | None = None,
    teachers: Sequence[Path | str] = (),
    answers: Path | None = None,
    seed: int = 0,
    resume: bool = False,
    placement: Placement = HERE,
    progress: bool = True,
    loggers: Sequence[str] = (),
    cache: Path | None = None,
) -> Path:
    """Train on all folds but one, and write a run folder; arguments as of `edge_asc.api.run.train`.

    `folder` is new, or an unfinished run with `resume`; `data` is the path of the data set as the
    user gave it ("": `dataset.root`). `loggers` are of `edge_asc.training.callbacks.loggers`, and
    `cache` is the folder of the feature cache, None the user's.

    Returns:
        The run folder, in every process; only the main process has written it.

    Raises:
        ValueError: settings, data and network do not fit together, or the folder is taken.
        OSError: a file cannot be read or written.
    """
    folder = Path(folder)
    check_loggers(loggers)
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, found {seed}")
    if config.augment.extra:
        find(config.augment.extra)  # what is not there is said before anything is made ready
    config = with_whole_paths(config)  # the run's own folder may be read from anywhere
    base = describe_base(config)
    check_processes(config, placement)
    dataset = labelled(config, dataset)
    if init is not None:
        check_untested(init, dataset, fold)
    labels = abstract_labels(config, dataset)
    if answers is not None and teachers:
        raise ValueError("give teachers or their answers, not both")
    if config.train.distill_feature_weight and not teachers:
        raise ValueError(
            f"train.distill_feature_weight = {config.train.distill_feature_weight:g} needs a"
            " teacher that is a run, whose embedding is learnt"
        )
    given = None if answers is None else GivenAnswers.read(answers.absolute(), dataset.labels)
    shown = progress and is_main_process()
    material = prepare(config, dataset, fold, seed, shown, cache, given)
    if is_main_process():
        for note in material.notes:
            print(f"note: {note}", file=sys.stderr)
    network = _new_network(config, len(dataset.labels), len(labels), material, seed)
    if is_main_process() and is_own(config.model.name):
        say_if_not_exportable(network, material.frontend.n_mels, material.n_frames)
    begun = None if init is None else begin_with(network, init, dataset.labels, labels)
    if init is not None:
        material = replace(material, frontend=keep_statistics(material.frontend, init))
    if begun and is_main_process():
        print(f"began with {begun}", file=sys.stderr)
    asked = {"data": os.path.abspath(data or dataset.root), "fold": fold, "seed": seed}
    told = given.describe() if given else {}
    run = _describe(
        config,
        dataset,
        labels,
        material,
        begun,
        **asked,
        base=base,
        teachers=[os.path.abspath(teacher) for teacher in teachers],
        answers=told,
    )
    taught_by = load_teachers(teachers, run, dataset)
    if config.train.distill_feature_weight:
        silence = torch.zeros(1, 1, material.frontend.n_mels, material.n_frames)
        check_embeddings([network, *taught_by], silence)
    with only_one(folder, "trains") if is_main_process() else nullcontext():
        if is_main_process():
            _open_folder(folder, run, resume)
        fitted = fit_material(
            network,
            material,
            config,
            folder,
            seed=seed,
            teachers=taught_by,
            resume=resume,
            placement=placement,
            progress=progress,
            loggers=loggers,
        )
        if fitted.is_main:
            _save_results(folder, fitted, material)
    return folder


def _describe(
    config: Config,
    dataset: SceneDataset,
    abstract: list[str],
    material: Material,
    begun: Transfer | None,
    **asked: Any,
) -> Run:
    """What run.json says; `asked` are those of its fields that the caller of `train` gave."""
    made_by = provenance() | {"data_licence": dataset.license_note, "clips": dataset.digest()}
    if config.data.unknown is not None:
        unknown = open_recordings(config.data.unknown)
        made_by["unknown"] = {"licence": unknown.license_note, "clips": unknown.digest()}
    return Run(
        config=config.to_dict(),
        dataset=dataset.name,
        labels=list(dataset.labels),
        abstract_labels=abstract,
        frontend=material.frontend.to_dict(),
        clip_s=material.clip_s,
        n_frames=material.n_frames,
        provenance=made_by | ({"began_with": begun.to_dict()} if begun else {}),
        init=os.path.abspath(begun.run) if begun else "",
        columns=dict(dataset.columns),
        **asked,
    )


def _new_network(
    config: Config, n_scenes: int, n_abstract: int, material: Material, seed: int
) -> nn.Module:
    """The network with its first weights.

    It sees one silent input, so that a misfit is told before training.
    """
    torch.manual_seed(seed)
    network = build_for(config, n_scenes, n_abstract)
    shape = (1, 1, material.frontend.n_mels, material.n_frames)
    if is_own(config.model.name):
        sizes = [n_scenes + config.others, *([n_abstract] if n_abstract else [])]
        check_heads(network, config.model.name, shape, sizes)
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(shape))
    except RuntimeError as error:
        line = str(error).strip().splitlines()[0]
        raise ValueError(
            f"model {config.model.name} does not take {material.frontend.n_mels} mels x "
            f"{material.n_frames} frames, {material.clip_s:g} s ({line})"
        ) from error
    return network


def _open_folder(folder: Path, run: Run, resume: bool) -> None:
    """Write run.json, or see that the run to resume is the same one.

    Raises:
        ValueError: the folder holds a run, and it is not to be resumed or was another one.
    """
    if not (folder / "run.json").exists():
        keep_base(folder, run.settings())
        with atomic_write(folder / PACKAGE_LIST) as temporary:
            temporary.write_text(all_packages(), encoding="utf-8")
        write_json(folder / "run.json", run)
        return
    if not resume:
        raise ValueError(f"{folder} holds a run already; resume it or name another folder")
    check_as_before(folder, run.config, **{key: getattr(run, key) for key in DECIDE})


def check_as_before(folder: Path, config: dict[str, Any], **decided: Any) -> None:
    """See that a run is the one that is asked for.

    Args:
        folder: its folder.
        config: all settings asked for, as tables.
        decided: what was asked for beside them, by names of `DECIDE`.

    Raises:
        ValueError: it was another one; the first difference is named.
    """
    before = read_run(folder)
    old = config_from_dict(before.config, where=f"{folder}/run.json").to_dict()
    old |= {key: getattr(before, key) for key in decided}
    for key, was, now in _differences(whole_paths(old), whole_paths(config | decided)):
        raise ValueError(f"{folder} was started with {key} = {was!r}, not {now!r}")


def _differences(old: Any, new: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """Return keys whose values differ between two nested tables, with both values."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [(key, old, new)]
    names = sorted({*old, *new})
    return [d for n in names for d in _differences(old.get(n), new.get(n), f"{key}.{n}".strip("."))]


def _save_results(folder: Path, fitted: Fitted, material: Material) -> None:
    """Write examples.npy, metrics.json and weights.pt, which says that the run is finished.

    Then the pictures: what goes wrong there costs nothing that was trained.
    """
    metrics: dict[str, Any] = {
        "epochs": len(fitted.rows),
        "weights_of_epoch": fitted.epoch,
        "train_seconds": round(sum(row["seconds"] for row in fitted.rows), 3),
        "parameters": sum(p.numel() for p in fitted.network.parameters()),
        "train_clips": material.train.n_recordings,
    }
    run = read_run(folder)
    metrics |= measure(fitted.network, material, run)
    save_examples(folder, material.train, material.frontend, material.n_frames)
    write_json(folder / "metrics.json", metrics)
    with atomic_write(folder / "weights.pt") as temporary:
        torch.save(snapshot(fitted.network.cpu()), temporary)
    save_pictures(folder, fitted.rows, metrics, run.labels)


def save_pictures(
    folder: Path, rows: Sequence[dict[str, Any]], metrics: dict[str, Any], labels: Sequence[str]
) -> None:
    """Write curves.png where there are epochs, and confusion.png.

    The latter is of the test fold; of the validation clips where there is none.
    """
    if rows:
        save_curves(rows, folder / "curves.png")
    for part in ("test", "val"):
        if part in metrics:
            save_confusion(metrics[part]["confusion"], labels, folder / "confusion.png")
            return


def measure(network: nn.Module, material: Material, run: Run) -> dict[str, dict[str, Any]]:
    """Figures of a network by part, "val" and "test" where there are such clips.

    It is asked as often as `data.views` says.
    """
    asked = SeveralViews(network, run.settings().data.views)
    normalize = TorchFrontEnd(run.front_end()).normalize
    found = {}
    for name, store in (("val", material.val), ("test", material.test)):
        if store is not None:
            answers = predict(asked, normalize, store, run.n_frames)
            scores = score(*by_recording(answers, store))
            found[name] = scores.to_dict(has_abstract=len(store.labels) > 1)
            if name in material.recordings:
                found[name]["recordings"] = material.recordings[name]
    return found
