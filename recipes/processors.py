"""int8 files on several processors: how far their logits are from torch, in steps.

    python recipes/processors.py FOLDER [USERLAND] |
        python recipes/tables.py fill RESULTS.md processors

FOLDER gets the files, those of the zoo and of small networks that were taught something, with
their inputs, and what each processor answers. x86-64 is emulated where qemu-x86_64 is at hand; ARM
where USERLAND is one that `make pi-test` left (…/bookworm-arm64, with the wheel in it).
Reference is torch in float64 where there is a network to run, and exact arithmetic on the file's
integers for the zoo's, whose networks are not shipped.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

# The tests' small networks, and exact arithmetic on a file's integers.
sys.path.extend(map(str, Path(__file__).resolve().parents[1].glob("tests/support/*")))
from tables import made, made_line, markdown

from edge_asc.export.onnx.to_onnx import to_onnx
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.network import GraphNetwork
from edge_asc.quantize import qat
from edge_asc.runtime.metadata import read_metadata
from edge_asc.runtime.processor import instruction_set
from edge_asc.runtime.zoo.models import zoo_models
from elsewhere import ANSWERS, AVX2, SSE, answers, emulator, read_answers
from exact_onnx import exact_logits, largest_steps
from networks import CASES, Case
from old_onnx import signed_weights
from taught import clips, taught_graph

ROOT = Path(__file__).resolve().parents[1]
N_CLIPS, N_FRAMES = 10, 100  # of the zoo's files: a second or two
FORMATS = ("tflite", "onnx", "signed.onnx")
TITLES = ("int8 TFLite", "int8 ONNX", "ONNX with int8 weights, as before")
EMULATED_X86 = {AVX2: "x86-64, AVX2 (Haswell)", SSE: "x86-64, SSE 4.2 (Nehalem)"}
BOARDS = {"zero2": "Cortex-A53", "pi4": "Cortex-A72", "pi5": "Cortex-A76"}
Exact = dict[str, tuple[np.ndarray, float]]
Answers = dict[str, list[np.ndarray]]


def lay_network(folder: Path, case: Case) -> Exact:
    """Files of a small network; torch's logits and their steps, by head."""
    examples, _ = clips(16, case.n_mels, case.n_frames, seed=99)
    network = GraphNetwork(taught_graph(case)).eval()
    graph = qat.freeze(qat.prepare(network, examples.split(8)))
    x, _ = clips(N_CLIPS, case.n_mels, case.n_frames, seed=7)
    lay(folder, str(case), x, to_tflite(graph, case.n_frames), to_onnx(graph, case.n_frames))
    with torch.no_grad():
        logits = GraphNetwork(graph).eval().double()(x.double())
    return {
        name: (values.numpy(), graph.grids[value].scale)
        for (name, value), values in zip(graph.outputs.items(), logits, strict=True)
    }


def lay_zoo(folder: Path, name: str, tflite: Path) -> Exact:
    """Files of a shipped model; exact logits and their steps, by head."""
    x, _ = clips(N_CLIPS, read_metadata(tflite).frontend["n_mels"], N_FRAMES, seed=7)
    onnx = tflite.with_suffix(".onnx").read_bytes()
    lay(folder, name, x, tflite.read_bytes(), onnx)
    return exact_logits(onnx, x[:, 0].numpy())


def lay(folder: Path, name: str, x: torch.Tensor, tflite: bytes, onnx: bytes) -> None:
    """Files and inputs, for `elsewhere_answers.py`."""
    for suffix, data in zip(FORMATS, (tflite, onnx, signed_weights(onnx)), strict=True):
        path = folder / f"{name}.{suffix}"
        path.write_bytes(data)
        np.savez(path.with_suffix(".npz"), x=x[:, 0].numpy())


def on_board(folder: Path, userland: Path, board: str) -> Answers:
    """What an emulated Raspberry Pi answers."""
    shutil.copy(ANSWERS, folder)
    subprocess.run(
        [ROOT / "tests/pi/enter.sh", userland, board, folder, "/opt/edge-asc/bin/python",
         f"/mnt/{ANSWERS.name}", "/mnt"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return read_answers(folder)


def everywhere(folder: Path, userland: Path | None) -> dict[str, Answers]:
    """Answers by processor."""
    folder = folder.resolve()
    found = {f"native: {instruction_set()}": answers(folder, None)}
    for processor, title in EMULATED_X86.items() if emulator() else ():
        found[f"emulated: {title}"] = answers(folder, processor)
    for board, core in BOARDS.items() if userland else ():
        found[f"emulated: aarch64, {core}"] = on_board(folder, userland.resolve(), board)
    return found


def table(models: dict[str, Exact], found: dict[str, Answers]) -> str:
    """A row a processor, the largest difference of all models; the worst model in brackets."""
    rows = [
        [processor, *(worst(models, answered, suffix) for suffix in FORMATS)]
        for processor, answered in found.items()
    ]
    return markdown(["processor", *TITLES], rows)


def worst(models: dict[str, Exact], answered: Answers, suffix: str) -> str:
    """The largest number of steps, and whose; a dash where the runtime is not there."""
    steps = {
        name: largest_steps(answered[f"{name}.{suffix}"], exact)
        for name, exact in models.items()
        if f"{name}.{suffix}" in answered
    }
    if not steps:
        return "-"
    name = max(steps, key=lambda name: steps[name])
    return f"{steps[name]:.0f} ({name})" if round(steps[name]) else "0"


def main(folder: Path, userland: Path | None) -> None:
    """Lay the files, ask everybody, print."""
    folder.mkdir(parents=True, exist_ok=True)
    models = {model.name: lay_zoo(folder, model.name, model.tflite) for model in zoo_models()}
    models |= {str(case): lay_network(folder, case) for case in CASES}
    print(table(models, everywhere(folder, userland)))
    said = subprocess.run([str(emulator()), "--version"], capture_output=True, text=True).stdout
    qemu = re.search(r"version ([\d.]+)", said)
    print(f"\n{len(models)} networks, {N_CLIPS} inputs each. QEMU {qemu[1] if qemu else 'none'}.")
    print(made_line(made()))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else None)
