"""Finished runs → one run whose network is all of theirs, or one with the mean of their weights."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from edge_asc.files import atomic_write, write_json
from edge_asc.training.inputs.examples import load_examples, write_examples
from edge_asc.training.run_folder import (
    Run,
    load_network,
    only_one,
    provenance,
    read_run,
    removed_if_empty,
)

Weights = dict[str, Tensor]

# What must be the same for features, classes and untested clips to be the same.
ALIKE = ("dataset", "fold", "labels", "abstract_labels", "clip_s", "n_frames")


def join_runs(runs: Sequence[Path], folder: Path, average: bool = False) -> Path:
    """Write a run folder of several runs, which every other verb takes.

    Args:
        runs: two or more finished runs of the same clips, test fold and front end.
        folder: the run folder; it must not hold a run.
        average: one network with the mean of their weights, which must have begun from the same
            run; else a network that holds them all and averages their logits (`models.means`).

    Raises:
        ValueError: fewer than two, one twice, runs that do not go together, or the folder is taken.
        OSError: a file cannot be read or written.
    """
    if len(runs) < 2:
        raise ValueError(f"join takes two runs or more, found {len(runs)}")
    if (folder / "run.json").exists():
        raise ValueError(f"{folder} holds a run already; name another folder")
    known = [read_run(run) for run in runs]
    _check_each_once(runs, known)
    for path, run in zip(runs[1:], known[1:], strict=True):
        _check_alike(runs[0], known[0], path, run)
    states = [load_network(run).state_dict() for run in runs]
    if average:
        _check_one_trunk(runs, known)
        config, weights = known[0].config, _mean(states)
    else:
        config, weights = _members(known), _together(states)
    joined = msgspec.structs.replace(
        known[0],
        config=config,
        init=max(run.init for run in known) if average else "",  # the trunk may be among them
        teachers=[],
        answers={},
        provenance=_provenance(runs, known),
    )
    with removed_if_empty(folder), only_one(folder, "joins"):
        write_json(folder / "run.json", joined)
        write_examples(folder, load_examples(runs[0]))
        with atomic_write(folder / "weights.pt") as temporary:
            torch.save(weights, temporary)
    return folder


def _check_each_once(runs: Sequence[Path], known: Sequence[Run]) -> None:
    """Raise ValueError where a run is named twice, or is a member of another: it would count more.

    Members of members are looked up as long as their runs are where they were.
    """
    seen: dict[str, Path] = {}
    for path, run in zip(runs, known, strict=True):
        inside = {*_inside(path, run)}
        if again := sorted(inside & seen.keys()):
            first = seen[again[0]]
            raise ValueError(f"{again[0]} is in {first} and in {path}: join takes each run once")
        seen |= dict.fromkeys(inside, path)


def _inside(path: Path, run: Run) -> Iterator[str]:
    """The run and the runs that it was joined of, and what those were."""
    yield os.path.realpath(path)
    for member in run.provenance.get("joined", []):
        inner = Path(member["run"])
        yield os.path.realpath(inner)
        if (inner / "run.json").is_file():
            yield from _inside(inner, read_run(inner))


def _check_alike(path: Path, run: Run, other_path: Path, other: Run) -> None:
    """Raise ValueError where two runs hear or name different things."""
    facts = {field: (getattr(run, field), getattr(other, field)) for field in ALIKE}
    answers = run.settings().data.unknown_answer, other.settings().data.unknown_answer
    for what, (ours, theirs) in (facts | {"data.unknown_answer": answers}).items():
        if ours != theirs:
            raise ValueError(
                f"{path} and {other_path} do not go together: {what}: {ours} and {theirs}"
            )
    if run.base or other.base:
        raise ValueError(f"{path if run.base else other_path} began with a model file: not joined")
    if run.frontend != other.frontend:
        names = [key for key in run.frontend if run.frontend[key] != other.frontend.get(key)]
        raise ValueError(
            f"{path} and {other_path} do not hear the same features: {', '.join(names)}"
            " (train with data.val_fraction=0, or one with --init of the other)"
        )


def _check_one_trunk(runs: Sequence[Path], known: Sequence[Run]) -> None:
    """Raise ValueError where weights have no common beginning: their mean would mean nothing."""
    begun = {run.init for run in known}
    own = {str(path) for path in runs}
    if (len(begun) > 1 and not begun <= own | {""}) or begun == {""}:
        found = ", ".join(sorted(name or "new weights" for name in begun))
        raise ValueError(f"a mean of weights needs runs with one --init; these began with {found}")
    models = [run.config["model"] for run in known]
    if any(model != models[0] for model in models):
        raise ValueError("a mean of weights needs one network; these runs have several")


def _mean(states: Sequence[Weights]) -> Weights:
    """Of each number; counts are the first's."""
    return {
        name: torch.stack([state[name] for state in states]).mean(0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }


def _together(states: Sequence[Weights]) -> Weights:
    """All of them, under the names that `Members` gives."""
    return {
        f"members.{i}.{name}": value
        for i, state in enumerate(states)
        for name, value in state.items()
    }


def _members(known: Sequence[Run]) -> dict[str, Any]:
    """The first run's settings with a network of all."""
    parts = [{key: run.config["model"][key] for key in ("name", "options")} for run in known]
    first = known[0].config
    return first | {"model": first["model"] | {"name": "members", "options": {"members": parts}}}


def _provenance(runs: Sequence[Path], known: Sequence[Run]) -> dict[str, Any]:
    made = [
        {"run": str(path), "seed": run.seed, "git": run.provenance.get("git")}
        for path, run in zip(runs, known, strict=True)
    ]
    return provenance() | {"joined": made}
