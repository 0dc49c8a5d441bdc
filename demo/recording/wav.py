"""A WAV file that grows and can be read at every moment: killed, out of power, the disk full.

Its header is set to what is there once a second, after the samples are on the disk. Under its final
name it appears with the first samples, so that no name stands for an empty file.
Letters: n samples, one channel.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

import numpy as np

SAMPLE_BYTES = 2
HEADER_BYTES = 44
# From 0x7FFF0000 on, sizes mean "unknown" to many programs, ours too.
MAX_SAMPLES = (0x7FFF0000 - HEADER_BYTES) // SAMPLE_BYTES - 1
TOLD_S = 1.0  # of audio that a header may not tell of yet
_FULL_SCALE = 1 << 15


def pcm16(samples: np.ndarray) -> bytes:
    """Samples `[n]`, full scale 1, as 16-bit integers, little endian; beyond full scale clipped."""
    steps = np.rint(samples.astype(np.float64) * _FULL_SCALE)
    return steps.clip(-_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()


def header(rate_hz: int, n: int) -> bytes:
    """Of a file of n samples."""
    size, rate_bytes = n * SAMPLE_BYTES, rate_hz * SAMPLE_BYTES
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, rate_bytes, SAMPLE_BYTES, 16)
    riff = struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + size, b"WAVE")
    return riff + form + struct.pack("<4sI", b"data", size)


class GrowingWav:
    """A new file in a folder, named after the moment; one that exists is never touched.

    Args:
        folder: made where it is missing.
        when: gives the name; of several files of one second the later ones get a number.
        rate_hz: of the samples.
        samples: the first ones `[n ≥ 1]`.

    Raises:
        OSError: they could not be written, and no file was left behind.
    """

    def __init__(self, folder: Path, when: datetime, rate_hz: int, samples: np.ndarray) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, hidden, self._fd = _claim(folder, when)
        self.rate_hz = rate_hz
        self.n_samples = 0  # written
        self._n_told = 0  # of them, those that the header tells of
        self._closed = False
        try:
            with self._named():
                self._add(samples)
                self._tell()
                hidden.rename(self.path)
        except OSError:
            hidden.unlink(missing_ok=True)
            os.close(self._fd)
            raise

    def append(self, samples: np.ndarray) -> None:
        """Add samples `[n]`.

        Raises:
            OSError: not all could be written; as many as there was room for are in the file.
        """
        with self._named():
            self._add(samples)
            if self.n_samples - self._n_told >= TOLD_S * self.rate_hz:
                self._tell()

    def close(self) -> None:
        """End the file after the last whole sample. Does nothing the second time.

        Raises:
            OSError: the disk does not have all of it.
        """
        if self._closed:
            return
        self._closed = True
        try:
            with self._named():
                os.ftruncate(self._fd, HEADER_BYTES + self.n_samples * SAMPLE_BYTES)
                self._tell()
                os.fsync(self._fd)
        finally:
            os.close(self._fd)

    def _add(self, samples: np.ndarray) -> None:
        data, n_done = memoryview(pcm16(samples)), 0
        place = HEADER_BYTES + self.n_samples * SAMPLE_BYTES
        try:
            while n_done < len(data):
                n_done += os.pwrite(self._fd, data[n_done:], place + n_done)
        finally:
            self.n_samples += n_done // SAMPLE_BYTES

    def _tell(self) -> None:
        """Let the header tell what is there, once the disk has it."""
        os.fdatasync(self._fd)
        os.pwrite(self._fd, header(self.rate_hz, self.n_samples), 0)
        self._n_told = self.n_samples

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Let errors name the file: those of an open one do not."""
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error


def _claim(folder: Path, when: datetime) -> tuple[Path, Path, int]:
    """A name that nobody has, the one to begin under, and that file, open.

    Whoever holds the hidden name is alone with the other one: two that start in the same second
    cannot both find it free.
    """
    for number in count(1):
        stem = f"{when:%Y-%m-%d_%H-%M-%S}" + (f"-{number}" if number > 1 else "")
        path, hidden = folder / f"{stem}.wav", folder / f".{stem}.new"
        with suppress(FileExistsError):
            fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            if not os.path.lexists(path):
                return path, hidden, fd
            os.close(fd)
            hidden.unlink()
    raise AssertionError("numbers do not end")
