"""How good a model is on the test clips of a fold: a file in its runtime, or a run in torch."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from edge_asc.audio.microphones.filters import SimulatedMicrophone
from edge_asc.data.dataset import Clip, SceneDataset
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.by_microphone import simulated_figures
from edge_asc.evaluation.confidence import above, coverage
from edge_asc.evaluation.confidence_plot import save_confidence
from edge_asc.evaluation.interval import add_intervals, interval, macro_interval, wilson
from edge_asc.evaluation.metrics import abstract_metrics, device_metrics, reliability, scene_metrics
from edge_asc.evaluation.predictors import (
    FileScorer,
    Hearing,
    OnProgress,
    Scorer,
    TrainedOn,
    counted,
    n_samples_of,
    open_scorer,
    truth_of,
)
from edge_asc.evaluation.scorers.by_device import by_device
from edge_asc.evaluation.scorers.joint import JointScorer
from edge_asc.evaluation.unknown import measure_unknown
from edge_asc.files import atomic_write, utf8, write_json
from edge_asc.frontend.windows import CROPS
from edge_asc.plotting import can_draw
from edge_asc.runtime.answers.answer import Prediction
from edge_asc.runtime.metadata import Calibration
from edge_asc.runtime.zoo.models import model_path
from edge_asc.training.plots import save_confusion

ALL_FOLDS = "all"
CHANCE = "p_"  # begins the name of a column of predictions.csv that holds a scene's probability


@dataclass(frozen=True)
class Evaluation:
    """An evaluation's figures and the predictions behind them."""

    figures: dict[str, Any]  # what `--json` prints
    labels: tuple[str, ...]  # scenes in the order of the probabilities
    clips: tuple[Clip, ...]  # the test clips
    scene: np.ndarray  # probabilities `[N, S]`

    @property
    def accuracy(self) -> float:
        """Share of the clips whose scene is right, 0 to 1."""
        return float(self.figures["accuracy"])

    def save(self, folder: Path) -> None:
        """Write metrics.json and predictions.csv; with matplotlib confusion.png, confidence.png."""
        write_json(folder / "metrics.json", self.figures)
        self._save_predictions(folder / "predictions.csv")
        if can_draw():
            save_confusion(self.figures["confusion"], self.labels, folder / "confusion.png")
            save_confidence(self.figures, folder / "confidence.png")

    def _save_predictions(self, path: Path) -> None:
        with (
            atomic_write(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            chances = (f"{CHANCE}{scene}" for scene in self.labels)
            writer.writerow(["path", "label", "predicted", *chances, "device", "recording"])
            for clip, row in zip(self.clips, self.scene, strict=True):
                named = [utf8(str(clip.path)), clip.label, self.labels[int(row.argmax())]]
                heard = [clip.device, utf8(clip.recording)]
                writer.writerow([*named, *(f"{p:.6g}" for p in row), *heard])


def evaluate(
    target: str | PathLike[str],
    data: SceneDataset | str | PathLike[str],
    *,
    fold: int | str | None = None,
    crops: str = "3",
    clip_s: float | None = None,
    views: int | None = None,
    runtime: str | None = None,
    joint: bool = False,
    joint_with: Path | None = None,
    for_device: Mapping[str, Path] | None = None,
    unknown: Path | None = None,
    microphones: Sequence[SimulatedMicrophone] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> Evaluation:
    """Measure a model on the test clips of a fold; a file in its own runtime, a run in torch.

    Args:
        target: a `.tflite` or `.onnx` file, a run folder, or a name of the zoo.
        data: an opened data set, or where it is, as `open_dataset` takes it.
        fold: whose clips to test on; by default the one that the model was not trained on; "all":
            every clip, of a data set that no training has seen.
        crops: "1" whole clips; "3" start, middle and end; "slide" windows that overlap by half.
            Windows are as long as the model's training crops; probabilities are averaged.
        clip_s: seconds of the pieces that clips are heard in; None: the data set's length.
        views: how often each window is heard (`edge_asc.runtime.tta`); None: as the model says.
        runtime: for a file, a key of `RUNTIMES`.
        joint: let the model's own abstract head be the prior of its scenes
            (`edge_asc.evaluation.scorers.joint`).
        joint_with: a model file or run whose abstract classes are that prior.
        for_device: models that answer in its place for the clips of their recording device.
        unknown: sounds that the model was not taught (`edge_asc.evaluation.unknown`); for a file.
        microphones: simulated microphones through which the clips are heard as well.
        on_progress: called after each clip, with every microphone.

    Returns:
        The figures, with `accuracy` among them, and each clip's probabilities `scene` `[N, S]`.

    Raises:
        ValueError: an unknown fold, labels that the model does not know, an unusable file.
        OSError: a file cannot be read.

    Example:
        >>> file = ea.Run("run").export("float32")
        >>> found = ea.evaluate(file, ea.open_dataset("scenes"))
        >>> found.figures["fold"], found.scene.shape  # the fold that was held out in training
        (1, (40, 10))
        >>> found.accuracy == found.figures["accuracy"]
        True
    """
    target = model_path(target)
    if crops not in CROPS:
        raise ValueError(f"crops {crops!r} is not one of {', '.join(CROPS)}")
    scorer: Scorer = open_scorer(target, runtime, views)
    opened = data if isinstance(data, SceneDataset) else open_dataset(Path(data))
    dataset = as_labelled(opened, scorer.labels)
    chosen = choose_fold(dataset, fold, scorer.trained_on)
    train, test = tested(dataset, chosen)
    truth = truth_of((clip.label for clip in test), scorer.labels)
    if unknown and not isinstance(scorer, FileScorer):
        raise ValueError(f"{target}: --unknown goes with a model file")
    others = [joint_with, *(for_device or {}).values()]
    models = [scorer, *(open_scorer(path) for path in others if path)]
    if for_device:
        scorer = by_device(scorer, for_device, dataset, runtime, views)
    if joint or joint_with:
        scorer = JointScorer(scorer, models[1] if joint_with else scorer, dataset)
    clip_s = clip_s or dataset.clip_s
    paths, n_samples = [clip.path for clip in test], n_samples_of(scorer, clip_s)
    on_clip = counted(on_progress, (1 + len(microphones)) * len(test))

    def hear(microphone: SimulatedMicrophone | None) -> list[Prediction]:
        return scorer.predict(paths, Hearing(n_samples, crops, on_clip, microphone))

    predictions = hear(None)
    scene = np.stack([p.scene for p in predictions])
    heard = {m.name: np.stack([p.scene for p in hear(m)]) for m in microphones}
    seen = frozenset(clip.device for clip in train)
    figures = {
        **scorer.facts(),
        "dataset": dataset.name,
        "fold": chosen,
        "crops": crops,
        "window_s": scorer.clip_s,
        "views": scorer.views,
        "clip_s": clip_s,
        **figures_of(predictions, truth, scorer, dataset),
        **device_metrics(scene.argmax(1) == truth, [c.device for c in test], seen),
        **simulated_figures(scene, heard, truth),
        **confidence_figures(scene, truth, scorer.calibration),
        "warnings": [
            *(line for m in models for line in leaks(dataset, chosen, m.trained_on)),
            *fitted_here(dataset, chosen, scorer.calibration),
        ],
    }
    _add_intervals(figures, scene, truth, test, scorer.labels, seen)
    if unknown and isinstance(models[0], FileScorer):
        figures["unknown"] = measure_unknown(models[0], unknown, crops, on_progress)
    return Evaluation(figures, tuple(scorer.labels), tuple(test), scene)


def _add_intervals(
    figures: dict[str, Any],
    scene: np.ndarray,
    truth: np.ndarray,
    test: Sequence[Clip],
    labels: Sequence[str],
    seen: frozenset[str],
) -> None:
    """Say of each accuracy how far it can be believed."""
    right, devices = scene.argmax(1) == truth, np.array([clip.device for clip in test])
    recordings = np.array([clip.recording for clip in test])
    parts = {"per_class": {label: truth == i for i, label in enumerate(labels)}}
    if "per_device" in figures:
        parts["per_device"] = {name: devices == name for name in figures["per_device"]}
    add_intervals(figures, right, recordings.tolist(), parts)
    is_seen = np.isin(devices, sorted(seen))
    rows = {"seen_devices": is_seen, "unseen_devices": ~is_seen}
    if kept := figures.get("above_threshold"):
        rows["above_threshold"] = scene.max(1) >= kept["threshold"]
    for name in rows.keys() & figures.keys():
        figures[name]["interval"] = interval(right[rows[name]], recordings[rows[name]])
    figures["macro_accuracy_interval"] = macro_interval(
        figures["macro_accuracy"], truth, recordings
    )
    if abstract := figures.get("abstract_accuracy"):
        n = len(set(recordings.tolist()))
        ends = {name: list(wilson(share, n)) for name, share in abstract.items()}
        figures["abstract_accuracy_interval"] = ends


def as_labelled(dataset: SceneDataset, labels: Sequence[str]) -> SceneDataset:
    """The data set with its abstract classes as labels, where these are what a model knows."""
    knows_groups = set(labels) <= set(dataset.abstract_labels)
    return dataset.abstracted() if knows_groups else dataset


def tested(dataset: SceneDataset, fold: int | str) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """The clips beside a fold, and its own; of all folds none, and every clip.

    Raises:
        ValueError: there is no such fold, or it has no clips.
    """
    if fold == ALL_FOLDS:
        return (), dataset.clips
    number = int(fold)
    test = dataset.clips_of(number)
    if not test:
        raise ValueError(f"{dataset.name}: fold {fold} has no clips")
    return tuple(clip for clip in dataset.clips if clip.fold not in (number, None)), test


def choose_fold(dataset: SceneDataset, fold: int | str | None, trained_on: TrainedOn) -> int | str:
    """The fold asked for, or all; else the one held out in training; else the only one.

    Raises:
        ValueError: there are several and none is named; or there is no such fold.
    """
    name, held_out = trained_on
    if fold is not None:
        tested(dataset, fold)  # says which folds there are
        return fold
    if name == dataset.name and held_out in dataset.folds and held_out is not None:
        return held_out
    if len(dataset.folds) == 1:
        return dataset.folds[0]
    folds = ", ".join(map(str, dataset.folds))
    raise ValueError(
        f"{dataset.name} has the folds {folds}: choose one with --fold, or --fold all where no"
        " training has seen any of it"
    )


def leaks(dataset: SceneDataset, fold: int | str, trained_on: TrainedOn) -> list[str]:
    """Why the figures may be no test at all, one line each."""
    name, held_out = trained_on
    if name != dataset.name or held_out == fold:
        return []
    if fold == ALL_FOLDS:
        return [f"clips of {name} were in the training data of this model"]
    kept = "no fold was held out" if held_out is None else f"fold {held_out} was held out"
    return [f"fold {fold} of {name} was in the training data of this model ({kept})"]


def fitted_here(dataset: SceneDataset, fold: int | str, given: Calibration | None) -> list[str]:
    """Why figures of confidence are no test, in a line; empty where they are."""
    if given is None or given.dataset != dataset.name:
        return []
    if fold == ALL_FOLDS:
        return [f"temperature and threshold were fitted on clips of {dataset.name}"]
    if fold not in given.folds:
        return []
    return [f"temperature and threshold were fitted on fold {fold} of {dataset.name} among others"]


def confidence_figures(
    scene: np.ndarray, truth: np.ndarray, given: Calibration | None
) -> dict[str, Any]:
    """Reliability by bins, accuracy by coverage, and what the file's threshold does."""
    found: dict[str, Any] = {
        "reliability": reliability(scene, truth),
        "coverage": coverage(scene, truth),
    }
    if given is not None:
        found["temperature"] = given.temperature
        if given.threshold is not None:
            found["above_threshold"] = above(scene, truth, given.threshold)
    return found


def figures_of(
    predictions: Sequence[Prediction], truth: np.ndarray, scorer: Scorer, dataset: SceneDataset
) -> dict[str, Any]:
    """Metrics of the scenes, and of the abstract classes where there are any."""
    scene = np.stack([p.scene for p in predictions])
    found = scene_metrics(scene, truth, scorer.labels)
    if set(scorer.labels) <= set(dataset.abstract_map):
        heads = [p.abstract for p in predictions if p.abstract is not None]
        found |= abstract_metrics(
            scene,
            np.stack(heads) if heads else None,
            truth,
            scorer.labels,
            dataset.abstract_map,
            scorer.abstract_labels or dataset.abstract_labels,
        )
    return found
