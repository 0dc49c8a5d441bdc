"""From kept clips to a model that listens, on the page: real processes, and a real browser."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import edge_asc as ea
from bells import RATE_HZ, SECONDS, write_sounds
from browser import Browser, Tab
from edge_asc.demo.outputs.keep.index import Kept
from edge_asc.demo.outputs.keep.sound import encoded
from edge_asc.demo.outputs.keep.store import Limits, Store
from edge_asc.runtime.classifier import Classifier
from kept_clips import NOON_S
from live_process import LiveProcess, children, gaps
from waiting import PATIENCE_S, until
from web_feed import TOKEN

EACH = 3  # clips of a sound, each a recording of its own
HOP_S = 1.0
TEACHING_S = 5 * PATIENCE_S  # it comes behind everything else that a machine does


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was taught bells and hums on the encoder that comes along."""
    folder = tmp_path_factory.mktemp("base")
    sounds = write_sounds(folder / "sounds", recordings=2)
    return ea.teach(sounds, folder / "my.tflite", views=0).path


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Clips that were kept earlier, and have no labels: whistles and hums in turn."""
    store = Store.make(tmp_path / "kept")
    roomy = Limits(10**9, 1e12)
    sounds = write_sounds(tmp_path / "earlier", recordings=EACH + 4, labels=("hum", "whistle"))
    for i in range(2 * EACH):
        label = ("hum", "whistle")[i % 2]
        sound = soundfile.read(sounds / label / f"{i // 2 + 4}.wav", dtype="int16")[0]
        what = Kept(
            time_s=NOON_S + 100 * i,
            seconds=SECONDS,
            why="unsure",
            scene="unsure",
            confidence=0.3,
            probabilities={"bell": 0.3, "hum": 0.3},
            model="my",
            window_s=(0.0, SECONDS),
        )
        store.add(what, encoded(np.asarray(sound), RATE_HZ), roomy)
    return store.folder


@pytest.fixture
def live(base: Path, kept: Path) -> Iterator[Callable[[], LiveProcess]]:
    """Starts a listener on `base` and the kept clips; several may follow each other."""
    started: list[LiveProcess] = []

    def start() -> LiveProcess:
        words = ["--model", str(base), "--keep", str(kept), "--keep-days", "36500"]
        started.append(LiveProcess(*words, "--hop", str(HOP_S)))
        return started[-1]

    yield start
    for process in started:
        if process.process.poll() is None:
            process.kill()


def label_all(folder: Path) -> None:
    store = Store(folder)
    for i, clip in enumerate(sorted(store.clips(), key=lambda clip: clip.id)[: 2 * EACH]):
        store.label(clip.id, ("hum", "whistle")[i % 2])


def taught(live: LiveProcess) -> dict[str, Any]:
    until(lambda: live.ask("/api/teach")["share"] is None, TEACHING_S)
    return live.ask("/api/teach")


# ------------------------------------------------------------------------------- killed


def test_killed_at_any_moment_the_model_last_in_use_listens(
    live: Callable[[], LiveProcess], base: Path, kept: Path
) -> None:
    label_all(kept)
    old = Classifier.load(base).id

    first = live()
    assert first.says == old
    first.ask("/api/teach", do="start")
    (teaching,) = until(lambda: children(first.process.pid))
    os.kill(teaching, signal.SIGKILL)
    state = taught(first)
    assert "SIGKILL" in state["text"]
    assert state["can"] == ["start"]
    first.ask("/api/teach", do="start")
    until(lambda: children(first.process.pid))
    first.kill()  # the whole, while it teaches

    second = live()
    assert second.says == old
    assert second.ask("/api/teach")["figures"] is None
    second.ask("/api/teach", do="start")
    state = taught(second)
    new = state["figures"]["head"][2].removeprefix("new: ")
    assert state["can"] == ["start", "swap"]
    second.kill()  # taught, and nobody has said yet that it shall listen

    third = live()
    assert third.says == old
    third.ask("/api/teach", do="swap")
    until(lambda: third.says == new)
    until(lambda: not third.ask("/api/teach")["busy"])
    assert gaps(third.told("decision")) == {HOP_S}
    third.kill()

    fourth = live()
    assert fourth.says == new
    assert any(f"{new}, taught here, in place of my.tflite" in text for text in fourth.notices)
    fourth.process.send_signal(signal.SIGHUP)
    until(lambda: f"model: {new} as before" in fourth.notices)
    fourth.ask("/api/teach", do="back")
    until(lambda: fourth.says == old)
    until(lambda: not fourth.ask("/api/teach")["busy"])
    assert gaps(fourth.told("decision")) == {HOP_S}
    fourth.end()

    fifth = live()
    assert fifth.says == old
    assert (kept / "models" / "taught-001.tflite").exists()


# ------------------------------------------------------------------------------- in a browser


def pressed(tab: Tab, name: str, seen: str) -> None:
    """Press a key, and wait for what it does."""
    tab.key(name)
    tab.wait(seen)


def label_by_keys(tab: Tab) -> None:
    """The newest clip is a whistle: type that once, and a hum has a key already."""
    open_clips = "document.querySelectorAll('article:not(.answered)').length"
    tab.wait("document.querySelector('#what')?.textContent")
    n = tab.wait(open_clips)
    tab.key("j")
    for i in range(2 * EACH):
        if i == 0:
            tab.key("/")
            for letter in "whistle":
                tab.key(letter)
            tab.key("Enter")
        else:
            tab.key("3" if i % 2 == 0 else "2")
        tab.wait(f"{open_clips} == {n - 1 - i}")


def until_taught(tab: Tab) -> None:
    until(lambda: tab.run("!document.querySelector('#figures').hidden"), TEACHING_S)


def model_shown(tab: Tab) -> str:
    return str(tab.run("document.querySelector('#model').textContent"))


def figures_of(tab: Tab) -> list[list[str]]:
    rows = tab.run(
        "[...document.querySelectorAll('#figures tr')]"
        ".map((row) => [...row.children].map((cell) => cell.textContent))"
    )
    return list(rows)


def test_labelled_taught_swapped_and_taken_back_in_a_browser(
    live: Callable[[], LiveProcess], base: Path, kept: Path
) -> None:
    old = Classifier.load(base).id
    listener = live()
    with Browser() as browser:
        watching, tab = browser.tab(), browser.tab()
        for each in (watching, tab):
            each.go(f"{listener.url}/?token={TOKEN}")
            each.wait("document.querySelector('#connection')?.textContent == 'connected'")
        assert model_shown(watching).startswith(old)
        tab.click("#review-link")
        label_by_keys(tab)
        assert {clip.label for clip in Store(kept).clips()} >= {"hum", "whistle"}
        tab.click("[data-do=start]")
        tab.wait("!document.querySelector('#teacher-share').hidden")
        until_taught(tab)
        (_, before, new), whole, *_ = figures_of(tab)
        assert before == f"before: {old}"
        new = new.removeprefix("new: ")
        assert whole[0] == f"{2 * EACH} new clips, {2 * EACH} recordings"
        assert figures_of(tab)[3][:2] == ["whistle, 3", "not known"]
        assert listener.says == old  # nothing has changed yet
        tab.click("[data-do=swap]")
        watching.wait(f"document.querySelector('#model').textContent.startsWith({new!r})")
        until(lambda: listener.says == new)
        tab.wait("!document.querySelector('[data-do=back]').hidden")
        tab.click("[data-do=back]")
        watching.wait(f"document.querySelector('#model').textContent.startsWith({old!r})")
        until(lambda: listener.says == old)
        assert watching.complaints == tab.complaints == []
    decisions = listener.told("decision")
    assert {decision["model"] for decision in decisions} == {old, new}
    assert gaps(decisions) == {HOP_S}
    assert all(health["dropped_s"] == 0 for health in listener.told("health"))
    listener.end()
    assert "".join(listener.complaints) == ""
