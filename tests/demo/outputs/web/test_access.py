"""Who may see the page: addresses, tokens, hosts, origins."""

import socket
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from edge_asc.demo.outputs.address import is_loopback, parse_address
from edge_asc.demo.outputs.web.access import (
    HEADERS,
    MIN_TOKEN_CHARACTERS,
    TRIES_PER_MINUTE,
    TRIES_THROUGH_PROXY,
    WrongTokens,
)
from edge_asc.demo.outputs.web.web import WebOutput
from tiny_models import FRONTEND, metadata
from waiting import until
from web_feed import TOKEN, browser, hear, request, serving

EVERYWHERE = "0.0.0.0:0"


# ------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8080", ("127.0.0.1", 8080)),
        (":8080", ("127.0.0.1", 8080)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("pi.local:8080", ("pi.local", 8080)),
        ("[::1]:8080", ("::1", 8080)),
        ("[::]:0", ("::", 0)),
    ],
)
def test_addresses_as_people_write_them(address: str, expected: tuple[str, int]) -> None:
    assert parse_address(address, "web") == expected


@pytest.mark.parametrize(
    "address", ["", "localhost", "::1:80", "a b:80", "http://x:80", "x:-1", "x:"]
)
def test_an_address_that_is_none_says_what_is(address: str) -> None:
    with pytest.raises(ValueError, match=r"web address '.*': give HOST:PORT"):
        parse_address(address, "web")


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        host, port = parse_address(text, "web")
    except ValueError as error:
        assert "web address" in str(error)
    else:
        assert host and 0 <= port <= 65535


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((host, True) for host in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")),
        *((host, False) for host in ("0.0.0.0", "::", "192.168.1.5", "fe80::1%eth0")),
    ],
)
def test_loopback_is_what_no_other_machine_reaches(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


def test_port_0_takes_a_free_one_and_the_url_tells() -> None:
    with serving("0") as output:
        where = urlsplit(output.url)
        assert where.hostname == "127.0.0.1"
        assert where.port
        assert request(output)[0] == 200


def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with serving("[::1]:0") as output:
        assert output.url.startswith("http://[::1]:")
        assert request(output)[0] == 200
        with browser(output) as page:
            assert hear(page, "hello")


@pytest.mark.parametrize(
    ("address", "said"),
    [("host.invalid:80", "web address host.invalid:80: "), ("192.0.2.1:0", "cannot assign")],
)
def test_an_address_that_cannot_be_had_is_one_line(address: str, said: str) -> None:
    with pytest.raises(OSError) as caught:
        WebOutput(address, metadata(), FRONTEND, token=TOKEN, stream_audio=False)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_busy_port_is_one_line() -> None:
    with serving() as output:
        port = urlsplit(output.url).port
        with pytest.raises(OSError, match=rf"^web address {port}: address already in use$"):
            WebOutput(str(port), metadata(), FRONTEND, token=None, stream_audio=False)


# ------------------------------------------------------------------------------- no token


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:9000", "127.0.0.1:1", "[::1]:80", "LOCALHOST"]
)
def test_loopback_by_any_of_its_names(host: str) -> None:
    with serving() as output:
        assert request(output, Host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "192.168.1.5:80", "[", ""]
)
def test_a_foreign_name_for_loopback_is_refused(host: str) -> None:
    """A page whose name was made to point here (DNS rebinding) must not read anything."""
    with serving() as output:
        for path in ("/", "/api/state", "/static/live/app.js", "/login"):
            status, _, text = request(output, path, Host=host)
            assert status in (400, 403), path
            assert "edge-asc</title>" not in text
        if host not in ("", "["):
            with pytest.raises(InvalidStatus) as caught:
                browser(output, host=host)
            assert caught.value.response.status_code == 403


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://localhost:1", "https://", "http://["]
)
@pytest.mark.parametrize("token", [None, TOKEN])
def test_only_our_page_opens_the_socket(origin: str | None, token: str | None) -> None:
    with serving(token=token) as output:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        with browser(output, **bearer) as page:
            assert hear(page, "hello")
        with pytest.raises(InvalidStatus) as caught:
            browser(output, origin, **bearer)
        assert caught.value.response.status_code == 403


