"""Does `pip install edge-asc` alone give a working classifier, and say what it lacks?

    python check_base.py FOLDER

Runs in an environment with the wheel and nothing else, on the files of `make_files.py`.
"""

import json
import math
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

COMMAND = Path(sys.executable).with_name("edge-asc")
MODEL = "compact-int8-widths-int8"
ABSENT = {"torch", "torchaudio", "lightning", "nncf", "onnx", "onnxruntime", "matplotlib"}


def edge_asc(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command; it must end with this exit code, and without a traceback."""
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True)
    shown = " ".join(["edge-asc", *(Path(argument).name for argument in arguments)])
    print(f"{shown}: exit code {done.returncode} {done.stderr.strip()}")
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


def complaint(*arguments: str | Path) -> str:
    """The one line on stderr of a command that must fail."""
    done = edge_asc(*arguments, code=1)
    (line,) = done.stderr.splitlines()
    assert not done.stdout, done.stdout
    return line


def check_environment() -> None:
    """LiteRT is there; nothing of training, and no second runtime."""
    installed = {d.metadata["Name"].lower().replace("_", "-") for d in distributions()}
    assert "ai-edge-litert" in installed, installed
    assert not ABSENT & installed, ABSENT & installed
    assert not [name for name in installed if name.startswith("nvidia-")]
    print(f"{len(installed)} packages, none of {', '.join(sorted(ABSENT))}")


def check_commands(folder: Path) -> None:
    """Help, versions, a file's metadata, and a clip classified by it."""
    assert "classify" in edge_asc("--help").stdout
    assert "litert" in edge_asc("info").stdout
    file = folder / f"{MODEL}.tflite"
    assert "int8" in edge_asc("info", file).stdout
    assert f"{file.stat().st_size:,}" in edge_asc("budget", file).stdout
    model = ("--model", file)
    assert "scene" in edge_asc("classify", folder / "clip.wav", *model).stdout
    found = json.loads(edge_asc("classify", folder / "clip.wav", *model, "--json").stdout)
    (clip,) = found["files"]
    assert found["runtime"] == "litert"
    assert math.isclose(sum(clip["probabilities"].values()), 1, rel_tol=1e-6)
    assert len(clip["timeline"]) > 1


def check_door(folder: Path) -> None:
    """`import edge_asc as ea` answers and counts."""
    import edge_asc as ea

    clf = ea.load(folder / f"{MODEL}.tflite")
    answer = clf(folder / "clip.wav")
    assert answer.label in clf.labels and len(answer.windows) > 1
    assert clf.embed(folder / "clip.wav").ndim == 1
    assert ea.complexity(clf.path, rule="edge-128k").bytes == clf.size_bytes
    assert not ABSENT & set(sys.modules)


def check_evaluation(folder: Path) -> None:
    """Figures of a file on a data set as small as they come; the pictures need matplotlib."""
    edge_asc("data", "synth", folder / "scenes", "--clips", "5", "--clip-s", "0.5")
    data, out = folder / "tones.csv", folder / "evaluation"
    clips = sorted((folder / "scenes").rglob("*.wav"))
    rows = [f"{clip},scene {number % 10},{number % 2 + 1}" for number, clip in enumerate(clips)]
    data.write_text("\n".join(["path,label,fold", *rows]) + "\n", "utf-8")
    file = folder / f"{MODEL}.tflite"
    assert "matplotlib" in complaint("evaluate", file, "--data", data, "--curve", folder / "a.png")
    done = edge_asc("evaluate", file, "--data", data, "--fold", "1", "--json", "--out", out)
    (warning,) = done.stderr.splitlines()
    assert "matplotlib" in warning
    found = json.loads(done.stdout)
    assert found == json.loads((out / "metrics.json").read_text("utf-8"))
    assert found["runtime"] == "litert" and found["clips"] == len(clips) // 2
    assert sum(map(sum, found["confusion"])) == found["clips"]
    assert 0 < found["log_loss"] < 100 and 0 <= found["calibration_error"] <= 1
    assert len((out / "predictions.csv").read_text("utf-8").splitlines()) == 1 + found["clips"]


def check_teaching(folder: Path) -> None:
    """What is recorded lies there; a file taught here and now answers; the other says its needs."""
    out, scenes = folder / "taught/my.tflite", folder / "scenes"  # not among files to compare
    out.parent.mkdir(exist_ok=True)
    done = edge_asc("teach", scenes, "--out", out, "--views", "1", "--json")
    found = json.loads(done.stdout)
    assert found["file_bytes"] == out.stat().st_size and 0 <= found["accuracy"] <= 1
    assert found["labels"][0] in edge_asc("classify", folder / "clip.wav", "--model", out).stdout
    sounds = ("--into", out.with_name("sounds"), "--source", folder / "clip.wav")
    assert json.loads(edge_asc("record", "dog", *sounds, "--json").stdout)["recordings"]["dog"] == 1
    assert "onnx" in complaint("teach", scenes, "--out", out.with_suffix(".onnx"), "--views", "0")


def check_complaints(folder: Path) -> None:
    """What is not installed is named in one line, with the way to get it."""
    onnx = complaint("classify", folder / "clip.wav", "--model", folder / f"{MODEL}.onnx")
    assert "pip install" in onnx and "onnx" in onnx
    training = complaint("train", "compact-int8", "--data", folder / "scenes")
    old = sys.version_info < (3, 11)
    assert ("this needs Python 3.11" if old else ".whl[train]'") in training


if __name__ == "__main__":
    check_environment()
    check_commands(Path(sys.argv[1]))
    check_door(Path(sys.argv[1]))
    check_evaluation(Path(sys.argv[1]))
    check_teaching(Path(sys.argv[1]))
    check_complaints(Path(sys.argv[1]))
