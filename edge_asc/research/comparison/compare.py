"""Compare networks that answered the same clips: how good, how sure, and what each costs.

Letters: K seeds, N clips, G groups of clips, B resamples.
"""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from edge_asc.evaluation.interval import interval
from edge_asc.research.comparison.answers import Answers
from edge_asc.research.comparison.paired import (
    RESAMPLES,
    Bootstrap,
    holm,
    mcnemar,
    over_seeds,
    p_of_draws,
    percentiles,
)
from edge_asc.research.comparison.systems import System, aligned

METRICS = ("accuracy", "macro-accuracy", "log-loss")
MCNEMAR = "McNemar's exact test on clips"
BOOTSTRAP = "bootstrap over recordings"
FEWEST = 2  # recordings of which an interval or a test can be drawn
COSTS = ("file_bytes", "macs_per_s", "window_latency_ms")  # of an evaluation's figures


@dataclass(frozen=True)
class _Groups:
    """Clips by what they have in common: number of the group of each `[N]`, names by number.

    And of how many recordings each group's clips are, `[G]`.
    """

    of_clip: np.ndarray
    names: tuple[str, ...]
    recordings: tuple[int, ...]

    @classmethod
    def by(cls, values: Sequence[str], recordings: Sequence[str]) -> "_Groups":
        names, numbers = np.unique(np.array(values), return_inverse=True)
        pairs = set(zip(numbers.tolist(), recordings, strict=True))
        counts = Counter(number for number, _ in pairs)
        return cls(numbers, tuple(map(str, names)), tuple(counts[i] for i in range(len(names))))

    def varies(self, group: int) -> bool:
        """Whether a group has recordings enough to tell what others might have given."""
        return self.recordings[group] >= FEWEST

    def means(self, values: np.ndarray) -> np.ndarray:
        """Means of `[K, N]` in each group, `[K, G]`."""
        sizes = np.bincount(self.of_clip, minlength=len(self.names))
        sums = [np.bincount(self.of_clip, row, len(self.names)) for row in values]
        found: np.ndarray = np.stack(sums) / sizes
        return found


@dataclass(frozen=True)
class _Measured:
    """One system by one grouping: each seed's means `[K, G]`, and draws of their mean `[B, G]`."""

    means: np.ndarray
    draws: np.ndarray

    def averaged(self) -> "_Measured":
        """The mean over the groups, as one group: draws without a clip of one leave that out."""
        return _Measured(
            self.means.mean(1, keepdims=True), np.nanmean(self.draws, axis=1, keepdims=True)
        )


def compare(
    systems: Sequence[System], metric: str = METRICS[0], resamples: int = RESAMPLES
) -> dict[str, Any]:
    """Figures of networks on the same clips, and of all their differences.

    Args:
        systems: two or more; each with one seed or several.
        metric: one of `METRICS`: share of clips, mean of the classes' shares, or nats.
        resamples: how many times recordings are drawn anew.

    Returns:
        metric, clips, recordings, test (how p was found), systems (name, value, its interval,
        seeds, sd over them, costs, per_class, per_device) and differences (a, b, difference: b's
        value less a's, interval, p, p_holm, and the same per class and device). Intervals hold
        95 %; they and p are None of fewer than two recordings. `p_holm` bounds false alarms among
        all differences of its list.

    Raises:
        ValueError: clips or labels differ, or predictions without probabilities have no loss.
    """
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r} is not one of {', '.join(METRICS)}")
    systems = aligned(systems)
    clips, values = systems[0].seeds[0], [_values(system, metric) for system in systems]
    drawn, by = Bootstrap(clips.recordings, resamples), _groupings(clips)
    found = {
        what: [_measure(row, grouping, drawn, stream) for stream, row in enumerate(values)]
        for what, grouping in by.items()
    }
    if metric == "macro-accuracy":
        found["all"] = [of_system.averaged() for of_system in found["class"]]
    is_exact = (
        metric == "accuracy"
        and len(set(clips.recordings)) == len(clips.clips)
        and all(len(system.seeds) == 1 for system in systems)
    )
    return {
        "metric": metric,
        "clips": len(clips.clips),
        "recordings": len(set(clips.recordings)),
        "test": MCNEMAR if is_exact else BOOTSTRAP,
        "systems": [
            _system(system, {what: found[what][i] for what in by}, by, clips, metric)
            for i, system in enumerate(systems)
        ],
        "differences": _pairs(systems, found, by, values if is_exact else None),
        "warnings": _warnings(systems),
    }


def _values(system: System, metric: str) -> np.ndarray:
    """What is averaged: loss or whether an answer was right, `[K, N]`."""
    values = system.loss if metric == "log-loss" else system.right
    if np.isnan(values).any():
        raise ValueError(f"{system.name}: predictions without probabilities have no log loss")
    return values


