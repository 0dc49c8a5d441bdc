"""Where decisions go: the interface of everything that shows, writes or sends them.

The live loop calls these methods from its own thread, one after another. None may block: what talks
to a disk, a network or a browser keeps its own bounded queue and says so in `Health` or a notice.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np

from edge_asc.demo.events import Decision, Health, Notice
from edge_asc.runtime.classifier import Classifier

log = logging.getLogger(__name__)


class Output:
    """Does nothing; an output overrides what it is interested in."""

    what = "output"  # it is, for people
    is_heard = True  # by a person or a program; without any such output listening is for nobody

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
            self.try_out(output, name, what)

    return call


class Outputs(Output):
    """Several outputs as one, called in their order.

    One that raises is closed and given up, which the others tell; when none is left that was there
    to be heard, its error is raised.
    """

    def __init__(self, outputs: Iterable[Output] = ()) -> None:
        self.outputs: tuple[Output, ...] = tuple(outputs)
        self._notices: list[str] = []

    def add(self, output: Output) -> None:
        """One more, called after the others."""
        self.outputs += (output,)

    on_decision, on_health, on_notice = _each("on_decision"), _each("on_health"), _each("on_notice")
    on_model, on_audio, on_frames = _each("on_model"), _each("on_audio"), _each("on_frames")
    on_begin = _each("on_begin")

    def try_out(self, output: Output, name: str, *arguments: Any) -> Any:
        """Call a method of an output; give it up when it raises."""
        try:
            return getattr(output, name)(*arguments)
        # Of any kind: an output stands on libraries that raise what they like, and none of it is a
        # reason to stop listening. It is told, in a notice and in the log of --debug.
        except Exception as error:
            self._give_up(output, error)
            return None

    def _give_up(self, output: Output, error: Exception) -> None:
        log.debug("%s failed", output.what, exc_info=error)
        self.outputs = tuple(other for other in self.outputs if other is not output)
        with suppress(Exception):
            output.close()
        if not any(other.is_heard for other in self.outputs):
            raise error
        why = " ".join(str(error).split()) or type(error).__name__
        self._notices.append(f"{output.what} has failed and is given up: {why}")

    def notices(self) -> list[str]:
        """What any of them has to say."""
        found = [self.try_out(output, "notices") or [] for output in self.outputs]
        told, self._notices = self._notices, []
        return [text for texts in (*found, told) for text in texts]

    def close(self) -> None:
        """Close all, the last one first; all of them when one fails.

        Raises:
            OSError: what the first to fail says.
        """
        failed: list[str] = []
        for output in reversed(self.outputs):
            try:
                output.close()
            except (
                Exception
            ) as error:  # of any kind, as in `try_out`; the first one is raised below
                log.debug("%s does not close", output.what, exc_info=error)
                failed.append(f"{output.what}: {error}")
        self.outputs = ()
        if failed:
            raise OSError(failed[0])
