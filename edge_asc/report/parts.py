"""The parts of a report, each from what was read of the run; one without its inputs says so.

What a part gives is drawn by the macro of its name in `report.html.j2`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edge_asc.evaluation.report import percent
from edge_asc.report.charts import Chart
from edge_asc.report.size import sizes
from edge_asc.report.sources import Measured, Missing, Sources


def headline(sources: Sources) -> dict[str, Any]:
    """What was trained on what, and how good it is."""
    run = sources.run
    fold = "trained on every clip" if run.fold is None else f"fold {run.fold} held out"
    date = str(run.provenance.get("date", ""))[:10]
    numbers = [
        (percent(m.figures["accuracy"]), f"{m.name}, {m.figures.get('clips', '?')} clips")
        for m in sources.tested
    ]
    if "parameters" in sources.summary:
        numbers.append((f"{sources.summary['parameters']:,}", "parameters"))
    numbers += [(f"{p.stat().st_size:,}", f"bytes, {p.name}") for p in sources.exports]
    return {
        "name": run.settings().name,
        "about": f"{run.dataset}, {fold}, {len(run.labels)} scenes, {run.clip_s:g} s,"
        f" seed {run.seed}; {date}; {sources.folder}",
        "numbers": numbers,
    }


def curves(sources: Sources) -> Any:
    """Loss, accuracy and learning rate over epochs, of training and of int8 training."""
    if not sources.rows and "joined" in sources.run.provenance:
        return Missing("no metrics.csv: the run was joined, its members were trained")
    if not sources.rows:
        return Missing("no metrics.csv: the run was imported, or has not begun")
    return {"trained": _charts(sources.rows), "quantised": _charts(sources.quantised_rows)}


def _charts(rows: list[dict[str, float]]) -> list[Chart]:
    drawn: list[tuple[str, dict[str, str], float | None]] = [
        ("loss", {"train_loss": "training", "val_loss": "validation"}, None),
        ("validation accuracy", {"val_accuracy": "validation"}, 1.0),
        ("learning rate", {"learning_rate": "learning rate"}, None),
    ]
    charts = []
    for title, columns, top in drawn:
        lines = {
            label: [(row["epoch"], row[column]) for row in rows if column in row]
            for column, label in columns.items()
        }
        if lines := {label: line for label, line in lines.items() if line}:
            charts.append(Chart(title, lines, top))
    return charts


def accuracies(sources: Sources) -> Any:
    """Every measurement in one row."""
    if not sources.measured:
        return _untested(sources)
    warnings = {w for m in sources.measured for w in m.figures.get("warnings", ())}
    return {"measured": sources.measured, "warnings": sorted(warnings)}


def _untested(sources: Sources) -> Missing:
    if sources.summary:
        return Missing("no clips were held out", _evaluate(sources))
    if "imported" in sources.run.provenance:
        return Missing("the run was imported: nothing was measured", _evaluate(sources))
    if "joined" in sources.run.provenance:
        return Missing("the run was joined: nothing was measured", _evaluate(sources))
    command = f"edge-asc train … --name {sources.folder.name} --resume"
    return Missing("the run is not finished", command)


def _evaluate(sources: Sources) -> str:
    data = sources.run.data or "DIR"
    return f"edge-asc evaluate {sources.folder} --data {data} --out {sources.folder}/evaluation"


def confusions(sources: Sources) -> Any:
    """A matrix for every measurement, test before validation."""
    ordered = sorted(sources.measured, key=lambda m: m.clips == "validation")
    return ordered or _untested(sources)


def per_class(sources: Sources) -> Any:
    """Accuracy by scene, a column for each measurement on test clips."""
    shown = sources.tested or sources.measured
    return _side_by_side("scene", shown, [m.per_class for m in shown]) or _untested(sources)


def per_device(sources: Sources) -> Any:
    """Accuracy by recording device, and over devices that training had or had not."""
    shown = [m for m in sources.measured if "per_device" in m.figures]
    columns = []
    for m in shown:
        rows = {(name or "unknown"): row for name, row in m.figures["per_device"].items()}
        groups = {"seen in training": "seen_devices", "unseen": "unseen_devices"}
        rows |= {name: m.figures[key] for name, key in groups.items() if key in m.figures}
        columns.append({name: row.get("accuracy") for name, row in rows.items()})
    why = "no evaluation in this folder has devices (the data set may name none)"
    return _side_by_side("device", shown, columns) or Missing(why, _evaluate(sources))


def _side_by_side(
    what: str, shown: Sequence[Measured], columns: Sequence[Mapping[str, float | None]]
) -> tuple[list[str], list[list[Any]]] | None:
    """Head and rows of a table with a column of shares for each measurement."""
    names = dict.fromkeys(name for column in columns for name in column)
    rows = [[name, *(column.get(name) for column in columns)] for name in names]
    return ([what, *(m.name for m in shown)], rows) if shown else None


def abstract(sources: Sources) -> Any:
    """Accuracy over abstract classes."""
    rows = []
    for m in sources.measured:
        found = m.figures.get("abstract_accuracy")
        if found is not None:
            given = found if isinstance(found, dict) else {"head": found}
            rows.append([m.name, *(percent(given.get(key)) for key in ("head", "from_scenes"))])
    why = "nothing in this folder was measured on abstract classes"
    return rows or Missing(why, _evaluate(sources))


def confidence(sources: Sources) -> Any:
    """Accuracy of the surest clips, and what the file's threshold does."""
    charts, rows = [], []
    for m in sources.measured:
        if surest := m.figures.get("coverage"):
            line = [(row["coverage"], row["accuracy"]) for row in surest]
            charts.append(Chart(m.name, {m.name: line}, 1.0, "share named"))
            kept, temperature = m.figures.get("above_threshold", {}), m.figures.get("temperature")
            if kept or temperature is not None:
                shares = (percent(kept.get(k)) for k in ("threshold", "coverage", "accuracy"))
                rows.append([m.name, "-" if temperature is None else f"{temperature:.3f}", *shares])
    if not charts:
        return Missing("no evaluation lies in this folder", _evaluate(sources))
    return {"charts": charts, "rows": rows}


def settings(sources: Sources) -> Any:
    """The whole configuration."""
    return _flat(sources.run.config)


def provenance(sources: Sources) -> Any:
    """Command, data, then versions, commit, date, machine."""
    given = dict(sources.run.provenance)
    command = " ".join(map(str, given.pop("command", None) or []))
    rows = [("command", command), ("data", sources.run.data), *_flat(given)]
    if "train_seconds" in sources.summary:
        rows.append(("training", f"{sources.summary['train_seconds']:,.0f} s"))
    return rows


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    """Keys with dots, and their values; long lists are cut."""
    rows: list[tuple[str, object]] = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{prefix}{key}.")
        else:
            text = str(value)
            rows.append((prefix + key, text if len(text) <= 200 else text[:200] + " …"))
    return rows


PARTS: dict[str, Callable[[Sources], Any]] = {
    "Accuracy": accuracies,
    "Curves": curves,
    "Confusion": confusions,
    "Scenes": per_class,
    "Devices": per_device,
    "Abstract classes": abstract,
    "Confidence": confidence,
    "Size": sizes,
}
LAST_PARTS: dict[str, Callable[[Sources], Any]] = {
    "Versions": provenance,
    "Configuration": settings,
}
