"""Write model files of ours anew, as today's writers would: with a digest, readable to others.

    .venv/bin/python recipes/renew.py edge_asc/runtime/zoo/esc10-*/*.*[xe]

The network's numbers and all that the metadata say stay as they are. An .onnx file only gets the
digest that it lacks. `NAME.md` beside a .tflite file is its card, which learns its size and sum.
"""

import hashlib
import sys
from pathlib import Path

from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.files import atomic_write
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.runtime.formats.rewrite import with_metadata
from edge_asc.runtime.metadata import checked_metadata, entries_of, file_format


def renew(path: Path) -> bool:
    """Rewrite a file; whether that changed it."""
    old = path.read_bytes()
    metadata, integrity = checked_metadata(old, str(path))
    if integrity == "altered":
        raise SystemExit(f"{path}: its digest is wrong")
    new = old
    if file_format(old, str(path)) == "tflite":
        graph, n_frames = from_tflite(old)
        new = to_tflite(graph, n_frames, entries_of(old, str(path)))
    if new != old or integrity == "foreign":
        new = with_metadata(new, metadata, str(path))
    if new == old:
        return False
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
        print(f"{name}: {'written anew' if renew(Path(name)) else 'as it was'}")
