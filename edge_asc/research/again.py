"""A run made again from its own description, and whether what made both was the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from edge_asc.config.base import OPTION
from edge_asc.config.schema import Config
from edge_asc.runtime.zoo.models import zoo_names
from edge_asc.training.run_folder import BASE, Run, is_clean, read_run

SHOWN = 5  # packages of other versions, or runs, that are named


@dataclass(frozen=True)
class Recipe:
    """What a run was asked for."""

    config: Config
    data: Path
    columns: Mapping[str, str] | None
    fold: int | None
    seed: int
    init: Path | None
    teachers: tuple[Path, ...]
    answers: Path | None


def recipe_of(folder: Path, data: Path | None = None) -> Recipe:
    """What a run was made of; `data` stands in for a data set that has moved.

    Raises:
        ValueError: no run, one that was imported or joined and not trained, or what it was made of
            is gone.
    """
    if not (folder / "run.json").is_file() and (below := sorted(folder.glob("*/run.json"))):
        runs = ", ".join(str(path.parent) for path in below[:SHOWN])
        more = f" and {len(below) - SHOWN} more" if len(below) > SHOWN else ""
        raise ValueError(f"{folder} is a folder of runs; one of them: {runs}{more}")
    run = read_run(folder)
    if joined := run.provenance.get("joined"):
        members = ", ".join(str(member["run"]) for member in joined)
        raise ValueError(f"{folder} was joined, not trained: make its members again, {members}")
    if "imported" in run.provenance or not (data or run.data):
        raise ValueError(f"{folder} was imported: it cannot be trained again")
    find = partial(_found, folder)
    return Recipe(
        config=_with_files(run.settings(), folder),
        data=data or find("was trained on", run.data),
        columns=run.columns or None,
        fold=run.fold,
        seed=run.seed,
        init=find("began with", run.init) if run.init else None,
        teachers=tuple(find("learnt from", teacher) for teacher in run.teachers),
        answers=find("learnt from", run.answers["file"]) if run.answers else None,
    )


def _found(folder: Path, what: str, path: str) -> Path:
    """What a run names: from here, or else from a folder above the run's, if its path is relative.

    Raises:
        ValueError: it is not there.
    """
    above = () if Path(path).is_absolute() else folder.resolve().parents
    places = (Path(path), *(parent / path for parent in above))
    if (found := next(filter(Path.exists, places), None)) is None:
        where = f"which is neither in {Path.cwd()} nor in a folder above the run"
        told = where if above else "which is not there"
        hint = "; --data says where the data set is now" if what == "was trained on" else ""
        raise ValueError(f"{folder} {what} {path}, {told}{hint}")
    return found.absolute()


def _with_files(config: Config, folder: Path) -> Config:
    """Settings whose files are found from here; a base that has moved is the run's own copy."""
    if recorded := config.augment.impulse_responses:
        heard = str(_found(folder, "heard through", recorded))
        augment = msgspec.structs.replace(config.augment, impulse_responses=heard)
        config = msgspec.structs.replace(config, augment=augment)
    if unknown := config.data.unknown:
        data = msgspec.structs.replace(
            config.data, unknown=str(_found(folder, "heard, as none of the scenes,", unknown))
        )
        config = msgspec.structs.replace(config, data=data)
    copied = folder.absolute() / BASE
    if config.base and copied.is_file() and not _is_there(config.base):
        options = {**config.model.options, OPTION: str(copied)}
        model = msgspec.structs.replace(config.model, options=options)
        config = msgspec.structs.replace(config, model=model)
    return config


def _is_there(base: str) -> bool:
    return Path(base).exists() or base in zoo_names()


def compare_again(before: Path, after: Path) -> dict[str, Any]:
    """What differs between a run and the one made like it.

    Returns:
        same_weights, clean (both were made by a commit without changes), differences (in words),
        accuracy (test accuracies of both, None without a test).
    """
    from edge_asc.files import read_json

    figures = [read_json(folder / "metrics.json").get("test") for folder in (before, after)]
    old, new = read_run(before), read_run(after)
    return {
        "run": str(after),
        "like": str(before),
        "same_weights": same_weights(before, after),
        "clean": is_clean(old.provenance) and is_clean(new.provenance),
        "differences": origin_differences(old, new),
        "accuracy": [found and found["accuracy"] for found in figures],
    }


def same_weights(one: Path, other: Path) -> bool:
    """Whether two runs ended with the same numbers."""
    import torch

    first, second = (
        torch.load(folder / "weights.pt", map_location="cpu", weights_only=True)
        for folder in (one, other)
    )
    return first.keys() == second.keys() and all(
        torch.equal(v, second[k]) for k, v in first.items()
    )


def origin_differences(old: Run, new: Run) -> list[str]:
    """In what the makings of two runs differ: commit, packages, Python, processors, data."""
    then, now = old.provenance, new.provenance
    lines = [
        f"{what}: {then.get(key) or 'unknown'} then, {now.get(key) or 'unknown'} now"
        for key, what in (("git", "commit"), ("python", "Python"), ("clips", "list of clips"),
                          ("platform", "platform"), ("cpus", "processors"))
        if then.get(key) != now.get(key)
    ]  # fmt: skip
    packages = {**then.get("versions", {}), **now.get("versions", {})}
    other = [
        f"{name} {then['versions'].get(name)} → {now['versions'].get(name)}"
        for name in packages
        if then.get("versions", {}).get(name) != now.get("versions", {}).get(name)
    ]
    more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
    return [*lines, *([f"packages: {', '.join(other[:SHOWN])}{more}"] if other else [])]


def again_text(found: Mapping[str, Any]) -> str:
    """What came of making a run again, for people."""
    then, now = found["accuracy"]
    tests = "" if then is None else f", test accuracy {now:.2%} (was {then:.2%})"
    weights = "the same weights" if found["same_weights"] else "other weights"
    lines = [f"made again like {found['like']}: {weights}{tests}"]
    lines += [f"  {line}" for line in found["differences"]]
    if not found["clean"]:
        lines.append("  not clean: a run was made by files that no commit holds, or nobody knows")
    return "\n".join(lines)
