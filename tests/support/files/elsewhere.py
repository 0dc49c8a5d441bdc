"""Model files run on another processor: an x86-64 that qemu emulates.

qemu 7.2 emulates AVX2 but neither AVX-512 nor VNNI: of newer processors it shows nothing.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

ANSWERS = Path(__file__).with_name("elsewhere_answers.py")
EMULATORS = ("qemu-x86_64", "qemu-x86_64-static")  # of Debian's qemu-user and qemu-user-static
AVX2 = "Haswell"  # 2013, no VNNI: as most x86-64 that are older than 2019
SSE = "Nehalem"  # 2008, no AVX


def emulator() -> str | None:
    """Path of the program that emulates an x86-64; None where there is none."""
    return next(filter(None, map(shutil.which, EMULATORS)), None)


def answers(folder: Path, processor: str | None) -> dict[str, list[np.ndarray]]:
    """Logits by file name of the models in a folder (see `elsewhere_answers.py`).

    Args:
        folder: NAME.onnx, NAME.tflite, NAME.npz.
        processor: a name that qemu knows; None: the one we are on.
    """
    emulated = [str(emulator()), "-cpu", processor] if processor else []
    done = subprocess.run(
        [*emulated, sys.executable, str(ANSWERS), str(folder)], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{processor}: {done.stderr[-1000:]}")
    return read_answers(folder)


def read_answers(folder: Path) -> dict[str, list[np.ndarray]]:
    """What `elsewhere_answers.py` left in a folder, taken out of it."""
    found = {}
    for path in sorted([*folder.glob("*.onnx.npz"), *folder.glob("*.tflite.npz")]):
        with np.load(path) as heads:
            found[path.stem] = [heads[name] for name in heads.files]
        path.unlink()
    return found
