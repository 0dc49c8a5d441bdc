"""The best candidates trained from several seeds: what is trained, what stays, what is refused."""

import json
from pathlib import Path

import msgspec
import optuna
import pytest

from command import Cli
from edge_asc.config.schema import with_overrides
from edge_asc.search.best import candidates
from edge_asc.search.records import ranked, records
from edge_asc.search.show import open_studies
from edge_asc.search.storage import address, close, open_storage
from edge_asc.search.worker import search
from edge_asc.training.run_folder import read_run
from small_search import small_task

SHORT = ("--set", "train.epochs=1")


@pytest.fixture(scope="module")
def searched(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies of three trials each, which draw the same candidates."""
    folder = tmp_path_factory.mktemp("searched")
    for name in ("a", "b"):
        search(
            small_task(scenes), address(None, folder / "trials.db", {}), name, 3, folder,
            accelerator="cpu", progress=False,
        )  # fmt: skip
    return folder


@pytest.mark.slow
def test_the_best_are_trained_and_compared_and_what_is_there_stays(
    searched: Path, scenes: Path, cli: Cli, tmp_path: Path
) -> None:
    command = ["search", "best", "--folder", searched, "--study", "a", "--data", scenes]
    command += ["--out", tmp_path / "best", "--top", 2, *SHORT]
    code, out, err = cli(*command, "--seeds", "0", "--json")
    assert code == 0, err
    assert "warning" not in err  # fold 1, which the search never read
    first = tmp_path / "best" / "a-trial0" / "fold1-seed0" / "weights.pt"
    names = [row["name"] for row in json.loads(out)["candidates"]]
    assert first.parent.parent.name in names and len(names) == 2
    written = first.stat().st_mtime_ns

    (tmp_path / "best" / names[-1] / "fold1-seed0" / "weights.pt").unlink()  # as if interrupted
    code, out, err = cli(*command, "--seeds", "0,1", "--json", "--plot", tmp_path / "best.png")
    assert code == 0, err
    assert first.stat().st_mtime_ns == written
    assert (tmp_path / "best.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads(out)
    folders = [row["folder"] for row in found["candidates"]]
    said = json.loads(cli("compare", *folders, "--json")[1])
    for row, system in zip(found["candidates"], said["systems"], strict=True):
        assert [(run["fold"], run["seed"]) for run in row["runs"]] == [(1, 0), (1, 1)]
        assert row["test"]["by_seed"] == system["by_seed"] and row["test"]["sd"] == system["sd"]
        assert row["test"]["interval"] == system["interval"]
        assert read_run(Path(row["folder"]) / "fold1-seed1").settings().train.epochs == 1
    assert found["comparison"]["differences"][0]["p"] == said["differences"][0]["p"]

    code, out, err = cli(*command, "--seeds", "1")  # of what is there, these alone
    assert code == 0 and "sd of seeds" in out and "means of the networks" in out
    assert "seeds of one network" not in out
    code, out, err = cli(*command[:-1], "train.epochs=2", "--seeds", "0")
    assert code == 1 and "was started with train.epochs = 1, not 2" in err


@pytest.mark.slow
def test_folds_by_which_the_search_chose_are_told_of(
    searched: Path, scenes: Path, cli: Cli, tmp_path: Path
) -> None:
    command = ["search", "best", "--folder", searched, "--study", "a", "--data", scenes]
    command += ["--out", tmp_path / "best", "--top", 1, "--seeds", "0", *SHORT]
    code, out, err = cli(*command, "--folds", "1,2")
    assert code == 0 and "warning: the search chose by clips of fold 2:" in err
    assert out.count("a-trial") == 1 and "differences" not in out


def test_they_are_the_most_accurate_of_all_studies_each_network_once(
    searched: Path, tmp_path: Path
) -> None:
    storage = open_storage(address(None, searched / "trials.db", {}))
    try:
        studies = open_studies(storage, None)
        found = candidates(studies, 10, tmp_path, ["train.epochs=7"])
        (one, other) = [records(study) for study in studies]
        bases = {trial.number: trial.user_attrs["preset"] for trial in studies[0].trials}
    finally:
        close(storage)
    assert [r.settings for r in one] == [r.settings for r in other]
    assert [c.record for c in found] == ranked(one)
    accuracies = [c.record.accuracy or 0 for c in found]
    assert accuracies == sorted(accuracies, reverse=True)
    for candidate in found:
        before = msgspec.convert(bases[candidate.record.trial], type(candidate.config))
        asked = with_overrides(before, ["train.epochs=7", f"name={candidate.name}"])
        assert candidate.config == asked


def test_mistakes_are_one_line_and_leave_nothing(
    searched: Path, scenes: Path, cli: Cli, tmp_path: Path
) -> None:
    def said(*arguments: object, data: Path = scenes) -> str:
        command = ("search", "best", "--folder", searched, "--out", tmp_path / "best")
        code, out, err = cli(*command, "--data", data, *arguments)
        assert (code, out) == (1, "") and err.count("\n") == 1
        return err

    assert "--seeds takes different whole numbers" in said("--seeds", "0,0")
    assert "has no fold 9" in said("--folds", "9")
    assert "no study 'c'" in said("--study", "c")
    assert "train.epoch" in said("--set", "train.epoch=3")
    other = tmp_path / "other.csv"
    rows = (scenes / "synthetic.csv").read_text().splitlines()
    other.write_text("\n".join([rows[0], *(f"{scenes}/{row}" for row in rows[1:101])]) + "\n")
    assert "is not what was searched" in said(data=other)
    assert not (tmp_path / "best").exists()


def test_a_search_without_a_test_fold_needs_one_named(
    scenes: Path, cli: Cli, tmp_path: Path
) -> None:
    url = address(None, tmp_path / "trials.db", {})
    task = small_task(scenes, fold=None, epochs=1)
    search(task, url, "a", 1, tmp_path, accelerator="cpu", progress=False)
    code, _, err = cli("search", "best", "--folder", tmp_path, "--data", scenes)
    assert code == 1 and "name some to test on with --folds" in err
    storage = open_storage(url)
    empty = optuna.create_study(storage=storage, study_name="empty")
    close(storage)
    with pytest.raises(ValueError, match="no finished trial to train"):
        candidates([empty], 1, tmp_path)
