"""What a network costs: bytes, parameters, operations, and what a rule says of them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from edge_asc.budget.inventory import Inventory, Layer
from edge_asc.budget.report import print_report
from edge_asc.budget.rules import Rule, Verdict, rules_named
from edge_asc.runtime.metadata import Precision

if TYPE_CHECKING:
    from torch import nn

    from edge_asc.config.schema import Config

WIDTH = 120  # characters of a table
NOMINAL_S = 1.0  # of sound in the input of a network that is counted by itself


@dataclass(frozen=True)
class Complexity:
    """A network, counted; printed, a table of its layers, its sums and the rules' verdicts.

    Attributes:
        inventory: all that was counted.
        rules: those it is judged by.
    """

    inventory: Inventory
    rules: tuple[Rule, ...]

    @property
    def parameters(self) -> int:
        """Trained numbers, zeros included."""
        return self.inventory.parameters

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one input, of a linear layer at each place it is applied at."""
        return self.inventory.macs

    @property
    def macs_per_s(self) -> int:
        """Multiply-accumulates for a second of sound, of all views."""
        return self.inventory.per_second(self.inventory.macs)

    @property
    def bytes(self) -> int | None:
        """Of the file; None for a network of which none is written."""
        return self.inventory.file_bytes

    @property
    def layers(self) -> tuple[Layer, ...]:
        """In the order of execution, each with `name`, `kind`, `parameters`, `macs`."""
        return self.inventory.layers

    @property
    def verdicts(self) -> Mapping[str, list[Verdict]]:
        """By the rule's name: `quantity`, `value`, `limit`, `unit`, `ok` of each of its limits."""
        return {rule.name: rule.measure(self.inventory) for rule in self.rules}

    @property
    def ok(self) -> bool:
        """Whether every rule is kept."""
        return all(verdict.ok for verdicts in self.verdicts.values() for verdict in verdicts)

    def __str__(self) -> str:
        console = Console(file=io.StringIO(), width=WIDTH, record=True)
        print_report(self.inventory, self.rules, console)
        return console.export_text().rstrip()

    def _repr_html_(self) -> str:
        console = Console(file=io.StringIO(), width=WIDTH, record=True)
        print_report(self.inventory, self.rules, console)
        return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def complexity(
    model: "str | PathLike[str] | Config | nn.Module",
    rule: str | None = None,
    *,
    input: tuple[int, int, int] | None = None,
    input_s: float | None = None,
    precision: Precision | None = None,
) -> Complexity:
    """Count a model file, a run, a preset, or a torch network.

    Args:
        model: a `ModelFile`, a `Run`, the path of either, a name of the zoo, a preset or its name
            (counted with the ten TAU scenes), or a module that takes `[B, 1, M, F]`.
        rule: a name of `edge_asc.budget.rules.RULES`, or "all"; None: no rule is asked.
        input: of a module, `(1, M, F)`.
        input_s: of a module, the seconds of sound in such an input; rules ask for work per second.
        precision: of a preset, run or module; None: its own, float32 for a module.

    Returns:
        The counts. Of a file they are the file's; of all else those of the network as it is
        trained, batch norm apart, as the official counters read it.

    Raises:
        ValueError: none of these, a damaged file, an unknown rule, or an argument that is missing.
        OSError: the file cannot be read.

    Example:
        >>> found = ea.complexity("esc10-32k", rule="dcase2024")
        >>> found.bytes < 33_000, found.ok
        (True, True)
        >>> [verdict.unit for verdict in found.verdicts["dcase2024"]]
        ['bytes', 'MACs']
        >>> from torch import nn
        >>> ea.complexity(nn.Conv2d(1, 8, 3, padding=1), input=(1, 64, 100)).macs
        512000
    """
    rules = () if rule is None else rules_named(rule)
    if isinstance(model, str | PathLike | msgspec.Struct):
        if input is not None or input_s is not None:
            raise ValueError("input and input_s go with a torch module")
        return Complexity(_counted(model, precision), rules)
    if input is None:
        raise ValueError("say what the module takes: input=(1, mels, frames)")
    if rules and input_s is None:
        raise ValueError("a rule asks for work per second: say input_s, the input's seconds")
    from edge_asc.budget.network.reader import inventory_of_torch

    counted = inventory_of_torch(
        model, (1, *input), input_s or NOMINAL_S, precision=precision or "float32"
    )
    return Complexity(counted, rules)


def _counted(model: "str | PathLike[str] | Config", precision: Precision | None) -> Inventory:
    from edge_asc.export.count import budget_of

    if isinstance(model, str | PathLike):
        (inventory,) = budget_of(str(Path(model)), precision)
        return inventory
    from edge_asc.export.preset_budget import of_preset  # torch takes seconds

    return of_preset(model, precision)
