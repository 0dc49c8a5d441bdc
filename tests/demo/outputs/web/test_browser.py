"""The live page in a real browser: what is fed is what is seen."""

import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

import tiny_models
from browser import Browser, Tab
from edge_asc.demo.events import UNSURE, Notice
from edge_asc.demo.outputs.web.spectrogram import band_edges_hz
from edge_asc.demo.outputs.web.web import WebOutput
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.classifier import Classifier
from tiny_models import ABSTRACT_LABELS, LABELS
from waiting import until
from web_feed import TOKEN, decision, health, n_browsers, serving

FRONTEND = FrontEnd(16000, 512, 400, 160, 64, f_min_hz=50.0, f_max_hz=7600.0)
TONE_HZ = 1000.0
PIXELS = 3  # a row of the picture is 4 or 5 pixels high, its edges are blurred
SHARE = 0.02  # of a bar's length


pytestmark = pytest.mark.usefixtures("at_noon")


@pytest.fixture
def page() -> Iterator[WebOutput]:
    with serving(frontend=FRONTEND, abstract_labels=list(ABSTRACT_LABELS)) as output:
        yield output


def opened(chromium: Browser, output: WebOutput, **size: int) -> Tab:
    """The page in a tab of its own, connected."""
    tab = chromium.tab(**size)
    tab.go(output.url)
    tab.wait("document.querySelector('#connection').textContent == 'connected'")
    return tab


def tone(seconds: float, frequency_hz: float = TONE_HZ) -> np.ndarray:
    """Raw features of a tone in faint noise."""
    n = round(seconds * FRONTEND.sample_rate_hz)
    wave = 0.3 * np.sin(2 * np.pi * frequency_hz / FRONTEND.sample_rate_hz * np.arange(n))
    noise = np.random.default_rng(0).normal(scale=1e-3, size=n)
    return FRONTEND.raw((wave + noise).astype(np.float32))


def text(tab: Tab, selector: str) -> str:
    return str(tab.run(f"document.querySelector({selector!r}).textContent"))


PICTURE = """(() => {
  const canvas = document.querySelector('#spectrogram');
  const {width, height} = canvas;
  const data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  const rows = [];  // mean darkness of the newest tenth
  for (let y = 0; y < height; y++) {
    let sum = 0;
    for (let x = Math.floor(0.9 * width); x < width; x++) {
      const i = 4 * (y * width + x);
      sum += 765 - data[i] - data[i + 1] - data[i + 2];
    }
    rows.push(sum / (width - Math.floor(0.9 * width)));
  }
  const box = canvas.getBoundingClientRect();
  const ticks = [...document.querySelectorAll('.y-axis .tick')].map((tick) => {
    const {top, bottom} = tick.getBoundingClientRect();
    return [Number(tick.dataset.hz), (top + bottom) / 2 - box.top];
  });
  return {rows, ticks, height: box.height};
})()"""


def test_the_page_is_whole_and_asks_nobody_else(chromium: Browser, page: WebOutput) -> None:
    tab = opened(chromium, page)
    page.on_frames(tone(1.0))
    page.on_decision(decision("low"))
    page.on_health(health())
    tab.wait("document.querySelector('#tiles').children.length")
    time.sleep(0.3)  # for a late request
    tab.run("1")
    assert tab.complaints == []
    assert {urlsplit(url).netloc for url in tab.requests} == {urlsplit(page.url).netloc}
    assert any(url.startswith("ws://") for url in tab.requests)


