"""What a study holds, as plain records, and its Pareto front. Nothing here needs torch."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

# Keys of a trial's user attributes.
HASH, SETTINGS, PRESET, PRICE, WORKER = "candidate", "settings", "preset", "price", "worker"
REJECTED, REASON, RETRIES = "rejected", "reason", "retries"


@dataclass(frozen=True)
class Record:
    """A candidate that was trained, wholly or in part."""

    study: str
    trial: int  # its number there
    finished: bool  # trained to the end; else stopped early
    # on the validation clips after its last epoch, in [0, 1]; None before there is one
    accuracy: float | None
    epochs: int  # that it was trained for
    file_bytes: int  # of its int8 .tflite file
    parameters: int  # zeros included
    nonzero: int  # those that are not zero
    macs_per_s: int  # multiply-accumulates for a second of audio
    settings: dict[str, Any]  # what was varied, by key
    reason: str  # why it was stopped, "" where it was not or only fell behind
    worker: str  # who trained it
    # the largest sum of tensors alive at one time; None in searches that did not measure it yet
    peak_activation_bytes: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def was_trained(trial: FrozenTrial) -> bool:
    """Whether a trial is done and was not turned away before it trained."""
    done = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
    return done and REJECTED not in trial.user_attrs


def records(study: optuna.Study) -> list[Record]:
    """The trained candidates of a study, in the order of their trials."""
    trials = study.get_trials(deepcopy=False)
    return [_record(study.study_name, trial) for trial in trials if was_trained(trial)]


def _record(study: str, trial: FrozenTrial) -> Record:
    told = trial.intermediate_values
    finished = trial.state == TrialState.COMPLETE
    last = max(told) if told else 0
    price = trial.user_attrs[PRICE]
    return Record(
        study=study,
        trial=trial.number,
        finished=finished,
        accuracy=trial.value if finished else told.get(last),
        epochs=last,
        **{key: price[key] for key in ("file_bytes", "parameters", "nonzero", "macs_per_s")},
        settings=trial.user_attrs[SETTINGS],
        reason=trial.user_attrs.get(REASON, ""),
        worker=trial.user_attrs.get(WORKER, ""),
        peak_activation_bytes=price.get("peak_activation_bytes"),
    )


def rejected(study: optuna.Study) -> int:
    """How many candidates were turned away before they trained."""
    return sum(REJECTED in trial.user_attrs for trial in study.get_trials(deepcopy=False))


def dominates(a: Record, b: Record) -> bool:
    """Whether `a` is as good as `b` in all that is known of both, and better in one of them.

    That is accuracy, bytes and work, and peak memory where both were measured.
    """
    with_memory = knows_memory((a, b))
    ours, others = _merits(a, with_memory), _merits(b, with_memory)
    return ours != others and all(x >= y for x, y in zip(ours, others, strict=True))


def knows_memory(found: Iterable[Record]) -> bool:
    """Whether the peak memory of each is known."""
    return all(record.peak_activation_bytes is not None for record in found)


def _merits(record: Record, with_memory: bool) -> tuple[float, ...]:
    merits = (record.accuracy or 0.0, -record.file_bytes, -record.macs_per_s)
    return (*merits, -(record.peak_activation_bytes or 0)) if with_memory else merits


def ranked(found: Iterable[Record]) -> list[Record]:
    """The finished records, the most accurate first; of equal ones, what costs less."""
    finished = [record for record in found if record.finished]
    return sorted(finished, key=lambda record: _merits(record, False), reverse=True)


def pareto_front(found: Iterable[Record]) -> list[Record]:
    """The finished records that no other one dominates, the most accurate first.

    Peak memory takes part where it is known of all of them: else what dominates one need not
    dominate what that one does.
    """
    finished = [record for record in found if record.finished]
    with_memory = knows_memory(finished)
    front = [record for record, is_best in zip(finished, _best(finished), strict=True) if is_best]
    return sorted(front, key=lambda record: _merits(record, with_memory), reverse=True)


def _best(finished: Sequence[Record]) -> list[bool]:
    """Of each whether none of the others dominates it."""
    if not knows_memory(finished):
        finished = [replace(record, peak_activation_bytes=None) for record in finished]
    return [not any(dominates(other, record) for other in finished) for record in finished]
