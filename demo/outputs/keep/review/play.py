"""Plays a clip through this machine's loudspeaker."""

from pathlib import Path

import numpy as np

from edge_asc.demo.sources.portaudio import own_stderr
from edge_asc.install import add_extra

TAIL_S = 0.2  # of silence: sound servers cut off the last hundredths of what they are given


class Unplayable(Exception):
    """It cannot be played here; the message says what to do."""


def play(path: Path) -> None:
    """Play a file to its end, or until Ctrl-C.

    Raises:
        Unplayable: no sounddevice, no PortAudio, no loudspeaker.
    """
    import soundfile

    try:
        import sounddevice
    except ImportError:
        raise Unplayable(f"playing needs sounddevice: {add_extra('live')}") from None
    except OSError:
        raise Unplayable("playing needs PortAudio: sudo apt install libportaudio2") from None
    samples, rate_hz = soundfile.read(path, dtype="int16")
    samples = np.pad(samples, (0, round(TAIL_S * rate_hz)))
    try:
        with own_stderr(hide_libraries=True):
            sounddevice.play(samples, rate_hz, blocking=True)
    except KeyboardInterrupt:
        sounddevice.stop()
    except (sounddevice.PortAudioError, ValueError) as error:
        raise Unplayable(f"no loudspeaker plays it: {error}") from None
