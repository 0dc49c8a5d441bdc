"""Files that are whole or absent: written under a temporary name, then moved into place."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Give a temporary path in the same folder; move it to `path` when the block ends well.

    Two processes may write the same file at once: each has its own temporary file and the last
    move wins with a whole file. When the block raises, nothing is left behind.

    Raises:
        OSError: the folder cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp's 0600 would lock out a second user of a shared cache
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
