"""Joint prediction: the laws of its formula, and what an evaluation makes of it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command import Cli
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.evaluation.scorers.joint import joint_probabilities
from small_run import train_run

ROUNDING = 1e-12  # of a few products and sums in float64
GROUP = [0, 0, 1, 2, 2, 2]  # abstract class of each scene
SIZES = np.bincount(GROUP)

Seeds = st.integers(0, 10_000)


def posteriors(seed: int, n_clips: int = 7) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(len(GROUP), 0.3), n_clips), rng.dirichlet(np.ones(3), n_clips)


@settings(max_examples=30)
@given(Seeds)
def test_probabilities_sum_to_one(seed: int) -> None:
    found = joint_probabilities(*posteriors(seed), GROUP)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(1), 1, atol=ROUNDING)


@settings(max_examples=30)
@given(Seeds)
def test_a_prior_that_prefers_no_scene_changes_nothing(seed: int) -> None:
    scene, _ = posteriors(seed)
    prior = np.tile(SIZES / SIZES.sum(), (len(scene), 1))  # every scene has the same
    np.testing.assert_allclose(joint_probabilities(scene, prior, GROUP), scene, atol=ROUNDING)


@pytest.mark.parametrize("group", [0, 1, 2])
def test_a_certain_prior_leaves_one_class_in_its_old_proportions(group: int) -> None:
    scene, _ = posteriors(3)
    found = joint_probabilities(scene, np.tile(np.eye(3)[group], (len(scene), 1)), GROUP)
    inside = np.array(GROUP) == group
    assert (found[:, ~inside] == 0).all()
    expected = scene[:, inside] / scene[:, inside].sum(1, keepdims=True)
    np.testing.assert_allclose(found[:, inside], expected, atol=ROUNDING)


@settings(max_examples=30)
@given(Seeds)
def test_it_is_bayes_rule(seed: int) -> None:
    """Slowly: likelihood = posterior / training prior, times a new prior, class by class."""
    scene, abstract = posteriors(seed)
    found = joint_probabilities(scene, abstract, GROUP)
    for n in range(len(scene)):
        evidence = 0.0
        joint = []
        for s, g in enumerate(GROUP):
            likelihood = scene[n, s] / (1 / len(GROUP))
            within_group = 1 / GROUP.count(g)
            joint.append(likelihood * abstract[n, g] * within_group)
            evidence += joint[-1]
        np.testing.assert_allclose(found[n], np.array(joint) / evidence, atol=ROUNDING)


def test_a_scene_that_underflowed_does_not_end_in_nan() -> None:
    scene = np.array([[1, 0, 0, 0, 0, 0]], np.float32)
    found = joint_probabilities(scene, np.array([[0, 0, 1]], np.float32), GROUP)
    np.testing.assert_allclose(found, [[0, 0, 0, 1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)


@pytest.fixture(scope="module")
def groups_run(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Path:
    """A network that learnt nothing but the abstract classes."""
    folder = tmp_path_factory.mktemp("groups") / "run"
    return train_run(folder, scenes, "nano", "data.target=abstract", "train.epochs=3")


def expected(
    data: Path, scene: np.ndarray, labels: tuple[str, ...], abstract: np.ndarray
) -> object:
    dataset = open_dataset(data)
    return joint_probabilities(scene, abstract, [dataset.abstract_index(x) for x in labels])


def test_a_model_of_abstract_classes_is_tested_on_them(groups_run: Path, scenes: Path) -> None:
    found = evaluate(groups_run, scenes)
    assert found.labels == open_dataset(scenes).abstract_labels
    assert set(found.figures["per_class"]) == set(found.labels)
    assert "abstract_accuracy" not in found.figures


def test_two_models_are_joined(trained_run: Path, groups_run: Path, scenes: Path) -> None:
    alone, groups = evaluate(trained_run, scenes), evaluate(groups_run, scenes)
    joined = evaluate(trained_run, scenes, joint_with=groups_run)
    wanted = expected(scenes, alone.scene, alone.labels, groups.scene)
    np.testing.assert_allclose(joined.scene, wanted, atol=1e-6)
    assert joined.figures["joint_with"] == str(groups_run)
    assert not np.allclose(joined.scene, alone.scene, atol=1e-3)


def test_a_models_own_head_is_joined(
    trained_run: Path, scenes: Path, cli: Cli, tmp_path: Path
) -> None:
    """From its files: what --out writes with and without --joint."""
    rows = {}
    for name, more in (("alone", []), ("joint", ["--joint"])):
        code, out, _ = cli(
            "evaluate", trained_run, "--data", scenes, "--json", "--out", tmp_path / name, *more
        )
        assert code == 0
        assert json.loads(out).get("joint_with") == (str(trained_run) if more else None)
        with (tmp_path / name / "predictions.csv").open() as file:
            rows[name] = [
                {k[2:]: float(v) for k, v in row.items() if k.startswith("p_")}
                for row in csv.DictReader(file)
            ]
    dataset = open_dataset(scenes)
    moved = 0.0
    for alone, joint in zip(rows["alone"], rows["joint"], strict=True):
        ratios = {scene: joint[scene] / alone[scene] for scene in alone if alone[scene] > 1e-4}
        for one in ratios:  # the prior is the same for the scenes of one class
            for other in ratios:
                if dataset.abstract_of(one) == dataset.abstract_of(other):
                    assert ratios[one] == pytest.approx(ratios[other], rel=1e-2)  # six digits
                moved = max(moved, abs(ratios[one] - ratios[other]))
    assert moved > 0.1


def test_what_cannot_be_joined_is_said(
    trained_run: Path, groups_run: Path, scenes: Path, cli: Cli, tmp_path: Path
) -> None:
    plain = train_run(tmp_path / "plain", scenes, "nano")
    for more in (["--joint"], ["--joint-with", plain]):
        code, _, err = cli("evaluate", plain, "--data", scenes, *more)
        assert code == 1
        assert "does not predict the abstract classes synthetic_calls, synthetic_impacts" in err
    code, _, err = cli("evaluate", groups_run, "--data", scenes, "--joint")
    assert code == 1 and "has no abstract classes for a joint prediction" in err
    both = ["--joint", "--joint-with", groups_run]
    assert cli("evaluate", plain, "--data", scenes, *both)[0] == 2


def test_a_prior_that_saw_the_test_clips_is_warned_of(
    trained_run: Path, scenes: Path, tmp_path: Path
) -> None:
    groups = train_run(tmp_path / "groups", scenes, "nano", "data.target=abstract", fold=2)
    (warning,) = evaluate(trained_run, scenes, joint_with=groups).figures["warnings"]
    assert "fold 1" in warning and "fold 2 was held out" in warning
