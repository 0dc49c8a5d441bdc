"""Networks that answered the same clips, compared, as `edge-asc compare` does."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any

from rich.console import Console

from edge_asc.budget.score import check_formula, check_quantity
from edge_asc.data.dataset import SceneDataset
from edge_asc.evaluation.evaluate import Evaluation
from edge_asc.research.comparison.compare import METRICS
from edge_asc.research.comparison.compare import compare as measure
from edge_asc.research.comparison.tables import grids, print_comparison, save_csv
from edge_asc.research.comparison.targets import Targets, named, short_name
from edge_asc.research.task_score import ranked, score_of_system
from edge_asc.research.written import write_latex

WIDTH = 120  # characters of a table
Target = str | PathLike[str] | Evaluation
Parts = list[Path | Evaluation]


@dataclass(frozen=True)
class Comparison:
    """Networks on the same clips; printed, the tables of `edge-asc compare`.

    Attributes:
        figures: all that was found: `metric`, `clips`, `recordings`, `test`, `systems`,
            `differences`, `warnings`, with a formula `score`. docs/compare.md has their parts.
        has_asked: whether a model was asked; else all answers were saved ones.
    """

    figures: dict[str, Any]
    has_asked: bool

    @property
    def systems(self) -> list[dict[str, Any]]:
        """Of each network its name, value, interval, seeds, costs, values by class and device."""
        found: list[dict[str, Any]] = self.figures["systems"]
        return found

    @property
    def differences(self) -> list[dict[str, Any]]:
        """Of each pair `difference` (b less a), its interval, `p` and `p_holm`."""
        found: list[dict[str, Any]] = self.figures["differences"]
        return found

    @property
    def warnings(self) -> list[str]:
        """Why figures may be no test, and what was left out, a line each."""
        found: list[str] = self.figures["warnings"]
        return found

    def save_csv(self, path: str | PathLike[str]) -> None:
        """Write every figure unrounded, a row each."""
        save_csv(self.figures, Path(path))

    def save_latex(self, path: str | PathLike[str]) -> None:
        """Write the tables for a paper."""
        write_latex(Path(path), grids(self.figures))

    def plot(self, path: str | PathLike[str]) -> None:
        """Draw intervals and differences: `.png`, `.svg` or `.pdf`."""
        from edge_asc.plotting import check_drawable
        from edge_asc.research.comparison.plot import save_comparison

        check_drawable(Path(path))
        save_comparison(self.figures, Path(path))

    def __str__(self) -> str:
        console = Console(file=io.StringIO(), width=WIDTH, record=True)
        print_comparison(self.figures, console)
        return console.export_text().rstrip()

    def _repr_html_(self) -> str:
        console = Console(file=io.StringIO(), width=WIDTH, record=True)
        print_comparison(self.figures, console)
        return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def compare(
    targets: Mapping[str, Target | Sequence[Target]] | Sequence[Target],
    data: SceneDataset | str | PathLike[str] | None = None,
    *,
    fold: int | str | None = None,
    columns: str | None = None,
    metric: str = METRICS[0],
    score: str | None = None,
    measured: Mapping[str, Mapping[str, float]] | None = None,
    on_progress: Callable[[int, int], Any] = lambda done, total: None,
) -> Comparison:
    """Compare networks that answered the same clips: how good, how sure, at which cost.

    Args:
        targets: two networks or more, in a list, or by name: each what `ea.evaluate` gave, a
            folder that it saved, a table `predictions.csv`, a model file, a `Run`, a folder of
            runs, or several of these (a list, or text with commas or `*`), which are one network's
            folds and seeds.
        data: what models are asked about, opened or where it is; None: a run's own data set.
        fold: whose clips to test on, as of `evaluate`.
        columns: as of `open_dataset`.
        metric: "accuracy", "macro-accuracy" or "log-loss".
        score: also points and places by this task's ranking formula: "biodcase2026".
        measured: with `score`, by the network's name what a board measured, by the task's names.
        on_progress: called after each clip that a model hears.

    Returns:
        Values with 95 % intervals, costs, and each difference with its interval and p.

    Raises:
        TypeError: something that is no network, or a fold that is no number.
        ValueError: clips or labels differ, nothing to compare, no data to ask a model about.
        OSError: a file cannot be read.

    Example:
        >>> run = ea.Run("run")
        >>> found = ea.compare({"file": run.export("float32"), "torch": run}, "scenes")
        >>> [system["name"] for system in found.systems], found.figures["clips"]
        (['file', 'torch'], 40)
        >>> found.differences[0]["only_a"], found.differences[0]["p"]  # the same answers
        (0, 1.0)
    """
    if score is not None:
        check_formula(score)
    is_number = isinstance(fold, Integral) and not isinstance(fold, bool)
    if not (fold is None or is_number or isinstance(fold, str)):
        raise TypeError(f'fold: expected a number, "all" or None, found {fold!r}')
    given = _named(targets)
    if len(given) < 2:
        raise ValueError("give two networks or more to compare")
    if empty := [name for name, parts in given if not parts]:
        raise ValueError(f"{empty[0]}: nothing to compare")
    _check_measured(measured or {}, score, [name for name, _ in given])
    source = data if data is None or isinstance(data, SceneDataset) else Path(data)
    opened = Targets(source, fold, columns, on_progress)
    systems = opened.open_named(given)
    figures = measure(systems, metric)
    figures["warnings"] = [*opened.warnings, *figures["warnings"]]
    if score:
        known = measured or {}
        figures["score"] = ranked(
            {s.name: score_of_system(s).measured(known.get(s.name, {})) for s in systems}
        )
    return Comparison(figures, opened.has_asked)


def _check_measured(
    measured: Mapping[str, Mapping[str, float]], score: str | None, names: Sequence[str]
) -> None:
    """Refuse quantities that nobody asks for or can have, of networks that are not compared."""
    if measured and score is None:
        raise ValueError("measured goes with score")
    if unknown := [name for name in measured if name not in names]:
        raise ValueError(f"measured: {', '.join(unknown)}: none of {', '.join(names)}")
    for name, values in measured.items():
        if not isinstance(values, Mapping):
            raise TypeError(f"measured: {name}: expected quantities by name, found {values!r}")
        for quantity, value in values.items():
            check_quantity(quantity, value)


def _named(
    targets: Mapping[str, Target | Sequence[Target]] | Sequence[Target],
) -> list[tuple[str, Parts]]:
    """A name for each network, and what it stands for.

    Raises:
        TypeError: something that is no network, or a name that is no text.
        ValueError: one network alone, or an empty name.
    """
    if isinstance(targets, str | PathLike | Evaluation):
        raise ValueError("give two networks or more to compare, in a list or by name; found one")
    if isinstance(targets, Mapping):
        for name in targets:
            if not isinstance(name, str):
                raise TypeError(f"a network's name is text, not {name!r}")
            if not name.strip():
                raise ValueError(f"{name!r}: an empty name of a network")
        return [(name, _parts(target)) for name, target in targets.items()]
    if not isinstance(targets, Iterable):
        raise TypeError(f"expected networks in a list or by name, found {targets!r}")
    given: list[tuple[str, Parts]] = []
    for number, target in enumerate(targets, 1):
        if isinstance(target, str):
            name, paths = named(target)
            given.append((name, [*paths]))
            continue
        parts = _parts(target)
        given.append((_name_of(parts[0]) if parts else f"network {number}", parts))
    return given


def _name_of(part: Path | Evaluation) -> str:
    return short_name(part if isinstance(part, Path) else Path(part.figures["file"]))


def _parts(target: Target | Sequence[Target]) -> Parts:
    if isinstance(target, Evaluation):
        return [target]
    if isinstance(target, str):
        return [*named(f"network={target}")[1]]
    if isinstance(target, PathLike):
        return [Path(target)]
    if isinstance(target, bytes | Mapping) or not isinstance(target, Iterable):
        raise TypeError(f"expected a path or what ea.evaluate gave, found {target!r}")
    return [part for one in target for part in _parts(one)]
