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
    for line in report.warnings:
        console.print(f"[yellow]warning:[/] {escape(line)}", soft_wrap=True)
    for line in report.bad:
        console.print(f"[red]bad:[/] {escape(line)}", soft_wrap=True)
    files = "1 bad file" if len(report.bad) == 1 else f"{len(report.bad)} bad files"
    verdict = f"[red]{files}[/]" if report.bad else "[green]no bad files[/]"
    console.print(verdict)


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
