"""The same numbers in every runtime, in integers done right, and one line for what goes wrong."""

import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.runtime.classifier import (
    RUNTIMES,
    Classifier,
    Runtime,
    choose_runtime,
    softmax,
)
from edge_asc.runtime.sessions import dequantize, quantize
from tiny_models import (
    ABSTRACT_LABELS,
    FRONTEND,
    INPUT_GRID,
    LABELS,
    OUTPUT_GRID,
    abstract_head,
    scene_head,
    tone,
    write_model,
)

FLOAT_TOLERANCE = 1e-4  # of logits around 5: summation order over at most 300 frames


def suffix(runtime: str) -> str:
    return f".{RUNTIMES[runtime].format}"


def features(n_frames: int = 30, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-10, 2, (FRONTEND.n_mels, n_frames)).astype(np.float32)


def expected(x: np.ndarray, head: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    weights, bias = head
    return weights @ x.mean(1) + bias


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    problem = RUNTIMES[request.param].problem
    if problem:
        pytest.skip(f"{request.param}: {problem}")
    return request.param


def test_at_least_one_runtime_is_here() -> None:
    usable = [runtime for runtime in RUNTIMES.values() if runtime.problem is None]
    assert usable and all(runtime.version for runtime in usable)


def test_float_logits_are_those_of_numpy(runtime: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / f"m{suffix(runtime)}", abstract_labels=list(ABSTRACT_LABELS))
    classifier = Classifier.load(path, runtime)
    for n_frames in (30, 1, 300, 30):  # the length may change from call to call
        x = features(n_frames)
        scene, abstract = classifier.logits(x)
        assert scene.dtype == np.float32
        np.testing.assert_allclose(scene, expected(x, scene_head()), atol=FLOAT_TOLERANCE)
        np.testing.assert_allclose(abstract, expected(x, abstract_head()), atol=FLOAT_TOLERANCE)


def test_predictions_are_probabilities_of_the_right_scene(runtime: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / f"m{suffix(runtime)}", abstract_labels=list(ABSTRACT_LABELS))
    classifier = Classifier.load(path, runtime)
    for index, label in enumerate(LABELS):
        prediction = classifier.predict(classifier.frontend.features(tone(label, seed=3)))
        assert prediction.scene.argmax() == index
        assert prediction.scene.sum() == pytest.approx(1)
        assert prediction.abstract is not None
        assert ABSTRACT_LABELS[prediction.abstract.argmax()] == ("bright" if index == 2 else "dark")


@pytest.mark.parametrize("runtime_name", ["litert", "tflite"])
def test_int8_logits_follow_the_grids(runtime_name: str, tmp_path: Path) -> None:
    if RUNTIMES[runtime_name].problem:
        pytest.skip(RUNTIMES[runtime_name].problem)
    path = write_model(tmp_path / "m.tflite", precision="int8")
    classifier = Classifier.load(path, runtime_name)
    for seed in range(10):
        x = features(seed=seed)
        (scene,) = classifier.logits(x)
        on_grid = dequantize(quantize(x, *INPUT_GRID, np.int8), *INPUT_GRID)
        # One step of the output, and what one step of the mean's rounding does to the logits.
        weights, _ = scene_head()
        tolerance = OUTPUT_GRID[0] + 0.1 * np.abs(weights).sum(1).max()
        np.testing.assert_allclose(scene, expected(on_grid, scene_head()), atol=tolerance)
        steps = scene / OUTPUT_GRID[0]
        np.testing.assert_array_equal(steps, np.rint(steps))


def test_int8_answers_saturate_and_never_wrap(tmp_path: Path) -> None:
    classifier = Classifier.load(write_model(tmp_path / "m.tflite", precision="int8"))
    inside, beyond = (np.full((FRONTEND.n_mels, 30), v, np.float32) for v in (10.0, 1e6))
    np.testing.assert_array_equal(classifier.logits(beyond)[0], classifier.logits(inside)[0])


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 10), st.integers(-128, 127))
def test_quantising_finds_the_nearest_step_or_the_end(
    value: float, scale: float, zero: int
) -> None:
    scale = float(np.float32(scale))
    found = quantize(np.array([value], np.float32), scale, zero, np.int8)
    grid = (np.arange(-128, 128) - zero) * scale
    nearest = np.abs(grid - np.float32(value)).min()
    error = abs(float(dequantize(found, scale, zero)[0]) - np.float32(value))
    assert error <= nearest * (1 + 1e-5) + 1e-6 * scale + 1e-6 * abs(value)


def test_softmax_survives_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([1e4, 1e4, -1e4])), [0.5, 0.5, 0])


