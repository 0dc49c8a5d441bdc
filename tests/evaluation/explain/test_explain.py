"""`edge-asc explain`: what it says of runs and files, pictures, and one line for every mistake."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import soundfile

from command import Cli
from edge_asc.audio.decode import AudioError, fit_length, load_audio
from edge_asc.evaluation.explain.excerpt import read_excerpt
from edge_asc.evaluation.explain.explain import explain_block, explain_patches
from edge_asc.evaluation.explain.plots import SUFFIXES, save_picture
from edge_asc.evaluation.predictors import Hearing, RunScorer
from edge_asc.export.run import export_run
from edge_asc.runtime.classifier import Classifier
from edge_asc.training.run_folder import read_run
from tiny_models import FRONTEND, LABELS, PITCH_HZ, write_model, write_tone

# The torch front end follows the numpy one to 1e-5; a few layers later that is seen in the scenes.
PROBABILITY_TOLERANCE = 1e-3
# Data-set statistics that change nothing, so that 0, a mel power of e^0, is what hides a patch.
UNIT = FRONTEND.with_statistics(np.zeros(FRONTEND.n_mels), np.ones(FRONTEND.n_mels))


@pytest.fixture
def clip(scenes: Path) -> Path:
    return sorted(scenes.rglob("*.wav"))[7]


def json_of(cli: Cli, *arguments: object) -> dict[str, Any]:
    code, out, err = cli("explain", *arguments, "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


# ------------------------------------------------------------------ what the network sees


def write_noise(path: Path, seconds: float, rate_hz: int = 8000) -> Path:
    noise = np.random.default_rng(0).standard_normal(round(seconds * rate_hz))
    soundfile.write(path, 0.1 * noise, rate_hz)
    return path


@pytest.mark.parametrize("at_s", [0.0, 0.8, 2.3, 2.9])
@pytest.mark.parametrize("rate_hz", [8000, 11025])
def test_a_window_is_cut_from_the_features_of_the_whole_file(
    at_s: float, rate_hz: int, tmp_path: Path
) -> None:
    path = write_noise(tmp_path / "noise.wav", 3.0, rate_hz)
    n_frames = FRONTEND.n_frames(8000)
    excerpt = read_excerpt(path, FRONTEND, 1.0, n_frames, at_s)
    whole = FRONTEND.raw(load_audio(path, 8000))
    first = min(round(at_s * FRONTEND.frames_per_s), whole.shape[1] - n_frames)
    assert np.array_equal(excerpt.features, FRONTEND.normalize(whole[:, first:][:, :n_frames]))
    assert excerpt.start_s == pytest.approx(first / FRONTEND.frames_per_s)
    assert excerpt.audio_s == pytest.approx(3.0, abs=1e-3)


def test_a_file_shorter_than_a_window_is_filled_with_silence(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "short.wav", 0.4)
    excerpt = read_excerpt(path, FRONTEND, 1.0, FRONTEND.n_frames(8000))
    filled = fit_length(load_audio(path, 8000), 8000)
    assert np.array_equal(excerpt.features, FRONTEND.features(filled))
    assert excerpt.text == "short.wav, 0.0 to 1.0 of 0.4 s, silence from 0.4 s on"


def test_a_window_behind_the_end_is_an_error(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "x.wav", 1.5)
    with pytest.raises(
        ValueError, match=r"x\.wav: no window begins at 2 s, the audio ends at 1.5 s"
    ):
        read_excerpt(path, FRONTEND, 1.0, 63, 2.0)
    with pytest.raises(AudioError):
        read_excerpt(tmp_path / "none.wav", FRONTEND, 1.0, 63)


# ------------------------------------------------------------------ of a run


def test_a_blocks_figures_are_those_of_its_maps(cli: Cli, trained_run: Path, clip: Path) -> None:
    found = json_of(cli, trained_run, clip, "--block", 2)
    shown = explain_block(trained_run, clip, 2)
    n_channels, n_rows, n_columns = shown.maps.before.shape
    assert (found["block"], found["blocks"], found["channels"]) == (2, 2, n_channels)
    assert (len(found["rows_hz"]), len(found["columns_s"])) == (n_rows, n_columns)
    assert found["kept_share"] == pytest.approx((shown.maps.before >= 0).mean())
    assert np.mean(found["kept_share_per_channel"]) == pytest.approx(found["kept_share"], abs=1e-5)
    assert found["shown_channels"] == [int(shown.maps.before.var((1, 2)).argmax()) + 1]
    for axis in ("rows_hz", "columns_s"):
        assert np.all(np.diff(found[axis]) > 0)
    assert sum(found["probabilities"].values()) == pytest.approx(1)
    assert found["probability"] == found["probabilities"][found["scene"]]


def test_the_scene_is_that_of_evaluation(trained_run: Path, clip: Path) -> None:
    run = read_run(trained_run)
    n_samples = round(run.clip_s * run.front_end().sample_rate_hz)
    (expected,) = RunScorer(trained_run).predict([clip], Hearing(n_samples, "1"))
    for shown in (explain_block(trained_run, clip), explain_patches(trained_run, clip)):
        assert shown.probabilities == pytest.approx(expected.scene, abs=PROBABILITY_TOLERANCE)


def test_a_run_and_its_file_hang_on_the_same_patches(run: Path, clip: Path) -> None:
    (file,) = export_run(run, precision="float32", enforced=False)
    of_run, of_file = (explain_patches(target, clip) for target in (run, file.path))
    assert of_file.scene == of_run.scene
    drops = of_file.occlusion.drops
    assert drops == pytest.approx(of_run.occlusion.drops, abs=PROBABILITY_TOLERANCE)


# ------------------------------------------------------------------ of a file


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
@pytest.mark.parametrize("label", LABELS)
def test_a_tones_scene_hangs_on_its_pitch(
    label: str, suffix: str, cli: Cli, tmp_path: Path
) -> None:
    model = write_model(tmp_path / f"m.{suffix}", frontend=UNIT.to_dict())
    tone = write_tone(tmp_path / "tone.wav", label, seconds=2.5)
    found = json_of(cli, model, tone, "--patch-mels", 2, "--at", 1)
    assert (found["scene"], found["shows"]) == (label, "occlusion")
    low, high = found["largest_drop"]["hz"]
    assert low < PITCH_HZ[label] < high
    assert (found["start_s"], found["window_s"]) == (pytest.approx(1, abs=0.02), 1.0)
    drops = np.array(found["drops"])
    assert drops.shape == (len(found["drops_hz"]), len(found["drops_s"]))
    assert drops.max() == pytest.approx(found["largest_drop"]["drop"], abs=1e-6)
    assert found["hidden_by"] == "each mel's mean over the training clips"


def test_what_only_hears_means_misses_nothing_in_a_mean(tmp_path: Path) -> None:
    """The tiny model averages over time: its own means in place of a patch change nothing."""
    model = write_model(tmp_path / "m.tflite")
    shown = explain_patches(model, write_tone(tmp_path / "tone.wav", "high"))
    assert shown.occlusion.drops == pytest.approx(0, abs=1e-6)
    expected = Classifier.load(model).predict(shown.excerpt.features).scene
    assert np.array_equal(shown.probabilities, expected)


# ------------------------------------------------------------------ pictures and text


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pictures_of_every_kind(suffix: str, trained_run: Path, clip: Path, tmp_path: Path) -> None:
    begins = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    path = tmp_path / f"x{suffix}"
    for shown in (explain_block(trained_run, clip, 1, (2, 1)), explain_patches(trained_run, clip)):
        save_picture(shown, path)
        assert path.read_bytes().startswith(begins[suffix])


def test_text_and_picture_of_a_run(cli: Cli, trained_run: Path, clip: Path, tmp_path: Path) -> None:
    png = tmp_path / "figure.png"
    code, out, err = cli("explain", trained_run, clip, "--channel", 3, "--out", png)
    assert (code, err) == (0, "")
    assert re.search(r"block 1 of 2 \(trunk\.1\)\nthe unattended value was kept at \d+\.\d %", out)
    assert out.endswith(f"picture {png}\n")
    pixels = matplotlib.image.imread(png)
    assert pixels.shape[1] > pixels.shape[0] > 500
    assert pixels[..., :3].std() > 0.1


def test_a_network_that_replaces_has_no_share(
    cli: Cli, scenes: Path, clip: Path, tmp_path: Path
) -> None:
    from small_run import train_run

    options = "model.options={channels = [4, 4], reduction = 2, combine = 'replace'}"
    run = train_run(tmp_path / "run", scenes, "nano", options)
    assert json_of(cli, run, clip)["kept_share"] is None
    code, out, _ = cli("explain", run, clip, "--out", tmp_path / "x.png")
    assert code == 0
    assert "passes on the attended values alone" in out


# ------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere", "{clip}"], "no model at nowhere: no such file or folder"),
        (["nowhere", "{clip}", "--block", "2"], "no model at nowhere: no such file or folder"),
        (["{clip}", "{clip}"], r"\S+\.wav: neither a TFLite nor an ONNX model \(\d+ bytes\)"),
        (["{folder}", "{clip}"], r"\S+ is not a run folder: it has no run\.json"),
        (["{run}", "none.wav"], "none.wav: no such file or directory"),
        (["{run}", "{folder}"], r"\S+: is a directory, not an audio file"),
        (["{run}", "{clip}", "--block", "7"], r"there is no block 7; the network has 2: 1 .*"),
        (["{run}", "{clip}", "--channel", "99"], "there is no channel 99; the block has 1 to 8"),
        (["{run}", "{clip}", "--at", "60"], r"\S+: no window begins at 60 s, .*"),
        (["{run}", "{clip}", "--out", "x.gif"], r"x\.gif: a picture's name ends in one of .*"),
        (
            ["{run}", "{clip}", "--occlusion", "--patch-mels", "999"],
            "a patch of 999 mels .* most 32",
        ),
        (["{run}", "{clip}", "--occlusion", "--patch-s", "9"], "a patch of .* frames must .*"),
        (["{run}", "{clip}", "--occlusion", "--patch-s", "0"], "a patch of 0 s must be longer .*"),
        (
            ["{run}", "{clip}", "--occlusion", "--runtime", "litert"],
            r"\S+: a run is run in torch; .*",
        ),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], line: str, cli: Cli, trained_run: Path, clip: Path, tmp_path: Path
) -> None:
    places = {"run": trained_run, "clip": clip, "folder": tmp_path}
    code, out, err = cli("explain", *(a.format(**places) for a in arguments))
    assert (code, out) == (1, "")
    assert re.fullmatch(rf"edge-asc: {line}\n", err, re.IGNORECASE), err


@pytest.mark.parametrize(
    "arguments",
    [
        ["{run}"],
        ["{run}", "{clip}", "--patch-mels", "4"],
        ["{run}", "{clip}", "--occlusion", "--block", "1"],
        ["{model}", "{clip}", "--channel", "1"],
        ["{model}", "{clip}", "--at", "-1"],
        ["{model}", "{clip}", "--runtime", "tensorrt"],
    ],
)
def test_wrong_usage(
    arguments: list[str], cli: Cli, trained_run: Path, clip: Path, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "m.tflite")
    places = {"run": trained_run, "clip": clip, "model": model}
    code, out, err = cli("explain", *(a.format(**places) for a in arguments))
    assert (code, out) == (2, "")
    assert "Error" in err


def test_an_unfinished_run_is_said(cli: Cli, run: Path, clip: Path) -> None:
    (run / "weights.pt").unlink()
    code, _, err = cli("explain", run, clip)
    assert code == 1
    assert "the run is not finished" in err


@pytest.mark.parametrize("bad", ["model", "audio"])
def test_the_command_itself_gives_one_line(bad: str, tmp_path: Path) -> None:
    model = write_model(tmp_path / "m.tflite")
    tone = write_tone(tmp_path / "tone.wav", "low")
    (model if bad == "model" else tone).write_bytes(b"RIFF and nothing else")
    done = subprocess.run(
        [sys.executable, "-m", "edge_asc", "explain", model, tone], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"edge-asc: .+\n", done.stderr)
