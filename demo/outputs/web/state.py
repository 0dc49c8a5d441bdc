"""What a page is told: everything when it opens, then what is new.

The live thread writes, the server's thread reads; a lock is held for microseconds.
"""

import threading
from collections import deque
from typing import Any

import numpy as np

from edge_asc import __version__
from edge_asc.demo.events import SILENCE_DBFS, UNSURE, Decision, Health, Notice, json_text
from edge_asc.demo.outputs.web.day import DayKeeper
from edge_asc.demo.outputs.web.spectrogram import HISTORY_S, FrameHistory, description
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.metadata import Metadata

N_NOTICES = 50


class LiveState:
    """The latest decision and health, the last notices and frames, and the day.

    `kept` is what pages are told of clips that are kept; None: none are.
    """

    def __init__(
        self,
        metadata: Metadata,
        frontend: FrontEnd,
        stream_audio: bool,
        time_s: float,
        model: str,
        kept: dict[str, Any] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._days = DayKeeper(metadata.clip_s, time_s)
        self._notices: deque[Notice] = deque(maxlen=N_NOTICES)
        self.health: Health | None = None
        self._started_s, self._stream_audio, self._kept = time_s, stream_audio, kept
        self._frontend = frontend
        self._frames = self._history()
        self._begin(metadata, frontend, model)

    def use(
        self,
        metadata: Metadata,
        frontend: FrontEnd,
        model: str,
        kept: dict[str, Any] | None = None,
    ) -> None:
        """Another model listens; the day goes on, and frames of the same features do."""
        with self._lock:
            self._kept = kept
            self._days.window_s = metadata.clip_s
            same, self._frontend = frontend.key() == self._frontend.key(), frontend
            if not same:
                self._frames = self._history()
            self._begin(metadata, frontend, model)

    def _history(self) -> FrameHistory:
        return FrameHistory(round(HISTORY_S * self._frontend.frames_per_s))

    def _begin(self, metadata: Metadata, frontend: FrontEnd, model: str) -> None:
        self.decision: Decision | None = None
        self._model = model
        self._fixed = {
            "type": "hello",
            "version": __version__,
            "started_s": self._started_s,
            "metadata": {
                "id": model,
                "name": metadata.name,
                "precision": metadata.precision,
                "labels": metadata.labels,
                "abstract_labels": metadata.abstract_labels,
                "clip_s": metadata.clip_s,
            },
            "unsure": UNSURE,
            "silence_dbfs": SILENCE_DBFS,
            "spectrogram": description(frontend),
            "kept": self._kept,
            "audio_rate_hz": frontend.sample_rate_hz if self._stream_audio else None,
        }

    @property
    def n_frames(self) -> int:
        """Frames so far."""
        return self._frames.n_seen

    def add_frames(self, frames: np.ndarray) -> None:
        """Keep frames `[k, M]`, bytes."""
        with self._lock:
            self._frames.add(frames)

    def frames_since(self, first: int) -> tuple[int, bytes]:
        """Frames from number `first` on, as far as they are kept."""
        with self._lock:
            return self._frames.since(first)

    def add_decision(self, decision: Decision) -> dict[str, Any]:
        """Take a decision; give the message for pages."""
        with self._lock:
            segment, new_day = self._days.add(decision)
            self.decision = decision
            return {
                "type": "decision",
                "decision": decision,
                "segment": segment,
                "seconds": self._days.day.seconds[decision.scene],
                "day": self._days.day.to_dict() if new_day else None,
            }

    def add_health(self, health: Health) -> dict[str, Any]:
        """Take a health; give the message for pages."""
        with self._lock:
            new_day = self._days.roll(health.time_s)
            self.health = health
            day = self._days.day.to_dict() if new_day else None
        return {"type": "health", "health": health, "day": day}

    def add_notice(self, notice: Notice) -> dict[str, Any]:
        """Take a notice; give the message for pages."""
        with self._lock:
            self._notices.append(notice)
        return {"type": "notice", "notice": notice}

    def hello(self, time_s: float, page: str) -> str:
        """The whole state but for frames.

        Pages set their clock by `time_s` (Unix). `page` stands for the files of the page; one that
        was made of others loads itself anew.
        """
        with self._lock:
            self._days.roll(time_s)
            changing = {
                "time_s": time_s,
                "page": page,
                "day": self._days.day.to_dict(),
                "decision": self.decision,
                "health": self.health,
                "notices": list(self._notices),
            }
            fixed = self._fixed
        return json_text({**fixed, **changing})

    def summary(self) -> str:
        """For scripts: model, latest decision, health, seconds per scene of the day."""
        with self._lock:
            day = self._days.day
            today = {"date": day.date, "seconds": dict(day.seconds)}
            model = self._model
        state = {"model": model, "decision": self.decision, "health": self.health}
        return json_text({**state, "today": today})
