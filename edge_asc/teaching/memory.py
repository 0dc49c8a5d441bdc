"""What a file was taught: the embeddings of its clips, beside it, so that more can be added later.

`my.tflite` has `my.taught.npz`. No sound is in it, but whoever has it and the encoder can tell what
kind of sounds were heard. Letters: C clips, N rows, D numbers of an embedding.
"""

from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge_asc.data.dataset import Clip
from edge_asc.files import atomic_write
from edge_asc.runtime.formats.taught import memory_path
from edge_asc.runtime.sessions import dequantize, quantize
from edge_asc.teaching.encoder import Encoder
from edge_asc.teaching.listen import Heard

PLAIN = -1  # the view of rows of the sound as it is


def remember(model: Path, encoder: Encoder, heard: Sequence[Heard], root: Path) -> None:
    """Write what a model was taught beside its file.

    Args:
        model: the file.
        encoder: on which it stands.
        heard: all clips.
        root: folder of the new ones; of their paths, what is above it is not kept.

    Raises:
        OSError: it cannot be written.
    """
    grid = encoder.graph.grids[encoder.value]
    parts = [(c, v, part) for c, one in enumerate(heard)
             for v, part in enumerate([one.plain, *one.views], PLAIN)]  # fmt: skip
    rows = np.concatenate([part for _, _, part in parts])
    sizes = [len(part) for _, _, part in parts]
    with atomic_write(memory_path(model)) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            encoder=encoder.digest,
            embeddings=quantize(rows, grid.scale, grid.zero_point, np.int8),
            clip=np.repeat([c for c, _, _ in parts], sizes),
            view=np.repeat([v for _, v, _ in parts], sizes),
            paths=np.array([name_in(root, one.clip.path) for one in heard]),
            labels=np.array([one.clip.label for one in heard]),
            recordings=np.array([one.clip.recording for one in heard]),
            digests=np.array([one.digest for one in heard]),
        )


def recall(model: Path, encoder: Encoder) -> list[Heard]:
    """What a model was taught, with names in place of paths.

    Raises:
        ValueError: nothing lies beside the file, or what lies there is not its memory.
        OSError: it cannot be read.
    """
    path = memory_path(model)
    if not path.is_file():
        raise ValueError(f"{model}: {path.name} must lie beside it: what it was taught so far")
    try:
        with path.open("rb") as file, np.load(file) as archive:
            held = dict(archive)
        if str(held["encoder"]) == encoder.digest:
            return _heard(held, encoder)
    except (BadZipFile, ValueError, KeyError, EOFError, IndexError) as error:
        raise ValueError(f"{path}: damaged, or not written by edge-asc teach") from error
    raise ValueError(f"{path}: belongs to another encoder than that of {model.name}")


def _heard(held: dict[str, np.ndarray], encoder: Encoder) -> list[Heard]:
    grid = encoder.graph.grids[encoder.value]
    rows = dequantize(held["embeddings"], grid.scale, grid.zero_point).astype(np.float32)
    columns = (held[name].tolist() for name in ("paths", "labels", "recordings", "digests"))
    found = []
    for number, (path, label, recording, digest) in enumerate(zip(*columns, strict=True)):
        own = held["clip"] == number
        views = held["view"][own]
        parts = [rows[own][views == v] for v in range(PLAIN, int(views.max(initial=PLAIN)) + 1)]
        clip = Clip(Path(path), label, None, group=recording)
        found.append(Heard(clip, digest, parts[0], tuple(parts[1:])))
    return found


def name_in(root: Path, path: Path) -> str:
    """The name that a file has in its folder, wherever that lies."""
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return path.name if path.is_absolute() else path.as_posix()


def joined(before: Sequence[Heard], new: Sequence[Heard]) -> list[Heard]:
    """Clips of both; a file that is in both counts once, with what is said of it now."""
    replaced = {one.digest for one in new}
    return [*(one for one in before if one.digest not in replaced), *new]
