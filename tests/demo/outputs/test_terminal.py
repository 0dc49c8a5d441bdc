"""The terminal view: what is drawn is what was heard, fits the terminal, and disturbs nobody."""

import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions

import tiny_models
from edge_asc.demo.events import UNSURE, Decision, Health, Notice
from edge_asc.demo.hearing.levels import CLIP_HOLD_S, HOLD_S, RISE_S, Meter, dbfs
from edge_asc.demo.outputs.terminal.strip import CELL_S, N_CELLS, Strip, shares, time_axis
from edge_asc.demo.outputs.terminal.style import ASCII, MAX_BAR, Glyphs, bar, duration, keys
from edge_asc.demo.outputs.terminal.terminal import REDRAW_S, TerminalOutput, _Screen
from edge_asc.demo.outputs.terminal.view import MIN_SCENES, Picture, draw
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import Metadata
from waiting import SOON_S

RATE_HZ = tiny_models.FRONTEND.sample_rate_hz
ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
LABELS = [f"scene{i:02}" for i in range(10)]


def metadata(labels: list[str], abstract: tuple[str, ...] = (), clip_s: float = 5.0) -> Metadata:
    return tiny_models.metadata(labels=labels, abstract_labels=list(abstract), clip_s=clip_s)


def decision(probabilities: dict[str, float], scene: str | None = None, **more: Any) -> Decision:
    likeliest = max(probabilities, key=lambda label: probabilities[label])
    fields = {"time_s": 1000.0, "position_s": 10.0, "changed": True, **more}
    return Decision(
        scene=scene or likeliest,
        confidence=probabilities[likeliest],
        probabilities=probabilities,
        **fields,
    )


def some_decision(seed: int = 0, **more: Any) -> Decision:
    values = np.random.default_rng(seed).dirichlet(np.ones(len(LABELS)))
    return decision(dict(zip(LABELS, values.tolist(), strict=True)), **more)


def picture(labels: list[str], abstract: tuple[str, ...] = (), **fields: Any) -> Picture:
    return Picture("model", metadata(labels, abstract), Strip(1.0), Meter(RATE_HZ), **fields)


def drawn(
    shown: Picture, width: int = 80, height: int = 40, glyphs: Glyphs | None = None
) -> list[str]:
    lines = draw(shown, width, height, glyphs or Glyphs())
    return ["".join(segment.text for segment in line) for line in lines]


def bar_rows(lines: list[str], labels: list[str]) -> dict[str, str]:
    """The row of each label that has one, from top to bottom."""
    found = ((re.match(r"[► ] . (\S+) ", line), line) for line in lines)
    return {match[1]: line for match, line in found if match and match[1] in labels}


# What is drawn


@given(st.floats(0, 1), st.integers(0, 200))
def test_a_bar_is_its_part_of_the_width(value: float, width: int) -> None:
    cells = bar(value, width, Glyphs())
    assert abs(cells.count("█") + 0.5 * cells.count("▌") - value * width) <= 0.25
    assert abs(len(bar(value, width, ASCII)) - value * width) <= 0.5


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.integers(30, 100))
def test_every_class_has_a_bar_in_proportion(values: list[float], width: int) -> None:
    labels = [f"scene{i:02}" for i in range(len(values))]
    both = dict(zip(labels, values, strict=True))
    heard = decision(both, abstract="in", abstract_probabilities={"in": 0.75, "out": 0.25})
    rows = bar_rows(
        drawn(picture(labels, ("in", "out"), decision=heard), width, 60), [*labels, "in", "out"]
    )
    assert list(rows) == [*labels, "in", "out"]
    bar_width = min(MAX_BAR, width - len("scene00") - 11)
    for label, value in {**both, "in": 0.75, "out": 0.25}.items():
        length = rows[label].count("█") + 0.5 * rows[label].count("▌")
        assert abs(length - value * bar_width) <= 0.25
        assert rows[label].endswith(f" {100 * value:.0f} %")
        assert rows[label].startswith("►") == (label in (heard.scene, "in"))


