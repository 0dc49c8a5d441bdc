"""A run made again from its own folder, and what is told of differences."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import edge_asc
from command import Cli
from edge_asc.config import own_code
from edge_asc.config.schema import load_preset
from edge_asc.data.synthetic import write_synthetic
from edge_asc.files import write_json
from edge_asc.research.again import origin_differences, recipe_of
from edge_asc.training import run_folder
from edge_asc.training.run_folder import git_commit, is_clean, read_run
from small_run import SMALL, train_run

NETS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, n_scenes):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, n_scenes)

    def forward(self, x):
        return self.head(torch.relu(self.conv(x)).mean((2, 3)))
"""


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
    assert code == 1 and "which is not there; --data says where" in err
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


def described(folder: Path, **changes: Any) -> Path:
    """A run folder without weights: what `recipe_of` reads."""
    settings = changes.pop("set", {})
    config = load_preset("nano", [f"{key}={value}" for key, value in settings.items()])
    fields = {
        **{"config": config.to_dict(), "dataset": "x", "data": "scenes", "fold": 1, "seed": 0},
        **{"labels": [], "abstract_labels": [], "frontend": {}, "clip_s": 1.0, "n_frames": 1},
        "provenance": {},
    }
    folder.mkdir(parents=True)
    write_json(folder / "run.json", {**fields, **changes})
    return folder


def test_a_run_with_relative_paths_is_read_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As runs of before hold them: typed in the folder in which the runs lie."""
    for name in ("scenes", "runs/general", "runs/teacher", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "answers.npz").touch()
    run = described(
        tmp_path / "runs/fold1", init="runs/general", teachers=["runs/teacher"],
        answers={"file": "answers.npz", "sha256": ""},
    )  # fmt: skip
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = recipe_of(run)
    assert found.data == tmp_path / "scenes" and found.init == tmp_path / "runs/general"
    assert found.teachers == (tmp_path / "runs/teacher",)
    assert found.answers == tmp_path / "answers.npz"
    assert recipe_of(Path("../runs/fold1")) == found


def test_a_folder_of_runs_names_those_in_it(tmp_path: Path) -> None:
    described(tmp_path / "many" / "fold1")
    described(tmp_path / "many" / "fold2")
    with pytest.raises(ValueError, match=r"is a folder of runs; one of them: .*fold1, .*fold2$"):
        recipe_of(tmp_path / "many")


def test_a_joined_run_names_its_members(tmp_path: Path) -> None:
    joined = described(tmp_path / "both", provenance={"joined": [{"run": "a"}, {"run": "b"}]})
    with pytest.raises(ValueError, match=r"was joined, not trained: .* a, b$"):
        recipe_of(joined)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"init": "runs/gone"}, "began with runs/gone, which is neither in "),
        ({"init": "/gone"}, "began with /gone, which is not there"),
        ({"teachers": ["gone"]}, "learnt from gone, which is neither in "),
        ({"answers": {"file": "gone.npz", "sha256": ""}}, "learnt from gone.npz, which is neither"),
        ({"data": "/gone"}, "trained on /gone, which is not there; --data says where"),
        (
            {"set": {"augment.impulse_responses": "gone", "data.microphones": 4}},
            "heard through gone, which is neither in",
        ),
    ],
)
def test_what_is_not_found_is_named_in_a_line(
    tmp_path: Path, cli: Cli, changes: dict[str, object], said: str
) -> None:
    (tmp_path / "scenes").mkdir()
    run = described(tmp_path / "runs/fold1", **changes)
    code, out, err = cli("train", "--like", run, "--out", tmp_path, "--name", "again")
    assert (code, out, len(err.splitlines())) == (1, "", 1) and said in err
    assert not (tmp_path / "again").exists()


@pytest.mark.slow
def test_what_was_typed_in_one_folder_is_found_from_another(
    tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs to begin with and to learn from, and code of one's own, by relative paths."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(own_code, "_AGREED", set())
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(here))])
    module = "nets_of_one_folder"
    (here / f"{module}.py").write_text(NETS)
    write_synthetic(here / "scenes", clips_per_class=8, clip_s=0.5, sample_rate_hz=8000)
    settings = [x for s in (*SMALL, "augment={}") for x in ("--set", s)]
    own = ["--set", f"model.name={module}:Net", "--set", "model.options={}"]
    asked = ("train", "nano", "--data", "scenes", "--fold", 1, "--out", "runs", *settings, *own)
    for name, *more in (["first"], ["second", "--init", "runs/first", "--teacher", "runs/first"]):
        code, _, err = cli(*asked, "--name", name, *more)
        assert code == 0, err
    run = read_run("runs/second")
    assert (run.init, run.teachers) == (str(here / "runs/first"), [str(here / "runs/first")])
    assert run.data == str(here / "scenes")
    resumed = ("--init", "./runs/first", "--teacher", here / "runs/first", "--resume")
    assert cli(*asked, "--name", "second", *resumed)[0] == 0  # the same, written in another way
    monkeypatch.chdir(there)
    sys.modules.pop(module)
    monkeypatch.setattr(own_code, "_AGREED", set())
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(here)])
    again = ("train", "--like", "../here/runs/second", "--out", "runs", "--name", "again")
    code, out, err = cli(*again)
    assert code == 0 and "the same weights" in out, err
    sys.modules.pop(module)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(here)])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "somebody"))  # who never named that code
    code, _, err = cli(*again[:-1], "third")
    assert code == 1 and f"no module {module}, nor is it in {there}" in err
    assert len(err.splitlines()) == 1
