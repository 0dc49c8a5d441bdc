"""A worker of a search: draws candidates, turns away what breaks the rule, trains the others.

The one objective is accuracy, and the rule is a wall. Bytes, work and memory are known exactly
before any training, so that there is nothing to learn about them, and Optuna's pruners, which save
most of the time, go with one objective only. The Pareto front over all of them is read off the
trials afterwards.
"""

import hashlib
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import optuna
from optuna.exceptions import StorageInternalError
from optuna.pruners import MedianPruner
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from edge_asc.config.schema import Config
from edge_asc.search import records
from edge_asc.search.price import Price, price
from edge_asc.search.proxy import check_chooses, train_candidate, training_part
from edge_asc.search.sampler import NumberedTPE
from edge_asc.search.space import Settings, changed
from edge_asc.search.storage import HEARTBEAT_S, close, first_line, open_storage
from edge_asc.search.task import Task, agree

MOST_RETRIES = 3  # of a candidate whose worker died
GIVEN_UP = "Cannot tell a FAIL trial."  # Optuna, when another worker has ended the trial
MOST_REJECTED = 500  # candidates in a row
STARTUP_TRIALS = 5  # the pruner judges by the median of at least so many finished trials


class Repeated(Exception):
    """The candidate is one that was trained, or is being trained, already."""


