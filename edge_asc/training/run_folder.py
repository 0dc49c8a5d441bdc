"""A run folder: what was trained, on what, by which versions; and how to find and load it.

`run.json` (written first), `packages.txt`, `last.ckpt` (to resume), `metrics.csv`, `weights.pt` (a
plain state dict), `metrics.json`, `curves.png`, `confusion.png`.
"""

import csv
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from importlib.metadata import distributions
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

import edge_asc
from edge_asc import __version__
from edge_asc.config.schema import Config, config_from_dict
from edge_asc.files import is_held_elsewhere, read_json
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.classifier import version_of
from edge_asc.runtime.metadata import Weights

if TYPE_CHECKING:
    from torch import nn

DEFAULT_ROOT = Path("edge-asc-runs")
BASE = "base.tflite"  # copy in a run's folder of the model file it began with
TIME_STAMP = re.compile(r"\d{8}-\d{6}-")  # begins the name of a run that was given none
PACKAGE_LIST = "packages.txt"
CODE = ("edge_asc", "quantize", "export", "demo")  # folders of a checkout
CHANGES = "+changes"  # behind a commit: its code is not all that ran
SCHEMA = 1
PACKAGES = ("torch", "torchaudio", "lightning", "nncf", "numpy", "soundfile", "soxr", "msgspec")


class Run(msgspec.Struct, frozen=True):
    """What `run.json` holds.

    Attributes:
        config: `Config.to_dict()`, every default filled in.
        dataset: name of the data set.
        data: path of the data set, whole, as other paths here are: runs before may have others.
        fold: the test fold; None: trained on every clip.
        seed: of weights, order, crops, augmentation and validation split.
        labels: scenes in the order of the logits.
        abstract_labels: abstract classes in the order of their head; empty without one.
        frontend: `FrontEnd.to_dict()` with the statistics of the training clips.
        clip_s: audio in one input of the network, in seconds.
        n_frames: the same in frames.
        provenance: versions, git commit, date, command.
        init: run folder whose trunk it began with; "" where all weights were new.
        base: name, file and SHA-256 of the model file whose weights it began with; empty without.
        teachers: run folders that taught it.
        answers: file and SHA-256 of the answers that taught it; empty without.
        columns: our names of the table's columns, where the table has others.
        schema: version of this description.
    """

    config: dict[str, Any]
    dataset: str
    data: str
    fold: int | None
    seed: int
    labels: list[str]
    abstract_labels: list[str]
    frontend: dict[str, Any]
    clip_s: float
    n_frames: int
    provenance: dict[str, Any]
    init: str = ""
    base: dict[str, str] = {}
    teachers: list[str] = []
    answers: dict[str, str] = {}
    columns: dict[str, str] = {}
    schema: int = SCHEMA

    def settings(self) -> Config:
        """Return the configuration."""
        return config_from_dict(self.config, where="run.json")

    def front_end(self) -> FrontEnd:
        """Return the front end with its statistics."""
        return FrontEnd.from_dict(self.frontend)


def read_run(folder: Path | str) -> Run:
    """Read a run's description.

    Raises:
        ValueError: the folder holds no run, or its run.json is malformed.
    """
    path = Path(folder) / "run.json"
    if not path.is_file():
        raise ValueError(f"{folder} is not a run folder: it has no run.json")
    run: Run = read_json(path, Run)
    if run.schema != SCHEMA:
        raise ValueError(f"{path}: schema {run.schema}, this version reads {SCHEMA}")
    return run


def read_rows(path: Path) -> list[dict[str, float | None]]:
    """Rows of a metrics.csv, one for each epoch; None where a figure was not measured.

    Raises:
        OSError: it cannot be read.
        ValueError: a figure is none; says where.
    """
    with path.open(newline="", encoding="utf-8") as file:
        try:
            return [{k: _figure(v) for k, v in row.items() if k} for row in csv.DictReader(file)]
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _figure(text: str | None) -> float | None:
    if not text:
        return None
    return int(text) if text.isdigit() else float(text)