def test_a_tone_stands_at_its_height_of_the_axis(chromium: Browser, page: WebOutput) -> None:
    """The tick's own place says where 1 kHz is; the brightest row of the picture must be there."""
    tab = opened(chromium, page)
    before = tab.run(PICTURE)["rows"]
    page.on_frames(tone(5.0))
    tab.wait(f"{PICTURE}.rows.some((row) => row > 300)")
    picture = tab.run(PICTURE)
    assert picture["rows"] != before
    brightest = int(np.argmax(picture["rows"])) + 0.5
    ticks = dict(picture["ticks"])
    assert brightest == pytest.approx(ticks[TONE_HZ], abs=PIXELS + picture["height"] / 64)
    # The axis is the front end's: mels, not hertz.
    edges = np.array(band_edges_hz(FRONTEND))
    for frequency_hz, at in ticks.items():
        share = np.interp(frequency_hz, edges, np.arange(65)) / 64
        assert at == pytest.approx(picture["height"] * (1 - share), abs=1.5)
    assert len(ticks) > 5


def test_the_picture_moves_with_the_sound_and_can_be_stopped(
    chromium: Browser, page: WebOutput
) -> None:
    tab = opened(chromium, page)
    page.on_frames(tone(3.0))
    tab.wait(f"{PICTURE}.rows.some((row) => row > 300)")
    time.sleep(0.1)
    page.on_frames(tone(3.0, 3000.0))
    tab.wait(f"(p => {nearest('p', 3000)})({PICTURE})")
    tab.click("#pause")
    assert tab.run("document.querySelector('#pause').ariaPressed") == "true"
    stood = tab.run(PICTURE)
    time.sleep(0.1)
    page.on_frames(tone(3.0, 500.0))
    time.sleep(0.3)
    assert tab.run(PICTURE) == stood
    tab.click("#pause")  # what came meanwhile is not lost, and was not fetched anew
    tab.wait(f"(p => {nearest('p', 500)})({PICTURE})")
    assert sum(url.startswith("ws://") for url in tab.requests) == 1


def nearest(picture: str, frequency_hz: float) -> str:
    """JavaScript: whether the tick next to the brightest row is that of a frequency."""
    return (
        f"{picture}.ticks.sort((a, b) => Math.abs(a[1] - {brightest(picture)})"
        f" - Math.abs(b[1] - {brightest(picture)}))[0][0] == {frequency_hz}"
    )


def brightest(picture: str) -> str:
    return f"{picture}.rows.indexOf(Math.max(...{picture}.rows))"


def test_bars_are_the_probabilities(chromium: Browser, page: WebOutput) -> None:
    tab = opened(chromium, page)
    tab.prefer(reduced_motion="reduce")  # bars do not glide
    shares = {"low": 0.07, "middle": 0.62, "high": 0.31}
    kinds = {"dark": 0.69, "bright": 0.31}
    page.on_decision(
        decision(
            "middle",
            probabilities=shares,
            confidence=0.62,
            abstract="dark",
            abstract_probabilities=kinds,
        )
    )
    tab.wait("document.querySelector('#scene-name').textContent == 'middle'")
    for card, expected in (("#scenes", shares), ("#abstract", kinds)):
        bars = tab.run(
            f"[...document.querySelectorAll('{card} .bars li')].map((row) => [row.dataset.label,"
            " row.querySelector('.fill').getBoundingClientRect().width"
            " / row.querySelector('.track').getBoundingClientRect().width,"
            " row.querySelector('b').textContent])"
        )
        assert [bar[0] for bar in bars] == list(expected)
        for label, share, said in bars:
            assert share == pytest.approx(expected[label], abs=SHARE)
            assert said == f"{round(100 * expected[label])}\u202f%"
    assert text(tab, "#scenes .shown span") == "middle"
    assert tab.run("document.title") == "middle · edge-asc"
    assert text(tab, "#sure") == "62\u202f% · for 1\u202fs"


def test_unsure_says_what_is_likeliest(chromium: Browser, page: WebOutput) -> None:
    tab = opened(chromium, page)
    shares = {"low": 0.33, "middle": 0.36, "high": 0.31}
    page.on_decision(decision(UNSURE, probabilities=shares, confidence=0.36))
    tab.wait("document.querySelector('#scene').classList.contains('unsure')")
    assert text(tab, "#scene-name") == "unsure"
    assert text(tab, "#sure") == "likeliest: middle, 36\u202f% · for 1\u202fs"
    assert tab.run("document.querySelectorAll('#scenes .shown').length") == 0