def test_the_runtime_that_runs_is_told(tmp_path: Path, runtime: str) -> None:
    path = write_model(tmp_path / f"m{suffix(runtime)}")
    classifier = Classifier.load(path, runtime)
    assert classifier.runtime == runtime
    assert f"on {runtime} {RUNTIMES[runtime].version}" in classifier.description
    assert f"{path.stat().st_size:,} bytes" in classifier.description


def test_an_id_tells_files_apart_and_not_their_places(tmp_path: Path) -> None:
    one, other = write_model(tmp_path / "a.tflite"), write_model(tmp_path / "b.tflite", clip_s=2.0)
    before = Classifier.load(one).id
    assert before == f"tiny-{sha256(one.read_bytes()).hexdigest()[:8]}"
    assert Classifier.load(one.rename(tmp_path / "c.tflite")).id == before
    assert Classifier.load(other).id != before


def test_the_format_is_told_by_the_bytes(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.tflite").rename(tmp_path / "model.bin")
    assert Classifier.load(path).runtime in ("litert", "tflite")


def test_a_fixed_length_file_refuses_other_lengths(runtime: str, tmp_path: Path) -> None:
    seconds = 19 * FRONTEND.hop_length / FRONTEND.sample_rate_hz  # of 20 frames
    path = write_model(tmp_path / f"m{suffix(runtime)}", fixed_frames=20, clip_s=seconds)
    classifier = Classifier.load(path, runtime)
    classifier.logits(features(20))
    with pytest.raises(ValueError, match="21 frames"):
        classifier.logits(features(21))
    x = features(20)  # and goes on afterwards
    np.testing.assert_allclose(
        classifier.logits(x)[0], expected(x, scene_head()), atol=FLOAT_TOLERANCE
    )


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((11, 5), np.float32), r"\[11, 5\].*\[12, frames\]"),
        (np.zeros((12, 0), np.float32), r"\[12, 0\]"),
        (np.full((12, 5), np.nan, np.float32), "NaN"),
        (np.full((12, 5), np.inf, np.float32), "Inf"),
    ],
)
def test_features_that_no_model_may_see(bad: np.ndarray, message: str, tmp_path: Path) -> None:
    classifier = Classifier.load(write_model(tmp_path / "m.tflite"))
    with pytest.raises(ValueError, match=message):
        classifier.logits(bad)


def test_a_metadata_that_does_not_fit_the_outputs(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.tflite", labels=["one", "two"])
    classifier = Classifier.load(path)
    with pytest.raises(ValueError, match=r"output 'scene' is of shape \[3\], its labels say \[2\]"):
        classifier.logits(features())


def test_damaged_and_foreign_files_are_one_line(tmp_path: Path) -> None:
    whole = write_model(tmp_path / "whole.tflite").read_bytes()
    for name, content in {
        "text.tflite": b"hello, this is no model",
        "empty.tflite": b"",
        "half.tflite": whole[: len(whole) // 2],
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name) as caught:
            Classifier.load(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(OSError, match=r"none\.tflite"):
        Classifier.load(tmp_path / "none.tflite")


def test_a_runtime_of_the_wrong_kind(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.tflite")
    with pytest.raises(ValueError, match=r"m\.tflite: onnxruntime does not run \.tflite files"):
        Classifier.load(path, "onnxruntime")
    with pytest.raises(ValueError, match="'tensorrt' is not one of litert, tflite, onnxruntime"):
        Classifier.load(path, "tensorrt")


def test_tflite_runtime_under_numpy_2_is_refused_before_it_crashes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The package's import succeeds there, and its first Interpreter() dies in a SystemError.
    monkeypatch.setattr(Runtime, "installed", True)
    monkeypatch.setattr(np, "__version__", "2.1.0")
    with pytest.raises(ValueError, match=r"tflite: needs numpy < 2, found numpy 2\.1\.0"):
        choose_runtime("tflite", "tflite")
    monkeypatch.setattr(np, "__version__", "1.26.4")
    assert choose_runtime("tflite", "tflite") == "tflite"


def test_an_installed_runtime_that_is_broken_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "m.tflite")
    broken = ModuleType("ai_edge_litert.interpreter")
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", broken)
    with pytest.raises(ValueError, match=r"m\.tflite: .*'Interpreter'"):
        Classifier.load(path)


def test_without_any_runtime_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Runtime, "installed", False)
    with pytest.raises(ValueError, match="pip install ai-edge-litert"):
        choose_runtime("tflite")
    with pytest.raises(ValueError, match="pip install onnxruntime"):
        choose_runtime("onnx")
    assert all(runtime.problem for runtime in RUNTIMES.values())
