"""An evaluation's figures for people."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge_asc.budget.score import score_table
from edge_asc.evaluation.interval import interval_text
from edge_asc.runtime.tta import heard


def print_evaluation(figures: dict[str, Any], console: Console | None = None) -> None:
    """Print the figures of `edge_asc.evaluation.evaluate.Evaluation`."""
    console = console or Console()
    console.print(escape(_headline(figures)), highlight=False)
    console.print(_summary(figures))
    console.print(_shares("scene", figures["per_class"]))
    if "per_device" in figures:
        console.print(_shares("device", figures["per_device"]))
    if "simulated" in figures:
        console.print(_simulated(figures["simulated"]))
    if "score" in figures:
        console.print(score_table(figures["score"]))


def _headline(figures: dict[str, Any]) -> str:
    size = f", {figures['file_bytes']:,} bytes" if "file_bytes" in figures else ""
    return (
        f"{figures['file']}: {figures['model']}, {figures['precision']}{size},"
        f" on {figures['runtime']} {figures['runtime_version']}\n"
        f"{figures['dataset']}, fold {figures['fold']}, {figures['clips']} clips,"
        f" crops {figures['crops']} of {figures['window_s']:g} s{heard(figures['views'])}"
    )


def _summary(figures: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None)
    table.add_row("accuracy", f"{percent(figures['accuracy'])}  ({figures['correct']} clips)")
    if ends := figures.get("accuracy_interval"):
        told = f"95 % interval {interval_text(ends)}, {figures['recordings']} recordings"
        table.add_row("", told)
    if "joint_with" in figures:
        table.add_row("joint with", escape(figures["joint_with"]))
    ends = figures.get("macro_accuracy_interval")
    table.add_row("macro accuracy", _believed(figures["macro_accuracy"], ends))
    if (area := figures.get("roc_auc")) is not None:
        table.add_row("ROC AUC", f"{area:.4f}")
    table.add_row("log loss", f"{figures['log_loss']:.4f} nats")
    table.add_row("calibration error", percent(figures["calibration_error"]))
    for name, value in _confidence(figures):
        table.add_row(name, value)
    for name, value in figures.get("abstract_accuracy", {}).items():
        ends = figures.get("abstract_accuracy_interval", {}).get(name)
        table.add_row(f"abstract, {name.replace('_', ' ')}", _believed(value, ends))
    for name in ("seen_devices", "unseen_devices"):
        row = figures.get(name)
        if row and row["clips"]:
            told = f"{_believed(row['accuracy'], row.get('interval'))} of {row['clips']}"
            table.add_row(name.replace("_", " "), told)
    if "window_latency_ms" in figures:
        table.add_row("one window", f"{figures['window_latency_ms']:.2f} ms on one thread")
    return table


def _confidence(figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Temperature, threshold, and what becomes of sounds that the model was not taught."""
    if "temperature" in figures:
        yield "temperature", f"{figures['temperature']:.3f}"
    if kept := figures.get("above_threshold"):
        right = _believed(kept["accuracy"], kept.get("interval"))
        named = f"{percent(kept['coverage'])} of the clips, right {right}"
        yield f"above {percent(kept['threshold'])}", named
    if found := figures.get("unknown"):
        left_out = f", without {', '.join(found['left_out'])}" if found["left_out"] else ""
        yield "unknown sounds", escape(f"{found['clips']} clips of {found['data']}{left_out}")
        shares = found["sure"]
        sure = f"{percent(shares['after'])}, uncalibrated {percent(shares['before'])}"
        yield f"  named with over {percent(found['sure_above'])}", sure
        if found["named"] is not None:
            yield "  named, above the threshold", percent(found["named"])


def _shares(what: str, rows: dict[str, dict[str, Any]]) -> Table:
    table = Table(what, box=None)
    for number in ("clips", "accuracy", "95 % interval"):
        table.add_column(number, justify="right")
    for name, row in rows.items():
        interval = interval_text(row.get("interval"))
        table.add_row(
            escape(name) or "unknown", str(row["clips"]), percent(row["accuracy"]), interval
        )
    return table


def _simulated(figures: dict[str, Any]) -> Table:
    """Accuracy by simulated microphone, then each set's mean and what it loses against clean."""
    table = Table("simulated microphone", "family", box=None)
    for name in ("accuracy", "points lost"):
        table.add_column(name, justify="right")
    table.add_row("clean", "", percent(figures["clean"]), "")
    for name, row in figures["per_microphone"].items():
        table.add_row(name, row["family"], percent(row["accuracy"]), _points(row["loss"]))
    for which, row in figures["sets"].items():
        name = f"mean of {row['microphones']} {which}"
        table.add_row(name, "", percent(row["accuracy"]), _points(row["loss"]))
    return table


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _believed(share: float | None, ends: Sequence[float] | None) -> str:
    """A share, and its interval where there is one."""
    return f"{percent(share)}  ({interval_text(ends)})" if ends else percent(share)


def percent(share: float | None) -> str:
    """A share between 0 and 1 as people read it."""
    return "-" if share is None else f"{100 * share:.1f} %"
