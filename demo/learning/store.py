"""The models that were made here: numbered files in a folder, and which of them is in use.

`taught-001.tflite`, … with what each was taught beside it, and `state.json`, which is replaced as a
whole and last of all: whatever happens before, the model of the old state goes on. The one that
listening began with lies elsewhere, and is called `None`.
"""

import logging
import re
from pathlib import Path
from typing import Any

import msgspec

from edge_asc.files import write_json
from edge_asc.runtime.formats.taught import memory_path
from edge_asc.runtime.zoo.models import digest

STATE = "state.json"
MOST_FILES = 8  # of models that are kept: 1 MB, and what they were taught
NUMBERED = re.compile(r"taught-(\d{3,})\.tflite")
log = logging.getLogger(__name__)


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the folder."""

    file: str  # its name
    model: str  # its `Classifier.id`
    sha256: str
    before: dict[str, Any] | None = None  # figures of the model that listened, and its own,
    after: dict[str, Any] | None = None  # both on clips that neither was taught with
    taught: dict[str, Any] = {}  # what `edge-asc teach` said of it


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered."""

    current: str | None = None  # the file in use
    history: list[str | None] = []  # those before it, the last one last
    models: list[Made] = []  # the oldest first


def read_state(folder: Path) -> State:
    """What a folder remembers; of a new one, or one without a sound state, nothing."""
    try:
        return msgspec.json.decode((folder / STATE).read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.DecodeError) as error:
        log.warning("%s: not used: %s", folder / STATE, error)
        return State()


def write_state(folder: Path, state: State) -> None:
    """Remember it, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    write_json(folder / STATE, state)


def current_model(folder: Path) -> Path | None:
    """The file that was last in use; None where it is none of the folder's.

    A file that is gone, or is not what it was, is passed over: then the one before it.
    """
    state = read_state(folder)
    made = {one.file: one for one in state.models}
    for name in [state.current, *reversed(state.history)]:
        if name is None:
            return None
        if name in made and _is_whole(folder, made[name]):
            return folder / name
    return None


def sound(folder: Path, state: State) -> State:
    """The state without models that are gone or damaged."""
    models = [made for made in state.models if _is_whole(folder, made)]
    names = {None, *(made.file for made in models)}
    used = [name for name in [*state.history, state.current] if name in names] or [None]
    *history, current = used
    return msgspec.structs.replace(state, models=models, history=history, current=current)


def _is_whole(folder: Path, made: Made) -> bool:
    if not NUMBERED.fullmatch(made.file):
        return False
    try:
        return digest(folder / made.file) == made.sha256
    except OSError:
        return False


def next_name(folder: Path) -> str:
    """Of a new file: its number is above all there are."""
    return f"taught-{1 + max([0, *(number for number, _ in numbered(folder))]):03}.tflite"


def numbered(folder: Path) -> list[tuple[int, str]]:
    """The folder's models, the oldest first."""
    found = (NUMBERED.fullmatch(path.name) for path in folder.iterdir())
    return sorted((int(match[1]), match[0]) for match in found if match)


def with_made(state: State, made: Made) -> State:
    """The state with one more model."""
    return msgspec.structs.replace(state, models=[*state.models, made])


def used(state: State, file: str | None) -> State:
    """Another model is in use."""
    history = [*state.history, state.current][-MOST_FILES:]
    return msgspec.structs.replace(state, current=file, history=history)


def back(state: State) -> State:
    """The one before is in use again."""
    *history, current = state.history
    return msgspec.structs.replace(state, current=current, history=history)


def prune(folder: Path, state: State) -> State:
    """Delete the oldest models above `MOST_FILES`, but for the one in use and the one before."""
    spared = {state.current, *state.history[-1:], *(made.file for made in state.models[-1:])}
    names = [name for _, name in numbered(folder) if name not in spared]
    for name in names[: max(0, len(numbered(folder)) - MOST_FILES)]:
        (folder / name).unlink(missing_ok=True)
        memory_path(folder / name).unlink(missing_ok=True)
    return sound(folder, state)
