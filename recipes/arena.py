"""Static int8 files in TensorFlow Lite Micro and in Arm's compiler for its NPUs, as Markdown.

    python recipes/arena.py | python recipes/tables.py fill RESULTS.md arena

The zoo's files and those that presets would become: memory as `edge-asc budget` counts it and as
the interpreter allocates it, and the operators that Vela leaves to the processor. Needs the extra
`micro`. An interpreter that refuses a file may end its process, so each file has one of its own.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from tables import made, made_line, markdown

from edge_asc.budget.read_file import inventory_of_file
from edge_asc.config.schema import PRESETS, load_preset
from edge_asc.export.preset_budget import preset_file
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.runtime.metadata import entries_of, metadata_of
from edge_asc.runtime.zoo.models import model_path, zoo_models

NPU = "ethos-u55-128"
PLACES = {"dcase2025/baseline-device", "dcase2025/compact-device"}  # equal to those without
COLUMNS = ("model", "file", "activations, dynamic", "static", "TFLM: activations", "beside them",
           "arena", "left by Vela to the CPU")  # fmt: skip
ARENA_BYTES = 16_000_000
ASK = """
import sys
from tflite_micro import runtime
file = open(sys.argv[1], "rb").read()
interpreter = runtime.Interpreter.from_bytes(file, arena_size=int(sys.argv[2]))
details = interpreter.get_input_details(0)
import numpy as np
interpreter.set_input(np.zeros(details["shape"], details["dtype"]), 0)
interpreter.invoke()
interpreter.print_allocations()
"""


def models() -> Iterator[tuple[str, bytes]]:
    """Name and file, with a dynamic axis where the network has one."""
    for model in zoo_models():
        yield model.name, model_path(model.name).read_bytes()
    for name in PRESETS:
        if not name.startswith("paper/") and name not in PLACES:
            yield f"`{name}`", preset_file(load_preset(name), "int8", "tflite")
    yield "`esc10/32k`, float16", preset_file(load_preset("esc10/32k"), "float16", "tflite")


def static(data: bytes) -> bytes:
    """The same network without a dynamic axis, of the same precision."""
    graph, _ = from_tflite(data)
    half = metadata_of(data).precision == "float16"
    return to_tflite(graph, window_frames(data), entries_of(data), half=half, static=True)


def window_frames(data: bytes) -> int:
    """Frames of the window that a file says it hears."""
    metadata = metadata_of(data)
    return FrontEnd.from_dict(metadata.frontend).frames_in(metadata.clip_s)


def run(*command: str) -> str:
    """What a process of its own says."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def allocated(path: Path) -> list[str]:
    """Bytes of activations, of what lies beside them, and of both; or who refuses the file."""
    said = run("-c", ASK, str(path), str(ARENA_BYTES))
    found = [
        re.search(rf"Arena allocation {part} (\d+)", said) for part in ("head", "tail", "total")
    ]
    if all(found):
        return [f"{int(match[1]):,}" for match in found if match]
    refused = re.search(r"Node (\w+) |builtin opcode '(\w+)'", said)
    who = next(filter(None, refused.groups()), "") if refused else said.strip().splitlines()[-1]
    return [f"refuses {who}", "-", "-"]


def left_to_the_cpu(path: Path) -> str:
    """How many operators, and which."""
    said = run("-m", "ethosu.vela", "--accelerator-config", NPU, "--output-dir", str(path.parent),
               str(path))  # fmt: skip
    count = re.search(r"CPU operators = (\d+)", said)
    if count is None:
        return said.strip().splitlines()[-1]
    kinds = sorted(set(re.findall(r"Warning \(supported operators\) operator: (\w+)", said)))
    return " ".join([count[1], *kinds])


def row(name: str, data: bytes, folder: Path) -> list[str]:
    """A line of the table."""
    path = folder / "m.tflite"
    path.write_bytes(static(data))
    peaks = [inventory_of_file(file, audio_s=1.0).peak_activation_bytes
             for file in (data, path.read_bytes())]  # fmt: skip
    cells = [f"{n:,}" for n in (path.stat().st_size, *peaks)]
    return [name, *cells, *allocated(path), left_to_the_cpu(path)]


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        print(markdown(COLUMNS, [row(*model, Path(folder)) for model in models()]))
    packages = ", ".join(f"{name} {version(name)}" for name in ("tflite-micro", "ethos-u-vela"))
    print(f"\nBytes. {packages}, {NPU}. {made_line(made())}")


if __name__ == "__main__":
    main()
