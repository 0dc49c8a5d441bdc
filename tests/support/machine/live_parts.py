"""What stands around the live loop in its tests: a source of prepared blocks, and an output."""

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_asc.demo.events import Decision, Health, Notice
from edge_asc.demo.live import Live
from edge_asc.demo.outputs.output import Output
from edge_asc.demo.sources.source import Block, SourceCounts
from edge_asc.runtime.classifier import Classifier


class Heard(Output):
    """Keeps everything it is told; `order` holds all but audio and frames as they came."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.healths: list[Health] = []
        self.told: list[Notice] = []
        self.models: list[Classifier] = []
        self.audio: list[np.ndarray] = []
        self.frames: list[np.ndarray] = []
        self.order: list[Any] = []
        self.closed = False
        self.on_audio = self.audio.append  # type: ignore[method-assign]
        self.on_frames = self.frames.append  # type: ignore[method-assign]

    def on_decision(self, decision: Decision) -> None:
        self._keep(self.decisions, decision)

    def on_health(self, health: Health) -> None:
        self._keep(self.healths, health)

    def on_notice(self, notice: Notice) -> None:
        self._keep(self.told, notice)

    def on_model(self, classifier: Classifier) -> None:
        self._keep(self.models, classifier)

    def _keep(self, of_kind: list[Any], what: Any) -> None:
        of_kind.append(what)
        self.order.append(what)

    def close(self) -> None:
        self.closed = True


class Played:
    """A source that gives prepared blocks, one a read; `before[i]` is called before block i."""

    def __init__(
        self, *blocks: Block | None, before: dict[int, Callable[[], Any]] | None = None
    ) -> None:
        self.name, self.state = "played", "listening"
        self.counts = SourceCounts()
        self.before = before or {}
        self._blocks, self._n_read = list(blocks), 0

    def read(self, timeout_s: float) -> Block | None:
        self.before.get(self._n_read, lambda: None)()
        self._n_read += 1
        if not self._blocks:
            self.state = "ended"
            return None
        return self._blocks.pop(0)

    def notices(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


def heard(classifier: Classifier, source: Any, hop_s: float = 0.5, **kwargs: Any) -> Heard:
    """All that a live loop says of a source."""
    found = Heard()
    Live(source, classifier, found, hop_s, **kwargs).run(lambda: False)
    return found
