"""Folders and table entries that name a fold or a side of a split, not a scene."""

import re
from collections.abc import Mapping

TRAIN_FOLD, TEST_FOLD = 0, 1  # as TAU's lists have them
_TRAIN = frozenset(["train", "training", "tr"])
_VALIDATION = frozenset(["val", "valid", "validation", "dev", "develop", "development", "devel"])
_TEST = frozenset(["test", "testing", "tst", "eval", "evaluate", "evaluation"])
_FOLD = re.compile(r"(?:fold|split|part|cv)[ ._-]?(\d{1,4})", re.IGNORECASE)
_SET = re.compile(r"[ ._-]?set$")  # Training_Set is train
_WRAPPERS = frozenset(
    [
        *("audio", "audios", "audio_files", "audiofiles", "clips", "sounds", "recordings"),
        *("data", "dataset", "files", "wav", "wavs"),
    ]
)


def is_side(name: str) -> bool:
    """Whether a name stands for a fold or a side of a split."""
    return bool(_FOLD.fullmatch(name)) or _plain(name) in _TRAIN | _VALIDATION | _TEST


def is_wrapper(name: str) -> bool:
    """Whether a folder's name says that it holds a data set, rather than what sounds there."""
    return name.lower() in _WRAPPERS


def is_split(folds: Mapping[str, int | None]) -> bool:
    """Whether names of sides, not numbers, make up training and one test."""
    is_named = not any(_FOLD.fullmatch(name) for name in folds)
    return is_named and set(folds.values()) == {TRAIN_FOLD, TEST_FOLD}


def folds_of(names: list[str]) -> dict[str, int | None] | None:
    """A fold for each of the names that make up a data set; None where they are not all sides.

    Numbered folds keep their numbers. Training and validation are fold 0 and tests fold 1; where
    nothing is a test, validation is fold 1; where all is training, no fold is given.
    """
    lower = {name: _plain(name) for name in names}
    numbered = {name: _FOLD.fullmatch(name) for name in names}
    if names and all(numbered.values()):
        return {name: int(found[1]) for name, found in numbered.items() if found}
    if not names or not all(low in _TRAIN | _VALIDATION | _TEST for low in lower.values()):
        return None
    held_out = _TEST if any(low in _TEST for low in lower.values()) else _VALIDATION
    tests = {name for name, low in lower.items() if low in held_out}
    if not tests or len(tests) == len(names):
        return dict.fromkeys(names)
    return {name: TEST_FOLD if name in tests else TRAIN_FOLD for name in names}


def _plain(name: str) -> str:
    return _SET.sub("", name.lower())
