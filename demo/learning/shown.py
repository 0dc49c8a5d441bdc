"""The teacher as a page shows it: what it does in a line, and the figures as a table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_asc.demo.learning.teacher import Teacher

NO_FIGURE, NOT_KNOWN = "no figure", "not known"
FEW_RECORDINGS = 10  # below, a figure says little
MOST_CLASSES = 12  # with a row of their own


class ShownTeacher:
    """What the review page asks of a teacher; see `edge_asc.demo.outputs.web.review.Teacher`.

    Args:
        teacher: who does it.
        given: the file that listening began with, before any was taught.
    """

    def __init__(self, teacher: Teacher, given: Path) -> None:
        self._teacher, self._given = teacher, given
        self.cancel, self.swap, self.back = teacher.cancel, teacher.swap, teacher.back

    def start(self, folder: Path) -> None:
        """Teach the recordings in a folder.

        Raises:
            ValueError: it teaches already.
        """
        self._teacher.start(folder)

    def state(self) -> dict[str, Any]:
        """As JSON: text, busy, can, share, back and figures."""
        state = self._teacher.state()
        teaching = state["status"] == "running"
        possible = {
            "start": not teaching,
            "cancel": teaching,
            "swap": state["can_swap"] and not teaching and not state["exchanging"],
            "back": state["can_back"] and not state["exchanging"],
        }
        return {
            "text": _text(state),
            "busy": teaching or state["exchanging"],
            "can": [name for name, can in possible.items() if can],
            "share": _share(state) if teaching else None,
            "back": Path(state["previous"] or self._given.name).stem,
            "figures": None if teaching else _figures(state),
        }


def _share(state: dict[str, Any]) -> float:
    return state["done"] / state["total"] if state["total"] else 0.0


def _text(state: dict[str, Any]) -> str:
    listens = f"{state['current']['model']} listens"
    if state["status"] == "running":
        if state["comparing"]:
            return f"Asking the model that listens about the same clips. {listens} meanwhile."
        return f"Teaching, behind everything else that runs here. {listens} meanwhile."
    if state["exchanging"]:
        return "The model is being exchanged."
    if state["problem"]:
        return f"It went wrong: {state['problem']}. {listens}, as before."
    if state["can_swap"]:
        return f"{state['models'][-1]['model']} is taught. {listens} until you say otherwise."
    return f"{listens}."


def _figures(state: dict[str, Any]) -> dict[str, Any] | None:
    """The newest model beside the one that listened when it was taught."""
    if not state["models"]:
        return None
    newest = state["models"][-1]
    before, after, taught = newest["before"], newest["after"], newest["taught"]
    old = before["model"] if before else "the model before"
    return {
        "head": ["right, of", f"before: {old}", f"new: {newest['model']}"],
        "rows": [*_rows(before, after), *_all_taught(state["models"], before, after, taught)],
        "notes": list(_notes(before, after, taught)),
    }


def _rows(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Iterator[list[str]]:
    if not before or not after:
        return
    clips = f"{_counted(after['clips'], 'new clip')}, {_counted(after['recordings'], 'recording')}"
    yield [clips, _percent(before["accuracy"]), _percent(after["accuracy"])]
    for label in list(after["recall"])[:MOST_CLASSES]:
        known = label not in before["unknown"]
        old = _percent(before["recall"][label]) if known else NOT_KNOWN
        yield [f"{label}, {after['clips_of'][label]}", old, _percent(after["recall"][label])]


def _all_taught(
    models: list[dict[str, Any]],
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    taught: dict[str, Any],
) -> Iterator[list[str]]:
    """All that a model was taught: of the one before, what was said when that was taught."""
    if after and after["clips"] == taught["clips"]:
        return  # these are the new clips
    said = [m["taught"]["accuracy"] for m in models if before and m["model"] == before["model"]]
    text = f"all it was taught, {_counted(taught['clips'], 'clip')}"
    yield [text, _percent(said[-1]) if said else NO_FIGURE, _percent(taught["accuracy"])]


def _notes(
    before: dict[str, Any] | None, after: dict[str, Any] | None, taught: dict[str, Any]
) -> Iterator[str]:
    yield (
        "Each recording was left out once, and judged by what the others had taught;"
        " the model before was not taught with the new clips either."
    )
    if not after:
        yield "No clip is new to the model that listens, so there is nothing to compare on."
    elif after["recordings"] < FEW_RECORDINGS:
        yield f"{_counted(after['recordings'], 'recording')} are few: the figures are rough."
    yield f"It knows {', '.join(taught['labels'])}, and gives no other sound a name."
    if lost := [name for name in (before or {}).get("labels", ()) if name not in taught["labels"]]:
        yield f"It no longer knows {', '.join(lost)}."
    for first, second in taught["inseparable"]:
        yield f"It cannot tell {first} from {second}."
    if taught["unusable"]:
        yield f"Not used: {_counted(len(taught['unusable']), 'clip')} that cannot be heard."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"