# ------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize("address", [EVERYWHERE, "[::]:0"])
def test_other_machines_need_a_token(address: str) -> None:
    with pytest.raises(ValueError, match=r"needs a token: set EDGE_ASC_WEB_TOKEN.*token_urlsafe"):
        WebOutput(address, metadata(), FRONTEND, token=None, stream_audio=False)


@pytest.mark.parametrize(
    "token", ["", "x" * (MIN_TOKEN_CHARACTERS - 1), "ä" * 20, "two words " * 3]
)
def test_a_poor_token_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="web token"):
        WebOutput("0", metadata(), FRONTEND, token=token, stream_audio=False)


def test_without_the_token_there_is_only_the_form() -> None:
    with serving(token=TOKEN) as output:
        status, headers, _ = request(output)
        assert (status, headers["location"]) == (303, "login")
        for path in ("/api/state", "/healthz", "/nothing"):
            assert request(output, path)[0] == 401
        with pytest.raises(InvalidStatus) as caught:
            browser(output)
        assert caught.value.response.status_code == 401
        status, _, text = request(output, "/login")
        assert status == 200
        assert 'name="token"' in text
        assert request(output, "/static/style.css")[0] == 200


def log_in(output: WebOutput, token: str, **headers: str) -> tuple[int, dict[str, str], str]:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    return request(output, "/login", "POST", urlencode({"token": token}), **form, **headers)


def test_the_form_gives_a_cookie_that_opens_everything() -> None:
    with serving(token=TOKEN) as output:
        status, headers, _ = log_in(output, TOKEN)
        assert (status, headers["location"]) == (303, "./")
        cookie, *attributes = headers["set-cookie"].split("; ")
        assert {"HttpOnly", "SameSite=strict"} <= set(attributes)
        assert "Secure" not in attributes  # it would not come back over plain HTTP
        assert TOKEN not in cookie
        assert request(output, Cookie=cookie)[0] == 200
        with browser(output, Cookie=cookie) as page:
            assert hear(page, "hello")
        assert request(output, Cookie=f"{cookie}0")[0] == 303


def test_behind_tls_the_cookie_is_secure() -> None:
    with serving(token=TOKEN) as output:
        _, headers, _ = log_in(output, TOKEN, X_Forwarded_Proto="https")
        assert "Secure" in headers["set-cookie"].split("; ")


def test_behind_a_proxy_the_name_is_the_proxys() -> None:
    with serving(token=TOKEN) as output:
        cookie = log_in(output, TOKEN)[1]["set-cookie"].split(";")[0]
        asked = {"host": "asc.example", "Cookie": cookie, "X_Forwarded_Proto": "https"}
        with browser(output, origin="https://asc.example", **asked) as page:
            assert hear(page, "hello")


def test_a_cookie_dies_with_its_token() -> None:
    with serving(token=TOKEN) as output:
        cookie = log_in(output, TOKEN)[1]["set-cookie"].split(";")[0]
        port = urlsplit(output.url).port
    with serving(str(port), token=TOKEN + "2") as output:
        assert request(output, Cookie=cookie)[0] == 303


def test_a_link_with_the_token_is_exchanged_for_a_cookie() -> None:
    with serving(token=TOKEN) as output:
        status, headers, _ = request(output, f"/?token={TOKEN}")
        assert (status, headers["location"]) == (303, "./")
        assert "set-cookie" in headers
        status, headers, _ = request(output, "/?token=wrong")
        assert (status, headers["location"]) == (303, "login?problem=401")
        assert "set-cookie" not in headers
        assert "That is not the token." in request(output, "/login?problem=401")[2]
        assert "<script>" not in request(output, "/login?problem=<script>")[2]


def test_scripts_say_it_in_a_header() -> None:
    with serving(token=TOKEN) as output:
        assert request(output, "/api/state", Authorization=f"Bearer {TOKEN}")[0] == 200
        for wrong in (f"Bearer {TOKEN}x", "Bearer", f"Basic {TOKEN}", "Bearer \xe4"):
            status, headers, _ = request(output, "/api/state", Authorization=wrong)
            assert status == 401
            assert headers["www-authenticate"] == "Bearer"


def test_after_some_wrong_tokens_none_is_looked_at() -> None:
    with serving(token=TOKEN) as output:
        for _ in range(TRIES_PER_MINUTE):
            assert log_in(output, "wrong")[1]["location"] == "login?problem=401"
        assert log_in(output, TOKEN)[1]["location"] == "login?problem=429"
        assert request(output, "/api/state", Authorization=f"Bearer {TOKEN}")[0] == 429
        # Someone else, as a proxy on this machine reports, is not held up.
        assert log_in(output, TOKEN, X_Forwarded_For="198.51.100.7")[1]["location"] == "./"


