"""What an exported file is called, and that it never takes the place of another one."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from edge_asc.runtime.metadata import Precision
from edge_asc.training.run_folder import TIME_STAMP, Run

STATIC = "-static"  # at the end of the name of a file without a dynamic axis
_PRECISION_ENDS = re.compile(r"-(int4|int8|mixed|fp16|fp32|float16|float32)$")
_SPELLED_OUT = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "ł": "l"})


def file_stem(run: Path, description: Run, precision: Precision, static: bool = False) -> str:
    """Name of a run's file, but its suffix: run and precision, and `-static` where it is.

    A run that was given a name keeps it: `first-int8`. One called by time and preset goes by preset
    and fold, `esc10-32k-fold1-int8`; a precision at the end of a preset's name is left out.
    """
    name = run.resolve().name
    if TIME_STAMP.match(name):
        fold = "" if description.fold is None else f"-fold{description.fold}"
        name = _PRECISION_ENDS.sub("", description.settings().name) + fold
    return f"{slug(name)}-{precision}" + (STATIC if static else "")


def slug(name: str) -> str:
    """A name of letters, digits, `.`, `_` and `-` alone, safe in every shell and file system.

    Example:
        >>> slug("Straßen & Plätze/1")
        'Strassen-Platze-1'
    """
    spelled = unicodedata.normalize("NFKD", name.translate(_SPELLED_OUT))
    plain = spelled.encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._]+", "-", plain).strip("-.") or "model"


def check_free(files: Mapping[Path, bytes]) -> None:
    """Refuse to take the place of files that hold something else.

    Raises:
        FileExistsError: names the first such file.
    """
    for path, data in files.items():
        if path.exists() and path.read_bytes() != data:
            raise FileExistsError(f"{path} is there and differs: --overwrite, or --out DIR")
