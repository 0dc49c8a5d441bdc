"""Which hertz and seconds a row and a column of a feature map stand for.

Letters: M mels, F frames. Every convolution and pooling on the way to a map moves and stretches its
axes; padding is what moves them. Positions are centres of what a row or column was computed from,
counted in mels or frames of the network's input; attention, which looks everywhere, is left out.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_asc.frontend.front_end import FrontEnd
from edge_asc.frontend.mel import hz_to_mel

TICKS_HZ = tuple(n * 10**power for power in (2, 3, 4) for n in (1, 2, 5))
LEAST_TICK_DISTANCE = 0.045  # of the height of a picture
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """Position `first + step * i` on the input belongs to index i of the map."""

    step: float = 1.0
    first: float = 0.0

    def after(self, kernel: int, stride: int, padding: int) -> "Axis":
        """The axis behind a convolution or pooling: output j sees j * stride - padding on."""
        middle = (kernel - 1) / 2 - padding
        return Axis(self.step * stride, self.first + self.step * middle)

    def position(self, index: npt.ArrayLike) -> Floats:
        """Where indices of the map lie on the input."""
        return self.first + self.step * np.asarray(index, np.float64)

    def index(self, position: npt.ArrayLike) -> Floats:
        """Where positions on the input lie on the map; between two indices as a rule."""
        return (np.asarray(position, np.float64) - self.first) / self.step


@dataclass(frozen=True)
class Geometry:
    """Both axes of a map `[…, M, F]`; by default those of the input itself."""

    mels: Axis = field(default_factory=Axis)
    frames: Axis = field(default_factory=Axis)


def mel_of_hz(frontend: FrontEnd, frequency_hz: float) -> float:
    """The mel filter, or the place between two, whose centre a frequency is."""
    places_hz = (frontend.f_min_hz, frontend.top_hz, frequency_hz)
    lowest, highest, value = (hz_to_mel(hz, frontend.mel_scale) for hz in places_hz)
    return (value - lowest) / (highest - lowest) * (frontend.n_mels + 1) - 1


def seconds_of_frame(frontend: FrontEnd, frame: npt.ArrayLike, start_s: float = 0.0) -> Floats:
    """Middle of a frame; frame 0 lies at `start_s`."""
    return start_s + np.asarray(frame, np.float64) / frontend.frames_per_s


def ticks_hz(frontend: FrontEnd, axis: Axis, rows: int) -> dict[int, float]:
    """Round frequencies by the row, a fraction as a rule, of a map with so many rows."""
    chosen: dict[int, float] = {}
    last = -np.inf
    for frequency_hz in TICKS_HZ:
        if not frontend.f_min_hz <= frequency_hz <= frontend.top_hz:
            continue
        row = float(axis.index(mel_of_hz(frontend, frequency_hz)))
        if -0.5 <= row <= rows - 0.5 and row - last >= LEAST_TICK_DISTANCE * rows:
            chosen[frequency_hz], last = row, row
    return chosen
