"""What a class may be called: the name of a folder, in every place the same."""

import os

MAX_BYTES = 255  # of a name in a folder, on Linux


def check_label(label: str) -> None:
    """Whether a folder can have this name, and be found as a class.

    Raises:
        ValueError: it cannot; one line.
    """
    if problem := _problem(label):
        raise ValueError(f"label {label!r} {problem}; a label is the name of a folder, as doorbell")


def _problem(label: str) -> str | None:
    if not label.strip():
        return "is empty"
    if "/" in label or "\\" in label:
        return "has a separator of folders in it"
    if label.startswith("."):
        return "begins with a dot, and what is hidden is not taught"
    if not label.isprintable():
        return "has a control character in it"
    if label != label.strip():
        return "has a space at an end"
    if len(os.fsencode(label)) > MAX_BYTES:
        return f"has more than {MAX_BYTES} bytes"
    return None
