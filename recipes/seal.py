"""Give model files that were written without a digest one, and their cards the new size and sum.

    .venv/bin/python recipes/seal.py edge_asc/runtime/zoo/*.tflite edge_asc/runtime/zoo/*.onnx

The network's bytes and all that the metadata say stay as they are. A file that has its digest is
left alone; one whose digest is wrong is an error. `NAME.md` beside a file is its card.
"""

import hashlib
import sys
from pathlib import Path

from edge_asc.files import atomic_write
from edge_asc.runtime.formats.rewrite import with_metadata
from edge_asc.runtime.metadata import checked_metadata


def seal_file(path: Path) -> bool:
    """Rewrite a file that has no digest; whether it was one."""
    old = path.read_bytes()
    metadata, integrity = checked_metadata(old, str(path))
    if integrity == "altered":
        raise SystemExit(f"{path}: its digest is wrong")
    if integrity == "verified":
        return False
    new = with_metadata(old, metadata, str(path))
    with atomic_write(path) as temporary:
        temporary.write_bytes(new)
    card = path.with_suffix(".md")
    if card.is_file():
        _update(card, old, new)
    return True


def _update(card: Path, old: bytes, new: bytes) -> None:
    sums = [hashlib.sha256(data).hexdigest() for data in (old, new)]
    text = card.read_text("utf-8").replace(*sums)
    text = text.replace(f"{len(old):,} bytes", f"{len(new):,} bytes")
    with atomic_write(card) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"{name}: {'sealed' if seal_file(Path(name)) else 'has its digest'}")
