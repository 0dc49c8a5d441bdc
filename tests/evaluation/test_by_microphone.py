"""Evaluation through simulated microphones, against data sets of what they made of the clips."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command import Cli
from edge_asc.audio.decode import load_audio
from edge_asc.audio.microphones.choice import parse_microphones
from edge_asc.evaluation.by_microphone import simulated_figures
from edge_asc.evaluation.evaluate import evaluate
from tiny_models import ABSTRACT_LABELS, FRONTEND, LABELS, write_model, write_tone

MICROPHONES = parse_microphones("seen:2,unseen-1")
CLIPS_PER_SCENE = 5


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per scene; very soft tones, which a microphone's noise may cover."""
    root = tmp_path_factory.mktemp("soft")
    for label in LABELS:
        for i in range(CLIPS_PER_SCENE):
            path = root / label / f"{label}{i}.wav"
            write_tone(path, label, seed=i)
            audio, rate_hz = soundfile.read(path)
            soundfile.write(path, audio * 10 ** (-1.5 * i), rate_hz, subtype="FLOAT")
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    return write_model(folder / "m.tflite", abstract_labels=list(ABSTRACT_LABELS))


def test_accuracy_is_that_on_files_of_what_the_microphone_heard(
    tones: Path, model: Path, tmp_path: Path
) -> None:
    found = evaluate(model, tones, fold=1, microphones=MICROPHONES).figures["simulated"]
    rate_hz = FRONTEND.sample_rate_hz
    for microphone in MICROPHONES:
        copy = shutil.copytree(tones, tmp_path / microphone.name)
        for path in sorted(copy.rglob("*.wav")):
            heard = microphone.hear(load_audio(path, rate_hz), rate_hz, path.name)
            soundfile.write(path, heard, rate_hz, subtype="FLOAT")
        expected = evaluate(model, copy, fold=1).figures
        assert found["per_microphone"][microphone.name]["accuracy"] == expected["accuracy"]


def test_microphones_leave_the_other_figures_alone(tones: Path, model: Path) -> None:
    plain, several = (evaluate(model, tones, fold=1, microphones=d) for d in ((), MICROPHONES))
    assert np.array_equal(plain.scene, several.scene)
    assert "simulated" not in plain.figures
    changing = {"simulated", "window_latency_ms"}
    assert {k: v for k, v in several.figures.items() if k not in changing} == {
        k: v for k, v in plain.figures.items() if k not in changing
    }
    assert several.figures["simulated"]["clean"] == plain.figures["accuracy"]


def test_file_and_run_hear_alike(trained_run: Path, scenes: Path, tmp_path: Path) -> None:
    from edge_asc.export.run import export_run

    (file,) = export_run(
        trained_run, precision="float32", formats=["tflite"], out=tmp_path, enforced=False
    )
    pair = [evaluate(t, scenes, fold=1, microphones=MICROPHONES) for t in (file.path, trained_run)]
    one, other = (e.figures["simulated"]["per_microphone"] for e in pair)
    n_clips = pair[0].figures["clips"]
    for name in one:
        differing = abs(one[name]["accuracy"] - other[name]["accuracy"]) * n_clips
        assert differing < 1.5  # clips; two implementations of the front end, 1e-5 apart


def test_progress_counts_every_clip_with_every_microphone(tones: Path, model: Path) -> None:
    seen: list[tuple[int, int]] = []
    result = evaluate(
        model, tones, fold=1, microphones=MICROPHONES, on_progress=lambda *step: seen.append(step)
    )
    total = 4 * len(result.clips)
    assert seen == [(done, total) for done in range(1, total + 1)]


def test_means_and_losses() -> None:
    eye = np.eye(2)
    truth = np.array([0, 1, 0, 1])
    heard = {"seen-0": eye[truth], "unseen-0": eye[1 - truth], "unseen-1": eye[[0, 1, 0, 0]]}
    found = simulated_figures(eye[truth], heard, truth)["simulated"]
    assert found["clean"] == 1
    assert found["sets"] == {
        "seen": {"microphones": 1, "accuracy": 1.0, "loss": 0.0},
        "unseen": {"microphones": 2, "accuracy": 0.375, "loss": 0.625},
    }
    assert found["per_microphone"]["unseen-1"] == {
        "family": "voice",
        "clips": 4,
        "accuracy": 0.75,
        "loss": 0.25,
    }


def test_what_is_heard_as_well_loses_nothing_at_all() -> None:
    truth = np.arange(10)
    one_right = np.eye(10)[np.zeros(10, int)]  # 0.1, whose sum of three is not 0.3
    heard = {f"seen-{index}": one_right for index in range(3)}
    found = simulated_figures(one_right, heard, truth)["simulated"]
    assert found["sets"]["seen"] == {"microphones": 3, "accuracy": 0.1, "loss": 0.0}


def test_the_command_prints_a_table_and_json(tones: Path, model: Path, cli: Cli) -> None:
    call = (
        "evaluate",
        model,
        "--data",
        tones,
        "--fold",
        1,
        "--microphones",
        "clean,seen:1,unseen:2",
    )
    code, out, err = cli(*call)
    assert (code, err) == (0, "")
    assert "mean of 1 seen" in out and "mean of 2 unseen" in out and "unseen-1" in out
    code, out, _ = cli(*call, "--json")
    assert code == 0
    assert list(json.loads(out)["simulated"]["per_microphone"]) == [
        "seen-0",
        "unseen-0",
        "unseen-1",
    ]
    code, out, err = cli(*call[:-1], "microphone:3")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "'microphone:3'" in err


def test_microphones_writes_what_people_can_listen_to(tmp_path: Path, cli: Cli) -> None:
    write_tone(tmp_path / "tone.wav", LABELS[0], seed=0)
    code, out, err = cli(
        "microphones",
        tmp_path / "tone.wav",
        "--only",
        "seen:1,unseen:1",
        "--out",
        tmp_path / "heard",
    )
    assert (code, err) == (0, "")
    paths = [Path(line) for line in out.splitlines()]
    assert [path.name for path in paths] == ["tone-seen-0.wav", "tone-unseen-0.wav"]
    played, rate_hz = soundfile.read(tmp_path / "tone.wav", dtype="float32")
    for path, microphone in zip(paths, parse_microphones("seen:1,unseen:1"), strict=True):
        written, written_hz = soundfile.read(path)
        assert (len(written), written_hz) == (len(played), rate_hz)
        heard = microphone.hear(played, rate_hz, "tone.wav")
        np.testing.assert_allclose(written, heard, atol=2**-15)  # one step of 16 bits


def test_microphones_lists_and_draws(tmp_path: Path, cli: Cli) -> None:
    code, out, _ = cli("microphones", "--plot", tmp_path / "d.png")
    assert code == 0
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")
    assert len(out.splitlines()) == 1 + 8 + 9
    code, out, _ = cli("microphones", "--only", "unseen-4", "--json")
    (microphone,) = json.loads(out)
    assert (microphone["name"], microphone["parts"]["family"]) == ("unseen-4", "voice")


@pytest.mark.parametrize("arguments", [("--only", "clean"), ("--out", "heard")])
def test_microphones_refuses_what_makes_no_sense(arguments: tuple[str, ...], cli: Cli) -> None:
    assert cli("microphones", *arguments)[0] == 2
