"""Networks trained side by side are those that would have been trained alone."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from command import Cli
from edge_asc.config.schema import AugmentConfig, Config, DataConfig, ModelConfig
from edge_asc.course import Course, Shelf
from edge_asc.device_random import DeviceRandom
from edge_asc.side_by_side import run_courses
from edge_asc.training.augment.features import Augmenter
from edge_asc.training.inputs.batches import FeatureStore, crops
from edge_asc.training.inputs.load import Material
from small_run import SMALL
from small_training import CROP, FRONT_END, TRAIN, Small, rows, small_fit, small_network, store

SETTINGS = [x for setting in SMALL for x in ("--set", setting)]
PLACES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
# AdamW's fused kernel and the order of a sum round differently; four epochs of steps carry that on
ROUNDING = 2e-4


def still(seed: int = 0) -> Small:
    """The small network without dropout, the only chance that is not drawn from the seed."""
    network = small_network(seed)
    network.dropout.p = 0.0
    return network


def course(place: str, network: Small, seed: int = 0, **settings: Any) -> Course:
    """A course of `small_training`'s material; settings of TrainConfig, or `augment`, `clips`."""
    augment = settings.pop("augment", AugmentConfig())
    clips: FeatureStore = settings.pop("clips", None) or store()
    teachers = settings.pop("teachers", [])
    config = Config(
        "small",
        FRONT_END.to_dict(),
        ModelConfig("small"),
        DataConfig(),
        msgspec.structs.replace(TRAIN, **settings),
        augment,
    )
    material = Material(clips, None, None, FRONT_END, CROP, 1.0)
    device = torch.device(place)
    shelf = Shelf.of(clips, device)
    return Course(network, config, material, shelf, seed, teachers, device)


def far(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """Largest difference of two state dicts."""
    return max(float((a[name].cpu().float() - b[name].cpu().float()).abs().max()) for name in a)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "sgd", "nesterov": True, "learning_rate": 0.05},
        {"ema": 0.0, "clip_norm": 0.0, "schedule": "cosine"},
        {"teachers": True},
    ],
    ids=["adamw", "sgd", "plain", "taught"],
)
def test_a_course_is_a_fit(place: str, settings: dict[str, Any], tmp_path: Path) -> None:
    settings = dict(settings)
    if settings.pop("teachers", False):
        settings["teachers"] = [still(7)]
    alone = small_fit(tmp_path, still(), augment=AugmentConfig(), **settings)
    beside = course(place, still(), **settings)
    seconds = run_courses([beside], progress=False)
    assert far(alone.network.state_dict(), beside.finish().state_dict()) < ROUNDING
    for ours, theirs in zip(beside.rows_of_history(seconds), rows(tmp_path), strict=True):
        assert ours["learning_rate"] == pytest.approx(float(theirs["learning_rate"]), rel=1e-6)
        assert ours["train_loss"] == pytest.approx(float(theirs["train_loss"]), abs=ROUNDING)


@pytest.mark.parametrize("place", PLACES)
def test_company_changes_nothing(place: str) -> None:
    """Other seeds, data and lengths beside it; all chance comes from a network's own seed."""
    augment = AugmentConfig(
        gain_db=3.0,
        response_db=6.0,
        noise_probability=0.5,
        roll=0.5,
        mixup_alpha=0.4,
        freq_mixstyle_probability=0.5,
        frequency_masks=1,
        frequency_mask_mels=4,
    )
    alone = course(place, still(), augment=augment, plain_part=0.5)
    run_courses([alone], progress=False)
    together = [
        course(place, still(seed), seed, augment=augment, plain_part=0.5, clips=store(n, n))
        for seed, n in ((3, 60), (0, 40), (5, 20))
    ]
    together[1] = course(place, still(), augment=augment, plain_part=0.5)
    run_courses(together, progress=False)
    weights = [c.finish().state_dict() for c in (alone, *together)]
    assert far(weights[0], weights[2]) < (1e-6 if place == "cpu" else ROUNDING)
    assert far(weights[0], weights[1]) > 0.01


@pytest.mark.parametrize("place", PLACES)
def test_the_last_part_is_plain(place: str) -> None:
    """Responses and noise of the last epochs are left out, those of the first are not."""
    loud = AugmentConfig(response_db=30.0, noise_probability=1.0)
    plain = course(place, still(), augment=AugmentConfig())
    late = course(place, still(), augment=loud, plain_part=0.5)
    always = course(place, still(), augment=loud, plain_part=1.0)
    run_courses([plain, late, always], progress=False)
    assert far(plain.network.state_dict(), always.network.state_dict()) < ROUNDING
    first = late.steps_per_epoch
    assert abs(late.losses[:first].mean() - plain.losses[:first].mean()) > 0.01


