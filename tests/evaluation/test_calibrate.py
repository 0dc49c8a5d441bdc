"""Temperatures, thresholds, and files that carry them."""

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command import Cli
from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.rules import RULES, OverBudget, Rule
from edge_asc.config.schema import Config, DataConfig, ModelConfig, load_preset
from edge_asc.data.dataset import split_validation
from edge_asc.data.open import open_dataset
from edge_asc.evaluation import confidence as temperature
from edge_asc.evaluation import metrics
from edge_asc.evaluation.calibrate import calibrate, store
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.export.preset_budget import preset_files
from edge_asc.files import write_json
from edge_asc.runtime.classifier import Classifier, softmax
from edge_asc.runtime.formats.rewrite import ALIGNMENT_BYTES, with_metadata
from edge_asc.runtime.metadata import (
    METADATA_KEY,
    Calibration,
    entries_of,
    metadata_from_json,
    metadata_to_json,
    read_entries,
    read_metadata,
)
from edge_asc.training.run_folder import Run
from metadata_files import METADATA, WRITERS
from tiny_models import (
    ABSTRACT_LABELS,
    ABSTRACT_OF,
    CLIP_S,
    FRONTEND,
    LABELS,
    metadata,
    tone,
    write_model,
)
from tiny_models import write_tone as write

FORMATS = ("tflite", "onnx")
# The best temperature is flat at its foot: two searches meet to about the root of float's digits.
TEMPERATURE_TOLERANCE = 1e-3
WRONG_OF = 4  # every fourth clip of the tones has another scene's label


