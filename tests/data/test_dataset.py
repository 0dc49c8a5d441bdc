"""Splits: recordings stay whole, classes are spread, the answer is the same everywhere."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.data.dataset import Clip, SceneDataset, assign_folds, split_validation

LABELS = ("park", "tram", "bus")
sizes = st.lists(st.integers(1, 6), min_size=1, max_size=12)


def clips_of(recordings: dict[str, list[int]], fold: int | None = None) -> tuple[Clip, ...]:
    """Clips by label and the sizes of its recordings."""
    return tuple(
        Clip(Path(f"{label}-{r}-{i}.wav"), label, fold, group=f"{label}-{r}")
        for label, counts in recordings.items()
        for r, size in enumerate(counts)
        for i in range(size)
    )


data = st.fixed_dictionaries({label: sizes for label in LABELS})


def folds_by_recording(clips: tuple[Clip, ...]) -> dict[str, set[int | None]]:
    found: dict[str, set[int | None]] = {}
    for clip in clips:
        found.setdefault(clip.recording, set()).add(clip.fold)
    return found


@given(data, st.integers(0, 9), st.randoms())
def test_assigned_folds_keep_recordings_and_ignore_order(
    recordings: dict[str, list[int]], seed: int, shuffler: random.Random
) -> None:
    clips = clips_of(recordings)
    assigned = assign_folds(clips, 5, seed)
    assert all(len(folds) == 1 for folds in folds_by_recording(assigned).values())
    assert {clip.fold for clip in assigned} == set(
        range(1, 1 + min(5, len({c.group for c in clips})))
    )
    shuffled = list(clips)
    shuffler.shuffle(shuffled)
    assert set(assign_folds(shuffled, 5, seed)) == set(assigned)


@given(st.integers(5, 20), st.integers(1, 4), st.integers(0, 9))
def test_assigned_folds_are_class_balanced(n_recordings: int, size: int, seed: int) -> None:
    clips = assign_folds(clips_of(dict.fromkeys(LABELS, [size] * n_recordings)), 5, seed)
    for label in LABELS:
        counts = Counter(clip.fold for clip in clips if clip.label == label)
        assert max(counts.values()) - min(counts.values()) <= size  # one recording


@given(data, st.floats(0.01, 0.5), st.integers(0, 9))
def test_validation_keeps_recordings_whole_and_classes_in_training(
    recordings: dict[str, list[int]], fraction: float, seed: int
) -> None:
    clips = clips_of(recordings)
    train, validation = split_validation(clips, fraction, seed)
    assert sorted(map(str, (*train, *validation))) == sorted(map(str, clips))
    assert not {c.recording for c in train} & {c.recording for c in validation}
    assert {c.label for c in train} == set(LABELS)
    for label, counts in recordings.items():
        n = sum(clip.label == label for clip in validation)
        # Greedy choice misses the share by half a recording at most, or takes one where none fits.
        assert abs(n - fraction * sum(counts)) <= max(counts)
        assert (n > 0) == (len(counts) > 1)


def test_splits_are_the_same_on_every_machine() -> None:
    # Written down once: a change would silently move clips between the sides of published results.
    clips = clips_of({"park": [2, 1, 1, 3, 1, 2], "tram": [1, 1, 4, 1, 2]})
    folds = {name: fold.pop() for name, fold in folds_by_recording(assign_folds(clips)).items()}
    assert list(folds.values()) == [4, 5, 1, 2, 5, 3, 2, 4, 1, 3, 5]
    _, validation = split_validation(clips, 0.3, seed=1)
    assert sorted({clip.recording for clip in validation}) == [
        "park-4",
        "park-5",
        "tram-0",
        "tram-4",
    ]


def test_a_clip_without_group_is_its_own_recording() -> None:
    clips = tuple(Clip(Path(f"{i}.wav"), "park", None) for i in range(10))
    assert Counter(clip.fold for clip in assign_folds(clips)) == dict.fromkeys(range(1, 6), 2)


@pytest.mark.parametrize("fraction", [-0.1, 0.6, float("nan")])
def test_validation_fraction_has_a_range(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 0\.5, not"):
        split_validation(clips_of({"park": [1, 1]}), fraction, 0)


def test_no_validation_is_legal() -> None:
    clips = clips_of({"park": [1, 1]})
    assert split_validation(clips, 0.0, 0) == (clips, ())


def dataset_of(*clips: Clip, test_folds: tuple[int, ...] = ()) -> SceneDataset:
    return SceneDataset("Tiny", Path("."), clips, LABELS, (), 1.0, "", {}, test_folds)


def test_split_holds_one_fold_out_and_leaves_out_clips_of_none() -> None:
    clips = [Clip(Path(f"{i}"), "park", fold) for i, fold in enumerate([1, 2, 2, 3, None])]
    dataset = dataset_of(*clips)
    assert dataset.folds == (1, 2, 3)
    train, test = dataset.split(2)
    assert test == (clips[1], clips[2])
    assert train == (clips[0], clips[3])


def test_unseen_devices_are_those_of_the_test_side_alone() -> None:
    rows = [(0, "a"), (0, "b"), (1, "a"), (1, "s4"), (1, "s5"), (None, "s4")]
    clips = [Clip(Path(f"{i}"), "bus", fold, device) for i, (fold, device) in enumerate(rows)]
    assert dataset_of(*clips, test_folds=(1,)).unseen_devices(1) == ("s4", "s5")


@pytest.mark.parametrize(
    ("folds", "wanted", "message"),
    [
        ([1, 2], 7, r"Tiny has no fold 7 \(its folds: 1, 2\)"),
        ([None], 1, r"no fold 1 \(its folds: none\)"),
        ([1, 1], 1, "fold 1 leaves no training clips"),
    ],
)
def test_impossible_splits_say_why(folds: list[int | None], wanted: int, message: str) -> None:
    clips = [Clip(Path(f"{i}"), "park", fold) for i, fold in enumerate(folds)]
    with pytest.raises(ValueError, match=message):
        dataset_of(*clips).split(wanted)
