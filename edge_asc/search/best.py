"""The best candidates of a search, trained in full from several seeds: was it the network or luck?

A search ranks by one short training each, of one seed. Here each of the first few gets the whole
schedule of its preset, on test folds and from seeds, and the differences their tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import optuna

from edge_asc.config.schema import Config, config_from_dict, with_overrides
from edge_asc.data.dataset import SceneDataset
from edge_asc.files import read_json
from edge_asc.research.comparison.compare import compare
from edge_asc.research.comparison.targets import Targets
from edge_asc.research.many import Asked, train_many
from edge_asc.search.records import PRESET, Record, ranked
from edge_asc.search.show import records_of
from edge_asc.search.task import QUESTION
from edge_asc.training.run import train
from edge_asc.training.run_folder import removed_if_empty


@dataclass(frozen=True)
class Candidate:
    """One of the best, and how it is trained in full."""

    record: Record
    config: Config
    folder: Path  # of its runs

    @property
    def name(self) -> str:
        """As tables show it."""
        return self.folder.name


def candidates(
    studies: Sequence[optuna.Study], top: int, folder: Path, overrides: Sequence[str] = ()
) -> list[Candidate]:
    """The best finished candidates, with the schedule of their base; `overrides` change that.

    Raises:
        ValueError: none is finished, the studies cannot be compared, or a setting does not go.
    """
    of_name = {study.study_name: study for study in studies}
    chosen: list[Candidate] = []
    known: list[Config] = []  # two studies may have found the same network
    for record in ranked(records_of(studies)):
        trial = of_name[record.study].get_trials(deepcopy=False)[record.trial]
        config = with_overrides(config_from_dict(trial.user_attrs[PRESET]), overrides)
        if len(chosen) < top and config not in known:
            known.append(config)
            name = f"{record.study.replace('/', '-')}-trial{record.trial}"
            named = msgspec.structs.replace(config, name=name)
            chosen.append(Candidate(record, named, folder / name))
    if not chosen:
        raise ValueError("no finished trial to train yet")
    return chosen


def searched_fold(studies: Sequence[optuna.Study], dataset: SceneDataset) -> int | None:
    """The test fold that the search never read; None where it had none.

    Raises:
        ValueError: it was another data set.
    """
    asked = studies[0].user_attrs.get(QUESTION, {})
    if (asked.get("dataset"), asked.get("clips")) != (dataset.name, len(dataset.clips)):
        raise ValueError(
            f"{dataset.root} is not what was searched: {dataset.name} of {len(dataset.clips)}"
            f" clips, not {asked.get('dataset')} of {asked.get('clips')}"
        )
    fold: int | None = asked["fold"]
    return fold


def train_best(
    chosen: Sequence[Candidate],
    dataset: SceneDataset,
    data: str,
    folds: Sequence[int],
    seeds: Sequence[int],
    progress: bool = True,
) -> dict[str, Any]:
    """Train each candidate on every fold from every seed, and compare them on the test clips.

    Runs that are finished stay as they are, and what was interrupted goes on.

    Args:
        chosen: of `candidates`.
        dataset: what was searched.
        data: its path, which the runs remember.
        folds: test folds.
        seeds: of everything random.
        progress: show progress.

    Returns:
        candidates (what the search knew of each, its runs, validation: their mean accuracy on
        validation clips, None without; test: value, interval, by_seed, sd), and comparison: of
        `edge_asc.research.comparison.compare`.

    Raises:
        ValueError: a run in the folder was trained in another way.
    """
    trained = [_train(one, dataset, data, folds, seeds, progress) for one in chosen]
    targets = Targets()
    found = compare([
        targets.system(one.name, [Path(run["run"]) for run in runs])
        for one, runs in zip(chosen, trained, strict=True)
    ])  # fmt: skip
    rows = [
        {**one.record.to_dict(), "name": one.name, "folder": str(one.folder), "runs": runs,
         "validation": _validation(runs), "test": _figures(system)}
        for one, runs, system in zip(chosen, trained, found["systems"], strict=True)
    ]  # fmt: skip
    return {"folds": list(folds), "seeds": list(seeds), "candidates": rows, "comparison": found}


def _train(
    one: Candidate,
    dataset: SceneDataset,
    data: str,
    folds: Sequence[int],
    seeds: Sequence[int],
    progress: bool,
) -> list[dict[str, Any]]:
    def train_one(fold: int | None, seed: int, run: Path) -> None:
        with removed_if_empty(run):
            train(
                one.config, dataset, fold, run, data=data, seed=seed, resume=True, progress=progress
            )

    runs: list[dict[str, Any]] = train_many(
        one.folder, folds, seeds, Asked(one.config, dataset.name), train_one
    )["runs"]
    return runs


def _validation(runs: Sequence[dict[str, Any]]) -> float | None:
    parts = [read_json(Path(run["run"]) / "metrics.json").get("val") for run in runs]
    accuracies = [part["accuracy"] for part in parts if part]
    return sum(accuracies) / len(accuracies) if accuracies else None


def _figures(system: dict[str, Any]) -> dict[str, Any]:
    return {key: system[key] for key in ("value", "interval", "by_seed", "sd")}
