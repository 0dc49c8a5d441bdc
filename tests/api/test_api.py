"""`import edge_asc as ea`: light until a name needs more, documented, typed; presets and costs."""

import ast
import doctest
import inspect
import json
import os
import pydoc
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_asc as ea
import own_networks
from command import Cli
from edge_asc.runtime.answers.answer import Answer
from edge_asc.runtime.answers.stream import Stream
from own_networks import sequential
from tiny_models import write_tone
from warm_start import Started

PACKAGE = Path(ea.__file__).parent
TESTS = str(Path(own_networks.__file__).parent)  # in which they can be imported
ZOO = "esc10-32k"


def python(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints that finds the networks of the tests."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": TESTS},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_door_is_light_and_so_are_names_that_need_no_torch() -> None:
    code = """
import sys
import edge_asc as ea
heavy = {"torch", "numpy", "msgspec", "soundfile"}
print(sorted(heavy & set(sys.modules)))
ea.load("esc10-32k"), ea.zoo(), ea.preset("nano"), ea.complexity("esc10-32k").bytes
ea.Run, ea.train, ea.evaluate, ea.open_dataset, ea.Classifier, ea.FrontEnd
print("torch" in sys.modules)
"""
    assert python(code).split("\n")[:2] == ["[]", "False"]


def test_the_base_installation_runs_files(tmp_path: Path) -> None:
    """Without torch, and without `tomllib`, which Python 3.10 does not have."""
    clip = write_tone(tmp_path / "clip.wav", "low")
    code = """
import sys
sys.modules |= dict.fromkeys(("torch", "tomllib", "matplotlib", "onnx"))
import edge_asc as ea
clf = ea.load("esc10-32k")
clip = sys.argv[1]
assert clf(clip).label in clf.labels and clf.embed(clip).ndim == 1 and clf.stream().flush() == []
assert ea.complexity(clf.path, rule="edge-128k").ok
ea.open_dataset, ea.evaluate, ea.FrontEnd
print("runs")
"""
    assert python(code, str(clip)) == "runs\n"


