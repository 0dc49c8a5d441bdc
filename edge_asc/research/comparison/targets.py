"""What `compare` is given, as systems: runs, model files, saved evaluations, folders of these."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_asc.data.dataset import SceneDataset
from edge_asc.data.layouts.columns import parse_columns
from edge_asc.data.layouts.find_table import lists_read
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.evaluate import Evaluation, evaluate
from edge_asc.evaluation.predictors import OnProgress
from edge_asc.files import read_json
from edge_asc.research.comparison.answers import (
    METRICS,
    PREDICTIONS,
    Answers,
    answers_of,
    read_answers,
)
from edge_asc.research.comparison.systems import System, system_of
from edge_asc.runtime.zoo.models import model_path, zoo_names

MODEL_SUFFIXES = (".tflite", ".onnx")
RUN = "run.json"


class Targets:
    """Opens what is compared, each data set once.

    Args:
        data: the data set, opened or where it is; None: a run's own.
        fold: whose clips to test on, as of `evaluate`.
        columns: as of `open_dataset`.
        on_progress: called after each clip that is heard.
    """

    def __init__(
        self,
        data: SceneDataset | Path | None = None,
        fold: int | str | None = None,
        columns: str | None = None,
        on_progress: OnProgress = lambda done, total: None,
    ) -> None:
        self._data, self._fold, self._columns = data, fold, columns
        self._on_progress = on_progress
        self.warnings: list[str] = []  # what was passed over
        self.has_asked = False  # a model; else all answers were saved ones
        self._opened: dict[Path, SceneDataset] = {}

    def open(self, targets: Sequence[str]) -> list[System]:
        """A system for each `[NAME=]PATH[,PATH…]`.

        Several paths are trainings of one network: on folds, where their clips differ, and from
        seeds, where these are the same. So are what lies in a folder.

        Raises:
            ValueError: nothing to compare there, no data set to ask a model about, or one name for
                two systems.
            OSError: a file cannot be read.
        """
        return self.open_named([named(target) for target in targets])

    def open_named(self, given: Sequence[tuple[str, Sequence[Path | Evaluation]]]) -> list[System]:
        """A system for each name and what it stands for: paths, or evaluations at hand.

        Raises:
            ValueError, OSError: as of `open`.
        """
        for name, _ in given:
            if sum(name == other for other, _ in given) > 1:
                raise ValueError(f"two are called {name}; give names: ours={name} theirs=…")
        return [self.system(name, parts) for name, parts in given]

    def system(self, name: str, given: Sequence[Path | Evaluation]) -> System:
        """The system of these trainings of one network; arguments as `open` takes them apart."""
        return system_of(name, [*self._answers(given)])

    def _answers(self, given: Sequence[Path | Evaluation]) -> Iterator[Answers]:
        paths = [path for path in given if isinstance(path, Path)]
        self.warnings += [
            f"{run} is not finished and left out" for path in paths for run in unfinished(path)
        ]
        parts = [part for one in given for part in _parts(one)]
        for number, part in enumerate(parts):
            answers = self._of(part)
            if number == 0:  # trainings of one network cost the same
                answers = replace(answers, facts=tuple(map(with_macs, answers.facts)))
            yield answers

    def _of(self, part: Path | Evaluation) -> Answers:
        if isinstance(part, Evaluation):
            return answers_of(part, str(part.figures["file"]))
        return read_answers(part) if is_saved(part) else self._ask(part)

    def _ask(self, model: Path) -> Answers:
        self.has_asked = True
        asked = evaluate(
            model, self._dataset(model), fold=self._fold, on_progress=self._on_progress
        )
        return answers_of(asked, str(model))

    def _dataset(self, model: Path) -> SceneDataset:
        if isinstance(self._data, SceneDataset):
            return self._data
        path, columns = self._data, self._columns
        if path is None and (model / RUN).is_file():
            run = read_json(model / RUN)
            path, columns = Path(run["data"]), run.get("columns") or None
        if path is None:
            raise ValueError(f"{model}: a model is asked about clips: --data PATH")
        if path not in self._opened:
            self._opened[path] = open_dataset(path, columns=columns)
        return self._opened[path]


def with_macs(facts: Mapping[str, Any]) -> dict[str, Any]:
    """An evaluation's figures, and the work of its model."""
    return {**facts, "macs_per_s": macs_per_s(str(facts.get("file", "")))}


