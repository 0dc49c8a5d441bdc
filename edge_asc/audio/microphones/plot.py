"""A picture of simulated microphones' frequency responses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_asc.audio.microphones.filters import SimulatedMicrophone
from edge_asc.plotting import new_figure, save_figure

LOWEST_DB, HIGHEST_DB = -50, 15
FREQUENCIES_HZ = np.geomspace(20, 20000, 800)


def save_responses(microphones: Sequence[SimulatedMicrophone], path: Path) -> None:
    """Draw gain over frequency as a PNG, one panel per family."""
    families = list(dict.fromkeys(microphone.parts.family for microphone in microphones))
    figure = new_figure(4 * len(families), 3.5)
    panels = figure.subplots(1, len(families), sharey=True, squeeze=False)[0]
    for axes, family in zip(panels, families, strict=True):
        for microphone in (d for d in microphones if d.parts.family == family):
            gains_db = microphone.parts.response.gains_db(FREQUENCIES_HZ) + microphone.parts.gain_db
            axes.semilogx(FREQUENCIES_HZ, gains_db, label=microphone.name, linewidth=1)
        axes.set(title=family, xlabel="Hz", ylim=(LOWEST_DB, HIGHEST_DB))
        axes.grid(alpha=0.3)
        axes.legend(fontsize="x-small")
    panels[0].set_ylabel("gain, dB")
    save_figure(figure, path)
