"""The server of the live page: what browsers are told, and that none of them holds anyone up."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from edge_asc.demo.events import SILENCE_DBFS, Notice
from edge_asc.demo.hearing.machine import rss_bytes
from edge_asc.demo.outputs.web import hub as web_hub
from edge_asc.demo.outputs.web import server as web_server
from edge_asc.demo.outputs.web import web
from edge_asc.demo.outputs.web.hub import AUDIO, FRAMES
from edge_asc.demo.outputs.web.spectrogram import HISTORY_S, Decibels, band_edges_hz
from edge_asc.demo.outputs.web.web import WebOutput
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.classifier import Classifier
from local_time import noon
from tiny_models import FRONTEND, LABELS, tone, write_model
from waiting import SOON_S, until
from web_feed import (
    PATIENCE_S,
    browser,
    dead_browser,
    decision,
    frames,
    health,
    hear,
    hear_bytes,
    n_browsers,
    request,
    serving,
)

STATIC = Path(str(files("edge_asc.demo.outputs.web") / "static"))
FILES = [path for path in STATIC.rglob("*") if path.is_file()]
N_DEAD = 10
# What a call may cost in the middle of many; it takes a tenth of it on an idle machine.
CALL_S = 0.02
# Of the whole process; ten browsers' queues hold references to the same messages.
GROWTH_BYTES = 30e6


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with noon():
        yield


# ------------------------------------------------------------------------------- the files


def test_the_page_and_its_files_come_from_the_package() -> None:
    with serving() as output:
        status, headers, index = request(output)
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        named = re.findall(r'(?:src|href)="(static/[^"]+)"', index)
        modules = [f"static/{path.relative_to(STATIC)}" for path in FILES]
        for path in {*named, *modules}:
            status, headers, content = request(output, f"/{path}")
            assert status == 200
            assert content
            if path.endswith(".js"):
                assert headers["content-type"] == "text/javascript; charset=utf-8"


def test_nothing_in_the_page_needs_another_server_or_an_inline_script() -> None:
    for file in FILES:
        text = file.read_text("utf-8")
        foreign = set(re.findall(r"https?://[\w.]+", text)) - {"http://www.w3.org"}  # SVG's name
        assert not foreign, file.name
        if file.name.endswith(".html"):
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text), (
                file.name
            )


@pytest.mark.parametrize(
    "path", ["/static/nothing.js", "/static/../web.py", "/static/%2e%2e/web.py"]
)
def test_there_is_nothing_else(path: str) -> None:
    with serving() as output:
        assert request(output, path)[0] == 404


def test_a_browser_that_has_the_page_is_told_so() -> None:
    with serving() as output:
        tag = request(output)[1]["etag"]
        assert request(output, If_None_Match=tag)[0] == 304
        assert request(output, If_None_Match='"old"')[0] == 200


# ------------------------------------------------------------------------------- state


def test_state_for_scripts() -> None:
    with serving() as output:
        state = json.loads(request(output, "/api/state")[2])
        assert (state["decision"], state["health"], state["today"]["seconds"]) == (None, None, {})
        made, well = decision("high"), health(overruns=3)
        output.on_decision(made)
        output.on_health(well)
        status, headers, text = request(output, "/api/state")
        assert (status, headers["content-type"]) == (200, "application/json")
        state = json.loads(text)
        assert state["model"] == "tiny"
        assert state["decision"] == json.loads(msgspec.json.encode(made))
        assert state["health"] == json.loads(msgspec.json.encode(well))
        assert state["today"]["seconds"] == {"high": pytest.approx(1.0)}


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({}, 200, "listening"),
        ({"state": "ended"}, 200, "ended"),
        ({"state": "lost"}, 503, "lost"),
        ({"state": "silent"}, 503, "silent"),
        ({"time_s": time.time() - 60}, 503, "no news for"),
    ],
)
def test_healthz_is_for_alarms(fields: dict[str, Any], status: int, said: str) -> None:
    with serving() as output:
        assert request(output, "/healthz")[::2] == (503, "starting\n")
        output.on_health(health(**fields))
        found, _, text = request(output, "/healthz")
        assert found == status
        assert text.startswith(said)


def test_a_new_page_is_told_everything() -> None:
    abstract = {"abstract_labels": ["dark", "bright"]}
    with serving(**abstract) as output:
        n_kept = round(HISTORY_S * FRONTEND.frames_per_s)
        fed = frames(n_kept + 100)
        for begin in range(0, fed.shape[1], 37):
            output.on_frames(fed[:, begin : begin + 37])
        now_s = time.time()
        for i, scene in enumerate(["low", "low", "high"]):
            output.on_decision(decision(scene, now_s + i, i + 1.0, changed=scene == "high"))
        output.on_health(health(reopens=2))
        output.on_notice(Notice(time_s=now_s, text="lost"))
        with browser(output) as page:
            told = hear(page, "hello")
            header, content = hear_bytes(page)
    assert told["metadata"]["labels"] == list(LABELS)
    assert told["metadata"]["abstract_labels"] == ["dark", "bright"]
    assert told["spectrogram"]["edges_hz"] == band_edges_hz(FRONTEND)
    assert told["audio_rate_hz"] is None
    assert [s[2] for s in told["day"]["segments"]] == ["low", "high"]
    assert told["day"]["seconds"] == {"low": pytest.approx(2), "high": pytest.approx(1)}
    assert told["decision"]["scene"] == "high"
    assert told["health"]["reopens"] == 2
    assert [n["text"] for n in told["notices"]] == ["lost"]
    assert header == (FRAMES, SILENCE_DBFS, SILENCE_DBFS, 100)
    assert content == Decibels(FRONTEND).quantise(fed[:, 100:]).tobytes()


# ------------------------------------------------------------------------------- what is new


def test_what_happens_is_told_in_order() -> None:
    with serving() as output, browser(output) as page:
        hear(page, "hello")
        until(lambda: n_browsers(output) == 1)
        now_s = time.time()
        output.on_decision(decision("low", now_s, 1.0, changed=True))
        output.on_notice(Notice(time_s=now_s, text="one"))
        output.on_decision(decision("high", now_s + 1, 2.0, changed=True))
        output.on_health(health(overruns=7))
        first = hear(page, "decision")
        assert first["decision"]["probabilities"] == decision("low").probabilities
        assert first["segment"] == [pytest.approx(now_s - 1), pytest.approx(now_s), "low"]
        assert hear(page, "notice")["notice"]["text"] == "one"
        second = hear(page, "decision")
        assert second["segment"] == [pytest.approx(now_s), pytest.approx(now_s + 1), "high"]
        assert second["seconds"] == pytest.approx(1.0)
        assert second["day"] is None
        assert hear(page, "health")["health"]["overruns"] == 7


def test_another_model_is_told_between_the_decisions_of_the_two(tmp_path: Path) -> None:
    labels = ["one", "low", "two"]
    classifier = Classifier.load(write_model(tmp_path / "other.tflite", labels=labels))
    with serving(model="tiny-00000000") as output, browser(output) as page:
        assert hear(page, "hello")["metadata"]["id"] == "tiny-00000000"
        until(lambda: n_browsers(output) == 1)
        now_s = time.time()
        output.on_frames(frames(50))
        output.on_decision(decision("low", now_s, 1.0))
        output.on_decision(decision("low", now_s + 1, 2.0))  # too soon to be sent
        output.on_model(classifier)
        output.on_decision(decision("two", now_s + 2, 3.0, changed=True))
        told = [json.loads(_text(page)) for _ in range(4)]
        assert [m["type"] for m in told] == ["decision", "decision", "hello", "decision"]
        assert told[2]["metadata"]["id"] == classifier.id
        assert told[2]["metadata"]["labels"] == labels
        assert told[2]["decision"] is None or told[2]["decision"]["scene"] == "two"
        assert [s[2] for s in told[2]["day"]["segments"]][:1] == ["low"]
        assert told[3]["segment"][0] == pytest.approx(now_s + 1)  # the day goes on
        assert output._state.n_frames == 50
        _, _, state = request(output, "/api/state")
        assert json.loads(state)["model"] == classifier.id


def test_frames_of_another_front_end_begin_anew(tmp_path: Path) -> None:
    other = FrontEnd(16000, 512, 400, 160, 12, normalization="none")
    model = write_model(tmp_path / "other.tflite", frontend=other.to_dict())
    with serving() as output:
        output.on_frames(frames(50))
        output.on_model(Classifier.load(model))
        output.on_frames(frames(7))
        with browser(output) as page:
            assert hear(page, "hello")["spectrogram"]["edges_hz"] == band_edges_hz(other)
            header, content = hear_bytes(page)
    assert (header[3], len(content)) == (0, 7 * other.n_mels)


def test_frames_come_whole_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SEND_EVERY_S", 0.0)
    fed = frames(300)
    with serving() as output, browser(output) as page:
        hear_bytes(page)
        for k in range(0, 300, 7):
            output.on_frames(fed[:, k : k + 7])
        received = b""
        while len(received) < fed.size:
            (_, _, _, first), content = hear_bytes(page)
            assert first * FRONTEND.n_mels == len(received)
            received += content
    assert received == Decibels(FRONTEND).quantise(fed).tobytes()


def test_frames_carry_the_level_of_their_audio() -> None:
    with serving() as output, browser(output) as page:
        hear_bytes(page)
        until(lambda: n_browsers(output) == 1)
        wave = np.tile([0.5, -0.5], 400).astype(np.float32)
        output.on_audio(wave)
        output.on_frames(frames(6))
        (_, level, peak, _), _ = hear_bytes(page)
        assert (level, peak) == (pytest.approx(-6.02, abs=0.01), pytest.approx(-6.02, abs=0.01))


def test_a_file_read_at_full_speed_shows_every_change_and_floods_nobody() -> None:
    """A change is told with the end of the segment before it, so that the strip has no holes."""
    n = 2000
    with serving() as output, browser(output) as page:
        hear(page, "hello")
        until(lambda: n_browsers(output) == 1)
        begin_s, told = time.time(), []
        for i in range(n):
            scene = "low" if i % 500 < 250 else "high"
            made = decision(scene, begin_s + i, i + 1.0, changed=i % 250 == 0)
            output.on_decision(made)
            time.sleep(0)
        output.on_health(health(decisions=n))
        while (message := json.loads(_text(page)))["type"] != "health":
            if message["type"] == "decision":
                told.append(message)
        assert len(told) < n / 4
        ends = {m["segment"][0]: m["segment"][1] for m in told}
        for i in range(250, n, 250):  # where the scene changed
            assert begin_s + i - 1 in ends
            assert begin_s + i - 1 in ends.values()
        assert told[-1]["decision"]["position_s"] == n


def _text(page: Any) -> str:
    while not isinstance(message := page.recv(timeout=PATIENCE_S), str):
        pass
    return str(message)


def test_a_new_day_comes_with_its_first_decision() -> None:
    with serving() as output, browser(output) as page:
        end_s = hear(page, "hello")["day"]["end_s"]
        until(lambda: n_browsers(output) == 1)
        output.on_decision(decision("low", end_s + 0.5, 1.0))
        told = hear(page, "decision")
        assert told["day"]["begin_s"] == end_s
        assert told["day"]["seconds"] == {"low": pytest.approx(0.5)}


def test_nothing_is_written_while_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("work for nobody")

    with serving(stream_audio=True) as output:
        with monkeypatch.context() as patch:
            patch.setattr(web, "json_text", fail)
            patch.setattr(web, "frames_message", fail)
            patch.setattr(web, "audio_message", fail)
            patch.setattr(output._level, "add", fail)
            patch.setattr(output._hub, "publish", fail)
            for i in range(20):
                output.on_audio(tone("low"))
                output.on_frames(frames(10))
                output.on_decision(decision("low", position_s=i, changed=True))
                output.on_health(health())
                output.on_notice(Notice(time_s=time.time(), text="one"))
        with browser(output) as page:  # and nothing is forgotten
            assert len(hear(page, "hello")["notices"]) == 20
            assert hear_bytes(page)[0][3] == 0


# ------------------------------------------------------------------------------- audio


def test_no_audio_leaves_unless_it_was_allowed() -> None:
    with serving(stream_audio=False) as output, browser(output) as page:
        hear_bytes(page)
        page.send("listen")
        until(lambda: output._hub.n_listeners == 1)
        for _ in range(5):
            output.on_audio(tone("low"))
            output.on_frames(frames(20))
            time.sleep(0.02)
        output.on_health(health())
        kinds = set()
        while not isinstance(message := page.recv(timeout=PATIENCE_S), str):
            kinds.add(message[0])
        assert kinds == {FRAMES}
        assert output._audio is None


def test_audio_goes_to_those_who_listen_for_as_long_as_they_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web, "SEND_EVERY_S", 0.0)
    sound = tone("low")
    with (
        serving(stream_audio=True) as output,
        browser(output) as other,
        browser(output) as listener,
    ):
        assert hear(listener, "hello")["audio_rate_hz"] == FRONTEND.sample_rate_hz
        hear_bytes(listener)
        hear_bytes(other)
        listener.send("listen")
        until(lambda: output._hub.n_listeners == 1)
        for begin in range(0, len(sound), 800):
            output.on_audio(sound[begin : begin + 800])
        received = b""
        while len(received) < 2 * len(sound):
            (kind, *_), content = hear_bytes(listener)
            assert kind == AUDIO
            received += content
        listener.send("mute")
        until(lambda: output._hub.n_listeners == 0)
        output.on_audio(sound)
        output.on_frames(frames(5))
        assert hear_bytes(listener)[0][0] == FRAMES
        assert hear_bytes(other)[0][0] == FRAMES  # the first that it got
    heard = np.frombuffer(received, "<i2") / 32768
    assert np.abs(heard - sound).max() <= 0.5 / 32768


# ------------------------------------------------------------------------------- bad browsers


def test_dead_browsers_do_not_slow_the_classifier_and_are_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web, "SEND_EVERY_S", 0.0)  # a hundred times what a microphone gives
    monkeypatch.setattr(web_server, "SEND_TIMEOUT_S", 3.0)  # the living one may get no time
    monkeypatch.setattr(web_server, "PING_S", 60.0)
    block, made = frames(1800), decision()  # 22 kB a message
    with serving() as output, ExitStack() as stack:
        for _ in range(N_DEAD):
            stack.enter_context(dead_browser(output))
        until(lambda: n_browsers(output) == N_DEAD)
        alive = stack.enter_context(browser(output))
        hear_bytes(alive)
        before, took_s = rss_bytes(), []
        while len(took_s) < 3000:
            started = time.perf_counter()
            output.on_frames(block)
            output.on_decision(made)
            took_s.append(time.perf_counter() - started)
            if len(took_s) % 10 == 0:
                hear_bytes(alive)
        assert np.median(took_s) < CALL_S
        assert rss_bytes() - before < GROWTH_BYTES
        until(lambda: (output.on_frames(block), n_browsers(output) == 1)[1])
        output.on_notice(Notice(time_s=0, text="still here"))
        assert hear(alive, "notice")["notice"]["text"] == "still here"


def test_a_browser_that_does_not_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its machine was switched off; what is sent would fill its buffers only after minutes."""
    monkeypatch.setattr(web_server, "PING_S", 0.2)
    with serving() as output, dead_browser(output), browser(output) as alive:
        until(lambda: n_browsers(output) == 2)
        until(lambda: n_browsers(output) == 1)
        output.on_notice(Notice(time_s=0, text="still here"))
        assert hear(alive, "notice")["notice"]["text"] == "still here"


