"""Many trainings of one network, on folds and from seeds: what is missing is made."""

import logging
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_asc.config.schema import Config
from edge_asc.data.dataset import SceneDataset
from edge_asc.files import read_json

ALL = "all"
LARGEST_SEED = 2**63 - 1  # torch has signed numbers of 64 bits
SHOWN_BITS = 128
log = logging.getLogger(__name__)
TrainOne = Callable[[int | None, int, Path], Any]  # fold, seed, run folder: trains or goes on


@dataclass(frozen=True)
class Asked:
    """What all runs have in common."""

    config: Config
    dataset: str
    init: Path | None = None
    teachers: tuple[Path, ...] = ()
    answers: Path | None = None

    def is_done(self, run: Path, fold: int | None, seed: int) -> bool:
        """Whether a run is finished.

        Raises:
            ValueError: it was trained in another way.
        """
        if not (run / "weights.pt").is_file():
            return False
        from edge_asc.training.run import check_as_before  # torch takes seconds
        from edge_asc.training.run_folder import read_run

        if (self.answers is None) == bool(read_run(run).answers):
            raise ValueError(f"{run} was started {'without' if self.answers else 'with'} answers")
        check_as_before(
            run,
            self.config.to_dict(),
            fold=fold,
            seed=seed,
            dataset=self.dataset,
            init=str(self.init or ""),
            teachers=[*map(str, self.teachers)],
        )
        return True


def parse_seeds(text: str) -> list[int]:
    """Seeds as they are typed: `0,1,2`.

    Raises:
        ValueError: another form, one of them twice, or one that is too large.
    """
    seeds = _numbers("--seeds", text, text.split(","))
    for seed in seeds:
        check_seed(seed)
    return seeds


def check_seed(seed: int) -> None:
    """Refuse seeds that random generators do not take.

    Raises:
        ValueError: it is below 0 or too large.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"a seed is 0 to {LARGEST_SEED}, not {_short(seed)}")


def _short(number: int) -> str:
    bits = number.bit_length()
    return str(number) if bits <= SHOWN_BITS else f"a number of {bits} bits"


def parse_folds(text: str, dataset: SceneDataset) -> list[int]:
    """Folds as they are typed: `1,2`, or all that may be tested.

    Raises:
        ValueError: another form, or a fold that the data set has not.
    """
    if text == ALL:
        return list(dataset.folds)
    folds = _numbers("--folds", text, text.split(","))
    for fold in folds:
        dataset.clips_of(fold)  # says which there are
    return folds


def _numbers(option: str, text: str, parts: Sequence[str]) -> list[int]:
    texts = [part.strip() for part in parts]
    is_whole = all(re.fullmatch(r"\d{1,40}", text, re.ASCII) for text in texts)
    numbers = [int(text) for text in texts] if is_whole else []
    if not numbers or len(set(numbers)) < len(numbers):
        raise ValueError(f"{option} takes different whole numbers with commas, not {text[:80]!r}")
    return numbers


def run_of(folder: Path, fold: int | None, seed: int) -> Path:
    """The run folder of a fold and a seed."""
    return folder / (f"seed{seed}" if fold is None else f"fold{fold}-seed{seed}")


def train_many(
    folder: Path,
    folds: Sequence[int | None],
    seeds: Sequence[int],
    asked: Asked,
    train_one: TrainOne,
) -> dict[str, Any]:
    """Train every fold from every seed, one after the other; finished runs stay as they are.

    Args:
        folder: of the runs.
        folds: test folds; None: train on everything.
        seeds: of everything random.
        asked: what they have in common; a finished run must have had the same.
        train_one: called for each run that is not finished.

    Returns:
        runs (run, fold, seed, accuracy on the test clips), and by_seed: the mean accuracy over the
        folds; its mean and sd over the seeds.
    """
    runs = []
    for fold in folds:
        for seed in seeds:
            run = run_of(folder, fold, seed)
            if not asked.is_done(run, fold, seed):
                log.info("training %s", run)
                train_one(fold, seed, run)
            test = read_json(run / "metrics.json").get("test")
            accuracy = test["accuracy"] if test else None
            runs.append({"run": str(run), "fold": fold, "seed": seed, "accuracy": accuracy})
    return {"folder": str(folder), "runs": runs, **_summed(runs)}


def _summed(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    of_seed: dict[int, list[float]] = {}
    for run in runs:
        if run["accuracy"] is not None:
            of_seed.setdefault(run["seed"], []).append(run["accuracy"])
    means = {seed: statistics.mean(found) for seed, found in of_seed.items()}
    values = [*means.values()]
    return {
        "by_seed": {str(seed): mean for seed, mean in means.items()},
        "mean": statistics.mean(values) if values else None,
        "sd": statistics.stdev(values) if len(values) > 1 else None,
    }


def many_text(found: dict[str, Any]) -> str:
    """What many trainings came to, for people."""
    lines = [
        f"{run['run']}" + ("" if run["accuracy"] is None else f"  {run['accuracy']:.1%}")
        for run in found["runs"]
    ]
    if found["mean"] is not None:
        sd = "" if found["sd"] is None else f" ± {100 * found['sd']:.2f}"
        seeds = f"{len(found['by_seed'])} seeds" if len(found["by_seed"]) > 1 else "one seed"
        lines.append(f"accuracy {100 * found['mean']:.2f}{sd} % ({seeds})")
    return "\n".join(lines)
