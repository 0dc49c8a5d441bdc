"""Doctor's checks of sound: library, microphones, permission, a recording.

PortAudio can end a process or hang in it, so what touches it runs in a process of its own:
`python -m edge_asc.demo.doctor.sound SECONDS [MICROPHONE]` prints a finding a line.
"""

import getpass
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge_asc.demo.doctor.findings import Finding, finding, run_python
from edge_asc.demo.events import json_text
from edge_asc.install import add_extra

START_LIMIT_S = 10.0
SOUND_LIMIT_S = 60.0  # beyond the recording itself; each rate of each microphone is tried


def check_sound(microphone: str | None, record_s: float) -> Iterator[Finding]:
    """Everything that needs PortAudio; nothing is recorded where `record_s` is 0."""
    command = ["-m", "edge_asc.demo.doctor.sound", str(record_s), *filter(None, [microphone])]
    ended = run_python(command, SOUND_LIMIT_S + record_s)
    for line in ended.lines:
        yield msgspec.json.decode(line, type=Finding)
    if ended.problem:
        cure = (
            "is there a pcm.default in /etc/asound.conf and ~/.asoundrc? without one PortAudio"
            " dies; else restart the sound server, or the machine"
        )
        yield Finding("sound", "fail", f"PortAudio {ended.problem}", cure)


def check_access(root: Path) -> Iterator[Finding]:
    """Whether sound cards are there, and may be used."""
    cards = sorted((root / "dev/snd").glob("pcmC*c"))
    user = getpass.getuser()
    if not cards:
        fact = "none that records; a sound server may have a microphone of its own"
        yield Finding("sound cards", "ok", fact)
        return
    may = any(os.access(card, os.R_OK | os.W_OK) for card in cards)
    fact = (
        f"{len(cards)} to record from; {user} may use them"
        if may
        else f"{user} may not use {cards[0]}"
    )
    cure = f"sudo usermod -aG audio {user}, then log in again"
    yield finding("sound cards", fact, (not may, "fail", cure))


def findings(microphone: str | None, record_s: float) -> Iterator[Finding]:
    """What PortAudio has to say; in the process that it may end."""
    from edge_asc.demo.sources.portaudio import CaptureHung, GuardedCall, NoMicrophone, sounddevice

    try:
        module = GuardedCall(sounddevice, START_LIMIT_S, "starting PortAudio").result()
        library = module.get_portaudio_version()[1].partition(",")[0]
        yield Finding("sound library", "ok", f"sounddevice {module.__version__}, {library}")
        yield from _microphones()
        if record_s:
            yield from _recording(microphone, record_s)
    except NoMicrophone as error:
        yield Finding("sound", "fail", str(error), _cure(error))
    except (OSError, CaptureHung) as error:
        cure = "systemctl --user restart pipewire pulseaudio, or restart the machine"
        yield Finding("sound", "fail", str(error), cure)


def _cure(error: OSError) -> str:
    """What to do where there is no microphone, or no way to it."""
    if isinstance(error.__cause__, ImportError):
        return add_extra("live", "--force-reinstall")
    if isinstance(error.__cause__, OSError):
        return "sudo apt install libportaudio2"
    return "plug one in (lsusb lists what is), or choose another; then run edge-asc doctor again"


def _microphones() -> Iterator[Finding]:
    from edge_asc.demo.sources.microphones import list_microphones

    microphones = list_microphones()
    for found in microphones:
        channels = f"{found.max_channels} channel{'s' * (found.max_channels > 1)}"
        about = f"{found.index}: {found.name}, {found.host_api}, {channels}"
        if found.rates_hz:
            rates = " ".join(map(str, found.rates_hz))
            yield Finding("microphone", "ok", f"{about}, opens at {rates} Hz")
        elif found.is_default or "(hw:" in found.name:
            cure = "is another program using it? fuser -v /dev/snd/*"
            yield Finding("microphone", "warn", f"{about}, does not open", cure)
        else:  # ALSA has names for much that is not a microphone
            yield Finding("microphone", "ok", f"{about}, does not open; it need not")
    default = next((found.name for found in microphones if found.is_default), "")
    cure = f"choose one: edge-asc live --microphone '{microphones[0].lasting_name}'"
    yield finding("default", default or "no default microphone", (not default, "warn", cure))


def _recording(microphone: str | None, record_s: float) -> Iterator[Finding]:
    from edge_asc.demo.doctor.recording import judge, record
    from edge_asc.demo.sources.microphone import Microphone

    source = Microphone(microphone)
    yield from judge(record(source, record_s))
    source.close()


def _main() -> None:
    microphone = sys.argv[2] if len(sys.argv) > 2 else None
    for found in findings(microphone, float(sys.argv[1])):
        print(json_text(found), flush=True)
    os._exit(0)  # whatever hangs in PortAudio: all is said


if __name__ == "__main__":
    _main()
