"""Standard streams that whoever started the command has closed, as launchers do."""

import os
import sys
from contextlib import suppress

_NAMES = ("stdin", "stdout", "stderr")  # by descriptor


def open_closed() -> None:
    """Let closed ones read nothing and write nowhere.

    Python has None in their place, on which a flush fails; and the next file that is opened would
    get their descriptor, and with it what a library prints.
    """
    for descriptor, name in enumerate(_NAMES):
        with suppress(OSError):
            os.fstat(descriptor)
            continue
        mode = "r" if descriptor == 0 else "w"
        opened = os.open(os.devnull, os.O_RDONLY if descriptor == 0 else os.O_WRONLY)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)
        os.set_inheritable(descriptor, True)
        setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))
