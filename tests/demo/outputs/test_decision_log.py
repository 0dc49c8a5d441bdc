"""The log: which lines are written, that they survive power cuts, full disks and rotation."""

import csv
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_asc.demo.events import UNSURE, Decision, Health, Notice
from edge_asc.demo.outputs.log import writer as log_writer
from edge_asc.demo.outputs.log.decision_log import MIN_BYTES, DecisionLog
from edge_asc.demo.outputs.log.file import LogFile
from edge_asc.demo.outputs.log.format import COLUMNS, FORMATS, HEARTBEAT_S, Entry
from edge_asc.demo.outputs.log.reader import log_files, read_entries
from edge_asc.demo.outputs.log.summary import NOT_LISTENING, summarise
from edge_asc.shown import shown
from local_time import local_time
from waiting import SOON_S, until

SUFFIXES = tuple(FORMATS)


def decision(time_s: float, scene: str = "park", **changes: Any) -> Decision:
    fields: dict[str, Any] = {
        "time_s": time_s,
        "position_s": 0.0,
        "scene": scene,
        "changed": False,  # the log looks for itself
        "confidence": 0.812345,
        "probabilities": {"park": 0.812345, "tram": 0.187655},
        "abstract": "outdoor",
        "abstract_probabilities": {"outdoor": 1.0},
        "level_dbfs": -41.26,
        "latency_ms": 36.04,
    }
    return Decision(**{**fields, **changes})


def health(time_s: float, state: Any = "listening") -> Health:
    return Health(time_s=time_s, state=state, source="USB PnP")


def entries(path: Path) -> list[Entry]:
    """What is in a log; damage is a failure."""

    def damaged(file: Path) -> None:
        raise AssertionError(f"{file} is damaged: {file.read_bytes()!r}")

    return list(read_entries(path, damaged))


def feed(log: DecisionLog, *events: Decision | Health | Notice) -> None:
    """As the live loop does, but no faster than the disk."""
    for event in events:
        if isinstance(event, Decision):
            log.on_decision(event)
        elif isinstance(event, Health):
            log.on_health(event)
        else:
            log.on_notice(event)
        until(lambda: log._writer._queue.qsize() < 100)


