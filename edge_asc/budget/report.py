"""Budgets as people read them: where the bytes and the work are, and what each rule says."""

from collections.abc import Callable, Iterable

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge_asc.budget.rules import ACTIVATIONS, Inventory, Layer, Rule, Verdict
from edge_asc.budget.score import score_table
from edge_asc.runtime.tta import heard

WIDE = 110  # characters that all columns take with room for names
BYTES_PER_WEIGHT = {"int4": 0.5, "int8": 1, "float16": 2, "float32": 4}


def print_report(
    inventory: Inventory,
    rules: Iterable[Rule],
    console: Console | None = None,
    *,
    show_layers: bool = True,
) -> bool:
    """Print layers, sums and verdicts; return whether every rule is kept."""
    console = console or Console()
    rules = tuple(rules)
    if show_layers:
        console.print(layer_table(inventory, console.width))
    console.print(sums_table(inventory))
    for note in inventory.notes:
        console.print(f"note: {note}", markup=False, highlight=False)
    console.print(verdict_table(inventory, rules, console.width))
    for rule in rules:
        if rule.score is not None:
            console.print(score_table(rule.score(inventory).to_dict()))
    over = [verdict for rule in rules for verdict in rule.measure(inventory) if not verdict.ok]
    stored = [v for v in over if v.unit == "bytes" and v.quantity != ACTIVATIONS]
    is_large = any(verdict.value is not None for verdict in stored)
    for line in what_fits(inventory) if is_large else ():
        console.print(line, markup=False, highlight=False)
    return not over


def layer_table(inventory: Inventory, width: int = WIDE) -> Table:
    """One row a layer, and their sum; below `WIDE` characters some columns are left out."""
    table = Table(
        title=escape(inventory.name),
        title_justify="left",
        show_footer=True,
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    columns = {name: cell for name, cell in COLUMNS.items() if name in NARROW or width >= WIDE}
    for heading, (_, total) in columns.items():
        # Numbers are never cut; in a narrow window names are.
        footer, is_text = _text(total(inventory)), heading in TEXTS
        table.add_column(
            heading,
            footer,
            justify="left" if is_text else "right",
            min_width=None if is_text else max(len(footer), len(heading)),
            no_wrap=True,
        )
    for layer in inventory.layers:
        table.add_row(*(_text(cell(layer) or "") for cell, _ in columns.values()))
    return table


def _text(value: int | str) -> str:
    return escape(value) if isinstance(value, str) else f"{value:,}"


# By heading: what stands there of a layer, and of the whole network below.
COLUMNS: dict[str, tuple[Callable[[Layer], int | str], Callable[[Inventory], int | str]]] = {
    "layer": (lambda layer: layer.name, lambda whole: f"{len(whole.layers)} layers"),
    "kind": (lambda layer: layer.kind, lambda whole: ""),
    "output": (lambda layer: "x".join(map(str, layer.output_shape)), lambda whole: ""),
    "parameters": (lambda layer: layer.parameters, lambda whole: whole.parameters),
    "non-zero": (lambda layer: layer.nonzero, lambda whole: whole.nonzero),
    "bytes": (lambda layer: sum(layer.bytes_by_dtype.values()), lambda whole: whole.constant_bytes),
    "stored as": (
        lambda layer: " ".join(dtype for dtype, size in layer.bytes_by_dtype.items() if size),
        lambda whole: "",
    ),
    "MACs": (lambda layer: layer.macs, lambda whole: whole.macs),
    "elementwise": (lambda layer: layer.elementwise, lambda whole: whole.elementwise),
    "output bytes": (
        lambda layer: layer.output_bytes,
        lambda whole: sum(layer.output_bytes for layer in whole.layers),
    ),
}
TEXTS = {"layer", "kind", "output", "stored as"}
NARROW = {"layer", "kind", "parameters", "bytes", "MACs", "elementwise"}  # also in a narrow window


def sums_table(inventory: Inventory) -> Table:
    """What the whole network holds and computes."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    counted = f"for {inventory.audio_s:g} s, input {'x'.join(map(str, inventory.input_shape))}"
    per_second = f"per second of audio{heard(inventory.views)}"
    rows = [
        ("parameters", inventory.parameters, f"{inventory.nonzero:,} of them not zero"),
        *((f"  {dtype}", size, "bytes") for dtype, size in inventory.bytes_by_dtype.items()),
        ("constants", inventory.constant_bytes, "bytes"),
        ("file", inventory.file_bytes, _overhead(inventory)),
        ("MACs", inventory.per_second(inventory.macs), per_second),
        ("", inventory.macs, counted),
        ("elementwise", inventory.per_second(inventory.elementwise), f"{per_second},"),
        ("", inventory.elementwise, f"{counted}: left out by the official counters"),
        ("peak activations", inventory.peak_activation_bytes, _planned(inventory)),
    ]
    for quantity, value, unit in rows:
        table.add_row(quantity, "none written" if value is None else f"{value:,}", unit)
    return table


def _planned(inventory: Inventory) -> str:
    if inventory.source == "onnx" or inventory.file_bytes is None:
        return "bytes alive at one time"
    return "bytes, as TensorFlow Lite Micro places them"


def _overhead(inventory: Inventory) -> str:
    if inventory.file_bytes is None:
        return ""
    if inventory.source == "torch":  # its batch norms are not in the file
        return "bytes"
    rest = inventory.file_bytes - inventory.constant_bytes
    return f"bytes, {rest:,} of them graph, names and metadata"


def verdict_table(inventory: Inventory, rules: Iterable[Rule], width: int = WIDE) -> Table:
    """One row for each limit of each rule."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for heading in ("rule", "quantity"):
        table.add_column(heading, no_wrap=heading == "rule")
    for heading in ("value", "at most"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for rule in rules:
        for verdict in rule.measure(inventory):
            table.add_row(rule.name, verdict.quantity, *_verdict_cells(verdict, width))
    return table


def _verdict_cells(verdict: Verdict, width: int) -> list[str]:
    limit = f"{verdict.limit:,} {verdict.unit}"
    if verdict.means:
        limit += f"{' ' if width >= WIDE else chr(10)}({verdict.means})"
    if verdict.value is None:
        return ["not measured", limit, "[yellow]unknown[/]"]
    state = "[green]inside[/]" if verdict.ok else "[bold red]over[/]"
    return [f"{verdict.value:,}", limit, state]


def what_fits(inventory: Inventory, limit_bytes: int = 128_000) -> list[str]:
    """How many weights a file of this graph could hold, one line for each precision.

    Empty for a torch network, whose constants are not those of its file.
    """
    if inventory.file_bytes is None or inventory.source == "torch":
        return []
    overhead = inventory.file_bytes - inventory.constant_bytes
    room = max(limit_bytes - overhead, 0)
    lines = [
        f"{limit_bytes:,} bytes less {overhead:,} of graph, names and metadata leave room for:"
    ]
    for precision, width in BYTES_PER_WEIGHT.items():
        fitting = int(room / width)
        lines.append(f"  {fitting:>9,} parameters in {precision} (bytes each: {width})")
    return [*lines, f"  {inventory.parameters:>9,} are in this network"]
