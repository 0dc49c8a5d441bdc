"""Code that settings name: found in the current folder by its user alone, told of in one line."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import edge_asc as ea
from command import Cli
from edge_asc.config import own_code
from edge_asc.config.schema import load_preset
from edge_asc.models import build
from edge_asc.runtime.classifier import Classifier
from edge_asc.training.augment import extra
from small_run import SMALL

NETS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, n_scenes, width=4):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, width, 3), nn.Linear(width, n_scenes)

    def forward(self, x):
        return self.head(torch.relu(self.conv(x)).mean((2, 3)))

class Broken(Net):
    def __init__(self, n_classes):
        raise KeyError("nothing")

class Gated(Net):
    def forward(self, x):
        x = self.conv(x)
        return self.head(nn.functional.gelu(x).mean((2, 3)))

class Softmax(Net):
    def forward(self, x):
        x = self.conv(x)
        return self.head((x * torch.softmax(x, 3)).sum(3).mean(2))

def louder(raw, rng):
    return raw + float(rng.uniform(0, 1))

def longer(raw, rng):
    return raw[..., :-1]

def endless(raw, rng):
    return raw / 0

def failing(raw, rng):
    raise RuntimeError("no rain")
"""


@pytest.fixture
def module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[str]:
    """The name of a module in the current folder, that nobody has named before."""
    name = f"nets_{abs(hash(request.node.nodeid))}"
    (tmp_path / f"{name}.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(own_code, "_AGREED", set())
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(tmp_path))])
    yield name
    sys.modules.pop(name, None)