# Which lines


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_line_per_change_and_one_a_minute(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"log{suffix}"
    log = DecisionLog(path)
    now_s = log._now_s
    for i in range(1, 200):
        feed(log, decision(now_s + i, "park" if i < 130 else "tram"), health(now_s + i + 0.1))
    log.close()
    found = [(e.event, e.state, e.scene, round(e.time_s - now_s, 1)) for e in entries(path)]
    assert found == [
        ("start", "starting", None, 0.0),
        ("change", "listening", "park", 1.0),
        ("alive", "listening", "park", 61.0),
        ("alive", "listening", "park", 121.0),
        ("change", "listening", "tram", 130.0),
        ("alive", "listening", "tram", 190.0),
        ("end", "ended", None, 199.1),
    ]


def test_a_line_per_decision_with_all_that_was_decided(tmp_path: Path) -> None:
    now_s = time.time()
    with_json, with_csv = (DecisionLog(tmp_path / f"l{s}", every="decision") for s in SUFFIXES)
    for log in (with_json, with_csv):
        feed(log, *(decision(now_s + i) for i in range(1, 6)))
        log.close()
    first, *found = [e for e in entries(tmp_path / "l.jsonl") if e.event == "decision"]
    assert len(found) == 4
    assert first.probabilities == {"park": 0.8123, "tram": 0.1877}
    assert first.abstract_probabilities == {"outdoor": 1.0}
    shared = [first.confidence, first.abstract, first.level_dbfs, first.latency_ms]
    assert shared == [0.8123, "outdoor", -41.3, 36.0]
    of_csv = [e for e in entries(tmp_path / "l.csv") if e.event == "decision"]
    assert [getattr(of_csv[0], n) for n in COLUMNS] == [getattr(first, n) for n in COLUMNS]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_another_model_is_a_change_even_where_the_scene_is_the_same(
    suffix: str, tmp_path: Path
) -> None:
    log = DecisionLog(tmp_path / f"l{suffix}")
    now_s = log._now_s
    models = ["old-00000001"] * 3 + ["new-00000002"] * 3
    feed(log, *(decision(now_s + i, model=model) for i, model in enumerate(models)))
    log.close()
    found = [(e.event, e.scene, e.model) for e in entries(tmp_path / f"l{suffix}")]
    assert found[1:-1] == [("change", "park", "old-00000001"), ("change", "park", "new-00000002")]


# Written before lines said which model heard them.
OF_THE_PAST = {
    ".jsonl": b"""{"time":"2026-05-04T12:00:00.000+02:00","event":"start","state":"starting"}
{"time":"2026-05-04T12:00:05.000+02:00","event":"change","state":"listening","scene":"park","confidence":0.8}
""",
    ".csv": b"""time,event,state,scene,confidence,abstract,level_dbfs,latency_ms,text
2026-05-04T12:00:00.000+02:00,start,starting,,,,,,
2026-05-04T12:00:05.000+02:00,change,listening,park,0.8,,,,
""",
}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_log_of_the_past_is_read_and_goes_on(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"l{suffix}"
    path.write_bytes(OF_THE_PAST[suffix])
    assert [(e.scene, e.model) for e in entries(path)] == [(None, None), ("park", None)]
    log = DecisionLog(path)
    feed(log, decision(log._now_s + 1, "tram", model="new-00000002"))
    log.close()
    found = [(e.scene, e.model) for e in entries(path)]
    assert found[:2] == [(None, None), ("park", None)]
    assert ("tram", "new-00000002") in found
    for file in log_files(path):  # a table has one header, and its rows are as long
        rows = csv.reader(file.read_text().splitlines())
        assert suffix == ".jsonl" or len({len(row) for row in rows}) == 1


def test_a_long_hop_is_bridged_by_health(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "l.jsonl")
    now_s = log._now_s
    feed(log, decision(now_s + 1), *(health(now_s + i) for i in range(2, 300)))
    log.close()
    times = [e.time_s for e in entries(tmp_path / "l.jsonl")]
    assert max(b - a for a, b in pairwise(times)) <= HEARTBEAT_S + 1


def test_what_was_heard_before_a_loss_says_nothing_about_after(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "l.jsonl")
    now_s = log._now_s
    feed(log, decision(now_s + 1), health(now_s + 2), health(now_s + 10, "lost"))
    feed(log, health(now_s + 11, "lost"), health(now_s + 30), decision(now_s + 33))
    feed(
        log,
        health(now_s + 40, "silent"),
        decision(now_s + 41, "tram"),
        health(now_s + 42, "silent"),
    )
    log.close()
    found = [(e.state, e.scene, round(e.time_s - now_s)) for e in entries(tmp_path / "l.jsonl")]
    assert found[1:-1] == [
        ("listening", "park", 1),
        ("lost", None, 10),
        ("listening", None, 30),
        ("listening", "park", 33),
        ("silent", None, 40),
    ]
    seconds = summarise([tmp_path / "l.jsonl"]).total
    assert seconds["park"] == pytest.approx(9 + 7, abs=0.01)


def test_audio_that_runs_ahead_of_the_clock(tmp_path: Path) -> None:
    """A file read at once is dated as if it had been played; health is of now."""
    log = DecisionLog(tmp_path / "l.jsonl")
    now_s = log._now_s
    for i in range(1, 501):
        feed(log, decision(now_s + i, "park" if i <= 400 else UNSURE))
        if i % 100 == 0:
            feed(log, health(now_s + i / 1000))
    feed(log, health(now_s + 1, "ended"))
    log.close()
    seconds = summarise([tmp_path / "l.jsonl"]).total
    assert seconds == {
        "park": pytest.approx(400, abs=0.01),
        UNSURE: pytest.approx(99, abs=0.01),
        NOT_LISTENING: pytest.approx(1, abs=0.01),
    }


def test_a_clock_that_is_set_back_does_not_stop_the_log(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "l.jsonl")
    now_s = log._now_s
    feed(log, *(decision(now_s + i) for i in range(100)))
    feed(log, *(decision(now_s - 7200 + i) for i in range(100)))
    log.close()
    # Between the last line of the old time, a heart-beat, and the first of the new nothing is said.
    assert summarise([tmp_path / "l.jsonl"]).total["park"] == pytest.approx(60 + 99, abs=0.01)


def test_lines_are_in_order_though_decisions_are_dated_when_they_sounded(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "l.jsonl")
    now_s = log._now_s
    feed(log, decision(now_s + 1), health(now_s + 61.5), decision(now_s + 60.9, "tram"))
    log.close()
    times = [round(e.time_s - now_s, 1) for e in entries(tmp_path / "l.jsonl")]
    assert times == [0, 1, 61.5, 61.5, 61.5]


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", UNSURE]), st.integers(1, 150)), max_size=8),
    st.sampled_from(SUFFIXES),
    st.sampled_from(["change", "decision"]),
)
def test_time_per_scene_is_exact(
    tmp_path_factory: pytest.TempPathFactory,
    runs: list[tuple[str, int]],
    suffix: str,
    every: str,
) -> None:
    path = tmp_path_factory.mktemp("log") / f"x{suffix}"
    log = DecisionLog(path, every=every)
    at_s, expected = float(int(time.time()) + 1), dict[str, float]()
    for scene, n in [*runs, (UNSURE, 1)]:
        for _ in range(n):
            feed(log, decision(at_s, scene))
            expected[scene] = expected.get(scene, 0) + 1
            at_s += 1
    expected[UNSURE] -= 1  # the last decision ends the log
    log.close()
    found = summarise([path]).total
    found.pop(NOT_LISTENING, None)
    assert found == {scene: pytest.approx(s) for scene, s in expected.items() if s}


HOSTILE = 'he said "lost",\r\nthen; nothing\0 \u2028 =1+1'


def test_csv_is_what_other_programs_read(tmp_path: Path) -> None:
    path, now_s = tmp_path / "x.csv", time.time()
    log = DecisionLog(path, max_bytes=MIN_BYTES, keep=2)
    for i in range(100):
        feed(log, decision(now_s + i, f'sc"ene,{i}'), Notice(time_s=now_s, text=HOSTILE))
    log.close()
    n_rows = 0
    for file in log_files(path):
        with file.open(newline="", encoding="utf-8") as opened:
            rows = list(csv.DictReader(opened, strict=True))
        n_rows += len(rows)
        assert {len(row) for row in rows} == {len(COLUMNS)}
    assert n_rows == len(entries(path)) > 10
    texts = {e.text for e in entries(path) if e.event == "notice"}
    assert texts == {shown(HOSTILE.replace("\r\n", " ").replace("\0", " "))}
    assert entries(path)[-2].scene == 'sc"ene,99'


def test_json_keeps_every_character(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "x.jsonl")
    feed(log, Notice(time_s=time.time(), text=HOSTILE))
    log.close()
    assert entries(tmp_path / "x.jsonl")[1].text == HOSTILE
    lines = (tmp_path / "x.jsonl").read_text("utf-8").split("\n")
    assert [json.loads(line)["event"] for line in lines[:-1]] == ["start", "notice", "end"]


# Power cuts


SCENES = ['tr"am,', "größe", UNSURE]


def a_log(suffix: str) -> list[bytes]:
    form = FORMATS[suffix]
    lines = [form.header] * bool(form.header)
    for i, scene in enumerate(SCENES):
        time_text = f"2026-05-04T12:00:0{i}.000+02:00"
        fields: dict[str, Any] = {"time": time_text, "event": "change", "state": "listening"}
        lines.append(form.to_line(Entry(**fields, scene=scene, confidence=0.5, text="a\tb")))
    return lines


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cut_off_at_any_byte_all_whole_lines_are_read_and_it_goes_on(
    suffix: str, tmp_path: Path
) -> None:
    form, lines = FORMATS[suffix], a_log(suffix)
    whole, path = b"".join(lines), tmp_path / f"x{suffix}"
    ends = [sum(map(len, lines[: i + 1])) for i in range(len(lines))]
    all_entries = [form.from_line(line.rstrip(b"\n")) for line in lines if line != form.header]
    for n_bytes in range(len(whole) + 1):
        n_lines = sum(end <= n_bytes for end in ends)
        expected = all_entries[: max(0, n_lines - bool(form.header))]
        rest = (b"", b"\0\0", b"", b"\0" * 70_000)[n_bytes % 4]  # what a file system leaves
        path.write_bytes(whole[:n_bytes] + rest)
        assert entries(path) == expected
        file = LogFile(path, form.header, 10**6, 1)
        file.append(lines[-1])
        file.close()
        assert entries(path) == [*expected, all_entries[-1]]
        kept = whole[: max([0, *(end for end in ends if end <= n_bytes)])]
        assert path.read_bytes() == (kept or form.header) + lines[-1]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("n_bytes", [1, 512, 65_536, 2_000_000])
def test_nul_bytes_between_lines_cost_none(suffix: str, n_bytes: int, tmp_path: Path) -> None:
    (tmp_path / f"x{suffix}").write_bytes((b"\0" * n_bytes).join(a_log(suffix)))
    assert [e.scene for e in entries(tmp_path / f"x{suffix}")] == SCENES


@settings(max_examples=200)
@given(st.data(), st.sampled_from(SUFFIXES))
def test_any_damage_costs_no_other_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, suffix: str
) -> None:
    lines = a_log(suffix)
    junk = st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"") + b"\n")
    at = data.draw(st.integers(0, len(lines)))
    path = tmp_path_factory.mktemp("log") / f"x{suffix}"
    damaged: list[Path] = []
    lines[at:at] = data.draw(st.lists(junk, min_size=1, max_size=3))
    path.write_bytes(b"".join(lines))
    found = [e.scene for e in read_entries(path, damaged.append)]
    assert found == SCENES


