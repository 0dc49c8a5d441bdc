"""Comparisons of answers that were made up, of files, and what cannot be compared."""

import csv
import json
import statistics
from pathlib import Path

import numpy as np
import pytest

from command import Cli
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.evaluation.metrics import scene_metrics
from edge_asc.research.comparison.compare import BOOTSTRAP, MCNEMAR, compare
from edge_asc.research.comparison.paired import mcnemar
from edge_asc.research.comparison.tables import grids
from edge_asc.research.comparison.targets import Targets, named
from edge_asc.research.written import Grid, latex
from tiny_models import LABELS, write_model, write_tone

SCENES = ("bus", "park", "tram")
DRAWS = 2000


def write_predictions(
    folder: Path, accuracy: float, clips: int = 200, per_recording: int = 1, seed: int = 0,
    root: str = "/data", first: int = 0, devices: str = "ab",
) -> Path:  # fmt: skip
    """Random answers in the form of `evaluate --out`."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    with (folder / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        chances = [f"p_{s}" for s in SCENES]
        writer.writerow(["path", "label", "predicted", *chances, "device", "recording"])
        for i in range(first, first + clips):
            truth = i % 3
            said = truth if rng.random() < accuracy else (truth + 1) % 3
            p = np.full(3, 0.2)
            p[said] = 0.6
            row = [f"{root}/audio/{i}.wav", SCENES[truth], SCENES[said], *p]
            writer.writerow([*row, devices[i % len(devices)], f"r{i // per_recording}"])
    return folder


def test_two_of_independent_clips_differ_by_mcnemar(tmp_path: Path) -> None:
    a = write_predictions(tmp_path / "a", 0.6, seed=1)
    b = write_predictions(tmp_path / "b", 0.9, seed=2)
    found = compare(Targets().open([str(a), str(b)]), resamples=DRAWS)
    assert found["test"] == MCNEMAR and found["clips"] == found["recordings"] == 200
    one, other = found["systems"]
    (pair,) = found["differences"]
    assert pair["difference"] == pytest.approx(other["value"] - one["value"])
    assert pair["only_b"] - pair["only_a"] == round(200 * pair["difference"])
    assert pair["p"] == pair["p_holm"] == mcnemar(pair["only_a"], pair["only_b"]) < 1e-6
    low, high = pair["interval"]
    assert 0 < low < pair["difference"] < high
    assert {*one["per_class"]} == {*SCENES} and {*one["per_device"]} == {"a", "b"}
    weighted = [row["clips"] * row["value"] for row in one["per_class"].values()]
    assert sum(weighted) / 200 == pytest.approx(one["value"])


def test_clips_that_share_recordings_are_drawn_by_recording(tmp_path: Path) -> None:
    a = write_predictions(tmp_path / "a", 0.6, per_recording=4, seed=1)
    b = write_predictions(tmp_path / "b", 0.7, per_recording=4, seed=2)
    found = compare(Targets().open([str(a), str(b)]), resamples=DRAWS)
    assert (found["test"], found["recordings"]) == (BOOTSTRAP, 50)


def test_metrics_are_those_of_an_evaluation(tmp_path: Path) -> None:
    a = write_predictions(tmp_path / "a", 0.6, clips=100, seed=1)
    b = write_predictions(tmp_path / "b", 0.9, clips=100, seed=2)
    systems = Targets().open([str(a), str(b)])
    with (a / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    p = np.array([[float(row[f"p_{s}"]) for s in SCENES] for row in rows])
    truth = np.array([SCENES.index(row["label"]) for row in rows])
    expected = scene_metrics(p, truth, SCENES)
    for metric, name in (("macro-accuracy", "macro_accuracy"), ("log-loss", "log_loss")):
        found = compare(systems, metric, resamples=DRAWS)
        assert found["test"] == BOOTSTRAP
        assert found["systems"][0]["value"] == pytest.approx(expected[name])
        low, high = found["systems"][0]["interval"]
        assert low < expected[name] < high
        better = found["differences"][0]["difference"]
        assert better > 0 if metric == "macro-accuracy" else better < 0


def test_a_folder_of_folds_and_seeds_is_one_network(tmp_path: Path) -> None:
    for seed in range(3):
        for fold in range(2):
            for name, accuracy in (("base", 0.6), ("ours", 0.8)):
                folder = tmp_path / name / f"fold{fold}-seed{seed}"
                kept = {"clips": 60, "first": 60 * fold, "seed": 7 * seed + fold}
                write_predictions(folder, accuracy, **kept, root=f"/data/{name}")
    found = compare(
        Targets().open([str(tmp_path / "base"), str(tmp_path / "ours")]), resamples=DRAWS
    )
    base, ours = found["systems"]
    assert found["clips"] == 120 and base["seeds"] == ours["seeds"] == 3
    assert base["value"] == pytest.approx(statistics.mean(base["by_seed"]))
    assert base["sd"] == pytest.approx(statistics.stdev(base["by_seed"]))
    assert found["test"] == BOOTSTRAP  # seeds are no coins
    assert found["differences"][0]["p"] < 0.01 and "only_a" not in found["differences"][0]
    assert "±" in str(grids(found)[0].rows)


def test_three_are_compared_in_pairs_and_p_is_corrected(tmp_path: Path) -> None:
    folders = [write_predictions(tmp_path / n, 0.7, seed=i) for i, n in enumerate("abc")]
    found = compare(Targets().open([*map(str, folders)]), resamples=DRAWS)
    pairs = [(row["a"], row["b"]) for row in found["differences"]]
    assert pairs == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(row["p_holm"] >= row["p"] for row in found["differences"])


def test_other_clips_and_other_labels_are_refused(tmp_path: Path, cli: Cli) -> None:
    a = write_predictions(tmp_path / "a", 0.7, clips=30)
    b = write_predictions(tmp_path / "b", 0.7, clips=32)
    code, out, err = cli("compare", a, b)
    assert (code, out) == (1, "") and len(err.splitlines()) == 1
    assert "2 only of b (30.wav, 31.wav)" in err
    text = (a / "predictions.csv").read_text().replace("audio/0.wav,bus", "audio/0.wav,tram")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "predictions.csv").write_text(text)
    code, _, err = cli("compare", a, tmp_path / "c")
    assert code == 1 and "0.wav is 'bus' for a and 'tram' for c" in err


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: p.mkdir(), "no run, no evaluation"),
        (lambda p: p.write_text("file,label\nx,y\n"), "no column 'path'"),
        (lambda p: p.write_text("path,label,predicted\n"), "no clips"),
        (lambda p: None, "no such"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_line(tmp_path: Path, cli: Cli, make, said) -> None:  # type: ignore[no-untyped-def]
    a, other = write_predictions(tmp_path / "a", 0.7), tmp_path / "other.csv"
    make(other)
    code, _, err = cli("compare", a, other)
    assert code == 1 and said in err and len(err.splitlines()) == 1


def test_one_name_for_two_is_refused(tmp_path: Path, cli: Cli) -> None:
    a = write_predictions(tmp_path / "a", 0.7)
    code, _, err = cli("compare", a, a)
    assert code == 1 and "two are called a" in err
    assert cli("compare", a)[0] == 2


def test_files_are_asked_and_everything_is_written(tmp_path: Path, cli: Cli) -> None:
    data = tmp_path / "data"
    for label in LABELS:
        for k in range(6):
            write_tone(data / label / f"{k}.wav", label, seed=k)
    file = write_model(tmp_path / "good.tflite")
    saved = tmp_path / "saved"
    evaluate(file, data, fold="all").save(saved)
    made = {name: tmp_path / f"out.{name}" for name in ("csv", "tex", "png")}
    options = ["--csv", made["csv"], "--latex", made["tex"], "--plot", made["png"]]
    code, out, err = cli(
        "compare", f"file={file}", f"saved={saved}", "--data", data, "--fold", "all", "--json",
        *options,
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    one, other = found["systems"]
    assert one["value"] == other["value"] and found["differences"][0]["p"] == 1
    assert one["file_bytes"] == [file.stat().st_size] * 2 and one["macs_per_s"] > 0
    with made["csv"].open() as table:
        rows = list(csv.DictReader(table))
    assert [row["system"] for row in rows if row["what"] == "accuracy" and not row["part"]] == [
        "file", "saved",
    ]  # fmt: skip
    assert r"\toprule" in made["tex"].read_text()
    assert made["png"].read_bytes().startswith(b"\x89PNG")
    code, out, _ = cli("compare", f"file={file}", f"saved={saved}", "--data", data, "--fold", "all")
    assert code == 0 and "differences" in out and "saved less file" in out


def test_a_model_needs_a_data_set(tmp_path: Path, cli: Cli) -> None:
    a = write_predictions(tmp_path / "a", 0.7)
    code, _, err = cli("compare", a, write_model(tmp_path / "m.tflite"))
    assert code == 1 and "--data PATH" in err


def test_names_of_targets(tmp_path: Path) -> None:
    odd = tmp_path / "lr=0.1,wd=0"
    odd.mkdir()
    assert named(str(odd)) == (odd.name, [odd])
    for n in (2, 1):
        (tmp_path / f"fold{n}.tflite").touch()
    paths = [tmp_path / "fold1.tflite", tmp_path / "fold2.tflite"]
    assert named(f"ours={tmp_path}/fold?.tflite") == ("ours", paths)
    assert named(",".join(map(str, paths))) == ("fold1", paths)


def test_a_clip_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("path,label,predicted\na.wav,x,x\na.wav,x,y\n")
    with pytest.raises(ValueError, match="a clip is listed twice"):
        Targets().open([str(path)])


def test_latex_means_what_stands_there() -> None:
    text = latex(Grid("t", ("a_b", "n"), [("50 % & more", "1,000"), ("x", "-2.0 ± 1")]))
    assert r"a\_b & n \\" in text and r"50 \% \& more & 1,000 \\" in text
    assert r"$-$2.0 $\pm$ 1" in text and r"\begin{tabular}{lr}" in text


def test_latex_rows_begin_with_no_option() -> None:
    text = latex(Grid("t\nx", ("a", "n"), [("[1]", "1"), ("*b\x00\x1b[0m\n", "2")]))
    assert r"{[}1{]} & 1 \\" in text and r"{*}b{[}0m & 2 \\" in text and text.startswith("% tx\n")
