"""The part of a report that says where the bytes of the exported files are."""

from collections import Counter
from pathlib import Path
from typing import Any

from edge_asc.budget.inventory import Inventory
from edge_asc.budget.rules import rules_named
from edge_asc.evaluation.report import percent
from edge_asc.report.charts import Chart
from edge_asc.report.sources import Missing, Sources

EXPORT_FLAGS = {"int8": "--int8", "int4": "--int4", "mixed": "--mixed", "float16": "--fp16",
                "float32": "--fp32"}  # fmt: skip


def sizes(sources: Sources) -> Any:
    """Bytes of every exported file by part, its rule, and how it agrees with torch."""
    if not sources.exports:
        flag = EXPORT_FLAGS[sources.run.settings().precision]
        return Missing("no exported files", f"edge-asc export {sources.folder} {flag}")
    return [_file(path, sources) for path in sources.exports]


def _file(path: Path, sources: Sources) -> dict[str, Any]:
    from edge_asc.export.count import budget_of

    try:
        (inventory,) = budget_of(str(path))
    except (ValueError, OSError) as error:
        return {"name": path.name, "problem": error}
    rules = rules_named(sources.run.settings().rule)
    verdicts = [(rule.name, v) for rule in rules for v in rule.measure(inventory)]
    limits = [v.limit for _, v in verdicts if v.unit == "bytes"]
    parts = bytes_by_part(inventory)
    work = f"{inventory.per_second(inventory.macs):,} MACs per s"
    notes = [f"{inventory.parameters:,} parameters, {work}"]
    parity = sources.parity.get(path.name, {})
    if "argmax_agreement" in parity:
        share = percent(parity["argmax_agreement"])
        notes.append(f"names the scene that torch names on {share} of {parity['clips']} inputs")
    bar = _bar(parts, min(limits, default=None))
    return {"name": path.name, "parts": parts, "verdicts": verdicts, "notes": notes, **bar}


def bytes_by_part(inventory: Inventory) -> dict[str, int]:
    """Bytes of constants by what they are for and how they are stored, and the rest of the file."""
    parts: Counter[str] = Counter()
    for constant in inventory.constants:
        parts[f"{constant.role} {constant.dtype}"] += constant.bytes
    rest = (inventory.file_bytes or 0) - inventory.constant_bytes
    return {**dict(parts.most_common()), "graph, names, metadata": rest}


def _bar(parts: dict[str, int], limit: int | None) -> dict[str, Any]:
    """Begin and width of each part in one bar of the file, and where the limit is; pixels."""
    total = sum(parts.values())
    scale = Chart.width / max(total, limit or 0, 1)
    boxes, x = [], 0.0
    for size in parts.values():
        width = round(size * scale, 2)
        boxes.append((round(x, 2), width))
        x += width
    at = None if limit is None else min(round(limit * scale, 2), Chart.width - 1)
    return {"total": total, "boxes": boxes, "limit_x": at, "bar_width": Chart.width}
