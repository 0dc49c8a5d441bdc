"""Keeping clips while listening: what is kept is what was heard, and nothing holds it up."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import tiny_models
from command import Cli
from edge_asc.audio.samples import to_int16
from edge_asc.demo.events import UNSURE, Decision
from edge_asc.demo.hearing.smoothing import Smoothing
from edge_asc.demo.live import Live
from edge_asc.demo.outputs.keep import writer
from edge_asc.demo.outputs.keep.output import KeepOutput
from edge_asc.demo.outputs.keep.rules import DISTANCE_S, parse_rules
from edge_asc.demo.outputs.keep.sound import AFTER_S, BEFORE_S
from edge_asc.demo.outputs.keep.store import Clip, Store
from edge_asc.demo.outputs.output import Output, Outputs
from edge_asc.demo.sources.recording import FileSource
from edge_asc.demo.sources.source import Block
from edge_asc.runtime.classifier import Classifier
from kept_clips import ROOMY, clip_of, kept
from live_parts import Played
from tiny_models import CLIP_S, FRONTEND, LABELS, tone
from waiting import PATIENCE_S, until
from web_feed import decision

RATE_HZ = FRONTEND.sample_rate_hz
PLAIN = Smoothing(time_constant_s=0, margin=0, floor=0)
N_WINDOW, N_BEFORE, N_AFTER = (round(s * RATE_HZ) for s in (CLIP_S, BEFORE_S, AFTER_S))


class Heard(Output):
    """What the live loop told, as a second keeper would hear it."""

    def __init__(self) -> None:
        self.audio: list[np.ndarray] = []
        self.decisions: list[Decision] = []

    def on_audio(self, samples: np.ndarray) -> None:
        self.audio.append(samples.copy())

    def on_decision(self, decision: Decision) -> None:
        self.decisions.append(decision)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    return Classifier.load(tiny_models.write_model(path))


def keeper(folder: Path, when: str, **limits: float) -> KeepOutput:
    most = {"most_mb": 100.0, "most_days": 36500.0, **limits}
    return KeepOutput(folder, parse_rules(when), tiny_models.metadata(), FRONTEND, **most)


def listened(classifier: Classifier, source: Any, folder: Path, when: str) -> Heard:
    heard, keep = Heard(), keeper(folder, when)
    live = Live(source, classifier, Outputs([heard, keep]), smoothing=PLAIN)
    live.run(lambda: False)
    keep.close()
    until(lambda: not keep._writer._thread.is_alive())
    return heard


def walk(path: Path, rate_hz: int = RATE_HZ) -> Path:
    """Forty seconds: each scene for a while."""
    n = 13 * rate_hz
    pieces = [tone(label, n, seed) for seed, label in enumerate(LABELS)]
    soundfile.write(path, np.concatenate(pieces), rate_hz, subtype="PCM_16")
    return path


def oldest_first(folder: Path) -> list[Clip]:
    return Store(folder).clips()[::-1]


def samples_of(clip: Clip) -> np.ndarray:
    samples, rate_hz = soundfile.read(clip.path, dtype="int16")
    assert rate_hz == RATE_HZ
    return np.asarray(samples)


def test_a_clip_is_bit_for_bit_what_was_heard(classifier: Classifier, tmp_path: Path) -> None:
    recording = walk(tmp_path / "walk.wav")
    heard = listened(classifier, FileSource(recording), tmp_path / "kept", "every 10s")
    source = soundfile.read(recording, dtype="int16")[0]
    clips = oldest_first(tmp_path / "kept")
    by_time = {d.time_s: d for d in heard.decisions}
    assert len(clips) == 4
    for clip in clips:
        told = by_time[clip.kept.time_s]
        window_end = round(told.position_s * RATE_HZ)
        begin = max(0, window_end - N_WINDOW - N_BEFORE)
        assert np.array_equal(samples_of(clip), source[begin : window_end + N_AFTER])
        assert clip.kept.window_s is not None
        window_s = [begin / RATE_HZ + at for at in clip.kept.window_s]
        assert window_s == pytest.approx([told.position_s - CLIP_S, told.position_s])
        assert (clip.kept.scene, clip.kept.why, clip.kept.model) == (
            told.scene,
            "every 10s",
            classifier.id,
        )
        assert clip.kept.probabilities == pytest.approx(told.probabilities, abs=1e-4)
        assert clip.kept.seconds == pytest.approx(len(samples_of(clip)) / RATE_HZ, abs=1e-3)


def test_a_clip_of_another_rate_is_what_the_model_heard(
    classifier: Classifier, tmp_path: Path
) -> None:
    recording = walk(tmp_path / "walk.wav", 11025)
    heard = listened(classifier, FileSource(recording), tmp_path / "kept", "change")
    model_heard = to_int16(np.concatenate(heard.audio))
    changes = [d for d in heard.decisions[1:] if d.changed]
    clips = oldest_first(tmp_path / "kept")
    assert [clip.kept.time_s for clip in clips] == [
        d.time_s for d in changes if d.position_s > DISTANCE_S
    ]
    for clip, told in zip(clips, changes, strict=True):
        window_end = round(told.position_s * RATE_HZ)
        wanted = model_heard[window_end - N_WINDOW - N_BEFORE : window_end + N_AFTER]
        assert np.array_equal(samples_of(clip), wanted)
        # It answers as it did: the clip holds the whole window.
        start = round(clip.kept.window_s[0] * RATE_HZ) if clip.kept.window_s else 0
        window = samples_of(clip)[start : start + N_WINDOW].astype(np.float32) / 32768
        assert classifier(window, RATE_HZ).label == told.scene


def test_no_clip_reaches_over_a_break(classifier: Classifier, tmp_path: Path) -> None:
    before, after = (np.full(round(s * RATE_HZ), v, np.float32) for s, v in ((1.3, 0.25), (3, 0.5)))
    source = Played(
        Block(before, RATE_HZ, joins=False), Block(after, RATE_HZ, joins=False, end_s=None)
    )
    listened(classifier, source, tmp_path / "kept", "low,middle,high,every 10s")
    (clip,) = oldest_first(tmp_path / "kept")
    assert set(samples_of(clip)) == {8192}
    assert len(samples_of(clip)) == len(before)  # the audio behind the window ended early
    fresh = tmp_path / "again"
    silence = np.zeros(round(9.5 * RATE_HZ), np.float32)  # so long that no clip falls in it
    source = Played(*(Block(x, RATE_HZ, joins=False) for x in (before, silence, after)))
    listened(classifier, source, fresh, "every 10s")
    _, second = oldest_first(fresh)
    assert set(samples_of(second)) == {16384}
    assert len(samples_of(second)) == N_WINDOW + N_AFTER  # nothing before the break


@pytest.mark.parametrize("n", [33, 160, 5000, 10**6])
def test_blocks_of_any_size_give_the_same_clips(
    n: int, classifier: Classifier, tmp_path: Path
) -> None:
    audio = soundfile.read(walk(tmp_path / "walk.wav"), dtype="float32")[0]
    blocks = [Block(audio[i : i + n], RATE_HZ) for i in range(0, len(audio), n)]
    listened(classifier, Played(*blocks), tmp_path / "kept", "change")
    source = to_int16(audio)
    clips = oldest_first(tmp_path / "kept")
    assert len(clips) == 2
    for clip in clips:
        samples = samples_of(clip)
        at = np.flatnonzero(source == samples[0])
        assert any(np.array_equal(source[i : i + len(samples)], samples) for i in at)
        assert len(samples) == N_BEFORE + N_WINDOW + N_AFTER


def test_a_scene_is_kept_when_it_is_asked_for(classifier: Classifier, tmp_path: Path) -> None:
    listened(classifier, FileSource(walk(tmp_path / "w.wav")), tmp_path / "kept", "high")
    clips = oldest_first(tmp_path / "kept")
    assert [clip.kept.scene for clip in clips] == ["high"] * len(clips)
    assert clips


# ------------------------------------------------------------------------------- what is told


def test_what_is_kept_is_said_at_the_start(tmp_path: Path) -> None:
    keep = keeper(tmp_path / "kept", "unsure,every 10m", most_mb=20, most_days=3)
    assert keep.notices() == [
        f"clips of 2 s are kept in {tmp_path / 'kept'}, when unsure, every 10m: 20 MB at most,"
        " those without a label for 3 days at most"
    ]
    assert keep.notices() == []
    keep.close()


def say(keep: KeepOutput, position_s: float) -> None:
    """Audio, and a decision that is worth a clip."""
    keep.on_begin(position_s - CLIP_S)
    keep.on_audio(tone("low", N_AFTER + N_WINDOW))
    keep.on_decision(decision(UNSURE, position_s=position_s))
    keep.on_audio(tone("low", N_AFTER))


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[KeepOutput]:
    keep = keeper(tmp_path / "kept", "unsure")
    keep.on_begin(0.0)
    keep.notices()
    yield keep
    keep.close()


def told(keep: KeepOutput) -> str:
    (text,) = until(keep.notices)
    return text


def test_a_folder_that_goes_is_said_once_and_listening_goes_on(keep: KeepOutput) -> None:
    folder = keep.store.folder
    away = folder.with_name("away")
    folder.rename(away)
    for i in range(3):
        say(keep, 100.0 * i)
    assert told(keep) == f"{folder}: no such file or directory; clips are lost"
    until(lambda: keep._writer.n_lost == 3)
    assert keep.notices() == []
    away.rename(folder)
    say(keep, 5000.0)
    assert told(keep) == f"{folder}: clips are kept again; clips lost so far: 3"
    assert len(keep.store.clips()) == 1


def test_labels_that_fill_the_folder_are_kept_and_it_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    store, content = Store.make(folder), bytes(400_000)
    for i in range(13):
        clip = store.add(kept(time_s=1e9 + i), content, ROOMY)
        store.label(clip.id, "dog")
    keep = keeper(folder, "unsure", most_mb=5)
    keep.on_begin(0.0)
    keep.notices()
    say(keep, 1.0)
    assert told(keep) == f"{folder}: clips with labels fill it; no further ones are kept"
    assert len(store.clips()) == 13
    keep.close()


def test_a_disk_that_hangs_holds_nobody_up(
    keep: KeepOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = threading.Event()

    def encoded(samples: np.ndarray, rate_hz: int) -> bytes:
        hang.wait(PATIENCE_S)
        return clip_of()

    monkeypatch.setattr(writer, "encoded", encoded)
    for i in range(writer.QUEUE_CLIPS + 5):
        say(keep, 2000.0 * i)
    assert told(keep) == f"{keep.store.folder}: the disk is too slow; clips are lost"
    assert writer.QUEUE_CLIPS <= keep._writer._queue.qsize() <= writer.QUEUE_CLIPS
    hang.set()


def test_what_waits_is_written_at_the_end(tmp_path: Path) -> None:
    keep = keeper(tmp_path / "kept", "unsure")
    keep.on_begin(0.0)
    keep.on_audio(tone("low", N_WINDOW))
    keep.on_decision(decision(UNSURE, position_s=CLIP_S))
    keep.close()
    until(lambda: Store(tmp_path / "kept").clips())
    (clip,) = oldest_first(tmp_path / "kept")
    assert len(samples_of(clip)) == N_WINDOW


# ------------------------------------------------------------------------------- the command


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_models.write_model(tmp_path / "tiny.tflite")


def test_the_command_keeps_clips(cli: Cli, model: Path, tmp_path: Path) -> None:
    recording, folder = walk(tmp_path / "walk.wav"), tmp_path / "kept"
    common = ("live", f"--model={model}", f"--source={recording}", "--quiet", "--smooth=0")
    code, _, err = cli(*common, f"--keep={folder}", "--keep-when=change")
    assert code == 0
    assert f"clips of 2 s are kept in {folder}, when change" in err
    assert len(until(Store(folder).clips)) == 2


def test_nothing_is_kept_unless_it_is_asked_for(cli: Cli, model: Path, tmp_path: Path) -> None:
    recording = walk(tmp_path / "walk.wav")
    before = set(tmp_path.rglob("*"))
    assert cli("live", f"--model={model}", f"--source={recording}", "--quiet")[0] == 0
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--keep-when=change"], "--keep-when goes with --keep"),
        (["--keep=kept", "--keep-when=every now"], "say it as"),
        (["--keep=kept", "--keep-mb=1"], "at least 5 MB"),
        (["--keep=kept", "--keep-days=0"], "must be above 0"),
    ],
)
def test_wrong_usage(words: list[str], said: str, cli: Cli) -> None:
    code, out, err = cli("live", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_rule_for_a_scene_that_the_model_does_not_know(
    cli: Cli, model: Path, tmp_path: Path
) -> None:
    recording, folder = walk(tmp_path / "walk.wav"), tmp_path / "kept"
    common = ("live", f"--model={model}", f"--source={recording}", f"--keep={folder}")
    code, _, err = cli(*common, "--keep-when=midle")
    assert code == 1
    assert "did you mean middle?" in err
    assert not folder.exists()


def test_a_folder_of_something_else(cli: Cli, model: Path, tmp_path: Path) -> None:
    recording = walk(tmp_path / "walk.wav")
    code, _, err = cli("live", f"--model={model}", f"--source={recording}", f"--keep={tmp_path}")
    assert code == 1
    assert "holds other files" in err


# ------------------------------------------------------------------------------- another model


def other_model(folder: Path, rate_hz: int, clip_s: float) -> Classifier:
    frontend = replace(FRONTEND, sample_rate_hz=rate_hz)
    fields: dict[str, Any] = {"frontend": frontend.to_dict(), "clip_s": clip_s, "name": "other"}
    return Classifier.load(tiny_models.write_model(folder / "other.tflite", **fields))


@pytest.mark.parametrize(("rate_hz", "clip_s"), [(RATE_HZ, 2.0), (2 * RATE_HZ, 1.0), (4000, 3.0)])
def test_after_a_swap_clips_are_of_the_new_models_rate_and_window(
    classifier: Classifier, tmp_path: Path, rate_hz: int, clip_s: float
) -> None:
    sound = tone("low", 60 * RATE_HZ)
    blocks = [Block(sound[i : i + 800], RATE_HZ) for i in range(0, len(sound), 800)]
    other, keep = other_model(tmp_path, rate_hz, clip_s), keeper(tmp_path / "kept", "every 10s")
    told: list[str] = []
    source = Played(*blocks)
    live = Live(source, classifier, Outputs([keep]), smoothing=PLAIN)
    read = source.read

    def swapping(timeout_s: float) -> Block | None:
        if len(source._blocks) == len(blocks) // 2:
            live.swap(other)
            told.append(keep.description)
        return read(timeout_s)

    source.read = swapping  # type: ignore[method-assign]
    live.run(lambda: False)
    told.append(keep.description)
    keep.close()
    until(lambda: not keep._writer._thread.is_alive())
    clips = oldest_first(tmp_path / "kept")
    by_model = {m: [c for c in clips if c.kept.model == m] for m in (classifier.id, other.id)}
    assert [len(found) for found in by_model.values()] == [3, 3]
    for model, found in ((classifier, by_model[classifier.id]), (other, by_model[other.id])):
        for clip in found[1:]:  # the first begins with the audio
            info = soundfile.info(clip.path)
            assert info.samplerate == model.frontend.sample_rate_hz
            window_s = model.metadata.clip_s
            assert info.duration <= BEFORE_S + window_s + AFTER_S
            begin_s, end_s = clip.kept.window_s or (0, 0)
            assert end_s - begin_s == pytest.approx(window_s)
            assert end_s <= info.duration
    for window_s, text in zip((CLIP_S, clip_s), told, strict=True):
        assert f"clips of {window_s + 1:g} s" in text


def test_a_rule_that_the_new_model_cannot_fulfil_is_told_of(tmp_path: Path) -> None:
    keep = keeper(tmp_path / "kept", "low")
    assert keep.notices() == [keep.description]
    keep.on_model(
        Classifier.load(tiny_models.write_model(tmp_path / "b.tflite", labels=list("abc")))
    )
    (said,) = keep.notices()
    assert "low" in said
    keep.close()


def test_what_is_being_taught_does_not_count_twice(tmp_path: Path) -> None:
    store = Store.make(tmp_path / "kept")
    clip = store.add(kept(), clip_of(), ROOMY)
    before = store.used_bytes()
    place = store.folder / "models" / ".try-1"
    place.mkdir(parents=True)
    (place / clip.path.name).hardlink_to(clip.path)
    assert store.used_bytes() == before
    assert [found.id for found in store.clips()] == [clip.id]
