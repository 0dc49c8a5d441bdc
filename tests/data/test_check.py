"""The check of a data set names every bad file and stops at none."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from edge_asc.data.check import CheckReport, check_dataset
from edge_asc.data.check_report import print_report
from edge_asc.data.open import open_dataset

RATE_HZ = 8000


def write_noise(path: Path, seconds: float = 1.0, **kwargs: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, round(RATE_HZ * seconds))
    soundfile.write(path, noise, RATE_HZ, **kwargs)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def not_a_number(path: Path) -> None:
    soundfile.write(path, np.array([0.1, np.nan, 0.2] * 100), RATE_HZ, subtype="FLOAT")


SPOIL: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "truncated": cut,
    "text": lambda path: path.write_text("this is no audio"),
    "nan": not_a_number,
}


@pytest.fixture
def spoiled(tmp_path: Path) -> Path:
    """Two classes of six recordings; the first five of class a spoilt, each in its way."""
    rows = ["path,label,device"]
    for label in ("a", "b"):
        for i, name in enumerate([*SPOIL, "good"]):
            write_noise(tmp_path / f"{label}-{name}.wav", 1.0 + i / 8)
            rows.append(f"{label}-{name}.wav,{label},{'phone' if i % 2 else ''}")
    for name, spoil in SPOIL.items():
        spoil(tmp_path / f"a-{name}.wav")
    (tmp_path / "mine.csv").write_text("\n".join(rows))
    return tmp_path


def test_every_bad_file_has_one_line_with_its_place(spoiled: Path) -> None:
    bad = check_dataset(open_dataset(spoiled)).bad
    assert len(bad) == len(SPOIL)
    for line, (number, name) in zip(bad, enumerate(SPOIL, start=2), strict=True):
        assert line.startswith(str(spoiled / f"a-{name}.wav"))
        assert line.endswith(f"(mine.csv line {number})")
        assert len(line.splitlines()) == 1


def test_counts_and_durations(spoiled: Path) -> None:
    found = check_dataset(open_dataset(spoiled)).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["clips"] == 12
    assert found["recordings"] == 12
    assert found["labels"] == {"a": 6, "b": 6}
    assert found["devices"] == {"": 6, "phone": 6}
    assert found["formats"] == {"8000 Hz, 1 ch, PCM_16": 7}
    good = [1 + 5 / 8, *(1 + i / 8 for i in range(6))]
    assert found["duration_s"] == {"total": sum(good), "min": 1.0, "median": 1.375, "max": 1.625}


def test_threads_change_nothing_and_progress_ends_at_all(spoiled: Path) -> None:
    dataset = open_dataset(spoiled)
    seen: list[tuple[int, int]] = []
    alone = check_dataset(dataset, lambda done, total: seen.append((done, total)), workers=1)
    assert check_dataset(dataset, workers=4) == alone
    assert seen[-1] == (12, 12)


def test_the_printed_report_holds_every_bad_file(spoiled: Path) -> None:
    report = check_dataset(open_dataset(spoiled))
    console = Console(file=io.StringIO(), width=40)  # lines of a narrow terminal stay whole
    print_report(report, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(f"bad: {line}\n" in printed for line in report.bad)
    assert "5 bad files" in printed


def report_on(folder: Path, rows: dict[str, str]) -> CheckReport:
    """Check a table of rows "label,fold,group" by file; files that begin with 0 are silent."""
    for name in rows:
        if name.startswith("0"):
            soundfile.write(folder / name, np.zeros(RATE_HZ), RATE_HZ)
        else:
            write_noise(folder / name)
    lines = ["path,label,fold,group", *(f"{name},{row}" for name, row in rows.items())]
    (folder / "mine.csv").write_text("\n".join(lines))
    return check_dataset(open_dataset(folder))


def test_warnings_name_what_will_trouble_a_training(tmp_path: Path) -> None:
    rows = {
        "0.wav": "a,1,monday",
        "1.wav": "a,2,monday",
        "2.wav": "b,1,x",
        "3.wav": "b,1,y",
        "4.wav": "b,2,z",
    }
    report = report_on(tmp_path, rows)
    assert report.warnings == (
        "a: 1 recording(s), too few for training, validation and test",
        "1 recording(s) have clips in several folds: monday",
        "1 file(s) are digital silence: 0.wav",
    )
    assert not report.bad


def test_data_that_cannot_be_split_are_still_checked(tmp_path: Path) -> None:
    report = report_on(tmp_path, {"1.wav": "a,1,x", "2.wav": "a,1,y"})
    assert report.folds == {"1": 2}
    assert report.unseen_devices == {}
