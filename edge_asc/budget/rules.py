"""Size and complexity rules, and whether a network keeps them.

`RULES` are the limits of the DCASE challenges and ours. Each says in `reading` what it counts,
after the organisers' own calculators; where those leave room, the stricter reading is taken.
K means 1000 and Ki means 1024 in every unit.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from edge_asc.budget import biodcase2026
from edge_asc.budget.inventory import PARAMETERS, Constant, Inventory, Layer, Missing, Role
from edge_asc.budget.score import Score, score_of
from edge_asc.suggest import no_such

__all__ = ["DEFAULT_RULE", "RULES", "Constant", "Inventory", "Layer", "OverBudget", "Rule",
           "Verdict", "enforce", "nessi_macs", "rules_named"]  # fmt: skip

DEFAULT_RULE = "edge-128k"
INT8 = frozenset({"int8", "uint8"})


class OverBudget(ValueError):
    """A network is over the limits of `rules`; `inventory` is what was counted of it."""

    exit_code = 3  # of the command

    def __init__(
        self, message: str, inventory: Inventory | None = None, rules: "Sequence[Rule]" = ()
    ) -> None:
        super().__init__(message)
        self.inventory, self.rules = inventory, tuple(rules)


@dataclass(frozen=True)
class Limit:
    """The most that a rule allows of one quantity.

    Attributes:
        quantity: What is counted, as tables show it.
        most: Largest legal value.
        unit: `bytes`, `MACs per second`, …
        of: What has to be counted in full for it.
        count: Takes the quantity from an inventory; None where that does not hold it.
        means: How `most` is put together where its unit has a prefix.
    """

    quantity: str
    most: int
    unit: str
    of: Missing
    count: Callable[[Inventory], int | None]
    means: str = ""

    def measured(self, inventory: Inventory) -> int | None:
        """The quantity; None where it was not counted in full, unless the part is too much."""
        value = self.count(inventory)
        in_part = self.of in inventory.missing and (value is None or value <= self.most)
        return None if in_part else value


@dataclass(frozen=True)
class Verdict:
    """One quantity against its limit. A quantity that was not measured is never inside."""

    quantity: str
    value: int | None
    limit: int
    unit: str
    means: str = ""

    @property
    def ok(self) -> bool:
        """Whether the value is known and within the limit."""
        return self.value is not None and self.value <= self.limit

    def __str__(self) -> str:
        value = "not measured" if self.value is None else f"{self.value:,}"
        return f"{self.quantity}: {value} of at most {self.limit:,} {self.unit}"


@dataclass(frozen=True)
class Rule:
    """A named set of limits and how they are to be read."""

    name: str
    limits: tuple[Limit, ...]
    reading: str
    score: Callable[[Inventory], Score] | None = None  # where a task ranks by points

    def measure(self, inventory: Inventory) -> list[Verdict]:
        """A verdict for each limit, in their order."""
        return [
            Verdict(limit.quantity, limit.measured(inventory), limit.most, limit.unit, limit.means)
            for limit in self.limits
        ]


def stored_bytes(*roles: Role, nonzero: bool = False) -> Callable[[Inventory], int]:
    """Counts the bytes of constants of some roles, each constant once."""

    def count(inventory: Inventory) -> int:
        kept = [constant for constant in inventory.constants if constant.role in roles]
        return sum(c.nonzero_bytes if nonzero else c.wide_bytes for c in kept)

    return count


def nessi_parameters(inventory: Inventory) -> int:
    """What NeSsi calls parameters of a TFLite file: bytes of each op's constant inputs.

    Axes and shapes are among them, an int32 bias counts four, and what two ops share counts twice.
    Networks from other sources have the bytes of their parameters.
    """
    if inventory.source != "tflite":
        return stored_bytes(*PARAMETERS)(inventory)
    layers = [layer for layer in inventory.layers if layer.kind != "unread"]
    return sum(constant.wide_bytes for layer in layers for constant in layer.constants)


# Ops without weights that NeSsi has a formula for; the rest it counts as nothing.
NESSI_ELEMENTWISE = frozenset({
    "MEAN", "MAX_POOL_2D", "AVERAGE_POOL_2D", "ADD",
    "ReduceMean", "GlobalAveragePool", "MaxPool", "AveragePool", "Add",
})  # fmt: skip


def nessi_macs(inventory: Inventory) -> int:
    """MACs as NeSsi counts them: for torch torchinfo's, for files with means, pools and sums."""
    kept = [layer for layer in inventory.layers if layer.kind in NESSI_ELEMENTWISE]
    return inventory.torchinfo_macs + sum(layer.elementwise for layer in kept)


