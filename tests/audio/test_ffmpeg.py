"""Recordings of phones: through ffmpeg where it is installed, told otherwise."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_asc.audio.decode import AudioError, load_audio, probe
from edge_asc.data.check import check_dataset
from edge_asc.data.open import open_dataset
from front_ends import noise

RATE_HZ = 16000
STAND_IN = """#!{python}
# Stands in for ffmpeg: its last argument gets the WAV file that the input is.
import shutil, sys
source = sys.argv[sys.argv.index("-i") + 1]
assert source.startswith("file:"), source
if "broken" in source:
    sys.exit("moov atom not found")
if "short" in source:
    print("[in#0/webm @ 0x55] File ended prematurely", file=sys.stderr)
shutil.copy(source.removeprefix("file:"), sys.argv[-1])
"""


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin/ffmpeg"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))


def memo(folder: Path, name: str) -> Path:
    """What the stand-in takes for a phone's recording."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "x.wav", 0.1 * noise(RATE_HZ), RATE_HZ, "FLOAT")
    return (folder / "x.wav").rename(folder / name)


@pytest.mark.parametrize("name", ["a.m4a", "b.AAC", "c.3gp", "d.amr", "-e.webm", "f:g.mp4"])
@pytest.mark.usefixtures("ffmpeg")
def test_with_ffmpeg_they_are_recordings_like_others(tmp_path: Path, name: str) -> None:
    path = memo(tmp_path / "memos", name)
    np.testing.assert_array_equal(load_audio(path, RATE_HZ), 0.1 * noise(RATE_HZ))
    assert probe(path).duration_s == 1.0


@pytest.mark.usefixtures("ffmpeg")
def test_what_ffmpeg_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    path = memo(tmp_path, "broken.m4a")
    with pytest.raises(AudioError, match=r"broken\.m4a: cannot be decoded: ffmpeg: moov atom"):
        load_audio(path, RATE_HZ)


@pytest.mark.usefixtures("ffmpeg")
def test_a_complaint_of_ffmpeg_is_enough(tmp_path: Path) -> None:
    path = memo(tmp_path, "short.webm")
    with pytest.raises(AudioError, match=r"decoded: ffmpeg: File ended prematurely$"):
        load_audio(path, RATE_HZ)


def test_without_ffmpeg_each_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    for label in ("park", "street"):
        for name in ("1.m4a", "2.m4a", "3.amr"):
            memo(tmp_path / label, name)
        memo(tmp_path / label, "4.wav")
    report = check_dataset(open_dataset(tmp_path))
    assert len(report.bad) == 6
    reasons = {kind: n for text, n in report.reasons.items() if (kind := text.partition(" ")[0])}
    assert reasons == {"m4a": 4, "amr": 2}
