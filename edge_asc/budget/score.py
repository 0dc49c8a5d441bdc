"""A ranking formula's score, as far as its quantities are known, and how people read it."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.table import Table

from edge_asc.budget import biodcase2026
from edge_asc.budget.inventory import Inventory
from edge_asc.suggest import no_such

FORMULAS = (biodcase2026.NAME,)


@dataclass(frozen=True)
class Score:
    """What a network earns by the formula of a task.

    Attributes:
        values: quantities that are known, by their names in the task's table.
        estimated: those of them that only a board measures, or a file that is not there yet shows.
    """

    values: Mapping[str, float]
    estimated: frozenset[str] = field(default=frozenset())

    @property
    def points(self) -> dict[str, float]:
        """Of each quantity that is known."""
        return biodcase2026.points(self.values)

    @property
    def total(self) -> float:
        """Sum of the points that are known."""
        return sum(self.points.values())

    @property
    def unknown(self) -> tuple[str, ...]:
        """Quantities of the formula that are not known."""
        return tuple(name for name in biodcase2026.FORMULA if name not in self.values)

    def measured(self, values: Mapping[str, float]) -> "Score":
        """The same with quantities that somebody measured.

        Raises:
            ValueError: a quantity that the formula does not have.
        """
        biodcase2026.points(values)
        return Score({**self.values, **values}, self.estimated - values.keys())

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "formula": biodcase2026.NAME,
            "total": self.total,
            "points": self.points,
            "values": dict(self.values),
            "estimated": sorted(self.estimated),
            "unknown": list(self.unknown),
        }


def score_of(inventory: Inventory) -> Score:
    """What size, work and memory of a network earn."""
    values = biodcase2026.counted(inventory)
    unsure = {biodcase2026.RAM, *([biodcase2026.SIZE] if inventory.source == "torch" else [])}
    return Score(values, frozenset(unsure & values.keys()))


def check_formula(name: str) -> None:
    """Refuse a formula that nobody knows.

    Raises:
        ValueError: no such formula; the message lists them.
    """
    if name not in FORMULAS:
        raise ValueError(no_such("score", name, FORMULAS))


def parse_measured(text: str) -> dict[str, float]:
    """Quantities that somebody measured: `NAME=VALUE,NAME=VALUE`.

    Raises:
        ValueError: no such pair, a name twice, or as of `check_quantity`.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            hint = " (numbers have a decimal point)" if part.strip().isdecimal() else ""
            raise ValueError(f"{part.strip()!r}: expected QUANTITY=VALUE,…{hint}")
        if name in found:
            raise ValueError(f"{name} is given twice: {found[name]:g} and {value}")
        check_quantity(name, value)
        found[name] = float(value)
    return found


def check_quantity(name: str, value: object) -> None:
    """Refuse what nobody can have measured.

    Raises:
        ValueError: a name that no formula has, or a value that its quantity cannot have.
    """
    biodcase2026.points({name: 0.0})
    is_share, is_count = name.startswith(("accuracy", "roc_auc")), "bytes" in name or "macs" in name
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if is_count and not (number >= 1 and number.is_integer()):
        raise ValueError(f"{name}={value}: expected a whole number from 1")
    if not 0 <= number <= (1.0 if is_share else sys.float_info.max):
        raise ValueError(f"{name}={value}: expected a number from 0{' to 1' if is_share else ''}")


def score_table(score: Mapping[str, Any]) -> Table:
    """Each quantity of `Score.to_dict` with its points, and what is missing."""
    title = f"{score['formula']}: {score['total']:.3f} points of what is known"
    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("quantity")
    for heading in ("value", "points"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for name in biodcase2026.FORMULA:
        board = "a board measures it" if name.startswith("embedded_") else ""
        if name not in score["values"]:
            table.add_row(name, "", "", board or "not known here")
            continue
        value = score["values"][name]
        shown = f"{value:,.0f}" if value >= 1000 else f"{value:,.4g}"
        estimated = (
            ", ".join(filter(None, ["estimated", board])) if name in score["estimated"] else ""
        )
        table.add_row(name, shown, f"{score['points'][name]:.3f}", estimated)
    return table
