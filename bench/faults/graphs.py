"""Mutated graphs whose digest is right, as somebody would make them who means harm.

What LiteRT and ONNX Runtime do with one must not reach the process of whoever uses it: it answers,
or refuses in a line. Metadata stay as they are; `cards` is about those.
"""

import json
import random
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from attempt import Attempt, attempt
from bits import shipped
from found import Found
from mutations import ANY_LENGTH, SAME_LENGTH, mutated

MOST_BYTES = 300_000_000  # more than the unchanged file needs
BESIDE_THREADS = 25  # each so-manieth is opened beside a thread, where no fork is safe
_LARGEST = 100_000  # bytes of a file: what is larger takes time and shows nothing else


def mutated_graphs(tries: int, seed: int) -> Found:
    """Change a file's graph, write its digest anew, and ask it about a sound."""
    found = Found("mutated graphs with a right digest", tries, seed)
    import_runtimes()
    contents = [path.read_bytes() for path in shipped() if path.stat().st_size < _LARGEST]
    with tempfile.TemporaryDirectory() as folder:
        usual = {data: _asked(data, Path(folder), False).peak_bytes for data in contents}
        for number in range(tries):
            rng = random.Random(f"graphs {seed} {number}")
            original = rng.choice(contents)
            changed, how = resealed(rng, original)
            result = _asked(changed, Path(folder), number % BESIDE_THREADS == 0)
            beyond = result.peak_bytes - usual[original]
            found.most("most_bytes_beyond", beyond)
            found.most("most_seconds", result.seconds)
            found.count(result.outcome, number, _wrong(result, beyond) and f"{how}: {result.said}")
    return found


def resealed(rng: random.Random, original: bytes) -> tuple[bytes, str]:
    """A mutated graph with the digest of what it is now."""
    from edge_asc.runtime.metadata import METADATA_KEY, entries_of
    from edge_asc.runtime.trust.digest import BLANK, KEY, seal

    said = entries_of(original)[METADATA_KEY]
    start = original.index(said)
    ways = SAME_LENGTH if original[4:8] == b"TFL3" else ANY_LENGTH  # places are told as distances
    graph, how = mutated(rng, original[:start], ways)
    blank = KEY + json.loads(said)["digest"].encode()
    return seal(graph + original[start:].replace(blank, KEY + BLANK)), how


def import_runtimes() -> None:
    """Before forks, which then have them at once."""
    import ai_edge_litert.interpreter
    import soxr

    from edge_asc.runtime.classifier import Classifier
    from edge_asc.runtime.sessions import import_onnxruntime

    import_onnxruntime()
    assert ai_edge_litert and soxr and Classifier


def _asked(data: bytes, folder: Path, beside_a_thread: bool) -> Attempt:
    return attempt(lambda: _ask(data, folder, beside_a_thread))


def _ask(data: bytes, folder: Path, beside_a_thread: bool) -> bool:
    import numpy as np

    from edge_asc.runtime.classifier import Classifier

    done = threading.Event()
    if beside_a_thread:
        threading.Thread(target=done.wait, daemon=True).start()
    path = folder / f"m.{'tflite' if data[4:8] == b'TFL3' else 'onnx'}"
    path.write_bytes(data)
    noise = 0.1 * np.random.default_rng(0).standard_normal(44100).astype(np.float32)
    return bool(Classifier.load(path)(noise, 44100).label)


def _wrong(result: Attempt, beyond: int) -> bool:
    return result.outcome not in ("done", "refused") or beyond > MOST_BYTES


def summary(found: dict[str, Any]) -> str:
    """What the table says of it."""
    counts, figures = Counter(found["counts"]), found["figures"]
    return (
        f"{counts['signal']} signals, {counts['traceback']} tracebacks, {counts['hang']} hangs;"
        f" {counts['refused']:,} refused, {counts['done']:,} answer;"
        f" at most {figures['most_bytes_beyond'] / 1e6:.0f} MB and {figures['most_seconds']:.1f} s"
    )
