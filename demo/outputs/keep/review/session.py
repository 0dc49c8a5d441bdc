"""A review in a terminal: one clip after the other, a line for each answer.

The same lines work from a keyboard, through ssh and from a pipe.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from edge_asc.demo.outputs.keep.names import BACKGROUND, checked_label
from edge_asc.demo.outputs.keep.review.play import Unplayable
from edge_asc.demo.outputs.keep.review.words import clip_text, counted, offered, summary
from edge_asc.demo.outputs.keep.store import Clip, Store
from edge_asc.suggest import nearest

HELP = (
    "Enter later   p play   n none of these   d delete   u undo   q end"
    "   NAME or its number: that is it   = NAME a new one"
)
AT_END = "that was the last one: u takes the last answer back, Enter ends"
PROMPT = "> "

Ask = Callable[[str], str | None]  # prompt -> what was typed; None: nothing more comes


class Done(NamedTuple):
    """An answer that can be taken back."""

    was: Clip
    number: int  # of the clip in the review


class Session:
    """One review.

    Args:
        store: the clips.
        ask: gets a line from the person.
        say: shows one.
        play: plays a clip's file.
    """

    def __init__(
        self, store: Store, ask: Ask, say: Callable[[str], Any], play: Callable[[Path], Any]
    ) -> None:
        self._store, self._ask, self._say, self._play = store, ask, say, play
        clips = store.clips()
        self._open = [clip for clip in clips if clip.label is None]
        self._labels = offered(clips)
        self._n_labelled = len(clips) - len(self._open)
        self._done: list[Done] = []
        self._deleted: set[str] = set()
        self._number = 0
        self._shown: int | None = None

    def run(self) -> None:
        """Until every clip was shown, or the person has enough; then what was reached.

        Raises:
            OSError: the folder cannot be written.
        """
        self._say(
            f"{counted(len(self._open), 'clip')} without a label in {self._store.folder},"
            f" {self._n_labelled} with one"
        )
        if self._open:
            self._say(HELP)
            self._say_labels()
        try:
            while self._step():
                pass
        except KeyboardInterrupt:
            self._say("")
        finally:
            for clip_id in self._deleted:
                self._store.forget(clip_id)
        for line in summary(self._store, self._store.clips()):
            self._say(line)

    def _say_labels(self) -> None:
        self._say("   ".join(f"{i} {label}" for i, label in enumerate(self._labels, 1)))

    def _step(self) -> bool:
        """One answer; False: that was all."""
        at_end = self._number >= len(self._open)
        if at_end and not self._done:
            return False
        if self._shown != self._number:
            self._shown = self._number
            self._say(AT_END if at_end else self._place())
        answer = self._ask(PROMPT)
        if answer is None or answer.strip() == "q" or (at_end and answer.strip() != "u"):
            return False
        try:
            self._answer(answer.strip())
        except (ValueError, Unplayable) as error:
            self._say(str(error))
        return True

    def _place(self) -> str:
        return f"{self._number + 1} of {len(self._open)}  {clip_text(self._open[self._number])}"

    def _answer(self, answer: str) -> None:
        if answer == "u":
            self._undo()
            return
        clip = self._open[self._number]
        if not answer or answer == "s":
            self._number += 1
        elif answer == "p":
            self._play(self._store.clip(clip.id).path)
        elif answer == "n":
            self._name(clip, BACKGROUND)
        elif answer == "d":
            self._note(self._store.delete(clip.id))
            self._deleted.add(clip.id)
        elif answer in ("?", "h"):
            self._say(HELP)
            self._say_labels()
        else:
            self._name(clip, self._meant(answer))

    def _meant(self, answer: str) -> str:
        """The label that was typed, or its number.

        Raises:
            ValueError: it is none that is known, and not said to be new.
        """
        if answer.startswith("="):
            return checked_label(answer[1:])
        if answer.isdecimal() and 1 <= int(answer) <= len(self._labels):
            return self._labels[int(answer) - 1]
        if answer in (*self._labels, BACKGROUND):
            return answer
        near = nearest(answer, self._labels)
        hint = f"did you mean {near}? " if near else ""
        raise ValueError(f"no label {answer!r}; {hint}'= {answer}' makes a new one, ? is help")

    def _name(self, clip: Clip, label: str) -> None:
        self._note(self._store.label(clip.id, label))
        if label not in (*self._labels, BACKGROUND):
            self._labels.append(label)
            self._say(f"{len(self._labels)} {label}")

    def _note(self, was: Clip) -> None:
        self._done.append(Done(was, self._number))
        self._number += 1

    def _undo(self) -> None:
        if not self._done:
            raise ValueError("nothing to undo")
        was, number = self._done.pop()
        self._deleted.discard(was.id)
        self._number, self._shown = number, None
        self._store.put_back(was)
