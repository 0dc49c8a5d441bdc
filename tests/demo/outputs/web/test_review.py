"""The review over HTTP: with the token alone, for pages of this server alone, and nothing torn."""

import http.client
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_asc.audio.decode import load_audio
from edge_asc.demo.outputs.keep.names import BACKGROUND
from edge_asc.demo.outputs.keep.store import Clip, Store
from edge_asc.demo.outputs.web.review import MAX_BODY_BYTES, Review
from edge_asc.demo.outputs.web.spectrogram import Decibels
from edge_asc.demo.outputs.web.web import WebOutput
from kept_clips import filled
from tiny_models import FRONTEND, LABELS
from web_feed import TOKEN, browser, hear, request, serving

KEPT = "clips of 2 s are kept"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Teacher:
    """Does as it is told, and remembers."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def start(self, folder: Path) -> None:
        self.told.append(folder)

    def cancel(self) -> None:
        self.told.append("cancel")

    def swap(self) -> None:
        raise ValueError("nothing is taught yet")

    def back(self) -> None:
        self.told.append("back")

    def state(self) -> dict[str, Any]:
        return {"text": f"{len(self.told)} orders", "busy": False, "can": ["start"]}


@pytest.fixture
def three(tmp_path: Path) -> tuple[Store, list[Clip]]:
    return filled(tmp_path / "kept", 3)


@pytest.fixture
def page(three: tuple[Store, list[Clip]]) -> Iterator[WebOutput]:
    with serving(token=TOKEN, review=Review(three[0], lambda: KEPT, FRONTEND)) as output:
        yield output


def post(output: WebOutput, path: str, what: Any, **headers: str) -> tuple[int, Any]:
    """Status and JSON or text of an answer to JSON, with the token."""
    sent = {**BEARER, "Content-Type": "application/json", **headers}
    body = what if isinstance(what, str) else json.dumps(what)
    status, told, text = request(output, path, "POST", body, **sent)
    return status, json.loads(text) if told.get("content-type") == "application/json" else text


def cookie_of(output: WebOutput) -> str:
    _, headers, _ = request(output, f"/?token={TOKEN}")
    return headers["set-cookie"].partition(";")[0]


def labels(store: Store) -> dict[str, str | None]:
    return {clip.id: clip.label for clip in store.clips()}


# ------------------------------------------------------------------------------- who may

EVERYTHING = (
    ("GET", "/api/review"),
    ("GET", "/api/review/{id}/sound"),
    ("GET", "/api/review/{id}/frames"),
    ("POST", "/api/review/{id}"),
    ("GET", "/api/teach"),
    ("POST", "/api/teach"),
)


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
def test_without_the_token_nothing_is_heard_or_changed(
    method: str, path: str, page: WebOutput, three: tuple[Store, list[Clip]]
) -> None:
    store, (clip, *_) = three
    where = path.format(id=clip.id)
    own = f"http://{page.url.split('/')[2]}"
    headers = {"Content-Type": "application/json", "Origin": own}
    assert request(page, where, method, '{"label": "x"}', **headers)[0] == 401
    wrong = {**headers, "Authorization": "Bearer wrong"}
    assert request(page, where, method, '{"label": "x"}', **wrong)[0] == 401
    assert set(labels(store).values()) == {None}


@pytest.mark.parametrize(("method", "path"), [*EVERYTHING, ("GET", "/review")])
def test_a_page_that_has_no_token_has_no_review(
    method: str, path: str, three: tuple[Store, list[Clip]]
) -> None:
    store, (clip, *_) = three
    with serving(review=Review(store, lambda: KEPT, FRONTEND)) as output:
        headers = {"Content-Type": "application/json"}
        status, _, text = request(output, path.format(id=clip.id), method, "{}", **headers)
        assert status == 403
        assert "needs a token: set EDGE_ASC_WEB_TOKEN" in text
        with browser(output) as socket:  # and says why, with what is kept
            assert hear(socket, "hello")["kept"] == {"text": KEPT, "reviewable": False}


def test_where_nothing_is_kept_there_is_no_review() -> None:
    with serving(token=TOKEN) as output:
        for path in ("/review", "/api/review"):
            assert request(output, path, **BEARER)[0] == 404
        with browser(output, **BEARER) as socket:
            assert hear(socket, "hello")["kept"] is None


def test_who_comes_to_the_review_is_asked_for_the_token(page: WebOutput) -> None:
    status, headers, _ = request(page, "/review")
    assert (status, headers["location"]) == (303, "login")
    status, _, text = request(page, "/review", Cookie=cookie_of(page))
    assert status == 200
    assert "Kept clips" in text
    assert request(page, "/static/review/review.js")[0] == 200


@pytest.mark.parametrize("origin", [None, "", "null", "http://evil.example", "http://127.0.0.1:1"])
def test_a_foreign_page_changes_nothing(
    origin: str | None, page: WebOutput, three: tuple[Store, list[Clip]]
) -> None:
    """Not even with the cookie that a browser would add."""
    store, (clip, *_) = three
    headers = {"Content-Type": "application/json", "Cookie": cookie_of(page)}
    if origin is not None:
        headers["Origin"] = origin
    for path, body in ((f"/api/review/{clip.id}", '{"deleted": true}'), ("/api/teach", "{}")):
        status, _, text = request(page, path, "POST", body, **headers)
        assert status == 403
        assert "is not this server" in text
    assert len(labels(store)) == 3
    headers["Origin"] = page.url.rstrip("/")
    path = f"/api/review/{clip.id}"
    assert request(page, path, "POST", '{"deleted": true}', **headers)[0] == 200
    assert len(labels(store)) == 2


def test_a_script_needs_no_origin_but_a_wrong_one_is_refused(
    page: WebOutput, three: tuple[Store, list[Clip]]
) -> None:
    store, (clip, *_) = three
    path = f"/api/review/{clip.id}"
    assert post(page, path, {"label": "dog"})[0] == 200
    assert post(page, path, {"label": "cat"}, Origin="http://evil.example")[0] == 403
    assert labels(store)[clip.id] == "dog"


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_what_a_form_can_send_is_not_taken(
    kind: str, page: WebOutput, three: tuple[Store, list[Clip]]
) -> None:
    _, (clip, *_) = three
    status, _ = post(page, f"/api/review/{clip.id}", {"label": "dog"}, **{"Content-Type": kind})
    assert status == 415


# ------------------------------------------------------------------------------- what there is


def test_the_list_has_the_newest_first(page: WebOutput, three: tuple[Store, list[Clip]]) -> None:
    store, (a, b, c) = three
    store.label(b.id, "dog")
    status, headers, text = request(page, "/api/review", **BEARER)
    found = json.loads(text)
    assert (status, headers["cache-control"]) == (200, "no-store")
    assert [(clip["id"], clip["label"]) for clip in found["clips"]] == [
        (c.id, None),
        (b.id, "dog"),
        (a.id, None),
    ]
    assert found["labels"] == [*LABELS, "dog"]
    assert found["kept"] == KEPT
    assert str(store.folder) not in json.dumps(found["clips"])


def test_sound_and_picture_are_the_clips(page: WebOutput, three: tuple[Store, list[Clip]]) -> None:
    _, (clip, *_) = three
    import http.client
    from urllib.parse import urlsplit

    where = urlsplit(page.url)
    found = {}
    for part in ("sound", "frames"):
        connection = http.client.HTTPConnection(where.hostname or "", where.port)
        connection.request("GET", f"/api/review/{clip.id}/{part}", headers=BEARER)
        found[part] = connection.getresponse().read()
        connection.close()
    assert found["sound"] == clip.path.read_bytes()
    features = FRONTEND.raw(load_audio(clip.path, FRONTEND.sample_rate_hz))
    wanted = Decibels(FRONTEND).quantise(features)
    picture = np.frombuffer(found["frames"], np.uint8).reshape(-1, FRONTEND.n_mels)
    assert np.array_equal(picture, wanted)


def test_label_delete_and_the_way_back(page: WebOutput, three: tuple[Store, list[Clip]]) -> None:
    store, (clip, *_) = three
    path = f"/api/review/{clip.id}"
    _, told = post(page, path, {"label": "  door   bell "})
    assert told["was"] == {"label": None, "deleted": False}
    assert told["now"] == {"label": "door bell", "deleted": False}
    assert told["reached"]["labelled"] == {"door bell": 1}
    _, told = post(page, path, {"label": BACKGROUND})
    assert told["was"]["label"] == "door bell"
    _, told = post(page, path, {"deleted": True})
    assert told["was"]["label"] == BACKGROUND
    assert clip.id not in labels(store)
    _, told = post(page, path, {"label": told["was"]["label"]})
    assert (told["was"]["deleted"], labels(store)[clip.id]) == (True, BACKGROUND)
    post(page, path, {"label": None})
    assert labels(store)[clip.id] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ("[]", 400),
        ("{}", 400),
        ('{"label": 3}', 400),
        ('{"label": "a/b"}', 400),
        ('{"label": ""}', 400),
        ('{"deleted": 1}', 400),
        ('{"path": "x", "label": "dog"}', 400),
        ("[" * 2000, 400),
        ('{"label": "%s"}' % ("x" * MAX_BODY_BYTES), 413),
    ],
)
def test_nonsense_is_refused(
    body: str, status: int, page: WebOutput, three: tuple[Store, list[Clip]]
) -> None:
    store, (clip, *_) = three
    assert post(page, f"/api/review/{clip.id}", body)[0] == status
    assert set(labels(store).values()) == {None}


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text("./%2eabc\\0-", max_size=20)
    | st.sampled_from(["..%2f..%2findex.jsonl", "%2e%2e", "index.jsonl", "..%5c..", "%00"])
)
def test_no_name_leads_out_of_the_folder(
    page: WebOutput, three: tuple[Store, list[Clip]], name: str
) -> None:
    before = {p: p.read_bytes() for p in three[0].folder.rglob("*") if p.is_file()}
    for part in ("/sound", "/frames"):
        assert request(page, f"/api/review/{name}{part}", **BEARER)[0] in (400, 404, 405)
    post(page, f"/api/review/{name}", {"label": "dog"})
    assert {p: p.read_bytes() for p in three[0].folder.rglob("*") if p.is_file()} == before


def test_a_clip_that_is_gone_or_broken(page: WebOutput, three: tuple[Store, list[Clip]]) -> None:
    _, (a, b, _) = three
    a.path.unlink()
    b.path.write_bytes(b"no sound")
    for clip in (a, b):
        assert request(page, f"/api/review/{clip.id}/frames", **BEARER)[0] == 404
    assert post(page, f"/api/review/{a.id}", {"label": "dog"})[0] == 404
    assert request(page, "/api/review", **BEARER)[0] == 200


def test_a_folder_that_is_gone_is_said(page: WebOutput, three: tuple[Store, list[Clip]]) -> None:
    three[0].folder.rename(three[0].folder.with_name("away"))
    status, _, text = request(page, "/api/review", **BEARER)
    assert status in (404, 503)
    assert text.strip()


def test_pictures_are_of_the_model_that_listens_now(three: tuple[Store, list[Clip]]) -> None:
    (store, (clip, *_)), finer = three, replace(FRONTEND, n_mels=20)
    with serving(token=TOKEN, review=Review(store, lambda: KEPT, FRONTEND)) as output:
        for frontend in (FRONTEND, finer):
            assert output._review
            output._review.use(frontend)
            path = f"/api/review/{clip.id}/frames"
            where = urlsplit(output.url)
            connection = http.client.HTTPConnection(where.hostname or "", where.port)
            connection.request("GET", path, headers=BEARER)
            answer = connection.getresponse()
            assert answer.headers["Mels"] == str(frontend.n_mels)
            samples = load_audio(clip.path, frontend.sample_rate_hz)
            expected = Decibels(frontend).quantise(frontend.raw(samples)).tobytes()
            assert answer.read() == expected
            connection.close()


# ------------------------------------------------------------------------------- the teacher


def test_a_teacher_is_told_what_to_do(three: tuple[Store, list[Clip]]) -> None:
    store, teacher = three[0], Teacher()
    with serving(token=TOKEN, review=Review(store, lambda: KEPT, FRONTEND, teacher)) as output:
        listing = json.loads(request(output, "/api/review", **BEARER)[2])
        assert listing["reached"]["teacher"] == teacher.state()
        assert post(output, "/api/teach", {"do": "start"})[1]["text"] == "1 orders"
        assert post(output, "/api/teach", {"do": "back"})[0] == 200
        assert teacher.told == [store.labelled, "back"]
        assert post(output, "/api/teach", {"do": "swap"}) == (400, "nothing is taught yet\n")
        assert post(output, "/api/teach", {"do": "dance"})[0] == 400
        assert json.loads(request(output, "/api/teach", **BEARER)[2]) == teacher.state()


def test_without_a_teacher_nobody_teaches(page: WebOutput) -> None:
    assert post(page, "/api/teach", {"do": "start"})[0] == 400
