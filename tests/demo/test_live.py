"""The live loop: what it says of a stream is what `classify` says of the file."""

import json
import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import tiny_models
from command import Cli
from edge_asc.demo.events import SILENCE_DBFS, UNSURE, Decision
from edge_asc.demo.hearing.health import Load
from edge_asc.demo.hearing.levels import Level, Meter, dbfs
from edge_asc.demo.hearing.smoothing import Smoother, Smoothing
from edge_asc.demo.live import READ_TIMEOUT_S, Live
from edge_asc.demo.outputs.output import Output, Outputs
from edge_asc.demo.sources.recording import BLOCK_S, MAX_LAG_S, FileSource
from edge_asc.demo.sources.source import Block
from edge_asc.runtime.answers.answer import Prediction
from edge_asc.runtime.answers.stream import FeatureWindows
from edge_asc.runtime.classifier import Classifier
from live_parts import Heard, Played, heard
from waiting import PATIENCE_S

RATE_HZ = tiny_models.FRONTEND.sample_rate_hz
AS_THEY_COME = Smoothing(time_constant_s=0, margin=0, floor=0)
CPU_NOISE = 1e-6  # the runtime's kernels add float32 numbers in the same order every time


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "tiny.tflite"
    return tiny_models.write_model(path, abstract_labels=list(tiny_models.ABSTRACT_LABELS))


@pytest.fixture(scope="module")
def classifier(model: Path) -> Classifier:
    return Classifier.load(model)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tones one after another, 44.1 kHz stereo: it has to be resampled and mixed."""
    path = tmp_path_factory.mktemp("walk") / "walk.wav"
    time_s = np.arange(int(2.3 * 44100)) / 44100
    tones = [0.3 * np.sin(2 * np.pi * hz * time_s) for hz in tiny_models.PITCH_HZ.values()]
    noise = 0.01 * np.random.default_rng(0).standard_normal(3 * len(time_s))
    mono = np.concatenate(tones) + noise
    soundfile.write(path, np.stack([mono, 0.5 * mono], axis=1), 44100)
    return path


def scene_of(decision: Decision) -> np.ndarray:
    return np.array(list(decision.probabilities.values()))


def test_a_stream_gets_the_probabilities_of_its_file(classifier: Classifier, walk: Path) -> None:
    live = heard(classifier, FileSource(walk), smoothing=AS_THEY_COME).decisions
    # A file's last window ends where the file ends; a stream knows only whole hops.
    file = classifier(walk, hop_s=0.5).windows[: len(live)]
    assert len(live) == 12
    for decision, window in zip(live, file, strict=True):
        assert decision.position_s == pytest.approx(window.end_s, abs=1e-9)
        assert scene_of(decision) == pytest.approx(window.prediction.scene, abs=CPU_NOISE)
        by_class = list((decision.abstract_probabilities or {}).values())
        assert by_class == pytest.approx(window.prediction.abstract, abs=CPU_NOISE)
        likeliest = int(window.prediction.scene.argmax())
        assert decision.scene == tiny_models.LABELS[likeliest]
    assert {d.scene for d in live} == set(tiny_models.LABELS)


def test_every_frame_is_computed_once(classifier: Classifier, walk: Path) -> None:
    found = heard(classifier, FileSource(walk))
    audio = np.concatenate(found.audio)
    frames = np.concatenate(found.frames, axis=1)
    assert frames == pytest.approx(classifier.frontend.raw(audio), abs=1e-5)


def test_decisions_come_every_hop_whatever_the_rate(classifier: Classifier) -> None:
    """No drift: an hour at a rate that is no multiple of the model's."""
    rate_hz, n_s = 11025, 3600
    second = np.tile(tiny_models.tone("low", 1000), 12)[:rate_hz]
    found = heard(classifier, Played(*[Block(second, rate_hz)] * n_s), hop_s=0.512)
    hop = round(0.512 * classifier.frontend.frames_per_s)
    n_frames = classifier.frontend.n_frames(n_s * RATE_HZ)
    assert len(found.decisions) == 1 + (n_frames - classifier.window_frames) // hop
    assert found.decisions[-1].position_s <= n_s
    assert found.healths[-1].audio_s == n_s