def search(
    task: Task,
    url: URL,
    study_name: str,
    n_trials: int,
    folder: Path,
    *,
    heartbeat_s: int = HEARTBEAT_S,
    accelerator: str = "auto",
    progress: bool = True,
) -> list[records.Record]:
    """Work on a study until so many candidates have been trained, by all workers together.

    The study is begun where there is none. Those stopped early count as trained. The folder is for
    checkpoints of candidates that are in training; `accelerator` is Lightning's word.

    Raises:
        ValueError: no clips for validation, the study is about something else, hardly any candidate
            keeps the rule, or the storage is gone.
        KeyboardInterrupt: finished trials are kept; the same call goes on.
    """
    if task.short(task.base).data.val_fraction == 0:
        raise ValueError("a search needs data.val_fraction above 0, found 0")
    check_chooses(
        task.short(task.base), training_part(task.base, task.dataset, task.fold), task.seed
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_storage(url, try_again, heartbeat_s)
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=study_name,
            direction="maximize",
            load_if_exists=True,
            sampler=NumberedTPE(task.seed),
            pruner=MedianPruner(STARTUP_TRIALS, n_warmup_steps=max(1, task.epochs // 3)),
        )
        agree(study, task.question())

        def stop_in_time(study: optuna.Study, trial: FrozenTrial) -> None:
            if trained(study) >= n_trials:  # by whomever
                study.stop()

        worker = Worker(task, folder / study_name, accelerator, progress)
        if trained(study) < n_trials:
            study.optimize(worker, catch=(Repeated,), callbacks=[worker.tell, stop_in_time])
        return records.records(study)
    except Exception as error:
        reason = broken_off(error)
        if reason is None:
            raise
        raise ValueError(f"storage {url!r}: {reason}") from None
    finally:
        close(storage)


def broken_off(error: BaseException) -> str | None:
    """Why a storage took no more from this worker; None where the error is about something else.

    Where it comes from stands at the bottom: Optuna trips over the storage's error while it notes
    how the trial ended, and raises what that leads to.
    """
    below: BaseException | None = error
    while below is not None:
        if str(below) == GIVEN_UP:  # this machine slept, perhaps
            return "another worker took over from this one, which was silent too long; start again"
        if isinstance(below, SQLAlchemyError | StorageInternalError):
            return first_line(below)
        below = below.__cause__ or below.__context__
    return None


def trained(study: optuna.Study) -> int:
    """How many candidates of a study have been trained."""
    return sum(map(records.was_trained, study.get_trials(deepcopy=False)))


def try_again(study: optuna.Study, trial: FrozenTrial) -> None:
    """Put the candidate of a worker that died back into the queue, a few times."""
    retries = trial.user_attrs.get(records.RETRIES, 0)
    if retries < MOST_RETRIES and trial.params:
        study.enqueue_trial(trial.params, user_attrs={records.RETRIES: retries + 1})


class Worker:
    """Optuna's objective: one candidate, from the draw to its accuracy.

    `folder` holds one folder for each candidate in training, named by its hash, so that the same
    candidate goes on where another trial of it was broken off.
    """

    def __init__(self, task: Task, folder: Path, accelerator: str, progress: bool) -> None:
        self.task, self.folder = task, folder
        self.accelerator, self.progress = accelerator, progress
        self.dataset = training_part(task.base, task.dataset, task.fold)
        self.in_a_row = 0  # rejected
        self._prices: dict[str, Price | str] = {}  # by network; or why it has none

    def __call__(self, trial: optuna.Trial) -> float:
        """Draw, price, train.

        Raises:
            optuna.TrialPruned: over the rule, or stopped early.
            Repeated: not a new candidate.
            ValueError: no candidate in a long row was worth a training.
        """
        settings = self.task.space.draw(trial)
        trial.set_user_attr(records.SETTINGS, settings)
        trial.set_user_attr(records.WORKER, f"{platform.node()}:{os.getpid()}")
        config = self._priced(trial, settings)
        self._only_once(trial, config)
        self.in_a_row = 0
        try:
            return train_candidate(
                self.task.short(config),
                self.dataset,
                trial,
                self.folder / trial.user_attrs[records.HASH],
                seed=self.task.seed,
                accelerator=self.accelerator,
                progress=self.progress,
            )
        except KeyboardInterrupt:
            trial.study.enqueue_trial(trial.params)  # the next worker goes on with its folder
            raise

    def _priced(self, trial: optuna.Trial, settings: Settings) -> Config:
        """The candidate's configuration, if it can be built and keeps the rule.

        How far a rejected one is beyond the rule goes to the sampler as a constraint, so that it
        learns to stay within.
        """
        try:
            config = changed(self.task.base, settings)
            found = self._price(config)
        except ValueError as error:  # such as a kernel that is larger than its input
            self._over_rule(trial, str(error), 1.0)
        trial.set_user_attr(records.PRICE, asdict(found))
        if found.over:
            self._over_rule(trial, found.over, found.excess)
        trial.set_constraint("rule", 0.0)
        trial.set_user_attr(records.PRESET, config.to_dict())
        return config

    def _price(self, config: Config) -> Price:
        """What a network costs, found once however often it is drawn.

        Raises:
            ValueError: it cannot be built.
        """
        parts = {k: v for k, v in config.to_dict().items() if k not in ("train", "augment")}
        key = json.dumps([parts, config.train.sparsity], sort_keys=True)
        if key not in self._prices:
            try:
                self._prices[key] = price(config, self.dataset, self.task.rule)
            except ValueError as error:
                self._prices[key] = str(error)
        if isinstance(found := self._prices[key], str):
            raise ValueError(found)
        return found

    def _over_rule(self, trial: optuna.Trial, reason: str, excess: float) -> NoReturn:
        trial.set_constraint("rule", excess)
        self._reject(trial, reason)
        raise optuna.TrialPruned(reason)

    def _reject(self, trial: optuna.Trial, reason: str) -> None:
        """Note why a candidate is not trained; ValueError where none in a long row is."""
        trial.set_user_attr(records.REJECTED, reason)
        self.in_a_row += 1
        if self.in_a_row >= MOST_REJECTED:
            raise ValueError(
                f"{MOST_REJECTED} candidates in a row cannot be trained, the last because"
                f" {reason}: search another space"
            )

    def _only_once(self, trial: optuna.Trial, config: Config) -> None:
        """Turn away a candidate that any worker has trained or is training.

        The hash is written before it is looked for: of two workers with one candidate at least one
        sees the other.
        """
        text = json.dumps(config.to_dict(), sort_keys=True)
        mark = hashlib.sha256(text.encode()).hexdigest()[:16]
        trial.set_user_attr(records.HASH, mark)
        for other in trial.study.get_trials(deepcopy=False):
            same = other.user_attrs.get(records.HASH) == mark and other.number != trial.number
            if same and other.state not in (TrialState.FAIL, TrialState.WAITING):
                reason = f"it is the same as trial {other.number}"
                self._reject(trial, reason)
                raise Repeated(reason)

    def tell(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Print a line about a trial that was trained."""
        if self.progress and records.was_trained(trial):
            found = records.records(study)
            record = next(r for r in found if r.trial == trial.number)
            print(f"{len(found)} trained: {line(record)}", file=sys.stderr, flush=True)


def line(record: records.Record) -> str:
    """One line about a candidate."""
    accuracy = "no accuracy" if record.accuracy is None else f"{record.accuracy:.1%}"
    stopped = "" if record.finished else f", stopped after {record.epochs} epochs"
    cost = f"{record.file_bytes:,} bytes, {record.macs_per_s / 1e6:.1f} MMAC/s"
    peak = record.peak_activation_bytes
    memory = "" if peak is None else f", {peak:,} bytes of memory"
    return f"trial {record.trial}: {accuracy}, {cost}{memory}{stopped}"
