"""Raw features of clips, computed once, kept on disk and memory-mapped.

One `.npy` file per clip and front end, named after the audio file's path, size and time stamp: an
edited recording, another front end or another clip length can never be served an old file. Files
appear whole or not at all, so any number of processes may fill one cache at the same time.

Many clips are computed by fresh processes, which import this module and no torch.
"""

import hashlib
import logging
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from edge_asc.audio.decode import AudioError, fit_length, load_audio
from edge_asc.audio.microphones.choice import microphone_for
from edge_asc.audio.samples import Floats
from edge_asc.data.cache_files import CachedFeatures, header, is_whole
from edge_asc.data.dataset import Clip
from edge_asc.files import atomic_write
from edge_asc.frontend.front_end import FrontEnd

log = logging.getLogger(__name__)

FILE_VERSION = 1  # raise when decoding or resampling changes its numbers
MICROPHONES_VERSION = 1  # raise when simulated microphones do
HINT = "; `edge-asc data check` lists all bad files"
MIN_CLIPS_FOR_POOL = 64  # below, starting processes takes longer than the work
_BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def cache_folder() -> Path:
    """Where features are kept: $EDGE_ASC_CACHE, or the user's cache folder."""
    if folder := os.environ.get("EDGE_ASC_CACHE"):
        return Path(folder)
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "edge-asc"


class FeatureCache:
    """Raw features of one front end and clip length.

    Args:
        frontend: what to compute; its normalisation does not matter here.
        clip_s: seconds; shorter clips are padded with zeros at the end, longer ones cut.
        folder: where to keep the files; None means `cache_folder()`.
        workers: processes that compute; None means one per core.
        speed: how fast the clips are played, as a tape is: pitch and length change together.
        heard: which of each clip's seen microphones hears it (`microphone_for`); None: none.

    Raises:
        ValueError: clip_s is too short for the front end, or 0.
    """

    def __init__(
        self,
        frontend: FrontEnd,
        clip_s: float,
        folder: Path | str | None = None,
        workers: int | None = None,
        speed: float = 1.0,
        heard: int | None = None,
    ) -> None:
        self.frontend, self.clip_s, self.workers = frontend, clip_s, workers
        self.speed, self.heard = speed, heard
        if clip_s <= 0:  # what `SceneDataset.clip_s` says when it could read no file
            raise ValueError(f"length of the clips is not known: no file could be read{HINT}")
        self.n_samples = round(clip_s * frontend.sample_rate_hz)
        if self.n_samples < frontend.win_length:
            least_s = frontend.win_length / frontend.sample_rate_hz
            raise ValueError(f"clip_s must be at least one window, {least_s:g} s, not {clip_s:g}")
        self.shape = (frontend.n_mels, frontend.n_frames(self.n_samples))
        name = f"{frontend.key()}-{clip_s:g}" + ("" if speed == 1 else f"-x{speed:g}")
        name += "" if heard is None else f"-microphone{MICROPHONES_VERSION}-{heard}"
        self.folder = Path(folder or cache_folder()) / name

    def path_of(self, clip: Clip) -> Path:
        """The cache file that belongs to a clip as its audio file is now.

        Raises:
            ValueError: the audio file is not there.
        """
        try:
            path, status = clip.path.resolve(), clip.path.stat()
        except (OSError, ValueError) as error:  # ValueError: a path that no system can have
            reason = getattr(error, "strerror", error)
            raise _bad_clip(clip, f"{clip.path}: {reason}") from None
        identity = f"{FILE_VERSION}|{path}|{status.st_size}|{status.st_mtime_ns}"
        return self.folder / f"{hashlib.sha256(os.fsencode(identity)).hexdigest()[:24]}.npy"

    def load(self, clips: Sequence[Clip], progress: bool = False) -> CachedFeatures:
        """Give one float32 array `[M, F]` per clip, not normalised, computing what the cache lacks.

        With `progress` a bar shows the computing, where stderr is a terminal.

        Raises:
            ValueError: a file is missing or cannot be decoded; the line names the first one.
            OSError: the cache folder cannot be written.
        """
        paths = [self.path_of(clip) for clip in clips]
        missing = {
            path: clip
            for path, clip in zip(paths, clips, strict=True)
            if not is_whole(path, self.shape)
        }
        log.info("features of %d clips, %d new: %s", len(paths), len(missing), self.folder)
        if missing:
            self._fill([(clip, path) for path, clip in missing.items()], progress)
        return CachedFeatures(paths, self.shape)

    def _fill(self, jobs: list[tuple[Clip, Path]], progress: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self.folder.mkdir(parents=True, exist_ok=True)
        console = Console(stderr=True)
        columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        hidden = not (progress and console.is_terminal)
        with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
            for _ in bar.track(self._run(jobs), len(jobs), description="features"):
                pass

    def _run(self, jobs: list[tuple[Clip, Path]]) -> Iterator[None]:
        workers = min(self.workers or os.cpu_count() or 1, len(jobs))
        if workers == 1 or len(jobs) < MIN_CLIPS_FOR_POOL:
            for job in jobs:
                self._compute(job)
                yield
            return
        # Not forked: a forked copy of a process that runs torch's threads may hang.
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=fresh) as pool:
            with _lean_processes():
                # Few at once, so that all end at about the same time.
                chunk = max(1, min(16, len(jobs) // (4 * workers)))
                results = pool.map(self._compute, jobs, chunksize=chunk)
            try:
                yield from results
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _compute(self, job: tuple[Clip, Path]) -> None:
        clip, path = job
        try:
            features = self.frontend.raw(self._samples(clip.path))
        except AudioError as error:
            raise _bad_clip(clip, str(error)) from None
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            file.write(header(self.shape))
            file.write(np.ascontiguousarray(features, "<f4").tobytes())

    def _samples(self, path: Path) -> Floats:
        """A clip at the cache's speed: at another rate than it is taken for.

        Played faster it ends early and begins again, since silence would give the speed away.
        """
        rate_hz = round(self.frontend.sample_rate_hz / self.speed)
        audio = load_audio(path, rate_hz)
        if self.heard is not None:
            audio = microphone_for(path.name, self.heard).hear(audio, rate_hz, path.name)
        whole = fit_length(audio, round(self.n_samples / self.speed))
        return whole if len(whole) == self.n_samples else np.resize(whole, self.n_samples)


def _bad_clip(clip: Clip, problem: str) -> ValueError:
    listed = f" (listed in {clip.listed})" if clip.listed else ""
    return ValueError(f"{problem}{listed}{HINT}")


@contextmanager
def _lean_processes() -> Iterator[None]:
    """Processes started inside import this module alone and compute with one thread each.

    Without this a new process would run the user's main script again up to its `__main__` guard,
    torch and all; and each would start a thread per core, where there is a process per core.
    """
    main, threads = sys.modules["__main__"], {name: os.environ.get(name) for name in _BLAS_THREADS}
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ.update(dict.fromkeys(_BLAS_THREADS, "1"))
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name, value in threads.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
