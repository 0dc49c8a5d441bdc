"""What a training step costs on a GPU, alone and side by side.

    python bench/side_by_side.py [PRESET] [KEY=VALUE...]      prints Markdown; esc50/128k by default

Random clips. `from the host`: the same step started kernel by kernel; `recorded`: as a CUDA graph;
`compiled`: recorded, the network compiled before. Milliseconds of a step of one network, host and
device together: time of many steps of all networks over their number.
"""

import sys
import time
from datetime import date

import msgspec
import numpy as np
import torch

from edge_asc.config.schema import Config, load_preset
from edge_asc.course import Course, Shelf
from edge_asc.models import build
from edge_asc.training.inputs.batches import FeatureStore
from edge_asc.training.inputs.load import Material

N_CLIPS, CLASSES, STEPS = 640, 50, 60
SIDE_BY_SIDE = (1, 5, 15)
DEVICE = torch.device("cuda")


def material(config: Config) -> Material:
    """Clips of noise."""
    frontend = config.front_end()
    n_frames = frontend.n_frames(round((config.data.crop_s or 5.0) * frontend.sample_rate_hz))
    rng = np.random.default_rng(0)
    shape = (N_CLIPS, frontend.n_mels, n_frames)
    clips = FeatureStore(
        list(rng.normal(size=shape).astype(np.float32)), [np.arange(N_CLIPS) % CLASSES], [CLASSES]
    )
    frontend = frontend.with_statistics((0.0,) * frontend.n_mels, (1.0,) * frontend.n_mels)
    return Material(clips, None, None, frontend, n_frames, 5.0)


def courses(config: Config, number: int, record: bool) -> list[Course]:
    """New networks on the same clips, ready to go."""
    on_what = material(config)
    shelf = Shelf.of(on_what.train, DEVICE)
    made = []
    for seed in range(number):
        torch.manual_seed(seed)
        network = build(config.model.name, config.model.options, CLASSES, 0)
        made.append(Course(network, config, on_what, shelf, seed, [], DEVICE))
        made[-1].prepare(record)
    return made


def step_ms(running: list[Course], first: int) -> float:
    """Time of `STEPS` steps of all, per network and step."""
    torch.cuda.synchronize()
    started = time.perf_counter()
    for step in range(first, first + STEPS):
        for course in running:
            course.go(step)
    torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - started) / STEPS / len(running)


def main(preset: str = "esc50/128k", *overrides: str) -> None:
    """Measure and print."""
    if not torch.cuda.is_available():
        raise SystemExit("bench/side_by_side.py: no CUDA GPU here")
    config = load_preset(preset, overrides)
    steps_per_epoch = N_CLIPS // config.train.batch_size
    epochs = 1 + 3 * STEPS // steps_per_epoch
    train = msgspec.structs.replace(config.train, epochs=epochs, plain_part=0.0)
    print(f"{preset} {' '.join(overrides)}\n")
    print("| step | networks | ms a step and network | s to prepare |")
    print("| --- | ---: | ---: | ---: |")
    for how, compiled in (("from the host", False), ("recorded", False), ("compiled", True)):
        settings = msgspec.structs.replace(
            config, train=msgspec.structs.replace(train, compile=compiled)
        )
        for number in SIDE_BY_SIDE[:1] if how == "from the host" else SIDE_BY_SIDE:
            started = time.perf_counter()
            running = courses(settings, number, record=how != "from the host")
            prepared = time.perf_counter() - started
            step_ms(running, 0)
            ms = min(step_ms(running, STEPS * n) for n in (1, 2))
            print(f"| {how} | {number} | {ms:.2f} | {prepared:.1f} |", flush=True)
            del running
    card = torch.cuda.get_device_name()
    print(f"\n{date.today()}; {card}; torch {torch.__version__}.", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
