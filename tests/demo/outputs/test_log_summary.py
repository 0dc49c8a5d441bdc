"""Time per scene per day against counting minutes, over changes of the clocks; the picture."""

import bz2
import gzip
import io
import json
import lzma
import re
import sys
from datetime import date, datetime, timedelta, timezone
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from edge_asc.cli.errors import missing
from edge_asc.demo.events import UNSURE
from edge_asc.demo.outputs.log.format import FORMATS, GAP_S, Entry
from edge_asc.demo.outputs.log.plot import (
    COLOURS,
    GREYS,
    OTHER,
    minutes_of,
    save_plot,
    scene_colours,
)
from edge_asc.demo.outputs.log.session_plot import ticks_of
from edge_asc.demo.outputs.log.summary import (
    NOT_LISTENING,
    Stretch,
    print_summary,
    split_by_day,
    summarise,
    summary_dict,
)
from edge_asc.install import add_package
from local_time import local_time

# Zone, and a day around which its clocks change: an hour forward, an hour back, half an hour, at
# midnight (which is then skipped, or comes twice), and not at all.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Asia/Beirut", date(2026, 3, 29)),
    ("Asia/Beirut", date(2026, 10, 25)),
    ("Atlantic/Azores", date(2026, 10, 25)),
    ("UTC", date(2026, 5, 4)),
]


def write(path: Path, *lines: tuple[float, str, str | None]) -> Path:
    """A log of Unix times, states and scenes."""
    form = FORMATS[path.suffix]
    with path.open("wb") as file:
        file.write(form.header)
        for time_s, state, scene in lines:
            when = datetime.fromtimestamp(time_s).astimezone().isoformat(timespec="milliseconds")
            entry = Entry(time=when, event="change", state=state, scene=scene)  # type: ignore[arg-type]
            file.write(form.to_line(entry))
    return path


def counted(lines: list[tuple[float, str, str | None]], zone: ZoneInfo) -> dict[Any, float]:
    """Seconds by (day, scene), minute for minute."""
    found: dict[Any, float] = {}
    for (begin_s, state, scene), (end_s, *_) in pairwise(lines):
        what = scene if state == "listening" and end_s - begin_s <= GAP_S else NOT_LISTENING
        for at_s in range(int(begin_s), int(end_s), 60):
            day = datetime.fromtimestamp(at_s, zone).date()
            found[day, what] = found.get((day, what), 0) + 60
    return found


steps = st.tuples(
    st.lists(st.one_of(st.just(1), st.just(1), st.integers(2, 700)), min_size=1, max_size=60),
    st.lists(
        st.tuples(
            st.sampled_from(["listening", "listening", "lost"]), st.sampled_from(["a", "b", UNSURE])
        ),
        min_size=61,
        max_size=61,
    ),
    st.integers(0, 3 * 1440),
)


@pytest.mark.parametrize(("zone", "day"), CHANGES)
@settings(max_examples=25)
@given(steps)
def test_days_are_those_of_local_time(
    tmp_path_factory: pytest.TempPathFactory, zone: str, day: date, drawn: Any
) -> None:
    minutes, heard, begin = drawn
    noon_before = datetime(day.year, day.month, day.day, 12, tzinfo=timezone.utc)
    at_s = (noon_before - timedelta(days=2)).timestamp() + 60 * begin
    lines = [(at_s, *heard[0])]
    for step, what in zip(minutes, heard[1:], strict=False):
        at_s += 60 * step
        lines.append((at_s, *what))
    info = ZoneInfo(zone)
    with local_time(zone):
        summary = summarise([write(tmp_path_factory.mktemp("log") / "x.jsonl", *lines)])
        expected = counted(lines, info)
        found = {(d, s): t for d, scenes in summary.days.items() for s, t in scenes.items()}
        assert found == {key: pytest.approx(t) for key, t in expected.items()}
        assert sum(summary.total.values()) == pytest.approx(lines[-1][0] - lines[0][0])


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [("Europe/Berlin", date(2026, 3, 29), 23), ("Europe/Berlin", date(2026, 10, 25), 25)],
)
def test_a_day_has_the_hours_it_has(zone: str, day: date, hours: int, tmp_path: Path) -> None:
    with local_time(zone):
        begin_s = datetime(day.year, day.month, day.day - 1).timestamp()
        lines = [(begin_s + 60 * i, "listening", "a") for i in range(4 * 1440)]
        summary = summarise([write(tmp_path / "x.csv", *lines)])
        assert summary.days[day] == {"a": 3600 * hours}
        assert summary.days[day - timedelta(days=1)] == {"a": 86400}


