"""The table of networks of one's own, for RESULTS.md.

- `own_networks_table.py measure RUN DATA`: writes a run's files, evaluates them, RUN/figures.json
- `own_networks_table.py collect FOLDER OUT.json`: figures of the runs of `own_networks.sh`
- `own_networks_table.py table OUT.json`: a row per network and precision, as Markdown
"""

import json
import sys
from pathlib import Path
from typing import Any, Literal

from tables import made, made_line, markdown

import edge_asc as ea
from edge_asc.export.parity import MOST_RELATIVE, MOST_STEPS
from edge_asc.files import read_json, write_json

FAMILIES = {
    "mobilenet": "MobileNetV2",
    "efficientnet": "EfficientNet",
    "bcresnet": "BC-ResNet",
    "tfsepnet": "TF-SepNet",
    "dscnn": "DS-CNN",
    "tcn": "TCN",
}
PRECISIONS: tuple[Literal["float32", "float16", "int8"], ...] = ("float32", "float16", "int8")
FORMATS: dict[Literal["tflite", "onnx"], str] = {"tflite": "TFLite", "onnx": "ONNX"}


def measure(folder: Path, data: Path) -> None:
    """Export a run in all ways, and evaluate what comes of it."""
    run, scenes = ea.Run(folder), ea.open_dataset(data)
    cost = ea.complexity(run, rule="all", precision="int8")
    found: dict[str, Any] = {"made": made(), "parameters": cost.parameters, "macs": cost.macs}
    found["torch"] = ea.evaluate(run, scenes).accuracy
    for precision in PRECISIONS:
        for suffix in FORMATS:
            is_meant = precision == "int8"  # the rule is for what ships
            file = run.export(precision, suffix, enforced=is_meant, overwrite=True)
            accuracy = ea.evaluate(file, scenes, fold=1).accuracy
            figures = {"bytes": file.bytes, "accuracy": accuracy}
            found[f"{precision}.{suffix}"] = figures | dict(file.parity)
    write_json(folder / "figures.json", found)


def collect(folder: Path, out: Path) -> None:
    """Figures of all runs into one file, where those of networks that were not run stay."""
    networks = read_json(out)["networks"] if out.exists() else {}
    for name in FAMILIES:
        if (figures := folder / name / "figures.json").exists():
            networks[name] = read_json(figures)
    write_json(out, {"networks": {name: networks[name] for name in FAMILIES}})


def table(path: Path) -> None:
    """Print a row for each network and precision."""
    kept = json.loads(path.read_text("utf-8"))
    rows = []
    for name, figures in kept["networks"].items():
        for precision in PRECISIONS:
            first = precision == "float32"
            cells = [FAMILIES[name], f"{figures['parameters']:,}"] if first else ["", ""]
            files = [figures[f"{precision}.{suffix}"] for suffix in FORMATS]
            cells += [precision, *(f"{file['bytes']:,}" for file in files)]
            cells += [f"{file['accuracy']:.1%}" for file in files]
            cells += [_difference(file) for file in files]
            rows.append(cells)
    formats = [
        f"{what}{form}" for what in ("bytes ", "accuracy ", "parity ") for form in FORMATS.values()
    ]
    print(markdown(["network", "parameters", "precision", *formats], rows))
    limits = f"{MOST_RELATIVE:g} of the largest logit, in int8 {MOST_STEPS:g} steps"
    print(
        f"\nParity: largest difference of a logit from torch; at most {limits}, is allowed.",
        end=" ",
    )
    print(*dict.fromkeys(made_line(figures["made"]) for figures in kept["networks"].values()))


def _difference(file: dict[str, Any]) -> str:
    steps = file["largest_difference_steps"]
    if steps is None:
        return f"{file['largest_difference_relative']:.0e}"
    return "1 step" if round(steps) == 1 else f"{steps:.0f} steps"


def main(arguments: list[str]) -> None:
    """Run one of the commands of the module's docstring."""
    match arguments:
        case ["measure", run, data]:
            measure(Path(run), Path(data))
        case ["collect", folder, out]:
            collect(Path(folder), Path(out))
        case ["table", path]:
            table(Path(path))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
