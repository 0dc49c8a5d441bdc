"""A model is exchanged while it listens: between two blocks, and nothing is heard twice or not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny_models
from edge_asc.demo.events import Decision, Notice
from edge_asc.demo.hearing.smoothing import Smoother, Smoothing
from edge_asc.demo.live import Live
from edge_asc.demo.sources.source import Block
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.answers.stream import FeatureWindows
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import Calibration
from live_parts import Heard, Played, heard

RATE_HZ = 44100  # has to be resampled
BLOCK, N_BLOCKS = 4410, 69
SWAP_AT = 40  # block: 4 s
AS_THEY_COME = Smoothing(time_constant_s=0, margin=0, floor=0)
CPU_NOISE = 1e-6  # the runtime's kernels add float32 numbers in the same order every time
HOP_S = 0.5
HELD_S = 0.1  # of audio, by the resampler and by half a frame, at most
OTHER_RATE = FrontEnd(16000, 512, 400, 160, tiny_models.FRONTEND.n_mels, normalization="none")

Load = Callable[..., Classifier]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """A model of one's own metadata."""
    made: list[Path] = []

    def load(**changes: Any) -> Classifier:
        made.append(tmp_path / f"{len(made)}.tflite")
        return Classifier.load(tiny_models.write_model(made[-1], **changes))

    return load


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    time_s = np.arange(BLOCK * N_BLOCKS // 3) / RATE_HZ
    tones = [0.3 * np.sin(2 * np.pi * hz * time_s) for hz in tiny_models.PITCH_HZ.values()]
    noise = 0.01 * np.random.default_rng(0).standard_normal(3 * len(time_s))
    audio = (np.concatenate(tones) + noise).astype(np.float32)
    return [Block(part, RATE_HZ) for part in np.split(audio, N_BLOCKS)]


def swapped(
    old: Classifier, new: Classifier, blocks: list[Block], at: int = SWAP_AT, **kwargs: Any
) -> Heard:
    """What is said of the blocks, when the model is exchanged before one of them."""
    found = Heard()
    source = Played(*blocks)
    live = Live(source, old, found, HOP_S, **{"smoothing": AS_THEY_COME, **kwargs})
    source.before = {at: lambda: live.swap(new)}
    live.run(lambda: False)
    assert found.healths[-1].audio_s == pytest.approx(BLOCK * N_BLOCKS / RATE_HZ)
    return found


def same(one: list[Decision], other: list[Decision]) -> None:
    """Two runs decided alike."""
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.model, a.scene) == (b.model, b.scene)
        assert a.position_s == pytest.approx(b.position_s, abs=1e-9)
        assert list(a.probabilities) == list(b.probabilities)
        assert list(a.probabilities.values()) == pytest.approx(
            list(b.probabilities.values()), abs=CPU_NOISE
        )
        assert (a.level_dbfs, a.peak_dbfs) == (b.level_dbfs, b.peak_dbfs)


def at_swap(found: Heard) -> int:
    """Decisions before the exchange."""
    models = [decision.model for decision in found.decisions]
    return models.index(models[-1])


STATISTICS = tiny_models.FRONTEND.with_statistics(np.linspace(-1, 1, 12), np.linspace(1, 2, 12))


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ["one", "two", "three"]},
        {"calibration": Calibration(temperature=3.0)},
        {"frontend": STATISTICS.to_dict()},  # the same frames, normalised in another way
        {"abstract_labels": list(tiny_models.ABSTRACT_LABELS)},
    ],
)
@pytest.mark.parametrize("at", [0, 1, 17, SWAP_AT, N_BLOCKS - 1])
def test_before_it_the_old_one_decides_and_after_it_the_new_as_if_always(
    load: Load, blocks: list[Block], changes: dict[str, Any], at: int
) -> None:
    old, new = load(), load(**changes)
    found = swapped(old, new, blocks, at)
    of_old, of_new = (
        heard(c, Played(*blocks), HOP_S, smoothing=AS_THEY_COME).decisions for c in (old, new)
    )
    n = sum(decision.model == old.id for decision in found.decisions)
    same(found.decisions, of_old[:n] + of_new[n:])
    # Exactly those whose audio had come by then.
    ready_s = at * BLOCK / RATE_HZ
    assert all(d.position_s <= ready_s for d in found.decisions[:n])
    assert all(d.position_s > ready_s - HELD_S for d in found.decisions[n:])


def test_no_frame_is_computed_again(load: Load, blocks: list[Block]) -> None:
    found = swapped(load(), load(labels=["one", "two", "three"]), blocks)
    audio, frames = np.concatenate(found.audio), np.concatenate(found.frames, axis=1)
    assert frames == pytest.approx(tiny_models.FRONTEND.raw(audio), abs=1e-5)


def test_a_longer_window_begins_with_the_next_frame(load: Load, blocks: list[Block]) -> None:
    """The frames go on; the first window holds none that came before the exchange."""
    old, new = load(), load(clip_s=1.5)
    found = swapped(old, new, blocks)
    raw = np.concatenate(found.frames, axis=1)
    assert raw.shape[1] == tiny_models.FRONTEND.n_frames(sum(map(len, found.audio)))
    n, frontend = at_swap(found), new.frontend
    before = FeatureWindows(old, HOP_S)
    for part in found.audio[:SWAP_AT]:
        before.feed(part)
    first = before._cutter.n_seen
    hop = round(HOP_S * frontend.frames_per_s)
    for i, decision in enumerate(found.decisions[n:]):
        begin = first + i * hop
        window = frontend.normalize(raw[:, begin : begin + new.window_frames])
        assert list(decision.probabilities.values()) == pytest.approx(
            new.predict(window).scene, abs=1e-5
        )
        assert decision.position_s == pytest.approx(begin / frontend.frames_per_s + 1.5)
    assert begin + hop + new.window_frames > raw.shape[1]  # and there is no other one


