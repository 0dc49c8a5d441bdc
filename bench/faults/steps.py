"""What is killed: each step writes files in a folder, and can be run again after a kill.

`left` is what a step must leave whether it was killed before or not: names, and contents without
times of day, seconds taken and folders' names.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Left = dict[str, Any]
SMALL = (
    *("frontend.sample_rate_hz=8000", "frontend.n_fft=512", "frontend.win_length=256"),
    *("frontend.hop_length=128", "frontend.n_mels=32", "data.crop_s=0.5", "data.val_fraction=0.25"),
    *("train.epochs=3", "train.batch_size=16", "train.precision=float32"),
    *("quantize.epochs=2", "quantize.range_clips=16"),
)
_PASSING = re.compile(r"date|second|time|git|root|folder|path|data$|host|machine|took|ms$")
RATE_HZ, SOUND_S = 8000, 40


def import_all() -> None:
    """All that the steps need, so that a fork has it at once."""
    os.environ.update(NNCF_CI="1", ORT_DISABLE_TELEMETRY="1", OMP_NUM_THREADS="1")
    import ai_edge_litert.interpreter
    import torch

    from edge_asc.cli.app import app
    from edge_asc.demo import command
    from edge_asc.evaluation import calibrate, evaluate
    from edge_asc.export import run as export
    from edge_asc.quantize import run as quantize
    from edge_asc.training import run as training

    torch.set_num_threads(1)
    modules = (app, calibrate, evaluate, export, quantize, training, command)
    assert modules and ai_edge_litert


def prepare(folder: Path, run_to_its_end: Callable[[Callable[[], Any]], None]) -> None:
    """What the steps begin with: clips, a trained and quantised run, its file, a long sound."""
    folder.mkdir()
    for make in (_write_sounds, train, quantize, export):
        run_to_its_end(lambda make=make: make(folder))  # type: ignore[misc]
    (folder / "runs/m").rename(folder / "runs/trained")
    file = next((folder / "out").glob("*.tflite"))
    file.rename(folder / "model.tflite")
    for name in ("out", "cache"):
        for path in sorted((folder / name).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


def _write_sounds(folder: Path) -> None:
    import numpy as np
    import soundfile

    from edge_asc.data.synthetic import write_synthetic

    write_synthetic(folder / "data", clips_per_class=10, clip_s=0.5, sample_rate_hz=RATE_HZ)
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE_HZ * SOUND_S)
    soundfile.write(folder / "long.wav", noise, RATE_HZ)


def edge_asc(folder: Path, *words: object) -> None:
    """A verb, in a folder; raises SystemExit where it does not end well."""
    from edge_asc.cli.app import app

    os.chdir(folder)
    os.environ["EDGE_ASC_CACHE"] = "cache"
    try:
        app([str(word) for word in words])
    except SystemExit as end:
        if end.code:
            raise


def cache(folder: Path) -> None:
    """Features of all clips."""
    from edge_asc.data.cache import FeatureCache
    from edge_asc.data.open import open_dataset
    from edge_asc.frontend.front_end import FrontEnd

    os.chdir(folder)
    frontend = FrontEnd(
        sample_rate_hz=RATE_HZ, n_fft=512, win_length=256, hop_length=128, n_mels=32,
        normalization="none",
    )  # fmt: skip
    FeatureCache(frontend, 0.5, folder / "cache", workers=1).load(open_dataset("data").clips)


def train(folder: Path) -> None:
    """A run of three epochs, goes on where it stopped."""
    changes = [word for change in SMALL for word in ("--set", change)]
    name = ("--out", "runs", "--name", "m", "--resume")
    edge_asc(folder, "train", "compact-int8", "--data", "data", "--fold", 1, *name, *changes)


def quantize(folder: Path) -> None:
    """The trained run, quantised, goes on where it stopped."""
    edge_asc(folder, "quantize", _run_in(folder), "--resume")


def export(folder: Path) -> None:
    """Its files in both formats."""
    words = ("--int8", "--format", "all", "--out", "out", "--no-enforce")
    edge_asc(folder, "export", _run_in(folder), *words)


def calibrate(folder: Path) -> None:
    """A file with a temperature and a threshold, in place."""
    edge_asc(folder, "calibrate", "model.tflite", "--data", "data", "--crops", 1)


def live(folder: Path) -> None:
    """A log of every decision, and clips."""
    words = ("--source", "long.wav", "--quiet", "--log", "log.jsonl", "--log-every", "decision")
    keep = ("--keep", "kept", "--keep-when", "every 10s", "--floor", 0)
    edge_asc(folder, "live", "--model", "model.tflite", "--hop", 0.5, *words, *keep)


def _run_in(folder: Path) -> str:
    return "runs/trained" if (folder / "runs/trained").is_dir() else "runs/m"


def check_whole(folder: Path) -> None:
    """Raise ValueError where a file in sight is half of one."""
    import numpy as np
    import torch

    from edge_asc.runtime.metadata import metadata_of

    for path in folder.rglob("*"):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            if path.suffix in (".tflite", ".onnx"):
                metadata_of(path.read_bytes())
            elif path.suffix == ".npy":
                np.load(path)
            elif path.suffix in (".pt", ".ckpt"):
                torch.load(path, weights_only=True)
            elif path.suffix == ".json":
                json.loads(path.read_bytes())
            elif path.suffix == ".wav":
                _hear(path)
        except Exception as error:  # what is half-written fails as its reader pleases
            raise ValueError(f"{path.relative_to(folder)}: {error}") from None


def _hear(path: Path) -> None:
    from edge_asc.audio.decode import load_audio

    load_audio(path, RATE_HZ)


def files_left(folder: Path) -> Left:
    """Every visible file that the steps write, with its content, or a digest of it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "data" not in path.parts and not path.name.startswith("."):
            found[str(path.relative_to(folder))] = _content(path)
    return found


