"""Several outputs as one: what fails is told, and costs itself alone."""

from typing import Any

import numpy as np
import pytest

from edge_asc.demo.events import Decision, Health, Notice
from edge_asc.demo.outputs.output import Output, Outputs

METHODS = ("on_decision", "on_health", "on_notice", "on_model", "on_begin", "on_audio", "on_frames")
DECISION = Decision(
    time_s=0, position_s=0, scene="rain", changed=True, confidence=1, probabilities={}
)


class Counting(Output):
    what = "the counter"

    def __init__(self) -> None:
        self.n_decisions = self.n_closed = 0

    def on_decision(self, decision: Decision) -> None:
        self.n_decisions += 1

    def close(self) -> None:
        self.n_closed += 1


class Failing(Counting):
    """Raises in one method, whatever it is called with."""

    what = "the failing one"

    def __init__(self, method: str, error: Exception) -> None:
        super().__init__()

        def fail(*_: Any) -> Any:
            raise error

        setattr(self, method, fail)


@pytest.mark.parametrize("error", [RuntimeError("it\nbroke"), KeyError("x"), OSError(28, "full")])
@pytest.mark.parametrize("method", [*METHODS, "notices"])
def test_one_that_fails_is_closed_and_told_once_and_the_others_go_on(
    method: str, error: Exception
) -> None:
    first, failing, last = Counting(), Failing(method, error), Counting()
    outputs = Outputs([first, failing, last])
    given = {"on_audio": np.zeros(3), "on_begin": 0.0}.get(method, DECISION)
    arguments = [] if method == "notices" else [given]
    told = getattr(outputs, method)(*arguments) or []
    for _ in range(3):
        outputs.on_decision(DECISION)
    told += outputs.notices() + outputs.notices()
    assert len(told) == 1
    assert told[0].startswith("the failing one has failed and is given up: ")
    assert "\n" not in told[0]
    assert first.n_decisions == last.n_decisions == 3 + (method == "on_decision")
    outputs.close()
    assert [first.n_closed, failing.n_closed, last.n_closed] == [1, 1, 1]


def test_the_last_one_that_fails_ends_it() -> None:
    outputs = Outputs([Failing("on_health", BrokenPipeError())])
    with pytest.raises(BrokenPipeError):
        outputs.on_health(Health(time_s=0, state="listening", source="x"))


def test_the_last_one_that_anybody_hears_ends_it() -> None:
    """A service's word to systemd alone would keep it alive, and nobody would hear of it."""
    silent = Counting()
    silent.is_heard = False
    outputs = Outputs([silent, Failing("on_decision", BrokenPipeError())])
    with pytest.raises(BrokenPipeError):
        outputs.on_decision(DECISION)


def test_one_that_neither_works_nor_closes_is_given_up_as_well() -> None:
    failing = Failing("close", RuntimeError("never"))
    failing.on_notice = failing.close  # type: ignore[assignment,method-assign]
    outputs = Outputs([failing, Counting()])
    outputs.on_notice(Notice(time_s=0, text=""))
    assert len(outputs.notices()) == 1
    outputs.close()


def test_all_are_closed_when_one_does_not_close_and_it_is_said_in_one_line() -> None:
    first, last = Counting(), Counting()
    with pytest.raises(OSError, match=r"^the failing one: disk full$"):
        Outputs([first, Failing("close", RuntimeError("disk full")), last]).close()
    assert first.n_closed == last.n_closed == 1
