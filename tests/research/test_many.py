"""Folders of runs: what is missing is trained, what is there stays, what differs is refused."""

import json
import statistics
from pathlib import Path

import pytest

from command import Cli
from edge_asc.data.open import open_dataset
from edge_asc.data.synthetic import write_synthetic
from edge_asc.research.many import parse_folds, parse_seeds
from small_run import SMALL


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many") / "scenes"
    write_synthetic(folder, clips_per_class=8, clip_s=0.5, sample_rate_hz=8000)
    return folder


@pytest.mark.slow
def test_what_is_missing_is_trained_and_compared(tmp_path: Path, data: Path, cli: Cli) -> None:
    settings = [word for setting in SMALL for word in ("--set", setting)]
    settings += ["--set", "model.options={channels = [4, 4], reduction = 4}", "--set", "augment={}"]

    def train(name: str, *more: object) -> tuple[int, str, str]:
        return cli(
            *("train", "nano", "--data", data, "--out", tmp_path, "--name", name),
            *(*settings, "--json", *more),
        )

    code, out, err = train("one", "--folds", "1,2", "--seeds", "0")
    assert code == 0, err
    first = tmp_path / "one" / "fold1-seed0" / "weights.pt"
    written = first.stat().st_mtime_ns
    (tmp_path / "one" / "fold2-seed0" / "weights.pt").unlink()  # as if it had been interrupted
    code, out, err = train("one", "--folds", "1,2", "--seeds", "0,1")
    assert code == 0, err
    found = json.loads(out)
    assert first.stat().st_mtime_ns == written
    assert [(run["fold"], run["seed"]) for run in found["runs"]] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert list(found["by_seed"]) == ["0", "1"]
    assert found["sd"] == pytest.approx(statistics.stdev(found["by_seed"].values()))
    code, _, err = train("one", "--folds", "1,2", "--seeds", "0", "--set", "train.epochs=2")
    assert code == 1 and "was started with train.epochs = 1, not 2" in err

    code, out, err = cli("compare", tmp_path / "one", f"same={tmp_path / 'one'}", "--json")
    assert code == 0, err
    one, same = json.loads(out)["systems"]
    assert one["seeds"] == 2 and one["clips"] == 80 and one["by_seed"] == same["by_seed"]
    assert one["by_seed"] == pytest.approx([*found["by_seed"].values()])


def test_folds_and_seeds_as_they_are_typed(data: Path, cli: Cli) -> None:
    dataset = open_dataset(data)
    assert parse_folds("all", dataset) == [1, 2]
    assert parse_seeds("0, 3") == [0, 3]
    for text in ("", "1,1", "0,00", "a", "1,", "²", "9" * 5000):
        with pytest.raises(ValueError, match="--seeds takes different whole numbers"):
            parse_seeds(text)
    with pytest.raises(
        ValueError, match="a seed is 0 to 9223372036854775807, not 92233720368547758"
    ):
        parse_seeds(f"{2**63}")
    code, _, err = cli("train", "nano", "--data", data, "--seed", 2**70)
    assert code == 1 and "a seed is 0 to" in err and len(err.splitlines()) == 1
    assert cli("train", "nano", "--data", data, "--seed", 0, "--seeds", "1")[0] == 2
    with pytest.raises(ValueError, match="has no fold 7"):
        parse_folds("7", dataset)
    assert cli("train", "nano", "--data", data, "--fold", 1, "--folds", "1")[0] == 2
    assert cli("train", "nano", "--data", data, "--seeds", "1", "--devices", 2)[0] == 2
