"""The cache gives what the front end computes, whatever else happens to its files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_asc.audio.decode import fit_length, load_audio
from edge_asc.data import cache as features
from edge_asc.data.cache import CachedFeatures, FeatureCache
from edge_asc.data.dataset import Clip
from edge_asc.frontend.front_end import FrontEnd

FRONTEND = FrontEnd(8000, n_fft=256, win_length=256, hop_length=128, n_mels=20)
CLIP_S = 0.5


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """Six clips of noise: two rates, lengths around CLIP_S."""
    rng = np.random.default_rng(0)
    found = []
    for i in range(6):
        rate_hz = (8000, 11025)[i % 2]
        path = tmp_path / f"{i}.wav"
        soundfile.write(path, rng.uniform(-0.5, 0.5, round(rate_hz * (0.3 + 0.1 * i))), rate_hz)
        found.append(Clip(path, "park", None, listed=f"mine.csv line {i + 2}"))
    return found


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(FRONTEND, CLIP_S, tmp_path / "cache")


def computed(clip: Clip) -> np.ndarray:
    audio = load_audio(clip.path, FRONTEND.sample_rate_hz)
    return FRONTEND.raw(fit_length(audio, round(CLIP_S * FRONTEND.sample_rate_hz)))


def assert_right(loaded: CachedFeatures, clips: list[Clip]) -> None:
    assert len(loaded) == len(clips)
    for array, clip in zip(loaded, clips, strict=True):
        np.testing.assert_array_equal(array, computed(clip))


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(features, "load_audio", refuse)


def test_features_are_those_of_the_front_end_in_order(
    cache: FeatureCache, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_right(cache.load(clips), clips)
    backwards = clips[::-1]
    expected = [computed(clip) for clip in backwards]
    forbid_decoding(monkeypatch)
    for array, wanted in zip(cache.load(backwards), expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


def test_features_are_mapped_read_only_and_hold_no_file_open(
    cache: FeatureCache, clips: list[Clip]
) -> None:
    loaded = cache.load(clips)
    assert isinstance(loaded[0], np.memmap)
    assert not loaded[0].flags.writeable
    assert loaded[0].shape == cache.shape == (20, 32)
    np.testing.assert_array_equal(loaded[1:3][-1], loaded[2])
    descriptors = Path("/proc/self/fd")
    if descriptors.exists():
        before = len(list(descriptors.iterdir()))
        for array in loaded:
            float(array.sum())
        del array
        assert len(list(descriptors.iterdir())) == before


def test_files_are_plain_npy(cache: FeatureCache, clips: list[Clip]) -> None:
    cache.load(clips)
    np.testing.assert_array_equal(np.load(cache.path_of(clips[0])), computed(clips[0]))


def test_another_recording_of_the_same_name_is_computed_anew(
    cache: FeatureCache, clips: list[Clip]
) -> None:
    cache.load(clips)
    path = clips[0].path
    status = path.stat()
    audio, rate_hz = soundfile.read(path)
    soundfile.write(path, -0.5 * audio, rate_hz)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))  # same size, a tick later
    assert_right(cache.load(clips), clips)


def test_each_front_end_and_length_has_its_own_files(clips: list[Clip], tmp_path: Path) -> None:
    others = [
        FeatureCache(FRONTEND, CLIP_S, tmp_path),
        FeatureCache(FRONTEND, 0.75, tmp_path),
        FeatureCache(FrontEnd(8000, 256, 256, 128, 20, mel_scale="slaney"), CLIP_S, tmp_path),
    ]
    assert len({cache.path_of(clips[0]) for cache in others}) == len(others)
    # Normalisation is applied later: it shares the files.
    unlike = FrontEnd(8000, 256, 256, 128, 20, normalization="none")
    assert FeatureCache(unlike, CLIP_S, tmp_path).folder == others[0].folder


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:50],
        lambda data: data[:-4],
        lambda data: data + b"\0",
        lambda data: b"\0" * len(data),
        lambda data: data.replace(b"<f4", b"<i4"),
    ],
    ids=["empty", "half a header", "short", "long", "zeros", "other type"],
)
def test_a_damaged_file_is_built_again(
    cache: FeatureCache, clips: list[Clip], damage: object
) -> None:
    assert callable(damage)
    cache.load(clips)
    path = cache.path_of(clips[3])
    path.write_bytes(damage(path.read_bytes()))
    assert_right(cache.load(clips), clips)


def test_processes_give_the_same(
    cache: FeatureCache, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "MIN_CLIPS_FOR_POOL", 1)
    before = dict(os.environ)
    cache.workers = 2
    assert_right(cache.load(clips), clips)
    assert dict(os.environ) == before
    clips[4].path.write_text("no audio")
    with pytest.raises(ValueError, match=r"4\.wav.*listed in mine.csv line 6.*edge-asc data check"):
        cache.load(clips)


# A script without a `__main__` guard, whose main module the worker processes must not run again.
FILL = """
import sys
from pathlib import Path
from edge_asc.data.dataset import Clip
from edge_asc.data.cache import FeatureCache
from edge_asc.frontend.front_end import FrontEnd

frontend = FrontEnd(8000, n_fft=256, win_length=256, hop_length=128, n_mels=20)
clips = [Clip(path, "park", None) for path in sorted(Path(sys.argv[1]).glob("*.wav"))]
print("ready", flush=True)
sys.stdin.readline()
loaded = FeatureCache(frontend, 0.5, sys.argv[2], workers=2).load(clips)
print(len(loaded), sum(float(features.sum()) for features in loaded))
print("torch" in sys.modules)
"""


def test_two_runs_fill_one_cache_at_once(clips: list[Clip], tmp_path: Path) -> None:
    for i in range(features.MIN_CLIPS_FOR_POOL):
        (tmp_path / f"copy{i}.wav").write_bytes(clips[i % 6].path.read_bytes())
    (tmp_path / "fill.py").write_text(FILL)
    command = [sys.executable, str(tmp_path / "fill.py"), str(tmp_path), str(tmp_path / "cache")]
    runs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("go\n")
        run.stdin.flush()
    first, second = (run.communicate(timeout=60)[0] for run in runs)
    assert first == second
    assert first.startswith("70 ")
    assert first.endswith("False\n")  # no torch was imported
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(files) == 70
    assert all(path.suffix == ".npy" and not path.name.startswith(".") for path in files)


def test_a_missing_file_is_named_with_its_place(cache: FeatureCache, clips: list[Clip]) -> None:
    clips[2].path.unlink()
    with pytest.raises(ValueError, match=r"2\.wav: No such file.*listed in mine.csv line 4") as bad:
        cache.load(clips)
    assert len(str(bad.value).splitlines()) == 1
    assert "edge-asc data check" in str(bad.value)


def test_a_clip_shorter_than_a_window_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"clip_s must be at least one window, 0\.032 s, not 0\.03"
    ):
        FeatureCache(FRONTEND, 0.03, tmp_path)
    with pytest.raises(ValueError, match=r"length of the clips is not known.*edge-asc data check"):
        FeatureCache(FRONTEND, 0.0, tmp_path)


def test_the_cache_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGE_ASC_CACHE", str(tmp_path))
    assert FeatureCache(FRONTEND, CLIP_S).folder.parent == tmp_path
    monkeypatch.delenv("EDGE_ASC_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert FeatureCache(FRONTEND, CLIP_S).folder.parent == tmp_path / "edge-asc"
