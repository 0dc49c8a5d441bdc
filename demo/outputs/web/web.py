"""The live web page: what is heard goes to any number of browsers, in a thread of its own.

The live loop's calls keep the latest state, write a message once and hand it over; with no browser
connected they keep the state and do nothing else.
"""

import time
from typing import Any

import numpy as np

from edge_asc.demo.events import Decision, Health, Notice, json_text
from edge_asc.demo.hearing.levels import Level
from edge_asc.demo.outputs.address import is_loopback, listen, resolve, url_of
from edge_asc.demo.outputs.output import Output
from edge_asc.demo.outputs.web.access import Access, Gate, check_token, parse_ancestors
from edge_asc.demo.outputs.web.app import make_app
from edge_asc.demo.outputs.web.hub import RENEWED, Hub, Message, audio_message, frames_message
from edge_asc.demo.outputs.web.review import Review
from edge_asc.demo.outputs.web.server import ServerThread
from edge_asc.demo.outputs.web.spectrogram import Decibels
from edge_asc.demo.outputs.web.state import LiveState
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import Metadata

SEND_EVERY_S = 0.09  # frames, audio and decisions; ten times a second when blocks are of 20 ms


class WebOutput(Output):
    """Serves the page from construction to `close`.

    Args:
        address: `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`; without a host on loopback.
        token: what visitors must know; may be None on loopback alone.
        stream_audio: whether visitors may listen.
        model: `Classifier.id`; None: the model's name.
        review: of the clips that are kept, for visitors with the token; None: none are kept.
        frame_ancestors: origins whose pages may frame this one, with blanks between; None: none.

    Raises:
        ValueError: the address is none, or the token is missing or too short.
        OSError: the address cannot be had, or the server did not start.
    """

    what = "the web page"

    def __init__(
        self,
        address: str,
        metadata: Metadata,
        frontend: FrontEnd,
        *,
        token: str | None,
        stream_audio: bool,
        model: str | None = None,
        review: Review | None = None,
        frame_ancestors: str | None = None,
    ) -> None:
        ancestors = parse_ancestors(frame_ancestors)
        _, (host, _) = resolve(address)
        check_token(token, address, is_loopback(host))
        listener = listen(address)
        self.url = url_of(listener)
        self._decibels = Decibels(frontend)
        name = model or metadata.name
        self._review, self._reviewable = review, token is not None
        kept = self._kept()
        self._state = LiveState(metadata, frontend, stream_audio, time.time(), name, kept)
        self._hub = Hub()
        self._level = Level()
        self._audio: list[np.ndarray] | None = [] if stream_audio else None
        self._n_sent = 0  # frames
        self._next_frames = self._next_audio = self._next_decision = 0.0  # monotonic seconds
        self._waiting: dict[str, Any] | None = None  # a decision that came too soon to be sent
        self._notices = [f"page at {self.url}"]
        gate = Gate(token, listener.getsockname()[1], ancestors)
        app = make_app(self._state, self._hub, gate, review)
        self._server = ServerThread(Access(app, gate), listener)

    def _kept(self) -> dict[str, Any] | None:
        return None if self._review is None else self._review.told(self._reviewable)

    def on_decision(self, decision: Decision) -> None:
        """Show it, unless a file is read so fast that another follows at once."""
        if decision.changed:
            self._tell_decision()  # the one before: a page must see where its scene ended
        self._waiting = self._state.add_decision(decision)
        if decision.changed or self._waiting["day"] or time.monotonic() >= self._next_decision:
            self._tell_decision()

    def _tell_decision(self) -> None:
        message, self._waiting = self._waiting, None
        if message:
            self._next_decision = time.monotonic() + SEND_EVERY_S
            self._tell(message)

    def _tell(self, message: dict[str, Any]) -> None:
        if self._hub.n_clients:
            self._hub.publish(Message(json_text(message)))

    def on_health(self, health: Health) -> None:
        """Show it.

        Raises:
            OSError: the server's thread ended by itself.
        """
        self._server.check()
        self._tell_decision()
        self._tell(self._state.add_health(health))

    def on_notice(self, notice: Notice) -> None:
        """Show it."""
        self._tell(self._state.add_notice(notice))

    def on_model(self, classifier: Classifier) -> None:
        """Tell every page all of it anew, behind the last decision of the old model."""
        self._tell_decision()
        self._decibels = Decibels(classifier.frontend)
        if self._review is not None:
            self._review.use(classifier.frontend)
        self._state.use(classifier.metadata, classifier.frontend, classifier.id, self._kept())
        self._n_sent = min(self._n_sent, self._state.n_frames)
        if self._audio is not None:
            self._audio.clear()  # may be at another rate
        self._hub.publish(RENEWED)

    def on_audio(self, samples: np.ndarray) -> None:
        """Measure the level; keep the samples when somebody listens who may."""
        if not self._hub.n_clients:
            return
        self._level.add(samples)
        if self._audio is not None and self._hub.n_listeners:
            self._audio.append(samples.copy())
            if time.monotonic() >= self._next_audio:
                self._next_audio = time.monotonic() + SEND_EVERY_S
                self._hub.publish(audio_message(np.concatenate(self._audio)))
                self._audio.clear()

    def on_frames(self, frames: np.ndarray) -> None:
        """Show them, a few at a time."""
        self._state.add_frames(self._decibels.quantise(frames))
        if not self._hub.n_clients:
            self._n_sent = self._state.n_frames
        elif time.monotonic() >= self._next_frames:
            self._next_frames = time.monotonic() + SEND_EVERY_S
            first, content = self._state.frames_since(self._n_sent)
            self._n_sent = self._state.n_frames
            self._hub.publish(frames_message(first, content, *self._level.take()))

    def notices(self) -> list[str]:
        """Where the page is, once, and what goes wrong in its server."""
        told, self._notices = self._notices, []
        return told + self._server.notices()

    def close(self) -> None:
        """Say goodbye to the browsers and end the thread."""
        self._hub.close()
        self._server.close()