# Where a process of its own finds this file and the helpers.
OF_TESTS = [str(Path(__file__).parent), *map(str, Path(__file__).parents[2].glob("support/*"))]

WRITES = """
import sys, time
from pathlib import Path
sys.path[:0] = {tests!r}
from test_decision_log import DecisionLog, decision, feed
log = DecisionLog(Path(sys.argv[1]), every="decision", max_bytes=20_000, keep=1000)
print("writing", flush=True)
for i in range(10**9):
    feed(log, decision(time.time(), str(i)))
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_killed_process_leaves_a_log_that_another_continues(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    code = WRITES.format(tests=OF_TESTS)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    until(lambda: len(log_files(path)) > 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = [e.scene for e in entries(path)]
    assert before == [None, *map(str, range(len(before) - 1))]
    DecisionLog(path).close()
    assert [e.event for e in entries(path)][len(before) :] == ["start", "end"]


# Rotation


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("keep", [1, 3])
def test_rotation_keeps_the_newest_lines_and_no_more(
    suffix: str, keep: int, tmp_path: Path
) -> None:
    path, now_s = tmp_path / f"x{suffix}", time.time()
    log = DecisionLog(path, every="decision", max_bytes=MIN_BYTES, keep=keep)
    feed(log, *(decision(now_s + i, f"scene {i}") for i in range(1000)))
    log.close()
    files = sorted(tmp_path.iterdir())
    assert files == sorted(log_files(path))
    assert len(files) == keep + 1
    assert all(file.stat().st_size <= MIN_BYTES for file in files)
    assert all(file.read_bytes().startswith(FORMATS[suffix].header) for file in files)
    scenes = [e.scene for e in entries(path)]
    assert scenes == [*(f"scene {i}" for i in range(1001 - len(scenes), 1000)), None]
    n_bytes = sum(file.stat().st_size for file in files)
    assert n_bytes > keep * (MIN_BYTES - 500)  # each but the newest is full


def test_files_are_read_in_the_order_they_were_written(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        (tmp_path / f"x.csv.{number}").touch()
    (tmp_path / "x.csv").touch()
    (tmp_path / "x.csv.old").touch()
    (tmp_path / "xx.csv.1").touch()
    expected = ["x.csv.10", "x.csv.2", "x.csv.1", "x.csv"]
    for name in ("x.csv", "x.csv.2"):
        assert [file.name for file in log_files(tmp_path / name)] == expected


# Disks that fail


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "SYNC_S", 0.05)


def told(log: DecisionLog, *parts: str) -> str:
    """Wait for one notice, and give it."""
    (text,) = until(log.notices)
    assert all(part in text for part in parts)
    return str(text)


def test_a_full_disk_is_told_once_and_logging_resumes(impatient: None, tmp_path: Path) -> None:
    path, now_s = tmp_path / "x.jsonl", time.time()
    log = DecisionLog(path)
    feed(log, decision(now_s + 1))
    until(lambda: b"park" in path.read_bytes())
    path.rename(tmp_path / "before.jsonl")
    path.symlink_to("/dev/full")
    feed(log, decision(now_s + 2, "tram"), decision(now_s + 3), decision(now_s + 4, "tram"))
    told(log, str(path), "no space left on device")
    until(lambda: log._writer.n_lost == 3)
    path.unlink()
    feed(log, decision(now_s + 5))
    told(log, "is written again; lines lost so far: 3")
    log.close()
    assert log.notices() == []
    assert [e.scene for e in entries(path)] == ["park", None]


def test_a_clock_that_begins_in_1970_may_be_read_in_1969(tmp_path: Path, monkeypatch) -> None:
    """A Pi has no clock of its own; west of Greenwich its first hours lie in the year before."""
    monkeypatch.setattr(time, "time", lambda: 60.0)
    with local_time("Pacific/Pago_Pago"):
        log = DecisionLog(tmp_path / "x.jsonl")
        feed(log, decision(61.0))
        log.close()
        assert [e.scene for e in entries(tmp_path / "x.jsonl")] == [None, "park", None]


def test_a_disk_that_stays_full_is_not_said_to_be_well(impatient: None, tmp_path: Path) -> None:
    """Though there were lines to be synced when it filled up."""
    path = tmp_path / "x.jsonl"
    log = DecisionLog(path)
    until(lambda: path.read_bytes())
    path.rename(tmp_path / "before.jsonl")
    path.symlink_to("/dev/full")
    feed(log, decision(time.time()))
    told(log, "no space left on device")
    until(lambda: not log._writer._dirty)
    for i in range(3):
        time.sleep(2 * log_writer.SYNC_S)
        feed(log, decision(time.time(), "tram" if i % 2 else "park"))
    until(lambda: log._writer._queue.qsize() == 0)
    assert log.notices() == []
    log.close()


LIMITED = """
import resource, sys, time
from pathlib import Path
sys.path[:0] = {tests!r}
from test_decision_log import DecisionLog, decision, feed, entries, told, until
import edge_asc.demo.outputs.log.writer
edge_asc.demo.outputs.log.writer.SYNC_S = 0.05
path = Path(sys.argv[1])
log = DecisionLog(path, every="decision")
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # a line is cut off here
feed(log, *(decision(time.time(), str(i)) for i in range(20)))
told(log, "no space left on device")
until(lambda: log._writer._queue.qsize() == 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
n_lost = log._writer.n_lost
assert 10 < n_lost < 20, n_lost
feed(log, decision(time.time(), "after"))
told(log, "is written again")
log.close()
scenes = [e.scene for e in entries(path)]
n = 20 - n_lost
assert scenes == [None, *map(str, range(n)), "after", None], scenes
"""


def test_a_line_that_only_half_fits_is_removed(tmp_path: Path) -> None:
    code = LIMITED.format(tests=OF_TESTS)
    command = [sys.executable, "-c", code, str(tmp_path / "x.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_that_is_full_from_the_start(suffix: str, impatient: None, tmp_path: Path) -> None:
    """A service that starts on a full card listens all the same."""
    path = tmp_path / f"x{suffix}"
    path.symlink_to("/dev/full")
    log = DecisionLog(path)
    told(log, "no space left on device")
    path.unlink()
    feed(log, decision(time.time()))
    told(log, "is written again; lines lost so far: 1")
    log.close()
    assert [e.scene for e in entries(path)] == ["park", None]


def test_a_folder_that_vanishes_and_comes_back(impatient: None, tmp_path: Path) -> None:
    folder = tmp_path / "stick"
    log = DecisionLog(folder / "deep" / "x.csv")
    now_s = log._now_s
    feed(log, decision(now_s + 1))
    until(lambda: b"park" in (folder / "deep" / "x.csv").read_bytes())
    shutil.move(folder, tmp_path / "pulled")
    feed(log, decision(now_s + 2, "tram"))
    told(log, "x.csv: no such file or directory; lines are lost")
    feed(log, decision(now_s + 3))
    until(lambda: log._writer.n_lost == 2)
    assert not folder.exists()  # a mount point must not be filled while nothing is mounted
    shutil.move(tmp_path / "pulled", folder)
    feed(log, decision(now_s + 4, "tram"))
    told(log, "is written again; lines lost so far: 2")
    log.close()
    found = [(e.scene, round(e.time_s - now_s)) for e in entries(folder / "deep" / "x.csv")]
    assert found[1:-1] == [("park", 1), ("tram", 4)]


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that answers only when the event is set."""
    answers = threading.Event()
    fsync = os.fsync

    def slow(fd: int) -> None:
        answers.wait(30)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", slow)
    yield answers
    answers.set()


def test_a_disk_that_does_not_answer_holds_nothing_up(
    stuck: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "SYNC_S", 0.0)
    log, now_s, longest_s = DecisionLog(tmp_path / "x.jsonl", every="decision"), time.time(), 0.0
    for i in range(log_writer.QUEUE_LINES + 50):
        started = time.perf_counter()
        log.on_decision(decision(now_s + i))
        longest_s = max(longest_s, time.perf_counter() - started)
    assert longest_s < SOON_S
    assert log._writer._queue.qsize() <= log_writer.QUEUE_LINES
    assert log._writer.n_lost >= 49
    told(log, "the disk does not answer")
    begin_s = time.monotonic()
    log.close()
    assert time.monotonic() - begin_s < SOON_S
    monkeypatch.setattr(log_writer, "SYNC_S", 10.0)
    stuck.set()
    until(lambda: not log._writer._thread.is_alive())
    assert (
        len(entries(tmp_path / "x.jsonl")) == 2 + log_writer.QUEUE_LINES + 50 - log._writer.n_lost
    )


def test_the_disk_is_synced_soon_and_not_too_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[float] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(time.monotonic()))
    monkeypatch.setattr(log_writer, "SYNC_S", 0.3)
    log, begin_s = DecisionLog(tmp_path / "x.jsonl", every="decision"), time.monotonic()
    while time.monotonic() < begin_s + 1:
        feed(log, decision(time.time()))
        time.sleep(0.01)
    n, passed_s = len(synced), time.monotonic() - begin_s
    assert 1 <= n <= passed_s / 0.3 + 1
    until(lambda: len(synced) > n)  # the last lines too, though none follows
    log.close()


