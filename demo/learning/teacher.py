"""Teaching while it listens: in another process, and nothing changes before somebody says so.

What was taught lies in a folder (`store`). `swap` puts the newest under the listener, `back` the
one before. Whatever is killed, and when: the model that listened goes on, for the folder's state is
written last, when the new file is whole, was opened, has answered, and listens.
"""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from edge_asc.demo.hearing.trial import try_out
from edge_asc.demo.learning import store
from edge_asc.demo.learning.figures import compared, folders_of, unheard
from edge_asc.demo.learning.place import Place, frozen
from edge_asc.demo.learning.process import (
    Command,
    can_be_added_to,
    classify_command,
    teach_command,
)
from edge_asc.demo.live import Live
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.formats.taught import memory_path
from edge_asc.runtime.metadata import one_line
from edge_asc.runtime.zoo.models import digest

CLOSE_S = 0.2
UNFORESEEN = "it stopped short; see standard error"
Status = Literal["idle", "running", "done", "failed"]
NOT_KEPT = ("file", "answers")  # of what teaching says


class Teacher:
    """Teaches a running listener; any thread may call, and no call waits.

    Args:
        live: the listener.
        folder: where models are kept; made when it is not there.
        base: the file that listens as long as none of the folder does.
        load: opens a file for the listener.
        more: further options of `edge-asc teach`.
        encoder: what is taught upon, where the model in use has nothing that can be added to;
            None: the encoder that comes along.

    Raises:
        OSError: the folder cannot be had.
    """

    def __init__(
        self,
        live: Live,
        folder: Path,
        base: Path,
        load: Callable[[Path], Classifier] = Classifier.load,
        more: Sequence[str] = (),
        encoder: str | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._live, self._folder, self._base = live, folder, base
        self._load, self._more, self._encoder = load, more, encoder
        self._lock = threading.Lock()  # held for moments
        self._disk = threading.Lock()  # held while the state is written; its holder may wait
        self._state = store.sound(folder, store.read_state(folder))
        self._status: Status = "idle"
        self._done, self._total, self._comparing = 0, 0, False
        self._problem: str | None = None
        self._exchanging = self._closed = self._cancelled = False
        self._command: Command | None = None
        self._threads: list[threading.Thread] = []

    # What may be asked

    def state(self) -> dict[str, Any]:
        """How things are, as JSON has it.

        Returns:
            status: "idle", "running", "done" or "failed"; done, total: steps of the run;
            comparing: whether it is the model that listens which is asked; problem: what went
            wrong last, in a line; exchanging: whether a model is on its way; current: file (None:
            none of the folder's) and model (its id) in use; previous: the file that `back` takes;
            can_swap, can_back; models: file, model, before, after and taught of each, the newest
            last. `before` are figures of the model that listened and `after` its own, both on
            clips that neither was taught with; `taught` is what `edge-asc teach` said.
        """
        with self._lock:
            state = self._state
            return {
                "status": self._status,
                "done": self._done,
                "total": self._total,
                "comparing": self._comparing,
                "problem": self._problem,
                "exchanging": self._exchanging,
                "current": {"file": state.current, "model": self._live.model},
                "previous": state.history[-1] if state.history else None,
                "can_swap": _newest(state) not in (None, state.current),
                "can_back": bool(state.history),
                "models": [
                    {
                        "file": made.file,
                        "model": made.model,
                        "before": made.before,
                        "after": made.after,
                        "taught": made.taught,
                    }
                    for made in state.models
                ],
            }

    def start(self, recordings: Path) -> None:
        """Teach a folder's recordings: a folder for each class, as `edge-asc teach` takes it.

        Raises:
            ValueError: something is being taught already.
        """
        with self._lock:
            self._refuse_closed()
            if self._status == "running":
                raise ValueError(f"being taught already: {self._done} of {self._total} steps")
            self._status, self._done, self._total = "running", 0, 0
            self._problem, self._cancelled, self._comparing = None, False, False
            self._in_background(self._teach, recordings.absolute())

    def cancel(self) -> None:
        """Teach no further; what was begun is thrown away."""
        with self._lock:
            self._cancelled = True
            if self._command is not None:
                self._command.cancel()

    def swap(self) -> None:
        """Let the newest model listen.

        Raises:
            ValueError: there is none, or it does already.
        """
        with self._lock:
            newest = _newest(self._state)
            if newest is None:
                raise ValueError("nothing was taught yet")
            if newest == self._state.current:
                raise ValueError(f"{newest} listens already")
            self._exchange(newest, lambda state: store.used(state, newest))

    def back(self) -> None:
        """Let the model before this one listen again.

        Raises:
            ValueError: there is none.
        """
        with self._lock:
            if not self._state.history:
                raise ValueError("no model listened before this one")
            self._exchange(self._state.history[-1], store.back)

    def close(self) -> None:
        """Give up what is under way."""
        with self._lock:
            self._closed = True
            threads = [*self._threads]
        self.cancel()
        for thread in threads:
            thread.join(CLOSE_S / len(threads))

    # In threads of their own

    def _in_background(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, name="teacher", daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def _teach(self, recordings: Path) -> None:
        status: Status = "failed"
        problem: str | None = UNFORESEEN
        try:
            with Place(self._folder) as place:
                self._keep(self._made(recordings, place), place)
            status, problem = "done", None
        except (ValueError, OSError) as error:
            problem = one_line(error)
        finally:
            with self._lock:
                self._command = None
                if self._cancelled and status == "failed":
                    status, problem = "idle", None
                self._status, self._problem = status, problem

    def _made(self, recordings: Path, place: Path) -> store.Made:
        """A new file in `place`, tried, with the figures of both models."""
        out = place / store.next_name(self._folder)
        with self._lock:
            listens, old = self._path(self._state.current), self._live.model
        copy = frozen(recordings, place)
        taught = json.loads(self._run(self._words(copy, out, listens)))
        classifier = self._load(out)
        try_out(classifier)
        before, after = self._compared(copy, taught["answers"], listens)
        return store.Made(
            file=out.name,
            model=classifier.id,
            sha256=digest(out),
            before=before and {"model": old, **before},
            after=after,
            taught=_with_paths(taught, copy, recordings),
        )

    def _words(self, recordings: Path, out: Path, listens: Path) -> list[str]:
        upon = [] if self._encoder is None or can_be_added_to(listens) else [
            "--encoder", self._encoder]  # fmt: skip
        return teach_command(recordings, out, listens, [*upon, *self._more])

    def _compared(
        self, recordings: Path, answers: Sequence[dict[str, Any]], listens: Path
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Figures of the model that listens and of the new one; None: there are none."""
        new = unheard(answers)
        folders = folders_of(recordings, new)
        if not folders:
            return None, None
        with self._lock:
            self._comparing = True
        printed = self._run(classify_command(folders, listens), least_output=True)
        return compared(printed, new) or (None, None)

    def _run(self, words: list[str], least_output: bool = False) -> str:
        command = Command(words, self._on_progress)
        with self._lock:
            self._command = command
            if self._cancelled:
                command.cancel()
        return command.run(least_output)

    def _on_progress(self, done: int, total: int) -> None:
        with self._lock:
            self._done, self._total = done, total

    def _keep(self, made: store.Made, place: Path) -> None:
        with self._lock:
            if self._cancelled:
                raise ValueError("cancelled")
        # What it was taught comes first: where the file is, there is its memory.
        for path in (memory_path(place / made.file), place / made.file):
            path.replace(self._folder / path.name)
        self._remember(lambda state: store.with_made(state, made))
        self._remember(lambda state: store.prune(self._folder, state))

    def _exchange(self, file: str | None, then: Callable[[store.State], store.State]) -> None:
        """Begin to let a file listen; called with the lock held."""
        self._refuse_closed()
        if self._exchanging:
            raise ValueError("a model is being exchanged already")
        self._exchanging, self._problem = True, None
        self._in_background(self._put_under, file, then)

    def _put_under(self, file: str | None, then: Callable[[store.State], store.State]) -> None:
        problem: str | None = UNFORESEEN
        try:
            self._live.swap(self._load(self._path(file)))
            try:
                self._remember(then)
            except OSError:  # the disk is full: what listens must be what the state says
                self._live.swap(self._load(self._path(self._state.current)))
                raise
            problem = None
        except (ValueError, OSError) as error:
            problem = one_line(error)
        finally:
            with self._lock:
                self._exchanging, self._problem = False, problem

    def _remember(self, change: Callable[[store.State], store.State]) -> None:
        with self._disk:
            changed = change(self._state)
            store.write_state(self._folder, changed)
            with self._lock:
                self._state = changed

    def _path(self, file: str | None) -> Path:
        return self._base if file is None else self._folder / file

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ValueError("it does not listen any more")


def _with_paths(taught: dict[str, Any], copy: Path, recordings: Path) -> dict[str, Any]:
    """What is kept of it; the copy that it speaks of is gone by then."""
    kept = {name: value for name, value in taught.items() if name not in NOT_KEPT}
    inside, outside = (json.dumps(str(path))[1:-1] for path in (copy, recordings))
    return dict(json.loads(json.dumps(kept).replace(inside, outside)))


def _newest(state: store.State) -> str | None:
    return state.models[-1].file if state.models else None
