"""A recording: what is told while there is time, what counts, and what is said at the end."""

import io
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from rich.console import Console

from edge_asc.demo.recording.label import MAX_BYTES, check_label
from edge_asc.demo.recording.record import Recording, record
from edge_asc.demo.recording.report import ENOUGH, HOURS, NO_BACKGROUND, advice, as_text
from edge_asc.demo.recording.view import TerminalView, View
from edge_asc.demo.recording.watch import AGAIN_S, QUIET_S
from edge_asc.demo.sources.source import Block, CaptureHung, SourceCounts
from waiting import PATIENCE_S

RATE_HZ = 8000
BLOCK_S = 0.1
HELD_BACK_S = 0.2  # by a resampler, at the end


class Played:
    """A source that gives prepared blocks; between them it has the trouble that stands there."""

    def __init__(self, *steps: Any) -> None:
        self.name, self.state = "played", "listening"
        self.counts = SourceCounts()
        self._steps, self._notices = list(steps), list[str]()

    def read(self, timeout_s: float) -> Block | None:
        if not self._steps:
            self.state = "ended"
            return None
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        if callable(step):
            step(self.counts)
            return None
        if isinstance(step, str):
            self._notices.append(step)
            return None
        return step

    def notices(self) -> list[str]:
        told, self._notices = self._notices, []
        return told

    def close(self) -> None:
        pass


class Told(View):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counted: list[int] = []
        super().__init__(self.lines.append)

    def on_countdown(self, seconds: int) -> None:
        self.counted.append(seconds)


def hiss(seconds: float, amplitude: float = 0.05, rate_hz: int = RATE_HZ) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(round(seconds * rate_hz))
    return (amplitude * noise).clip(-1, 1).astype(np.float32)


def blocks(samples: np.ndarray, rate_hz: int = RATE_HZ, joins: bool = True) -> list[Block]:
    parts = np.array_split(samples, max(1, round(len(samples) / rate_hz / BLOCK_S)))
    return [Block(part, rate_hz, joins=joins or i > 0) for i, part in enumerate(parts)]


def recorded(
    folder: Path, *steps: Any, seconds: float = 3600, countdown_s: int = 0
) -> tuple[Recording, Told]:
    view = Told()
    found = record(Played(*steps), folder / "dog", seconds, view, lambda: False, countdown_s)
    assert found is not None
    return found, view


def told(folder: Path, samples: np.ndarray) -> list[str]:
    """What is said of samples, but for how they go on."""
    found, _ = recorded(folder, *blocks(samples))
    return list(found.told)


def test_what_is_as_it_should_be_gets_no_word(tmp_path: Path) -> None:
    assert told(tmp_path, hiss(30)) == []


