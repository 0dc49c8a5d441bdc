"""What teaching found, for people and for programs."""

from collections.abc import Iterator
from typing import Any

from edge_asc.teaching.listen import reasons
from edge_asc.teaching.teach import Taught

SHOWN_CONFUSIONS = 2


def taught_dict(taught: Taught) -> dict[str, Any]:
    """As JSON has it."""
    return {
        "file": str(taught.path),
        "file_bytes": taught.bytes,
        "labels": list(taught.labels),
        **taught.figures,
        "answers": list(taught.answers),
        "unusable": [{"file": str(f.path), "reason": f.reason} for f in taught.unusable],
    }


def taught_text(taught: Taught) -> str:
    """The figures, then the file."""
    return "\n".join(_lines(taught))


def _lines(taught: Taught) -> Iterator[str]:
    found = taught.figures
    low, high = (100 * end for end in found["interval"])
    yield (
        f"accuracy {100 * found['accuracy']:.0f} % ({low:.0f} to {high:.0f} %),"
        f" each of {found['recordings']} recordings left out once; {found['clips']} clips"
    )
    for label, recall in found["recall"].items():
        yield f"  {label:{max(map(len, taught.labels))}} {100 * recall:4.0f} %"
    for pair in found["confusions"][:SHOWN_CONFUSIONS]:
        yield f"taken for another: {pair['is']} for {pair['taken_for']}, {pair['clips']} clips"
    for first, second in found["inseparable"]:
        yield f"cannot be told apart: {first} and {second}; one class, or other recordings?"
    for clip in found["mislabelled"]:
        yield f"labelled rightly? {clip['file']} sounds like {clip['sounds_like']}"
    yield f"gets a name: {100 * found['kept']:.0f} % of these clips{_strange(found)}"
    after = found["next"]
    yield (
        f"record next: {after['label']}, of which there are {after['recordings']} recordings;"
        " at other places, with the microphone that will listen"
    )
    if taught.unusable:
        yield f"not used: {len(taught.unusable)} files"
        for reason, count in reasons(taught.unusable).items():
            yield f"  {count}: {reason}"
    yield f"{taught.path}  {taught.bytes:,} bytes"


def _strange(found: dict[str, Any]) -> str:
    if found["strange_named"] is None:
        return ""
    return f", {100 * found['strange_named']:.0f} % of {found['strange']} strange sounds"