@pytest.mark.parametrize("place", PLACES)
def test_numbers_of_the_device_are_distributed_as_numpys(place: str) -> None:
    """Mean and deviation of 20,000 draws, five standard errors."""
    n = 20_000
    ours, numpys = DeviceRandom(torch.device(place), 0), np.random.default_rng(0)
    for draw in (
        lambda r: r.random(n),
        lambda r: r.uniform(-6.0, 3.0, n),
        lambda r: r.integers(-3, 9, n),
        lambda r: r.beta(0.4, 0.4, n),
        lambda r: r.beta(2.0, 0.5, n),
        lambda r: r.standard_exponential((n,), np.float32),
    ):
        a, b = np.asarray(draw(ours).cpu(), np.float64), np.asarray(draw(numpys), np.float64)
        error = 5 * np.hypot(a.std(), b.std()) / np.sqrt(n)
        assert abs(a.mean() - b.mean()) < error
        assert abs(a.std() - b.std()) < 2 * error  # of the deviation; these have short tails
        assert a.min() >= b.min() - 0.01 and a.max() <= b.max() * 1.5 + 0.01


def test_whole_numbers_stay_below_a_limit_of_their_own() -> None:
    random = DeviceRandom(torch.device("cpu"), 0)
    limits = torch.arange(1, 2000)
    for _ in range(50):
        drawn = random.integers(0, limits)
        assert bool(((drawn >= 0) & (drawn < limits)).all())
    assert sorted(random.permutation(100).tolist()) == list(range(100))


def test_chance_on_the_device_leaves_out_as_often_as_it_should() -> None:
    """Gain by a constant noise: a batch is changed as a whole, or not at all."""
    config = AugmentConfig(noise_probability=0.3, noise_snr_db=-100.0)
    augmenter = Augmenter(config, lambda raw: raw)
    random, x = DeviceRandom(torch.device("cpu"), 0), torch.zeros(2, 1, 4, 6)
    changed = [not torch.equal(augmenter(x, (), random)[0], x) for _ in range(2000)]
    assert abs(np.mean(changed) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 2000)


def test_crops_of_a_shelf_are_those_of_the_store() -> None:
    clips = store()
    shelf = Shelf.of(clips, torch.device("cpu"))
    numbers, starts = np.array([3, 0, 39]), np.array([0, 4, 2])
    expected, labels = clips.batch(numbers, starts, CROP)
    found = crops(shelf.features, *map(torch.from_numpy, (numbers, starts)), CROP)
    assert torch.equal(found, expected)
    for y, targets in zip(labels, shelf.targets, strict=True):
        assert torch.equal(targets[numbers].argmax(1), y)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"balance": "gradnorm"}, "train.balance"),
        ({"select": "best"}, "train.select"),
        ({"sparsity": 0.5}, "train.sparsity"),
        ({"augment": AugmentConfig(sound_mix=0.5)}, "augment.sound_mix"),
        ({"augment": AugmentConfig(response_points=24)}, "augment.response_points"),
    ],
)
def test_what_needs_the_host_is_refused_by_name(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        course("cpu", still(), **settings)


@pytest.mark.parametrize(
    "wrong", [["--set", "train.select=best"], ["--fold", "9"]], ids=["setting", "fold"]
)
def test_what_is_refused_leaves_nothing(
    cli: Cli, scenes: Path, tmp_path: Path, wrong: list[str]
) -> None:
    command = ["train-folds", "nano", "--data", str(scenes), *SETTINGS]
    code, _, told = cli(*command, "--out", str(tmp_path / "runs"), "--fold", "1", *wrong)
    assert code == 1
    assert len(told.splitlines()) == 1 and wrong[1].split("=")[0] in told
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_folds_become_runs_that_quantise_and_resume(cli: Cli, scenes: Path, tmp_path: Path) -> None:
    command = ["train-folds", "nano", "--data", str(scenes), *SETTINGS]
    runs, folds = tmp_path / "runs", ["--fold", "1", "--fold", "2"]
    code, out, _ = cli(*command, "--out", str(runs), *folds, "--json")
    told = json.loads(out)
    assert code == 0
    assert [Path(name).name for name in told["accuracy"]] == ["fold1", "fold2"]
    assert told["mean"] == pytest.approx(np.mean(list(told["accuracy"].values())))
    weights = runs / "fold1" / "weights.pt"
    before = weights.stat().st_mtime_ns
    code, out, _ = cli(*command, "--out", str(runs), *folds, "--fold", "3", "--resume")
    assert code == 0 and "fold3" in out and "mean" in out
    assert weights.stat().st_mtime_ns == before
    assert cli("quantize", str(runs / "fold1"), "--ptq")[0] == 0
    taught = tmp_path / "taught"
    assert cli(*command, "--fold", "1", "--out", str(taught), "--teacher", str(runs))[0] == 0
    assert json.loads((taught / "fold1" / "run.json").read_text())["teachers"]