def test_too_loud_is_told_at_once_and_again_with_all_that_came(tmp_path: Path) -> None:
    loud = hiss(2 * AGAIN_S + 1)
    loud[:: RATE_HZ // 10] = 1.0
    first, second, third = told(tmp_path, loud)
    assert first.startswith("too loud: 10 samples at full scale")
    assert second.startswith("too loud: 100 samples at full scale")
    assert third.startswith("too loud: 100 samples at full scale")
    assert "alsamixer" in first


def test_a_single_sample_at_full_scale_is_none_that_one_hears(tmp_path: Path) -> None:
    snap = hiss(30, rate_hz=48000)
    snap[5::96000] = 1.0
    found, _ = recorded(tmp_path, *blocks(snap, 48000))
    assert found.told == ()
    assert found.loudness.n_clipped == 15


@pytest.mark.parametrize(
    ("amplitude", "said"), [(0.0, "only silence: is the microphone muted?"), (1e-4, "very quiet")]
)
def test_silence_is_told_once_until_it_is_over(tmp_path: Path, amplitude: float, said: str) -> None:
    quiet = hiss(QUIET_S + 4, amplitude)
    lines = told(tmp_path, np.concatenate([quiet, hiss(1.5), quiet]))
    assert len(lines) == 2
    assert all(line.startswith(said) for line in lines)


def test_a_pause_between_two_sounds_is_no_silence(tmp_path: Path) -> None:
    assert told(tmp_path, np.concatenate([hiss(2), hiss(QUIET_S - 1, 0.0), hiss(2)])) == []


def lose(overruns: int, dropped_s: float) -> Any:
    def step(counts: SourceCounts) -> None:
        counts.overruns += overruns
        counts.dropped_s += dropped_s

    return step


def test_lost_audio_and_a_lost_microphone_are_told_and_counted(tmp_path: Path) -> None:
    before, after = blocks(hiss(1)), blocks(hiss(2), joins=False)
    gone = "played: went away; opening it again until it comes back"
    found, view = recorded(
        tmp_path, lose(7, 7), *before, lose(2, 0), lose(0, 1.5), gone, *after, countdown_s=0
    )
    assert found.told == (
        "audio was lost: 7 overruns of the sound system",
        "audio was lost: 7.0 s, this machine is too busy",
        "audio was lost: 2 overruns of the sound system",
        "audio was lost: 1.5 s, this machine is too busy",
        gone,
    )
    assert list(found.told) == [line for line in view.lines if line in found.told]
    assert (found.overruns, found.dropped_s, found.breaks) == (9, 8.5, 1)
    assert found.seconds == 3.0
    text = as_text(found, {"dog": 1}, ())
    assert "9 overruns, 8.5 s dropped, the microphone was away 1 times" in text


def test_a_microphone_may_come_back_at_another_rate(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * 48000) / 48000).astype(np.float32)
    found, _ = recorded(tmp_path, *blocks(tone[::6]), *blocks(0.5 * tone, 48000, joins=False))
    samples, rate_hz = soundfile.read(found.path)
    assert rate_hz == RATE_HZ
    assert len(samples) / rate_hz == pytest.approx(4, abs=HELD_BACK_S)
    power = np.abs(np.fft.rfft(samples[2 * rate_hz : 3 * rate_hz]))
    assert power.argmax() == 440


def test_the_countdown_is_heard_and_not_recorded(tmp_path: Path) -> None:
    click, rest = np.ones(RATE_HZ * 3, np.float32), hiss(5)
    lost = lose(1, 0)
    steps = [None, *blocks(click[:RATE_HZ]), lost, *blocks(click[RATE_HZ:]), *blocks(rest)]
    found, view = recorded(tmp_path, *steps, seconds=4.0, countdown_s=3)
    assert view.counted == [3, 2, 1]
    assert (found.overruns, found.told, found.loudness.n_clipped) == (0, (), 0)
    samples, _ = soundfile.read(found.path, dtype="int16")
    np.testing.assert_array_equal(samples, np.rint(rest[: 4 * RATE_HZ] * 32768))
    assert view.lines[0] == "audio was lost: 1 overruns of the sound system"
    assert view.lines[1].startswith(f"recording {found.path}")


