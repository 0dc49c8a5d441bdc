"""What a candidate would cost, before it is trained: its real int8 file, with random weights."""

from dataclasses import dataclass, replace

import msgspec

from edge_asc.budget.inventory import Inventory
from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.rules import Limit, Rule, rules_named
from edge_asc.config.schema import Config
from edge_asc.data.dataset import SceneDataset
from edge_asc.export.preset_budget import preset_file


@dataclass(frozen=True)
class Price:
    """What a candidate costs."""

    file_bytes: int  # of the .tflite file
    parameters: int  # in it, zeros included
    nonzero: int  # those that differ from zero
    macs_per_s: int  # multiply-accumulates for a second of audio
    peak_activation_bytes: int  # the largest sum of tensors alive at one time
    over: str  # what is over the rule, "" where the rule is kept
    excess: float  # by what part of its limit, summed over the limits; 0 where the rule is kept


def search_rule(
    name: str,
    max_bytes: int | None = None,
    max_macs_per_s: int | None = None,
    max_peak_bytes: int | None = None,
) -> Rule:
    """The rule of a name, with tighter limits of the whole file, its work and its peak memory.

    Raises:
        ValueError: no such rule, or `all`, which is not one.
    """
    (rule, *others) = rules_named(name)
    if others:
        raise ValueError("a search keeps one rule, not all: their limits differ")
    limits = list(rule.limits)
    if max_bytes is not None:
        limits.append(Limit("whole file", max_bytes, "bytes", "file", lambda i: i.file_bytes))
    if max_macs_per_s is not None:
        limits.append(
            Limit("MACs per second", max_macs_per_s, "MACs", "work", lambda i: i.per_second(i.macs))
        )
    if max_peak_bytes is not None:
        limits.append(
            Limit("peak activations", max_peak_bytes, "bytes", "work", peak_activation_bytes)
        )
    return replace(rule, limits=tuple(limits))


def peak_activation_bytes(inventory: Inventory) -> int:
    """What a device has to keep beside the file, as `edge-asc budget` counts it."""
    return inventory.peak_activation_bytes


def price(config: Config, dataset: SceneDataset, rule: Rule) -> Price:
    """Build a candidate's network, write its file into memory and measure it.

    Raises:
        ValueError: the network cannot be built or written.
    """
    crop_s = min(dataset.clip_s, config.data.crop_s or dataset.clip_s)
    heard = msgspec.structs.replace(config.data, crop_s=crop_s)
    config = msgspec.structs.replace(config, data=heard)
    abstract = dataset.abstract_labels if config.model.abstract else ()
    data = preset_file(config, "int8", "tflite", dataset.labels, abstract)
    inventory = inventory_of_file(data, audio_s=crop_s, name=config.name)
    assert inventory.file_bytes is not None  # it was read from a file
    over = [verdict for verdict in rule.measure(inventory) if not verdict.ok]
    return Price(
        file_bytes=inventory.file_bytes,
        parameters=inventory.parameters,
        nonzero=inventory.nonzero,
        macs_per_s=inventory.per_second(inventory.macs),
        peak_activation_bytes=inventory.peak_activation_bytes,
        over="; ".join(map(str, over)),
        excess=sum(((v.value or 0) - v.limit) / max(v.limit, 1) for v in over),
    )