def forget(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in another process."""
    sys.modules.pop(module, None)
    monkeypatch.setattr(own_code, "_AGREED", set())
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)])


@pytest.mark.slow
def test_the_verbs_find_a_network_of_the_current_folder_again(
    module: str, scenes: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [x for s in SMALL for x in ("--set", s)]
    own = ["--set", f"model.name={module}:Net", "--set", "model.options.width=6"]
    own += ["--set", f"augment.extra={module}:louder", "--set", "model.abstract=false"]
    code, _, err = cli("train", "nano", "--data", scenes, "--fold", 1, "--out", tmp_path,
                       "--name", "own", *settings, *own)  # fmt: skip
    assert code == 0, err
    for line in (
        ["quantize", "own", "--ptq"],
        ["export", "own", "--int8", "--format", "all"],
        ["evaluate", "own", "--data", scenes, "--fold", 1],
        ["budget", "own"],
    ):
        forget(module, tmp_path, monkeypatch)
        code, _, err = cli(*line)
        assert code == 0, (line, err)
    file = tmp_path / "own/export/own-int8.tflite"
    assert Classifier.load(file).labels and ea.complexity(file).parameters == 6 * 9 + 6 + 70
    forget(module, tmp_path, monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "somebody"))  # who got the run folder
    code, _, err = cli("evaluate", "own", "--data", scenes, "--fold", 1)
    assert code == 1 and len(err.splitlines()) == 1
    assert f"{module}:Net is code in {tmp_path / module}.py, which would run as you" in err
    assert module not in sys.modules
    monkeypatch.syspath_prepend(str(tmp_path))  # knows the code
    assert cli("evaluate", "own", "--data", scenes, "--fold", 1)[0] == 0


def test_what_no_file_can_hold_is_said_before_it_is_trained(
    module: str, scenes: Path, tmp_path: Path, cli: Cli
) -> None:
    settings = [x for s in SMALL for x in ("--set", s)]
    for name, n_lines in (("Softmax", 1), ("Net", 0)):
        own = ["--set", f"model.name={module}:{name}", "--set", "model.abstract=false"]
        code, _, err = cli("train", "nano", "--data", scenes, "--fold", 1, "--out", tmp_path,
                           "--name", name, *settings, *own)  # fmt: skip
        assert code == 0 and (tmp_path / name / "weights.pt").is_file(), err
        notes = [line for line in err.splitlines() if "cannot be exported" in line]
        assert len(notes) == n_lines
        for line in notes:
            assert line.startswith("note: this network trains but cannot be exported: network ")
            assert f"{module}.py:25: softmax" in line


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("{}:Nott", "no Nott in "),
        ("{}x:Net", "no module {}x, nor is it in "),
        ("{}:", "expected package.module:Name"),
        ("{}:Broken", "cannot be built: KeyError: 'nothing' ({}.py:15)"),
        ("{}:louder", "neither a class of torch modules nor a function of n_scenes"),
        ("subprocess:run", "neither a class of torch modules nor a function of n_scenes"),
        ("os:system", "neither a class of torch modules nor a function of n_scenes"),
        ("torch.hub:load", "neither a class of torch modules nor a function of n_scenes"),
    ],
)
def test_what_cannot_be_imported_or_built_is_one_line(name: str, says: str, module: str) -> None:
    name = name.format(module)
    own_code.agree(name)
    with pytest.raises(ValueError) as caught:
        build(name, {}, 10)
    assert says.format(module) in str(caught.value) and "\n" not in str(caught.value)


def test_a_module_that_fails_says_where(module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text("x = 1\nraise RuntimeError('no')\n")
    own_code.agree(f"{module}:Net")
    with pytest.raises(ValueError, match=rf"fails: RuntimeError: no \({module}.py:2\)"):
        build(f"{module}:Net", {}, 10)


def test_options_of_the_presets_network_are_not_those_of_ones_own() -> None:
    config = load_preset("quickstart", ["model.name=m:Net", "model.options.width=3"])
    assert config.model.options == {"width": 3}
    assert load_preset("quickstart", ["model.name=slim"]).model.options != {}


@pytest.mark.parametrize(
    ("function", "says"),
    [
        ("longer", "gave [2, 1, 3, 4] float32, not [2, 1, 3, 5] float32"),
        ("endless", "gave numbers that are not finite"),
        ("failing", "fails: RuntimeError: no rain ("),
    ],
)
def test_an_augmentation_that_gives_no_batch_is_one_line(
    function: str, says: str, module: str
) -> None:
    name = f"{module}:{function}"
    own_code.agree(name)
    found = extra.find(name)
    with pytest.raises(ValueError) as caught:
        extra.applied(name, found, torch.ones(2, 1, 3, 5), np.random.default_rng(0))
    assert says in str(caught.value)


def test_an_augmentation_is_drawn_from_the_steps_generator(module: str) -> None:
    from edge_asc.config.schema import AugmentConfig
    from edge_asc.training.augment.features import Augmenter

    own_code.agree(f"{module}:louder")
    augment = Augmenter(AugmentConfig(extra=f"{module}:louder"), lambda raw: raw)
    raw, labels = torch.zeros(2, 1, 3, 5), (torch.eye(2),)
    shift = np.random.default_rng(3).uniform(0, 1)
    for _ in range(2):
        x, (same,) = augment(raw, labels, np.random.default_rng(3))
        torch.testing.assert_close(x, torch.full_like(raw, shift))
        assert torch.equal(same, labels[0])


def test_functions_of_a_process_have_a_name_in_it() -> None:
    name = extra.register(lambda raw, rng: raw + 1)
    assert "#" in name and extra.find(name)(torch.zeros(1), np.random.default_rng()) == 1
    with pytest.raises(ValueError, match="was an object of the process"):
        extra.find("somewhere:function#7")


def test_of_two_files_of_one_name_neither_is_taken(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is read elsewhere names code that its user has meant in two folders."""
    name = f"{module}:Net"
    for folder in (tmp_path, tmp_path / "other"):
        folder.mkdir(exist_ok=True)
        (folder / f"{module}.py").write_text(NETS)
        forget(module, folder, monkeypatch)
        monkeypatch.chdir(folder)
        own_code.agree(name)
        own_code.imported("model", name)
    away = tmp_path / "away"
    away.mkdir()
    for folder in (tmp_path, tmp_path / "other"):
        forget(module, folder, monkeypatch)
    monkeypatch.chdir(away)
    with pytest.raises(ValueError, match="was code in several folders; say which: PYTHONPATH="):
        own_code.imported("model", name)
    (tmp_path / "other" / f"{module}.py").unlink()
    assert own_code.imported("model", name).__module__ == module
    forget(module, tmp_path, monkeypatch)
    own_code.agree(name)  # who names it now means what is here
    with pytest.raises(ValueError, match=f"no module {module}, nor is it in {away}"):
        own_code.imported("model", name)
