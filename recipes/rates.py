"""The learning rate of the paper's presets beside the public code's formula, for RESULTS.md.

    python recipes/rates.py | python recipes/tables.py fill RESULTS.md rates

The formula stands here once more, apart from `edge_asc.training.step`, and every step is compared.
"""

import math

from tables import made, made_line, markdown

from edge_asc.config.schema import load_preset
from edge_asc.training.step import learning_rate

PRESET = "paper/table2-extended"
CLIPS = 13_965  # of the official training list
EPOCHS = (*range(13), 20, 40, 79, 80, 81, 120, 160)
WARM_EPOCHS, PERIOD_EPOCHS, BASE, FLOOR = 10, 80, 0.001, 1e-6
CLOSE = 1e-6  # relative: doubles rounded in another order


def formula(step: int, n_steps: int) -> float:
    """The public code's rate at a step, with so many steps in an epoch."""
    epoch, b = divmod(step, n_steps)
    if epoch <= WARM_EPOCHS:
        return BASE + 0.009 * (epoch - 1 + b / n_steps) / WARM_EPOCHS
    angle = math.pi * (step % (PERIOD_EPOCHS * n_steps)) / (PERIOD_EPOCHS * n_steps)
    return FLOOR + (BASE - FLOOR) * (1 + math.cos(angle)) / 2


def main() -> None:
    """Print the table, and how far apart the two are at most."""
    config = load_preset(PRESET).train
    n_steps = CLIPS // config.batch_size
    rows = []
    for epoch in EPOCHS:
        both = learning_rate(config, epoch * n_steps, n_steps), formula(epoch * n_steps, n_steps)
        rows.append([str(epoch), *(f"{rate:.6f}" for rate in both)])
    print(markdown(["epoch", "ours", "formula"], rows))
    n = config.epochs * n_steps
    apart = max(
        abs(learning_rate(config, step, n_steps) / formula(step, n_steps) - 1) for step in range(n)
    )
    if apart > CLOSE:
        raise SystemExit(f"{PRESET} is {100 * apart:.3g} % from the formula at some step")
    print(f"\nFirst step of each epoch, from 0; {n_steps} steps an epoch, {n:,} in")
    print(f"{config.epochs} epochs. None is further from the formula than {CLOSE:g} of the rate.")
    print(made_line(made()))


if __name__ == "__main__":
    main()