def weights_beyond_int8(inventory: Inventory) -> int:
    """Weights stored as anything but 8-bit integers; biases may be wider."""
    weights = [c for c in inventory.constants if c.role == "weight"]
    return sum(c.count for c in weights if c.dtype not in INT8)


def _macs_per_second(count: Callable[[Inventory], int]) -> Limit:
    def per_second(inventory: Inventory) -> int:
        return inventory.per_second(count(inventory))

    return Limit("MACs per second of audio", 30_000_000, "MACs", "work", per_second, "30 MMAC")


def _nonzero_bytes(most: int, means: str, *roles: Role) -> Limit:
    count = stored_bytes(*roles, nonzero=True)
    return Limit("non-zero parameters", most, "bytes", "parameters", count, means)


KB_128 = "128 KB = 128 x 1000"
ACTIVATIONS = "activations at a time"
_FILE_BYTES = Limit("whole file", 128_000, "bytes", "file", lambda i: i.file_bytes, KB_128)
_ACTIVATION_BYTES = Limit(
    ACTIVATIONS,
    256_000,
    "bytes",
    "activations",
    lambda i: i.peak_activation_bytes,
    "256 KB = 256 x 1000",
)
_PARAMETER_BYTES = Limit(
    "parameters at their stored width",
    128_000,
    "bytes",
    "parameters",
    stored_bytes(*PARAMETERS),
    KB_128,
)
_TORCHINFO_MACS = _macs_per_second(lambda inventory: inventory.torchinfo_macs)

_RULES = (
    Rule(
        "dcase2020b",
        (_nonzero_bytes(512_000, "500 KiB = 500 x 1024", "weight", "bias"),),
        "Non-zero parameters at their stored width; batch norm does not count.",
    ),
    Rule(
        "dcase2021a",
        (_nonzero_bytes(128_000, KB_128, "weight", "bias", "norm", "statistics"),),
        "Non-zero parameters at their stored width, with batch norm's scale, shift and both "
        "running statistics unless folded. The organisers' tool prints KB of 1024 bytes "
        "(131,072), their text says 128,000 bytes: the stricter is taken.",
    ),
    Rule(
        "dcase2022",
        (
            Limit(
                "constant inputs of the ops",
                128_000,
                "bytes",
                "parameters",
                nessi_parameters,
                "128 K",
            ),
            Limit("weights not in int8", 0, "weights", "parameters", weights_beyond_int8),
            _macs_per_second(nessi_macs),
        ),
        "128 K parameters in int8 (not in four bits), zeros too, as NeSsi counts a TFLite file: "
        "bytes of constant op inputs, an int32 bias for four. MACs of convolutions, linear layers, "
        "means, pools, sums.",
    ),
    Rule(
        "dcase2024",
        (_PARAMETER_BYTES, _TORCHINFO_MACS),
        "Parameters at their stored width, batch norm's scale and shift among them and its "
        "running statistics not. MACs of layers with weights, as torchinfo counts them: a linear "
        "layer that is applied at many places once.",
    ),
    Rule(
        "dcase2025",
        (_PARAMETER_BYTES, _TORCHINFO_MACS),
        "As dcase2024, for each device's model by itself: several models are not summed.",
    ),
    Rule(
        "biodcase2026",
        (
            Limit("TFLite file", 4_755_032, "bytes", "file", lambda i: i.file_bytes),
            Limit("MACs of one input", 567_313_754, "MACs", "work", biodcase2026.macs),
            Limit(
                "activations in memory",
                1_000_000,
                "bytes",
                "activations",
                lambda i: i.peak_activation_bytes,
            ),
        ),
        "BioDCASE 2026, task 3. It has no limits: these are the values from which on its ranking "
        "formula gives no points. MACs of a TFLite file as its own tool counts them, once for the "
        "whole input, with pools, sums and products. The board's memory, which is measured there, "
        "has a few thousand bytes of tables besides the activations.",
        score_of,
    ),
    Rule(
        "edge-128k",
        (_FILE_BYTES,),
        "All bytes of the file: weights, graph, names, metadata. What a device has to store.",
    ),
    Rule(
        "edge-128k-ram256k",
        (_FILE_BYTES, _ACTIVATION_BYTES),
        "What a microcontroller has to store, and the memory it computes in: the arena that "
        "TensorFlow Lite Micro plans for the activations of a .tflite file. What its interpreter "
        "keeps beside them is not counted.",
    ),
)
RULES: dict[str, Rule] = {rule.name: rule for rule in _RULES}


