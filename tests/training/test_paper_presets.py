"""One preset per row of the paper's tables: amfm-full's recipe but for what the row is about."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from edge_asc.config.schema import PRESETS, load_preset
from edge_asc.models import build
from edge_asc.models.blocks import Style
from edge_asc.training.inputs.batches import Epochs, FeatureStore
from edge_asc.training.step import build_optimizer

ROWS = [name for name in PRESETS if name.startswith("paper/")]
# Of all rows: every official training clip trains.
COMMON = {"name", "data.val_fraction"}
SINGLE = {"model.name", "model.abstract", "train.scene_weight"}
ABOUT = {
    "table1": {*SINGLE, "model.options.unit", "model.options.attention", "model.options.combine"},
    "table2": {*SINGLE, "data.target"},
    "table3": {"train.scene_weight", "train.balance"},
}


def differences(a: Any, b: Any, key: str = "") -> Iterator[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        for name in {**a, **b}:
            yield from differences(a.get(name), b.get(name), f"{key}.{name}".strip("."))
    elif a != b:
        yield key


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_the_recipe_but_for_what_it_is_about(row: str) -> None:
    recipe, config = (load_preset(name).to_dict() for name in ("amfm-full", row))
    changed = set(differences(recipe, config))
    assert {"name", "data.val_fraction"} <= changed
    assert changed <= COMMON | ABOUT[row.removeprefix("paper/").split("-")[0]]
    assert config["data"]["val_fraction"] == 0


TRUNKS = {
    "relu": ("relu", "none"),
    "relu-cbam": ("relu", "cbam", "replace"),
    "leaky-relu": ("leaky-relu", "none"),
    "leaky-relu-cbam": ("leaky-relu", "cbam", "replace"),
    "mfm": ("mfm", "none"),
    "mfm-cbam": ("mfm", "cbam", "replace"),
    "amfm": ("mfm", "cbam", "max"),
}


def test_table_1_compares_four_trunks_with_and_without_attention() -> None:
    found = {row.removeprefix("paper/table1-"): row for row in ROWS if "table1" in row}
    assert set(found) == set(TRUNKS)
    for trunk, row in found.items():
        config = load_preset(row)
        assert Style(**config.model.options) == Style(*TRUNKS[trunk])
        # One task, so its loss counts once.
        assert (config.model.name, config.model.abstract) == ("single", False)
        assert config.train.scene_weight == 1


def test_table_2_has_the_papers_networks() -> None:
    networks = {"none": "single", "conventional": "conventional", "extended": "full",
                "sequential": "sequential"}  # fmt: skip
    for row, network in networks.items():
        model = load_preset(f"paper/table2-{row}").model
        assert (model.name, model.abstract) == (network, network != "single")
        build(model.name, model.options, 10, 3 if model.abstract else 0)
    assert load_preset("paper/table2-extended").train.scene_weight == 5


def test_pre_training_has_one_network_for_two_targets() -> None:
    first, then = (load_preset(f"paper/table2-{row}") for row in ("abstract", "pretraining"))
    assert first.model == then.model == load_preset("paper/table1-amfm").model
    assert (first.data.target, then.data.target) == ("abstract", "scene")


def test_gradnorm_differs_from_the_ratios_in_who_weighs() -> None:
    balanced, fixed = (load_preset(f"paper/table3-{row}") for row in ("gradnorm", "1-5"))
    assert (balanced.train.balance, fixed.train.balance) == ("gradnorm", "fixed")
    assert balanced.model == fixed.model


@pytest.mark.parametrize("ratio", range(1, 6))
def test_table_3_has_the_papers_ratios(ratio: int) -> None:
    train = load_preset(f"paper/table3-1-{ratio}").train
    assert (train.abstract_weight, train.scene_weight) == (1, ratio)


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_base_is_taken_key_by_key(tmp_path: Path) -> None:
    write(tmp_path / "below.toml", 'base = "nano"\nrule = "dcase2024"\n[train]\nepochs = 7\n')
    above = 'base = "below.toml"\n[train]\nbatch_size = 5\n[model]\noptions = { reduction = 4 }\n'
    config, nano = load_preset(write(tmp_path / "mine.toml", above)), load_preset("nano")
    assert (config.name, config.rule) == ("mine", "dcase2024")
    assert (config.train.epochs, config.train.batch_size) == (7, 5)
    assert config.train.learning_rate == nano.train.learning_rate
    assert (config.frontend, config.model.name) == (nano.frontend, nano.model.name)
    assert config.model.options == {"reduction": 4}  # a value is replaced as a whole


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('base = "nanp"', "no preset 'nanp'; did you mean nano?"),
        ("base = 3", "base = 3: expected the name of a preset"),
        ('base = "mine.toml"', "cannot be its own base"),
        ('base = "nano"\n[train]\nepoch = 3', "mine: unknown key train.epoch; did you mean"),
        ('base = "nano"\ntrain = 3', "mine: train = 3: expected object"),
    ],
)
def test_a_wrong_base_is_one_line(text: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=line) as caught:
        load_preset(write(tmp_path / "mine.toml", text))
    assert "\n" not in str(caught.value)


def test_layers_have_the_public_codes_settings() -> None:
    """Batch norm's momentum is torch's but in the gates over positions; dropout is a half."""
    model = load_preset("paper/table2-extended").model
    network = build(model.name, model.options, 10, 3)
    norms = {n: m for n, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)}
    gates = [name for name in norms if name.endswith("attention.spatial_norm")]
    assert (len(norms), len(gates)) == (14, 5)
    assert {norm.eps for norm in norms.values()} == {1e-5}
    for name, norm in norms.items():
        assert norm.momentum == (0.01 if name in gates else 0.1)
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.5, 0.5]


def test_decay_is_on_everything_and_gradients_are_not_clipped() -> None:
    train = load_preset("paper/table2-extended").train
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    (group,) = build_optimizer(network, train).param_groups
    assert len(group["params"]) == 4  # biases and batch norm too
    facts = ("weight_decay", "momentum", "dampening", "nesterov")
    assert [group[fact] for fact in facts] == [1e-3, 0.9, 0, True]
    assert (train.clip_norm, train.ema, train.label_smoothing) == (0, 0, 0)
    assert train.select == "last"


def test_an_epoch_of_the_official_list_has_581_steps() -> None:
    """13,965 clips in batches of 24: what is left over is dropped, other clips each time."""
    n_clips, batch = 13_965, load_preset("paper/table2-extended").train.batch_size
    features = np.zeros((1, 3), np.float32)
    epochs = Epochs(FeatureStore([features] * n_clips, [[0] * n_clips], [1]), batch, 2, seed=0)
    assert len(epochs) == 581
    rows = [np.concatenate([clips for clips, _ in epochs.plan(epoch)]) for epoch in (0, 1)]
    for drawn in rows:
        assert len(drawn) == len(set(drawn)) == 581 * 24
    assert set(rows[0]) != set(rows[1])