def test_a_form_without_end_is_cut() -> None:
    with serving(token=TOKEN) as output:
        assert log_in(output, "x" * 10_000)[0] == 413


def test_a_visitor_who_leaves_in_mid_form_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    with serving(token=TOKEN) as output:
        where = urlsplit(output.url)
        with socket.create_connection((where.hostname, where.port)) as visitor:
            visitor.sendall(
                f"POST /login HTTP/1.1\r\nHost: {where.netloc}\r\n"
                "Content-Length: 100\r\n\r\ntoken=".encode()
            )
            until(lambda: output._server._server.server_state.tasks)
        until(lambda: not output._server._server.server_state.tasks)
    assert caplog.text == ""


def test_wrong_tokens_are_forgotten_in_time_and_counted_by_network() -> None:
    now = [0.0]
    wrong = WrongTokens(lambda: now[0])
    for i in range(TRIES_PER_MINUTE):
        assert not wrong.too_many("2001:db8::1")
        wrong.add(f"2001:db8::{i}")  # a household has all of them
    assert wrong.too_many("2001:db8::ffff")
    assert not wrong.too_many("2001:db8:0:1::1")
    assert not wrong.too_many("198.51.100.7")
    now[0] = 60.0
    assert not wrong.too_many("2001:db8::1")


@given(st.lists(st.text(max_size=8), max_size=30))
def test_no_name_of_a_network_is_an_error(hosts: list[str]) -> None:
    wrong = WrongTokens()
    for host in hosts:
        wrong.add(host)
        wrong.too_many(host)


def test_every_answer_has_the_headers_that_keep_others_out() -> None:
    with serving(token=TOKEN) as output:
        for path in ("/", "/login", "/static/live/app.js", "/api/state", "/nothing"):
            headers = request(output, path)[1]
            assert {k.lower(): headers[k.lower()] for k in HEADERS} == {
                k.lower(): v for k, v in HEADERS.items()
            }


@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "X_Real_IP"])
def test_a_proxys_word_does_not_lift_the_limit(header: str) -> None:
    """Whoever is on this machine, or behind a tunnel to it, may make it up."""
    with serving(token=TOKEN) as output:
        found = []
        for i in range(TRIES_THROUGH_PROXY + 10):
            forged = {header: f"10.0.{i}.1", "Authorization": f"Bearer wrong-{i}"}
            found.append(request(output, "/api/state", **forged)[0])
        assert found.count(401) <= TRIES_THROUGH_PROXY
        assert found[-1] == 429
        right = {header: "10.9.9.9", "Authorization": f"Bearer {TOKEN}"}
        assert request(output, "/api/state", **right)[0] == 429


# ------------------------------------------------------------------------------- frames


@pytest.mark.parametrize(
    "given", ["http://homeassistant.local:8123", "https://a.example http://[fd00::1]:8123"]
)
def test_pages_of_named_origins_may_frame_it_and_no_others(given: str) -> None:
    with serving(frame_ancestors=given) as output:
        for path in ("/", "/static/live/app.js", "/nothing"):
            headers = request(output, path)[1]
            policy = headers["content-security-policy"]
            assert policy.endswith(f"frame-ancestors {given}")
            assert policy.startswith("default-src 'self'")
            assert "x-frame-options" not in headers


@pytest.mark.parametrize(
    "given",
    ["*", "http://*", "homeassistant.local", "http://a/b", "http://a; script-src *", "http:", " "],
)
def test_what_is_no_origin_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="frame ancestor"), serving(frame_ancestors=given):
        pass


def test_in_a_frame_of_another_site_the_cookie_needs_tls() -> None:
    framed = {"token": TOKEN, "frame_ancestors": "https://ha.example"}
    with serving(**framed) as output:
        plain = log_in(output, TOKEN)[1]["set-cookie"]
        behind_tls = log_in(output, TOKEN, X_Forwarded_Proto="https")[1]["set-cookie"]
    assert "SameSite=strict" in plain
    assert {"SameSite=none", "Secure", "HttpOnly"} <= set(behind_tls.split("; "))
