"""What a page says of a teacher, in each of its states."""

from pathlib import Path
from typing import Any, cast

import pytest

from edge_asc.demo.learning.shown import ShownTeacher
from edge_asc.demo.learning.teacher import Teacher

OLD, NEW = "my-11111111", "taught-001-22222222"
BEFORE = {
    "model": OLD,
    "accuracy": 0.25,
    "clips": 4,
    "recordings": 3,
    "recall": {"bell": 0.5, "hum": 0.0},
    "clips_of": {"bell": 2, "hum": 2},
    "unknown": ["hum"],
    "labels": ["bell", "rain"],
}
AFTER = {**BEFORE, "accuracy": 0.75, "recall": {"bell": 0.5, "hum": 1.0}}
TAUGHT = {
    "labels": ["bell", "hum"],
    "accuracy": 0.9,
    "clips": 10,
    "inseparable": [],
    "unusable": [],
}
MADE = {"file": "taught-001.tflite", "model": NEW, "before": BEFORE, "after": AFTER}
IDLE = {
    "status": "idle",
    "done": 0,
    "total": 0,
    "comparing": False,
    "problem": None,
    "exchanging": False,
    "current": {"file": None, "model": OLD},
    "previous": None,
    "can_swap": False,
    "can_back": False,
    "models": [],
}


def shown(**changes: Any) -> dict[str, Any]:
    class Told:
        cancel = swap = back = start = print

        def state(self) -> dict[str, Any]:
            return {**IDLE, **changes}

    return ShownTeacher(cast(Teacher, Told()), Path("zoo/my.tflite")).state()


def made(**changes: Any) -> list[dict[str, Any]]:
    return [{**MADE, "taught": TAUGHT, **changes}]


@pytest.mark.parametrize(
    ("state", "can", "busy", "share"),
    [
        ({}, ["start"], False, None),
        ({"status": "running"}, ["cancel"], True, 0.0),
        ({"status": "running", "done": 3, "total": 12}, ["cancel"], True, 0.25),
        (
            {"status": "running", "models": made(), "can_swap": True, "can_back": True},
            ["cancel", "back"],
            True,
            0.0,
        ),
        ({"models": made(), "can_swap": True}, ["start", "swap"], False, None),
        ({"exchanging": True, "can_swap": True, "can_back": True}, ["start"], True, None),
        ({"can_back": True}, ["start", "back"], False, None),
    ],
)
def test_what_can_be_done(
    state: dict[str, Any], can: list[str], busy: bool, share: float | None
) -> None:
    said = shown(**state)
    assert (said["can"], said["busy"], said["share"]) == (can, busy, share)


def test_what_it_says() -> None:
    assert shown()["text"] == f"{OLD} listens."
    assert shown(status="failed", problem="it was ended by SIGKILL")["text"] == (
        f"It went wrong: it was ended by SIGKILL. {OLD} listens, as before."
    )
    said = shown(models=made(), can_swap=True)["text"]
    assert said == f"{NEW} is taught. {OLD} listens until you say otherwise."
    assert shown(can_back=True)["back"] == "my"
    assert shown(can_back=True, previous="taught-001.tflite")["back"] == "taught-001"


def test_both_models_stand_side_by_side() -> None:
    figures = shown(models=made())["figures"]
    assert figures["head"][1:] == [f"before: {OLD}", f"new: {NEW}"]
    assert figures["rows"] == [
        ["4 new clips, 3 recordings", "25 %", "75 %"],
        ["bell, 2", "50 %", "50 %"],
        ["hum, 2", "not known", "100 %"],
        ["all it was taught, 10 clips", "no figure", "90 %"],
    ]
    assert "3 recordings are few: the figures are rough." in figures["notes"]
    assert "It no longer knows rain." in figures["notes"]


def test_where_nothing_is_new_there_is_nothing_to_compare() -> None:
    figures = shown(models=made(before=None, after=None))["figures"]
    assert figures["rows"] == [["all it was taught, 10 clips", "no figure", "90 %"]]
    assert any("nothing to compare on" in note for note in figures["notes"])


def test_the_model_before_has_the_figure_that_was_said_when_it_was_taught() -> None:
    first = made(model=OLD, taught={**TAUGHT, "accuracy": 0.8})
    assert shown(models=[*first, *made()])["figures"]["rows"][-1][1:] == ["80 %", "90 %"]
