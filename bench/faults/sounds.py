"""Mutated audio of eight formats through the check of a data set, and through the decoder.

A file is read, or refused in a line. Where the format has checksums of the sound (FLAC's MD5, Ogg's
pages, LAME's music CRC), one whose sound is another than before does not pass the check.
"""

import hashlib
import random
import tempfile
from pathlib import Path
from typing import Any

from attempt import attempt
from found import Found
from mutations import ANY_LENGTH, mutated

RATE_HZ, SECONDS = 16000, 0.7
MOST_BYTES = 200_000_000  # more than the unchanged file needs
# Suffix: libsndfile's names, and how many channels.
FORMATS: dict[str, tuple[str, str, int]] = {
    "wav": ("WAV", "PCM_16", 2),
    "aiff": ("AIFF", "PCM_24", 1),
    "w64": ("W64", "FLOAT", 1),
    "caf": ("CAF", "PCM_16", 1),
    "flac": ("FLAC", "PCM_16", 2),
    "ogg": ("OGG", "VORBIS", 1),
    "opus": ("OGG", "OPUS", 1),
    "mp3": ("MP3", "MPEG_LAYER_III", 1),
}
WITH_CHECKSUMS = ("flac", "ogg", "opus", "mp3")
_HEAD_BYTES = 300


def mutated_audio(tries: int, seed: int) -> Found:
    """Change a file's bytes, check it as a data set's clip, and hear it."""
    import edge_asc.data.check

    assert edge_asc.data.check  # before the forks
    found = Found("mutated audio, 8 formats", tries, seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contents = {suffix: _content(suffix, folder) for suffix in FORMATS}
        usual = {s: attempt(lambda s=s: _heard(folder, s)) for s in FORMATS}  # type: ignore[misc]
        for number in range(tries):
            rng = random.Random(f"sounds {seed} {number}")
            suffix = rng.choice((*FORMATS, *WITH_CHECKSUMS))
            changed, how = mutated(rng, contents[suffix], (*ANY_LENGTH, in_head, in_frames))
            (folder / f"a.{suffix}").write_bytes(changed)
            result = attempt(lambda s=suffix: _heard(folder, s))  # type: ignore[misc]
            beyond = result.peak_bytes - usual[suffix].peak_bytes
            found.most("most_bytes_beyond", beyond)
            found.most("most_seconds", result.seconds)
            what, wrong = result.outcome, ""
            if what == "done":
                what, wrong = _judged(result.value, usual[suffix].value, suffix)
            elif what != "refused":
                wrong = f"{what}: {result.said}"
            if beyond > MOST_BYTES:
                wrong = f"{beyond:,} bytes"
            found.count(f"{suffix}, {what}", number, wrong and f"{how}: {wrong}")
    return found


def in_head(rng: random.Random, data: bytearray) -> None:
    """Where headers lie, a byte is another."""
    for _ in range(rng.choice((1, 1, 2))):
        value = rng.choice((0, 1, 127, 255, rng.getrandbits(8)))
        data[rng.randrange(min(_HEAD_BYTES, len(data)))] = value


def in_frames(rng: random.Random, data: bytearray) -> None:
    """Behind the headers, one bit."""
    first = min(_HEAD_BYTES, len(data) // 2)
    data[rng.randrange(first, len(data))] ^= 1 << rng.randrange(8)


def _content(suffix: str, folder: Path) -> bytes:
    import numpy as np
    import soundfile

    kind, subtype, channels = FORMATS[suffix]
    n = int(RATE_HZ * SECONDS)
    tone = 0.3 * np.sin(np.arange(n) * 0.2) * np.linspace(0.2, 1, n)
    tone = tone + 0.03 * np.random.default_rng(0).standard_normal(n)
    path = folder / f"a.{suffix}"
    soundfile.write(path, np.stack([tone, 0.5 * tone][:channels], 1), RATE_HZ, subtype, format=kind)
    return path.read_bytes()


def _heard(folder: Path, suffix: str) -> tuple[str, str, int]:
    """The check's complaint; a digest of what is decoded, and its number of samples."""
    import numpy as np

    from edge_asc.audio.decode import load_audio
    from edge_asc.data.check import check_file
    from edge_asc.data.dataset import Clip

    path = folder / f"a.{suffix}"
    facts = check_file(Clip(path, "tone", "a"))
    try:
        samples = load_audio(path, RATE_HZ)
    except ValueError as error:
        return facts.problem, f"{error}", 0
    if not np.isfinite(samples).all():
        raise ArithmeticError("samples that are not finite")
    return facts.problem, hashlib.sha256(samples.tobytes()).hexdigest(), len(samples)


def _judged(heard: Any, usual: Any, suffix: str) -> tuple[str, str]:
    """What came of a file, and what is wrong with that."""
    problem, digest, n_samples = heard
    if problem:
        return "refused", "" if problem == digest else f"checked: {problem}; heard: {digest}"
    if not n_samples:
        return "refused later", f"passes the check, and then: {digest}"
    if digest == usual[1]:
        return "the same sound", ""
    what = "another sound"
    return what, f"{n_samples} samples, not {usual[2]}" if suffix in WITH_CHECKSUMS else ""


def summary(found: dict[str, Any]) -> str:
    """What the table says of it."""
    counts, figures = found["counts"], found["figures"]
    ends = ("traceback", "signal", "hang", "refused", "the same sound")
    of = {end: sum(n for what, n in counts.items() if what.endswith(end)) for end in ends}
    passed = sum(counts.get(f"{suffix}, another sound", 0) for suffix in WITH_CHECKSUMS)
    return (
        f"{of['traceback']} tracebacks, {of['signal']} signals, {of['hang']} hangs;"
        f" {passed} changed sounds pass where there are checksums;"
        f" {of['refused']:,} refused, {of['the same sound']:,} sound the same;"
        f" at most {figures['most_seconds']:.1f} s and {figures['most_bytes_beyond'] / 1e6:.0f} MB"
    )
