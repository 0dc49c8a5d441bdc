"""`edge-asc bench`: figures that agree with each other, as text and as JSON."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.demo.bench import bench
from edge_asc.demo.bench import live as bench_live
from edge_asc.demo.bench import process as bench_process
from edge_asc.demo.bench.process import MAX_STRETCH, MIN_RUNS, WARM_UP_RUNS, Timing, repeat, timing
from edge_asc.demo.bench.report import (
    NOISY,
    ROOM,
    LiveResult,
    Report,
    RuntimeResult,
    as_dict,
    rating,
    real_time_factor,
    text,
)
from tiny_models import FRONTEND, write_model

milliseconds = st.floats(0.001, 5000)


def steady(median_ms: float, spread: float = 0.01) -> Timing:
    return Timing(n=100, median_ms=median_ms, p99_ms=1.5 * median_ms, spread=spread)


def result(front_end: Timing, window: Timing, runtime: str = "litert") -> RuntimeResult:
    return RuntimeResult(
        runtime=runtime,
        version="2.3.0",
        threads=1,
        window=window,
        rss_bytes=66_400_000,
        real_time_factor=real_time_factor(front_end, window),
    )


def report(
    front_end_ms: float = 0.88, window_ms: float = 1.61, spread: float = 0.01, **fields: object
) -> Report:
    front_end = steady(front_end_ms)
    live = LiveResult(
        runtime="litert", first_decision_s=0.18, cpu_share=0.0163, rss_bytes=64_100_000
    )
    given_fields = {
        "file": "model.tflite",
        "model": "compact-int8",
        "precision": "int8",
        "file_bytes": 123_744,
        "window_s": 5.0,
        "hop_s": 1.0,
        "board": "Raspberry Pi 4 Model B Rev 1.5",
        "cpus": 4,
        "front_end": front_end,
        "results": [result(front_end, steady(window_ms, spread))],
        "live": [live],
        "problems": ["tflite: not installed (pip install tflite-runtime)"],
        "temperature_c": (48.3, 55.0),
        "throttled": [],
    }
    return Report(**{**given_fields, **fields})  # type: ignore[arg-type]


@given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=300))
def test_median_and_p99_are_in_order(taken_s: list[float]) -> None:
    found = timing(taken_s)
    assert found.n == len(taken_s)
    assert min(taken_s) * 1000 <= found.median_ms * (1 + 1e-9)
    assert found.median_ms <= found.p99_ms * (1 + 1e-9)
    assert found.p99_ms <= max(taken_s) * 1000 * (1 + 1e-9)
    assert np.mean(np.array(taken_s) * 1000 <= found.p99_ms * (1 + 1e-9)) >= 0.99
    assert found.spread >= 0


def test_the_spread_tells_a_disturbed_run() -> None:
    assert timing([0.001] * 100).spread == 0
    disturbed = [0.001] * 80 + [0.002] * 20  # another program began
    assert timing(disturbed).spread == pytest.approx(1.0)


@pytest.mark.parametrize("run_s", [0.001, 0.02, 0.5])
def test_runs_are_enough_and_do_not_take_for_ever(run_s: float) -> None:
    now_s, n_runs = 0.0, 0

    def run() -> None:
        nonlocal now_s, n_runs
        now_s += run_s * (50 if n_runs < WARM_UP_RUNS else 1)  # the first ones are slow
        n_runs += 1

    taken_s = repeat(run, 1.0, clock=lambda: now_s)
    assert taken_s == pytest.approx([run_s] * len(taken_s))  # without the warm-up
    assert sum(taken_s) >= 1.0 - run_s
    assert len(taken_s) >= min(MIN_RUNS, MAX_STRETCH / run_s)
    assert sum(taken_s) <= max(1.0, min(MIN_RUNS * run_s, MAX_STRETCH)) + run_s


@given(milliseconds, milliseconds, st.floats(0.1, 60))
def test_the_real_time_factor_is_work_per_hop(
    front_end_ms: float, window_ms: float, hop_s: float
) -> None:
    factor = real_time_factor(steady(front_end_ms), steady(window_ms), hop_s)
    assert factor == pytest.approx((front_end_ms * hop_s + window_ms) / 1000 / hop_s)


@given(milliseconds, milliseconds)
def test_the_rating_is_right_and_its_advice_helps(front_end_ms: float, window_ms: float) -> None:
    said, factor = rating(report(front_end_ms, window_ms)), (front_end_ms + window_ms) / 1000
    if factor <= ROOM:
        times = float(re.search(r"keeps up ([\d.]+) times over", said)[1])  # type: ignore[index]
        assert times == pytest.approx(1 / factor, rel=0.06)
    elif factor < 1:
        assert "keeps up with nothing to spare" in said
    else:
        assert "does not keep up" in said
    if advised := re.search(r"--hop ([\d.e+]+)", said):
        front_end, window = steady(front_end_ms), steady(window_ms)
        assert real_time_factor(front_end, window, float(advised[1])) <= ROOM + 1e-6
        assert "keeps up" not in said or factor < 1
    assert ("front end alone" in said) == (front_end_ms >= 1000 * ROOM and factor > ROOM)


def test_text_and_json_are_the_same_figures() -> None:
    shown, found = text(report()), json.loads(json.dumps(as_dict(report())))
    (row,) = (line.split() for line in shown.splitlines() if line.startswith("litert 2.3.0"))
    (measured,) = found["results"]
    assert row == [
        *(measured["runtime"], measured["version"], str(measured["threads"])),
        f"{measured['window']['median_ms']:.2f}",
        f"{measured['window']['p99_ms']:.2f}",
        f"{measured['rss_bytes'] / 1e6:.1f}",
        f"{measured['real_time_factor']:.4f}",
    ]
    assert f"{found['front_end']['median_ms']:.2f} ms per second of audio" in shown
    assert f"{found['file_bytes']:,} bytes" in shown
    assert found["board"] in shown
    (live,) = found["live"]
    assert f"first decision {live['first_decision_s']:.2f} s after" in shown
    assert f"{100 * live['cpu_share']:.1f} % of one core" in shown
    assert f"not measured: {found['problems'][0]}" in shown
    assert "temperature: 48 °C before, 55 °C after" in shown
    assert shown.endswith(found["rating"])


def test_what_spoils_figures_is_said() -> None:
    assert "disturb" not in text(report(spread=NOISY))
    assert "differ by up to 20 %: other programs disturb" in text(report(spread=0.2))
    assert "throttled" not in text(report())
    hot = report(throttled=["under-voltage", "throttled"])
    assert "throttled: under-voltage, throttled: the machine can be faster" in text(hot)
    assert "temperature" not in text(report(temperature_c=(None, None)))


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_a_model_is_measured_in_processes_of_its_own(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_live, "STARTS", 1)
    monkeypatch.setattr(bench_live, "PACED_S", 0.5)
    path = write_model(tmp_path / f"model.{suffix}")
    parts: list[str] = []
    found = bench.measure(path, seconds=0.05, threads=2, on_part=parts.append)
    runtime = {"tflite": "litert", "onnx": "onnxruntime"}[suffix]
    assert [(r.runtime, r.threads) for r in found.results] == [(runtime, 1), (runtime, 2)]
    assert parts == [
        *("front end", f"{runtime}, threads: 1", f"{runtime}, threads: 2"),
        f"edge-asc live with {runtime}",
    ]
    for measured in found.results:
        assert measured.window.n >= 2
        assert 0 < measured.window.median_ms <= measured.window.p99_ms
        assert measured.rss_bytes > 20e6
        assert measured.real_time_factor == pytest.approx(
            (found.front_end.median_ms + measured.window.median_ms / found.hop_s) / 1000
        )
    (live,) = found.live
    assert live.runtime == runtime
    assert live.first_decision_s > 0
    assert 0 <= live.cpu_share < 2
    assert live.rss_bytes > 20e6
    assert (found.file_bytes, found.window_s) == (path.stat().st_size, 1.0)


def test_the_front_end_is_fed_as_a_microphone_feeds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[int] = []
    real = bench_process.FeatureStream.feed

    def feed(stream: bench_process.FeatureStream, block: np.ndarray) -> np.ndarray:
        fed.append(len(block))
        return real(stream, block)

    monkeypatch.setattr(bench_process.FeatureStream, "feed", feed)
    run = bench_process.front_end(write_model(tmp_path / "model.tflite"), 0.01)
    assert set(fed) == {FRONTEND.sample_rate_hz // 10}
    assert len(fed) == 10 * (run.timing.n + WARM_UP_RUNS)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_an_illegal_time_is_an_error(seconds: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be above 0 s"):
        bench.measure(tmp_path / "model.tflite", seconds)


def test_what_is_no_model_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="neither a TFLite nor an ONNX model"):
        bench.measure(tmp_path / "model.tflite", 0.1)
    with pytest.raises(FileNotFoundError):
        bench.measure(tmp_path / "none.tflite", 0.1)


def test_a_runtime_that_crashes_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_model(tmp_path / "model.onnx")
    broken = tmp_path / "site" / "onnxruntime"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    with pytest.raises(ValueError, match=r"model\.onnx: onnxruntime: crashes: SIGABRT"):
        bench.measure(path, 0.05, threads=1)