def test_the_likeliest_scenes_stay_where_not_all_have_room() -> None:
    labels = [f"scene{i:02}" for i in range(50)]
    values = np.random.default_rng(0).dirichlet(np.ones(50)).tolist()
    heard = decision(dict(zip(labels, values, strict=True)))
    found = list(bar_rows(drawn(picture(labels, decision=heard), 80, 24), labels))
    assert len(found) > MIN_SCENES
    assert found == sorted(sorted(labels, key=heard.probabilities.__getitem__)[-len(found) :])


def test_notices_give_way_before_scenes_and_the_latest_is_kept() -> None:
    shown = picture(LABELS, ("in", "out"), decision=some_decision())
    for text in ("first " * 15, "second", "third " * 20):
        shown.notices.append(Notice(time_s=0.0, text=text))
    for height in range(18, 40):
        lines = drawn(shown, 60, height)
        said = "\n".join(lines[-4:])
        assert "third third" in said
        n_scenes = len(bar_rows(lines, LABELS))
        assert n_scenes == len(LABELS) or "second" not in said
        assert ("second" in said) <= ("first" not in said)
    assert n_scenes == len(LABELS)


texts = st.text(max_size=30)


@st.composite
def pictures(draw_value: Callable[[Any], Any]) -> Picture:
    labels = draw_value(st.lists(texts, min_size=1, max_size=60, unique=True))
    shown = picture(labels, tuple(draw_value(st.sets(texts, max_size=3))))
    probability = st.floats(0, 1)
    if draw_value(st.booleans()):
        values = {label: draw_value(probability) for label in labels}
        by_class = {label: draw_value(probability) for label in shown.metadata.abstract_labels}
        scene = draw_value(st.sampled_from([UNSURE, *labels]))
        shown.decision = decision(values, scene, abstract_probabilities=by_class)
        shown.strip.add(1000.0, scene)
    if draw_value(st.booleans()):
        shown.health = Health(
            time_s=draw_value(st.floats(0, 1e10)),
            state=draw_value(st.sampled_from(["starting", "listening", "silent", "lost", "ended"])),
            source=draw_value(texts),
            latency_ms=draw_value(st.none() | st.floats(0, 1e6)),
            audio_age_s=draw_value(st.none() | st.floats(0, 1e6)),
            temperature_c=draw_value(st.none() | st.floats(-50, 150)),
            throttled=draw_value(st.sampled_from([None, [], ["under-voltage", "throttled"]])),
        )
    for text in draw_value(st.lists(texts, max_size=4)):
        shown.notices.append(Notice(time_s=0.0, text=text))
    if draw_value(st.booleans()):
        shown.meter.add(np.full(800, draw_value(st.floats(-1, 1)), np.float32))
    return shown


@settings(max_examples=150)
@given(pictures(), st.integers(20, 200), st.integers(5, 70), st.sampled_from([Glyphs(), ASCII]))
def test_nothing_is_wider_or_higher_than_the_terminal(
    shown: Picture, width: int, height: int, glyphs: Glyphs
) -> None:
    lines = drawn(shown, width, height, glyphs)
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    others = {c for line in lines for c in line if not c.isprintable()} - {"\u200c", "\u200d"}
    assert {unicodedata.category(c) for c in others} <= {"Zs"}  # nothing that a terminal would obey


def test_ascii_suffices() -> None:
    shown = picture(LABELS, ("in", "out"), decision=some_decision())
    shown.meter.add(np.full(800, 0.5, np.float32))
    shown.health = Health(time_s=0.0, state="listening", source="mic", temperature_c=50.0)
    assert all(line.isascii() for line in drawn(shown, glyphs=ASCII))


