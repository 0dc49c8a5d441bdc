"""Checkpoints of the paper's public code: converted exactly, or refused in one line."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

import edge_asc.training.start_from.public as importing
from command import Cli
from edge_asc.data.labels import TAU_SCENES
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.export import parity
from edge_asc.export.run import export_run
from edge_asc.models import build
from edge_asc.quantize.run import quantize_run
from edge_asc.runtime.metadata import read_metadata
from edge_asc.training.run_folder import load_network, read_run
from edge_asc.training.start_from.public_labels import read_order
from edge_asc.training.start_from.public_names import convert, layer_pairs, read_checkpoint
from public_network import State, logits, random_state

N_EXAMPLES = 2  # each is run in six files
CLOSE = 1e-5  # of the largest logit: float32 sums in another order

network = build("full", {}, 10, 3).eval()  # of the paper's size, its weights replaced


@torch.no_grad()
@pytest.mark.parametrize("seed", range(2))
def test_logits_are_those_of_the_second_implementation(seed: int) -> None:
    theirs = random_state(seed)
    network.load_state_dict(convert(theirs, network))
    x = torch.randn(2, 1, 256, 251)
    scene, abstract = network(x)
    their_abstract, their_scene = logits(theirs, x)
    for ours, expected in ((scene, their_scene), (abstract, their_abstract)):
        assert expected.std(dim=0).min() > 100 * CLOSE  # two inputs are told apart
        assert (ours - expected).abs().max() <= CLOSE * expected.abs().max()


def test_every_layer_is_in_the_table_once() -> None:
    pairs = list(layer_pairs(random_state()))
    theirs, ours = zip(*pairs, strict=True)
    assert len(set(theirs)) == len(set(ours)) == len(pairs) == 44
    with_numbers = {key.rpartition(".")[0] for key in network.state_dict()}
    assert set(ours) == with_numbers
    assert set(theirs) == {key.rpartition(".")[0] for key in random_state()}


@torch.no_grad()
def test_two_layers_of_a_block_may_have_any_name() -> None:
    usual, other = (convert(random_state(0, *n), network) for n in (("conv", "bn"), ("b", "norm")))
    assert all(torch.equal(usual[key], other[key]) for key in usual)


def without(key: str) -> Callable[[State], None]:
    return lambda state: state.__delitem__(key)


def with_tensor(key: str, *shape: int, fill: float = 0.0) -> Callable[[State], None]:
    return lambda state: state.update({key: torch.full(shape, fill)})


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (without("features.0.filter.bias"), "features.0.filter.bias is missing"),
        (without("features.8.running_var"), "features.8.running_var is missing"),
        (without("features.5.bn.weight"), "features.5.bn.weight is missing"),
        (without("features3.0.conv.filter.weight"), "features3.0.conv.filter.weight is missing"),
        (lambda state: state.clear(), r"features.0.filter.weight is missing \(\d+ more like it\)"),
        (with_tensor("features.2.conv_b.weight", 3), "features.2.conv_b.weight is no layer of"),
        (with_tensor("fc2.weight", 10, 100), "fc2.weight is no layer of the network"),
        (with_tensor("total_ops", 1), "total_ops is no layer of the network"),
        (
            with_tensor("features.0.filter.weight", 64, 1, 3, 3),
            r"features.0.filter.weight has the shape \[64, 1, 3, 3\], expected \[64, 1, 7, 3\]",
        ),
        (
            with_tensor("features.2.cbam.ChannelGate.mlp.1.weight", 3, 48, 1, 1),
            r"mlp.1.weight has the shape \[3, 48, 1, 1\], expected \[3, 48\]",
        ),
        (with_tensor("fc_last.bias", 10, fill=torch.nan), "fc_last.bias holds NaN or infinite"),
    ],
)
def test_what_does_not_fit_is_named(change: Callable[[State], None], line: str) -> None:
    theirs = random_state()
    change(theirs)
    with pytest.raises(ValueError, match=f"^[^\n]*{line}[^\n]*$"):
        convert(theirs, network)


WRAPPED: dict[str, Callable[[State], Any]] = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "model_state_dict": lambda state: {"model_state_dict": state, "loss": 0.5},
    "model": lambda state: {"model": state},
    "beside an accuracy": lambda state: {"state_dict": state, "best": np.float64(0.7)},
    "DataParallel": lambda state: {f"module.{k}": v for k, v in state.items()},
    "both": lambda state: {"state_dict": {f"model.module.{k}": v for k, v in state.items()}},
    "half": lambda state: {k: v.half() if v.is_floating_point() else v for k, v in state.items()},
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_usual_wrappers_are_opened(wrap: Callable[[State], Any], tmp_path: Path) -> None:
    theirs = random_state()
    torch.save(wrap(theirs), tmp_path / "w.pt")
    found = read_checkpoint(tmp_path / "w.pt")
    assert list(found) == list(theirs)
    assert torch.allclose(found["fc_last.weight"].float(), theirs["fc_last.weight"], atol=1e-3)


def test_files_of_numpy_1_are_read(tmp_path: Path) -> None:
    """It kept what rebuilds its numbers in another module."""
    torch.save({"state_dict": random_state(), "best": np.float64(0.7)}, tmp_path / "w.pt")
    with ZipFile(tmp_path / "w.pt") as new, ZipFile(tmp_path / "old.pt", "w") as old:
        for name in new.namelist():
            data = new.read(name)
            old.writestr(name, data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert (tmp_path / "old.pt").stat().st_size < (tmp_path / "w.pt").stat().st_size
    assert read_checkpoint(tmp_path / "old.pt").keys() == random_state().keys()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (nn.Linear(2, 3), r"holds a pickled torch\.nn\.modules\.linear\.Linear, not only tensors"),
        ([1, 2], "holds a list, not a state dict"),
        ({"epoch": 3, "optimizer": {}}, r"no state dict, .*; found epoch \(int\), optimizer"),
        ({}, "no state dict"),
        (b"PK\x03\x04 damaged", "not a checkpoint of torch"),
        (b"", "not a checkpoint of torch"),
    ],
)
def test_other_files_say_what_they_hold(content: Any, line: str, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    code, out, err = cli("import-public", file, "--out", tmp_path / "run")
    assert (code, out) == (1, "")
    assert re.fullmatch(rf"edge-asc: [^\n]*w\.pt: [^\n]*{line}[^\n]*\n", err), err
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("public")
    torch.save({"state_dict": random_state()}, folder / "best.pt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "N_EXAMPLES", N_EXAMPLES)
        return importing.import_public(folder / "best.pt", folder / "run")


@torch.no_grad()
def test_a_run_has_their_weights_and_says_where_they_are_from(imported: Path) -> None:
    run = read_run(imported)
    assert tuple(run.labels) == TAU_SCENES
    assert run.abstract_labels == ["indoor", "outdoor", "transportation"]
    assert (run.dataset, run.fold, run.n_frames) == ("TAU 2020 Mobile", 1, 251)
    assert run.provenance["imported"]["file"] == "best.pt"
    x = torch.from_numpy(np.load(imported / "examples.npy"))[:2, None]
    assert x.shape == (2, 1, 256, 251)
    abstract, scene = logits(random_state(), x)
    for ours, expected in zip(load_network(imported)(x), (scene, abstract), strict=True):
        assert (ours - expected).abs().max() <= CLOSE * expected.abs().max()


def test_a_taken_folder_and_another_data_set_are_told(
    cli: Cli, imported: Path, scenes: Path, tmp_path: Path
) -> None:
    file = imported.parent / "best.pt"
    code, _, err = cli("import-public", file, "--out", imported)
    assert code == 1 and "holds a run already" in err
    code, _, err = cli("import-public", file, "--out", tmp_path / "run", "--data", scenes)
    assert code == 1 and "was made for TAU 2020 Mobile, this is synthetic" in err
    code, _, err = cli("import-public", tmp_path / "no.pt", "--out", tmp_path / "run")
    assert code == 1 and "no.pt" in err
    code, _, err = cli("quantize", imported, "--ptq")
    assert code == 1 and "name one with --data" in err
    code, _, err = cli("quantize", imported, "--ptq", "--data", scenes)
    assert code == 1 and "scenes of synthetic are not those of" in err


# Neither alphabetical nor reversed: an order read backwards would not pass.
ORDER = ("tram", "airport", "street_traffic", "bus", "park", "metro_station", "shopping_mall",
         "public_square", "metro", "street_pedestrian")  # fmt: skip


def meta_list(path: Path) -> Path:
    """TAU's meta list of some clips, scenes first appearing in `ORDER`; its last ones twice."""
    scenes = (*ORDER, *reversed(ORDER))
    rows = [f"audio/{s}-paris-1-{n}-a.wav\t{s}\tparis-1\ta" for n, s in enumerate(scenes)]
    path.write_text("\n".join(["filename\tscene_label\tidentifier\tsource_label", *rows]))
    return path