def drawn(true_temperature: float, n: int = 4000, n_scenes: int = 5, windows: int = 1):
    """Logits `[N, W, S]` that are too sure by a known factor, and labels drawn as they deserve."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (n, 1, n_scenes))
    p = softmax(logits[:, 0])
    truth = np.array([rng.choice(n_scenes, p=row) for row in p])
    return np.repeat(true_temperature * logits, windows, axis=1), truth


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("windows", [1, 3])
def test_the_temperature_is_the_factor_by_which_logits_are_too_large(
    factor: float, windows: int
) -> None:
    logits, truth = drawn(factor, windows=windows)
    found = temperature.fit_temperature(logits, truth)
    assert found == pytest.approx(factor, rel=0.06)  # 4000 labels were drawn
    before, after = (temperature.mean_probabilities(logits, t) for t in (1.0, found))
    assert metrics.log_loss(after, truth) <= metrics.log_loss(before, truth)
    if factor != 1:
        errors = [metrics.calibration_error(p, truth) for p in (before, after)]
        assert errors[1] < errors[0] / 2


def test_no_other_temperature_has_less_log_loss() -> None:
    logits, truth = drawn(2.0, n=150)
    found = temperature.fit_temperature(logits, truth)
    tried = np.geomspace(0.1, 10, 3000)
    losses = [metrics.log_loss(temperature.mean_probabilities(logits, t), truth) for t in tried]
    assert found == pytest.approx(tried[int(np.argmin(losses))], rel=2 * TEMPERATURE_TOLERANCE)


def test_clips_that_are_all_right_do_not_make_it_surer() -> None:
    assert temperature.fit_temperature(np.eye(3)[:, None], np.arange(3)) == 1.0


@settings(max_examples=50)
@given(st.integers(1, 200), st.integers(2, 12), st.integers(0, 1000))
def test_coverage_ends_with_all_clips(n: int, n_scenes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, truth = rng.dirichlet(np.full(n_scenes, 0.4), n), rng.integers(0, n_scenes, n)
    curve = temperature.coverage(p, truth)
    assert curve[-1]["coverage"] == 1
    assert curve[-1]["accuracy"] == pytest.approx(np.mean(p.argmax(1) == truth))
    thresholds = [row["threshold"] for row in curve]
    assert thresholds == sorted(thresholds, reverse=True)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(34, 100), st.booleans()), min_size=1, max_size=30),
    st.sampled_from([0.5, 0.8, 0.95, 1.0]),
)
def test_no_smaller_threshold_keeps_the_promise(
    clips: list[tuple[int, bool]], target: float
) -> None:
    confidence = np.array([c for c, _ in clips]) / 100
    right = np.array([r for _, r in clips])
    p = np.column_stack([confidence, *[(1 - confidence) / 2] * 2])
    truth = np.where(right, 0, 1)
    found = temperature.choose_threshold(p, truth, target)
    good = [c for c in {0.0, *confidence} if right[confidence >= c].mean() >= target]
    expected = min(good, default=None)
    assert found == (None if expected == 1 else expected)


@given(st.integers(0, 1000), st.floats(0.05, 20))
def test_the_ranking_of_a_window_is_the_same_at_every_temperature(seed: int, t: float) -> None:
    logits = np.random.default_rng(seed).integers(-128, 128, 10) * 0.2
    plain, scaled = softmax(logits), softmax(logits, t)
    order = np.argsort(-logits, kind="stable")
    assert (np.diff(scaled[order]) <= 0).all()
    assert scaled.argmax() == plain.argmax()


FOUND = Calibration(temperature=2.5, abstract_temperature=0.5, threshold=0.6, clips=9)


@pytest.mark.parametrize(
    ("suffix", "precision"), [("tflite", "float32"), ("tflite", "int8"), ("onnx", "float32")]
)
def test_a_file_keeps_its_network_and_its_ranking(
    suffix: str, precision: str, tmp_path: Path
) -> None:
    labels = list(ABSTRACT_LABELS)
    path = write_model(tmp_path / f"m.{suffix}", abstract_labels=labels, precision=precision)
    plain = Classifier.load(path)
    for n in (FOUND, msgspec.structs.replace(FOUND, how="x" * 1000), FOUND):
        store(path, n, path)
        assert read_metadata(path).calibration == n
    scaled = Classifier.load(path)
    features = FRONTEND.features(tone("middle"))
    assert [a.tolist() for a in scaled.logits(features)] == [
        a.tolist() for a in plain.logits(features)
    ]
    before, after = plain.predict(features), scaled.predict(features)
    assert np.argsort(-before.scene).tolist() == np.argsort(-after.scene).tolist()
    assert after.scene == pytest.approx(softmax(plain.logits(features)[0] / 2.5))
    assert after.abstract == pytest.approx(softmax(plain.logits(features)[1] / 0.5))
    assert (plain.threshold, scaled.threshold) == (None, 0.6)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_metadata_is_replaced_not_added(suffix: str, tmp_path: Path) -> None:
    """Once it lies at the end, a file's length follows its metadata."""
    path = write_model(tmp_path / f"m.{suffix}")
    short, long = metadata(name="a"), metadata(name="a" * 500)
    once = with_metadata(path.read_bytes(), short)
    assert with_metadata(with_metadata(once, long), short) == once
    assert abs(len(with_metadata(once, long)) - len(once) - 499) < 16
    path.write_bytes(with_metadata(once, long))
    assert list(read_entries(path)) == ["edge_asc"]
    assert read_metadata(path) == long
    Classifier.load(path).predict(FRONTEND.features(tone("low")))


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_exported_file_grows_by_its_metadata_alone(suffix: str) -> None:
    data = preset_files(load_preset("nano"), "int8")[suffix]
    old = metadata_from_json(entries_of(data)["edge_asc"])
    new = msgspec.structs.replace(old, calibration=FOUND)
    grown = len(with_metadata(data, new)) - len(data)
    assert grown <= len(metadata_to_json(new)) - len(metadata_to_json(old)) + ALIGNMENT_BYTES


def test_other_metadata_stays(tmp_path: Path) -> None:
    for writer in WRITERS.values():
        data = writer({METADATA_KEY: metadata_to_json(METADATA), "min_runtime": b"1.5"})
        path = tmp_path / "m"
        path.write_bytes(with_metadata(data, metadata()))
        assert read_entries(path)["min_runtime"] == b"1.5"
        assert read_metadata(path) == metadata()


def test_a_metadata_without_calibration_is_as_it_was() -> None:
    assert b"calibration" not in metadata_to_json(metadata())
    assert metadata_from_json(metadata_to_json(metadata())).calibration is None
    kept = metadata(calibration=FOUND)
    assert metadata_from_json(metadata_to_json(kept)) == kept


