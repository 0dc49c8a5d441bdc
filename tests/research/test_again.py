"""A run made again from its own folder, and what is told of differences."""

import json
import subprocess
from pathlib import Path

import msgspec
import pytest

import edge_asc
from command import Cli, runner
from edge_asc.data.synthetic import write_synthetic
from edge_asc.research.again import origin_differences
from edge_asc.training import run_folder
from edge_asc.training.run_folder import git_commit, is_clean, read_run
from small_run import train_run


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return runner(capsys)


@pytest.mark.slow
def test_the_same_run_again(tmp_path: Path, cli: Cli) -> None:
    write_synthetic(tmp_path / "scenes", clips_per_class=8, clip_s=0.5, sample_rate_hz=8000)
    small = ("model.options={channels = [4, 4], reduction = 4}", "augment={}")
    first = train_run(tmp_path / "first", tmp_path / "scenes", "nano", *small)
    before = read_run(first)
    assert "numpy==" in (first / "packages.txt").read_text() and before.provenance["clips"]
    options = ("--like", first, "--out", tmp_path, "--name", "again")
    code, out, err = cli("train", *options, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["same_weights"] and found["accuracy"][0] == found["accuracy"][1]
    assert found["differences"] == []
    assert found["clean"] == is_clean(before.provenance) == before.provenance["clean"]
    again = read_run(tmp_path / "again")
    same = ("config", "fold", "seed", "dataset", "labels", "frontend", "init", "teachers")
    assert all(getattr(again, name) == getattr(before, name) for name in same)

    (tmp_path / "scenes").rename(tmp_path / "moved")
    code, _, err = cli("train", "--like", first, "--out", tmp_path, "--name", "third")
    assert code == 1 and "no data set at" in err
    assert cli("train", *options, "--set", "train.epochs=3")[0] == 2
    assert cli("train", *options, "--seed", "3")[0] == 2
    assert cli("train", "--data", tmp_path)[0] == 2 and cli("train", "nano")[0] == 2
    moved = ("--data", tmp_path / "moved", "--out", tmp_path, "--name", "third")
    code, out, err = cli("train", "--like", first, *moved)
    assert code == 0 and "the same weights" in out, err


def test_differences_are_named(tmp_path: Path) -> None:
    run = msgspec.convert(
        {
            **{"config": {}, "dataset": "x", "data": "x", "fold": 1, "seed": 0, "labels": []},
            **{"abstract_labels": [], "frontend": {}, "clip_s": 1.0, "n_frames": 1},
            "provenance": {"git": "abc", "versions": {"torch": "1", "numpy": "2"}, "cpus": 2},
        },
        run_folder.Run,
    )
    assert origin_differences(run, run) == []
    later = {"git": "abd+changes", "versions": {"torch": "1", "numpy": "3"}, "cpus": 2}
    changed = msgspec.structs.replace(run, provenance=later)
    assert origin_differences(run, changed) == [
        "commit: abc then, abd+changes now",
        "packages: numpy 2 → 3",
    ]


def test_only_a_commit_without_changes_is_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(
            ["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True
        )

    for folder in run_folder.CODE:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
    monkeypatch.setattr(edge_asc, "__file__", str(tmp_path / "edge_asc" / "__init__.py"))
    assert git_commit() is None and not is_clean({"git": None})
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    assert is_clean({"git": git_commit()})
    (tmp_path / "notes.txt").write_text("beside the code")
    assert is_clean({"git": git_commit()})
    (tmp_path / "quantize" / "new.py").write_text("")
    assert not is_clean({"git": git_commit()})
    (tmp_path / "quantize" / "new.py").unlink()
    (tmp_path / "edge_asc" / "__init__.py").write_text("x = 1\n")
    assert str(git_commit()).endswith("+changes")
