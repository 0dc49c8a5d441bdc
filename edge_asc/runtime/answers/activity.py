"""How much of a stretch of sound is any sound: what cannot be heard by anybody has no name.

Digital silence, an input with nothing plugged in (a constant, or the last bit to and fro) and the
edges that a resampler gives to them look to a network like some scene or other.
"""

import numpy as np
import numpy.typing as npt

STEP_S = 0.01
LEAST_RANGE = 1.5e-4  # from the lowest to the highest sample: five steps of 16 bits


class Activity:
    """Remembers which steps of a sound moved at all; as much of it as windows still need.

    Args:
        sample_rate_hz: of the blocks.
        keep_s: how long a step is asked about after it was heard.
    """

    def __init__(self, sample_rate_hz: int, keep_s: float) -> None:
        self._step = max(1, round(STEP_S * sample_rate_hz))  # samples
        self._step_s = self._step / sample_rate_hz
        self._kept = int(keep_s / self._step_s) + 2
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._rest = np.zeros(0)
        self._moved = np.zeros(0, bool)  # of each step
        self._gone = 0  # steps before those

    def feed(self, block: npt.ArrayLike) -> None:
        """Take samples `[n]`."""
        samples = np.concatenate([self._rest, np.asarray(block).ravel()])
        whole = len(samples) - len(samples) % self._step
        steps = samples[:whole].reshape(-1, self._step)
        self._moved = np.concatenate([self._moved, np.ptp(steps, axis=1) > LEAST_RANGE])
        self._rest = samples[whole:]

    def audible_s(self, start_s: float, end_s: float) -> float:
        """Seconds of sound from one second to another that moved; in whole steps."""
        first, last = (round(s / self._step_s) - self._gone for s in (start_s, end_s))
        found = int(self._moved[max(first, 0) : max(last, 0)].sum())
        rest = self._rest.size and first <= len(self._moved) < last
        return self._step_s * (found + int(rest and np.ptp(self._rest) > LEAST_RANGE))

    def forget(self) -> None:
        """Let go of steps that no window begins before any more."""
        late = max(0, len(self._moved) - self._kept)
        self._moved, self._gone = self._moved[late:], self._gone + late
