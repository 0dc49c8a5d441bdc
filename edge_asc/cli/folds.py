"""The verb that trains several folds and seeds side by side: train-folds."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_asc.cli.training import Overrides

EXAMPLES = {
    "train-folds": (
        "edge-asc train-folds esc10/128k --data ESC-10 --out runs/esc10",
        "edge-asc train-folds esc10/32k --data ESC-10 --out runs/32k --seed 0 --seed 1",
        "edge-asc train-folds esc50/128k --data ESC-50 --out runs/small --teacher runs/wide",
        "edge-asc train-folds my.toml --data DIR --out runs/mine --fold 1 --fold 2 --resume",
    ),
}


def train_folds(
    preset: Annotated[str, typer.Argument(help="Name of a preset, or a .toml file.")],
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="Data set.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the runs.")],
    fold: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Test fold; again [every fold].")
    ] = None,
    overrides: Overrides = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Learn from DIR's runs of the same folds too; again."),
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option(metavar="N", help="Of everything random; again [0].")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Pass over finished runs, begin others anew.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train several folds and seeds side by side on a GPU.

    Runs are called fold1, fold2, …; with several seeds seed0/fold1, …. Without a GPU it works, too,
    but no faster than one after the other.
    """
    from edge_asc.config.schema import load_preset
    from edge_asc.data.open import open_dataset

    config = load_preset(preset, overrides or [])
    dataset = open_dataset(data)
    from edge_asc.side_by_side import Member, train_side_by_side  # after what may be wrong: torch

    seeds = list(dict.fromkeys(seed or [0]))
    members = []
    for each in seeds:
        root = out / f"seed{each}" if len(seeds) > 1 else out
        for number in dict.fromkeys(fold or dataset.folds):
            name = f"fold{number}"
            teachers = tuple(folder / name for folder in teacher or ())
            members.append(Member(number, each, root / name, teachers))
    folders = train_side_by_side(config, dataset, members, data=str(data), resume=resume)
    show(folders, as_json)


def show(folders: list[Path], as_json: bool) -> None:
    """Print every run's accuracy on its test fold, and their mean."""
    accuracy = {str(folder): _accuracy(folder) for folder in folders}
    known = [x for x in accuracy.values() if x is not None]
    mean = sum(known) / len(known) if known else None
    if as_json:
        print(json.dumps({"accuracy": accuracy, "mean": mean}))
        return
    for name, share in accuracy.items():
        print(f"{name}  {share:.2%}" if share is not None else name)
    if mean is not None:
        print(f"mean  {mean:.2%}")


def _accuracy(folder: Path) -> float | None:
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text("utf-8"))
    return metrics.get("test", {}).get("accuracy")
