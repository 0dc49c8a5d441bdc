"""For `recipes/zoo.sh`: the clips that a shipped model may learn from, and its card.

- `zoo_card.py select DATA FOLDER`: ESC-10 without the clips whose licence forbids some uses
- `zoo_card.py settle MODEL RESULTS.json FOLDER ZOO [--default]`: a model into the zoo, with a card
  of what was measured; MODEL: both files without suffix, RESULTS.json: of the folds' files
"""

import csv
import json
import shutil
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tables import made_line, markdown, mean_sd

from edge_asc.runtime.metadata import Metadata, read_metadata
from edge_asc.runtime.zoo.models import FENCE, card_text, digest, parse_card

FOLDS = range(1, 6)
FREE = ("CC0", "CC-BY")  # not CC Sampling Plus, which rules out advertisements
QUIET_ROOM = """
It hears neither how loud a sound is nor how a microphone colours it, so a microphone's own noise in
a quiet room is like steady rain to it. `edge-asc live --gate DBFS` says "unsure" below a level.
"""
TAUGHT = """
It began with an encoder that comes along (`edge-asc models show encoder-lite`) and heard none of
these clips. YAMNet, which knows AudioSet, had taught that encoder what other sounds have to do with
each other; so the accuracy here has outside knowledge in it.
"""
OTHERS = """
Sounds of other kinds often get no name, as it was taught that there are some: computed quiet rooms
and recordings, half each. Many are named all the same: RESULTS.md counts them."""
NO_OTHERS = """
Sounds of other kinds are still named with confidence at times: RESULTS.md counts them."""
RECORDINGS = """
The recordings that are none of the ten are from an ambience collection, CC0 and CC BY: `bank.md` in
the folder of the model `encoder` has those who made them, and should go where the file goes.
"""
FREESOUND = "http://www.freesound.org/people/AUTHOR/sounds/NUMBER/"


def select(data: Path, folder: Path) -> None:
    """Write a data set of the free clips, its audio that of the whole one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (data / "meta.csv").open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        kept = [row for row in rows if row["license"] in FREE]
    with (folder / "meta.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows.fieldnames or ())
        writer.writeheader()
        writer.writerows(kept)
    if not (folder / "audio").is_symlink():
        (folder / "audio").symlink_to((data / "audio").resolve())


def settle(model: Path, results: Path, data: Path, zoo: Path, is_default: bool) -> None:
    """Copy both files, then write the card; a card is never there before its file."""
    name = model.name
    folder = zoo / name
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("tflite", "onnx"):
        shutil.copyfile(f"{model}.{suffix}", folder / f"{name}.{suffix}")
    file = folder / f"{name}.tflite"
    metadata, figures = read_metadata(file), measured(json.loads(results.read_text()))
    seeds = means_of_seeds(results, figures["int8"])
    clips, recorded_by = sources(data / "meta.csv")
    suited = ", for microphones unlike its data's" if metadata.frontend.get("relative") else ""
    further = ""
    if base := metadata.provenance.get("base"):
        suited = ", begun with an encoder"
        further = f", and what the encoder heard ({base['name']}.md)"
    if "unknown_licence" in metadata.provenance:
        further += ", ambience recordings (CC0, CC BY) as sounds of no class"
    facts = {
        "summary": f"ten sounds of ESC-10 in {file.stat().st_size:,} bytes{suited}",
        "default": is_default,
        "data": f"ESC-10, {clips} clips of 400, 44.1 kHz{further}",
        "licence": "file MIT, as edge-asc; data CC BY 3.0, attribution in the card",
        "accuracy_int8": round(statistics.mean(seeds), 4),
        "accuracy_float32": statistics.mean(figures["float32"]),
        "accuracy_int8_folds": figures["int8"],
        "accuracy_float32_folds": figures["float32"],
        **({"accuracy_int8_seeds": seeds} if len(seeds) > 1 else {}),
        "protocol": "5 official folds; the file itself is trained on clips of all",
        "macs_per_s": figures["macs_per_s"],
        "window_latency_ms": figures["window_latency_ms"],
        "sha256": digest(file),
    }
    if not is_default:
        del facts["default"]
    text = body(name, metadata, facts, figures, file, clips, recorded_by)
    if is_default:
        unmark(zoo)
    (folder / f"{name}.md").write_text(card_text(facts, text), "utf-8")
    print(f"{file}: {file.stat().st_size:,} bytes, its card beside it")


def unmark(zoo: Path) -> None:
    """Take the mark of the default model from every card."""
    for card in zoo.glob("*/*.md"):
        content = card.read_text("utf-8")
        if content.startswith(FENCE):  # the encoder's bank has credits alone
            facts, text = parse_card(content, str(card))
            if facts.pop("default", None):
                card.write_text(card_text(facts, text), "utf-8")


def measured(collected: dict[str, Any]) -> dict[str, Any]:
    """Accuracy of each fold, as a share; milliseconds and operations."""
    rows = [collected["folds"][str(fold)] for fold in FOLDS]
    times_ms = [row["int8.tflite"]["window_latency_ms"] for row in rows]
    return {
        "float32": [row["torch"]["accuracy"] for row in rows],
        "int8": [row["int8.tflite"]["accuracy"] for row in rows],
        "macs_per_s": collected["macs_per_s"],
        "window_latency_ms": round(statistics.median(times_ms), 2),
        "made": collected["made"],
    }


def means_of_seeds(results: Path, first: Sequence[float]) -> list[float]:
    """Mean int8 accuracy over the folds, of this seed and those of `recipes/seeds.sh`."""
    others = sorted(results.parent.glob("seeds/*/results.json"))
    return [statistics.mean(first)] + [
        statistics.mean(measured(json.loads(path.read_text()))["int8"]) for path in others
    ]


def of_other_seeds(facts: dict[str, Any]) -> str:
    """What five networks of other seeds reached, where that was measured."""
    others = facts.get("accuracy_int8_seeds", [])[1:]
    if not others:
        return ""
    each = " and ".join(f"{100 * mean:.2f}" for mean in others)
    return f"""

