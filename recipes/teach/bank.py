"""The encoder that comes along, and its bank: embeddings of everyday sounds that get no name.

    bank.py ENCODER.tflite AMBIENCE ESC10 [--out FOLDER]

ENCODER is an int8 file whose output is an embedding; AMBIENCE and ESC10 are folders with a
`meta.csv` (filename, licence, author, url). Writes `encoder.tflite`, `bank.npz` and credits into
the zoo. Recordings under licences other than CC0, CC BY and the public domain are left out. Each is
heard at several speeds: a dog at half its speed is no dog, and one more sound of the world.
Letters: N samples, D numbers of an embedding.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from edge_asc.audio.decode import fit_length, load_audio
from edge_asc.data.layouts.table import Row, read_table
from edge_asc.files import atomic_write
from edge_asc.runtime.formats.rewrite import with_metadata
from edge_asc.runtime.metadata import METADATA_KEY, entries_of, metadata_from_json
from edge_asc.runtime.sessions import quantize
from edge_asc.runtime.zoo.models import card_text, digest, parse_card
from edge_asc.teaching.encoder import OWN, Encoder
from edge_asc.teaching.strange import BANK
from edge_asc.teaching.views import view

WINDOW_S = 5.0  # that files taught upon the encoder hear at once
SPEEDS = (1.0, 0.5, 0.7, 1.4, 2.0)
# Every second sound is heard as another microphone or room would have it, as classes are: else what
# a microphone does to a sound would itself speak for a class.
MICROPHONE_EVERY = 2
FREE = ("CC0", "CC-BY", "Public Domain")
NOT_FREE = ("CC-BY-NC", "CC-BY-SA", "CC-BY-ND")


@dataclass(frozen=True)
class Recording:
    """A recording of the bank, and whom to thank."""

    path: Path
    licence: str
    author: str
    url: str


def recordings(folder: Path) -> Iterator[Recording]:
    """The free recordings of a folder, in the order of its table."""
    for row in read_table(folder / "meta.csv", ("filename", "author", "url")):
        licence = row.get("licence") or row.get("license")
        if licence.startswith(FREE) and not licence.startswith(NOT_FREE):
            yield Recording(audio_of(folder, row), licence, row["author"], row["url"])


def audio_of(folder: Path, row: Row) -> Path:
    """Where a row's file lies: named from the folder, or from its `audio/`."""
    path = folder / row["filename"]
    return path if path.is_file() else folder / "audio" / row["filename"]


def at_speed(audio: np.ndarray, speed: float) -> np.ndarray:
    """Samples played `speed` times as fast."""
    places = np.arange(int(len(audio) / speed)) * speed
    return np.interp(places, np.arange(len(audio)), audio).astype(np.float32)


def sounds(audio: np.ndarray, n_samples: int) -> Iterator[np.ndarray]:
    """Windows `[n_samples]` of a recording: its beginning at all speeds, and its end."""
    for speed in SPEEDS:
        part = at_speed(audio[: int(n_samples * speed) + 1], speed)
        repeated = np.tile(part, -(-n_samples // len(part))) if speed > 1 else part
        yield fit_length(repeated, n_samples)
    if len(audio) >= 2 * n_samples:
        yield audio[-n_samples:]


def encoder_file(data: bytes) -> bytes:
    """The file, which says that it is an encoder and hears windows of `WINDOW_S`."""
    metadata = metadata_from_json(entries_of(data)[METADATA_KEY])
    changed = msgspec.structs.replace(metadata, kind="encoder", labels=[], clip_s=WINDOW_S)
    return with_metadata(data, changed)


def credits_text(kept: list[Recording]) -> str:
    """Whom the bank owes thanks to, by licence."""
    licences = sorted({r.licence for r in kept})
    lines = [
        "# The bank's recordings",
        "",
        f"{len(kept)} recordings; only embeddings are kept.",
        "",
    ]
    for licence in licences:
        of_licence = [r for r in kept if r.licence == licence]
        lines += [f"## {licence}", ""]
        lines += [f"- {r.author}, <{r.url}>" for r in of_licence if r.url]
        lines += [""]
    return "\n".join(lines)


def mend_card(file: Path) -> None:
    """Let the encoder's card speak of this file."""
    path = file.with_suffix(".md")
    facts, text = parse_card(path.read_text("utf-8"), str(path))
    path.write_text(card_text(facts | {"sha256": digest(file)}, text), "utf-8")


def main() -> None:
    """Write encoder, bank and credits."""
    parser = argparse.ArgumentParser(description="encoder and bank of the zoo")
    parser.add_argument("encoder", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=OWN.parent)
    args = parser.parse_args()
    args.out.mkdir(exist_ok=True)
    file = args.out / OWN.name
    with atomic_write(file) as temporary:
        temporary.write_bytes(encoder_file(args.encoder.read_bytes()))
    encoder = Encoder(file)
    rate_hz, grid = encoder.frontend.sample_rate_hz, encoder.graph.grids[encoder.value]
    kept = [r for folder in args.folders for r in recordings(folder)]
    rows, groups = [], []
    for number, recording in enumerate(kept):
        whole, name = load_audio(recording.path, rate_hz), recording.path.name
        for place, sound in enumerate(sounds(whole, round(WINDOW_S * rate_hz))):
            if len(rows) % MICROPHONE_EVERY:
                sound = fit_length(view(sound, rate_hz, name, place), len(sound))
            rows.append(encoder(encoder.frontend.features(sound)))
            groups.append(number)
    numbers = quantize(np.stack(rows), grid.scale, grid.zero_point, np.int8)
    with atomic_write(args.out / BANK.name) as temporary, temporary.open("wb") as held:
        np.savez_compressed(held, embeddings=numbers, groups=np.array(groups, np.uint16),
                            encoder=np.array(encoder.digest))  # fmt: skip
    (args.out / "bank.md").write_text(credits_text(kept), "utf-8")
    mend_card(file)
    size = (args.out / BANK.name).stat().st_size
    print(f"{len(kept)} recordings, {len(rows)} embeddings, {size:,} bytes")


if __name__ == "__main__":
    main()