def test_audio_behind_a_break_is_not_joined_to_what_was_before(classifier: Classifier) -> None:
    low, high = tiny_models.tone("low", 12400), tiny_models.tone("high", 12400)
    source = Played(Block(low, RATE_HZ), Block(high, RATE_HZ, joins=False))
    found = heard(classifier, source, smoothing=AS_THEY_COME)
    assert [d.scene for d in found.decisions] == ["low"] * 2 + ["high"] * 2
    assert [d.position_s for d in found.decisions] == pytest.approx(
        [1.0, 1.5, 2.55, 3.05], abs=0.02
    )


def test_a_microphone_may_come_back_at_another_rate(classifier: Classifier) -> None:
    high = np.sin(2 * np.pi * 2500 * np.arange(24800) / 16000).astype(np.float32) * 0.3
    source = Played(Block(tiny_models.tone("low", 12400), RATE_HZ), Block(high, 16000, joins=False))
    found = heard(classifier, source, smoothing=AS_THEY_COME)
    assert [d.scene for d in found.decisions] == ["low"] * 2 + ["high"] * 2
    assert found.healths[-1].sample_rate_hz == 16000
    assert found.healths[-1].audio_s == 3.1


def test_levels_are_those_of_the_audio_since_the_last_decision(classifier: Classifier) -> None:
    loud = np.full(RATE_HZ // 2, 0.5, np.float32)
    loud[::2] *= -1
    source = Played(*[Block(loud * gain, RATE_HZ) for gain in (1, 1, 0.1, 0.1, 0)])
    found = heard(classifier, source)
    assert found.decisions[1].level_dbfs == pytest.approx(dbfs(0.05), abs=0.5)
    levels = [h.level_dbfs for h in found.healths]
    assert min(levels) >= SILENCE_DBFS


def test_a_long_block_has_a_level_for_each_decision(classifier: Classifier) -> None:
    """A tone fades by 20 dB a second; levels are exact to a quarter of one."""
    fade = 10 ** -np.arange(0, 3, 1 / RATE_HZ)
    audio = tiny_models.tone("low", len(fade)) * fade.astype(np.float32)
    parts = np.split(audio, 60)
    whole, split = (
        [decision.level_dbfs for decision in heard(classifier, Played(*blocks)).decisions]
        for blocks in ([Block(audio, RATE_HZ)], [Block(part, RATE_HZ) for part in parts])
    )
    assert whole == pytest.approx(split, abs=0.25 * 20)
    assert whole[-1] < whole[0] - 30


class Time:
    """What stands for the module `time`; every look at it takes `look_s`."""

    UNIX_S, MONOTONIC_S = 1_700_000_000.0, 5000.0

    def __init__(self, look_s: float) -> None:
        self.look_s, self.passed_s = look_s, -look_s

    def monotonic(self) -> float:
        self.passed_s += self.look_s
        return self.MONOTONIC_S + self.passed_s

    def time(self) -> float:
        return self.UNIX_S - self.MONOTONIC_S + self.monotonic()

    perf_counter = monotonic


def test_a_clock_gives_latency_and_time(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_asc.demo.live.time", Time(look_s=0))
    age_s = 0.7
    end_s = Time.MONOTONIC_S - age_s
    found = heard(classifier, Played(Block(tiny_models.tone("low", 10000), RATE_HZ, end_s=end_s)))
    (decision,) = found.decisions
    since_window_s = 10000 / RATE_HZ - decision.position_s
    assert since_window_s > 0.1
    assert decision.latency_ms == pytest.approx(1000 * (age_s + since_window_s))
    assert Time.UNIX_S - decision.time_s == pytest.approx(age_s + since_window_s, abs=1e-6)


def test_a_file_is_dated_as_if_it_had_been_played_from_now(
    classifier: Classifier, walk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_asc.demo.live.time", Time(look_s=1))  # begins with the first look
    decisions = heard(classifier, FileSource(walk)).decisions
    assert len(decisions) == 12
    assert all(d.latency_ms is None for d in decisions)
    for decision in decisions:
        assert decision.time_s - Time.UNIX_S == pytest.approx(decision.position_s, abs=1e-6)


def test_too_little_audio_is_said(classifier: Classifier) -> None:
    found = heard(classifier, Played(Block(tiny_models.tone("low", 4000), RATE_HZ)))
    assert not found.decisions
    assert [n.text for n in found.told] == ["played: 0.5 s of audio, less than one window of 1 s"]


class Clock:
    """A clock that moves when somebody sleeps, or works."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def paced(path: Path) -> tuple[FileSource, Clock]:
    clock = Clock()
    return FileSource(path, realtime=True, clock=clock, sleep=clock.sleep), clock


def read_to_end(source: FileSource, work_s: float, clock: Clock) -> list[Block]:
    found = []
    while source.state != "ended":
        block = source.read(0.05)
        if block is not None:
            found.append(block)
            clock.sleep(work_s)
    return found


def test_a_paced_file_takes_its_time(walk: Path) -> None:
    source, clock = paced(walk)
    found = read_to_end(source, 0.001, clock)
    duration_s = sum(len(b.samples) for b in found) / 44100
    assert duration_s == pytest.approx(6.9, abs=1e-3)
    assert clock.now_s - 100 == pytest.approx(duration_s, abs=0.01)
    assert source.counts.dropped_s == 0


def test_a_reader_that_is_late_loses_the_oldest_and_is_told(tmp_path: Path) -> None:
    path = tiny_models.write_tone(tmp_path / "long.wav", "low", 30)
    source, clock = paced(path)
    found = read_to_end(source, 0.2, clock)  # twice as slow as the audio
    kept_s = sum(len(b.samples) for b in found) / RATE_HZ
    assert kept_s + source.counts.dropped_s == pytest.approx(30)
    # What is not dropped is what fits the time, and the lag that is allowed at the end.
    assert kept_s == pytest.approx(15 + MAX_LAG_S / 2, abs=0.5)
    ends = [b.end_s for b in found if b.end_s is not None]
    assert ends == sorted(ends)


def test_falling_behind_is_said_once_a_minute(classifier: Classifier) -> None:
    blocks = [Block(tiny_models.tone("low", 8000), RATE_HZ)] * 3
    source = Played(*blocks)
    source.counts.dropped_s = 2.5
    found = heard(classifier, source)
    assert [n.text for n in found.told] == ["falling behind: 2.5 s of audio dropped"]
    assert found.healths[-1].dropped_s == 2.5


# Smoothing

probabilities = st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(
    lambda p: np.array(p) / sum(p)
)
rules = st.builds(Smoothing, st.floats(0, 20), st.floats(0, 0.5), st.floats(0, 0.9))


@given(rules, st.lists(probabilities, min_size=1, max_size=30))
def test_smoothed_probabilities_stay_probabilities(
    rule: Smoothing, series: list[np.ndarray]
) -> None:
    smoother = Smoother(rule, 1.0)
    for scene in series:
        mean = smoother.update(Prediction(scene)).mean.scene
        assert mean.sum() == pytest.approx(1)
        low, high = np.min(series, axis=0), np.max(series, axis=0)
        assert (mean >= low - 1e-12).all()
        assert (mean <= high + 1e-12).all()


@given(rules, st.lists(probabilities, min_size=1, max_size=30))
def test_what_is_shown_obeys_floor_and_margin(rule: Smoothing, series: list[np.ndarray]) -> None:
    smoother, before = Smoother(rule, 1.0), None
    for scene in series:
        smoothed = smoother.update(Prediction(scene))
        mean, shown = smoothed.mean.scene, smoothed.shown
        if shown is None:
            assert before is None or scene[before] < rule.floor
            assert smoothed.confidence < rule.floor
        else:
            assert smoothed.confidence == scene[shown]
            held = max(scene[shown], mean[shown]) if shown == before else -1
            assert scene[shown] >= rule.floor or held >= rule.floor - rule.margin
            assert mean[shown] > mean.max() - max(rule.margin, 1e-12)
        if before is not None and shown not in (None, before):
            assert mean[shown] >= min(mean[before] + rule.margin, mean.max())
        before = shown


@pytest.mark.parametrize("time_constant_s", [0.0, 1.0, 3.0])
def test_a_scene_about_the_floor_keeps_its_name(time_constant_s: float) -> None:
    """Confidences that wander a little to both sides of the floor are one steady scene."""
    smoother = Smoother(Smoothing(time_constant_s, floor=0.8), 1.0)
    wander = 0.8 + 0.04 * np.sin(np.arange(60) * 1.7)
    shown = [smoother.update(Prediction(np.array([p, 1 - p]))).shown for p in wander]
    assert np.count_nonzero(np.diff([-1 if s is None else s for s in shown])) <= 1
    assert shown[-1] == 0


@pytest.mark.parametrize("time_constant_s", [0.0, 1.0, 3.0])
def test_a_window_that_reaches_the_floor_is_named_at_once(time_constant_s: float) -> None:
    """The mean lags behind after a change of scene; the floor is one of windows."""
    smoother = Smoother(Smoothing(time_constant_s, floor=0.9), 1.0)
    for _ in range(10):
        smoother.update(Prediction(np.array([0.45, 0.35, 0.2])))
    for _ in range(2):  # one for the lead, where means are slow
        smoothed = smoother.update(Prediction(np.array([0.01, 0.95, 0.04])))
    assert (smoothed.shown, smoothed.confidence) == (1, 0.95)
    assert smoother.update(Prediction(np.array([0.3, 0.5, 0.2]))).confidence == 0.5


def test_after_one_time_constant_63_percent_of_a_step_is_there() -> None:
    smoother = Smoother(Smoothing(time_constant_s=4.0), hop_s=0.5)
    smoother.update(Prediction(np.array([1.0, 0.0])))
    for _ in range(8):
        smoothed = smoother.update(Prediction(np.array([0.0, 1.0])))
    assert smoothed.mean.scene[1] == pytest.approx(1 - np.exp(-1))


def test_a_small_lead_does_not_change_what_is_shown() -> None:
    smoother = Smoother(Smoothing(time_constant_s=0, margin=0.2, floor=0), 1.0)
    shown = [
        smoother.update(Prediction(np.array([p, 1 - p]))).shown for p in (0.6, 0.45, 0.41, 0.39)
    ]
    assert shown == [0, 0, 0, 1]


@pytest.mark.parametrize("bad", [{"time_constant_s": -1}, {"margin": 1.0}, {"floor": float("nan")}])
def test_smoothing_refuses_nonsense(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Smoothing(**bad)


# Tallies and outputs


def test_the_level_of_a_sine() -> None:
    level = Level()
    sine = np.sin(2 * np.pi * np.arange(8000) / 80).astype(np.float32)
    level.add(sine[:3000])
    level.add(sine[3000:])
    rms, peak = level.take()
    assert (rms, peak) == pytest.approx((-3.0103, 0.0), abs=1e-3)
    assert level.take() == (SILENCE_DBFS, SILENCE_DBFS)


@pytest.mark.parametrize("offset", [0.004, -0.3])
def test_an_offset_is_no_sound(classifier: Classifier, offset: float) -> None:
    """A converter's offset keeps no gate open; the meter does not show it."""
    noise = 1e-3 * np.random.default_rng(0).standard_normal(4 * RATE_HZ)
    samples = (noise + offset).astype(np.float32)
    meter = Meter(RATE_HZ)
    meter.add(samples)
    meter.add(samples)
    assert meter.level_dbfs == pytest.approx(-60, abs=0.5)
    found = heard(classifier, Played(Block(samples, RATE_HZ)), gate_dbfs=-50).decisions
    assert len(found) > 2
    assert {d.scene for d in found} == {UNSURE}
    assert [d.level_dbfs for d in found] == pytest.approx([-60] * len(found), abs=1)


@pytest.mark.parametrize("hop_s", [0.016, 0.05, 0.1, 0.3])
def test_every_decision_has_a_level_however_short_the_hop(
    classifier: Classifier, hop_s: float
) -> None:
    samples = np.full(4 * RATE_HZ, 0.1, np.float32)
    samples[::2] *= -1
    for n in (100, 5000, len(samples)):  # of a block
        blocks = [Block(samples[i : i + n], RATE_HZ) for i in range(0, len(samples), n)]
        found = heard(classifier, Played(*blocks), hop_s).decisions
        assert found
        assert [d.level_dbfs for d in found] == pytest.approx([-20] * len(found), abs=0.1)


def test_a_source_that_carries_too_little_is_told_once_a_rate(classifier: Classifier) -> None:
    def said(rate_hz: int) -> list[str]:
        block = Block(np.zeros(rate_hz, np.float32), rate_hz)
        told = heard(classifier, Played(block, block, replace(block, joins=False))).told
        return [notice.text for notice in told if "Hz" in notice.text]

    assert said(RATE_HZ) == said(2 * RATE_HZ) == said(round(0.95 * RATE_HZ)) == []
    (text,) = said(RATE_HZ // 2)
    assert text.startswith(f"played: {RATE_HZ // 2} Hz carries sound up to {RATE_HZ / 4:g} Hz")


def test_load_is_work_over_audio_of_the_last_ticks() -> None:
    load = Load(span=2)
    for busy_s in (10.0, 0.1, 0.3):
        load.add(1.0, busy_s)
        factor = load.tick()
    assert factor == pytest.approx(0.2)


def test_what_an_output_has_to_say_is_heard_by_all(classifier: Classifier) -> None:
    class Full(Output):
        said = ("log.jsonl: no space left on device",)

        def notices(self) -> list[str]:
            told, self.said = list(self.said), ()
            return told

    found = Heard()
    source = Played(*[Block(tiny_models.tone("low"), RATE_HZ)] * 2)
    Live(source, classifier, Outputs([found, Full()])).run(lambda: False)
    assert [n.text for n in found.told] == ["log.jsonl: no space left on device"]


# The command


def test_json_lines(cli: Cli, model: Path, walk: Path) -> None:
    code, out, _ = cli("live", "--model", model, "--source", walk, "--json", "--hop", "0.5")
    lines = [json.loads(line) for line in out.splitlines()]
    decisions = [line for line in lines if line["event"] == "decision"]
    assert code == 0
    assert len(decisions) == 12
    assert decisions[0]["changed"] is True
    assert lines[-1]["event"] == "health"
    assert lines[-1]["decisions"] == 12


def test_plain_lines(cli: Cli, model: Path, walk: Path) -> None:
    code, out, err = cli("live", "--model", model, "--source", walk, "--plain", "--smooth", "0")
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()] == [
        *("low", "low", "middle", "middle", "middle", "high")
    ]
    assert "6 decisions" in err


def test_it_is_unsure_below_the_floor(cli: Cli, model: Path, walk: Path) -> None:
    _, out, _ = cli("live", "--model", model, "--source", walk, "--json", "--floor", "0.999999")
    scenes = {json.loads(line).get("scene") for line in out.splitlines()}
    assert UNSURE in scenes


def test_what_is_too_quiet_is_unsure(classifier: Classifier) -> None:
    """As long as anything in the window is loud enough it is named, and no longer."""
    second = [Block(tiny_models.tone("low", RATE_HZ) * gain, RATE_HZ) for gain in (1, 0.001)]
    blocks = [second[0]] * 3 + [second[1]] * 3 + [second[0]] * 2
    always, gated = (
        heard(classifier, Played(*blocks), 1.0, gate_dbfs=gate).decisions for gate in (None, -40)
    )
    hops = math.ceil(
        classifier.metadata.clip_s / FeatureWindows(classifier, 1.0).hop_s
    )  # of one window
    loud = [decision.level_dbfs >= -40 for decision in gated]
    assert [decision.scene != UNSURE for decision in gated] == [
        any(loud[max(0, i - hops + 1) : i + 1]) for i in range(len(loud))
    ]
    assert UNSURE in {decision.scene for decision in gated}
    assert UNSURE not in {decision.scene for decision in always}


@pytest.mark.parametrize("gate", ["3", "nan"])
def test_a_gate_is_below_full_scale(cli: Cli, model: Path, walk: Path, gate: str) -> None:
    code, out, err = cli("live", "--model", model, "--source", walk, "--gate", gate)
    assert (code, out) == (2, "") and "gate" in err and err.count("\n") == 1


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "nowhere.wav"], "nowhere.wav: no such file"),
        (["--source", "x.wav", "--hop", "0"], "hop 0.0 s must be above 0 s"),
        (["--source", "x.wav", "--floor", "2"], "floor 2.0 must be from 0 to below 1"),
        (["--source", "x.wav", "--web", "0.0.0.0"], "web address '0.0.0.0': give HOST:PORT"),
        (["--source", "x.wav", "--metrics", "http"], "metrics address 'http'"),
        (["--source", "x.wav", "--mqtt", "broker"], "mqtt"),
        (["--source", "x.wav", "--log", "x.txt", "--install-service"], "x.txt"),
        (["--source", "x.wav", "--raw", "fast"], "is not RATE[:CHANNELS[:CODING]]"),
        (["--source", "x.wav", "--plain", "--json"], "exclude each other"),
    ],
)
def test_errors_are_one_line(
    cli: Cli,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_models.write_tone(tmp_path / "x.wav", "low")
    code, out, err = cli("live", "--model", model, *arguments)
    assert code in (1, 2)
    assert not out
    assert said.lower() in " ".join(err.replace("│", " ").split()).lower()
    assert "Traceback" not in err


def started(*arguments: object, **kwargs: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "edge_asc", "live", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **kwargs)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_everything_flushed(
    model: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """What it has heard by then counts, not how long its process takes to end."""
    long = tiny_models.write_tone(tmp_path / "long.wav", "low", 2 * PATIENCE_S)
    process = started("--model", model, "--source", long, "--realtime", "--json", "--hop", "0.2")
    assert process.stdout
    first = json.loads(process.stdout.readline())
    process.send_signal(number)
    sent_s = time.time()
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    last = json.loads(out.splitlines()[-1])
    assert last["event"] == "health"
    played_s = sent_s - (first["time_s"] - first["position_s"])  # when the signal was sent
    assert last["audio_s"] <= played_s + READ_TIMEOUT_S + BLOCK_S
    assert "Traceback" not in err


def test_a_reader_that_leaves_ends_it_quietly(model: Path, walk: Path) -> None:
    process = started("--model", model, "--source", walk, "--json", "--hop", "0.01")
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=PATIENCE_S) == 1
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    process.stdin.close()  # type: ignore[union-attr]


def test_web_takes_an_address_or_none() -> None:
    from edge_asc.cli.app import with_value

    assert with_value(["live", "--web"], "--web", "A") == ["live", "--web", "A"]
    assert with_value(["--web", "--json"], "--web", "A") == ["--web", "A", "--json"]
    assert with_value(["--web", "80"], "--web", "A") == ["--web", "80"]
    assert with_value(["live"], "--web", "A") == ["live"]