def test_other_features_begin_with_the_next_block(load: Load, blocks: list[Block]) -> None:
    old, new = load(), load(frontend=OTHER_RATE.to_dict(), labels=["one", "two", "three"])
    found = swapped(old, new, blocks)
    n = at_swap(found)
    same(found.decisions[:n], heard(old, Played(*blocks[:SWAP_AT]), HOP_S,
                                    smoothing=AS_THEY_COME).decisions[:n])  # fmt: skip
    alone = heard(new, Played(*blocks[SWAP_AT:]), HOP_S, smoothing=AS_THEY_COME).decisions
    later_s = SWAP_AT * BLOCK / RATE_HZ
    assert [d.position_s - later_s for d in found.decisions[n:]] == pytest.approx(
        [d.position_s for d in alone]
    )
    for one, other in zip(found.decisions[n:], alone, strict=True):
        assert list(one.probabilities.values()) == pytest.approx(
            list(other.probabilities.values()), abs=CPU_NOISE
        )


def test_smoothing_begins_anew_with_the_rule_of_the_new_model(
    load: Load, blocks: list[Block]
) -> None:
    """A threshold travels in the file."""
    old = load()
    new = load(calibration=Calibration(temperature=3.0, threshold=0.9))

    def rule(classifier: Classifier) -> Smoothing:
        return Smoothing(time_constant_s=2.0, margin=0, floor=classifier.threshold or 0.1)

    found = swapped(old, new, blocks, smoothing=rule)
    raw = swapped(old, new, blocks)
    n = at_swap(found)
    windows = FeatureWindows(new, HOP_S)
    ready = [w for part in raw.audio for w in windows.feed(part)]
    smoother = Smoother(rule(new), windows.hop_s)
    for decision, (_, features) in zip(found.decisions[n:], ready[n:], strict=False):
        smoothed = smoother.update(new.predict(features))
        assert decision.confidence == pytest.approx(smoothed.confidence, abs=1e-5)
        assert (decision.scene == "unsure") == (smoothed.shown is None)


def test_outputs_hear_of_it_between_the_decisions_of_the_two(
    load: Load, blocks: list[Block]
) -> None:
    old, new = load(), load(labels=["one", "two", "three"])
    found = swapped(old, new, blocks)
    assert found.models == [new]
    assert [n.text for n in found.told] == [f"model: {new.id} instead of {old.id}"]
    place = found.order.index(new)
    said = [event for event in found.order if not isinstance(event, Notice | Classifier)]
    assert {e.model for e in found.order[:place]} == {old.id}
    assert {e.model for e in said[place:]} == {new.id}


def test_a_model_that_does_not_answer_is_refused_and_the_old_one_goes_on(
    load: Load, blocks: list[Block]
) -> None:
    old = load()
    bad = load(labels=["one", "two"])  # of three outputs
    found, source = Heard(), Played(*blocks)
    live = Live(source, old, found, HOP_S, AS_THEY_COME)

    def swap() -> None:
        with pytest.raises(ValueError, match="refused") as caught:
            live.swap(bad)
        assert "\n" not in str(caught.value)

    source.before = {SWAP_AT: swap}
    live.run(lambda: False)
    same(found.decisions, heard(old, Played(*blocks), HOP_S, smoothing=AS_THEY_COME).decisions)
    (notice,) = found.told
    assert notice.text.startswith(f"model: {bad.id} refused, {old.id} goes on: ")
    assert "labels say [2]" in notice.text
    assert not found.models


def test_of_two_that_are_handed_over_at_once_the_later_one_listens(
    load: Load, blocks: list[Block]
) -> None:
    first, second = load(clip_s=1.5), load(labels=["one", "two", "three"])
    found, source = Heard(), Played(*blocks)
    live = Live(source, load(), found, HOP_S, AS_THEY_COME)
    source.before = {SWAP_AT: lambda: (live.swap(first), live.swap(second))}
    live.run(lambda: False)
    assert found.models == [second]


def test_a_quiet_room_stays_one_over_an_exchange(load: Load) -> None:
    """The gate goes on with the windows: what was loud within them still counts."""
    loud = tiny_models.tone("low", 8000)
    parts = [Block(loud, 8000)] * 3 + [Block(loud * 0.001, 8000)] * 5
    old, new = load(), load(labels=["one", "two", "three"])
    kwargs: dict[str, Any] = {"smoothing": AS_THEY_COME, "gate_dbfs": -40}
    always = heard(new, Played(*parts), 0.25, **kwargs).decisions
    for at in range(1, len(parts)):
        found, source = Heard(), Played(*parts)
        live = Live(source, old, found, 0.25, **kwargs)
        source.before = {at: lambda live=live: live.swap(new)}
        live.run(lambda: False)
        assert [d.scene == "unsure" for d in found.decisions] == [
            d.scene == "unsure" for d in always
        ]