Begun from other seeds, five such networks had {each} %. What to expect of the file is the mean of
all seeds, {100 * facts["accuracy_int8"]:.1f} %."""


def sources(table: Path) -> tuple[int, str]:
    """How many clips, and who recorded them: authors with their sounds' numbers, by licence."""
    clips = 0
    by_licence: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            by_licence[row["license"]][row["author"]].add(row["src_file"])
            clips += 1
    paragraphs = []
    for licence, authors in sorted(by_licence.items()):
        lines = [
            f"{author} ({', '.join(sorted(authors[author], key=int))})"
            for author in sorted(authors, key=str.casefold)
        ]
        paragraphs.append(f"{licence}: {'; '.join(lines)}.")
    return clips, "\n\n".join(paragraphs)


def quiet_room(metadata: Metadata) -> str:
    """What a model does where nothing sounds, if that is to be told."""
    return QUIET_ROOM if metadata.frontend.get("relative") else ""


def accuracies(figures: dict[str, Any], is_taught: bool) -> str:
    """The table of the folds' accuracies."""
    trained = "rounded, torch" if is_taught else "float32"
    rows = []
    for what, kind in ((trained, "float32"), ("int8 file", "int8")):
        percent = [100 * accuracy for accuracy in figures[kind]]
        rows.append([what, *(f"{a:.2f}" for a in percent), mean_sd(percent)])
    return markdown(["accuracy, %", *(f"fold {k}" for k in FOLDS), "mean ± sd"], rows)


def body(
    name: str,
    metadata: Metadata,
    facts: dict[str, Any],
    figures: dict[str, Any],
    file: Path,
    clips: int,
    recorded_by: str,
) -> str:
    """The card's text."""
    given = metadata.calibration
    assert given is not None  # recipes/zoo.sh has calibrated it
    is_taught = "base" in metadata.provenance
    accuracy = accuracies(figures, is_taught)
    never = 'It never says "unsure" by itself.'
    threshold = never
    if given.threshold:
        threshold = (
            f'Below a confidence of {given.threshold:.3f} it says "unsure"; above, at least'
            f" {100 * (given.target_accuracy or 0):g} % of those clips were right."
        )
    loss, error = given.log_loss, [100 * value for value in given.calibration_error]
    return f"""# {name}

Tells ten sounds apart: {", ".join(metadata.labels)}.

{accuracy}

These are cross-validated accuracies: five networks of the same kind, each trained on four of the
official folds of ESC-10 and tested on the fifth. **The file here is a sixth network, trained on
{clips} of the 400 clips, from all folds.** Nothing is left to test it on.{of_other_seeds(facts)}
{TAUGHT if is_taught else ""}
| | |
| --- | --- |
| file | {file.name}, int8, {file.stat().st_size:,} bytes |
| operations | {facts["macs_per_s"]:,} MACs per second of audio |
| time | {facts["window_latency_ms"]} ms for a window of {metadata.clip_s:g} s, one thread, x86-64 |
| audio | {metadata.frontend["sample_rate_hz"]:,} Hz, resampled from any rate |
| network | preset `{metadata.name}`, seed {metadata.provenance.get("seed")} |

{made_line(figures["made"])}

## Confidence

Logits are divided by {given.temperature:.3f}. That temperature and the threshold come from the
{given.clips} answers of the five networks above, each to the clips of its test fold; they
stand for the sixth, which has seen these clips. On these same clips the log loss went from
{loss[0]:.3f} to {loss[1]:.3f} nats and the expected calibration error (15 bins of equal width)
from {error[0]:.1f} to {error[1]:.1f} %. {threshold}
{OTHERS if metadata.others else NO_OTHERS}

## Limits, and what it must not be used for

It knows these ten sounds and nothing else, from 40 clips each, most of one clear sound near a good
microphone. Other microphones were simulated (RESULTS.md); rooms, distances and mixtures were not
tested. ESC-10 is small: one clip is a quarter of a point of the mean.
{quiet_room(metadata)}
It must not be used where a wrong or missing answer can harm anybody: alarms, care of children or
the sick, traffic, machines, evidence. It must not be used to watch people without their knowledge.

## Data, licence and attribution

ESC-10, by K. J. Piczak, CC BY 3.0 (http://creativecommons.org/licenses/by/3.0/): "ESC: Dataset for
Environmental Sound Classification", ACM Multimedia 2015, doi:10.1145/2733373.2806390. A network was
trained on {clips} of its 400 clips: those that are CC0 or CC BY (two under CC Sampling Plus were
left out). The audio is not in the file. The file itself is under the MIT licence, as edge-asc is;
who passes it on should pass on this attribution too.

The clips were cut from recordings of these people on Freesound, at {FREESOUND}:

{recorded_by}
{RECORDINGS if "unknown_licence" in metadata.provenance else ""}"""


def main(arguments: Sequence[str]) -> None:
    """Run one of the commands of the module's docstring."""
    match arguments:
        case ["select", data, folder]:
            select(Path(data), Path(folder))
        case ["settle", model, results, data, zoo, *default] if default in ([], ["--default"]):
            settle(Path(model), Path(results), Path(data), Path(zoo), bool(default))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
