"""The page's review: kept clips, their sound and pictures, and what a person says they are.

Only who brings the token gets here (`access.Gate`); a page on loopback without one has no review.
"""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from edge_asc.audio.decode import AudioError, load_audio
from edge_asc.demo.events import json_text
from edge_asc.demo.outputs.keep.names import BACKGROUND
from edge_asc.demo.outputs.keep.review import words
from edge_asc.demo.outputs.keep.store import Clip, Store
from edge_asc.demo.outputs.web.spectrogram import Decibels
from edge_asc.frontend.front_end import FrontEnd

MAX_BODY_BYTES = 2048
MOST_SHOWN = 2000  # clips; more come when these have labels
ACTIONS = ("start", "cancel", "swap", "back")


class Teacher(Protocol):
    """Who makes a model of the clips with labels, and puts it in the running one's place.

    No method waits for the teaching.
    """

    def start(self, folder: Path) -> None:
        """Teach from a folder that `edge-asc teach` reads; ValueError: not now, in one line."""

    def cancel(self) -> None:
        """Teach no further."""

    def swap(self) -> None:
        """Listen with the new model; ValueError: there is none."""

    def back(self) -> None:
        """Listen with the model before; ValueError: there is none."""

    def state(self) -> dict[str, Any]:
        """As JSON, what a page shows.

        text: for people; busy; can: which of `ACTIONS` are possible now; back: the name of what
        "back" goes back to; share: how far it is, 0 to 1, None unless it teaches; figures: of the
        old and the new model, None without any: head, three texts; rows of three texts; notes.
        """


class Review:
    """What the page asks for; each method may wait for the disk.

    Args:
        store: the clips.
        kept: says what is kept, how much and how long, in words.
        frontend: whose features are drawn.
        teacher: who teaches at the press of a button; None: the page shows the command. It may
            come later: it needs a listener, which needs its page.
    """

    def __init__(
        self,
        store: Store,
        kept: Callable[[], str],
        frontend: FrontEnd,
        teacher: Teacher | None = None,
    ) -> None:
        self._kept = kept
        self._store, self._frontend, self.teacher = store, frontend, teacher
        self._drawing = threading.Lock()  # one picture at a time: listening needs the processor

    def use(self, frontend: FrontEnd) -> None:
        """Another model listens: draw its features."""
        self._frontend = frontend

    def told(self, reviewable: bool) -> dict[str, Any]:
        """What every page says of it."""
        return {"text": self._kept(), "reviewable": reviewable}

    def listing(self) -> dict[str, Any]:
        """The newest clips, and what the page must know to show them."""
        clips = self._store.clips()
        return {
            "clips": list(map(_shown, clips[:MOST_SHOWN])),
            "labels": words.offered(clips),
            "few": words.FEW_LABELS,
            "background": BACKGROUND,
            "kept": self._kept(),
            "reached": self._reached(clips),
        }

    def sound(self, clip_id: str) -> bytes:
        """A clip's file.

        Raises:
            ValueError: no such clip.
            OSError: it cannot be read.
        """
        return self._store.clip(clip_id).path.read_bytes()

    def frames(self, clip_id: str) -> np.ndarray:
        """A clip's spectrogram `[k, M]`, a byte each, as the live page draws it.

        Raises:
            ValueError: no such clip, or it cannot be decoded.
        """
        path, frontend = self._store.clip(clip_id).path, self._frontend
        with self._drawing:
            samples = load_audio(path, frontend.sample_rate_hz)
            return Decibels(frontend).quantise(frontend.raw(samples))

    def answer(self, clip_id: str, label: Any, deleted: bool) -> dict[str, Any]:
        """Label, take a label back (None), or delete; what the clip was, and what it is now.

        Raises:
            ValueError: no such clip, or no label.
            OSError: the folder cannot be written.
        """
        if label is not None and not isinstance(label, str):
            raise ValueError("a label is a text")
        was = self._store.delete(clip_id) if deleted else self._store.label(clip_id, label)
        now = self._store.clip(clip_id)
        reached = self._reached(self._store.clips())
        return {"was": _place(was), "now": _place(now), "reached": reached}

    def teach(self, action: str | None) -> dict[str, Any]:
        """Do what the teacher can; its state afterwards.

        Raises:
            ValueError: it cannot.
        """
        if self.teacher is None:
            raise ValueError("nobody teaches here")
        if action == "start":
            self.teacher.start(self._store.labelled)
        elif action in ACTIONS:
            getattr(self.teacher, action)()
        elif action is not None:
            raise ValueError(f"a teacher can {', '.join(ACTIONS)}")
        return self.teacher.state()

    def _reached(self, clips: list[Clip]) -> dict[str, Any]:
        counts = words.labelled_counts(clips)
        return {
            "lines": list(words.summary(self._store, clips)),
            "labelled": {name: n for name, (n, _) in counts.items()},
            "teachable": words.not_yet(counts) is None,
            "teacher": self.teacher.state() if self.teacher else None,
        }


