"""Where the time of a training step goes: data, augmentation, teachers, network, the rest.

    python bench/training_parts.py [PRESET]      prints Markdown; compact-int8 by default

The teacher is the preset's network with twice the channels. One thread, processor time, the median
of several steps, in bfloat16 where the processor has it and compiled where there is a compiler.
Needs no data: features are noise.
"""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import torch

from edge_asc.config.schema import AugmentConfig, Config, load_preset
from edge_asc.models import build
from edge_asc.models.forward import compiled
from edge_asc.training.augment.features import Augmenter
from edge_asc.training.callbacks.average import AveragedWeights
from edge_asc.training.inputs.batches import Epochs, FeatureStore
from edge_asc.training.inputs.torch_frontend import TorchFrontEnd
from edge_asc.training.losses.distillation import Teachers, soft_losses
from edge_asc.training.placement import cpu_has_bfloat16
from edge_asc.training.step import build_optimizer, task_losses

N_CLIPS, N_CLASSES, REPEATS, WARM_UP = 320, 10, 12, 3
SOUND = {"response_db": 6.0, "noise_probability": 1.0, "sound_mix": 1.0}


def cost_ms(part: Callable[[], Any]) -> float:
    """Processor time of one call."""
    times = []
    for _ in range(WARM_UP + REPEATS):
        started = time.process_time()
        part()
        times.append(time.process_time() - started)
    return 1000 * statistics.median(times[WARM_UP:])


def noise_store(config: Config) -> FeatureStore:
    """Clips of five seconds."""
    frontend = config.front_end()
    n_frames = frontend.n_frames(5 * frontend.sample_rate_hz)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(frontend.n_mels, n_frames)).astype("f4") for _ in range(N_CLIPS)]
    return FeatureStore(arrays, [[i % N_CLASSES for i in range(N_CLIPS)]], [N_CLASSES])


def augment_parts(config: Config, store: FeatureStore) -> dict[str, float]:
    """Each augmentation alone, less what normalisation costs."""
    mels = [0.0] * store.n_mels
    frontend = config.front_end().with_statistics(mels, [1.0] * store.n_mels)
    normalize = TorchFrontEnd(frontend).normalize
    raw, _ = store.batch(np.arange(config.train.batch_size), np.zeros(99, int), store.n_frames)
    targets = (torch.eye(N_CLASSES).repeat(10, 1)[: len(raw)],)

    def cost(settings: AugmentConfig) -> float:
        augmenter, rng = Augmenter(settings, normalize, frontend.log), np.random.default_rng(0)
        return cost_ms(lambda: augmenter(raw, targets, rng))

    plain = cost(AugmentConfig())
    parts = {"normalisation": plain, "the preset's augmentation": cost(config.augment) - plain}
    for name, value in SOUND.items():
        parts[f"{name} = {value:g}"] = cost(AugmentConfig(**{name: value})) - plain  # type: ignore[arg-type]
    return parts


def network_parts(config: Config, x: torch.Tensor) -> dict[str, float]:
    """Forward, backward, teacher, and what follows the gradients."""
    network = build(config.model.name, config.model.options, N_CLASSES).train()
    wide = {"channels": [2 * c for c in config.model.options["channels"]]}
    teacher = build(config.model.name, config.model.options | wide, N_CLASSES)
    teachers = Teachers([teacher], 2.0, compile=True)
    forward = compiled(network)
    target = torch.eye(N_CLASSES).repeat(10, 1)[: len(x)]
    optimizer = build_optimizer(network, config.train)
    average = AveragedWeights(network, 0.995)
    average.on_train_start(None, None)  # type: ignore[arg-type]

    def step(backward: bool) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bfloat16()):
            logits = forward(x)
        if backward:
            optimizer.zero_grad()
            task_losses(logits, (target,), 0.05)[0].backward()

    def teach() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bfloat16()):
            answers = teachers(x)
        soft_losses((target,), answers, 2.0)

    def after() -> None:
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        average.on_train_batch_end()

    forward_ms = cost_ms(lambda: step(False))
    both_ms = cost_ms(lambda: step(True))
    return {
        "forward": forward_ms,
        "backward": both_ms - forward_ms,
        "clipping, optimiser, averaged weights": cost_ms(after),
        "one teacher of twice the channels": cost_ms(teach),
    }


def main(preset: str = "compact-int8") -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    config = load_preset(preset)
    store = noise_store(config)
    batch = config.train.batch_size
    batches = iter(())

    def data() -> None:
        nonlocal batches
        if next(batches, None) is None:
            batches = iter(Epochs(store, batch, store.n_frames, 0))

    x = torch.randn(batch, 1, store.n_mels, store.n_frames)
    parts = {"data": cost_ms(data)}
    parts |= augment_parts(config, store) | network_parts(config, x)
    print(f"{preset}, batch {batch}, {store.n_mels} mels x {store.n_frames} frames, one thread\n")
    print("| part of a step | ms |\n| --- | ---: |")
    for name, ms in parts.items():
        print(f"| {name} | {ms:.1f} |")
    cores = f"{os.cpu_count()} cores, {platform.machine()}"
    print(f"\n{date.today()}; {cores}; torch {torch.__version__}")


if __name__ == "__main__":
    main(*sys.argv[1:])
