"""Learning from teachers' embeddings: where they are taken, the loss, whole and resumed runs."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from command import Cli
from edge_asc.config.schema import AugmentConfig, load_preset
from edge_asc.export.run import export_run
from edge_asc.models.means import Members
from edge_asc.models.own import OwnNetwork
from edge_asc.training.losses.features import features_of, relative_error, scene_layer
from edge_asc.training.run_folder import load_network
from networks import CASES, Case
from own_networks import NETWORKS
from small_run import SMALL, train_run
from small_training import (
    CROP,
    N_MELS,
    Small,
    Stop,
    Stops,
    assert_same_weights,
    rows,
    small_fit,
    small_network,
)

WEIGHT = {"distill_feature_weight": 1.0}
EXAMPLE = torch.zeros(1, 1, N_MELS, CROP)


class Wide(nn.Module):
    """Another network than `Small`: three times as wide, and its head is a 1x1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 24, 5, stride=2)
        self.scene = nn.Conv2d(24, 3, 1)
        self.abstract = nn.Conv2d(24, 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.conv(x).relu()
        return tuple(head(x).mean((2, 3)) for head in (self.scene, self.abstract))


def wide(seed: int = 0) -> Wide:
    torch.manual_seed(seed)
    return Wide()


ONE_EMBEDDING = [case for case in CASES if case.name != "members"]
LAYERS = {  # by network: the layer that makes the scenes' logits
    "compact": "scene",
    "slim": "scene",
    "resnet-light": "scene",
    "pretrained": "scene",
}


@pytest.mark.parametrize("case", ONE_EMBEDDING, ids=str)
def test_every_network_has_an_embedding(case: Case) -> None:
    """What stands behind it are the scenes' logits, and nothing that it has left behind."""
    network, x = case.network().train(), case.inputs()
    modes = {name: module.training for name, module in network.named_modules()}
    layer = scene_layer(network, x[:1])
    assert {name: module.training for name, module in network.named_modules()} == modes
    if case.name in LAYERS:
        assert layer is network.get_submodule(LAYERS[case.name])
    network.eval()
    with features_of(network, [network], x[:1]) as features:
        logits = network(x)[0]
        embedding = features.student.take()
        assert embedding.shape == (len(x), features.student.size)
        if isinstance(layer, nn.Linear):
            torch.testing.assert_close(layer(embedding), logits)
    assert not any(module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_one_s_own_need_not_say_where_it_is(name: str) -> None:
    """Behind it stands one layer: what it gives, averaged where it is a map, are the logits."""
    network = OwnNetwork(NETWORKS[name]()).eval()
    x = torch.randn(3, 1, 64, 60)
    with features_of(network, [network], x[:1]) as features:
        logits = network(x)[0]
        embedding = features.student.take()
        weight, *bias = features.student.layer.parameters()
        torch.testing.assert_close(embedding @ weight.flatten(1).T + sum(bias), logits)


def test_of_two_heads_it_is_the_scenes() -> None:
    network = small_network()
    assert scene_layer(network, EXAMPLE) is network.scene
    assert scene_layer(wide(), EXAMPLE).weight.shape == (3, 24, 1, 1)


def test_a_map_is_averaged() -> None:
    network, x = wide().eval(), torch.randn(4, 1, N_MELS, CROP)
    with features_of(network, [], EXAMPLE) as features:
        network(x)
        wanted = network.conv(x).relu().mean((2, 3))
        torch.testing.assert_close(features.student.take(), wanted)


def test_a_network_without_such_a_layer_is_refused() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.aside = nn.Conv2d(1, 3, 3), nn.Linear(20, 2)

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return self.conv(x).mean((2, 3)), self.aside(x).mean((1, 2))

    with pytest.raises(ValueError, match="Bare has no Linear or 1x1 Conv2d before its logits"):
        scene_layer(Bare(), EXAMPLE)


def test_joined_networks_have_no_embedding_of_their_own() -> None:
    both = Members([small_network(0), small_network(1)])
    with pytest.raises(ValueError, match="Members has several last layers before its logits"):
        scene_layer(both, EXAMPLE)


def test_the_loss_is_zero_for_a_network_that_is_its_teacher_and_one_for_silence() -> None:
    network, x = small_network().eval(), torch.randn(4, 1, N_MELS, CROP)
    with features_of(network, [network], EXAMPLE) as features:
        network(x)
        assert features().item() == 0.0  # the projection begins with the identity
    wanted = torch.randn(5, 7)
    assert float(relative_error(torch.zeros(5, 7), wanted)) == pytest.approx(1.0)
    assert float(relative_error(1e3 * wanted + 1e3, 1e3 * wanted)) == pytest.approx(
        float(relative_error(wanted + 1, wanted)), rel=1e-5
    )
    assert float(relative_error(torch.zeros(5, 7), torch.zeros(5, 7))) == 0.0


def test_several_teachers_count_alike_each_behind_its_own_projection() -> None:
    student, teachers = small_network(), [wide(1).eval(), small_network(2).eval()]
    x = torch.randn(4, 1, N_MELS, CROP)
    alone = []
    for some in ([teachers[0]], [teachers[1]], teachers):
        with features_of(student.eval(), some, EXAMPLE) as features:
            for network in (student, *some):
                network(x)
            assert [p.weight.shape for p in features.projections] == [  # type: ignore[union-attr]
                (teacher.scene.weight.shape[1], 8) for teacher in some
            ]
            alone.append(features().item())
    assert alone[2] == pytest.approx((alone[0] + alone[1]) / 2)


@pytest.mark.parametrize("balance", ["fixed", "gradnorm"])
def test_every_parameter_learns(balance: str, tmp_path: Path) -> None:
    """Of the student and of the projections; by embeddings alone all but the heads."""
    student, x = small_network(), torch.randn(4, 1, N_MELS, CROP)
    with features_of(student, [wide()], EXAMPLE) as features:
        student.train()(x)
        features.teachers[0]._input = torch.randn(4, 24)
        features().backward()
        reached = {n for n, p in student.named_parameters() if p.grad is not None}
        heads = {n for n, _ in student.named_parameters() if n.startswith(("scene", "abstract"))}
        assert reached == {n for n, _ in student.named_parameters()} - heads
        assert all(p.grad is not None and p.grad.any() for p in features.parameters())
    before = small_network().state_dict()
    small_fit(tmp_path, student := small_network(), epochs=1, teachers=[wide()], balance=balance,
              **WEIGHT)  # fmt: skip
    for name, _ in student.named_parameters():
        assert not torch.equal(before[name], student.state_dict()[name]), name
    assert not student.scene._forward_pre_hooks
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    kept = saved["features.projections.0.weight"]
    assert kept.shape == (24, 8) and not torch.equal(kept, torch.eye(24, 8))


def test_the_embedding_comes_nearer_to_the_teacher_s(tmp_path: Path) -> None:
    """From what a network that was not trained is left with, the teacher's mean at best."""
    fitted = small_fit(tmp_path, epochs=15, teachers=[wide()], scene_weight=1e-9,
                       abstract_weight=1e-9, augment=AugmentConfig(), **WEIGHT)  # fmt: skip
    first, *_, last = [row["train_loss"] for row in fitted.rows]
    assert last < 0.5 * first


def test_without_weight_nothing_changes(tmp_path: Path) -> None:
    plain = small_fit(tmp_path / "a", epochs=1, teachers=[wide()])
    assert "features" not in str(
        torch.load(tmp_path / "a/last.ckpt", weights_only=True)["state_dict"].keys()
    )
    tiny = small_fit(tmp_path / "b", epochs=1, teachers=[wide()], distill_feature_weight=1e-30,
                     clip_norm=0.0)  # fmt: skip
    unclipped = small_fit(tmp_path / "c", epochs=1, teachers=[wide()], clip_norm=0.0)
    assert_same_weights(tiny.network.state_dict(), unclipped.network.state_dict())
    assert set(plain.network.state_dict()) == set(small_network().state_dict())


def test_resumed_it_ends_with_the_same_weights_projections_and_rows(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"epochs": 3, "teachers": [wide(), small_network(5)], **WEIGHT}
    whole = small_fit(tmp_path / "whole", **settings)
    with pytest.raises(Stop):  # five steps an epoch
        small_fit(tmp_path / "cut", Stops(at_step=8), **settings)
    again = small_fit(tmp_path / "cut", small_network(seed=7), resume=True, **settings)
    assert_same_weights(whole.network.state_dict(), again.network.state_dict())
    assert rows(tmp_path / "whole") == rows(tmp_path / "cut")
    states = [torch.load(tmp_path / name / "last.ckpt", weights_only=True)["state_dict"]
              for name in ("whole", "cut")]  # fmt: skip
    assert_same_weights(*states)


STILL = ("train.learning_rate=1e-60", "train.warmup_from=0", "train.weight_decay=0", "train.ema=0")
SETTINGS = [x for setting in (*SMALL, *STILL) for x in ("--set", setting)]


def test_a_file_has_no_trace_of_it(scenes: Path, tmp_path: Path, cli: Cli) -> None:
    """A rate that is 0 in float32 leaves the weights: the files are the same, byte for byte."""
    teacher = train_run(tmp_path / "teacher", scenes, "nano")
    folders = [tmp_path / name / "run" for name in ("without", "with")]
    for folder, weight in zip(folders, (0, 1), strict=True):
        place = ("--data", scenes, "--fold", 1, "--out", folder.parent, "--name", "run")
        weighed = ("--set", f"train.distill_feature_weight={weight}")
        code, _, err = cli("train", "nano", *place, "--teacher", teacher, *SETTINGS, *weighed)
        assert code == 0, err
    assert_same_weights(*(load_network(folder).state_dict() for folder in folders))
    descriptions = [json.loads((folder / "run.json").read_text()) for folder in folders]
    descriptions[1]["provenance"] = descriptions[0]["provenance"]  # another second and command
    (folders[1] / "run.json").write_text(json.dumps(descriptions[1]))
    files = [export_run(folder, precision="float32")[0].path.read_bytes() for folder in folders]
    assert files[0] == files[1]


def test_int8_training_takes_it_up(scenes: Path, tmp_path: Path, cli: Cli) -> None:
    run = train_run(tmp_path / "run", scenes, "nano")
    more = ["--teacher", run, "--set", "train.distill_feature_weight=1"]
    code, _, err = cli("quantize", run, *more)
    assert code == 0, err
    settings = json.loads((run / "quantized" / "quantize.json").read_text())
    assert settings["config"]["train"]["distill_feature_weight"] == 1
    saved = torch.load(run / "quantized" / "last.ckpt", weights_only=True)["state_dict"]
    learned = saved["features.projections.0.weight"]
    assert learned.shape[0] == learned.shape[1]
    weights = torch.load(run / "quantized" / "weights.pt", weights_only=True)
    assert not any("features" in name for name in weights)
    assert cli("export", run, "--int8")[0] == 0


def test_a_network_without_one_is_refused_before_anything_is_written(
    scenes: Path, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bare_networks.py").write_text(
        "from torch import nn\n\n\n"
        "def bare(n_scenes: int) -> nn.Module:\n"
        "    layers = nn.Conv2d(1, n_scenes, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()\n"
        "    return nn.Sequential(*layers)\n"
    )
    monkeypatch.chdir(tmp_path)
    teacher = train_run(tmp_path / "teacher", scenes, "nano")
    more = ("model.name=bare_networks:bare", "train.distill_feature_weight=1")
    settings = [*SETTINGS, *(word for setting in more for word in ("--set", setting))]
    place = ("--data", scenes, "--fold", 1)
    code, out, err = cli("train", "nano", *place, "--teacher", teacher, *settings)
    assert (code, out) == (1, "") and "Sequential has no Linear or 1x1 Conv2d" in err
    assert err.count("\n") == 1 and not list(tmp_path.glob("edge-asc-runs/*"))


def test_what_it_needs_is_said(scenes: Path, tmp_path: Path, cli: Cli) -> None:
    with pytest.raises(ValueError, match=r"needs train\.compile = false"):
        load_preset("nano", ["train.distill_feature_weight=1", "train.compile=true"])
    with pytest.raises(ValueError, match="distill_feature_weight"):
        load_preset("nano", ["train.distill_feature_weight=-1"])
    code, _, err = cli("train", "nano", "--data", scenes, "--fold", 1, "--out", tmp_path,
                       "--set", "train.distill_feature_weight=1", *SETTINGS)  # fmt: skip
    assert code == 1 and "needs a teacher that is a run" in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_step_that_stops_leaves_no_hook(tmp_path: Path) -> None:
    student = Stops(at_step=2)
    with pytest.raises(Stop):
        small_fit(tmp_path, student, epochs=1, teachers=[wide()], **WEIGHT)
    assert isinstance(student, Small) and not student.scene._forward_pre_hooks
