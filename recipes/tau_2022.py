"""TAU 2022 Mobile with official names and generated sound, and an evaluation set without labels.

    python recipes/tau_2022.py LISTS OUT [--clips N]

LISTS holds the lists of DCASE 2024: split5.csv and test.csv. Every so many of their names get a
second of sound at 44.1 kHz: noise of the scene's own colour that beats at its own rate, with the
response of its device. OUT/TAU is laid out as published, with split5.csv beside meta.csv;
OUT/EVALUATION holds numbered clips, the list that the task of 2025 gives (with the devices), and
truth.csv beside it. Generated sound says nothing about real scenes: it shows the way.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from edge_asc.data.labels import TAU_SCENES

RATE_HZ, CLIP_S = 44100, 1.0
BEATS_HZ = 2.0  # of the first scene; each further one beats faster by as much
DEVICES = ("a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6")
EVALUATION_PART = 4  # of the test names, every so many becomes a clip of the evaluation set
HEAD = "filename\tscene_label"


def read_names(path: Path, n: int) -> list[str]:
    """Every so many of a list's names, about n."""
    names = [line.split("\t")[0] for line in path.read_text("utf-8").splitlines()[1:] if line]
    return names[:: max(1, len(names) // n)]


def write_sound(path: Path, scene: str, device: str, seed: str) -> None:
    """A clip: the scene decides its colour and rhythm, the device its response."""
    rng = np.random.default_rng(list(seed.encode()))
    n, number = round(CLIP_S * RATE_HZ), TAU_SCENES.index(scene)
    frequencies_hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    octaves = np.log2(np.maximum(frequencies_hz, 50) / 1000)
    colour_db = -3 * octaves + 6 * np.cos(octaves * (1 + number / 4) + number)
    tilt_db = (DEVICES.index(device) - 4) * octaves  # of the microphone
    shaped = np.fft.rfft(rng.standard_normal(n)) * 10 ** ((colour_db + tilt_db) / 20)
    noise = np.fft.irfft(shaped, n)
    beats = BEATS_HZ * (1 + number) * np.arange(n) / RATE_HZ + rng.random()
    sound = noise / noise.std() * (1 + 0.8 * np.sin(2 * np.pi * beats))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.05 * 10 ** (rng.normal(0, 0.15)) * sound, RATE_HZ, subtype="PCM_24")


def parts(name: str) -> tuple[str, str, str]:
    """Scene, place and device of an official name."""
    scene, city, location, *_, device = Path(name).stem.split("-")
    return scene, f"{city}-{location}", device


def write_list(path: Path, head: str, lines: Sequence[str]) -> None:
    """A list as the tasks publish them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in (head, *lines)), "utf-8")


def write_development(root: Path, train: Sequence[str], test: Sequence[str]) -> None:
    """The development set: meta.csv, lists, sound."""
    meta = []
    for name in (*train, *test):
        scene, place, device = parts(name)
        meta.append(f"{name}\t{scene}\t{place}\t{device}")
        write_sound(root / name, scene, device, name)
    write_list(root / "meta.csv", f"{HEAD}\tidentifier\tsource_label", meta)
    labelled = [[f"{name}\t{parts(name)[0]}" for name in side] for side in (train, test)]
    write_list(root / "evaluation_setup/fold1_train.csv", HEAD, labelled[0])
    write_list(root / "evaluation_setup/fold1_evaluate.csv", HEAD, labelled[1])
    write_list(root / "split5.csv", HEAD, labelled[0])


def write_evaluation(root: Path, names: Sequence[str]) -> None:
    """The evaluation set: numbered clips of other seconds, a list without scenes."""
    rows, truth = [], []
    for number, name in enumerate(names):
        scene, _, device = parts(name)
        file = f"audio/{number}.wav"
        write_sound(root / file, scene, device, f"evaluation {name}")
        rows.append(f"{file}\t{device}")
        truth.append(f"{file}\t{scene}")
    write_list(root / "evaluation_setup/fold1_test.csv", "filename\tdevice_id", rows)
    write_list(root / "truth.csv", HEAD, truth)


def main() -> None:
    """Write both sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lists", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--clips", type=int, default=600, help="training clips, and test clips")
    args = parser.parse_args()
    train = read_names(args.lists / "split5.csv", args.clips)
    test = read_names(args.lists / "test.csv", args.clips)
    write_development(args.out / "TAU", train, test)
    write_evaluation(args.out / "EVALUATION", test[::EVALUATION_PART])
    print(f"{len(train)} training and {len(test)} test clips of TAU 2022's names in {args.out}")


if __name__ == "__main__":
    main()
