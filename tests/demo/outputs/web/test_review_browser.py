"""The review in a real browser: by mouse and by keys, what is pressed is what is stored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser import Browser, Tab
from edge_asc.demo.outputs.keep.names import BACKGROUND
from edge_asc.demo.outputs.keep.store import Clip, Store
from edge_asc.demo.outputs.web.review import Review
from edge_asc.demo.outputs.web.web import WebOutput
from kept_clips import NOON_S, ROOMY, clip_of, filled, kept
from tiny_models import FRONTEND, LABELS
from waiting import until
from web_feed import TOKEN, serving

KEPT = "clips of 2 s are kept"
EVIL = "<img src=x onerror=alert(1)>"


pytestmark = pytest.mark.usefixtures("at_noon")


@pytest.fixture
def six(tmp_path: Path) -> tuple[Store, list[Clip]]:
    store, clips = filled(tmp_path / "kept", 6)
    return store, clips[::-1]  # the newest first, as the page shows them


@pytest.fixture
def page(six: tuple[Store, list[Clip]]) -> Iterator[WebOutput]:
    with serving(token=TOKEN, review=Review(six[0], lambda: KEPT, FRONTEND)) as output:
        yield output


def opened(chromium: Browser, output: WebOutput, n: int = 6, **size: int) -> Tab:
    """The review, as one gets there from the live page."""
    tab = chromium.tab(**size)
    tab.go(f"{output.url}?token={TOKEN}")
    tab.wait("document.querySelector('#connection')?.textContent == 'connected'")
    tab.click("#review-link")
    tab.wait("document.querySelector('#what')?.textContent")  # the list has come
    tab.wait(f"document.querySelectorAll('article').length == {n}")
    return tab


def text(tab: Tab, selector: str) -> str:
    return str(tab.run(f"document.querySelector({selector!r}).textContent"))


def labels(store: Store) -> dict[str, str | None]:
    return {clip.id: clip.label for clip in store.clips()}


def keys(tab: Tab, *names: str) -> None:
    """Press keys, each when the one before has been heeded."""
    for name in names:
        before = _seen(tab)
        tab.key(name)
        tab.wait(f"{SEEN} != {before!r}")


SEEN = """JSON.stringify([document.querySelector('#count').textContent,
 [...document.querySelectorAll('article')].indexOf(document.querySelector('article.current')),
 document.querySelector('#announce').textContent])"""


def _seen(tab: Tab) -> str:
    return str(tab.run(SEEN))


def test_the_list_says_what_the_model_said(
    chromium: Browser, page: WebOutput, six: tuple[Store, list[Clip]]
) -> None:
    tab = opened(chromium, page)
    said = tab.run("[...document.querySelectorAll('.said')].map((e) => e.textContent)")
    assert said[0] == "high 80 %, low 10 %, middle 10 %"
    assert len(said) == 6
    assert text(tab, "#what") == f"Recording: {KEPT}."
    assert text(tab, "#count") == "0 clips with a label"
    buttons = tab.run(
        "[...document.querySelector('article').querySelectorAll('[data-label]')]"
        ".map((e) => e.dataset.label)"
    )
    assert buttons == list(LABELS)
    assert tab.complaints == []


def test_each_picture_is_of_its_clip(
    chromium: Browser, page: WebOutput, six: tuple[Store, list[Clip]]
) -> None:
    tab = opened(chromium, page)
    tab.wait("[...document.querySelectorAll('canvas')].every((c) => c.height == 12)")
    rows = tab.run(LOUDEST)
    # The newest is the highest tone; a row further up has a smaller number.
    assert rows[0] < rows[1] < rows[2]
    assert rows[:3] == rows[3:]


LOUDEST = """[...document.querySelectorAll('canvas')].map((canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const dark = Array.from({ length: height }, (_, y) => {
    let sum = 0;
    for (let x = 0; x < width; x++) sum += 255 - data[4 * (y * width + x)];
    return sum;
  });
  return dark.indexOf(Math.max(...dark));
})"""


def test_by_mouse(chromium: Browser, page: WebOutput, six: tuple[Store, list[Clip]]) -> None:
    store, (a, b, c, *_) = six
    tab = opened(chromium, page)
    article = "#list li:nth-child({}) "
    tab.click(article.format(1) + "[data-label=middle]")
    until(lambda: labels(store)[a.id] == "middle")
    tab.click(article.format(2) + ".none")
    until(lambda: labels(store)[b.id] == BACKGROUND)
    tab.click(article.format(3) + ".delete")
    until(lambda: c.id not in labels(store))
    tab.wait("document.querySelector('#list li:nth-child(3) b').textContent == 'deleted'")
    assert text(tab, article.format(1) + ".is b") == "middle"
    assert text(tab, article.format(2) + ".is b") == "none of these"
    tab.click("#undo")
    until(lambda: c.id in labels(store))
    tab.wait("document.querySelector('#list li:nth-child(3) .is').hidden")
    tab.click('[data-show="labelled"]')
    tab.wait("document.querySelectorAll('article').length == 2")
    assert tab.complaints == []


SLOW_FIRST = """(() => {
  const fast = window.fetch;
  let slow = 500;
  window.fetch = async (...request) => {
    const wait_ms = slow;
    slow = 0;
    await new Promise((done) => setTimeout(done, wait_ms));
    return fast(...request);
  };
})()"""


def test_a_slow_answer_keeps_its_turn(
    chromium: Browser, page: WebOutput, six: tuple[Store, list[Clip]]
) -> None:
    store, (a, b, *_) = six
    tab = opened(chromium, page)
    tab.run(SLOW_FIRST)
    tab.click("#list li:nth-child(1) .none")
    tab.click("#list li:nth-child(2) .none")
    tab.wait("!document.querySelector('#undo').disabled")
    tab.click("#undo")  # of the second, whether it is there yet or not
    tab.wait("document.querySelector('#announce').textContent == 'taken back'")
    assert labels(store) == {**dict.fromkeys(labels(store)), a.id: BACKGROUND}
    assert b.id in labels(store)
    assert tab.complaints == []


def test_by_keys(chromium: Browser, page: WebOutput, six: tuple[Store, list[Clip]]) -> None:
    store, (a, b, c, d, e, f) = six
    tab = opened(chromium, page)
    keys(tab, "j", "1", "n")  # the first, and with each answer on to the next
    assert labels(store) == {**dict.fromkeys(labels(store)), a.id: "low", b.id: BACKGROUND}
    keys(tab, "j", "d", "k", "k")
    assert list(labels(store)) == [clip.id for clip in (a, b, c, e, f)]
    keys(tab, "3")
    assert labels(store)[c.id] == "high"
    keys(tab, "u", "u", "u")
    assert labels(store) == {**dict.fromkeys(clip.id for clip in six[1]), a.id: "low"}
    assert d.id in labels(store)
    assert tab.complaints == []


def test_a_label_that_was_typed_gets_a_button_of_its_own(
    chromium: Browser, page: WebOutput, six: tuple[Store, list[Clip]]
) -> None:
    store, (a, b, *_) = six
    tab = opened(chromium, page)
    keys(tab, "j")
    tab.key("/")
    for letter in "nd":  # keys mean letters there
        tab.key(letter)
    tab.key("Enter")
    until(lambda: labels(store)[a.id] == "nd")
    tab.wait("document.querySelector('article.current') != document.querySelector('article')")
    tab.key("4")
    until(lambda: labels(store)[b.id] == "nd")
    assert tab.complaints == []


def test_a_label_is_text_and_nothing_else(chromium: Browser, tmp_path: Path) -> None:
    store = Store.make(tmp_path / "kept")
    shares = {EVIL.replace("/", ""): 0.7, "low": 0.3}
    what = kept(EVIL, NOON_S, probabilities=shares)
    clip = store.add(what, clip_of(), ROOMY)
    with serving(token=TOKEN, review=Review(store, lambda: EVIL, FRONTEND)) as output:
        tab = opened(chromium, output, 1)
        assert tab.run("document.querySelectorAll('main img').length") == 0
        tab.click("[data-label]")
        until(lambda: labels(store)[clip.id])
        tab.wait("document.querySelector('#count').textContent.startsWith('1 clip')")
        assert tab.run("document.querySelectorAll('main img').length") == 0
        assert text(tab, ".is b") == EVIL
        assert tab.complaints == []


def test_a_clip_is_heard_and_stops(
    chromium: Browser, page: WebOutput, six: tuple[Store, list[Clip]]
) -> None:
    tab = opened(chromium, page)
    tab.click("#list li:nth-child(2) .play")
    tab.wait("document.querySelector('#player').currentTime > 0.1")
    assert tab.run("Math.abs(document.querySelector('#player').duration - 1.5) < 0.01")
    assert text(tab, "#list li:nth-child(2) .play") == "■ Stop"
    tab.key("j")
    tab.key(" ")  # on the focused button it would press that
    tab.wait("document.querySelector('#list li:nth-child(3) .play').textContent == '■ Stop'")
    assert text(tab, "#list li:nth-child(2) .play") == "▶ Play"
    tab.wait("document.querySelector('#list li:nth-child(3) .play').textContent == '▶ Play'")
    assert tab.complaints == []


def test_a_clip_that_has_gone_is_said(
    chromium: Browser, page: WebOutput, six: tuple[Store, list[Clip]]
) -> None:
    _, (a, *_) = six
    tab = opened(chromium, page)
    a.path.unlink()
    tab.click("#list li:nth-child(1) .none")
    tab.wait("document.querySelector('#problem').textContent.startsWith('no clip')")


def test_many_clips_come_a_page_at_a_time(chromium: Browser, tmp_path: Path) -> None:
    store = Store.make(tmp_path / "kept")
    content = clip_of()
    for i in range(35):
        store.add(kept(time_s=NOON_S + i), content, ROOMY)
    with serving(token=TOKEN, review=Review(store, lambda: KEPT, FRONTEND)) as output:
        tab = opened(chromium, output, 30)
        assert text(tab, "#shown") == "30 of 35"
        tab.click("#more")
        tab.wait("document.querySelectorAll('article').length == 35")
        assert tab.run("document.querySelector('#more').hidden")


def test_the_teacher_has_buttons_for_what_it_can(
    chromium: Browser, six: tuple[Store, list[Clip]]
) -> None:
    store = six[0]
    for i, clip in enumerate(six[1]):
        store.label(clip.id, LABELS[i % 2])

    taught: list[Path] = []

    class Teacher:
        def start(self, folder: Path) -> None:
            taught.append(folder)

        def cancel(self) -> None: ...

        def swap(self) -> None: ...

        def back(self) -> None: ...

        def state(self) -> dict[str, Any]:
            can = ["swap"] if taught else ["start"]
            rows = [["2 new clips, 2 recordings", "50 %", "100 %"]]
            figures = {"head": ["right, of", "old", "new"], "rows": rows, "notes": [EVIL]}
            return {
                "text": "taught" if taught else "ready",
                "busy": False,
                "can": can,
                "share": None,
                "back": "old",
                "figures": figures if taught else None,
            }

    with serving(token=TOKEN, review=Review(store, lambda: KEPT, FRONTEND, Teacher())) as output:
        tab = opened(chromium, output, 0)
        states = "[...document.querySelectorAll('[data-do]')].filter((b) => !b.hidden).map("
        states += "(b) => [b.dataset.do, b.disabled])"
        assert tab.run(states) == [["start", False]]
        assert tab.run("document.querySelector('#figures').hidden")
        tab.click('[data-do="start"]')
        tab.wait("document.querySelector('#teacher-state').textContent == 'taught'")
        assert tab.run(states) == [["start", True], ["swap", False]]
        assert taught == [store.labelled]
        assert text(tab, "#figures tbody") == "2 new clips, 2 recordings50 %100 %"
        assert text(tab, "#figures li") == EVIL
        assert tab.run("document.querySelectorAll('main img').length") == 0


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_sticks_out(
    width: int, chromium: Browser, page: WebOutput, six: tuple[Store, list[Clip]]
) -> None:
    tab = opened(chromium, page, width=width)
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")


def test_every_control_has_a_name(
    chromium: Browser, page: WebOutput, six: tuple[Store, list[Clip]]
) -> None:
    tab = opened(chromium, page)
    nameless = tab.run(
        "[...document.querySelectorAll('button, input, canvas, article, a')].filter("
        "(e) => !(e.getAttribute('aria-label') || e.textContent.trim() || e.placeholder)).length"
    )
    assert nameless == 0
    ids = tab.run("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(set(ids)) == len(ids)