def test_a_slow_browser_loses_the_oldest_and_gets_the_state_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web, "SEND_EVERY_S", 0.0)
    with serving() as output, dead_browser(output) as slow:
        until(lambda: n_browsers(output) == 1)
        (client,) = output._hub._clients
        for _ in range(1000):  # what fits into the system's buffers, and more
            output.on_frames(frames(500))
            until(lambda: not output._hub._pending)
            if client.lagged:
                break
        assert len(client._queue) == web_hub.QUEUE
        output.on_notice(Notice(time_s=0, text="the last"))
        received = b""
        slow.settimeout(PATIENCE_S)
        while b"the last" not in received[-60_000:]:
            received += slow.recv(1 << 16)
        hellos = [m.start() for m in re.finditer(rb'"type":"hello"', received)]
        assert len(hellos) >= 2


def test_a_server_that_did_not_run_for_long_tells_the_state_anew() -> None:
    """Its thread got no time, or the process was stopped: what waits for it is bounded, too."""
    with serving() as output, browser(output) as page:
        hear_bytes(page)
        loop = output._server._server.loop
        assert loop is not None  # a server that runs has one; mypy cannot know
        loop.call_soon_threadsafe(time.sleep, 0.3)
        for i in range(2 * web_hub.PENDING):
            output.on_notice(Notice(time_s=0, text=str(i)))
            assert len(output._hub._pending) <= web_hub.PENDING
        told = hear(page, "hello")["notices"]
        assert told[-1]["text"] == str(2 * web_hub.PENDING - 1)


