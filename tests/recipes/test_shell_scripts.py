"""Recipes of shell: every command is one that edge-asc has, and every file it reads was made."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from documents import parse

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "recipes"
DATA = "DATA"  # a folder that every script takes for its data set

SCRIPTS = {  # script: arguments that make it short, and variables
    "ablation.sh": ([DATA], {"FOLDS": "1"}),
    "calibration.sh": ([DATA, DATA], {}),
    "differences.sh": ([DATA, DATA], {}),
    "embeddings.sh": ([DATA], {"SEEDS": "0"}),
    "behind.sh": ([DATA, DATA, "behind", "behind-fine", "behind-responses", "behind-rooms"], {}),
    "encoder.sh": ([DATA, DATA], {}),
    "esc10.sh": ([DATA, "1"], {}),
    "esc50.sh": ([DATA, "1"], {}),
    "int4.sh": ([DATA, "1"], {}),
    "folds.sh": (["esc10", DATA, "esc10/32k", "1", "all"], {"TRAIN": "--seed 1"}),
    "means.sh": (
        [
            DATA,
            "base",
            "tuned",
            "two",
            "yamnet",
            "encoder-ram256k",
            "front-end",
            "wide",
            "mixed-long",
        ],
        {"OUT": "work", "MODELS": "models"},
    ),
    "microphones.sh": ([DATA, "1"], {}),
    "own_networks.sh": (["work"], {}),
    "paper-small.sh": ([DATA, DATA], {"SEEDS10": "0"}),
    "paper.sh": (["2", DATA], {}),
    "quickstart.sh": (["work"], {}),
    "researchers_day.sh": ([DATA, "work"], {}),
    "search.sh": ([DATA, "3"], {}),
    "seeds.sh": ([DATA, "1"], {}),
    "teach.sh": ([DATA, DATA, DATA], {}),
    "views.sh": ([DATA, DATA], {"NAMES": "esc50"}),
    "zoo.sh": ([DATA, "128k", "32k", "taught"], {}),
}
WITHOUT = {"faults.sh", "live.sh", "teach_pi.sh"}  # call bench/ and tests/pi/

# Stands for `edge-asc` and `python`: notes how it was called, refuses a file that is not there, and
# makes (empty) what the real one would make under the name it would have.
STAND_IN = f"""#!{sys.executable} -IS
import json, os, sys
from pathlib import Path

program, words = Path(sys.argv[0]).name, sys.argv[1:]
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps([program, *words]) + "\\n")

def after(option):
    return words[words.index(option) + 1] if option in words else ""

def make(*paths):
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

def need(name):  # results that are kept stand in the repository
    path, kept = Path(name), Path(os.environ["HERE"], "artifacts")
    if path.is_relative_to(kept) and not path.exists():
        path = Path({str(RECIPES / "artifacts")!r}) / path.relative_to(kept)
    path.exists() or sys.exit(f"{{program}} {{words}}: no {{name}}")

if program == "python":
    need(words[0])
    if words[0].endswith("bench/measure.py"):
        os.execvp(words[1], words[1:])
    if words[0].endswith("encoder/train.py"):
        make(*(Path(words[1], name) for name in ("student.ckpt", "log.csv", "table.csv")))
else:
    models = [w for w in words if w.endswith((".tflite", ".onnx")) and w != after("--out")]
    [need(w.removeprefix("a=")) for w in models]  # --for-device a=FILE
if words[0] == "train" and "--seeds" in words:
    for seed in after("--seeds").split(","):
        made = f"fold{{after('--fold')}}-seed{{seed}}"
        make(Path(after("--out"), after("--name"), made, "weights.pt"))
elif words[0] == "train":
    make(Path(after("--out"), after("--name"), "weights.pt"))
elif words[0] == "quantize":
    need(Path(words[1], "weights.pt"))
    folder = "quantized-int4" if after("--weights") == "int4" else "quantized"
    make(Path(words[1], folder, "weights.pt"))
elif words[0] == "export":
    run, precisions = Path(words[1]), {{"--fp32": "float32", "--fp16": "float16"}}
    precisions |= {{"--int8": "int8", "--int4": "int4"}}
    (precision,) = (name for option, name in precisions.items() if option in words)
    need(run / {{"int8": "quantized", "int4": "quantized-int4"}}.get(precision, "") / "weights.pt")
    make(*(run / f"export/{{run.name}}-{{precision}}.{{suffix}}" for suffix in ("tflite", "onnx")))
elif words[0] == "calibrate":
    make(after("--out"))
elif words[0] == "evaluate" and after("--out"):
    make(Path(after("--out"), "metrics.json"))
"""


def test_all_scripts_are_tried() -> None:
    assert {*SCRIPTS, *WITHOUT} == {path.name for path in RECIPES.glob("*.sh")}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A copy of the recipes without their results, beside stand-ins and a data set."""
    patterns = ("recipes/*.sh", "recipes/**/*.py", "recipes/**/*.toml", "bench/*.py")
    for path in (path for pattern in patterns for path in ROOT.glob(pattern)):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o755)
    for name in ("edge-asc", "python"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(STAND_IN)
        program.chmod(0o755)
    for name in ("audio/a.wav", "evaluation_setup/fold1_train.csv", "meta.csv"):
        (tmp_path / DATA / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / DATA / name).write_text("filename,fold,esc10\n")
    return tmp_path


@pytest.mark.parametrize("script", SCRIPTS)
def test_commands_are_known_and_their_files_were_made(script: str, here: Path) -> None:
    arguments, variables = SCRIPTS[script]
    words = [str(here / word) if word in (DATA, "work") else word for word in arguments]
    environment = os.environ | variables | {
        "PATH": f"{here / 'bin'}:{os.environ['PATH']}",
        "CALLS": str(here / "calls"),
        "HERE": str(here / "recipes"),
    }  # fmt: skip
    done = subprocess.run(
        [here / "recipes" / script, *words],
        env=environment,
        cwd=here,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    calls = [json.loads(line) for line in (here / "calls").read_text().splitlines()]
    commands = {tuple(call[1:]) for call in calls if call[0] == "edge-asc"}
    assert commands or script in ("encoder.sh", "int4.sh")  # which call Python alone
    for command in commands:
        parse(list(command))