def test_all_names_resolve_and_dir_shows_them() -> None:
    assert 12 <= len(ea.__all__) <= 20
    assert set(ea.__all__) < set(dir(ea)) <= {*ea.__all__, "__doc__", "__version__"}
    assert all(callable(getattr(ea, name)) for name in ea.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        _ = ea.lode  # type: ignore[attr-defined]


def test_type_checkers_read_the_same_table() -> None:
    tree = ast.parse(Path(ea.__file__).read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    typed = {a.name: n.module for n in imports if n.module != "typing" for a in n.names}
    at_run_time = {name: f"edge_asc.{place}" for name, place in ea._WHERE.items() if place}
    assert typed == at_run_time | {"quantize": "edge_asc.quantize.qat"}


def test_no_other_name_is_that_of_a_package() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert packages & {*ea.__all__} == {"quantize"}


@pytest.mark.parametrize(
    "order",
    [
        "import edge_asc.quantize.qat; import edge_asc as ea",
        "import edge_asc as ea; ea.quantize; import edge_asc.quantize.qat",
        "from edge_asc.quantize import qat; from edge_asc import quantize; import edge_asc as ea",
    ],
)
def test_quantize_is_a_package_and_a_call_in_any_order(order: str) -> None:
    code = f"""{order}
import sys
import torch
import own_networks
graph = ea.trace(own_networks.sequential(), 32)
quantised = ea.quantize(graph, [torch.randn(2, 1, 32, 32)])
assert ea.quantize is sys.modules["edge_asc.quantize"]
assert ea.freeze(quantised).is_quantised and ea.quantize.qat.freeze is ea.freeze
print("both")
"""
    done = Started(code)
    assert (done.ended(), done.output) == (0, "both\n"), done.errors


@pytest.mark.parametrize("name", ea.__all__)
def test_help_says_what_one_gives_and_gets(name: str) -> None:
    thing = getattr(ea, name)
    text = pydoc.render_doc(thing, renderer=pydoc.plaintext)
    assert "Example:" in text and ">>> " in text
    if not inspect.isclass(thing):
        parameters = inspect.signature(thing).parameters
        assert ("Args:" in text) == bool(parameters)
        assert "Raises:" in text or len(parameters) <= 1


@pytest.fixture(scope="module")
def place(
    trained_run: Path, scenes: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder with what the examples speak of: dog.wav, scenes/, run/."""
    folder = tmp_path_factory.mktemp("examples")
    write_tone(folder / "dog.wav", "middle", seconds=6)
    (folder / "scenes").symlink_to(scenes)
    shutil.copytree(trained_run, folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ea.__all__, "Answer", "Stream"])
def test_examples_of_the_docstrings_run(name: str, place: Path) -> None:
    classes = {"Answer": Answer, "Stream": Stream}
    thing = classes.get(name) or getattr(ea, name)
    finder = doctest.DocTestFinder(recurse=not inspect.ismodule(thing))
    runner, globs = doctest.DocTestRunner(), {"ea": ea, "np": np}
    found = [t for t in finder.find(thing, name, False, globs) if t.examples]
    assert found
    for test in found:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_settings_have_short_and_full_names() -> None:
    config = ea.preset("nano", epochs=7, n_mels=32, crop_s=2, range_clips=5, rule="dcase2024")
    assert (config.train.epochs, config.front_end().n_mels, config.data.crop_s) == (7, 32, 2.0)
    assert (config.quantize.range_clips, config.rule) == (5, "dcase2024")
    assert config == ea.preset(
        "nano",
        **{"train.epochs": 7, "frontend.n_mels": 32, "data.crop_s": 2.0},
        **{"quantize.range_clips": 5, "rule": "dcase2024"},
    )


@pytest.mark.parametrize(
    ("name", "settings", "line"),
    [
        ("esc10/33k", {}, "no preset 'esc10/33k'; did you mean esc10/32k?"),
        ("nano", {"epoch": 3}, "nano: no setting 'epoch'; did you mean train.epochs?"),
        ("nano", {"train.epoch": 3}, "nano: unknown key train.epoch; did you mean train.epochs?"),
        (
            "nano",
            {"train.n_mels": 3},
            "nano: unknown key train.n_mels; did you mean frontend.n_mels?",
        ),
        ("nano", {"epochs": "3"}, "nano: train.epochs = '3': expected int, got str"),
        ("nano", {"name.x": 3}, "nano: name.x: name is a value, not a section"),
    ],
)
def test_unknown_presets_and_settings_are_one_line(
    name: str, settings: dict[str, Any], line: str
) -> None:
    with pytest.raises(ValueError) as caught:
        ea.preset(name, **settings)
    assert str(caught.value) == line


@pytest.mark.parametrize("target", [ZOO, "nano"])
def test_complexity_is_what_the_command_counts(target: str, cli: Cli) -> None:
    asked = target if target == "nano" else ea.load(target).path
    _, out, _ = cli("budget", asked, "--rule", "all", "--json")
    (told,) = json.loads(out)
    found = ea.complexity(target, rule="all")
    assert (found.bytes, found.parameters) == (told["file_bytes"], told["parameters"])
    assert (found.macs, found.macs_per_s, found.ok) == (
        told["macs"],
        told["macs_per_s"],
        told["ok"],
    )
    assert [layer.name for layer in found.layers] == [layer["name"] for layer in told["layers"]]
    values = {rule: [v.value for v in verdicts] for rule, verdicts in found.verdicts.items()}
    assert values == {r: [v["value"] for v in e["verdicts"]] for r, e in told["rules"].items()}
    for text in (str(found), found._repr_html_()):
        assert f"{found.macs:,}" in text and "dcase2024" in text


def test_a_configuration_costs_what_its_preset_costs() -> None:
    assert ea.complexity(ea.preset("nano")).inventory == ea.complexity("nano").inventory
    more = ea.complexity(ea.preset("nano", **{"model.options": {"channels": [8, 8, 12, 16, 32]}}))
    assert more.parameters > ea.complexity("nano").parameters


def test_a_module_is_counted_by_its_input() -> None:
    network = sequential(10)
    found = ea.complexity(network, input=(1, 64, 100), input_s=2.0, rule="dcase2024")
    assert found.parameters == sum(p.numel() for p in network.parameters())
    assert found.macs_per_s == -(-found.macs // 2) and found.ok and found.bytes is None
    assert ea.complexity(network, input=(1, 64, 200)).macs > found.macs
    with pytest.raises(ValueError, match="say what the module takes"):
        ea.complexity(network)
    with pytest.raises(ValueError, match="say input_s"):
        ea.complexity(network, input=(1, 64, 100), rule="dcase2024")
    with pytest.raises(ValueError, match="go with a torch module"):
        ea.complexity(ZOO, input=(1, 64, 100))
