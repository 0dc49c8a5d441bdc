"""What several models cost, a row each, and which size rules each keeps."""

from collections.abc import Sequence
from pathlib import Path

from edge_asc.budget.inventory import Inventory
from edge_asc.budget.rules import RULES, Rule
from edge_asc.research.written import Grid, write_csv
from edge_asc.runtime.zoo.models import FOLDER

CSV_HEADER = (
    *("model", "parameters", "constant_bytes", "file_bytes", "macs_per_s", "elementwise_per_s"),
    *("peak_activation_bytes", *RULES),
)


SIZES = ("parameters", "constants, bytes", "file, bytes", "MACs per s", "peak memory, bytes")


def size_grids(inventories: Sequence[Inventory]) -> list[Grid]:
    """Sizes, and verdicts, for people: side by side no terminal has room for both."""
    sizes, verdicts = [], []
    for found in inventories:
        name, *numbers, _, peak = _numbers(found)
        cells = ["none" if n is None else f"{n:,}" for n in (*numbers, peak)]
        sizes.append([str(name), *cells])
        verdicts.append([str(name), *(verdict(found, rule) for rule in RULES.values())])
    return [Grid("sizes", ("model", *SIZES), sizes), Grid("rules", ("model", *RULES), verdicts)]


def verdict(inventory: Inventory, rule: Rule) -> str:
    """Whether a model keeps a rule: `inside`, `over` what it is over, or `unknown`."""
    verdicts = rule.measure(inventory)
    if all(found.ok for found in verdicts):
        return "inside"
    over = [found.unit for found in verdicts if found.value is not None and not found.ok]
    return f"over: {', '.join(over)}" if over else "unknown"


def save_sizes(inventories: Sequence[Inventory], path: Path) -> None:
    """Write the figures as they are."""
    rules = RULES.values()
    write_csv(
        path,
        CSV_HEADER,
        ([*_numbers(found), *(verdict(found, rule) for rule in rules)] for found in inventories),
    )


def _numbers(found: Inventory) -> list[str | int | None]:
    """What stands in the columns of `CSV_HEADER` before the rules."""
    path = Path(found.name)
    return [
        path.stem if FOLDER in path.parents else found.name,  # one of the zoo goes by its name
        found.parameters,
        found.constant_bytes,
        found.file_bytes,
        found.per_second(found.macs),
        found.per_second(found.elementwise),
        found.peak_activation_bytes,
    ]
