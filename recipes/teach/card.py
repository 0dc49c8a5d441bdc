"""For `recipes/zoo.sh`: the shipped file that was taught from ESC-10, and its card.

    card.py MODEL ESC10.json DATA ZOO

MODEL: both files without suffix, what `edge-asc teach` made of DATA, the free clips of ESC-10;
ESC10.json: what esc10.py measured on its folds. Needs recipes/ on PYTHONPATH.
"""

import json
import shutil
import statistics
import sys
from pathlib import Path

from tables import made_line, markdown, mean_sd
from zoo_card import FOLDS, FREESOUND, sources

from edge_asc.budget.read_file import inventory_of_file
from edge_asc.runtime.metadata import read_metadata
from edge_asc.runtime.zoo.models import card_text, digest


def settle(model: Path, measured: Path, data: Path, zoo: Path) -> None:
    """Copy both files, then write the card; a card is never there before its file."""
    folder = zoo / model.name
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("tflite", "onnx"):
        shutil.copyfile(f"{model}.{suffix}", folder / f"{model.name}.{suffix}")
    shipped = folder / f"{model.name}.tflite"
    results = json.loads(measured.read_text())
    accuracies = [results["folds"][str(fold)]["accuracy"] for fold in FOLDS]
    clips, recorded_by = sources(data / "meta.csv")
    size_bytes, inventory = shipped.stat().st_size, inventory_of_file(shipped)
    facts = {
        "summary": f"ten sounds of ESC-10 taught to the encoder, in {size_bytes:,} bytes",
        "data": f"ESC-10, {clips} clips of 400, and all that the encoder heard (encoder.md)",
        "licence": "file MIT, as edge-asc; data CC BY 3.0, attribution in the card",
        "accuracy_int8": round(statistics.mean(accuracies), 4),
        "accuracy_int8_folds": accuracies,
        "protocol": "5 official folds; the encoder heard all clips, without their labels",
        "macs_per_s": inventory.per_second(inventory.macs),
        "sha256": digest(shipped),
    }
    text = body(shipped, accuracies, clips, recorded_by, made_line(results["made"]))
    (folder / f"{shipped.stem}.md").write_text(card_text(facts, text), "utf-8")
    print(f"{shipped}: {size_bytes:,} bytes, its card beside it")


def body(file: Path, accuracies: list[float], clips: int, recorded_by: str, where: str) -> str:
    """The card's text."""
    metadata = read_metadata(file)
    given = metadata.calibration
    assert given is not None and given.threshold is not None  # `teach` has found them
    percent = [100 * accuracy for accuracy in accuracies]
    row = ["int8 file", *(f"{a:.2f}" for a in percent), mean_sd(percent)]
    table = markdown(["accuracy, %", *(f"fold {fold}" for fold in FOLDS), "mean ± sd"], [row])
    return f"""# {file.stem}

Tells ten sounds apart: {", ".join(metadata.labels)}. Made by `edge-asc teach` on the encoder
(`edge-asc models show encoder`): only its last layer knows ESC-10's labels.

{table}

Five heads, each taught with four of the official folds and tested on the fifth. **The file here has
a sixth, taught with {clips} of the 400 clips, from all folds.** The encoder beneath heard all of
ESC-10 as it learned, without the labels. So these figures say less of new recordings than those of
the models trained on four folds alone.

{where}

## Confidence

Logits are divided by {given.temperature:.3f}. That temperature and the threshold come from
{given.clips} clips, each judged by a head that was taught without its recording. Below a confidence
of {given.threshold:.3f} it says "unsure", and for what is nearer to the encoder's bank of everyday
sounds, too.

## Limits, and what it must not be used for

It knows these ten sounds and nothing else, from 40 clips each, most of one clear sound near a good
microphone. Rooms, distances and mixtures were not tested.

It must not be used where a wrong or missing answer can harm anybody: alarms, care of children or
the sick, traffic, machines, evidence. It must not be used to watch people without their knowledge.

## Data, licence and attribution

ESC-10, by K. J. Piczak, CC BY 3.0 (http://creativecommons.org/licenses/by/3.0/): "ESC: Dataset for
Environmental Sound Classification", ACM Multimedia 2015, doi:10.1145/2733373.2806390. The head was
taught with {clips} of its 400 clips: those that are CC0 or CC BY (two under CC Sampling Plus were
left out). What the encoder learned from is told in its own card and in `bank.md`. No audio is in
the file. The file itself is under the MIT licence, as edge-asc is; who passes it on should pass on
this attribution too.

The clips were cut from recordings of these people on Freesound, at {FREESOUND}:

{recorded_by}
"""


if __name__ == "__main__":
    settle(*map(Path, sys.argv[1:]))