def _shown(clip: Clip) -> dict[str, Any]:
    kept = clip.kept
    return {
        "id": clip.id,
        "when": words.when(clip),
        "time_s": kept.time_s,
        "seconds": kept.seconds,
        "window_s": kept.window_s,
        "why": kept.why,
        "said": words.said(clip),
        "model": kept.model,
        "label": clip.label,
    }


def _place(clip: Clip) -> dict[str, Any]:
    return {"label": clip.label, "deleted": clip.deleted}


def review_routes(review: Review) -> list[Route]:
    """Where all of it is found."""

    async def listing(request: Request) -> Response:
        return await _answered(review.listing)

    async def sound(request: Request) -> Response:
        return await _answered(review.sound, request.path_params["id"], media_type="audio/flac")

    async def frames(request: Request) -> Response:
        kind = "application/octet-stream"
        return await _answered(review.frames, request.path_params["id"], media_type=kind)

    async def answer(request: Request) -> Response:
        body, problem = await _body(request)
        if problem:
            return problem
        known, deleted = {"label", "deleted"}, body.get("deleted", False)
        if not body or not body.keys() <= known or not isinstance(deleted, bool):
            return _problem(400, 'say {"label": …} or {"deleted": true}')
        label = body.get("label")
        return await _answered(review.answer, request.path_params["id"], label, deleted)

    async def teach(request: Request) -> Response:
        action = None
        if request.method == "POST":
            body, problem = await _body(request)
            if problem:
                return problem
            action = str(body.get("do"))
        return await _answered(review.teach, action)

    return [
        Route("/api/review", listing),
        Route("/api/review/{id}", answer, methods=["POST"]),
        Route("/api/review/{id}/sound", sound),
        Route("/api/review/{id}/frames", frames),
        Route("/api/teach", teach, methods=["GET", "POST"]),
    ]


async def _answered(
    work: Callable[..., Any], *arguments: Any, media_type: str = "application/json"
) -> Response:
    """Work that may wait for the disk, in a thread of its own, and its answer."""
    try:
        found = await run_in_threadpool(work, *arguments)
    except AudioError:
        return _problem(404, "the clip cannot be decoded")
    except FileNotFoundError:
        return _problem(404, "the clip is gone")
    except ValueError as error:
        return _problem(404 if str(error).startswith("no clip") else 400, str(error))
    except OSError as error:
        return _problem(503, error.strerror or str(error))
    headers = {"Cache-Control": "no-store"}
    if isinstance(found, np.ndarray):  # of `[k, M]` bytes
        headers["Mels"], found = str(found.shape[1]), found.tobytes()
    content = found if isinstance(found, bytes) else json_text(found).encode()
    return Response(content, headers=headers, media_type=media_type)


async def _body(request: Request) -> tuple[dict[str, Any], Response | None]:
    """A small JSON object that was sent, or what to answer instead.

    No form of a foreign page can send this type without the browser asking first.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return {}, _problem(415, "send application/json")
    content = b""
    try:
        async for part in request.stream():
            content += part
            if len(content) > MAX_BODY_BYTES:
                return {}, _problem(413, "too long")
        body = json.loads(content)
    except ClientDisconnect:
        return {}, _problem(400, "half a request")
    except (ValueError, RecursionError):
        return {}, _problem(400, "that is no JSON")
    return (body, None) if isinstance(body, dict) else ({}, _problem(400, "send an object"))


def _problem(status: int, text: str) -> Response:
    return Response(text + "\n", status, {"Cache-Control": "no-store"}, "text/plain")