# Arguments


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("log.txt", {}, "log.txt: a log's name ends in .jsonl or .csv"),
        ("log", {}, "ends in .jsonl or .csv"),
        ("x.csv", {"every": "hour"}, "'hour': it is one of change, decision"),
        ("x.csv", {"max_bytes": 10}, "at least 10000 bytes"),
        ("x.csv", {"keep": 0}, "1 file"),
    ],
)
def test_arguments_out_of_range(
    name: str, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        DecisionLog(tmp_path / name, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"name,price\napple,1", b"\x89PNG\r\n\x1a\n\0\0"])
def test_a_file_that_is_no_log_is_not_touched(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(ValueError, match="exists and is not a log"):
        DecisionLog(tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_bytes() == content


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "x.csv").mkdir()
    for path in (tmp_path / "file" / "x.csv", tmp_path / "x.csv"):
        with pytest.raises(OSError, match=r"file|x\.csv"):
            DecisionLog(path)


# What a machine without a clock, a worn card or a second listener does


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Tokyo"])
@pytest.mark.parametrize("begin_s", [-5.0, 0.0, 10800.0])
def test_a_clock_of_1970_is_one(
    suffix: str, zone: str, begin_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"x{suffix}"
    with local_time(zone):
        monkeypatch.setattr(time, "time", lambda: begin_s)
        log = DecisionLog(path, every="decision")
        feed(log, *(decision(begin_s + i) for i in range(3)))
        log.close()
        times = [entry.time_s for entry in entries(path)]
    assert times == pytest.approx([begin_s, begin_s, begin_s + 1, begin_s + 2, begin_s + 2])


@pytest.mark.parametrize("back_s", [90.0, 7200.0, 40 * 86400.0])
@pytest.mark.parametrize("decides", [True, False])
def test_lines_go_on_when_the_clock_is_set_back(
    back_s: float, decides: bool, tmp_path: Path
) -> None:
    log = DecisionLog(tmp_path / "x.jsonl")
    begin_s = time.time()
    now_s = begin_s + np.concatenate([np.arange(300), np.arange(300, 900) - back_s])
    for time_s in now_s:
        feed(log, health(time_s, "listening" if decides else "lost"))
        feed(log, *([decision(time_s)] if decides else []))
    log.close()
    times = np.array([entry.time_s for entry in read_entries(tmp_path / "x.jsonl")])
    (set_back,) = np.flatnonzero(np.diff(times) < 0)
    new = times[set_back + 1 :]
    assert len(new) >= 600 // 60
    assert np.diff(new).max() <= 61
    assert new[-1] == pytest.approx(now_s[-1], abs=60)


@pytest.mark.parametrize("error", [errno.EROFS, errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("place", ["x.jsonl", "new/folder/x.csv"])
def test_a_disk_that_takes_nothing_at_the_start_is_told_and_tried_again(
    error: int, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / place, os.open

    def refused(name: Any, *rest: Any, **more: Any) -> int:
        if str(name) == str(path):
            raise OSError(error, os.strerror(error), str(name))
        return real(name, *rest, **more)

    monkeypatch.setattr(os, "open", refused)
    log = DecisionLog(path, every="decision")
    log.on_decision(decision(time.time(), "rain"))
    until(lambda: log._writer.n_lost == 2)
    (said,) = log.notices()
    assert os.strerror(error).lower() in said
    assert "lines are lost" in said
    monkeypatch.setattr(os, "open", real)
    log.on_decision(decision(time.time(), "dog"))
    log.close()
    assert [entry.scene for entry in read_entries(path)] == ["dog", None]


def test_a_place_that_never_can_be_a_log_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "x.jsonl", tmp_path / "folder.csv"):
        (tmp_path / "folder.csv").mkdir(exist_ok=True)
        with pytest.raises(OSError, match=r"directory|exists"):
            DecisionLog(path)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_a_log_is_written_by_one_listener_at_a_time(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    first = DecisionLog(path)
    (tmp_path / f"link{suffix}").symlink_to(path)
    for same in (path, tmp_path / f"link{suffix}"):
        with pytest.raises(OSError, match="another listener writes this log"):
            DecisionLog(same)
    first.on_decision(decision(time.time(), "rain"))
    first.close()
    DecisionLog(path).close()
    events = [entry.event for entry in read_entries(path)]
    assert events == ["start", "change", "end", "start", "end"]
