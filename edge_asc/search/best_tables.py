"""The best candidates and their seeds, as people read them."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from edge_asc.research.comparison.tables import NONE, differences_grid, ends_text, value_text
from edge_asc.research.written import Grid, print_grid

HEADER = ("candidate", "searched", "validation", "test", "95 % interval", "sd of seeds",
          "each seed", "bytes", "MMAC/s", "peak memory")  # fmt: skip
METRIC = "accuracy"


def print_best(found: Mapping[str, Any], console: Console) -> None:
    """Print what `train_best` found: figures, differences, and how much a seed decides."""
    comparison = found["comparison"]
    print_grid(best_grid(found["candidates"]), console)
    if comparison["differences"]:
        print_grid(differences_grid(comparison), console)
    for line in luck(found["candidates"]):
        console.print(line, highlight=False, markup=False)


def best_grid(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """A row for each candidate, in the order of the search."""
    cells = [
        (
            row["name"],
            value_text(row["accuracy"], METRIC),
            NONE if row["validation"] is None else value_text(row["validation"], METRIC),
            value_text(row["test"]["value"], METRIC),
            ends_text(row["test"]["interval"], METRIC),
            NONE if row["test"]["sd"] is None else f"{100 * row['test']['sd']:.2f}",
            " ".join(f"{100 * value:.1f}" for value in row["test"]["by_seed"]),
            f"{row['file_bytes']:,}",
            f"{row['macs_per_s'] / 1e6:.1f}",
            NONE if (peak := row["peak_activation_bytes"]) is None else f"{peak:,}",
        )
        for row in rows
    ]
    return Grid("accuracy of the best candidates, trained in full", HEADER, cells)


def luck(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """How far apart the seeds of one network lie, and how far the networks."""
    spans = {row["name"]: _span(row["test"]["by_seed"]) for row in rows}
    widest = max(spans, key=lambda name: spans[name])
    several = len(rows[0]["test"]["by_seed"]) > 1
    lines = [f"seeds of one network: up to {spans[widest]:.1f} points apart ({widest})"]
    apart = _span([row["test"]["value"] for row in rows])
    between = [f"means of the networks: {apart:.1f} points apart"] if len(rows) > 1 else []
    return [*(lines if several else []), *between]


def _span(values: Sequence[float]) -> float:
    return 100 * (max(values) - min(values))
