"""Recordings of phones, cameras and browsers, through ffmpeg where it is installed."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_asc.audio.formats.part import Damaged

_TIMEOUT_S = 600  # of one file
_PLACE = re.compile(r"\[[^\]\n]*@[^\]\n]*\] ?")  # in ffmpeg's own program
_OPTIONS_IN = ("-nostdin", "-v", "error", "-xerror", "-protocol_whitelist", "file,pipe")
_OPTIONS_OUT = ("-map", "0:a:0", "-c:a", "pcm_f32le", "-rf64", "auto", "-f", "wav", "-y")


@contextmanager
def converted(path: Path) -> Iterator[Path]:
    """A WAV file of a recording's first sound track, while the block runs.

    Raises:
        Damaged: ffmpeg is not installed, or cannot decode the file to its end.
        OSError: no room for the WAV file.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        kind = path.suffix.lower().removeprefix(".")
        raise Damaged(f"{kind} files need ffmpeg, which is not installed; or convert it to WAV")
    with tempfile.TemporaryDirectory(prefix="edge-asc-") as folder:
        wav = Path(folder) / "sound.wav"
        source = f"file:{path}"  # so that no name is taken for an address
        _run([program, *_OPTIONS_IN, "-i", source, *_OPTIONS_OUT, str(wav)])
        yield wav


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Damaged(f"cannot be decoded: ffmpeg did not end within {_TIMEOUT_S} s") from None
    # A file that was cut off makes it complain and end well.
    lines = _PLACE.sub("", done.stderr.decode("utf-8", "backslashreplace")).split("\n")
    said = [" ".join(line.split()) for line in lines if line.strip()]
    if done.returncode or said:
        raise Damaged(f"cannot be decoded: ffmpeg: {said[0] if said else 'no reason given'}")