def name_list(path: Path) -> Path:
    path.write_text("\n".join(ORDER) + "\n")
    return path


@pytest.mark.parametrize("way", ["names", "meta list", "name list"])
def test_an_order_is_read(way: str, tmp_path: Path) -> None:
    given = {
        "names": ", ".join(ORDER),
        "meta list": str(meta_list(tmp_path / "meta.csv")),
        "name list": str(name_list(tmp_path / "names.txt")),
    }
    assert read_order(given[way]) == ORDER


@torch.no_grad()
def test_scenes_of_another_order_have_their_own_logits(
    cli: Cli, imported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint whose output k is ORDER[k]: the run's output for a scene is that one's."""
    monkeypatch.setattr(importing, "N_EXAMPLES", N_EXAMPLES)
    command = ("import-public", imported.parent / "best.pt", "--out")
    code, out, err = cli(*command, tmp_path / "unsaid")
    assert code == 0 and "took the scenes in alphabetical order" in err
    code, out, err = cli(*command, tmp_path / "run", "--labels", meta_list(tmp_path / "meta.csv"))
    assert (code, out, err) == (0, f"run {tmp_path / 'run'}\n", "")
    run = read_run(tmp_path / "run")
    assert run.provenance["imported"]["scenes"] == list(ORDER)
    x = torch.from_numpy(np.load(tmp_path / "run" / "examples.npy"))[:2, None]
    abstract, scene = logits(random_state(), x)
    found = load_network(tmp_path / "run")(x)
    for name, column in zip(run.labels, found[0].T, strict=True):
        expected = scene[:, ORDER.index(name)]
        assert (column - expected).abs().max() <= CLOSE * scene.abs().max()
    assert (found[1] - abstract).abs().max() <= CLOSE * abstract.abs().max()


@pytest.mark.parametrize(
    ("labels", "line"),
    [
        (",".join(ORDER[:9]), "9 of 10 scenes; missing street_pedestrian"),
        (",".join((*ORDER, "tram")), "tram is there twice"),
        (",".join((*ORDER, "beach")), "'beach' is no file and no scene; the scenes are airport, "),
        ("nowhere/meta.csv", "'nowhere/meta.csv' is no file and no scene"),
        ("", "'' is no file and no scene"),
    ],
)
def test_a_wrong_order_is_one_line(
    labels: str, line: str, cli: Cli, imported: Path, tmp_path: Path
) -> None:
    file = imported.parent / "best.pt"
    code, out, err = cli("import-public", file, "--out", tmp_path / "run", "--labels", labels)
    assert (code, out) == (1, "")
    assert err.startswith("edge-asc: labels ") and line in err and err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_file_of_wrong_names_is_one_line(tmp_path: Path) -> None:
    meta_list(tmp_path / "meta.csv")
    text = (tmp_path / "meta.csv").read_text().replace("\ttram\t", "\ttrams\t")
    (tmp_path / "meta.csv").write_text(text)
    with pytest.raises(ValueError, match=r"^labels [^\n]*meta\.csv: 'trams' is no [^\n]*$"):
        read_order(str(tmp_path / "meta.csv"))


@pytest.fixture(scope="module")
def tau(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three training and three test clips of noise in TAU's layout, 6 s each."""
    root = tmp_path_factory.mktemp("tau")
    (root / "audio").mkdir()
    (root / "evaluation_setup").mkdir()
    for part, city in (("train", "barcelona"), ("evaluate", "paris")):
        names = [f"audio/{scene}-{city}-1-1-a.wav" for scene in TAU_SCENES[:3]]
        lines = [f"{name}\t{scene}" for name, scene in zip(names, TAU_SCENES, strict=False)]
        table = "\n".join(["filename\tscene_label", *lines])
        (root / f"evaluation_setup/fold1_{part}.csv").write_text(table)
        for seed, name in enumerate(names):
            noise = np.random.default_rng(seed).normal(scale=0.1, size=6 * 44100)
            soundfile.write(root / name, noise, 44100, subtype="PCM_16")
    return root


def test_the_run_is_evaluated_quantised_and_exported(
    imported: Path, tau: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Random weights amplify what a kernel rounds to the other side: 7 steps on AVX2 without VNNI,
    # where taught networks differ by 2.
    monkeypatch.setattr(parity, "MOST_STEPS", 12.0)
    figures = evaluate(imported, tau).figures
    assert (figures["clips"], figures["fold"], figures["dataset"]) == (3, 1, "TAU 2020 Mobile")
    quantize_run(imported, ptq=True, data=tau, overrides=["quantize.range_clips=4"],
                 progress=False)  # fmt: skip
    for precision in ("float32", "float16", "int8"):
        files = export_run(
            imported, precision=precision, formats=("tflite", "onnx"), enforced=False
        )
        assert [file.parity["clips"] for file in files] == [N_EXAMPLES, N_EXAMPLES]
        assert read_metadata(files[0].path).provenance["imported"]["file"] == "best.pt"
    assert len(json.loads((imported / "export" / "parity.json").read_text())) == 6
