"""The part of a report that says where the bytes of the exported files are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_asc.budget.inventory import Inventory
from edge_asc.budget.rules import Verdict, rules_named
from edge_asc.evaluation.report import percent
from edge_asc.report.html import Body, Html, Missing, join, table, tag
from edge_asc.report.sources import Sources
from edge_asc.report.svg import bytes_bar, legend_key

EXPORT_FLAGS = {"int8": "--int8", "float16": "--fp16", "float32": "--fp32"}


def budget(sources: Sources) -> Body:
    """Bytes of every exported file by part, its rule, and how it agrees with torch."""
    if not sources.exports:
        flag = EXPORT_FLAGS[sources.run.settings().precision]
        return Missing("no exported files", f"edge-asc export {sources.folder} {flag}")
    return join(_file(path, sources) for path in sources.exports)


def _file(path: Path, sources: Sources) -> Html:
    from edge_asc.export.count import budget_of

    try:
        (inventory,) = budget_of(str(path))
    except (ValueError, OSError) as error:
        return join((tag("h3", path.name), tag("p", f"cannot be counted: {error}", class_="bad")))
    rule = sources.run.settings().rule
    verdicts = [(r.name, v) for r in rules_named(rule) for v in r.measure(inventory)]
    limits = [v.limit for _, v in verdicts if v.unit == "bytes"]
    parts = bytes_by_part(inventory)
    total = sum(parts.values())
    rows: list[tuple[object, ...]] = [
        (legend_key(number, name), f"{size:,}", f"{100 * size / total:.1f} %")
        for number, (name, size) in enumerate(parts.items())
    ]
    rows.append(("whole file", f"{total:,}", "100 %"))
    lines = [tag("p", *_verdict(name, verdict)) for name, verdict in verdicts]
    work = (
        f"{inventory.parameters:,} parameters, {inventory.per_second(inventory.macs):,} MACs per s"
    )
    return join((
        tag("h3", path.name),
        bytes_bar(parts, min(limits, default=None)),
        table(("part", "bytes", "share"), rows),
        *lines,
        tag("p", "; ".join([work, *_parity(sources.parity.get(path.name, {}))]), class_="muted"),
    ))  # fmt: skip


def bytes_by_part(inventory: Inventory) -> dict[str, int]:
    """Bytes of constants by what they are for and how they are stored, and the rest of the file."""
    parts: dict[str, int] = {}
    for constant in inventory.constants:
        name = f"{constant.role} {constant.dtype}"
        parts[name] = parts.get(name, 0) + constant.bytes
    ordered = dict(sorted(parts.items(), key=lambda part: -part[1]))
    rest = (inventory.file_bytes or 0) - inventory.constant_bytes
    return {**ordered, "graph, names, metadata": rest}


def _verdict(rule: str, verdict: Verdict) -> list[object]:
    state = tag("span", "kept", class_="good") if verdict.ok else tag("b", "over", class_="bad")
    return [f"rule {rule}: ", state, f" ({verdict})"]


def _parity(figures: Mapping[str, Any]) -> list[str]:
    if "argmax_agreement" not in figures:
        return []
    share = figures["argmax_agreement"]
    return [f"names the scene that torch names on {percent(share)} of {figures['clips']} inputs"]
