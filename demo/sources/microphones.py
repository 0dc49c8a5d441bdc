"""Which microphones there are, which rates they really have, and how one is found again.

PortAudio names a device of ALSA "Card: device (hw:1,0)". The part in brackets changes when it is
plugged in again, so a microphone is known by the rest.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge_asc.audio.samples import check_channel
from edge_asc.demo.sources.channels import LOUDEST, MIX, Choice, number_of
from edge_asc.demo.sources.portaudio import GuardedCall, NoMicrophone, errors_of, sounddevice
from edge_asc.demo.sources.source import CaptureHung
from edge_asc.shown import shown

RATES_HZ = (8000, 16000, 22050, 32000, 44100, 48000, 96000)
PREFERRED_HZ = (48000, 44100)  # what models are trained at, and what most microphones have
_LIST_LIMIT_S = 20.0  # every rate of every microphone is tried
_ADDRESS = re.compile(r"\s*\((plug)?hw:[\d,]+\)")
_SND = Path("/dev/snd")


@dataclass(frozen=True)
class MicrophoneInfo:
    """A microphone, or what looks like one to PortAudio: one of its devices with an input."""

    index: int  # of PortAudio; it changes when others come and go
    name: str  # of PortAudio, whole
    host_api: str  # such as "ALSA"
    max_channels: int  # at least 1
    default_rate_hz: int  # what PortAudio proposes
    is_default: bool  # whether it is recorded from when nothing is chosen
    # Those that open, of `RATES_HZ` and the default; empty where none was tried.
    rates_hz: tuple[int, ...] = ()

    @property
    def lasting_name(self) -> str:
        """The name without what changes when it is plugged in again."""
        return _ADDRESS.sub("", self.name)


def inputs() -> list[MicrophoneInfo]:
    """All with a channel to record from, as PortAudio saw them when it was initialised.

    Raises:
        NoMicrophone: none, or no PortAudio.
    """
    module = sounddevice()
    with errors_of("microphones cannot be listed"):
        apis, infos = module.query_hostapis(), module.query_devices()
        default = apis[module.default.hostapi]["default_input_device"]
    microphones = [
        MicrophoneInfo(
            index=index,
            name=info["name"],
            host_api=apis[info["hostapi"]]["name"],
            max_channels=info["max_input_channels"],
            default_rate_hz=round(info["default_samplerate"]),
            is_default=index == default,
        )
        for index, info in enumerate(infos)
        if info["max_input_channels"] > 0
    ]
    if not microphones:
        raise NoMicrophone(_why_none())
    return microphones


def list_microphones() -> list[MicrophoneInfo]:
    """The same with the rates that open now; one that is in use may have none.

    Raises:
        NoMicrophone: as for `inputs`.
        OSError: the sound system does not answer.
    """
    try:
        return GuardedCall(_with_rates, _LIST_LIMIT_S, "listing microphones").result()
    except CaptureHung as error:
        raise OSError(str(error)) from error


def list_text() -> str:
    """A table of `list_microphones` for people."""
    microphones = [replace(one, name=shown(one.name)) for one in list_microphones()]
    width = max(len(one.name) for one in microphones)
    lines = [f"     {'name':{width}}  API         channels  opens at, Hz"]
    for microphone in microphones:
        rates = " ".join(map(str, microphone.rates_hz)) or "no rate: is it in use?"
        mark = "*" if microphone.is_default else " "
        lines.append(
            f"{mark}{microphone.index:3} {microphone.name:{width}}  {microphone.host_api:10}"
            f"  {microphone.max_channels:8}  {rates}"
        )
    return "\n".join([*lines, "* default; another: --microphone INDEX, or a part of its name"])


def find(microphones: list[MicrophoneInfo], wanted: str | int | None) -> MicrophoneInfo:
    """The microphone of an index, a name or a part of one, in any case; None: the default.

    Raises:
        NoMicrophone: there is none, or more than one.
    """
    if wanted is None:
        found = [one for one in microphones if one.is_default]
        what = "no default microphone"
    elif isinstance(wanted, int) or wanted.isdecimal():
        found = [one for one in microphones if one.index == int(wanted)]
        what = f"no microphone has the index {wanted}"
    else:
        found = _called(microphones, wanted)
        what = f"no microphone is called {wanted!r}"
    if len(found) == 1:
        return found[0]
    if found:
        raise NoMicrophone(f"{wanted!r} is the name of more than one: {_listed(found)}")
    raise NoMicrophone(f"{what}; there are: {_listed(microphones)}")


def twins_of(microphones: list[MicrophoneInfo], found: MicrophoneInfo) -> frozenset[str]:
    """Whole names of others that are called as one is, but for their addresses."""
    name, api = found.lasting_name, found.host_api
    same = [one for one in microphones if (one.lasting_name, one.host_api) == (name, api)]
    return frozenset(one.name for one in same) - {found.name}


def find_again(
    microphones: list[MicrophoneInfo],
    known: MicrophoneInfo,
    twins: frozenset[str] = frozenset(),
) -> MicrophoneInfo:
    """One that was opened before, wherever it is plugged in now.

    Args:
        microphones: that are there.
        known: the one.
        twins: names of those like it that were there beside it; none of them is it.

    Raises:
        NoMicrophone: it is not there.
    """
    name, api = known.lasting_name, known.host_api
    same = [one for one in microphones if (one.lasting_name, one.host_api) == (name, api)]
    ours = [one for one in same if one.name not in twins]
    if not ours:
        but = ", but another one of its kind" if same else ""
        raise NoMicrophone(f"{name} is not there{but}; there are: {_listed(microphones)}")
    # Of several, the one at the old address.
    return next((one for one in ours if one.name == known.name), ours[0])


def recording_format(microphone: MicrophoneInfo, channel: Choice = None) -> tuple[int, int]:
    """The rate in Hz and the number of channels to open a microphone with.

    Its default or the other of `PREFERRED_HZ`, else the highest that opens. With a `channel`, from
    1, as many channels that it is one of them; for the loudest, all.

    Raises:
        NoMicrophone: it has no such channel.
        OSError: it opens at no rate, perhaps because it is in use.
    """
    try:
        check_channel(number_of(channel), microphone.max_channels)
    except ValueError as error:
        raise NoMicrophone(f"{microphone.name} {error}") from error
    errors = []
    for rate_hz in _in_order(microphone.default_rate_hz):
        try:
            return rate_hz, _channels(microphone, rate_hz, channel)
        except OSError as error:
            errors.append(error)
    raise OSError(f"{microphone.name} does not open at {errors[0]}")


def _in_order(default_hz: int) -> list[int]:
    """Rates to try, the best first, each once."""
    preferred = sorted(PREFERRED_HZ, key=lambda rate_hz: rate_hz != default_hz)
    return list(dict.fromkeys([*preferred, default_hz, *reversed(RATES_HZ)]))


def _with_rates() -> list[MicrophoneInfo]:
    return [replace(microphone, rates_hz=_rates(microphone)) for microphone in inputs()]


def _rates(microphone: MicrophoneInfo) -> tuple[int, ...]:
    rates = []
    for rate_hz in sorted({*RATES_HZ, microphone.default_rate_hz}):
        with suppress(OSError):
            _channels(microphone, rate_hz)
            rates.append(rate_hz)
    return tuple(rates)


def _channels(microphone: MicrophoneInfo, rate_hz: int, channel: Choice = None) -> int:
    """One, or all where it does not open with one; OSError where it opens with neither.

    With a channel not one but two, or as many as it takes: what ALSA and PulseAudio give who asks
    for one is a mix of all.
    """
    if channel in (None, MIX):
        least = 1
    else:
        least = microphone.max_channels if channel == LOUDEST else max(2, int(channel or 1))
    least = min(least, microphone.max_channels)
    for channels in sorted({least, microphone.max_channels}):
        try:
            with errors_of(f"{rate_hz} Hz"):
                sounddevice().check_input_settings(
                    device=microphone.index, channels=channels, samplerate=rate_hz, dtype="float32"
                )
            return channels
        except OSError as refused:
            error = refused
    raise error


def _called(microphones: list[MicrophoneInfo], wanted: str) -> list[MicrophoneInfo]:
    """Those of exactly this name, or else those whose name contains it."""
    text = wanted.casefold()
    exact = [
        one for one in microphones if text in (one.name.casefold(), one.lasting_name.casefold())
    ]
    return exact or [one for one in microphones if text in one.name.casefold()]


def _listed(microphones: list[MicrophoneInfo]) -> str:
    return ", ".join(f"{one.index} {one.name!r}" for one in microphones)


def _why_none() -> str:
    captures = sorted(_SND.glob("pcmC*c"))
    if captures and not any(os.access(path, os.R_OK) for path in captures):
        return (
            f"no microphone can be used: {captures[0]} may not be read; "
            "sudo usermod -aG audio $USER, then log in again"
        )
    return "no microphone is there: plug one in; 'arecord -l' lists what Linux sees"
