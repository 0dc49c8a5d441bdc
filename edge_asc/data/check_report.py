"""Print what `check_dataset` found."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge_asc.data.check import CheckReport


def print_report(report: CheckReport, console: Console | None = None) -> None:
    """Print counts, warnings and every bad file; colours only where the terminal has them."""
    console = console or Console()
    console.print(f"[bold]{escape(report.name)}[/] in {escape(report.root)}")
    console.print(escape(report.license_note), soft_wrap=True)
    console.print(_summary(report), soft_wrap=True)
    for title, counts in _tables(report).items():
        if counts:
            console.print(_table(title, counts))
    for line in report.notes:
        console.print(f"[yellow]note:[/] {escape(line)}", soft_wrap=True)
    for line in report.warnings:
        console.print(f"[yellow]warning:[/] {escape(line)}", soft_wrap=True)
    for line in report.bad:
        console.print(f"[red]bad:[/] {escape(line)}", soft_wrap=True)
    for reason, paths in report.left_out.items():
        for path in paths:
            console.print(f"[red]left out:[/] {escape(f'{path}: {reason}')}", soft_wrap=True)
    if report.passed_over:
        kinds = ", ".join(f"{n} {kind}" for kind, n in report.passed_over.items())
        console.print(f"no recordings, passed over: {escape(kinds)}", soft_wrap=True)
    _print_verdict(report, console)


def _print_verdict(report: CheckReport, console: Console) -> None:
    if not report.reasons:
        console.print("[green]no bad files[/]")
        return
    files = "1 bad file" if len(report.bad) == 1 else f"{len(report.bad)} bad files"
    n_left_out = sum(map(len, report.left_out.values()))
    left_out = f", {n_left_out} left out" if n_left_out else ""
    console.print(f"[red]{files}{left_out}[/]")
    for reason, n in report.reasons.items():
        console.print(f"{n:6} {escape(reason)}", soft_wrap=True, highlight=False)


def _summary(report: CheckReport) -> str:
    length = report.duration_s
    return (
        f"{len(report.files)} clips of {report.recordings} recordings, "
        f"{length['total'] / 3600:.2f} h; clips last {length['min']:.2f} to {length['max']:.2f} s, "
        f"median {length['median']:.2f} s"
    )


def _tables(report: CheckReport) -> dict[str, dict[str, int]]:
    return {
        "scene": report.labels,
        "abstract class": report.abstract_labels,
        "device": {name or "unknown": n for name, n in report.devices.items()},
        "fold": report.folds,
        "format": report.formats(),
    }


def _table(title: str, counts: dict[str, int]) -> Table:
    table = Table(title, "clips", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for name, n in counts.items():
        table.add_row(escape(name), str(n))
    return table
