"""A graph that crashes, hangs or takes all memory does so in a process of its own."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_asc.runtime import sessions
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.trust import trial
from tiny_models import FRONTEND, tone, write_model


class Doomed:
    """A session in whose run something happens."""

    def __init__(self, what: Callable[[], object]) -> None:
        self.what = what

    def run(self, features: np.ndarray) -> dict[str, np.ndarray]:
        self.what()
        return {}


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    time.sleep(60)


def eat() -> None:
    np.ones(400_000_000, np.uint8)


def complain() -> None:
    raise RuntimeError("two lines\nof trouble")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (crash, "crash .SIGSEGV"),
        (hang, "did not end"),
        (eat, "allocate|memory"),
        (complain, "two lines of trouble"),
    ],
)
def test_what_happens_there_is_one_line_here(
    what: Callable[[], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "LIMIT_S", 2.0)
    monkeypatch.setitem(sessions.OPENERS, "litert", lambda content, threads: Doomed(what))
    with pytest.raises(ValueError, match=said) as caught:
        trial.try_graph(b"any", "litert", (12, 63))
    assert "\n" not in str(caught.value)


def test_beside_other_threads_a_new_interpreter_tries_it(tmp_path: Path) -> None:
    """A fork of a process with threads may find their locks closed for ever."""
    content = write_model(tmp_path / "m.tflite", name="beside others").read_bytes()
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        trial.try_graph(content, "litert", (12, 63))
        with pytest.raises(ValueError, match=r"\w"):
            trial.try_graph(content[:200], "litert", (12, 63))
    finally:
        done.set()
        other.join()


def test_what_came_with_the_package_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "try_graph", lambda *_: pytest.fail("tried"))
    (shipped,) = (trial.PACKAGE / "runtime" / "zoo").glob("*/esc10-32k.tflite")
    assert Classifier.load(shipped).labels


def test_an_embedding_comes_after_a_trial_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    path = write_model(tmp_path / "m.tflite")
    monkeypatch.setattr(trial, "try_graph", lambda *asked: tried.append(asked[1]))
    assert Classifier.load(path).embed(tone("low"), FRONTEND.sample_rate_hz).shape == (12,)
    assert tried == ["litert", "litert, all tensors kept"]
