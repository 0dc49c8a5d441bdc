"""Embeddings of many files as one table. Letters: N files, D numbers of an embedding."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_asc.files import atomic_write
from edge_asc.runtime.answers.stream import hop_frames

if TYPE_CHECKING:
    from edge_asc.runtime.classifier import Classifier


def embed_all(
    paths: Iterable[Path],
    model: "Classifier",
    hop_s: float | None = None,
    on_error: Callable[[Path, Exception], Any] = lambda path, error: None,
) -> dict[Path, np.ndarray]:
    """The mean embedding `[D]` over each file's windows; an unusable file goes to `on_error`.

    Args:
        paths: of the files.
        model: an encoder, or a classifier whose last layer is left away.
        hop_s: seconds from one window to the next; None: half a window.
        on_error: called with a file and what is wrong with it.

    Raises:
        ValueError: an illegal hop.
    """
    hop_frames(model, hop_s)  # no file's fault
    found = {}
    for path in paths:
        try:
            found[path] = model.embed(path, hop_s=hop_s)
        except (ValueError, OSError) as error:
            on_error(path, error)
    return found


def write_table(embeddings: dict[Path, np.ndarray], model: "Classifier", out: Path) -> None:
    """Write `embeddings [N, D]` and `paths [N]` as .npz, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with atomic_write(out) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            embeddings=np.stack(list(embeddings.values())),
            paths=np.array([str(path) for path in embeddings]),
            model=model.metadata.name,
        )
