"""When a microphone counts as lost, how often it is tried again, and what is said: by the clock."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_asc.demo.sources.recovery import (
    FIRST_DELAY_S,
    LONGEST_DELAY_S,
    SILENT_S,
    STALL_S,
    STEADY_S,
    Recovery,
)

STEP_S = 0.1  # between two looks
NOTICED_S = 5.0  # what is promised
SLOW_S = 6.0


class Simulation:
    """A microphone whose wire is pulled, watched through a `Recovery` as a reader would.

    `wire` tells what it does: "sound", "zeros", "stall", "ended", "slow": six seconds pass before
    it begins, or "absent": it cannot be opened.
    """

    def __init__(self) -> None:
        self.recovery = Recovery("mic")
        self.wire = "sound"
        self.now_s = 100.0
        self.opened = True
        self.opened_s = self.heard_s = self.now_s
        self.attempts: list[float] = []  # times of opening again
        self.told: list[tuple[float, str]] = []
        self.recovery.opened(self.now_s)

    def run(self, seconds: float, wire: str | None = None) -> None:
        self.wire = self.wire if wire is None else wire
        for _ in range(round(seconds / STEP_S)):
            self.now_s += STEP_S
            self._open() if not self.opened else self._listen()
            self.told += [(self.now_s, text) for text in self.recovery.notices()]

    def _listen(self) -> None:
        began = self.wire == "slow" and self.now_s - self.opened_s > SLOW_S
        if began or self.wire in ("sound", "zeros"):
            self.heard_s = self.now_s
            self.recovery.heard(self.now_s, self.wire != "zeros")
        ended = self.wire in ("ended", "absent")
        self.opened = not self.recovery.must_reopen(self.now_s, self.heard_s, ended)

    def _open(self) -> None:
        if self.now_s < self.recovery.retry_s:
            return
        self.attempts.append(self.now_s)
        if self.wire == "absent":
            self.recovery.failed(self.now_s, "no mic")
        else:
            self.opened, self.opened_s, self.heard_s = True, self.now_s, self.now_s
            self.recovery.opened(self.now_s)

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.told]


def test_a_healthy_microphone_is_left_alone() -> None:
    mic = Simulation()
    assert mic.recovery.state == "starting"
    mic.run(3600)
    assert (mic.recovery.state, mic.attempts, mic.told) == ("listening", [], [])


@pytest.mark.parametrize(
    ("wire", "state", "limit_s", "words"),
    [
        ("ended", "lost", 0.0, "mic: went away"),
        ("absent", "lost", 0.0, "mic: went away"),
        ("stall", "lost", STALL_S, "mic: no audio for 2 s"),
        ("zeros", "silent", SILENT_S, "mic: nothing but zeros for 3.5 s"),
    ],
)
def test_trouble_is_noticed_in_time_and_said_once(
    wire: str, state: str, limit_s: float, words: str
) -> None:
    mic = Simulation()
    mic.run(60)
    begun_s = mic.now_s
    mic.run(300, wire)
    assert mic.recovery.state == state
    noticed_s, text = mic.told[0]
    assert limit_s < noticed_s - begun_s < limit_s + 3 * STEP_S < NOTICED_S
    assert text.startswith(words)
    # A microphone that is not there has one reason more; hours of trouble have no more to say.
    assert mic.texts[1:] == (["no mic; trying again until it opens"] if wire == "absent" else [])


@pytest.mark.parametrize(("wire", "limit_s"), [("stall", STALL_S), ("zeros", SILENT_S)])
def test_trouble_soon_after_trouble_is_noticed_in_time_too(wire: str, limit_s: float) -> None:
    mic = Simulation()
    mic.run(60, "absent")
    while mic.recovery.state != "listening":
        mic.run(STEP_S, "sound")
    mic.run(limit_s + 3 * STEP_S, wire)
    assert mic.recovery.state == ("lost" if wire == "stall" else "silent")


@pytest.mark.parametrize("wire", ["ended", "absent", "stall", "zeros"])
def test_it_is_opened_again_as_soon_as_it_is_back(wire: str) -> None:
    mic = Simulation()
    mic.run(20)
    mic.run(600, wire)
    mic.run(LONGEST_DELAY_S + STEP_S, "sound")
    assert mic.recovery.state == "listening"
    name, words, seconds = re.fullmatch(r"(\w+): (.*) after (\d+) s", mic.texts[-1]).groups()
    assert (name, words) == ("mic", "heard again")
    assert float(seconds) == pytest.approx(600, abs=LONGEST_DELAY_S + SILENT_S)
    n = len(mic.attempts)
    mic.run(600)
    assert len(mic.attempts) == n


def test_the_delay_doubles_up_to_its_longest() -> None:
    mic = Simulation()
    mic.run(20)
    mic.run(60, "absent")
    waits = [b - a for a, b in zip(mic.attempts, mic.attempts[1:], strict=False)]
    expected = [min(FIRST_DELAY_S * 2**n, LONGEST_DELAY_S) for n in range(1, len(waits) + 1)]
    assert waits == pytest.approx(expected, abs=2 * STEP_S)
    assert waits[-1] == pytest.approx(LONGEST_DELAY_S, abs=2 * STEP_S)


def test_only_a_microphone_that_stays_well_is_tried_at_once_again() -> None:
    mic = Simulation()
    mic.run(20)
    mic.run(60, "absent")
    while mic.recovery.state != "listening":
        mic.run(STEP_S, "sound")
    mic.run(STEADY_S / 2)
    mic.attempts.clear()
    lost_s = mic.now_s
    mic.run(60, "absent")  # too soon
    assert mic.attempts[0] - lost_s > LONGEST_DELAY_S - STEP_S
    mic.run(LONGEST_DELAY_S + STEADY_S + 1, "sound")
    mic.attempts.clear()
    lost_s = mic.now_s
    mic.run(60, "absent")
    assert mic.attempts[0] - lost_s < FIRST_DELAY_S + 3 * STEP_S


def test_one_that_is_slow_to_begin_gets_the_time_it_needs() -> None:
    """A wireless microphone may take seconds to begin, and begins anew each time it is opened."""
    mic = Simulation()
    mic.run(20)
    mic.run(5, "stall")
    mic.run(60, "slow")
    assert mic.recovery.state == "listening"


def test_zeros_after_a_loss_are_said_once_until_it_is_heard() -> None:
    mic = Simulation()
    mic.run(20)
    for _ in range(5):
        mic.run(60, "zeros")
        mic.run(60, "absent")
    assert sum("zeros" in text for text in mic.texts) == 1
    mic.run(60, "sound")
    mic.run(60, "zeros")
    assert sum("zeros" in text for text in mic.texts) == 2


def test_a_reason_that_changes_is_said() -> None:
    recovery = Recovery("mic")
    for second, reason in enumerate(["in use", "in use", "not there", "in use", "in use"]):
        recovery.failed(second, reason)
    told = [text.partition(";")[0] for text in recovery.notices()]
    assert told == ["in use", "not there", "in use"]
    assert recovery.state == "lost"


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["sound", "zeros", "stall", "ended", "absent"]), st.floats(0.1, 40)
        ),
        max_size=15,
    )
)
def test_whatever_happens_it_comes_back_and_is_not_talked_about_too_much(
    history: list[tuple[str, float]],
) -> None:
    mic = Simulation()
    for wire, seconds in history:
        mic.run(seconds, wire)
    assert len(mic.told) <= 4 * len(history)
    mic.run(LONGEST_DELAY_S + SILENT_S + 2 * STEP_S, "sound")
    assert mic.recovery.state == "listening"