def _pairs(
    systems: Sequence[System],
    found: Mapping[str, Sequence[_Measured]],
    by: Mapping[str, _Groups],
    rights: Sequence[np.ndarray] | None,
) -> list[dict[str, Any]]:
    """The difference of each pair, for all clips, by class and by device."""
    rows = []
    for a, b in combinations(range(len(systems)), 2):
        of = {what: _differences(found[what], by[what], a, b, rights) for what in by}
        whole = of.pop("all")["all"]
        for parts in of.values():
            _correct([*parts.values()])
        named = {"a": systems[a].name, "b": systems[b].name}
        parts_of = {f"per_{what}": parts for what, parts in of.items()}
        rows.append(named | whole | _discordant(systems[a], systems[b]) | parts_of)
    _correct(rows)
    return rows


def _groupings(clips: Answers) -> dict[str, _Groups]:
    values = {"all": ["all"] * len(clips.clips), "class": clips.labels}
    values |= {"device": clips.devices} if any(clips.devices) else {}
    return {what: _Groups.by(of_clip, clips.recordings) for what, of_clip in values.items()}


def _measure(values: np.ndarray, by: _Groups, drawn: Bootstrap, stream: int) -> _Measured:
    draws = drawn.means(values, by.of_clip, len(by.names))
    return _Measured(by.means(values), over_seeds(draws, stream))


def _differences(
    found: Sequence[_Measured], by: _Groups, a: int, b: int, rights: Sequence[np.ndarray] | None
) -> dict[str, dict[str, Any]]:
    """Of each group by how much b's value is above a's; p is exact where `rights` are given."""
    rows = {}
    for g, name in enumerate(by.names):
        draws = found[b].draws[:, g] - found[a].draws[:, g]
        p: float | None = None
        if not by.varies(g):
            draws = draws[:0]
        elif rights is None:
            p = p_of_draws(draws)
        else:
            one, other = (rights[i][0, by.of_clip == g] for i in (a, b))
            p = mcnemar(int((one > other).sum()), int((other > one).sum()))
        means = found[b].means[:, g].mean() - found[a].means[:, g].mean()
        rows[name] = {"difference": float(means), "interval": percentiles(draws), "p": p}
    return rows


def _correct(rows: Sequence[dict[str, Any]]) -> None:
    """Add p_holm to differences that are looked at together."""
    tested = [row for row in rows if row["p"] is not None]
    for row in rows:
        row["p_holm"] = None
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = p


def _discordant(a: System, b: System) -> dict[str, int]:
    """Clips that one of two had right and the other not; only where each has one seed."""
    if len(a.seeds) > 1 or len(b.seeds) > 1:
        return {}
    one, other = a.seeds[0].right, b.seeds[0].right
    return {"only_a": int((one & ~other).sum()), "only_b": int((other & ~one).sum())}


def _system(
    system: System,
    found: Mapping[str, _Measured],
    by: Mapping[str, _Groups],
    clips: Answers,
    metric: str,
) -> dict[str, Any]:
    recordings = np.array(clips.recordings)

    def row(what: str, g: int) -> dict[str, Any]:
        of_seed, asked = found[what].means[:, g], by[what].of_clip == g
        ends = percentiles(found[what].draws[:, g]) if by[what].varies(g) else None
        if metric == "accuracy":  # Wilson's, which evaluate prints
            ends = interval(np.full(int(asked.sum()), of_seed.mean()), recordings[asked])
        return {"clips": int(asked.sum()), "value": float(of_seed.mean()), "interval": ends}

    by_seed = [float(value) for value in found["all"].means[:, 0]]
    parts = {
        f"per_{what}": {name: row(what, g) for g, name in enumerate(by[what].names)}
        for what in by
        if what != "all"
    }
    return {
        "name": system.name,
        **row("all", 0),
        "seeds": len(by_seed),
        "by_seed": by_seed,
        "sd": statistics.stdev(by_seed) if len(by_seed) > 1 else None,
        **_costs(system),
        **parts,
    }


def _costs(system: System) -> dict[str, Any]:
    """Smallest and largest bytes of the files; median work and time; None where nobody knows."""
    facts = [of_model for seed in system.seeds for of_model in seed.facts]
    known = {key: [f[key] for f in facts if f.get(key) is not None] for key in COSTS}
    sizes, macs, ms = known.values()
    return {
        "file_bytes": [min(sizes), max(sizes)] if sizes else None,
        "macs_per_s": max(macs) if macs else None,
        "window_latency_ms": statistics.median(ms) if ms else None,
    }


def _warnings(systems: Sequence[System]) -> list[str]:
    """Why figures may be no test, each line once."""
    lines = [
        f"{system.name}: {line}"
        for system in systems
        for seed in system.seeds
        for facts in seed.facts
        for line in facts.get("warnings", [])
    ]
    return list(dict.fromkeys(lines))