def rules_named(name: str) -> tuple[Rule, ...]:
    """The rule of a name, or every rule for `all`.

    Raises:
        ValueError: no such rule; the message lists them.
    """
    if name == "all":
        return tuple(RULES.values())
    if name not in RULES:
        raise ValueError(no_such("rule", name, [*RULES, "all"]))
    return (RULES[name],)


def enforce(inventory: Inventory, rule: Rule) -> None:
    """Raise when a network is over a rule.

    Raises:
        OverBudget: one line that names each quantity beyond its limit.
    """
    over = "; ".join(str(verdict) for verdict in rule.measure(inventory) if not verdict.ok)
    if over:
        raise OverBudget(f"{inventory.name} is over {rule.name}: {over}", inventory, [rule])


def report(inventory: Inventory, rules: Iterable[Rule]) -> dict[str, Any]:
    """All that is counted, as JSON has it: sums, layers, verdicts."""
    judged = {rule.name: _rule_report(rule, inventory) for rule in rules}
    return {
        "name": inventory.name,
        "source": inventory.source,
        "input_shape": list(inventory.input_shape),
        "audio_s": inventory.audio_s,
        "views": inventory.views,
        "file_bytes": inventory.file_bytes,
        "constant_bytes": inventory.constant_bytes,
        "bytes_by_dtype": inventory.bytes_by_dtype,
        "parameters": inventory.parameters,
        "nonzero_parameters": inventory.nonzero,
        "macs": inventory.macs,
        "torchinfo_macs": inventory.torchinfo_macs,
        "macs_per_s": inventory.per_second(inventory.macs),
        "elementwise": inventory.elementwise,
        "elementwise_per_s": inventory.per_second(inventory.elementwise),
        "peak_activation_bytes": inventory.peak_activation_bytes,
        "notes": list(inventory.notes),
        "missing": sorted(inventory.missing),
        "ok": all(entry["ok"] for entry in judged.values()),
        "rules": judged,
        "layers": [_layer_report(layer) for layer in inventory.layers],
    }


def _rule_report(rule: Rule, inventory: Inventory) -> dict[str, Any]:
    verdicts = rule.measure(inventory)
    found = [_fields(verdict, "quantity value limit unit ok") for verdict in verdicts]
    score = {} if rule.score is None else {"score": rule.score(inventory).to_dict()}
    return {"ok": all(verdict.ok for verdict in verdicts), "verdicts": found, **score}


def _layer_report(layer: Layer) -> dict[str, Any]:
    names = "name kind parameters nonzero bytes_by_dtype macs elementwise output_bytes"
    return {**_fields(layer, names), "output_shape": list(layer.output_shape)}


def _fields(found: Layer | Verdict, names: str) -> dict[str, Any]:
    return {name: getattr(found, name) for name in names.split()}
