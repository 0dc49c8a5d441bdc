"""What a storage holds, as people and machines read it, and a candidate as a preset."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import tomli_w
from optuna.storages import RDBStorage
from rich import box
from rich.table import Table

from edge_asc.config.schema import config_from_dict
from edge_asc.files import atomic_write
from edge_asc.search.records import PRESET, Record, pareto_front, records, rejected
from edge_asc.search.task import QUESTION

FIGURES = ("accuracy", "bytes", "MMAC/s", "peak memory")
UNKNOWN = "-"  # of a search that did not measure it yet


def open_studies(storage: RDBStorage, name: str | None) -> list[optuna.Study]:
    """The study of a name, or all of a storage, in the order of their names.

    Raises:
        ValueError: there is none.
    """
    names = sorted(optuna.get_all_study_names(storage))
    if name is not None and name not in names:
        raise ValueError(f"no study {name!r} in this storage ({', '.join(names) or 'it is empty'})")
    if not names:
        raise ValueError("no study in this storage yet")
    wanted = names if name is None else [name]
    return [optuna.load_study(study_name=name, storage=storage) for name in wanted]


def records_of(studies: Sequence[optuna.Study]) -> list[Record]:
    """The trained candidates of several studies.

    Raises:
        ValueError: their accuracies cannot be compared: other data, fold, epochs or seed.
    """
    asked = [study.user_attrs.get(QUESTION, {}) for study in studies]
    for key in ("dataset", "clips", "fold", "epochs", "seed", "proxy"):
        if any(one.get(key) != asked[0].get(key) for one in asked):
            names = ", ".join(study.study_name for study in studies)
            raise ValueError(f"studies {names} differ in {key}: name one with --study")
    return [record for study in studies for record in records(study)]


def summary(studies: Sequence[optuna.Study]) -> dict[str, Any]:
    """All of it, as JSON has it."""
    found = records_of(studies)
    return {
        "studies": [study.study_name for study in studies],
        "trained": len(found),
        "finished": sum(record.finished for record in found),
        "rejected": sum(map(rejected, studies)),
        "front": [record.to_dict() for record in pareto_front(found)],
        "trials": [record.to_dict() for record in found],
    }


def figure_cells(record: Record) -> tuple[str, ...]:
    """What stands in the columns of `FIGURES`."""
    peak = record.peak_activation_bytes
    return (
        f"{record.accuracy or 0:.1%}",
        f"{record.file_bytes:,}",
        f"{record.macs_per_s / 1e6:.1f}",
        UNKNOWN if peak is None else f"{peak:,}",
    )


def front_table(found: Sequence[Record]) -> Table:
    """One row for each candidate on the Pareto front."""
    finished = sum(record.finished for record in found)
    title = f"Pareto front of {finished} finished candidates ({len(found)} trained)"
    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    several = len({record.study for record in found}) > 1
    for heading in (*(["study"] if several else []), "trial", *FIGURES):
        table.add_column(heading, justify="left" if heading == "study" else "right", no_wrap=True)
    table.add_column("settings", overflow="fold")
    for record in pareto_front(found):
        table.add_row(
            *([record.study] if several else []),
            str(record.trial),
            *figure_cells(record),
            settings_text(record.settings),
        )
    return table


def settings_text(settings: dict[str, Any]) -> str:
    """Settings in a line, by the last part of their keys."""
    pairs = ((key.rsplit(".", 1)[-1], value) for key, value in settings.items())
    return " ".join(f"{key}={json.dumps(value, separators=(',', ':'))}" for key, value in pairs)


def save_preset(study: optuna.Study, number: int, path: Path) -> Record:
    """Write a trained candidate as a preset, with the schedule of its base.

    Raises:
        ValueError: no such trial, or one that was not trained.
    """
    found = {record.trial: record for record in records(study)}
    if number not in found:
        raise ValueError(f"study {study.study_name} has no trained trial {number}")
    if path.suffix != ".toml":
        raise ValueError(f"{path}: a preset is a .toml file")
    config = config_from_dict(study.trials[number].user_attrs[PRESET])
    tables = _without_none(config.to_dict())
    tables.pop("name")  # it is the file's
    record = found[number]
    head = (
        f"# Trial {number} of study {study.study_name}: validation accuracy"
        f" {record.accuracy or 0:.1%} after {record.epochs} epochs,\n"
        f"# {record.file_bytes:,} bytes in int8, {record.macs_per_s / 1e6:.1f} million MACs per"
        f" second of audio{_peak_text(record)}.\n\n"
    )
    with atomic_write(path) as temporary:
        temporary.write_text(head + tomli_w.dumps(tables), encoding="utf-8")
    return record


def _peak_text(record: Record) -> str:
    peak = record.peak_activation_bytes
    return "" if peak is None else f",\n# {peak:,} bytes of activations at most at one time"


def _without_none(value: Any) -> Any:
    """Tables without what is None, which TOML cannot say and which is then the default."""
    if not isinstance(value, dict):
        return value
    return {key: _without_none(entry) for key, entry in value.items() if entry is not None}
