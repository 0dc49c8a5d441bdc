"""Names in a folder of kept clips: of clips, of labels, and of recordings.

A clip is called after the time at which its window ended, in UTC: `20260504-123005-250`, with `-2`
behind it if there is one of that name. Names sort by time.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timezone

from edge_asc.demo.events import UNSURE

SUFFIX = ".flac"
BACKGROUND = "_background"  # the label of what must get no name, as `edge-asc teach` knows it
LONGEST_LABEL = 60  # characters
SAME_RECORDING_S = 60.0  # clips of a label that lie no further apart sound alike
_ID = re.compile(r"(\d{8}-\d{6}-\d{3})(?:-([2-9]|[1-9]\d+))?")
_FORMAT = "%Y%m%d-%H%M%S-%f"
_FORBIDDEN = re.compile(r"[/\\]|^\.")


def id_of(time_s: float, number: int = 1) -> str:
    """The name of the `number`th clip at a time (Unix)."""
    when = datetime.fromtimestamp(round(time_s, 3), timezone.utc)
    name = when.strftime(_FORMAT)[:-3]
    return name if number == 1 else f"{name}-{number}"


def is_id(text: str) -> bool:
    """Whether it is the name of a clip; nothing else comes near a path."""
    found = _ID.fullmatch(text)
    if found is None or not text.isascii():
        return False
    try:
        _time(found[1])
    except ValueError:
        return False
    return True


def time_of(clip_id: str) -> float:
    """The Unix time in a clip's name."""
    found = _ID.fullmatch(clip_id)
    assert found is not None  # every caller has a name that was made here
    return _time(found[1])


def _time(name: str) -> float:
    return datetime.strptime(name + "000", _FORMAT).replace(tzinfo=timezone.utc).timestamp()


def checked_label(text: str) -> str:
    """A label as its folder is called.

    Raises:
        ValueError: no folder can be called so, or it would be misread.
    """
    label = unicodedata.normalize("NFC", " ".join(text.split()))
    if not label:
        raise ValueError("a label needs a letter")
    if len(label) > LONGEST_LABEL:
        raise ValueError(f"label {label[:20]!r}…: more than {LONGEST_LABEL} characters")
    if not label.isprintable() or _FORBIDDEN.search(label):
        raise ValueError(f"label {label!r}: no slash, no dot in front, nothing invisible")
    if label == UNSURE:
        raise ValueError(f"label {label!r}: that is what the classifier says, not what it heard")
    return label


def recordings(clip_ids: Iterable[str]) -> dict[str, str]:
    """The recording of each clip of a label: the name of the first one of those close in time."""
    found: dict[str, str] = {}
    first, latest_s = "", float("-inf")
    for clip_id in sorted(clip_ids):
        time_s = time_of(clip_id)
        if time_s - latest_s > SAME_RECORDING_S:
            first = clip_id
        found[clip_id], latest_s = first, time_s
    return found
