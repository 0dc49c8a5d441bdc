"""Simulated microphones for people: a table of them, and a recording as each one hears it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_asc.audio.decode import load_audio, probe
from edge_asc.audio.microphones.filters import SimulatedMicrophone
from edge_asc.files import atomic_write

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    *("microphone", "family", "band, Hz", "resonances, dB at Hz", "slope, dB/octave"),
    *("reflection", "gain, dB", "noise, dBFS", "clips at, dBFS"),
)


def write_heard(
    audio: Path, microphones: Sequence[SimulatedMicrophone], folder: Path
) -> list[Path]:
    """Write one 16-bit WAV per microphone, NAME-MICROPHONE.wav, mono at the file's own rate.

    Raises:
        AudioError: the file gives no usable audio.
        OSError: the folder cannot be written.
    """
    import soundfile

    rate_hz = probe(audio).sample_rate_hz
    samples = load_audio(audio, rate_hz)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for microphone in microphones:
        path = folder / f"{audio.stem}-{microphone.name}.wav"
        heard = microphone.hear(samples, rate_hz, audio.name)
        with atomic_write(path) as temporary:
            soundfile.write(temporary, heard, rate_hz, format="WAV", subtype="PCM_16")
        written.append(path)
    return written


def microphone_table(microphones: Sequence[SimulatedMicrophone]) -> "Table":
    """Their parts, one row each."""
    from rich.table import Table

    table = Table(box=None)
    for column in COLUMNS:
        table.add_column(column)
    for microphone in microphones:
        table.add_row(microphone.name, *_cells(microphone))
    return table


def _cells(microphone: SimulatedMicrophone) -> list[str]:
    parts, response = microphone.parts, microphone.parts.response
    bells = ", ".join(f"{b.gain_db:+.0f} at {b.centre_hz:.0f}" for b in response.bells)
    echo = f"{response.echo_share:.0%} after {response.echo_ms:.2f} ms"
    hum = f", hum {parts.noise.hum_hz:.0f} Hz" if parts.noise.hum_hz else ""
    return [
        parts.family,
        f"{response.high_pass_hz:.0f} - {response.low_pass_hz:.0f}",
        bells,
        f"{response.slope_db:+.1f}" if response.slope_db else "",
        echo if response.echo_share else "",
        f"{parts.gain_db:+.1f}",
        f"{parts.noise.level_db:.0f}{hum}",
        f"{parts.clip_db:.1f}{', softly' if parts.soft else ''}",
    ]