def test_whole_days_between_two_lines_are_left_out() -> None:
    """A clock that begins in 1970 must not make a table of 20,000 days."""
    with local_time("UTC"):
        parts = list(split_by_day(Stretch(1000.0, 20_000 * 86400 + 500.0, NOT_LISTENING)))
    assert [part.end_s - part.begin_s for _, part in parts] == [86400 - 1000, 500]


def test_a_date_that_comes_twice() -> None:
    """Goose Bay set its clocks back at one minute past midnight, into the day before."""
    with local_time("America/Goose_Bay"):
        begin_s = datetime(2010, 11, 6, 12).timestamp()
        parts = [part for _, part in split_by_day(Stretch(begin_s, begin_s + 90_000, "a"))]
        late = [part for _, part in split_by_day(Stretch(begin_s + 45_000, begin_s + 90_000, "a"))]
    assert sum(part.end_s - part.begin_s for part in parts) == 90_000
    assert sum(part.end_s - part.begin_s for part in late) == 45_000


def test_what_is_not_listening(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.jsonl",
        (0, "starting", None),
        (3, "listening", None),
        (10, "listening", "a"),
        (70, "listening", "a"),
        (70 + GAP_S, "silent", "a"),
        (200, "listening", "b"),
        (200 + GAP_S + 1, "ended", None),
        (1000, "starting", None),
    )
    assert summarise([path]).total == {"a": 60 + GAP_S, NOT_LISTENING: 1000 - 60 - GAP_S}


def test_a_clock_set_back_counts_no_time_twice_within_the_gap(tmp_path: Path) -> None:
    lines = [(5000.0, "listening", "a"), (5010.0, "listening", "a"), (1000.0, "listening", "b")]
    path = write(tmp_path / "x.jsonl", *lines, (1020.0, "ended", None))
    assert summarise([path]).total == {"a": 10, "b": 20}


def test_old_files_are_found_and_each_log_counts_once(tmp_path: Path) -> None:
    write(tmp_path / "x.csv", (60, "listening", "a"), (120, "ended", None))
    (tmp_path / "x.csv").rename(tmp_path / "x.csv.1")
    newest = write(tmp_path / "x.csv", (120, "listening", "b"), (150, "ended", None))
    other = write(tmp_path / "y.jsonl", (1000, "listening", "b"), (1050, "ended", None))
    expected = {"a": 60, "b": 30 + 50}
    for paths in ([newest, other], [tmp_path / "x.csv.1", other, newest, other]):
        assert summarise(paths).total == expected


def test_what_is_no_log_is_an_error_and_damage_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", (60, "listening", "a"), (120, "ended", None))
    path.write_bytes(b'{"time": "now"}\n' + path.read_bytes() + b'{"time": "tor')
    assert summarise([path]).n_damaged == 1
    (tmp_path / "z.jsonl").write_bytes(b'{"price": 1}\n')
    with pytest.raises(ValueError, match=r"z\.jsonl: not a log"):
        summarise([tmp_path / "z.jsonl"])
    with pytest.raises(ValueError, match=r"\.jsonl or \.csv"):
        summarise([tmp_path / "x.wav"])
    for name in ("no.csv", "no.csv.3", "no/no.csv"):
        with pytest.raises(FileNotFoundError):
            summarise([tmp_path / name])


def three_days(folder: Path) -> Path:
    begin_s = datetime(2026, 5, 3, 18).timestamp()
    scenes = [("park", 90), ("street_traffic", 600), (UNSURE, 30), ("park", 700), ("tram", 0.5)]
    lines, at_s = [], begin_s
    for scene, minutes in scenes:
        for _ in range(int(minutes)):
            lines.append((at_s, "listening", scene))
            at_s += 60
    lines.append((at_s, "listening", "tram"))
    return write(folder / "x.csv", *lines, (at_s + 30, "ended", None), (at_s + 4000, "ended", None))


TABLE = """
 2026            05-03  05-04  total
 park             1:30  11:40  13:10
 street_traffic   4:30   5:30  10:00
 tram                    30 s   30 s
 unsure                  0:30   0:30
 not listening           1:06   1:06
"""


def test_the_table_and_its_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with local_time("Europe/Berlin"):
        summary = summarise([three_days(tmp_path)])
        found = json.loads(json.dumps(summary_dict(summary)))
    print_summary(summary, Console(width=80))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == TABLE.strip("\n").splitlines()
    assert found["from"] == "2026-05-03T18:00:00.000+02:00"
    assert [day["date"] for day in found["days"]] == ["2026-05-03", "2026-05-04"]
    assert found["days"][0]["seconds"] == {"park": 5400, "street_traffic": 16200}
    assert found["seconds"]["tram"] == 30
    assert (found["lines"], found["damaged_lines"]) == (1423, 0)


