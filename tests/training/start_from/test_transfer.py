"""Pre-training and fine-tuning: abstract classes as labels, and a run that begins with another."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from command import Cli
from edge_asc.config.schema import load_preset
from edge_asc.data.labels import ESC10_SCENES
from edge_asc.data.open import open_dataset
from edge_asc.models import build
from edge_asc.training.run_folder import load_network, read_run
from edge_asc.training.start_from.transfer import begin_with, check_untested, keep_statistics
from small_run import SMALL, train_run
from tiny_models import write_tone

TARGET = "data.target=abstract"


@pytest.fixture(scope="module")
def groups_run(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Path:
    """A network that learnt the abstract classes, fold 1 held out."""
    return train_run(tmp_path_factory.mktemp("groups") / "run", scenes, "nano", TARGET)


def test_abstract_classes_become_the_labels(scenes: Path) -> None:
    dataset = open_dataset(scenes)
    groups = dataset.abstracted()
    assert groups.labels == dataset.abstract_labels
    assert [c.label for c in groups.clips] == [c.abstract for c in dataset.clips]
    assert [(c.path, c.fold, c.group) for c in groups.clips] == [
        (c.path, c.fold, c.group) for c in dataset.clips
    ]
    with pytest.raises(ValueError, match="has no abstract classes"):
        groups.abstracted()


def test_a_run_on_abstract_classes(groups_run: Path) -> None:
    run = read_run(groups_run)
    groups = ["synthetic_calls", "synthetic_impacts", "synthetic_machines"]
    assert run.labels == groups and run.abstract_labels == []
    figures = json.loads((groups_run / "metrics.json").read_text())
    assert len(figures["test"]["confusion"]) == 3 and figures["test"]["clips"] == 40


def test_all_but_the_heads_is_taken(groups_run: Path) -> None:
    model = load_preset("nano").model
    network = build(model.name, model.options, n_scenes=10, n_abstract=3)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    transfer = begin_with(network, groups_run)
    theirs = load_network(groups_run).state_dict()
    for name, value in network.state_dict().items():
        source = theirs if name.startswith("trunk") else before
        assert torch.equal(value, source[name]), name
    assert transfer.to_dict() == {
        "run": str(groups_run), "loaded": ["trunk"], "fresh": ["scene", "abstract"]
    }  # fmt: skip
    assert str(transfer).endswith(f"tensors from {groups_run} (trunk), new: scene, abstract")


def test_heads_of_the_same_classes_are_taken(groups_run: Path) -> None:
    model, before = load_preset("nano").model, read_run(groups_run)
    network = build(model.name, model.options, n_scenes=3)
    transfer = begin_with(network, groups_run, before.labels, before.abstract_labels)
    theirs = load_network(groups_run).state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in network.state_dict().items())
    assert transfer.fresh == []


def test_statistics_go_with_the_weights(groups_run: Path) -> None:
    before = read_run(groups_run).front_end()
    other = before.with_statistics([1.0] * before.n_mels, [2.0] * before.n_mels)
    assert keep_statistics(other, groups_run) == before
    elsewhere = replace(other, hop_length=other.hop_length + 1)
    assert keep_statistics(elsewhere, groups_run) == elsewhere


def test_a_head_of_the_same_size_is_not_taken(groups_run: Path) -> None:
    model = load_preset("nano").model
    network = build(model.name, model.options, n_scenes=3)
    fresh = network.scene.weight.detach().clone()
    begin_with(network, groups_run)
    assert torch.equal(network.scene.weight, fresh)


def test_nothing_that_fits_is_an_error(groups_run: Path) -> None:
    with pytest.raises(ValueError, match=r"no weights but the heads' fit this network"):
        begin_with(build("dcase2024-baseline", {}, n_scenes=10), groups_run)


def test_the_run_to_begin_with_has_not_seen_the_test_clips(groups_run: Path, scenes: Path) -> None:
    dataset = open_dataset(scenes)
    check_untested(groups_run, dataset, 1)
    check_untested(groups_run, dataset, None)  # nothing is tested
    with pytest.raises(ValueError, match="was trained on fold 2 of synthetic"):
        check_untested(groups_run, dataset, 2)


def test_fine_tuning_begins_with_what_was_learnt(
    groups_run: Path, scenes: Path, tmp_path: Path, cli: Cli
) -> None:
    """With a learning rate of almost 0 the trunk is still the pre-trained one at the end."""
    still = ["train.learning_rate=1e-30", "train.warmup_from=0", "train.weight_decay=0"]
    settings = [x for pair in zip(["--set"] * 99, [*SMALL, *still, "train.ema=0"], strict=False)
                for x in pair]  # fmt: skip
    command = ["train", "nano", "--data", scenes, "--fold", 1, "--out", tmp_path, "--name", "tuned"]
    code, _, err = cli(*command, *settings, "--init", groups_run)
    assert code == 0 and "began with " in err and "(trunk), new: scene" in err
    tuned, before = (load_network(f).state_dict() for f in (tmp_path / "tuned", groups_run))
    weights = [name for name in tuned if name.startswith("trunk") and "running" not in name
               and "tracked" not in name]  # fmt: skip
    assert weights and all(torch.equal(tuned[name], before[name]) for name in weights)
    run = read_run(tmp_path / "tuned")
    assert run.init == str(groups_run)
    assert run.provenance["began_with"]["loaded"] == ["trunk"]
    code, _, err = cli(*command, *settings, "--resume")
    assert code == 1 and f"was started with init = {str(groups_run)!r}, not ''" in err


def test_escs_major_groups_are_learnt(tmp_path: Path) -> None:
    """ESC's table gives the groups; one network learns both label sets, another groups alone."""
    rows = ["filename,fold,target,category,src_file"]
    for target, scene in enumerate(ESC10_SCENES):
        for fold in (1, 2):
            for i in range(2):
                name = f"{scene}-{fold}-{i}.wav"
                rows.append(f"{name},{fold},{target},{scene},{scene}{fold}{i}")
                write_tone(tmp_path / "audio" / name, "low", 0.5, seed=len(rows))
    (tmp_path / "meta.csv").write_text("\n".join(rows))
    short = ("data.clip_s=0.5", "data.val_fraction=0", "train.batch_size=8")
    both = train_run(tmp_path / "both", tmp_path, "nano", *short, "model.abstract=true")
    assert read_run(both).labels == list(ESC10_SCENES)
    assert read_run(both).abstract_labels == ["animals", "natural", "human", "domestic", "urban"]
    figures = json.loads((both / "metrics.json").read_text())["test"]
    assert figures["clips"] == 20 and 0 <= figures["abstract_accuracy"] <= 1
    alone = train_run(tmp_path / "alone", tmp_path, "nano", *short, TARGET)
    assert read_run(alone).labels == read_run(both).abstract_labels


def test_two_heads_and_abstract_labels_do_not_go_together() -> None:
    with pytest.raises(ValueError, match=r"data.target = 'abstract' needs model.abstract = false"):
        load_preset("nano", [TARGET, "model.abstract=true"])
