"""What `recipes/means.sh` needs beside the command: clips without a fold, answers, its table.

- `means.py inner DATA FOLDER`: ESC-10 without fold 1, its audio by a link
- `means.py yamnet FILE DATA FOLDER`: answers of a linear layer on YAMNet's embeddings, foldN.npz
- `means.py encoder FILE OUT`: a network that `recipes/encoder` wrote, as one to build upon
- `means.py strange AMBIENCE FOLDER`: its recordings that sound like none of ESC-10's classes
- `means.py keep TABLE FILE`: what `evaluate` found, without the folder of the clips
- `means.py table FOLDER`: the rows as Markdown
"""

import csv
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import together
from calibration_tables import predictions
from tables import made, made_line, markdown

import edge_asc as ea
from edge_asc.files import atomic_write
from edge_asc.research.submission import Submission

OUTER = "1"  # the fold that no row hears
INNER_FOLDS = 4
EMBEDDING = 115  # tensor of yamnet.tflite, which is no output of it
WINDOW = 15_600  # samples at 16 kHz
LIKE_ESC_10 = {"sea_waves", "beach", "harbour_water", "lake_waves", "waterfall", "fireplace",
               "campfire", "thunderstorm", "jungle", "motorbike", "person_imitating_cat",
               }  # fmt: skip
STRANGE_LICENCE = "CC0 and CC BY, whose: bank.md beside edge-asc's encoder\n"
WORDS = {  # of rows, in the order of the table
    "base": "nothing: the preset's recipe",
    "salient": "maximum over means of short windows as pool",
    "wide": "that pool and four times the bytes",
    "wide-128": "the same, 128 mels and 2.8 times the work",
    "stem-4": "that without the pool",
    "stem-2": "as many bytes, 96 mels, a stem that strides by two",
    "stem-1": "as many bytes, a stem of full resolution (`esc10/128k`)",
    "branches": "kernels as sums of several",
    "cut-mix": "every second batch with stretches of other clips",
    "binary": "yes-or-no loss",
    "mixed": "every batch mixed, yes-or-no loss",
    "long": "four times the epochs",
    "wide-128-long": "four times the epochs and bytes, that pool, 128 mels",
    "mixed-long": "every batch mixed, four times the epochs",
    "tuned": "mean of three fine-tunings",
    "front-end": "answers of a network with another front end",
    "two": "two seeds, their mean",
    "int8": "that of 128 mels, eight bits: its file",
    "int4": "as many bytes, four bits: its file",
    "two-int4": "as many bytes, two networks of four bits, their mean: their file",
    "yamnet": "outside knowledge: answers from YAMNet's embedding",
    "encoder": "outside knowledge: begun from an encoder that YAMNet taught",
    "encoder-lite": "the same, an encoder of half the work and memory",
    "encoder-ram256k": "the same, an encoder of `esc10/128k-ram256k`'s layers",
    "behind": "outside knowledge: begun from `encoder-lite`, which comes along (`encoder-base`)",
    "behind-far": "that, 50 epochs, clips at five speeds, through eight microphones, in noise",
    "behind-responses": "that, responses of 10 dB in place of 6, at up to 24 points in place of 6",
    "behind-unknown": "that of 6 dB and 6 points, part of each batch quiet and strange sounds",
    "behind-fine": "that, responses at up to 24 points",
    "behind-rooms": "that without strange sounds: quiet rooms alone",
    "behind-others": "quiet rooms and strange sounds, answered by an output of their own",
    "behind-others-more": "that, two fifths of each batch in place of one",
    "behind-apart": "quiet rooms and strange sounds, an output of their own that learns apart",
    "behind-fine-8": "that with strange sounds, responses of 8 dB",
    "behind-mixed": "50 epochs as above, mixtures and masks",
    "behind-free": "50 epochs as above, embeddings as long as they are",
    "behind-quiet": "`encoder-base` as it comes, part of each batch quiet rooms",
}


def inner(data: str, folder: str) -> None:
    """Write the table of the clips that are not of the outer fold."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    (out / "audio").symlink_to((Path(data) / "audio").resolve())
    with (Path(data) / "meta.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    fold = head.index("fold")
    with atomic_write(out / "meta.csv") as path, path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *(row for row in rows if row[fold] != OUTER)])


def yamnet(file: str, data: str, folder: str) -> None:
    """For each fold, fit a linear layer on the other folds' embeddings; answer for all clips."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with (Path(data) / "meta.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    names = tuple(row["filename"] for row in rows)
    x = _embeddings(Path(file), [Path(data) / "audio" / name for name in names])
    labels, folds = (np.array([row[key] for row in rows]) for key in ("category", "fold"))
    Path(folder).mkdir(parents=True, exist_ok=True)
    for fold in sorted(set(folds)):
        training = folds != fold
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=1000))
        model.fit(x[training], labels[training])
        right = (model.predict(x[~training]) == labels[~training]).mean()
        print(f"fold {fold}: {100 * right:.2f} % of its clips")
        answers = Submission(names, tuple(map(str, model.classes_)), model.predict_proba(x))
        answers.save(Path(folder) / f"fold{fold}.npz")


