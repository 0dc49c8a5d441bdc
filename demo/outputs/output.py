"""Where decisions go: the interface of everything that shows, writes or sends them.

The live loop calls these methods from its own thread, one after another. None may block: what talks
to a disk, a network or a browser keeps its own bounded queue and says so in `Health` or a notice.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from edge_asc.demo.events import Decision, Health, Notice
from edge_asc.runtime.classifier import Classifier


class Output:
    """Does nothing; an output overrides what it is interested in."""

    def on_decision(self, decision: Decision) -> None:
        """A decision was made."""

    def on_health(self, health: Health) -> None:
        """About once a second, whether audio comes or not, and when the source's state changes."""

    def on_notice(self, notice: Notice) -> None:
        """Something a person should know happened."""

    def on_model(self, classifier: Classifier) -> None:
        """Another model listens from now on; its decisions come next, and then never the old one's.

        Read it only: the live loop runs it.
        """

    def on_begin(self, position_s: float) -> None:
        """What is heard from here on, this far into the audio, does not follow what was before."""

    def on_audio(self, samples: np.ndarray) -> None:
        """Audio `[n]` at the model's rate, float32, full scale 1, on its way to the features."""

    def on_frames(self, frames: np.ndarray) -> None:
        """Raw features `[M, k]`, k ≥ 1, not normalised, in order and each once."""

    def notices(self) -> list[str]:
        """What a person should know of the output itself and was not told yet: a full disk."""
        return []

    def close(self) -> None:
        """Write out what is pending and let go of everything, within 0.3 s."""


def _each(name: str) -> Any:
    """A method that calls that of every output."""

    def call(self: "Outputs", what: Any) -> None:
        for output in self.outputs:
            getattr(output, name)(what)

    return call


class Outputs(Output):
    """Several outputs as one, called in their order."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self.outputs = tuple(outputs)

    on_decision, on_health, on_notice = _each("on_decision"), _each("on_health"), _each("on_notice")
    on_model, on_audio, on_frames = _each("on_model"), _each("on_audio"), _each("on_frames")
    on_begin = _each("on_begin")

    def notices(self) -> list[str]:
        """What any of them has to say."""
        return [text for output in self.outputs for text in output.notices()]

    def close(self) -> None:
        """Close all, the last one first; all of them when one fails."""
        with ExitStack() as stack:
            for output in self.outputs:
                stack.callback(output.close)
