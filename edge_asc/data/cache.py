"""Raw features of clips, computed once, kept on disk and memory-mapped.

One `.npy` file per clip, or piece of one, and front end, named after the audio file's path, size
and time stamp: an edited recording, another front end or another clip length can never be served
an old file. Files appear whole or not at all, so any number of processes may fill one cache.

Many clips are computed by fresh processes, which import this module and no torch.
"""

import hashlib
import logging
import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from edge_asc.audio.decode import AudioError, fit_length, load_audio
from edge_asc.audio.microphones.choice import microphone_for
from edge_asc.audio.microphones.recorded import Responses
from edge_asc.audio.pieces import excerpts
from edge_asc.audio.samples import Floats
from edge_asc.data.cache_files import CachedFeatures, header, is_whole
from edge_asc.data.dataset import Clip
from edge_asc.files import atomic_write
from edge_asc.frontend.front_end import FrontEnd

log = logging.getLogger(__name__)
Job = tuple[tuple[Clip, Path], ...]  # pieces of one recording, and their cache files

FILE_VERSION = 2  # raise when decoding or resampling changes its numbers
MICROPHONES_VERSION = 1  # raise when simulated microphones do
RESPONSES_VERSION = 1  # raise when what is made of recorded responses does
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
        clip_s: seconds from a clip's `start_s` on; where it ends before, zeros are appended.
        folder: where to keep the files; None means `cache_folder()`.
        workers: processes that compute; None means one per core.
        speed: how fast the clips are played, as a tape is: pitch and length change together.
        heard: which of each clip's seen microphones hears it (`microphone_for`); None: none.
        responses: recorded ones that stand for these microphones.

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
        responses: Responses | None = None,
    ) -> None:
        self.frontend, self.clip_s, self.workers = frontend, clip_s, workers
        self.speed, self.heard, self.responses = speed, heard, responses
        if clip_s <= 0:  # what `SceneDataset.clip_s` says when it could read no file
            raise ValueError(f"length of the clips is not known: no file could be read{HINT}")
        self.n_samples = round(clip_s * frontend.sample_rate_hz)
        if self.n_samples < frontend.win_length:
            least_s = frontend.win_length / frontend.sample_rate_hz
            raise ValueError(f"clip_s must be at least one window, {least_s:g} s, not {clip_s:g}")
        self.shape = (frontend.n_mels, frontend.n_frames(self.n_samples))
        name = f"{frontend.key()}-{clip_s:g}" + ("" if speed == 1 else f"-x{speed:g}")
        if heard is not None and responses is not None:
            name += f"-response{RESPONSES_VERSION}-{responses.digest}-{heard}"
        elif heard is not None:
            name += f"-microphone{MICROPHONES_VERSION}-{heard}"
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
        piece = f"|{clip.start_s!r}" if clip.start_s else ""
        identity = f"{FILE_VERSION}|{path}|{status.st_size}|{status.st_mtime_ns}{piece}"
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
            self._fill(_by_file(missing), progress)
        return CachedFeatures(paths, self.shape)

    def _fill(self, jobs: list[Job], progress: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self.folder.mkdir(parents=True, exist_ok=True)
        console = Console(stderr=True)
        columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        hidden = not (progress and console.is_terminal)
        with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
            for _ in bar.track(self._run(jobs), len(jobs), description="features"):
                pass

    def _run(self, jobs: list[Job]) -> Iterator[None]:
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

    def _compute(self, job: Job) -> None:
        first = job[0][0]
        try:
            for (_, path), samples in zip(job, self._samples(job), strict=True):
                features = self.frontend.raw(samples)
                with atomic_write(path) as temporary, temporary.open("wb") as file:
                    file.write(header(self.shape))
                    file.write(np.ascontiguousarray(features, "<f4").tobytes())
        except AudioError as error:
            raise _bad_clip(first, str(error)) from None

    def _samples(self, job: Job) -> Iterator[Floats]:
        """A file's pieces at the cache's speed: at another rate than it is taken for.

        Played faster they end early and begin again, since silence would give the speed away.
        """
        rate_hz = round(self.frontend.sample_rate_hz / self.speed)
        n = round(self.n_samples / self.speed)
        for whole in self._heard([clip for clip, _ in job], rate_hz, n):
            yield whole if len(whole) == self.n_samples else np.resize(whole, self.n_samples)

    def _heard(self, clips: Sequence[Clip], rate_hz: int, n: int) -> Iterator[Floats]:
        path = clips[0].path
        if len(clips) == 1 and not clips[0].start_s:
            audio = load_audio(path, rate_hz)
            yield fit_length(self._through(audio, path.name, path.name, rate_hz), n)
            return
        starts = [round(clip.start_s * rate_hz) for clip in clips]
        for clip, sound in zip(clips, excerpts(path, rate_hz, starts, n), strict=True):
            yield self._through(sound, path.name, f"{path.name}@{clip.start_s:g}", rate_hz)

    def _through(self, audio: Floats, name: str, piece: str, rate_hz: int) -> Floats:
        """What the recording's microphone makes of a piece."""
        if self.heard is None:
            return audio
        if self.responses is not None:
            return self.responses.response_for(name, self.heard).hear(audio, rate_hz)
        return microphone_for(name, self.heard).hear(audio, rate_hz, piece)


def _by_file(missing: Mapping[Path, Clip]) -> list[Job]:
    """The pieces of each recording together, in their order: it is decoded once."""
    jobs: dict[Path, list[tuple[Clip, Path]]] = {}
    for path, clip in missing.items():
        jobs.setdefault(clip.path, []).append((clip, path))
    return [tuple(sorted(job, key=lambda piece: piece[0].start_s)) for job in jobs.values()]


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