def _embeddings(file: Path, clips: Sequence[Path]) -> np.ndarray:
    """Mean and maximum over the windows of each clip, `[N, 2048]`."""
    from ai_edge_litert.interpreter import Interpreter

    from edge_asc.audio.decode import load_audio

    network = Interpreter(str(file), experimental_preserve_all_tensors=True)
    network.allocate_tensors()
    tensor = network.get_input_details()[0]["index"]

    def embedded(samples: np.ndarray) -> np.ndarray:
        network.set_tensor(tensor, samples)
        network.invoke()
        return network.get_tensor(EMBEDDING).ravel().astype(np.float32)

    found = []
    for clip in clips:
        audio = np.asarray(load_audio(clip, 16_000), np.float32)
        whole = np.resize(audio, max(len(audio), WINDOW))
        starts = range(0, len(whole) - WINDOW + 1, WINDOW)
        windows = np.stack([embedded(whole[start : start + WINDOW]) for start in starts])
        found.append(np.concatenate([windows.mean(0), windows.max(0)]))
    return np.stack(found)


def encoder(file: str, out: str) -> None:
    """Let a file say that it is an encoder and hears windows of five seconds."""
    from teach.bank import encoder_file

    with atomic_write(Path(out)) as path:
        path.write_bytes(encoder_file(Path(file).read_bytes()))


def strange(ambience: str, folder: str) -> None:
    """Link recordings whose labels are no other name of a class of ESC-10; again is no harm."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    (out / "LICENSE.txt").write_text(STRANGE_LICENCE)
    with (Path(ambience) / "meta.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            if not row["label"].startswith("rain") and row["label"] not in LIKE_ESC_10:
                recording = Path(ambience).resolve() / row["filename"]
                with suppress(FileExistsError):  # folds run side by side
                    (out / recording.name).symlink_to(recording)


def keep(table: str, file: str) -> None:
    """Copy a table of answers, its clips by their names alone."""
    with Path(table).open(newline="") as source:
        head, *rows = csv.reader(source)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(Path(file)) as path, path.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows([head, *([Path(clip).name, *row] for clip, *row in rows)])


def table(folder: str) -> None:
    """Print accuracy and log loss of each row, and how far its accuracy is from the first's."""
    work = Path(folder)
    found = {row: {file.name: file for file in work.glob(f"{row}/*.csv")} for row in WORDS}
    lines = []
    for row, files in found.items():
        common = _whole_seeds(files.keys() & found["base"].keys())
        if not common:
            continue
        lines.append([WORDS[row], str(len(common)), *_figures([files[name] for name in common])])
        if row != "base":
            pair = {"base": [found["base"][n] for n in common], row: [files[n] for n in common]}
            lines[-1] += _difference(ea.compare(pair).differences[0])
    heads = ["added", "networks", "right, %", "log loss", "points more (95 % interval)", "p"]
    print(markdown(heads, [[*line, *[""] * (len(heads) - len(line))] for line in lines]))
    print(made_line(made()))


def _whole_seeds(names: Iterable[str]) -> list[str]:
    """Of files called foldF-seedS.csv those of the seeds that have all folds."""
    seeds: dict[str, list[str]] = {}
    for name in sorted(names):
        seeds.setdefault(name.partition("-seed")[2], []).append(name)
    return [name for of in seeds.values() if len(of) == INNER_FOLDS for name in of]


def _figures(files: Sequence[Path]) -> list[str]:
    """Accuracy, and log loss at the best temperature, of all clips together."""
    both = [predictions(file) for file in files]
    p, truth = (np.concatenate(parts) for parts in zip(*both, strict=True))
    return together.figures(p, truth)


def _difference(found: dict[str, Any]) -> list[str]:
    low, high = (100 * x for x in found["interval"] or (0, 0))  # None: the same on every clip
    return [f"{100 * found['difference']:+.2f} ({low:+.2f} to {high:+.2f})", f"{found['p']:.3f}"]


if __name__ == "__main__":
    verbs = (inner, yamnet, encoder, strange, keep, table)
    commands = {verb.__name__: verb for verb in verbs}
    commands[sys.argv[1]](*sys.argv[2:])
