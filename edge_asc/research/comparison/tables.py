"""A comparison's figures for people, papers and spreadsheets."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from edge_asc.evaluation.interval import interval_text
from edge_asc.research.task_score import score_grid
from edge_asc.research.written import Grid, print_grid, write_csv

SMALLEST_P = 0.0001
NONE = "-"  # of too few recordings, or of answers that do not differ
CSV_HEADER = (
    *("what", "system", "versus", "part", "clips", "value", "low", "high", "sd", "seeds"),
    *("p", "p_holm", "file_bytes_min", "file_bytes_max", "macs_per_s", "ms"),
)


def print_comparison(found: Mapping[str, Any], console: Console) -> None:
    """Print what `compare` found."""
    recordings = f" of {found['recordings']} recordings"
    console.print(f"{found['clips']} clips{recordings}; {found['test']}", highlight=False)
    for grid in grids(found):
        print_grid(grid, console)


def grids(found: Mapping[str, Any]) -> list[Grid]:
    """The comparison as tables: networks, differences, then by class and by device."""
    parts = [name for name in ("class", "device") if f"per_{name}" in found["systems"][0]]
    whole = [_systems(found)]
    whole += [differences_grid(found)] if found["differences"] else []
    scores = [score_grid(found["score"])] if "score" in found else []
    return [*whole, *scores, *(_by(found, part) for part in parts)]


def _systems(found: Mapping[str, Any]) -> Grid:
    metric = found["metric"]
    has_seeds = any(row["seeds"] > 1 for row in found["systems"])
    seeds = ("seeds", "mean ± sd") if has_seeds else ()
    header = ("network", metric, "95 % interval", *seeds, "bytes", "MACs per s", "ms a window")
    rows = [
        (
            row["name"],
            value_text(row["value"], metric),
            ends_text(row["interval"], metric),
            *((str(row["seeds"]), _mean_sd(row, metric)) if has_seeds else ()),
            _bytes(row["file_bytes"]),
            "" if row["macs_per_s"] is None else f"{row['macs_per_s']:,}",
            "" if row["window_latency_ms"] is None else f"{row['window_latency_ms']:.2f}",
        )
        for row in found["systems"]
    ]
    return Grid(metric, header, rows)


def differences_grid(found: Mapping[str, Any]) -> Grid:
    """A row for each pair: by how much the second is better, and whether that may be chance."""
    metric = found["metric"]
    unit = "nats" if metric == "log-loss" else "points"
    counted = all("only_a" in row for row in found["differences"]) and metric == "accuracy"
    alone = ("right alone",) if counted else ()
    header = ("difference", unit, "95 % interval", *alone, "p", "p (Holm)")
    rows = [
        (
            f"{row['b']} less {row['a']}",
            difference_text(row["difference"], metric),
            difference_ends(row["interval"], metric),
            *((f"{row['only_b']} / {row['only_a']}",) if counted else ()),
            p_text(row["p"]),
            p_text(row["p_holm"]),
        )
        for row in found["differences"]
    ]
    return Grid(f"differences, {found['test']}", header, rows)


def _by(found: Mapping[str, Any], part: str) -> Grid:
    """A row for each class or device; of two networks with their difference."""
    metric, key = found["metric"], f"per_{part}"
    systems, pairs = found["systems"], found["differences"]
    against = pairs[0] if len(pairs) == 1 else None
    more = ("difference", "p (Holm)") if against else ()
    rows = []
    for name, first in systems[0][key].items():
        cells = [name or "unknown", str(first["clips"])]
        cells += [value_text(system[key][name]["value"], metric) for system in systems]
        if against:
            row = against[key][name]
            cells += [difference_text(row["difference"], metric), p_text(row["p_holm"])]
        rows.append(cells)
    header = (part, "clips", *(system["name"] for system in systems), *more)
    return Grid(f"{_of_part(metric)} by {part}", header, rows)


def _of_part(metric: str) -> str:
    return "log loss" if metric == "log-loss" else "accuracy"


def value_text(value: float, metric: str) -> str:
    """A figure as tables show it: 91.4 %, or 0.2912 nats without the unit."""
    return f"{value:.4f}" if metric == "log-loss" else f"{100 * value:.2f} %"


def ends_text(ends: Sequence[float] | None, metric: str) -> str:
    """Both ends of an interval."""
    if metric == "log-loss" and ends:
        return f"{ends[0]:.4f} to {ends[1]:.4f}"
    return interval_text(ends) if ends else NONE


def difference_text(value: float, metric: str) -> str:
    """A difference with its sign, in points or nats."""
    return f"{value:+.4f}" if metric == "log-loss" else f"{100 * value:+.2f}"


def difference_ends(ends: Sequence[float] | None, metric: str) -> str:
    """Both ends of a difference's interval."""
    return " to ".join(difference_text(end, metric) for end in ends) if ends else NONE


def p_text(p: float | None) -> str:
    """A p as tables show it."""
    if p is None:
        return NONE
    return f"<{SMALLEST_P}" if p < SMALLEST_P else f"{p:.4f}"


def _mean_sd(row: Mapping[str, Any], metric: str) -> str:
    if row["sd"] is None:
        return ""
    if metric == "log-loss":
        return f"{row['value']:.4f} ± {row['sd']:.4f}"
    return f"{100 * row['value']:.2f} ± {100 * row['sd']:.2f}"


def _bytes(ends: Sequence[int] | None) -> str:
    return "" if ends is None else "-".join(f"{n:,}" for n in dict.fromkeys(ends))


def save_csv(found: Mapping[str, Any], path: Path) -> None:
    """Write every figure in a row of its own, unrounded."""
    write_csv(path, CSV_HEADER, (_cells(row) for row in _rows(found)))


def _cells(row: Mapping[str, Any]) -> list[Any]:
    low, high = row.get("interval") or (None, None)
    least, most = row.get("file_bytes") or (None, None)
    ends = {"low": low, "high": high, "file_bytes_min": least, "file_bytes_max": most}
    named = {**row, **ends, "ms": row.get("window_latency_ms")}
    return [named.get(name) for name in CSV_HEADER]


def _rows(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for row in found["systems"]:
        said = {"what": found["metric"], "system": row["name"]}
        yield {**row, **said}
        yield from _parts(row, said)
    for name, row in found.get("score", {"systems": {}})["systems"].items():
        for quantity, points in row["score"]["points"].items():
            yield {"what": "points", "system": name, "part": quantity, "value": points}
    for row in found["differences"]:
        said = {"what": "difference", "system": row["b"], "versus": row["a"]}
        yield {**row, **said, "value": row["difference"]}
        yield from _parts(row, said)


def _parts(row: Mapping[str, Any], said: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for key in ("per_class", "per_device"):
        for name, part in row.get(key, {}).items():
            value = part.get("value", part.get("difference"))
            yield {**part, **said, "part": f"{key.removeprefix('per_')} {name}", "value": value}
