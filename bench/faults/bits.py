"""One flipped bit in a model file that comes along: the file is refused, before native code."""

import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from attempt import attempt
from found import Found

AT_ONCE = 250  # in one process: it dies of a signal or it does not


def flipped_bits(tries: int, seed: int) -> Found:
    """Flip one bit anywhere in one of the files, then open it to be asked."""
    found = Found("one flipped bit in a model file", tries, seed)
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, tries, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, tries))
            result = attempt(lambda n=numbers: _flip(n, seed, Path(folder)), 120.0)  # type: ignore[misc]
            if result.outcome != "done":
                for number in numbers:
                    found.count(result.outcome, number, result.said or "one of these")
                continue
            for number, (what, where) in zip(numbers, result.value, strict=True):
                found.count(what, number, where if what != "refused" else "")
    found.figures["files"] = len(shipped())
    return found


def shipped() -> list[Path]:
    """The model files that come along."""
    from edge_asc.runtime.trust.trial import PACKAGE

    zoo = PACKAGE / "runtime" / "zoo"
    return sorted(path for path in zoo.rglob("*") if path.suffix in (".tflite", ".onnx"))


def _flip(numbers: range, seed: int, folder: Path) -> list[tuple[str, str]]:
    contents = [(path.name, path.read_bytes()) for path in shipped()]
    return [_one(random.Random(f"bits {seed} {n}"), contents, folder) for n in numbers]


def _one(rng: random.Random, contents: list[tuple[str, bytes]], folder: Path) -> tuple[str, str]:
    from edge_asc.runtime.classifier import Classifier

    name, content = rng.choice(contents)
    bit = rng.randrange(8 * len(content))
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    path = folder / name
    path.write_bytes(changed)
    try:
        Classifier.load(path, scenes=False)
    except ValueError as error:
        return ("refused" if str(error).startswith(str(path)) else "unnamed"), str(error)
    except Exception as error:  # of any kind: that is what is looked for
        return "traceback", f"{type(error).__name__}: {error}, bit {bit} of {name}"
    return "answered", f"bit {bit} of {name}"


def summary(found: dict[str, Any]) -> str:
    """What the table says of it."""
    counts = Counter(found["counts"])
    answered, signals = counts["answered"], counts["signal"]
    return f"{answered} answered, {signals} signals; {counts['refused']:,} refused"