def _content(path: Path) -> Any:
    if path.suffix == ".json":
        return _lasting(json.loads(path.read_bytes()))
    if path.suffix in (".tflite", ".onnx"):
        return _model(path)
    if path.suffix in (".pt", ".ckpt"):
        return _tensors(path)
    if path.suffix == ".csv":
        return _rows(path)
    if path.suffix in (".npy", ".wav"):
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return "a file"  # pictures, pages, texts


def _lasting(value: Any) -> Any:
    """JSON without what differs from run to run."""
    if isinstance(value, dict):
        return {k: _lasting(v) for k, v in value.items() if not _PASSING.search(k)}
    return [_lasting(x) for x in value] if isinstance(value, list) else value


def _model(path: Path) -> Any:
    """All that the file says, and a digest of the rest."""
    from edge_asc.runtime.metadata import METADATA_KEY, entries_of

    content = path.read_bytes()
    said = entries_of(content)[METADATA_KEY]
    metadata = json.loads(said)
    del metadata["digest"]
    rest = content.replace(said, b"").rstrip(b"\0")
    return _lasting(metadata), len(content) - len(said) if path.suffix == ".onnx" else len(rest)


def _tensors(path: Path) -> Any:
    import torch

    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            digest.update(value.detach().contiguous().numpy().tobytes())
        elif isinstance(value, dict):
            for key in sorted(value, key=str):
                add(value[key])

    add(torch.load(path, weights_only=True))
    return digest.hexdigest()


def _rows(path: Path) -> Any:
    import csv

    with path.open(newline="") as file:
        return [_lasting(row) for row in csv.DictReader(file)]


def log_left(folder: Path) -> Left:
    """What a log tells: each run's decisions from its beginning on, in order."""
    runs: list[list[Any]] = []
    for line in (folder / "log.jsonl").read_bytes().splitlines():
        entry = json.loads(line)
        if entry["event"] == "start":
            runs.append([])
        if entry["event"] == "decision":
            runs[-1].append((entry["scene"], entry["confidence"]))
    return {"runs": runs}


def differences(usual: Left, now: Left) -> list[str]:
    """What differs, by name. A log that was killed holds the beginning of the usual one besides."""
    if "runs" in usual:
        whole = usual["runs"][-1]
        same = now["runs"][-1] == whole
        begun = all(run == whole[: len(run)] for run in now["runs"])
        return [] if same and begun else ["decisions"]
    names = sorted(usual.keys() | now.keys())
    return [name for name in names if usual.get(name, "gone") != now.get(name, "gone")]


@dataclass(frozen=True)
class Step:
    """What is run, and what it must leave."""

    run: Callable[[Path], None]
    left: Callable[[Path], Left] = files_left


STEPS = {
    "cache": Step(cache),
    "train": Step(train),
    "quantize": Step(quantize),
    "export": Step(export),
    "calibrate": Step(calibrate),
    "live log": Step(live, log_left),
}