COLOURS = """(() => {
  const strip = document.querySelector('#strip');
  const row = strip.getContext('2d').getImageData(0, 2, strip.width, 1).data;
  const colours = [];
  for (let x = 0; x < strip.width; x++) colours.push([...row.slice(4 * x, 4 * x + 3)].join(' '));
  return colours;
})()"""


def test_the_strip_and_its_table_show_the_day(chromium: Browser, page: WebOutput) -> None:
    now_s = time.time()
    position_s = 0.0
    scenes = ["low"] * 20 + ["high"] * 10 + ["middle"] * 10
    for i, scene in enumerate(scenes):
        position_s += 10.0
        page.on_decision(decision(scene, now_s - 10 * (len(scenes) - i), position_s))
    tab = opened(chromium, page)
    tab.wait("document.querySelectorAll('#totals tr').length == 3")
    rows = tab.run("[...document.querySelectorAll('#totals tr')].map((row) => row.innerText)")
    assert [row.split()[0] for row in rows] == ["low", "high", "middle"]
    assert "3\u202fmin 11\u202fs" in rows[0]  # the first decision stands for a window of 1 s
    assert tab.run("document.querySelector('#range [aria-pressed=true]').textContent") == "10 min"
    colours = tab.run(COLOURS)
    runs = [(colour, len(list(run))) for colour, run in groupby(colours)]
    assert len(runs) == 5  # nothing, low, high, middle, the moments since
    assert len({colour for colour, _ in runs}) == 4
    for (_, length), seconds in zip(runs[1:4], (191, 100, 100), strict=True):
        assert length == pytest.approx(seconds / 600 * len(colours), abs=2)
    page.on_decision(decision("low", now_s + 1, position_s + 11, changed=True))
    tab.wait("document.querySelector('#strip').ariaValueMax == '4'")
    assert tab.run("document.querySelector('#totals').rows[0].innerText").startswith("low")