def test_there_is_an_end_to_how_many_may_look(monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_asc.demo.outputs.web import app as web_app

    monkeypatch.setattr(web_app, "MAX_CLIENTS", 2)
    with serving() as output, browser(output), browser(output):
        until(lambda: n_browsers(output) == 2)
        with browser(output) as third, pytest.raises(ConnectionClosed) as caught:
            third.recv(timeout=PATIENCE_S)
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (
            1013,
            "too many pages are open",
        )


def test_a_browser_that_talks_too_much_is_cut_alone() -> None:
    with serving() as output, browser(output) as chatty, browser(output) as page:
        hear_bytes(chatty)
        hear_bytes(page)
        chatty.send("x" * 5000)
        with pytest.raises(ConnectionClosed):
            while True:
                chatty.recv(timeout=PATIENCE_S)
        page.send(b"\x00")
        page.send("what?")
        until(lambda: n_browsers(output) <= 1)
    assert output._server._error is None


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(nonsense=st.binary(min_size=1, max_size=200))
def test_nonsense_is_survived(any_page: WebOutput, nonsense: bytes) -> None:
    where = urlsplit(any_page.url)
    with socket.create_connection((where.hostname, where.port), PATIENCE_S) as visitor:
        visitor.sendall(nonsense)
        visitor.shutdown(socket.SHUT_WR)
        while visitor.recv(4096):
            pass
    assert request(any_page, "/healthz")[0] == 503
    any_page._server.check()


@pytest.fixture(scope="module")
def any_page() -> Any:
    with serving() as output:
        yield output


# ------------------------------------------------------------------------------- the end


def test_the_end_is_quick_and_says_goodbye(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SEND_EVERY_S", 0.0)
    with serving() as output, ExitStack() as stack:
        page = stack.enter_context(browser(output))
        for _ in range(3):
            stack.enter_context(dead_browser(output))
        until(lambda: n_browsers(output) == 4)
        hear_bytes(page)
        for _ in range(300):  # more than the system's buffers hold
            output.on_frames(frames(1800))
            hear_bytes(page)
        started = time.monotonic()
        output.close()
        assert time.monotonic() - started < SOON_S
        until(lambda: not output._server._thread.is_alive())
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                page.recv(timeout=PATIENCE_S)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1012  # restarts, or comes again some time
    with serving(str(urlsplit(output.url).port)):  # the port is free again
        pass


def test_after_the_end_nothing_is_published() -> None:
    with serving() as output:
        pass
    output.on_frames(frames(5))
    output.on_decision(decision())
    output.on_notice(Notice(time_s=0, text="late"))
    assert not output._server._thread.is_alive()


def test_a_server_that_ends_by_itself_is_an_error() -> None:
    with serving() as output:
        output.on_health(health())
        loop = output._server._server.loop
        assert loop is not None  # a server that runs has one; mypy cannot know
        loop.call_soon_threadsafe(loop.stop)
        output._server._thread.join(PATIENCE_S)
        with pytest.raises(OSError, match=r"the web page's server ended: .+"):
            output.on_health(health())
