"""Which microphones there are, how one is meant and found again, and what is said when none is."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from edge_asc.demo.sources import microphones
from edge_asc.demo.sources.microphone import Microphone
from edge_asc.demo.sources.microphones import (
    MicrophoneInfo,
    find,
    find_again,
    recording_format,
    twins_of,
)
from edge_asc.demo.sources.portaudio import NoMicrophone, sounddevice
from edge_asc.install import add_extra
from virtual_mic import MISSING, VirtualMic

real = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

USB = MicrophoneInfo(1, "USB PnP Sound Device: Audio (hw:1,0)", "ALSA", 1, 48000, True)
TWIN = replace(USB, index=2, name="USB PnP Sound Device: Audio (hw:2,0)", is_default=False)
PULSE = MicrophoneInfo(4, "pulse", "ALSA", 32, 44100, False)
PULSE_MONITOR = replace(PULSE, index=5, name="Monitor of pulse")
ALL = [USB, TWIN, PULSE, PULSE_MONITOR]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (None, USB),
        (4, PULSE),
        ("2", TWIN),
        ("PULSE", PULSE),  # its whole name; the other contains it
        ("monitor", PULSE_MONITOR),
        ("hw:2,0", TWIN),
    ],
)
def test_a_device_is_meant_by_index_or_by_a_part_of_its_name(
    wanted: str | int | None, found: MicrophoneInfo
) -> None:
    assert find(ALL, wanted) is found


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("usb", "'usb' is the name of more than one: 1 'USB PnP Sound Device: Audio (hw:1,0)', 2 "),
        ("USB PnP Sound Device: Audio", "more than one"),
        ("rode", "no microphone is called 'rode'; there are: 1 'USB PnP Sound"),
        ("", "more than one"),
        (3, "no microphone has the index 3; there are: 1 'USB"),
        (-1, "no microphone has the index -1"),
    ],
)
def test_what_is_not_there_or_not_one_is_an_error_that_lists_what_is(
    wanted: str | int, words: str
) -> None:
    with pytest.raises(NoMicrophone) as caught:
        find(ALL, wanted)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_default_one_has_to_be_chosen() -> None:
    with pytest.raises(NoMicrophone, match="no default microphone; there are: 4 'pulse'"):
        find([PULSE], None)


def test_a_device_is_found_again_under_another_address_and_index() -> None:
    moved = replace(USB, index=7, name="USB PnP Sound Device: Audio (hw:3,0)")
    assert find_again([PULSE, moved], USB) is moved
    assert find_again([moved, USB], USB) is USB  # of twins, the one at the old address
    other = replace(moved, name="Other: Audio (hw:1,0)")
    with pytest.raises(NoMicrophone, match="USB PnP Sound Device: Audio is not there"):
        find_again([other, replace(USB, host_api="JACK")], USB)


def test_a_twin_is_never_taken_for_the_one_that_went_away() -> None:
    """Two of the same make are told apart by where they were while both were there."""
    twins = twins_of(ALL, USB)
    assert twins == {TWIN.name}
    assert twins_of(ALL, PULSE) == frozenset()
    with pytest.raises(NoMicrophone, match="is not there, but another one of its kind"):
        find_again([TWIN, PULSE], USB, twins)
    moved = replace(USB, index=9, name="USB PnP Sound Device: Audio (hw:5,0)")
    assert find_again([TWIN, moved], USB, twins) is moved
    assert find_again([TWIN, moved, USB], USB, twins) is USB


def test_names_are_listed_without_what_a_terminal_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = replace(USB, name="USB\x1b[2J\x07 mic", rates_hz=(48000,))
    monkeypatch.setattr(microphones, "list_microphones", lambda: [hostile])
    assert microphones.list_text().replace("\n", "").isprintable()


class FakeSoundDevice(ModuleType):
    """A device of ALSA that has only some formats, which needs a sound card."""

    class PortAudioError(Exception):
        pass

    __version__ = "0.5.6"
    _initialize = _terminate = _exit_handler = None

    def __init__(self, *formats: tuple[int, int]) -> None:
        super().__init__("sounddevice")
        self.formats = formats

    def check_input_settings(self, *, samplerate: int, channels: int, **_rest: Any) -> None:
        if (samplerate, channels) not in self.formats:
            raise self.PortAudioError("Invalid sample rate\n[PaErrorCode -9997]")


@pytest.mark.parametrize(
    ("formats", "default_hz", "chosen"),
    [
        ([(44100, 1), (48000, 1)], 44100, (44100, 1)),
        ([(44100, 1), (48000, 1)], 48000, (48000, 1)),
        ([(44100, 1), (48000, 1)], 96000, (48000, 1)),
        ([(48000, 1)], 44100, (48000, 1)),  # PortAudio's default is a guess
        ([(44100, 2), (48000, 1)], 44100, (44100, 2)),
        ([(16000, 1), (8000, 1), (32000, 2)], 44100, (32000, 2)),
        ([(11025, 1), (8000, 1)], 11025, (11025, 1)),
    ],
)
def test_the_format_is_one_that_really_opens(
    formats: list[tuple[int, int]],
    default_hz: int,
    chosen: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice(*formats))
    device = replace(USB, default_rate_hz=default_hz, max_channels=2)
    assert recording_format(device) == chosen


@pytest.mark.parametrize(
    ("formats", "channel", "chosen"),
    [
        ([(48000, 1), (48000, 2), (48000, 6)], 1, (48000, 2)),  # one alone would be a mix of all
        ([(48000, 1), (48000, 2), (48000, 6)], 2, (48000, 2)),
        ([(48000, 1), (48000, 2), (48000, 6)], 4, (48000, 6)),
        ([(48000, 1), (48000, 6)], 1, (48000, 6)),
    ],
)
def test_with_a_channel_so_many_are_opened_that_it_is_one_of_them(
    formats: list[tuple[int, int]],
    channel: int,
    chosen: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice(*formats))
    assert recording_format(replace(USB, max_channels=6), channel) == chosen


def test_a_channel_as_the_command_line_gives_it_is_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def opened(_: object, channel: object) -> None:
        asked.append(channel)
        raise NoMicrophone("enough")

    monkeypatch.setattr("edge_asc.demo.sources.microphone.inputs", lambda: [USB])
    monkeypatch.setattr("edge_asc.demo.sources.microphone.find", lambda *_: USB)
    monkeypatch.setattr("edge_asc.demo.sources.microphone.recording_format", opened)
    with pytest.raises(NoMicrophone, match="enough"):
        Microphone(channel="9")
    assert asked == [9]
    with pytest.raises(ValueError, match="channel 'left': must be a number from 1"):
        Microphone(channel="left")


def test_a_channel_that_is_not_there_never_will_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice((48000, 1)))
    assert recording_format(USB, 1) == (48000, 1)
    with pytest.raises(NoMicrophone, match=r"USB PnP.* has one channel, and no channel 2"):
        recording_format(USB, 2)


def test_a_device_without_a_rate_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice())
    with pytest.raises(OSError, match="does not open at 48000 Hz: Invalid sample rate") as caught:
        recording_format(USB)
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, NoMicrophone)  # it may be in use, which passes


def test_a_sounddevice_that_cannot_look_for_devices_again_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("sounddevice")
    module.__version__ = "9.0"  # type: ignore[attr-defined]
    module._terminate = module._exit_handler = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    with pytest.raises(NoMicrophone, match=r"^sounddevice 9.0 has no _initialize, .*pip install"):
        sounddevice()


def test_a_missing_package_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(NoMicrophone, match=re.escape(add_extra("live"))):
        sounddevice()


def test_capture_devices_that_may_not_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pcmC1D0c").touch()
    (tmp_path / "pcmC0D0p").touch()
    monkeypatch.setattr(microphones, "_SND", tmp_path)
    assert "arecord -l" in microphones._why_none()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert f"{tmp_path}/pcmC1D0c may not be read; sudo usermod -aG audio" in microphones._why_none()


@pytest.fixture(scope="module")
def mic() -> Iterator[VirtualMic]:
    with VirtualMic() as mic:
        yield mic


def printed(code: str, env: dict[str, str]) -> str:
    """What a process of its own prints, or the one line of its error."""
    whole = f"""
