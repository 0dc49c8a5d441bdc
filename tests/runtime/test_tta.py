"""Several views of a window: laws of the mean, torch = file, what it costs."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from command import Cli
from edge_asc.budget.read_file import inventory_of_file
from edge_asc.evaluation.evaluate import evaluate
from edge_asc.export.preset_budget import of_preset
from edge_asc.export.run import export_run, write_file
from edge_asc.models.means import SeveralViews
from edge_asc.runtime.classifier import Classifier, softmax
from edge_asc.runtime.metadata import Format, metadata_from_json, metadata_to_json, read_metadata
from edge_asc.runtime.tta import mean_logits, shifts
from networks import Case
from tiny_models import metadata, write_model

FORMATS = get_args(Format)
CASE = Case("compact", 12, 32, n_abstract=2, options={"channels": [8, 8, 12], "reduction": 4})
# Logits are of size 1; both sides sum the same float32 products in another order.
LOGIT_TOLERANCE = 1e-4


@given(st.integers(1, 5000), st.integers(1, 100))
def test_shifts_are_distinct_frames_in_equal_steps(n_frames: int, views: int) -> None:
    found = shifts(n_frames, views)
    assert found[0] == 0
    assert found == sorted(set(found))
    assert found[-1] < n_frames
    assert len(found) == min(views, n_frames)
    steps = np.diff([*found, n_frames])
    assert steps.max() - steps.min() <= 1


@given(arrays(np.float32, (3, 5), elements=st.floats(-50, 50, width=32)))
def test_the_mean_is_that_of_the_probabilities(logits: np.ndarray) -> None:
    mean = mean_logits(list(logits))
    assert mean.dtype == np.float32
    # A logit of -100 is stored in steps of 8e-6, and moves a probability by no more than its part.
    np.testing.assert_allclose(softmax(mean), softmax(logits).mean(0), atol=1e-6, rtol=1e-5)


def test_one_view_is_the_network_itself() -> None:
    network, x = CASE.network(), CASE.inputs()
    for seen, alone in zip(SeveralViews(network, 1)(x), network(x), strict=True):
        torch.testing.assert_close(seen, alone, rtol=0, atol=0)
    logits = np.float32([1, 2])
    assert mean_logits([logits]) is logits


def test_a_shift_by_a_step_only_changes_the_order_of_the_views() -> None:
    network, x = CASE.network(), CASE.inputs()
    moved = x.roll(CASE.n_frames // 4, 3)
    for views, same in ((4, True), (1, False)):
        asked = SeveralViews(network, views)
        difference = (asked(moved)[0] - asked(x)[0]).abs().max()
        assert bool(difference < LOGIT_TOLERANCE) == same


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_file_answers_as_torch_does(file_format: Format, tmp_path: Path) -> None:
    labels = {"labels": [str(i) for i in range(10)], "abstract_labels": ["a", "b"]}
    described = metadata(**labels, frontend=metadata().frontend | {"n_mels": 12}, views=3)
    path = tmp_path / f"m.{file_format}"
    path.write_bytes(write_file(CASE.graph(), described, file_format, CASE.n_frames))
    x = CASE.inputs(1)
    with torch.no_grad():
        ours = SeveralViews(CASE.network(), 3)(x)
    theirs = Classifier.load(path).logits(x[0, 0].numpy())
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(other, one[0].numpy(), atol=LOGIT_TOLERANCE)
    alone = Classifier.load(path, views=1).logits(x[0, 0].numpy())
    assert np.abs(alone[0] - theirs[0]).max() > 100 * LOGIT_TOLERANCE


def test_the_metadata_keeps_the_number_and_one_costs_no_byte() -> None:
    assert b"views" not in metadata_to_json(metadata())
    assert metadata_from_json(metadata_to_json(metadata())).views == 1
    assert metadata_from_json(metadata_to_json(metadata(views=4))) == metadata(views=4)
    for wrong in (0, 101):
        with pytest.raises(ValueError, match=f"views must be 1 to 100, found {wrong}"):
            metadata(views=wrong)


@pytest.mark.parametrize("file_format", FORMATS)
def test_work_per_second_counts_every_view(file_format: Format, tmp_path: Path) -> None:
    one, four = (
        inventory_of_file(write_model(tmp_path / f"{n}.{file_format}", views=n)) for n in (1, 4)
    )
    assert four.macs == one.macs
    assert four.per_second(four.macs) == 4 * one.per_second(one.macs)


def test_a_presets_work_counts_every_view(tmp_path: Path) -> None:
    preset = tmp_path / "several.toml"
    preset.write_text('base = "nano"\n[data]\nviews = 3\n')
    one, three = of_preset("nano"), of_preset(str(preset))
    assert three.macs == one.macs
    assert three.per_second(three.macs) == pytest.approx(3 * one.per_second(one.macs), abs=3)


def test_run_and_file_hear_as_often_as_they_are_told(run: Path, scenes: Path) -> None:
    (plain,) = export_run(run, precision="float32", enforced=False)
    asked = evaluate(run, scenes, views=3)
    assert asked.figures["views"] == 3
    told = evaluate(plain.path, scenes, views=3)
    (kept,) = export_run(run, precision="float32", views=3, enforced=False, overwrite=True)
    assert read_metadata(kept.path).views == 3
    stored = evaluate(kept.path, scenes)
    np.testing.assert_array_equal(stored.scene, told.scene)
    # As without views: the two front ends differ in the last digits of float32.
    np.testing.assert_allclose(asked.scene, told.scene, atol=1e-3)
    alone = evaluate(run, scenes)
    assert alone.figures["views"] == 1
    assert np.abs(alone.scene - asked.scene).max() > 1e-2


def test_the_command_says_how_often(run: Path, scenes: Path, cli: Cli) -> None:
    status, out, _ = cli("evaluate", str(run), "--data", str(scenes), "--views", "2")
    assert status == 0
    assert "crops 3 of 0.5 s, heard 2 times" in out
    status, _, err = cli("evaluate", str(run), "--data", str(scenes), "--views", "0")
    assert (status, err) == (1, "edge-asc: views must be 1 to 100, found 0\n")
    status, out, _ = cli("export", str(run), "--fp32", "--views", "2", "--no-enforce")
    assert status == 0
    status, out, _ = cli("info", out.split()[0])
    assert "0.5 s, heard 2 times" in out
