"""Which microphones there are, which rates they really have, and how one is found again.

PortAudio names a device of ALSA "Card: device (hw:1,0)". The part in brackets changes when it is
plugged in again, so a device is known by the rest.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from edge_asc.demo.sources.portaudio import GuardedCall, NoMicrophone, errors_of, sounddevice
from edge_asc.demo.sources.source import CaptureHung

RATES_HZ = (8000, 16000, 22050, 32000, 44100, 48000, 96000)
PREFERRED_HZ = (48000, 44100)  # what models are trained at, and what most microphones have
_LIST_LIMIT_S = 20.0  # every rate of every device is tried
_ADDRESS = re.compile(r"\s*\((plug)?hw:[\d,]+\)")
_SND = Path("/dev/snd")


@dataclass(frozen=True)
class Device:
    """A microphone, or what looks like one to PortAudio.

    Args:
        index: of PortAudio; it changes when devices come and go.
        name: of PortAudio, whole.
        host_api: such as "ALSA".
        max_channels: at least 1.
        default_rate_hz: what PortAudio proposes.
        is_default: whether it is recorded from when nothing is chosen.
        rates_hz: those that open, of `RATES_HZ` and the default; empty where none was tried.
    """

    index: int
    name: str
    host_api: str
    max_channels: int
    default_rate_hz: int
    is_default: bool
    rates_hz: tuple[int, ...] = ()

    @property
    def lasting_name(self) -> str:
        """The name without what changes when it is plugged in again."""
        return _ADDRESS.sub("", self.name)


def inputs() -> list[Device]:
    """All devices with a channel to record from, as PortAudio saw them when it was initialised.

    Raises:
        NoMicrophone: none, or no PortAudio.
    """
    module = sounddevice()
    with errors_of("sound devices cannot be listed"):
        apis, infos = module.query_hostapis(), module.query_devices()
        default = apis[module.default.hostapi]["default_input_device"]
    devices = [
        Device(
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
    if not devices:
        raise NoMicrophone(_why_none())
    return devices


def list_devices() -> list[Device]:
    """The same with the rates that open now; a device that is in use may have none.

    Raises:
        NoMicrophone: as for `inputs`.
        OSError: the sound system does not answer.
    """
    try:
        return GuardedCall(_with_rates, _LIST_LIMIT_S, "listing devices").result()
    except CaptureHung as error:
        raise OSError(str(error)) from error


def list_text() -> str:
    """A table of `list_devices` for people."""
    devices = list_devices()
    width = max(len(device.name) for device in devices)
    lines = [f"     {'name':{width}}  API         channels  opens at, Hz"]
    for device in devices:
        rates = " ".join(map(str, device.rates_hz)) or "no rate: is it in use?"
        mark = "*" if device.is_default else " "
        lines.append(
            f"{mark}{device.index:3} {device.name:{width}}  {device.host_api:10}"
            f"  {device.max_channels:8}  {rates}"
        )
    return "\n".join([*lines, "* default; another: --microphone INDEX, or a part of its name"])


def find(devices: list[Device], wanted: str | int | None) -> Device:
    """The device that is meant.

    Args:
        devices: to choose from.
        wanted: an index, a name or a part of one, in any case; None for the default.

    Raises:
        NoMicrophone: there is none, or more than one.
    """
    if wanted is None:
        found = [device for device in devices if device.is_default]
        what = "no default microphone"
    elif isinstance(wanted, int) or wanted.isdecimal():
        found = [device for device in devices if device.index == int(wanted)]
        what = f"no microphone has the index {wanted}"
    else:
        found = _called(devices, wanted)
        what = f"no microphone is called {wanted!r}"
    if len(found) == 1:
        return found[0]
    if found:
        raise NoMicrophone(f"{wanted!r} is the name of more than one: {_listed(found)}")
    raise NoMicrophone(f"{what}; there are: {_listed(devices)}")


def find_again(devices: list[Device], known: Device) -> Device:
    """A device that was opened before, wherever it is plugged in now.

    Raises:
        NoMicrophone: it is not there.
    """
    name, api = known.lasting_name, known.host_api
    same = [d for d in devices if (d.lasting_name, d.host_api) == (name, api)]
    if not same:
        raise NoMicrophone(f"{name} is not there; there are: {_listed(devices)}")
    # Of twins, the one at the old address.
    return next((device for device in same if device.name == known.name), same[0])


def recording_format(device: Device) -> tuple[int, int]:
    """The rate in Hz and the number of channels to open a device with.

    The device's default or the other of `PREFERRED_HZ`, else the highest that opens.

    Raises:
        OSError: it opens at no rate, perhaps because it is in use.
    """
    errors = []
    for rate_hz in _in_order(device.default_rate_hz):
        try:
            return rate_hz, _channels(device, rate_hz)
        except OSError as error:
            errors.append(error)
    raise OSError(f"{device.name} does not open at {errors[0]}")


def _in_order(default_hz: int) -> list[int]:
    """Rates to try, the best first, each once."""
    preferred = sorted(PREFERRED_HZ, key=lambda rate_hz: rate_hz != default_hz)
    return list(dict.fromkeys([*preferred, default_hz, *reversed(RATES_HZ)]))


def _with_rates() -> list[Device]:
    return [replace(device, rates_hz=_rates(device)) for device in inputs()]


def _rates(device: Device) -> tuple[int, ...]:
    rates = []
    for rate_hz in sorted({*RATES_HZ, device.default_rate_hz}):
        with suppress(OSError):
            _channels(device, rate_hz)
            rates.append(rate_hz)
    return tuple(rates)


def _channels(device: Device, rate_hz: int) -> int:
    """One, or all where the device does not open with one; OSError where it opens with neither."""
    for channels in sorted({1, device.max_channels}):
        try:
            with errors_of(f"{rate_hz} Hz"):
                sounddevice().check_input_settings(
                    device=device.index, channels=channels, samplerate=rate_hz, dtype="float32"
                )
            return channels
        except OSError as refused:
            error = refused
    raise error


def _called(devices: list[Device], wanted: str) -> list[Device]:
    """Devices of exactly this name, or else those whose name contains it."""
    text = wanted.casefold()
    exact = [d for d in devices if text in (d.name.casefold(), d.lasting_name.casefold())]
    return exact or [device for device in devices if text in device.name.casefold()]


def _listed(devices: list[Device]) -> str:
    return ", ".join(f"{device.index} {device.name!r}" for device in devices)


def _why_none() -> str:
    captures = sorted(_SND.glob("pcmC*c"))
    if captures and not any(os.access(path, os.R_OK) for path in captures):
        return (
            f"no sound device can be used: {captures[0]} may not be read; "
            "sudo usermod -aG audio $USER, then log in again"
        )
    return "no sound device can record: plug in a microphone; 'arecord -l' lists what Linux sees"