def quantised_folder(run: Path, weights: Weights = "int8") -> Path:
    """Folder in a run's of its network with such weights."""
    return run / ("quantized" if weights == "int8" else f"quantized-{weights}")


def newest_run(root: Path | str = DEFAULT_ROOT, finished: bool = False) -> Path:
    """Return the run folder under `root` that was started last; `finished` passes over others.

    Raises:
        ValueError: there is none.
    """
    runs = sorted(Path(root).glob("*/run.json"), key=lambda p: (p.stat().st_mtime_ns, p))
    if finished:
        runs = [path for path in runs if (path.parent / "weights.pt").is_file()]
    if not runs:
        what = "finished run" if finished else "run"
        raise ValueError(f"no {what} under {root}; train one first, or name a run folder")
    return runs[-1].parent


def new_run_folder(name: str, root: Path | str = DEFAULT_ROOT) -> Path:
    """Make a folder under `root`, named by time and `name`, that no other process got.

    Raises:
        OSError: it cannot be made.
    """
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{name.replace('/', '-')}"
    Path(root).mkdir(parents=True, exist_ok=True)
    for n in count(1):
        folder = Path(root) / (stem if n == 1 else f"{stem}-{n}")
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise AssertionError("numbers do not end")


@contextmanager
def removed_if_empty(folder: Path) -> Iterator[None]:
    """Take away a folder that was made for a run which came to nothing."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise


@contextmanager
def only_one(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder while something is done in it that one process may do at a time.

    The system lets go of it when a process ends, however it ends. A file system that knows no
    locks is passed over.

    Raises:
        OSError: another process holds it; the message says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if is_held_elsewhere(descriptor):
            raise OSError(f"{folder}: another process {what} there; wait for it to end")
        yield
    finally:
        os.close(descriptor)


def load_network(folder: Path | str) -> "nn.Module":
    """Build a run's network with its final weights, in evaluation mode, on the CPU.

    Raises:
        ValueError: no run, not finished yet, or weights of another network.
    """
    import torch

    from edge_asc.models import build_for

    run = read_run(folder)
    path = Path(folder) / "weights.pt"
    if not path.is_file():
        raise ValueError(f"{path} is not there: the run is not finished (train with --resume)")
    kept = {"base": str(Path(folder) / BASE)} if run.base else {}
    network = build_for(run.settings(), len(run.labels), len(run.abstract_labels), **kept)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except RuntimeError as error:
        last = str(error).strip().splitlines()[-1].strip()
        raise ValueError(f"{path}: weights of another network ({last})") from error
    return network.eval()


def provenance(command: Sequence[str] = ()) -> dict[str, Any]:
    """Say what made a run: versions, git commit, date, processor, command."""
    return {
        "edge_asc": __version__,
        "python": platform.python_version(),
        "versions": {name: v for name in PACKAGES if (v := version_of(name))},
        "git": (commit := git_commit()),
        "clean": is_clean({"git": commit}),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "command": list(command) or [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def git_commit() -> str | None:
    """Commit of the checkout this package runs from, with `+changes` where it holds other code.

    That is where files of the commit differ, or modules and presets lie there that it has not.
    None where the package does not run from a checkout.
    """
    root = Path(edge_asc.__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    added = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *CODE)
    is_same = changed == "" and added == ""  # None: nobody could tell
    return commit and commit + ("" if is_same else CHANGES)


def is_clean(made_by: Mapping[str, Any]) -> bool:
    """Whether the code that made a run is known to be that of a commit, and no other."""
    commit = made_by.get("git")
    return bool(commit) and not str(commit).endswith(CHANGES)


def all_packages() -> str:
    """Every installed package with its version, as `pip install -r` takes them."""
    found = {(d.metadata["Name"] or "").lower(): d.version for d in distributions()}
    return "".join(f"{name}=={found[name]}\n" for name in sorted(found) if name)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
