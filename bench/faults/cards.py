"""Hostile metadata with a right digest: any value in any place, asked about by the verbs.

Whatever a file says of itself, `info`, `budget` and `classify` end with an answer or one line.
"""

import contextlib
import copy
import io
import json
import os
import random
import re
import struct
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from attempt import LIMIT_S, attempt
from bits import shipped
from found import Found
from graphs import import_runtimes
from mutations import bits, block, mutated, nearby

MOST_BYTES = 200_000_000  # more than the unchanged file needs
# A terminal obeys these; a line break and a tab are ours.
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3600, 65536, 2**31, 2**63, -(2**63), 10**400),
    *(0.5, -1e-9, 1e-300, 1e9, 1e300, float("nan"), float("inf"), -float("inf")),
    *("", "x", "\x1b[2J\x1b]0;t\x07", "a\nb", "\u202egnp", "\x00", "é" * 2000, "7" * 5000),
    *("../../etc/passwd", "[red]x[/]", "{0.__class__}", "%n%s", "\ud800", "a" * 2_000_000),
    *([], {}, [[]], [None], {"": ""}, [1e308] * 3, list(range(20_000)), ["l"] * 3),
    [f"label {i}" for i in range(20_000)],
)
KEYS = ("digest", "views", "others", "kind", "calibration", "x\x1b[1m", "")
_LARGEST = 100_000  # bytes of a file: what is larger takes time and shows nothing else


def hostile_metadata(tries: int, seed: int) -> Found:
    """Put hostile values into a file's metadata, write its digest anew, ask the verbs about it."""
    found = Found("hostile metadata", tries, seed)
    import_runtimes()
    _import_verbs()
    paths = [path for path in shipped() if path.stat().st_size < _LARGEST and path.stem[-1] != "r"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_sound(folder / "a.wav")
        usual = {
            (path, verb): attempt(lambda p=path, v=verb: _ask(v, p, folder)).peak_bytes  # type: ignore[misc]
            for path in paths
            for verb in VERBS
        }
        for number in range(tries):
            rng = random.Random(f"cards {seed} {number}")
            path, verb = rng.choice(paths), rng.choice(VERBS)
            changed = folder / f"m{path.suffix}"
            changed.write_bytes(resealed(rng, path.read_bytes()))
            result = attempt(lambda v=verb, c=changed: _ask(v, c, folder))  # type: ignore[misc]
            beyond = result.peak_bytes - usual[path, verb]
            found.most("most_bytes_beyond", beyond)
            found.most("most_seconds", result.seconds)
            what, wrong = result.outcome, result.said
            if what == "done":
                what, wrong = result.value
            if beyond > MOST_BYTES:
                wrong = f"{beyond:,} bytes"
            if what in ("traceback", "signal", "hang") and not wrong:
                wrong = f"longer than {LIMIT_S} s"
            found.count(what, number, wrong and f"{verb}: {wrong}")
    return found


VERBS = ("info", "info --json", "budget", "classify", "classify --json")


def _ask(verb: str, model: Path, folder: Path) -> tuple[str, str]:
    """How the verb ended, and what is wrong with what it said."""
    from edge_asc.cli.app import app

    name, *options = verb.split()
    words = [str(folder / "a.wav"), "--model", str(model)] if name == "classify" else [str(model)]
    out, errors, code = io.StringIO(), io.StringIO(), 0
    os.chdir(folder)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            app([name, *words, *options])
        except SystemExit as end:
            code = int(end.code or 0)
    acting = ACTING.search(out.getvalue() + errors.getvalue())
    wrong = f"shows {acting[0]!r}" if acting else ""
    lines = errors.getvalue().strip().splitlines()
    if code == 1 and name == "classify" and len(lines) != 1:
        wrong = f"{len(lines)} lines of an error"
    if code == 2:
        wrong = "wrong usage"
    return ("answered" if code in (0, 3) else "refused"), wrong


def resealed(rng: random.Random, original: bytes) -> bytes:
    """A file with hostile metadata, whose digest is that of what it is now."""
    from edge_asc.runtime.formats.rewrite import WRITERS
    from edge_asc.runtime.metadata import METADATA_KEY, entries_of, file_format
    from edge_asc.runtime.trust.digest import seal, with_blank

    metadata = json.loads(entries_of(original)[METADATA_KEY])
    del metadata["digest"]
    for _ in range(rng.choice((1, 1, 2, 4))):
        _spoil(rng, metadata)
    said = json.dumps(metadata).encode()
    if rng.random() < 0.2:  # no JSON, or hardly
        said = mutated(rng, said, (bits, nearby, block))[0]
    if rng.random() < 0.03:
        said = said[:-1] + b',"deep":' + b"[" * 200_000 + b"}"
    return seal(WRITERS[file_format(original)](original, with_blank(said)))


def _spoil(rng: random.Random, metadata: dict[str, Any]) -> None:
    """One value, in any table or list of it, is another, is gone, or has company."""
    place: Any = metadata
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.7:
            place = place[key]
            continue
        break
    how = rng.random()
    if how < 0.1:
        del place[key]
    elif how < 0.2 and isinstance(place, dict):
        place[rng.choice(KEYS)] = copy.deepcopy(rng.choice(VALUES))
    else:
        place[key] = copy.deepcopy(rng.choice(VALUES))


def _import_verbs() -> None:
    from edge_asc.cli.app import app
    from edge_asc.cli.verbs import shipping, using

    assert app and shipping and using


def write_sound(path: Path, pitch_hz: int = 440, seconds: int = 1) -> Path:
    """A rough tone as 16-bit WAV."""
    rate_hz = 16000
    values = [int(8000 * ((i * pitch_hz // rate_hz) % 2 - 0.5)) for i in range(rate_hz * seconds)]
    data = struct.pack(f"<{len(values)}h", *values)
    head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVEfmt ", 16, 1, 1, rate_hz,
                       2 * rate_hz, 2, 16, b"data", len(data))  # fmt: skip
    path.write_bytes(head + data)
    return path


def summary(found: dict[str, Any]) -> str:
    """What the table says of it."""
    counts, figures = Counter(found["counts"]), found["figures"]
    return (
        f"{counts['traceback']} tracebacks, {counts['signal']} signals;"
        f" {counts['refused']:,} refused, {counts['answered']:,} answer;"
        f" at most {figures['most_seconds']:.1f} s and {figures['most_bytes_beyond'] / 1e6:.0f} MB"
    )
