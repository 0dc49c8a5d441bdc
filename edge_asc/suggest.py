"""The name that was probably meant, for every line that must say "no such name"."""

import difflib
from collections.abc import Iterable

LIKENESS = 0.6  # difflib's measure, 0 to 1, of the least like name that is still suggested
FEW = 10  # more names than these are listed only where none is near


def nearest(name: str, known: Iterable[str], likeness: float = LIKENESS) -> str | None:
    """The known name that is most like `name`, or ends in it behind a `/`; None when none is."""
    names = list(known)
    same_end = [each for each in names if each.rpartition("/")[2] == name]
    return next(iter([*same_end, *difflib.get_close_matches(name, names, 1, likeness)]), None)


def no_such(what: str, name: str, known: Iterable[str]) -> str:
    """A line about a name that is not among the known ones.

    Example:
        >>> no_such("rule", "dcase204", ["dcase2024", "edge-128k"])
        "rule 'dcase204' is not one of dcase2024, edge-128k; did you mean dcase2024?"
    """
    names = list(known)
    near = nearest(name, names)
    if near and len(names) > FEW:
        return f"no {what} {name!r}; did you mean {near}?"
    found = f"{what} {name!r}".lstrip() + f" is not one of {', '.join(names) or 'none'}"
    return f"{found}; did you mean {near}?" if near else found