def test_many_days_fit_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [(86400.0 * d + s, "listening", "x" * 17) for d in range(17) for s in range(0, 120, 60)]
    print_summary(summarise([write(tmp_path / "x.csv", *lines)]), Console(width=80))
    out = capsys.readouterr().out
    assert len(re.findall(r"\d\d-\d\d", out)) == 17
    assert "…" not in out


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    import tracemalloc

    def peak_bytes(n_lines: int) -> int:
        lines = ((i * 1.0, "listening", "ab"[i % 2]) for i in range(n_lines))
        path = write(tmp_path / "x.jsonl", *lines)
        tracemalloc.start()
        summarise([path])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(100)
    assert peak_bytes(20_000) < 1.2 * peak_bytes(4_000) + 200_000  # other threads'; the log is 1 MB


# The picture


def test_each_minute_has_the_scene_that_was_heard_most_of_it(tmp_path: Path) -> None:
    with local_time("Europe/Berlin"):
        path = three_days(tmp_path)
        days = [date(2026, 5, 3), date(2026, 5, 4)]
        found = minutes_of([path], days, ["park", "street_traffic", "tram", UNSURE])
    expected = np.full((2, 1440), -1)
    expected[0, 18 * 60 : 19 * 60 + 30] = 0
    expected[0, 19 * 60 + 30 :] = 1
    expected[1, : 5 * 60 + 30] = 1
    expected[1, 5 * 60 + 30 : 6 * 60] = 3
    expected[1, 6 * 60 : 6 * 60 + 700] = 0
    expected[1, 6 * 60 + 700] = 2
    np.testing.assert_array_equal(found, expected)


def test_the_picture_has_the_colours_of_the_scenes(tmp_path: Path) -> None:
    with local_time("Europe/Berlin"):
        path = three_days(tmp_path)
        save_plot([path], tmp_path / "x.png")
        colours = scene_colours(summarise([path]))
    pixels = np.rint(255 * matplotlib.image.imread(tmp_path / "x.png")[..., :3]).astype(int)
    assert list(colours) == ["park", "street_traffic", "tram", UNSURE]
    counts = {
        scene: int((pixels == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(-1).sum())
        for scene, colour in colours.items()
    }
    assert counts["park"] > counts["street_traffic"] > counts[UNSURE] > counts["tram"] > 0


def test_more_scenes_than_colours_share_one(tmp_path: Path) -> None:
    lines = [(60.0 * i, "listening", f"scene {min(i % 17, i % 13):02d}") for i in range(900)]
    summary = summarise([write(tmp_path / "x.csv", *lines)])
    colours = scene_colours(summary)
    assert len(colours) == len(COLOURS) + 1
    assert colours[OTHER] == GREYS[OTHER]
    assert len(set(colours.values())) == len(colours)
    save_plot([tmp_path / "x.csv"], tmp_path / "x.png")


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
VISION = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
JUST_NOTICEABLE = 2.3  # of CIE 1976 colour difference


def lab(colour: str, vision: str) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(VISION[vision]) @ linear, 0, 1)
    x, y, z = np.cbrt(TO_XYZ @ seen / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISION)
def test_colours_differ_for_every_eye(vision: str) -> None:
    colours = [*COLOURS, *GREYS.values(), "#ffffff"]
    for one, other in combinations(colours, 2):
        difference = np.linalg.norm(lab(one, vision) - lab(other, vision))
        assert difference > 6 * JUST_NOTICEABLE, (one, other)


def test_without_matplotlib_a_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError) as caught:
        save_plot([three_days(tmp_path)], tmp_path / "x.png")
    assert missing(caught.value) == f"a picture needs matplotlib: {add_package('matplotlib')}"


