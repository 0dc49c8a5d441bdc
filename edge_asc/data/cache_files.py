"""Files of features: `.npy` of float32 `[M, F]` (M mels, F frames), mapped one by one."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np

from edge_asc.audio.samples import Floats


class CachedFeatures(Sequence[Floats]):
    """Features of clips in order; item i is the mapped file of clip i, read-only `[M, F]`.

    A file is mapped when it is asked for and let go with the array: a data set has more clips
    than a process may have open files.
    """

    def __init__(self, paths: Sequence[Path], shape: tuple[int, int]) -> None:
        self.paths, self.shape = tuple(paths), shape
        self._offset = len(header(shape))

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Floats: ...
    @overload
    def __getitem__(self, index: slice) -> "CachedFeatures": ...
    def __getitem__(self, index: int | slice) -> "Floats | CachedFeatures":
        """Map the features of one clip, or give those of a slice of clips."""
        if isinstance(index, slice):
            return CachedFeatures(self.paths[index], self.shape)
        return np.memmap(self.paths[index], np.float32, "r", self._offset, self.shape)


def joined(parts: Sequence[CachedFeatures]) -> CachedFeatures:
    """One sequence after the other, all of one shape."""
    return CachedFeatures([path for part in parts for path in part.paths], parts[0].shape)


def header(shape: tuple[int, int]) -> bytes:
    """First bytes of an .npy file of float32 `[M, F]`."""
    file = io.BytesIO()
    description = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, description)
    return file.getvalue()


def is_whole(path: Path, shape: tuple[int, int]) -> bool:
    """Whether a cache file is there, of the right length and kind."""
    expected = header(shape)
    try:
        with path.open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            return length == len(expected) + 4 * shape[0] * shape[1] and (
                file.read(len(expected)) == expected
            )
    except FileNotFoundError:
        return False