def test_nothing_makes_no_file_and_no_folder(tmp_path: Path) -> None:
    for steps, countdown_s in (([], 0), (blocks(hiss(2)), 3), ([None, None], 0)):
        source = Played(*steps)
        assert record(source, tmp_path / "dog", 9, Told(), lambda: False, countdown_s) is None
    assert record(Played(*blocks(hiss(9))), tmp_path / "dog", 9, Told(), lambda: True) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [OSError("pulled out"), ValueError("a sample is nan"), CaptureHung("it hangs")]
)
def test_what_goes_wrong_is_told_with_what_is_kept(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(OSError) as caught:
        recorded(tmp_path, *blocks(hiss(2.5)), error)
    (path,) = (tmp_path / "dog").iterdir()
    assert str(caught.value) == f"{error}; 2.5 s are kept in {path}"
    assert soundfile.info(path).frames == 2.5 * RATE_HZ
    with pytest.raises(OSError, match=f"^{error}$"):
        recorded(tmp_path, *blocks(hiss(1)), error, countdown_s=3)


def test_what_never_comes_back_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    source = Played(*blocks(hiss(2.5)), *[None] * 1000)
    with pytest.raises(OSError, match=r"^played: no audio for 0 s; 2\.5 s are kept in "):
        record(source, tmp_path / "dog", 9, Told(), lambda: False, patience_s=0.0)


@pytest.mark.parametrize(
    "label",
    ["", " ", ".", "..", ".hidden", "a/b", "../a", "/a", "a\\b", "a\n", "\0", "a\x1b[1m", " a",
     "é" * 128, "a\u2028b", "\udc80"],
)  # fmt: skip
def test_what_is_no_name_of_a_folder_is_no_label(label: str) -> None:
    with pytest.raises(ValueError) as caught:
        check_label(label)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "label", ["dog", "_background", "door bell", "Türklingel", "犬", "-v", "a.b", "é" * 127]
)
def test_a_label_is_any_other(label: str, tmp_path: Path) -> None:
    check_label(label)
    (tmp_path / label).mkdir()
    assert os.pathconf(tmp_path, "PC_NAME_MAX") == MAX_BYTES


@pytest.mark.parametrize(
    ("counts", "label", "said"),
    [
        ({"dog": 1}, "dog", ["record next: another class; two or more can be told apart"]),
        ({"dog": 5, "cat": 2, "cow": 3}, "dog", ["record next: cat, 2 recordings so far"]),
        ({"dog": 1, "cow": 1}, "cow", ["record next: dog, 1 recording so far"]),
        ({"dog": 1, "cow": 1, "noise": 1}, "dog", ["record next: cow, 1 recording so far"]),
        ({"dog": ENOUGH, "cow": ENOUGH}, "dog", []),
    ],
)
def test_what_is_worth_recording_next(counts: dict[str, int], label: str, said: list[str]) -> None:
    expected = list(said)
    if "noise" not in counts:
        expected.append(NO_BACKGROUND)
    if counts[label] < ENOUGH:
        expected.append(HOURS)
    assert list(advice(counts, label, ("_background", "noise"))) == expected


def test_the_terminal_shows_the_level_below_what_is_said() -> None:
    out = io.StringIO()
    view = TerminalView(Console(file=out, force_terminal=True, width=80))
    view.on_countdown(2)
    view.on_audio(hiss(1), RATE_HZ)
    assert "begins in 2  " in out.getvalue() and "-26 dBFS" in out.getvalue()
    view.on_start(Path("x.wav"))
    view.say("too \x1b[5m loud")
    assert out.getvalue().count("\n") == 2
    assert "edge-asc: recording x.wav; Ctrl-C ends it\n" in out.getvalue()
    assert "edge-asc: too \\x1b[5m loud" in out.getvalue()
    view._next_s = 0.0
    view.on_audio(np.ones(RATE_HZ, np.float32), RATE_HZ)
    assert "0:01  " in out.getvalue() and "CLIPPING" in out.getvalue()
    view.close()
    assert out.getvalue().endswith("\r\x1b[2K")


def test_a_terminal_that_stands_still_is_not_waited_for() -> None:
    looks, shows = os.openpty()
    file = open(shows, "w")  # noqa: SIM115 - closed below, where that cannot wait either
    view = TerminalView(Console(file=file, force_terminal=True, width=80))

    def show() -> None:
        for _ in range(2000):  # far more than a terminal holds, and nobody reads
            view._next_s = 0.0
            view.on_audio(hiss(0.01), RATE_HZ)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    waits = thread.is_alive()
    os.close(looks)  # what waits for the terminal gets an error
    thread.join(PATIENCE_S)
    with suppress(OSError):
        file.close()
    assert not waits