def test_nothing_to_draw(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", (60, "starting", None))
    with pytest.raises(ValueError, match="nothing to draw"):
        save_plot([path], tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("seconds", [9, 60, 1500, 11 * 3600])
@pytest.mark.parametrize("begin", ["2026-05-03T12:00:00", "2026-05-03T23:59:55"])
def test_a_short_log_fills_the_picture(seconds: int, begin: str, tmp_path: Path) -> None:
    begin_s = datetime.fromisoformat(begin).timestamp()
    times = np.linspace(0, seconds, max(4, seconds // 60 + 1))
    lines = [(begin_s + t, "listening", "park" if t < seconds / 3 else "tram") for t in times]
    save_plot([write(tmp_path / "x.jsonl", *lines)], tmp_path / "x.png")
    pixels = matplotlib.image.imread(tmp_path / "x.png")[..., :3]
    coloured = np.ptp(pixels, axis=2) > 0.2
    strip = coloured[:, : int(0.6 * coloured.shape[1])]
    row = strip[strip.sum(1).argmax()]
    first, last = np.flatnonzero(row)[[0, -1]]
    assert row[first:last].all()  # without a gap
    assert last - first > 0.8 * len(row)


@pytest.mark.parametrize(
    ("begin", "seconds", "first", "n"),
    [
        ("2026-05-03T23:59:51", 20, "23:59:55", 4),
        ("2026-05-03T12:01:00", 3600, "12:10", 6),
        ("2026-05-03T20:10:00", 11 * 3600, "22:00", 5),
    ],
)
def test_ticks_are_round_moments_of_the_day(begin: str, seconds: int, first: str, n: int) -> None:
    begin_s = datetime.fromisoformat(begin).timestamp()
    moments, texts = ticks_of(begin_s, begin_s + seconds)
    assert (texts[0], len(texts)) == (first, n)
    assert begin_s <= moments[0] < moments[-1] <= begin_s + seconds


# Old files that something has packed

PACKED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, "": bytes}


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
@pytest.mark.parametrize("pack", PACKED)
@pytest.mark.parametrize("old", [".1", ".12", "-20260503", "-20260503-1746230400"])
def test_old_files_count_however_they_are_called_and_packed(
    suffix: str, pack: str, old: str, tmp_path: Path
) -> None:
    whole = write(tmp_path / f"all{suffix}", *((60.0 * i, "listening", "a") for i in range(60)))
    header, *lines = [b"", *whole.read_bytes().splitlines(keepends=True)]
    if suffix == ".csv":
        header = lines.pop(0)
    log = tmp_path / f"x{suffix}"
    log.write_bytes(header + b"".join(lines[40:]))
    first = tmp_path / f"x{suffix}{old}{pack}"
    first.write_bytes(PACKED[pack](header + b"".join(lines[:40])))
    for asked in (log, first):
        assert summarise([asked]).days == summarise([whole]).days


def test_a_file_that_lies_there_packed_and_unpacked_counts_once(tmp_path: Path) -> None:
    log = write(tmp_path / "x.jsonl", (600, "listening", "a"), (660, "listening", "a"))
    made = write(tmp_path / "y.jsonl", (0, "listening", "a"), (60, "listening", "a"))
    old = made.rename(tmp_path / "x.jsonl.1")
    (tmp_path / "x.jsonl.1.gz").write_bytes(gzip.compress(old.read_bytes()))
    assert summarise([log]).n_lines == 4


@pytest.mark.parametrize("pack", [".gz", ".bz2", ".xz"])
def test_a_packed_file_that_breaks_off_is_damage(pack: str, tmp_path: Path) -> None:
    log = write(tmp_path / "x.jsonl", (600, "listening", "a"), (660, "listening", "a"))
    packed = PACKED[pack](log.read_bytes() * 1000)
    for content in (packed[: len(packed) // 2], b"nothing of the kind"):
        (tmp_path / f"x.jsonl.1{pack}").write_bytes(content)
        summary = summarise([log])
        assert summary.n_damaged >= 1
        assert summary.n_lines >= 2


def test_what_cannot_be_unpacked_is_named(tmp_path: Path) -> None:
    log = write(tmp_path / "x.jsonl", (600, "listening", "a"), (660, "listening", "a"))
    (tmp_path / "x.jsonl.1.zst").write_bytes(b"(\xb5/\xfd")
    summary = summarise([log])
    assert summary.left_out == [tmp_path / "x.jsonl.1.zst"]
    assert summary_dict(summary)["left_out"] == [str(tmp_path / "x.jsonl.1.zst")]
    console = Console(record=True, width=300, file=io.StringIO())
    print_summary(summary, console)
    assert "x.jsonl.1.zst: left out" in console.export_text()


def test_what_was_unpacked_is_not_left_out(tmp_path: Path) -> None:
    log = write(tmp_path / "x.jsonl", (600, "listening", "a"), (660, "listening", "a"))
    other = write(tmp_path / "y.jsonl", (480, "listening", "a"), (540, "listening", "a"))
    old = other.rename(tmp_path / "x.jsonl.1")
    for packed in (old, log):
        packed.with_name(f"{packed.name}.zst").write_bytes(b"(\xb5/\xfd")
    assert summarise([log]).left_out == []