def test_before_the_first_decision_it_says_how_far_it_is() -> None:
    shown = picture(LABELS)
    for _ in range(3):
        shown.meter.add(np.zeros(RATE_HZ, np.float32))
    assert "listening: 3 of 5 s" in drawn(shown)
    assert not any("%" in line for line in drawn(shown))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"state": "lost", "audio_age_s": 65.0}, "no audio for 1:05: it is opened again"),
        ({"state": "silent"}, "only zeros: it is opened again"),
        ({"throttled": ["under-voltage", "throttled"]}, "UNDER-VOLTAGE, THROTTLED"),
        ({"throttled": []}, "not throttled"),
        ({"temperature_c": 61.2}, "61 °C"),
        ({"real_time_factor": 0.0193}, "real-time factor 0.019"),
        ({"latency_ms": 61.7}, "latency 62 ms"),
        ({"dropped_s": 1.25}, "dropped 1.2 s"),
        ({"overruns": 3}, "overruns 3"),
        ({"reopens": 2}, "reopens 2"),
        ({"rss_bytes": 71_000_000}, "memory 71 MB"),
        ({"sample_rate_hz": 48000}, "48000 Hz"),
    ],
)
def test_health_is_told(fields: dict[str, Any], text: str) -> None:
    health = Health(**{"time_s": 0.0, "state": "listening", "source": "mic", **fields})
    assert text in "\n".join(drawn(picture(LABELS, health=health)))


@given(st.lists(st.text(max_size=8), max_size=62, unique=True))
def test_keys_are_letters_that_differ(labels: list[str]) -> None:
    found = keys(tuple(labels))
    assert list(found) == labels
    assert len(set(found.values())) == len(labels)
    assert all(len(letter) == 1 and letter.isascii() for letter in found.values())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (125, "2:05"), (3725.5, "1:02:05")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# The last minutes

steps = st.lists(
    st.tuples(st.floats(0.1, 30), st.sampled_from(["a", "b", UNSURE])), min_size=1, max_size=60
)


