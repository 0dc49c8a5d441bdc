"""FLAC's own word on its sound: the MD5 of all samples, as whole numbers, channels in turn.

A decoder finds a damaged frame by the frame's checksum. What was changed along with it, or is
missing without a trace, only this one finds.
"""

import hashlib

import numpy as np

from edge_asc.audio.formats.part import Damaged
from edge_asc.audio.samples import Samples

_BYTES = {"PCM_S8": 1, "PCM_16": 2, "PCM_24": 3}  # of a sample, by libsndfile's names


class SamplesMd5:
    """Goes along with the decoding of a sound.

    Args:
        told: what the header says; empty: nothing is checked.
        subtype: libsndfile's name of the coding.
    """

    def __init__(self, told: bytes, subtype: str) -> None:
        self._told, self._n_bytes = told, _BYTES.get(subtype, 0)
        self._md5 = hashlib.md5(usedforsecurity=False)

    def add(self, frames: Samples) -> None:
        """Take the next frames `[n, C]`; full scale is 1, and float32 holds 24 bits."""
        if self._told and self._n_bytes:
            whole = np.rint(frames * 2.0 ** (8 * self._n_bytes - 1)).astype("<i4")
            self._md5.update(whole.view(np.uint8).reshape(-1, 4)[:, : self._n_bytes].tobytes())

    def end(self) -> None:
        """Raise Damaged where they were others than the header says."""
        if self._told and self._n_bytes and self._md5.digest() != self._told:
            raise Damaged("damaged: its samples have another checksum (MD5) than its header says")