@pytest.mark.parametrize("values", [{"temperature": 0}, {"threshold": 1}, {"temperature": -1}])
def test_an_illegal_calibration_is_one_line(values: dict[str, float]) -> None:
    data = json.loads(metadata_to_json(metadata())) | {"calibration": values}
    with pytest.raises(ValueError, match="metadata with") as caught:
        metadata_from_json(json.dumps(data).encode())
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folds of tones, a quarter of them with a wrong label."""
    root = tmp_path_factory.mktemp("tones")
    rows = ["path,label,fold,abstract,group"]
    for i in range(24):
        heard, fold = LABELS[i % 3], 1 + i % 2
        label = LABELS[(i + 1) % 3] if i % WRONG_OF == 0 or i == 1 else heard
        write(root / f"{i}.wav", heard, seed=i)
        rows.append(f"{i}.wav,{label},{fold},{ABSTRACT_OF[label]},{i}")
    (root / "meta.csv").write_text("\n".join(rows))
    return root


def model_of(folder: Path, data: Path, fold: int | None, name: str = "m.tflite") -> Path:
    made = {"dataset": data.name, "fold": fold, "seed": 0}
    labels = list(ABSTRACT_LABELS)
    return write_model(folder / name, abstract_labels=labels, provenance=made, precision="int8")


def test_it_is_fitted_on_the_fold_that_was_held_out(data: Path, tmp_path: Path) -> None:
    path = model_of(tmp_path, data, 2)
    result = calibrate(path, data)
    assert (result["folds"], result["clips"]) == ([2], 12)
    found = read_metadata(path).calibration
    assert found is not None and found.temperature > 1  # it is sure and sometimes wrong
    assert found.abstract_temperature != 1
    assert result["log_loss"][1] < result["log_loss"][0]
    figures = evaluate(path, data).figures
    assert figures["log_loss"] == pytest.approx(result["log_loss"][1], abs=1e-4)
    assert figures["calibration_error"] == pytest.approx(result["calibration_error"][1], abs=1e-3)
    assert any("were fitted on fold 2" in line for line in figures["warnings"])
    assert figures["temperature"] == found.temperature


@pytest.mark.parametrize(
    ("held_out", "fold", "complaint"),
    [(1, 2, "trained on fold 2"), (None, 1, "trained on all of"), (None, None, "with --from")],
)
def test_clips_of_the_training_are_refused(
    held_out: int | None, fold: int | None, complaint: str, data: Path, tmp_path: Path
) -> None:
    path = model_of(tmp_path, data, held_out)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=complaint):
        calibrate(path, data, fold=fold)
    assert path.read_bytes() == before


def test_a_file_of_all_folds_takes_the_answers_of_the_folds_own_files(
    data: Path, tmp_path: Path
) -> None:
    files = [model_of(tmp_path, data, fold, f"{fold}.tflite") for fold in (1, 2)]
    path = model_of(tmp_path, data, None, "all.tflite")
    result = calibrate(path, data, others=files)
    assert (result["clips"], result["folds"]) == (24, [1, 2])
    assert "not trained on its fold" in result["how"]
    assert all(read_metadata(file).calibration is None for file in files)
    with pytest.raises(ValueError, match="same fold"):
        calibrate(path, data, others=[files[0], files[0]])
    other = write_model(tmp_path / "float.tflite", provenance=read_metadata(files[0]).provenance)
    with pytest.raises(ValueError, match="other labels"):
        calibrate(path, data, others=[other])


def run_folder(folder: Path, data: Path, val_fraction: float) -> Path:
    """A run that held fold 2 out, as far as its description goes."""
    config = Config(
        "tiny", FRONTEND.to_dict(), ModelConfig("tiny"), DataConfig(val_fraction=val_fraction)
    )
    described = Run(
        config=config.to_dict(),
        dataset=data.name,
        data=str(data),
        fold=2,
        seed=0,
        labels=list(LABELS),
        abstract_labels=list(ABSTRACT_LABELS),
        frontend=FRONTEND.to_dict(),
        clip_s=1.0,
        n_frames=FRONTEND.n_frames(8000),
        provenance={},
    )
    write_json(folder / "run.json", described)
    return folder


def test_the_validation_clips_of_its_run(data: Path, tmp_path: Path) -> None:
    path = model_of(tmp_path, data, 2)
    result = calibrate(path, data, run=run_folder(tmp_path / "run", data, 0.4))
    train, _ = open_dataset(data).split(2)
    _, expected = split_validation(train, 0.4, 0)
    assert (result["clips"], result["folds"]) == (len(expected), [1])
    with pytest.raises(ValueError, match="without validation"):
        calibrate(path, data, run=run_folder(tmp_path / "all", data, 0.0))
    other = model_of(tmp_path, data, 1, "other.tflite")
    with pytest.raises(ValueError, match="not of"):
        calibrate(other, data, run=tmp_path / "run")


def test_a_file_that_would_be_over_its_rule_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {"rule": "edge-128k", "enforced": True}
    path = write_model(tmp_path / "m.tflite", budget=rule)
    before = path.read_bytes()
    limit = RULES["edge-128k"].limits[0]
    tight = replace(limit, most=len(before) + 16)
    monkeypatch.setitem(RULES, "edge-128k", Rule("tight", (tight,), ""))
    with pytest.raises(OverBudget, match="tight"):
        store(path, FOUND, path)
    assert path.read_bytes() == before
    assert inventory_of_file(path).file_bytes == len(before)
    assert [p.name for p in tmp_path.iterdir()] == ["m.tflite"]


def test_unknown_sounds_leave_out_what_the_model_knows(
    data: Path, tmp_path: Path, cli: Cli
) -> None:
    for label in ("low", "whistle"):
        for i in range(3):
            write(tmp_path / "others" / label / f"{i}.wav", "middle", seed=i)
    path, picture = model_of(tmp_path, data, 1), tmp_path / "curve.png"
    calibrate(path, data)
    arguments = ["--unknown", str(tmp_path / "others"), "--curve", str(picture), "--json"]
    code, out, _ = cli("evaluate", str(path), "--data", str(data), *arguments)
    assert code == 0
    figures = json.loads(out)
    found = figures["unknown"]
    assert (found["clips"], found["left_out"]) == (3, ["low"])
    assert found["sure"]["after"] <= found["sure"]["before"]
    assert found["mean_confidence"]["after"] < found["mean_confidence"]["before"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    loose = tmp_path / "loose"
    write(loose / "a.wav", "high")
    _, out, _ = cli("evaluate", str(path), "--data", str(data), "--unknown", str(loose))
    assert "1 clips of loose" in out


def test_classify_is_unsure_below_the_threshold(data: Path, tmp_path: Path, cli: Cli) -> None:
    path = model_of(tmp_path, data, 1)
    clip = str(write(tmp_path / "clip.wav", "middle"))
    store(path, Calibration(temperature=20.0, threshold=0.9), path)
    code, out, _ = cli("classify", clip, "--model", str(path))
    assert code == 0 and "unsure: nothing reaches 90.0 %" in out
    _, out, _ = cli("classify", clip, "--model", str(path), "--floor", "0", "--json")
    (found,) = json.loads(out)["files"]
    assert (found["unsure"], found["threshold"], found["scene"]) == (False, 0, "middle")


def test_live_takes_the_files_threshold_unless_told(data: Path, tmp_path: Path, cli: Cli) -> None:
    path = model_of(tmp_path, data, 1)
    clip = str(write(tmp_path / "clip.wav", "middle", 4.0))
    store(path, Calibration(temperature=20.0, threshold=0.99), path)
    arguments = ["live", "--model", str(path), "--source", clip, "--json"]
    scenes = []
    for more in ([], ["--floor", "0"]):
        code, out, _ = cli(*arguments, *more)
        assert code == 0
        lines = [json.loads(line) for line in out.splitlines()]
        scenes.append({line["scene"] for line in lines if "scene" in line})
    assert scenes == [{"unsure"}, {"middle"}]


def test_calibrate_says_what_it_used(data: Path, tmp_path: Path, cli: Cli) -> None:
    path = model_of(tmp_path, data, 1)
    out_path = tmp_path / "out.tflite"
    before = path.read_bytes()
    code, out, _ = cli("calibrate", str(path), "--data", str(data), "--out", str(out_path))
    assert code == 0 and path.read_bytes() == before
    assert "fold 1, held out in training" in out and "15 bins of equal width" in out
    _, shown, _ = cli("info", str(out_path))
    assert "temperature: " in shown
    code, _, err = cli("calibrate", str(path), "--data", str(data), "--fold", "2")
    assert code == 1 and err.count("\n") == 1 and "trained on fold 2" in err


def test_the_pieces_of_a_long_recording_are_of_one(data: Path, tmp_path: Path) -> None:
    """A threshold is found, and what lies above it counted by recordings."""
    long = tmp_path / "long"
    rows = ["path,label,fold,group"]
    for i in range(12):
        label = LABELS[i % 3]
        write(long / f"{i}.wav", label, seconds=(1 if i % 4 else 3) * CLIP_S, seed=i)
        rows.append(f"{i}.wav,{label},1,{i}")
    (long / "meta.csv").write_text("\n".join(rows))
    path = write_model(tmp_path / "m.tflite", provenance={"dataset": "another"}, precision="int8")
    result = calibrate(path, long, target=0.5)
    assert (result["clips"], result["recordings"]) == (9 + 3 * 3, 12)
    named = result["named"]
    assert 0 < named["recordings"] <= named["clips"]