try:
    {code}
except OSError as error:
    print(type(error).__name__, error)
"""
    command = [sys.executable, "-c", whole]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


LIST = "from edge_asc.demo.sources.microphones import list_text; print(list_text())"


@real
def test_the_list_has_the_rates_that_open(mic: VirtualMic) -> None:
    heading, *lines, hint = printed(LIST, mic.env).splitlines()
    assert heading.split() == ["name", "API", "channels", "opens", "at,", "Hz"]
    rates = [str(rate_hz) for rate_hz in microphones.RATES_HZ]
    assert [line.split() for line in lines] == [
        ["0", "pulse", "ALSA", "32", *rates],
        ["*", "1", "default", "ALSA", "32", *rates],
    ]
    assert "--microphone" in hint


OPEN = "from edge_asc.demo.sources.microphone import Microphone; print(Microphone({!r}).name)"


@real
def test_a_name_that_no_device_has_ends_it_at_once(mic: VirtualMic) -> None:
    said = printed(OPEN.format("usb"), mic.env)
    assert said == (
        "NoMicrophone no microphone is called 'usb'; there are: 0 'pulse', 1 'default'\n"
    )


@real
def test_without_a_sound_device_one_line_says_so() -> None:
    with VirtualMic() as mic:
        mic.kill()
        for code in (LIST, OPEN.format(None)):
            assert printed(code, mic.env).startswith("NoMicrophone no microphone is there: ")


@real
@pytest.mark.parametrize("code", [LIST, OPEN.format(None)])
def test_without_the_library_one_line_says_what_to_install(code: str) -> None:
    hidden = f"import ctypes.util; ctypes.util.find_library = lambda name: None; {code}"
    said = printed(hidden, dict(os.environ))
    assert said.startswith("NoMicrophone a microphone needs PortAudio: sudo apt install libport")
    assert said.count("\n") == 1


STDERR = """from edge_asc.demo.sources.portaudio import own_stderr
    import os, sys
    for hide in (False, True):
        with own_stderr(hide_libraries=hide):
            print("python", file=sys.stderr)
            os.write(2, b"library\\n")
    print("after", file=sys.stderr)
    os.write(2, b"after\\n")
    sys.stderr.flush()"""


def test_what_libraries_print_can_be_hidden_and_comes_back() -> None:
    command = [sys.executable, "-c", f"if True:\n    {STDERR}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr.split() == ["python", "library", "python", "after", "after"]
