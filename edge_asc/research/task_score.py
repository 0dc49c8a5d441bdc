"""What models earn by a task's ranking formula, from their evaluations; and who is first."""

import statistics
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_asc.budget.biodcase2026 import FORMULA, NAME, RAM
from edge_asc.budget.inventory import Inventory
from edge_asc.budget.score import Score, score_of
from edge_asc.research.comparison.systems import System
from edge_asc.research.written import Grid


def score_of_figures(figures: Mapping[str, Any]) -> Score:
    """The quantities that an evaluation's figures and the model it names show.

    A .tflite file answers for the names with `tflite`; a run, as the float network that is handed
    in beside it, for those with `inference`. Other files answer for none of them.
    """
    target = str(figures.get("file", ""))
    is_file = target.endswith(".tflite")
    if not is_file and figures.get("runtime") != "torch":
        return Score({})
    side = "tflite" if is_file else "inference"
    answered = {f"{what}_{side}": figures.get(what) for what in ("accuracy", "roc_auc")}
    known = {name: value for name, value in answered.items() if value is not None}
    counted = _inventory(target)
    costs = {} if counted is None else score_of(counted).values
    if not is_file:  # the file it would be is another's business
        costs = {name: value for name, value in costs.items() if name.endswith(side)}
    return Score({**costs, **known}, frozenset({RAM} & costs.keys()))


def score_of_system(system: System) -> Score:
    """Those of a network's trainings: mean accuracy and area of all, costs of the first."""
    facts = [figures for seed in system.seeds for figures in seed.facts]
    if not facts:
        return Score({})
    areas = [figures.get("roc_auc") for figures in facts]
    known = [area for area in areas if area is not None]
    area = statistics.mean(known) if len(known) == len(areas) else None
    return score_of_figures({**facts[0], "accuracy": float(system.right.mean()), "roc_auc": area})


def together(*parts: Score) -> Score:
    """One score of what several know; where two know a quantity, the later one."""
    values = {name: value for part in parts for name, value in part.values.items()}
    return Score(values, frozenset(name for part in parts for name in part.estimated))


def _inventory(target: str) -> Inventory | None:
    """A model file or run, counted; None where it is gone or cannot be."""
    from edge_asc.export.count import budget_of

    with suppress(ValueError, OSError, ImportError):
        if Path(target).exists():
            (found,) = budget_of(target, "float32" if Path(target).is_dir() else None)
            return found
    return None


def ranked(scores: Mapping[str, Score]) -> dict[str, Any]:
    """Networks by the points of what is known of all of them, each also by each quantity.

    Returns:
        formula, shared (quantities known of all), systems: of each name its `score`
        (`Score.to_dict`), `points` (of the shared quantities), `rank` by them, None where there
        are none, and `ranks` by each of them alone, from 1; equal values share a rank.
    """
    shared = [name for name in FORMULA if all(name in score.values for score in scores.values())]
    sums = {name: sum(score.points[q] for q in shared) for name, score in scores.items()}
    places = {
        q: _places({name: _good(q, score.values[q]) for name, score in scores.items()})
        for q in shared
    }
    overall = _places(sums)
    return {
        "formula": NAME,
        "shared": shared,
        "systems": {
            name: {
                "score": score.to_dict(),
                "points": sums[name],
                "rank": overall[name] if shared else None,
                "ranks": {quantity: places[quantity][name] for quantity in shared},
            }
            for name, score in scores.items()
        },
    }


def _good(quantity: str, value: float) -> float:
    """A value as larger ones are better."""
    term = FORMULA[quantity]
    return value if term.best > term.worst else -value


def _places(values: Mapping[str, float]) -> dict[str, int]:
    """Places from 1, the largest first; equal values share one."""
    return {
        name: 1 + sum(other > value for other in values.values()) for name, value in values.items()
    }


def score_grid(found: Mapping[str, Any]) -> Grid:
    """What `ranked` found: a row for each quantity, each network's value, points and place."""
    systems = found["systems"]
    rows = [
        [quantity, *(_cell(system, quantity) for system in systems.values())]
        for quantity in FORMULA
    ]
    points = [f"{system['points']:.3f}" for system in systems.values()]
    title = f"{found['formula']}: value, points and place by itself"
    rows.append([f"points of {len(found['shared'])} quantities known of all", *points])
    rows.append(["place", *(str(system["rank"] or "-") for system in systems.values())])
    return Grid(title, ("quantity", *systems), rows)


def _cell(system: Mapping[str, Any], quantity: str) -> str:
    score = system["score"]
    if quantity not in score["values"]:
        return "-"
    value = score["values"][quantity]
    shown = f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
    place = f" ({system['ranks'][quantity]})" if quantity in system["ranks"] else ""
    return f"{shown}  {score['points'][quantity]:.3f}{place}"
