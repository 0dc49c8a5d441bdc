"""The parts of a report, each from what was read of the run; one without its inputs says so."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from edge_asc.evaluation.report import percent
from edge_asc.report.html import Body, Html, Missing, join, share_cell, table, tag
from edge_asc.report.size import budget
from edge_asc.report.sources import Measured, Sources
from edge_asc.report.svg import line_chart

MOST_NUMBERED = 20  # scenes; in a larger matrix numbers cannot be read


def headline(sources: Sources) -> Html:
    """What was trained on what, and how good it is."""
    run, name = sources.run, sources.run.settings().name
    fold = "trained on every clip" if run.fold is None else f"fold {run.fold} held out"
    date = str(run.provenance.get("date", ""))[:10]
    about = f"{run.dataset}, {fold}, {len(run.labels)} scenes, {run.clip_s:g} s"
    numbers = [
        (percent(m.figures["accuracy"]), f"{m.name}, {m.figures.get('clips', '?')} clips")
        for m in sources.measured
        if m.clips != "validation"
    ]
    if "parameters" in sources.summary:
        numbers.append((f"{sources.summary['parameters']:,}", "parameters"))
    numbers += [(f"{p.stat().st_size:,}", f"bytes, {p.name}") for p in sources.exports]
    shown = (tag("div", tag("b", number), tag("span", what)) for number, what in numbers)
    where = tag("p", f"{about}, seed {run.seed}; {date}; {sources.folder}", class_="muted")
    return join((tag("h1", name), where, tag("div", *shown, class_="numbers")))


def curves(sources: Sources) -> Body:
    """Loss, accuracy and learning rate over epochs, of training and of int8 training."""
    if not sources.rows:
        return Missing("no metrics.csv: the run was imported, or has not begun")
    parts = [_charts(sources.rows)]
    if sources.quantised_rows:
        parts += [tag("h3", "int8 training"), _charts(sources.quantised_rows)]
    return join(parts)


def _charts(rows: list[dict[str, float]]) -> Html:
    charts: list[tuple[str, dict[str, str], float | None]] = [
        ("loss", {"train_loss": "training", "val_loss": "validation"}, None),
        ("validation accuracy", {"val_accuracy": "validation"}, 1.0),
        ("learning rate", {"learning_rate": "learning rate"}, None),
    ]
    shown = []
    for title, columns, top in charts:
        lines = {
            label: [(row["epoch"], row[column]) for row in rows if column in row]
            for column, label in columns.items()
        }
        if lines := {label: line for label, line in lines.items() if line}:
            shown.append(line_chart(title, lines, top))
    return tag("div", *shown, class_="row")


def accuracies(sources: Sources) -> Body:
    """Every measurement in one row."""
    if not sources.measured:
        return _untested(sources)
    head = ("model", "clips", "n", "accuracy", "macro", "log loss", "calibration error", "ms")
    rows = [
        (
            m.model,
            m.clips,
            m.figures.get("clips", ""),
            percent(m.figures["accuracy"]),
            percent(m.figures.get("macro_accuracy")),
            _decimals(m.figures.get("log_loss"), 3),
            percent(m.figures.get("calibration_error")),
            _decimals(m.figures.get("window_latency_ms"), 2),
        )
        for m in sources.measured
    ]
    warnings = {w for m in sources.measured for w in m.figures.get("warnings", ())}
    notes = [tag("p", f"warning: {line}", class_="bad") for line in sorted(warnings)]
    return join([table(head, rows), *notes])


def _decimals(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _untested(sources: Sources) -> Missing:
    if not sources.summary:
        if "imported" in sources.run.provenance:
            return Missing("the run was imported: nothing was measured", _evaluate(sources))
        return Missing(
            "the run is not finished", f"edge-asc train … --name {sources.folder.name} --resume"
        )
    return Missing("no clips were held out", _evaluate(sources))


def _evaluate(sources: Sources) -> str:
    data = sources.run.data or "DIR"
    return f"edge-asc evaluate {sources.folder} --data {data} --out {sources.folder}/evaluation"


def confusions(sources: Sources) -> Body:
    """A matrix for every measurement, test before validation."""
    if not sources.measured:
        return _untested(sources)
    ordered = sorted(sources.measured, key=lambda m: m.clips == "validation")
    caption = "Rows: what it was. Columns: what it was taken for. Shade: share of the row."
    width = "widest" if len(sources.run.labels) > MOST_NUMBERED else "wide"
    matrices = tag("div", *(_confusion(m) for m in ordered), class_=f"row {width}")
    return join((tag("p", caption, class_="muted"), matrices))


def _confusion(measured: Measured) -> Html:
    numbered = len(measured.labels) <= MOST_NUMBERED
    rows: list[list[object]] = []
    for i, (label, counts) in enumerate(
        zip(measured.labels, measured.figures["confusion"], strict=True)
    ):
        cells = [
            tag(
                "td",
                n if n and numbered else "",
                class_="share right" if i == j else "share",
                style=f"--p:{n / max(sum(counts), 1):.3f}",
                title=f"{label} taken for {other}: {n}",
            )
            for j, (other, n) in enumerate(zip(measured.labels, counts, strict=True))
        ]
        rows.append([label, *cells])
    name = f"{measured.name}: {percent(measured.figures['accuracy'])}"
    matrix = table(["", *measured.labels], rows, "confusion" if numbered else "confusion many")
    return tag("details", tag("summary", name), matrix, open="open")


def per_class(sources: Sources) -> Body:
    """Accuracy by scene, a column for each measurement on test clips."""
    tested = [m for m in sources.measured if m.clips != "validation"] or [*sources.measured]
    if not tested:
        return _untested(sources)
    labels = list(dict.fromkeys(label for m in tested for label in m.labels))
    by_class = [m.per_class for m in tested]
    rows = ([label, *(share_cell(d.get(label)) for d in by_class)] for label in labels)
    return table(["scene", *(m.name for m in tested)], rows)


def per_device(sources: Sources) -> Body:
    """Accuracy by recording device, and over devices that training had or had not."""
    tested = [m for m in sources.measured if "per_device" in m.figures]
    if not tested:
        why = "no evaluation in this folder has devices (the data set may name none)"
        return Missing(why, _evaluate(sources))
    columns = []
    for m in tested:
        groups = {"seen in training": "seen_devices", "unseen": "unseen_devices"}
        sums = {name: m.figures[key] for name, key in groups.items() if key in m.figures}
        columns.append({(d or "unknown"): row for d, row in m.figures["per_device"].items()} | sums)
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = ([n, *(share_cell(c.get(n, {}).get("accuracy")) for c in columns)] for n in names)
    return table(["device", *(m.name for m in tested)], rows)


def abstract(sources: Sources) -> Body:
    """Accuracy over abstract classes."""
    rows = []
    for m in sources.measured:
        found = m.figures.get("abstract_accuracy")
        if found is not None:
            given = found if isinstance(found, dict) else {"head": found}
            rows.append([m.name, *(percent(given.get(key)) for key in ("head", "from_scenes"))])
    if not rows:
        return Missing(
            "nothing in this folder was measured on abstract classes", _evaluate(sources)
        )
    names = ", ".join(sources.run.abstract_labels)
    note = tag("p", f"its own head: {names}", class_="muted") if names else None
    return join((table(("", "by its own head", "by summed scenes"), rows), note))


def confidence(sources: Sources) -> Body:
    """Accuracy of the surest clips, and what the file's threshold does."""
    tested = [m for m in sources.measured if m.figures.get("coverage")]
    if not tested:
        return Missing("no evaluation lies in this folder", _evaluate(sources))
    series = {
        m.name: [(row["coverage"], row["accuracy"]) for row in m.figures["coverage"]]
        for m in tested
    }
    charts = [line_chart(name, {name: line}, 1.0, "share named") for name, line in series.items()]
    rows = [
        (m.name, _decimals(m.figures.get("temperature"), 3), percent(kept.get("threshold")),
         percent(kept.get("coverage")), percent(kept.get("accuracy")))
        for m in tested
        if (kept := m.figures.get("above_threshold", {})) or "temperature" in m.figures
    ]  # fmt: skip
    head = ("model", "temperature", "unsure below", "named", "of these right")
    note = tag("p", "Accuracy of the surest clips.", class_="muted")
    shown = table(head, rows) if rows else None
    return join((note, tag("div", *charts, class_="row"), shown))


def settings(sources: Sources) -> Body:
    """The whole configuration."""
    return tag("details", tag("summary", "all keys"), _facts(_flat(sources.run.config)))


def provenance(sources: Sources) -> Body:
    """Versions, commit, date, machine, command."""
    given = dict(_flat(sources.run.provenance | {"command": None}))
    given.pop("command")
    command = " ".join(map(str, sources.run.provenance.get("command", [])))
    facts = {"command": command, "data": sources.run.data, **given}
    if "train_seconds" in sources.summary:
        facts["training"] = f"{sources.summary['train_seconds']:,.0f} s"
    return _facts(facts.items())


def _facts(facts: Iterable[tuple[str, object]]) -> Html:
    return table((), ((key, tag("code", value)) for key, value in facts), "plain")


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


PARTS: dict[str, Callable[[Sources], Body]] = {
    "Accuracy": accuracies,
    "Curves": curves,
    "Confusion": confusions,
    "Scenes": per_class,
    "Devices": per_device,
    "Abstract classes": abstract,
    "Confidence": confidence,
    "Size": budget,
}
LAST_PARTS: dict[str, Callable[[Sources], Body]] = {
    "Versions": provenance,
    "Configuration": settings,
}
