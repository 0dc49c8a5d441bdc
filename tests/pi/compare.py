"""Do emulated boards answer as an x86-64 does?

    python compare.py WORK [REPORT]

Reads the answers in WORK/answers/MACHINE (see answer.sh), prints a table, ends with 1 when they
differ too much; writes REPORT.md and REPORT.json.

Logits are compared in steps of the int8 file's output grid, through the probabilities: the measure
is how far the difference of two logits moved. It leaves out what all logits share, as softmax does.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

REFERENCE = "x86-64"
# Integer kernels round a step differently where multiply-adds are fused otherwise. Floats are
# summed in another order.
MOST_STEPS = {"int8": 4.0, "int4": 4.0, "live": 4.0, "float16": 0.01}
MOST_FEATURE = 1e-5  # natural logarithms of powers, float32; between numpy 1 and 2
HAIR = 1e-6  # of a step: probabilities are rounded


@dataclass(frozen=True)
class Row:
    """One runtime and file on one board."""

    board: str
    runtime: str
    what: str  # "int8", "int4", "float16", or "live": the int8 file on a stream
    n: int  # clips, or decisions
    same: int  # of them: the same scene
    ties: int  # of the rest: the two likeliest scenes were within the tolerance
    steps: float  # the largest
    emulated_s: float

    @property
    def ok(self) -> bool:
        """NaN is not."""
        return self.n > 0 and self.same + self.ties == self.n and self.steps <= self.most

    @property
    def most(self) -> float:
        """Steps that are allowed."""
        return MOST_STEPS[self.what] + HAIR

    def cells(self) -> list[str]:
        """For the table."""
        what = f"{self.what} file" if self.what != "live" else "int8 file, live"
        steps = f"{self.steps:.1g}" if self.steps > HAIR else "0"
        same = f"{self.same} of {self.n}" + (f", {self.ties} tie" if self.ties else "")
        return [self.board, self.runtime, what, same, steps, f"{self.emulated_s:.0f}"]


COLUMNS = ("board", "runtime", "", "same scene", "logits apart, steps", "s, emulated")


def answers(folder: Path, runtime: str, what: str) -> list[dict[str, float]]:
    """Probabilities by label, a clip or decision after another."""
    text = (folder / f"{runtime}-{what}").read_text("utf-8")
    if what != "live":
        files = sorted(json.loads(text)["files"], key=lambda f: str(Path(f["path"]).name))
        return [file["probabilities"] for file in files]
    lines = map(json.loads, text.splitlines())
    return [line["probabilities"] for line in lines if line["event"] == "decision"]


def compare(work: Path, board: str, runtime: str, what: str, step: float) -> Row:
    """One row."""
    ours, theirs = (answers(work / "answers" / m, runtime, what) for m in (board, REFERENCE))
    same, ties, worst = 0, 0, 0.0
    for mine, reference in zip(ours, theirs, strict=True):
        assert list(mine) == list(reference)
        x, y = (np.log(list(p.values())) / step for p in (mine, reference))
        worst = max(worst, float(np.ptp(x - y)))
        second, first = np.sort(y)[-2:]
        if x.argmax() == y.argmax():
            same += 1
        elif first - second <= MOST_STEPS[what] + HAIR:
            ties += 1
    seconds = float((work / "answers" / board / f"{runtime}-{what}.s").read_text())
    return Row(board, runtime, what, len(ours), same, ties, worst, seconds)


def rows(work: Path, step: float) -> Iterator[Row]:
    """All of them."""
    for folder in sorted((work / "answers").iterdir()):
        if folder.name != REFERENCE:
            for path in sorted(folder.glob("*.s")):
                runtime, what = path.stem.split("-")
                if what in MOST_STEPS:
                    yield compare(work, folder.name, runtime, what, step)


def output_step(model: Path) -> float:
    """Of the int8 file's scene logits."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model))
    steps = {d["name"]: d["quantization"][0] for d in interpreter.get_output_details()}
    return float(steps["scene"])


def features(work: Path) -> dict[str, float]:
    """The largest difference of a raw feature, by board."""
    found = {}
    (theirs,) = (work / "answers" / REFERENCE).glob("*-features.npz")  # no runtime takes part
    for path in sorted((work / "answers").glob("*/*-features.npz")):
        with np.load(path) as mine, np.load(theirs) as reference:
            names = [name for name in reference.files if name != "numpy"]
            found[path.parent.name] = max(
                float(np.abs(mine[name] - reference[name]).max()) for name in names
            )
    return {board: largest for board, largest in found.items() if board != REFERENCE}


def versions(work: Path) -> dict[str, str]:
    """What ran, by board; taken from `edge-asc info`."""
    found = {}
    for path in sorted((work / "answers").glob("*/*-info")):
        info = json.loads(path.read_text("utf-8"))
        runtimes = {n: r["version"] for n, r in info["runtimes"].items() if not r["problem"]}
        packages = {"Python": info["python"], "numpy": info["packages"]["numpy"], **runtimes}
        text = ", ".join(f"{name} {number}" for name, number in packages.items())
        found[f"{path.parent.name}, {path.stem.split('-')[0]}"] = f"{info['machine']}: {text}"
    return found


def emulator() -> str:
    """Its name and version."""
    said = subprocess.run(["qemu-aarch64-static", "--version"], capture_output=True, text=True)
    return said.stdout.split("(")[0].strip()


def report(work: Path) -> tuple[str, dict[str, Any], bool]:
    """Markdown, figures, and whether all is well."""
    step = output_step(work / "models/fold1-int8.tflite")
    table, largest, ran = list(rows(work, step)), features(work), versions(work)
    cells = [COLUMNS, ["---", "---", "---", "---:", "---:", "---:"], *(r.cells() for r in table)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    apart = ", ".join(f"{board} {value:.1g}" for board, value in largest.items())
    lines += ["", f"Log-mel features apart, at most: {apart}."]
    lines.append(f"A step is {step:.4g} nats. {date.today().isoformat()}; {emulator()}.")
    lines += [f"{who}: {what}." for who, what in ran.items()]
    figures = {
        "step": step,
        "rows": [asdict(row) for row in table],
        "features": largest,
        "ran": ran,
    }
    ok = bool(table) and all(row.ok for row in table)
    return "\n".join(lines), figures, ok and max(largest.values()) <= MOST_FEATURE


def main(work: Path, name: str) -> int:
    """Print, write, judge."""
    markdown, figures, ok = report(work)
    print(markdown)
    if name:
        Path(f"{name}.md").write_text(markdown + "\n", "utf-8")
        Path(f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    print("the boards answer as an x86-64" if ok else "FAIL: a board answers something else")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), "".join(sys.argv[2:])))