@given(steps, st.sampled_from([0.1, 0.5, 1.0, 5.0]))
def test_a_cell_is_the_scene_that_was_shown_most(
    heard: list[tuple[float, str]], hop_s: float
) -> None:
    strip, time_s = Strip(hop_s), 1e6
    cells: dict[int, Counter[str]] = {}
    for step_s, scene in heard:
        time_s += max(step_s, 2 * hop_s)  # never so close that a gap would be bridged
        strip.add(time_s, scene)
        cells.setdefault(int(time_s // strip.cell_s), Counter())[scene] += 1
    newest = max(cells)
    found = strip.latest(400, time_s)
    for index, cell in enumerate(found, newest - 399):
        counts = cells.get(index, Counter())
        assert cell is None if not counts else counts[cell] == max(counts.values())
    expected = Counter(cell for cell in found if cell)
    assert shares(found) == [(s, n / expected.total()) for s, n in expected.most_common()]
    assert sum(share for _, share in shares(found)) == pytest.approx(1)


@given(st.floats(0.05, 100))
def test_cells_are_whole_hops_of_at_least_five_seconds(hop_s: float) -> None:
    cell_s = Strip(hop_s).cell_s
    assert cell_s >= CELL_S * (1 - 1e-6)
    assert cell_s / hop_s == pytest.approx(round(cell_s / hop_s))
    assert cell_s < CELL_S + hop_s


def test_a_decision_that_comes_late_leaves_no_hole() -> None:
    strip = Strip(10.0)
    for time_s in (9.99, 20.01, 29.9):
        strip.add(time_s, "a")
    assert strip.latest(3, 29.9) == ["a", "a", "a"]
    strip.add(65.0, "b")
    assert strip.latest(7, 65.0) == ["a", "a", "a", None, None, None, "b"]


def test_time_goes_on_without_decisions() -> None:
    strip = Strip(1.0)
    strip.add(1000.0, "a")
    assert strip.latest(3, 1011.0) == ["a", None, None]


def test_a_clock_that_is_set_does_not_hurt() -> None:
    strip = Strip(1.0)
    for time_s in (1000.0, 1e9, 2000.0, 2001.0):  # forwards by decades, and back
        strip.add(time_s, "a")
    assert strip.latest(3, 2001.0) == [None, None, "a"]
    assert strip.latest(3, 1e9) == [None, None, None]  # it was never then


def test_the_strip_forgets() -> None:
    strip = Strip(5.0)
    for i in range(3 * N_CELLS):
        strip.add(5.0 * i, "a")
    assert strip.latest(2 * N_CELLS, 0.0).count("a") == N_CELLS


@given(st.integers(1, 200), st.floats(5, 4000))
def test_a_mark_of_the_axis_stands_where_that_time_was(n_cells: int, cell_s: float) -> None:
    axis = time_axis(n_cells, cell_s, "|")
    assert len(axis) == n_cells
    assert axis.endswith(" now"[-n_cells:])
    for mark in re.finditer(r"\|-(\d+) min", axis):
        assert abs((n_cells - mark.start()) * cell_s - 60 * int(mark[1])) <= 0.5 * cell_s + 1e-6


def test_strip_and_legend_name_the_same_scenes() -> None:
    shown = picture(LABELS)
    for i in range(100):
        shown.strip.add(1000.0 + i, LABELS[2] if i < 75 else UNSURE)
    letter = keys(tuple(LABELS))[LABELS[2]]
    lines = drawn(shown, 40, 40)
    (row,) = (i for i, line in enumerate(lines) if line.endswith("now"))
    assert lines[row - 1].strip() == letter * 15 + "?" * 5
    assert lines[row + 1].split() == [letter, LABELS[2], "75", "%", "?", UNSURE, "25", "%"]


# The level meter


def sine(amplitude: float, seconds: float) -> np.ndarray:
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)


@given(st.floats(0.01, 1.0), st.sampled_from([80, 441, 800, 8000]))
def test_a_steady_tone_is_metered_at_its_level(amplitude: float, block: int) -> None:
    meter = Meter(RATE_HZ)
    tone = sine(amplitude, 10 * RISE_S)
    for start in range(0, len(tone), block):
        meter.add(tone[start : start + block])
    assert meter.level_dbfs == pytest.approx(dbfs(amplitude) - 3.01, abs=0.5)
    assert meter.peak_dbfs == pytest.approx(dbfs(amplitude), abs=0.1)
    assert meter.heard_s == pytest.approx(10 * RISE_S)


def test_a_peak_is_held_and_then_let_go() -> None:
    meter = Meter(RATE_HZ)
    meter.add(sine(0.5, 0.1))
    for _ in range(round(HOLD_S / 0.1) - 1):
        meter.add(sine(0.01, 0.1))
        assert meter.peak_dbfs == pytest.approx(dbfs(0.5), abs=0.1)
    meter.add(sine(0.01, 0.2))
    assert meter.peak_dbfs == pytest.approx(dbfs(0.01), abs=0.1)
    meter.reset()
    assert (meter.level_dbfs, meter.peak_dbfs, meter.clipping) == (-120.0, -120.0, False)


@pytest.mark.parametrize("sample", [1.0, -1.0, 32767 / 32768])
def test_clipping_is_marked_for_a_while(sample: float) -> None:
    shown = picture(LABELS)
    shown.meter.add(np.array([0.0, sample], np.float32))
    assert any("CLIPPING" in line for line in drawn(shown))
    shown.meter.add(sine(0.9, CLIP_HOLD_S + 0.1))
    assert not any("CLIPPING" in line for line in drawn(shown))


# On a terminal


class Noted(io.StringIO):
    """Keeps what is written apart; may take nothing for a while, as a terminal after Ctrl-S."""

    def __init__(self, held: bool = False) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.begun, self.free = threading.Event(), threading.Event()
        if not held:
            self.free.set()

    def write(self, text: str) -> int:
        self.begun.set()
        assert self.free.wait(30)
        self.writes.append(text)
        return len(text)

    @property
    def text(self) -> str:
        return "".join(self.writes)


def on_screen(written: str) -> list[str]:
    """What an empty terminal of 24 rows shows after this; each place is told before its text."""
    screen = [""] * 24
    for place in re.finditer(r"\x1b\[(\d+);1H((?:(?!\x1b\[\d+;1H).)*)", written, re.DOTALL):
        screen[int(place[1]) - 1] = re.sub(r"\x1b\[[\d;]*m", "", place[2])
    return [row.rstrip() for row in screen]


def console(file: io.StringIO) -> Console:
    return Console(
        file=file,
        force_terminal=True,
        width=80,
        height=24,
        color_system="256",
        legacy_windows=False,
    )


def test_the_terminal_is_given_back_with_the_last_picture() -> None:
    file = Noted()
    output = TerminalOutput("model on runtime", metadata(LABELS), 1.0, console(file))
    output.on_decision(some_decision(scene=LABELS[3]))
    output.close()
    output.close()
    assert file.text.startswith(ENTER)
    assert file.text.count(ENTER) == file.text.count(LEAVE) == 1
    assert file.text.rindex(SHOW_CURSOR) > file.text.rindex(HIDE_CURSOR)
    assert f"► {LABELS[3]}" in file.text.partition(LEAVE)[2]


def test_it_is_drawn_at_most_four_times_a_second_and_only_where_it_changed() -> None:
    file = Noted()
    output = TerminalOutput("model", metadata(LABELS), 1.0, console(file))
    begin_s = time.monotonic()
    for i in range(60):
        output.on_decision(some_decision(i))
        time.sleep(0.01)
    taken_s = time.monotonic() - begin_s
    time.sleep(2 * REDRAW_S)
    drawings = [text for text in file.writes if re.search(r"\x1b\[\d+;1H", text)]
    assert 3 <= len(drawings) <= taken_s / REDRAW_S + 2
    assert len(drawings[0]) > len(drawings[-1])  # its first line, for one, is not written again
    output.on_decision(some_decision(59))  # the same again
    time.sleep(2 * REDRAW_S)
    assert [text for text in file.writes if re.search(r"\x1b\[\d+;1H", text)] == drawings
    output.close()


def test_rows_that_are_written_make_up_the_whole_picture() -> None:
    file = Noted()
    shown, screen = picture(LABELS), _Screen(console(file))
    for i in range(20):
        shown.decision = some_decision(i) if i % 3 else None
        shown.meter.add(np.full(800, i / 20, np.float32))
        if i == 10:
            shown.notices.append(Notice(time_s=0.0, text="x" * 200))
        if i == 15:
            shown.notices.clear()
        screen.show(draw(shown, 80, 24, Glyphs()), ConsoleDimensions(80, 24))
        wanted = [line.rstrip() for line in drawn(shown, 80, 24)]
        assert on_screen(file.text) == wanted + [""] * (24 - len(wanted))


def test_a_terminal_that_stands_still_stops_nobody() -> None:
    file = Noted(held=True)
    output = TerminalOutput("model", metadata(LABELS), 1.0, console(file))
    assert file.begun.wait(10)
    begin_s = time.monotonic()
    for i in range(100):
        output.on_audio(np.zeros(800, np.float32))
        output.on_decision(some_decision(i))
        output.on_health(Health(time_s=0.0, state="listening", source="mic"))
        output.on_notice(Notice(time_s=0.0, text="x"))
    output.close()
    assert time.monotonic() - begin_s < SOON_S
    file.free.set()
    output.close()
    assert LEAVE in file.text


def test_what_was_heard_before_the_microphone_went_is_no_longer_shown() -> None:
    file = Noted()
    output = TerminalOutput("model", metadata(LABELS), 1.0, console(file))
    output.on_audio(np.ones(5 * RATE_HZ, np.float32))
    output.on_decision(some_decision(scene=LABELS[3]))
    output.on_health(Health(time_s=0.0, state="lost", source="mic", audio_age_s=3.0))
    output.on_health(Health(time_s=0.0, state="listening", source="mic"))
    output.on_audio(np.ones(2 * RATE_HZ, np.float32))
    output.close()
    last = file.text.partition(LEAVE)[2]
    assert "listening: 2 of 5 s" in last
    assert "► scene" not in last


def test_no_terminal_is_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with pytest.raises(ValueError, match=r"no terminal to draw on: use --plain or --json$"):
        TerminalOutput("model", metadata(LABELS), 1.0)


LISTENER = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that keys become signals
from pathlib import Path
from edge_asc.demo.command import listen
from edge_asc.demo.options import Options
listen(Options(model=Path({model!r}), source={source!r}, realtime=True))
"""


class Pty:
    """A Python program on a terminal of 80 by 24 characters."""

    def __init__(self, code: str) -> None:
        self._fd, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "TERM": "xterm-256color"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.said = ""

    def read(self, seconds: float, until: str | None = None) -> bool:
        """Take what is said for some time, or until something was; whether it was."""
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0:
            if until and until in self.said:
                return True
            if select.select([self._fd], [], [], left_s)[0]:
                try:
                    self.said += os.read(self._fd, 65536).decode(errors="replace")
                except OSError:  # the process has ended
                    return until is not None and until in self.said
        return False

    def write(self, keys: bytes) -> None:
        os.write(self._fd, keys)

    def end(self) -> int:
        """Read what is left; the exit status."""
        self.read(30)
        return self.process.wait(10)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self._fd)


@contextmanager
def on_a_terminal(tmp_path: Path) -> Iterator[Pty]:
    """The live view of a recording of ten minutes."""
    model = tiny_models.write_model(tmp_path / "model.tflite")
    sound = tiny_models.write_tone(tmp_path / "tone.wav", "middle", 600.0)
    terminal = Pty(LISTENER.format(model=str(model), source=str(sound)))
    try:
        yield terminal
    finally:
        terminal.close()


def test_ctrl_c_gives_the_terminal_back(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path) as terminal:
        assert terminal.read(60, "► middle")
        terminal.write(b"\x03")
        assert terminal.end() == 0
        assert terminal.said.count(ENTER) == terminal.said.count(LEAVE) == 1
        assert terminal.said.rindex(SHOW_CURSOR) > terminal.said.rindex(HIDE_CURSOR)
        assert "► middle" in terminal.said.partition(LEAVE)[2]


def test_ctrl_s_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    with on_a_terminal(tmp_path) as terminal:
        assert terminal.read(60, "► middle")
        terminal.write(b"\x13")
        time.sleep(3 * REDRAW_S)  # it hangs in a write now
        terminal.process.terminate()
        assert terminal.end() == 0
        assert LEAVE in terminal.said


def test_another_model_has_its_own_bars_and_the_strip_stays(tmp_path: Path) -> None:
    labels = ["one", "low", "two"]
    classifier = Classifier.load(tiny_models.write_model(tmp_path / "o.tflite", labels=labels))
    file = Noted()
    output = TerminalOutput("model", metadata(LABELS), 1.0, console(file))
    now_s = time.time()
    output.on_decision(some_decision(scene=LABELS[3], time_s=now_s - 60))
    output.on_model(classifier)
    output.on_decision(decision({"one": 0.1, "low": 0.1, "two": 0.8}, time_s=now_s))
    output.on_health(Health(time_s=now_s, state="listening", source="mic"))
    output.close()
    last = file.text.partition(LEAVE)[2]
    assert classifier.description in last
    assert "► two" in last
    assert LABELS[2] not in last
    assert f"{LABELS[3]} 50 %" in last  # of the strip
