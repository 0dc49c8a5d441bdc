"""Chromium without a window, driven over its DevTools protocol (github.com/ChromeDevTools)."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

START_S = 60.0  # on a loaded machine
STEP_S = 30.0  # for one command, or one condition of a page
# Those that are no characters, and space; a letter's code is that of its capital.
_KEYS = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, " ": 32}


def chromium() -> str:
    """The browser's path; skips the test where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("needs the Debian package chromium")
    return found


class PageLeft(Exception):
    """The browser went on to another page before a command had its answer."""


class Browser:
    """A browser of its own profile; its tabs share nothing with each other."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="edge-asc-chromium-")
        quiet = ("background-networking", "component-update", "sync", "quic", "gpu", "extensions")
        options = [f"--disable-{what}" for what in quiet] + [
            "--headless",
            "--no-sandbox",
            "--no-first-run",
            "--no-default-browser-check",
            "--disable-dev-shm-usage",
            "--autoplay-policy=user-gesture-required",
            "--remote-debugging-port=0",
            f"--user-data-dir={self._profile}",
        ]
        self._process = subprocess.Popen(
            [chromium(), *options, "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self._profile, "TZ": "UTC"},
        )
        self._n_commands = 0
        self._tabs: dict[str, Tab] = {}
        self._sockets = ExitStack()
        try:
            self._socket = self._sockets.enter_context(self._connect())
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._sockets.close()
        self._end()

    def _connect(self) -> ClientConnection:
        port_file = Path(self._profile) / "DevToolsActivePort"
        deadline_s = time.monotonic() + START_S
        while not (port_file.exists() and len(port_file.read_text().split()) == 2):
            assert self._process.poll() is None, "chromium did not start"
            assert time.monotonic() < deadline_s, "chromium opened no port"
            time.sleep(0.05)
        port, path = port_file.read_text().split()
        return connect(f"ws://127.0.0.1:{port}{path}", max_size=None, compression=None)

    def command(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events that come before go to their tabs."""
        self._n_commands += 1
        call = {"id": self._n_commands, "method": method, "params": parameters}
        self._socket.send(json.dumps(call | ({"sessionId": session} if session else {})))
        while True:
            message = json.loads(self._socket.recv(timeout=STEP_S))
            if message.get("id") == self._n_commands:
                if "navigated" in message.get("error", {}).get("message", ""):
                    raise PageLeft(message["error"])
                assert "error" not in message, message["error"]
                result: dict[str, Any] = message["result"]
                return result
            if tab := self._tabs.get(message.get("sessionId")):
                tab.note(message["method"], message["params"])

    def tab(self, width: int = 1280, height: int = 900) -> "Tab":
        """A new tab with cookies and storage of its own."""
        context = self.command("Target.createBrowserContext")["browserContextId"]
        target = self.command("Target.createTarget", url="about:blank", browserContextId=context)
        found = self.command("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab = Tab(self, found["sessionId"], context)
        self._tabs[found["sessionId"]] = tab
        for domain in ("Page", "Runtime", "Network", "Log"):
            tab.command(f"{domain}.enable")
        tab.resize(width, height)
        return tab

    def close_tabs(self) -> None:
        """Close all, with their cookies and storage."""
        for tab in self._tabs.values():
            self.command("Target.disposeBrowserContext", browserContextId=tab.context)
        self._tabs.clear()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._profile, ignore_errors=True)


class Tab:
    """One page, with what it complained about and asked for."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser, self._session, self.context = browser, session, context
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def note(self, event: str, what: dict[str, Any]) -> None:
        """Take an event."""
        if event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(what["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(what["args"]))
        elif event == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{what['entry']['text']} {what['entry'].get('url', '')}")
        elif event == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"])
        elif event == "Network.webSocketCreated":
            self.requests.append(what["url"])

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol."""
        return self._browser.command(method, self._session, **parameters)

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        """Give the page a size in its own pixels; below 600 it is a phone."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    def prefer(self, **features: str) -> None:
        """What the system prefers: `color_scheme="dark"`, `reduced_motion="reduce"`."""
        named = [
            {"name": f"prefers-{k.replace('_', '-')}", "value": v} for k, v in features.items()
        ]
        self.command("Emulation.setEmulatedMedia", features=named)

    def go(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        self.command("Page.navigate", url=url)
        self.wait(f"document.readyState == 'complete' && location.href != 'about:blank' && {url!r}")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited when it is a promise."""
        answer = self.command(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str) -> Any:
        """Wait until an expression is true; give its value."""
        deadline_s = time.monotonic() + STEP_S
        while True:
            with suppress(PageLeft):
                if value := self.run(condition):
                    return value
            assert time.monotonic() < deadline_s, f"never true: {condition}"
            time.sleep(0.03)

    def key(self, name: str, shift: bool = False) -> None:
        """Press a key."""
        common = {
            "key": name,
            "code": "Space" if name == " " else name,
            "windowsVirtualKeyCode": _KEYS.get(name) or ord(name.upper()),
            "modifiers": 8 if shift else 0,
        }
        text = {"Enter": "\r"}.get(name, name if len(name) == 1 else None)
        typed = {"text": text} if text else {}
        self.command("Input.dispatchKeyEvent", type="keyDown", **common, **typed)
        self.command("Input.dispatchKeyEvent", type="keyUp", **common)

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a person would."""
        box = self.run(
            f"(e => {{ e.scrollIntoView(); const b = e.getBoundingClientRect();"
            f" return [b.left + b.width / 2, b.top + b.height / 2] }})"
            f"(document.querySelector({selector!r}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.command(
                "Input.dispatchMouseEvent",
                type=kind,
                x=box[0],
                y=box[1],
                button="left",
                clickCount=1,
            )
