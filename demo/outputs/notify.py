"""Word to systemd: ready, alive, and what is heard. The protocol is a datagram of a few lines.

Ready is when audio comes, or when it is known that the microphone is away: it is waited for then,
and a start that waits for ever would hold up whoever asked for it.

Alive is when audio has been consumed since the last word, or when the state says that the source is
away and being mended. A microphone that stays unplugged for a week is no reason to restart every
minute, and nothing would be won. What the watchdog ends is a loop that stands still, and a source
that says all is well and gives nothing.

The end is not announced: a service that leaves a hung sound system behind starts its program anew
in the same process, and systemd would take a STOPPING=1 before that for the end.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from edge_asc.demo.events import Decision, Health
from edge_asc.demo.outputs.output import Output

AWAY = ("lost", "silent")  # states of a source that is being mended


class SystemdOutput(Output):
    """Tells the service manager; does nothing where there is none.

    Args:
        environment: NOTIFY_SOCKET, and WATCHDOG_USEC with WATCHDOG_PID, as systemd sets them.
    """

    what = "word to systemd"
    is_heard = False  # it only tells that the process is well

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._ping_s = _watchdog_s(environment) / 2  # twice as often as needed
        self._pinged_s = 0.0  # since the start
        self._pinged_audio_s = 0.0
        self._ready = False
        self._scene, self._status = "", ""

    def on_decision(self, decision: Decision) -> None:
        """Keep what is shown as the status."""
        self._scene = decision.scene

    def on_health(self, health: Health) -> None:
        """Say what has become true since the last time."""
        if not self._ready and health.state != "starting":
            self._ready = True
            self._send("READY=1")
        self._say_status(health)
        due = bool(self._ping_s) and health.uptime_s - self._pinged_s >= self._ping_s
        if due and (health.state in AWAY or health.audio_s > self._pinged_audio_s):
            self._pinged_s, self._pinged_audio_s = health.uptime_s, health.audio_s
            self._send("WATCHDOG=1")

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _say_status(self, health: Health) -> None:
        """What `systemctl status` shows: the scene while there is one."""
        said = self._scene if health.state == "listening" and self._scene else health.state
        status = " ".join(f"{said} ({health.source})".split())
        if status != self._status:
            self._status = status
            self._send(f"STATUS={status}")

    def _send(self, line: str) -> None:
        if self._address:
            # A manager that is busy, or gone, must not end the listening; the next word reaches it.
            with suppress(OSError):
                self._socket.sendto(line.encode("utf-8", "replace"), self._address)


def _address(name: str) -> str | None:
    """Of a socket: a path, or an abstract name behind an `@`."""
    return f"\0{name[1:]}" if name.startswith("@") else name or None


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """Seconds after which systemd ends a service that is not heard of; 0 when it does not watch."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0  # it watches another process
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdecimal() else 0.0
