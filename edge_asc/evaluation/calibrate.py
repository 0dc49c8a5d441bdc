"""Fit a file's temperatures and threshold on clips its network was not trained on; store them.

Letters: N clips, W windows of a clip, S classes of a head.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.rules import DEFAULT_RULE, enforce, rules_named
from edge_asc.data.dataset import Clip, SceneDataset, split_validation
from edge_asc.data.open import open_dataset
from edge_asc.evaluation import confidence as scaling
from edge_asc.evaluation.interval import interval, interval_text
from edge_asc.evaluation.metrics import CALIBRATION_BINS, calibration_error, log_loss
from edge_asc.evaluation.metrics import answers as answers_of
from edge_asc.evaluation.predictors import (
    FileScorer,
    Hearing,
    OnClip,
    OnProgress,
    counted,
    n_samples_of,
    n_windows_of,
    truth_of,
)
from edge_asc.files import atomic_write
from edge_asc.runtime.formats.rewrite import replace_metadata
from edge_asc.runtime.metadata import Calibration, Metadata, read_metadata
from edge_asc.shown import shown

TARGET_ACCURACY = 0.95
FEW_RECORDINGS = 100  # of which a share of 95 % lies between 89 and 98 %
DIGITS = 4  # of what is stored for people to read


@dataclass(frozen=True)
class Held:
    """Clips that a network was not trained on."""

    clips: tuple[Clip, ...]
    folds: tuple[int, ...]
    how: str  # why they are thought unseen, in words


@dataclass(frozen=True)
class Answers:
    """What a network or several said of clips it had not seen."""

    logits: tuple[np.ndarray, ...]  # of each head, `[N, W, S]`
    truth: tuple[np.ndarray, ...]  # of each head, class indices `[N]`
    folds: tuple[int, ...]  # of the clips
    how: str  # which clips those were, in words
    recordings: tuple[str, ...]  # of the answers: a long clip gives one for each of its pieces


def calibrate(
    file: Path,
    data: Path,
    *,
    fold: int | None = None,
    others: Sequence[Path] = (),
    run: Path | None = None,
    target: float = TARGET_ACCURACY,
    crops: str = "3",
    out: Path | None = None,
    columns: Mapping[str, str] | str | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> dict[str, Any]:
    """Fit, store, and tell what came of it.

    The clips are those of a fold, of itself the one that the file says was held out; or the
    validation clips of the file's run; or, with `others`, files of the same network trained on
    other folds, all of them: each answers for the fold it has not seen, and the file takes the
    temperature of all their answers together. The threshold shall give the accuracy `target`.
    `crops` is as in `evaluate`, `columns` as in `open_dataset`; without `out` the file itself is
    written.

    Raises:
        ValueError: clips the network was trained on, unknown labels, an unusable file.
        OverBudget: with the calibration inside, the file would be over its rule.
        OSError: a file cannot be read or written.
    """
    if not 0 < target <= 1:
        raise ValueError(f"target {target} must be above 0 and at most 1")
    if sum((bool(others), run is not None, fold is not None)) > 1:
        raise ValueError("give one of --fold, --from, --run")
    metadata, dataset = read_metadata(file), open_dataset(data, columns=columns)
    if others:
        asked = [(path, held_out(read_metadata(path), dataset, None, path)) for path in others]
    elif run is not None:
        asked = [(file, of_run(metadata, dataset, run, file))]
    else:
        asked = [(file, held_out(metadata, dataset, fold, file))]
    for path, _ in asked:
        _check_same(metadata, read_metadata(path), path)
    answers = gather(asked, dataset, crops, on_progress)
    found = fit(answers, len(metadata.labels), dataset.name, target)
    worth = evidence(answers, found, len(metadata.labels))
    path = out or file
    file_bytes = store(file, found, path)
    fields = msgspec.to_builtins(found) | {"temperature": found.temperature}
    return {"file": str(path), "file_bytes": file_bytes, **fields, **worth}


def held_out(metadata: Metadata, dataset: SceneDataset, fold: int | None, file: Path) -> Held:
    """The clips of the fold that was held out; of other data, those that are asked for.

    Raises:
        ValueError: the network was trained on the clips asked for, or on all there are.
    """
    made_of = metadata.provenance
    if made_of.get("dataset") == dataset.name:
        kept = made_of.get("fold")
        if kept is None:
            raise ValueError(
                f"{file}: trained on all of {dataset.name}; give the files of its"
                " cross-validation with --from"
            )
        if fold not in (None, kept):
            raise ValueError(
                f"{file}: trained on fold {fold} of {dataset.name}; only fold {kept} was held out"
            )
        return Held(dataset.clips_of(kept), (kept,), f"fold {kept}, held out in training")
    source = made_of.get("dataset") or "data it does not name"
    if fold is not None:
        return Held(dataset.clips_of(fold), (fold,), f"fold {fold}; the file was made of {source}")
    return Held(dataset.clips, dataset.folds, f"all clips; the file was made of {source}")


def of_run(metadata: Metadata, dataset: SceneDataset, folder: Path, file: Path) -> Held:
    """The validation clips of the run that a file was exported from.

    Raises:
        ValueError: another run's file, other data, or a run without validation.
    """
    from edge_asc.training.run_folder import read_run

    run = read_run(folder)
    same = {"dataset": run.dataset, "fold": run.fold, "seed": run.seed}
    if dataset.name != run.dataset or any(metadata.provenance.get(k) != v for k, v in same.items()):
        raise ValueError(f"{file}: not of {folder}, which had {run.dataset}, fold {run.fold}")
    part = run.settings().data.val_fraction
    clips = dataset.clips if run.fold is None else dataset.split(run.fold)[0]
    _, chosen = split_validation(clips, part, run.seed)
    if not chosen:
        raise ValueError(f"{folder}: trained without validation (data.val_fraction = 0)")
    folds = sorted({clip.fold for clip in chosen if clip.fold is not None})
    return Held(chosen, tuple(folds), "validation clips of its run, which chose its epoch")


def _check_same(metadata: Metadata, other: Metadata, path: Path) -> None:
    if (metadata.labels, metadata.abstract_labels) != (other.labels, other.abstract_labels):
        raise ValueError(f"{path}: has other labels than the file to calibrate")
    if (metadata.name, metadata.precision) != (other.name, other.precision):
        raise ValueError(
            f"{path}: is {other.name} in {other.precision},"
            f" the file to calibrate {metadata.name} in {metadata.precision}"
        )


def gather(
    asked: Sequence[tuple[Path, Held]], dataset: SceneDataset, crops: str, on_progress: OnProgress
) -> Answers:
    """Logits of clips that the files have not seen, pooled.

    Raises:
        ValueError: two files answer for the same fold, or a clip's scene is none of the file's.
    """
    folds = [fold for _, held in asked for fold in held.folds]
    if len(set(folds)) < len(folds):
        raise ValueError("two of the files had the same fold held out")
    on_clip = counted(on_progress, sum(len(held.clips) for _, held in asked))
    parts = [_of_file(path, held.clips, dataset, crops, on_clip) for path, held in asked]
    logits, truth = (
        tuple(np.concatenate(head) for head in zip(*some, strict=True))
        for some in zip(*(part[:2] for part in parts), strict=True)
    )
    recordings = tuple(recording for part in parts for recording in part[2])
    how = asked[0][1].how
    if len(asked) > 1:
        how = f"each clip by the one of {len(asked)} networks that was not trained on its fold"
    return Answers(logits, truth, tuple(sorted(folds)), how, recordings)


def _of_file(
    path: Path, clips: Sequence[Clip], dataset: SceneDataset, crops: str, on_clip: OnClip
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...], list[str]]:
    """Logits `[N, W, S]` and truth `[N]` of each head that the data set has labels for; recordings.

    N counts the pieces that clips are heard in, W the windows of one.
    """
    scorer = FileScorer(path)
    heads = [(scorer.labels, [clip.label for clip in clips])]
    if scorer.abstract_labels and dataset.abstract_labels:
        of_clip = [dataset.abstract_of(clip.label) for clip in clips]
        heads.append((scorer.abstract_labels, of_clip))
    truth = tuple(truth_of(given, known) for known, given in heads)
    hearing = Hearing(n_samples_of(scorer, dataset.clip_s), crops, on_clip)
    found = scorer.window_logits([clip.path for clip in clips], hearing)
    n_windows = n_windows_of(scorer, hearing)
    n_pieces = [len(windows) // n_windows for windows in found]  # of long clips, each is an answer
    logits = tuple(
        np.stack([window[head] for windows in found for window in windows])
        for head, _ in enumerate(heads)
    )
    return (
        tuple(some.reshape(-1, n_windows, some.shape[1]) for some in logits),
        tuple(np.repeat(of_head, n_pieces) for of_head in truth),
        [clip.recording for clip, n in zip(clips, n_pieces, strict=True) for _ in range(n)],
    )


def fit(answers: Answers, n_labels: int, dataset: str, target: float) -> Calibration:
    """Temperatures and threshold of pooled answers, and what they change on the same clips.

    Logits behind those of the labels are of other sounds: they take a part of the probability.
    """
    temperatures = [
        scaling.fit_temperature(logits, truth)
        for logits, truth in zip(answers.logits, answers.truth, strict=True)
    ]
    scene, truth = answers.logits[0], answers.truth[0]
    both = (scaling.mean_probabilities(scene, t) for t in (1.0, temperatures[0]))
    before, after = (probabilities[:, :n_labels] for probabilities in both)
    losses = [log_loss(p, truth) for p in (before, after)]
    errors = [calibration_error(p, truth) for p in (before, after)]
    return Calibration(
        temperature=temperatures[0],
        abstract_temperature=temperatures[1] if len(temperatures) > 1 else 1.0,
        threshold=scaling.choose_threshold(after, truth, target),
        target_accuracy=target,
        dataset=dataset,
        folds=list(answers.folds),
        how=answers.how,
        clips=len(truth),
        log_loss=[round(value, DIGITS) for value in losses],
        calibration_error=[round(value, DIGITS) for value in errors],
    )


def evidence(answers: Answers, found: Calibration, n_labels: int) -> dict[str, Any]:
    """How much what was fitted can be believed.

    Returns:
        recordings, named (clips, accuracy, its 95 % interval and recordings of what lies above the
        threshold, on the clips it was chosen by), warnings.
    """
    probabilities = scaling.mean_probabilities(answers.logits[0], found.temperature)[:, :n_labels]
    confidence, right = answers_of(probabilities, answers.truth[0])
    recordings = np.array(answers.recordings)
    n = len(set(answers.recordings))
    worth: dict[str, Any] = {"recordings": n, "named": None, "warnings": []}
    if n < FEW_RECORDINGS:
        worth["warnings"].append(
            f"fitted on {n} recordings: too few to believe temperature and threshold;"
            f" {FEW_RECORDINGS} and more, better hundreds"
        )
    if found.threshold is not None:
        above = confidence >= found.threshold
        worth["named"] = {
            "clips": int(above.sum()),
            "recordings": len(set(recordings[above].tolist())),
            "accuracy": float(right[above].mean()) if above.any() else None,
            "interval": interval(right[above], recordings[above]),
        }
    return worth


def store(file: Path, found: Calibration, out: Path) -> int:
    """Write the file with its calibration, whole or not at all; how many bytes it has.

    Raises:
        OverBudget: it would be over the rule that its export enforced.
    """
    metadata = msgspec.structs.replace(read_metadata(file), calibration=found)
    data = replace_metadata(file, metadata, out)
    if metadata.budget.get("enforced"):
        inventory = inventory_of_file(data, audio_s=metadata.clip_s, name=out.name)
        for rule in rules_named(str(metadata.budget.get("rule", DEFAULT_RULE))):
            enforce(inventory, rule)
    with atomic_write(out) as temporary:
        temporary.write_bytes(data)
    return len(data)


def calibration_text(result: dict[str, Any]) -> str:
    """What `calibrate` found, for people."""
    folds = ", ".join(map(str, result.get("folds", [])))
    (loss, new_loss), (error, new_error) = result["log_loss"], result["calibration_error"]
    lines = [
        f"{result['file']}: calibrated, {result['file_bytes']:,} bytes",
        f"  clips              {result['clips']} of {shown(result['dataset'])}, fold {folds},"
        f" from {result['recordings']} recordings",
        f"                     {result['how']}",
        f"  temperature        {result['temperature']:.3f}",
        f"  log loss           {loss:.4f} -> {new_loss:.4f} nats",
        f"  calibration error  {100 * error:.1f} -> {100 * new_error:.1f} %"
        f" ({CALIBRATION_BINS} bins of equal width)",
    ]
    lines.append(f"  unsure             {_threshold_text(result)}")
    lines += [f"  warning            {warning}" for warning in result["warnings"]]
    return "\n".join(lines)


def _threshold_text(result: dict[str, Any]) -> str:
    threshold, target = result.get("threshold"), result["target_accuracy"]
    if threshold is None:
        return f"no threshold: at no confidence {100 * target:g} % of the clips are right"
    named = result["named"]
    found = (
        f"{100 * named['accuracy']:.1f} % of the {named['clips']} clips it names were right"
        f" (95 % interval {interval_text(named['interval'])}, {named['recordings']} recordings)"
    )
    below = "never" if threshold == 0 else f"below {100 * threshold:.1f} %"
    return f"{below}: {found}"