def named(target: str) -> tuple[str, list[Path]]:
    """The name of a target and its paths; a path may have `=`, `,` and `*` in it.

    Raises:
        ValueError: the name or a path is empty.
    """
    if target and (Path(target).exists() or target in zoo_names()):
        return short_name(Path(target)), [Path(target)]
    name, equals, rest = target.partition("=")
    texts = [text.strip() for text in (rest if equals else target).split(",")]
    if not (all(texts) and name.strip()):
        raise ValueError(f"{target!r}: an empty name; a target is [NAME=]PATH[,PATH…]")
    paths = [path for text in texts for path in _matching(text)]
    return name if equals else short_name(paths[0]), paths


def files_of(
    targets: Sequence[str], data: Path | None = None, columns: str | None = None
) -> Iterator[Path]:
    """The files that are read for targets: saved answers, models, the lists of their data sets."""
    if data is not None:
        yield from lists_read(data, parse_columns(columns) if columns else None)
    for target in targets:
        for path in named(target)[1]:
            for part in parts_of(path):
                yield from (part, part / PREDICTIONS, part / METRICS)
                if data is None and (part / RUN).is_file():
                    yield from lists_read(Path(read_json(part / RUN)["data"]))


def _parts(given: Path | Evaluation) -> Sequence[Path | Evaluation]:
    return [given] if isinstance(given, Evaluation) else parts_of(given)


def short_name(path: Path) -> str:
    """What a path is called that was given no name."""
    return path.stem if path.suffix in (*MODEL_SUFFIXES, ".csv") else path.resolve().name


def _matching(text: str) -> list[Path]:
    """The path, or what it matches with `*` and `?` in it."""
    path = Path(text)
    if path.exists() or not any(c in text for c in "*?["):
        return [path]
    root = Path(path.anchor)
    found = sorted(root.glob(str(path.relative_to(root))))
    if not found:
        raise FileNotFoundError(f"{text}: nothing of that name")
    return found


def parts_of(path: Path) -> list[Path]:
    """The trainings that a path stands for: itself, or those that lie in the folder.

    Raises:
        ValueError: a folder that holds none.
    """
    if not path.is_dir() or is_part(path):
        return [path if path.exists() else model_path(path)]
    found = [inner for inner in sorted(path.iterdir()) if is_part(inner)]
    if not found:
        raise ValueError(
            f"{path}: no run, no evaluation that `evaluate --out` saved, and no folder of such"
        )
    return found


def unfinished(folder: Path) -> list[Path]:
    """Runs in a folder of trainings that have no weights yet."""
    if not folder.is_dir() or is_part(folder):
        return []
    inside = sorted(folder.iterdir())
    return [run for run in inside if (run / RUN).is_file() and not is_part(run)]


def is_part(folder: Path) -> bool:
    """Whether a folder is a finished run or a saved evaluation."""
    return (folder / PREDICTIONS).is_file() or (folder / "weights.pt").is_file()


def is_saved(path: Path) -> bool:
    """Whether a path holds answers, rather than what can give some."""
    return path.suffix == ".csv" or (path / PREDICTIONS).is_file()


def macs_per_s(model: str) -> int | None:
    """Multiply-accumulates of a model file or run for a second of sound; None where it is gone."""
    from edge_asc.export.count import budget_of

    with suppress(ValueError, OSError, ImportError):
        if Path(model).exists():
            (found,) = budget_of(model, "float32" if Path(model).is_dir() else None)
            return found.per_second(found.macs)
    return None
