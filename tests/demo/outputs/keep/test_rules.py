"""Which decisions are worth a clip: reasons, and the distance between clips."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.demo.events import UNSURE, Decision
from edge_asc.demo.outputs.keep.rules import (
    DISTANCE_S,
    LONGEST_S,
    Rule,
    Rules,
    check_scenes,
    parse_rules,
)
from web_feed import decision

LABELS = ("low", "middle", "high")


def decisions(scenes: Iterable[str], hop_s: float = 1.0) -> list[Decision]:
    """One after another, as the live loop makes them."""
    before: str | None = None
    found = []
    for i, scene in enumerate(scenes):
        found.append(decision(scene, position_s=i * hop_s, changed=scene != before))
        before = scene
    return found


def kept(when: str, scenes: Iterable[str]) -> dict[float, str]:
    """Position and reason of each clip."""
    rules = Rules(parse_rules(when))
    return {d.position_s: r for d in decisions(scenes) if (r := rules.reason(d)) is not None}


def test_a_change_is_kept_and_the_first_decision_is_none() -> None:
    scenes = ["low"] * 20 + ["middle"] * 20 + ["high"] * 20
    assert kept("change", scenes) == {20: "change", 40: "change"}


def test_a_scene_that_goes_on_is_kept_ever_more_seldom() -> None:
    found = list(kept("low", ["low"] * 4000))
    apart = [b - a for a, b in pairwise(found)]
    assert apart[:6] == [10, 20, 40, 80, 160, 320]
    assert set(apart[6:]) == {LONGEST_S}


def test_after_a_long_quiet_a_scene_is_news_again() -> None:
    quiet = ["middle"] * int(2 * LONGEST_S)
    found = list(kept("low", ["low"] * 40 + quiet + ["low"] * 40))
    assert found == [0, 10, 30, *(len(quiet) + 40 + at for at in (0, 10, 30))]


def test_a_noise_that_comes_and_goes_is_not_news_each_time() -> None:
    flapping = ["low", "middle"] * 43200  # a day
    assert len(kept("change", flapping)) < 2 * (86400 / LONGEST_S + 10)


def test_time_alone_is_a_reason() -> None:
    assert list(kept("every 1m", ["low"] * 200)) == [0, 60, 120, 180]
    assert list(kept("every 0.5m", ["low"] * 100)) == [0, 30, 60, 90]


def test_the_first_reason_that_holds_is_told() -> None:
    scenes = ["low"] * 20 + [UNSURE] * 5
    assert kept("unsure,change", scenes) == {20: UNSURE}
    assert kept("change,unsure", scenes) == {20: "change"}


words = st.sampled_from([UNSURE, "change", *LABELS, "every 15s", "every 2m"])


@given(
    st.lists(words, min_size=1, max_size=4).map(",".join),
    st.lists(st.tuples(st.sampled_from([UNSURE, *LABELS]), st.integers(1, 60)), max_size=30),
)
def test_clips_are_never_nearer_than_the_least_distance(
    when: str, runs: Sequence[tuple[str, int]]
) -> None:
    scenes = [scene for scene, n in runs for _ in range(n)]
    found = kept(when, scenes)
    at = list(found)
    assert all(b - a >= DISTANCE_S for a, b in pairwise(at))
    for position_s, why in found.items():
        scene, before = scenes[int(position_s)], scenes[max(0, int(position_s) - 1)]
        assert why == scene or why.startswith("every") or (why == "change" and scene != before)


def test_words_as_people_write_them() -> None:
    assert parse_rules(" unsure, change ,every  10m") == (
        Rule("unsure"),
        Rule("change"),
        Rule("every 10m", 600.0),
    )
    assert parse_rules("every 2 h,dog bark") == (Rule("every 2 h", 7200.0), Rule("dog bark"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "give unsure, change, a scene"),
        (" , ", "give unsure, change, a scene"),
        ("every now", "say it as 'every 30s'"),
        ("every 5s", "at least 10 s apart"),
    ],
)
def test_what_cannot_be_meant_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_rules(text)


@given(st.text(max_size=20))
def test_any_text_is_rules_or_a_value_error(text: str) -> None:
    try:
        assert parse_rules(text)
    except ValueError as error:
        assert "--keep-when" in str(error)


def test_a_scene_must_be_the_models() -> None:
    check_scenes(parse_rules("unsure,change,low,every 1h"), LABELS)
    with pytest.raises(ValueError, match="did you mean middle"):
        check_scenes(parse_rules("middel"), LABELS)