def test_all_can_be_done_with_the_keyboard(chromium: Browser, page: WebOutput) -> None:
    now_s = time.time()
    for i, scene in enumerate(LABELS):
        page.on_decision(decision(scene, now_s - 60 + 10 * i, 10.0 * (i + 1)))
    tab = opened(chromium, page)
    visited = []
    for _ in range(8):
        tab.key("Tab")
        visited.append(
            tab.run("document.activeElement.id || document.activeElement.textContent.trim()")
        )
        outline = tab.run("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", visited
    assert visited[:3] == ["To the scene", "theme", "pause"]
    assert visited[3:7] == ["10 min", "1 h", "day", "strip"]
    tab.key("Tab", shift=True)  # on the strip
    for key, expected in [
        ("Home", "low"),
        ("ArrowRight", "middle"),
        ("End", "high"),
        ("ArrowLeft", "middle"),
    ]:
        tab.key(key)
        assert expected in tab.run("document.querySelector('#strip').ariaValueText")
        assert expected in text(tab, "#segment")
    tab.key("Tab", shift=True)
    tab.key("Enter")
    assert text(tab, "#range [aria-pressed=true]") == "day"


def test_a_screen_reader_hears_of_a_new_scene_and_no_more(
    chromium: Browser, page: WebOutput
) -> None:
    tab = opened(chromium, page)
    tab.run(
        "window.said = []; new MutationObserver(() => said.push(document.querySelector('#announce')"
        ".textContent)).observe(document.querySelector('#announce'), {childList: true})"
    )
    for i, scene in enumerate(["low", "low", "high", "low", "high"]):
        page.on_decision(decision(scene, position_s=i + 1.0, changed=True))
    tab.wait("document.querySelector('#scene-name').textContent == 'high'")
    assert tab.run("said") == ["Scene: low"]  # the rest must wait for ten seconds


def test_health_says_in_words_what_is_wrong(chromium: Browser, page: WebOutput) -> None:
    tab = opened(chromium, page)
    page.on_notice(Notice(time_s=time.time(), text="microphone lost <b>&"))
    bad = {"state": "lost", "audio_age_s": 7.2, "overruns": 4, "temperature_c": 85.0}
    page.on_health(health(**bad, throttled=["under-voltage"], rss_bytes=81_000_000))
    tab.wait("document.querySelector('#state').textContent == 'lost'")
    tiles: dict[str, Any] = dict(
        tab.run(
            "[...document.querySelectorAll('#tiles > div')].map((tile) =>"
            " [tile.children[0].textContent, [tile.children[1].textContent,"
            " tile.children[2].textContent]])"
        )
    )
    assert tiles["Last audio"] == ["7.2\u202fs ago", "▲ late"]
    assert tiles["Overruns"] == ["4", "▲ audio lost"]
    assert tiles["Processor"] == ["85\u202f°C", "▲ hot"]
    assert tiles["Throttled"] == ["under-voltage", "▲ slowed down"]
    assert tiles["Memory"] == ["81\u202fMB", ""]
    assert tiles["Latency"] == ["not known", ""]
    assert "microphone lost <b>&" in text(tab, "#notice-list li")


def test_it_connects_again_by_itself(chromium: Browser) -> None:
    with serving(frontend=FRONTEND) as output:
        port = urlsplit(output.url).port
        tab = opened(chromium, output)
        output.on_frames(tone(3.0))
        output.on_decision(decision("low"))
        tab.wait("document.querySelector('#scene-name').textContent == 'low'")
        tab.run("window.same = true")
    tab.wait("document.body.classList.contains('offline')")
    assert "next try in" in text(tab, "#connection")
    with serving(str(port), frontend=FRONTEND) as output:
        output.on_frames(tone(2.0, 3000.0))
        output.on_decision(decision("high"))
        tab.wait("document.querySelector('#scene-name').textContent == 'high'")
        tab.wait(f"(p => {nearest('p', 3000)})({PICTURE})")
        assert tab.run("window.same") is True  # without loading itself anew
        assert not tab.run("document.body.classList.contains('offline')")


def test_another_model_is_taken_in_without_a_reload(chromium: Browser, tmp_path: Path) -> None:
    other = tiny_models.write_model(tmp_path / "o.tflite", labels=["one", "low", "two"])
    classifier = Classifier.load(other)
    now_s = time.time()
    with serving() as output:
        tab = opened(chromium, output)
        tab.run("window.same = true")
        output.on_decision(decision("high", now_s, changed=True))
        output.on_model(classifier)
        tab.wait("document.querySelector('#scenes li').dataset.label == 'one'")
        assert text(tab, "#model") == f"{classifier.id}, float32"
        found = dict.fromkeys(classifier.labels, 0.0) | {"two": 1.0}
        output.on_decision(
            decision("two", now_s + 1, 2.0, changed=True, probabilities=found, confidence=1.0)
        )
        tab.wait("document.querySelector('#scene-name').textContent == 'two'")
        rows = "[...document.querySelectorAll('#totals .name')].map((name) => name.textContent)"
        assert set(tab.run(rows)) == {"high", "two"}
        assert tab.run("window.same")
        assert tab.complaints == []


def test_a_model_with_another_front_end_loads_the_page_anew(chromium: Browser) -> None:
    with serving(frontend=FRONTEND) as output:
        port = urlsplit(output.url).port
        tab = opened(chromium, output)
        tab.run("window.same = true")
    with serving(str(port), labels=["one", "two"]):
        tab.wait("window.same === undefined && document.querySelectorAll('#scenes li').length == 2")


def test_dark_follows_the_system_until_it_is_chosen(chromium: Browser, page: WebOutput) -> None:
    tab = opened(chromium, page)
    brightness = (
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"
        ".reduce((sum, x) => sum + Number(x), 0)"
    )
    tab.prefer(color_scheme="light")
    assert tab.run(brightness) > 600
    tab.prefer(color_scheme="dark")
    tab.wait(f"{brightness} < 150")
    tab.click("#theme")
    assert text(tab, "#theme") == "Theme: light"
    assert tab.run(brightness) > 600
    tab.go(page.url)
    assert text(tab, "#theme") == "Theme: light"  # remembered
    tab.click("#theme")
    tab.prefer(color_scheme="light")
    assert text(tab, "#theme") == "Theme: dark"
    assert tab.run(brightness) < 150


@pytest.mark.parametrize("width", [320, 360, 768])
def test_no_screen_is_too_narrow(chromium: Browser, page: WebOutput, width: int) -> None:
    page.on_frames(tone(2.0))
    page.on_decision(decision("low"))
    page.on_health(health(source="a microphone with a name that is quite long - (hw:1,0)"))
    page.on_notice(Notice(time_s=0, text="x" * 200))
    tab = opened(chromium, page, width=width, height=640)
    tab.wait("document.querySelector('#tiles').children.length")
    assert tab.run("document.documentElement.scrollWidth") <= width
    small = tab.run(
        "[...document.querySelectorAll('button')].filter((b) => b.offsetParent &&"
        " b.getBoundingClientRect().height < 32).map((b) => b.id)"
    )
    assert small == []


def test_with_reduced_motion_nothing_glides(chromium: Browser, page: WebOutput) -> None:
    tab = chromium.tab()
    tab.prefer(reduced_motion="reduce")
    tab.go(page.url)
    tab.wait("document.querySelector('#connection').textContent == 'connected'")
    page.on_frames(tone(3.0))
    tab.wait(f"{PICTURE}.rows.some((row) => row > 300)")
    stood = tab.run(PICTURE)
    time.sleep(0.3)
    assert tab.run(PICTURE) == stood


def test_the_token_is_asked_for_once(chromium: Browser) -> None:
    with serving(token=TOKEN, frontend=FRONTEND) as output:
        tab = chromium.tab(400, 700)
        tab.go(output.url)
        assert urlsplit(tab.run("location.href")).path == "/login"
        assert tab.run("document.activeElement.id") == "token"
        for value, path in (("wrong-token-of-some-length", "/login"), (TOKEN, "/")):
            tab.run(f"document.querySelector('#token').value = {value!r}")
            tab.key("Enter")
            tab.wait(f"location.pathname == {path!r} && document.readyState == 'complete'")
            if path == "/login":
                tab.wait("document.querySelector('.problem')?.textContent")
                assert text(tab, ".problem") == "That is not the token."
        tab.wait("document.querySelector('#connection').textContent == 'connected'")
        assert TOKEN not in tab.run("document.cookie + location.href")
        assert tab.complaints == []


def test_listening_plays_the_audio(chromium: Browser) -> None:
    with serving(frontend=FRONTEND, stream_audio=True) as output:
        tab = opened(chromium, output)
        until(lambda: n_browsers(output) == 1)
        assert output._hub.n_listeners == 0
        tab.click("#listen")
        until(lambda: output._hub.n_listeners == 1)

        def late() -> str:
            output.on_audio(np.zeros(1600, np.float32))
            time.sleep(0.1)  # as long as it sounds
            return text(tab, "#late")

        assert until(late).startswith("playing, 0.")
        tab.click("#listen")
        until(lambda: output._hub.n_listeners == 0)
        assert tab.complaints == []


def test_there_is_no_button_to_listen_where_it_is_not_allowed(
    chromium: Browser, page: WebOutput
) -> None:
    tab = opened(chromium, page)
    assert tab.run("document.querySelector('#listen').offsetParent") is None
