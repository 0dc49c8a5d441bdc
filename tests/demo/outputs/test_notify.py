"""Word to systemd, read from a real datagram socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_asc.demo.events import Decision, Health, State
from edge_asc.demo.outputs.notify import SystemdOutput

WATCHDOG_S = 20


class Manager:
    """A socket as systemd has it, and what came."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """What came since the last call."""
        lines = []
        while True:
            try:
                lines.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return lines


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.socket.close()


def output(tmp_path: Path, **environment: str) -> SystemdOutput:
    return SystemdOutput({"NOTIFY_SOCKET": str(tmp_path / "notify"), **environment})


def watched(tmp_path: Path) -> SystemdOutput:
    usec, pid = str(WATCHDOG_S * 1_000_000), str(os.getpid())
    return output(tmp_path, WATCHDOG_USEC=usec, WATCHDOG_PID=pid)


def health(state: State, uptime_s: float = 0, audio_s: float = 0, source: str = "mic") -> Health:
    return Health(time_s=0, state=state, source=source, uptime_s=uptime_s, audio_s=audio_s)


def pings(told: SystemdOutput, manager: Manager, states: list[tuple[State, float]]) -> int:
    """WATCHDOG=1 that come of a health a second."""
    for second, (state, audio_s) in enumerate(states):
        told.on_health(health(state, second, audio_s))
    return manager.heard().count("WATCHDOG=1")


def test_ready_comes_once_and_with_audio(tmp_path: Path, manager: Manager) -> None:
    told = output(tmp_path)
    told.on_health(health("starting"))
    assert "READY=1" not in manager.heard()
    told.on_health(health("listening", 1, 1))
    told.on_health(health("listening", 2, 2))
    assert manager.heard().count("READY=1") == 1
    told.close()


def test_a_microphone_that_is_away_at_the_start_is_ready_too(
    tmp_path: Path, manager: Manager
) -> None:
    told = output(tmp_path)
    told.on_health(health("lost"))
    assert "READY=1" in manager.heard()
    told.close()


def test_watchdog_hears_twice_in_its_time_while_audio_is_consumed(
    tmp_path: Path, manager: Manager
) -> None:
    told = watched(tmp_path)
    assert pings(told, manager, [("listening", float(s)) for s in range(61)]) == 6
    told.close()


def test_watchdog_hears_nothing_when_all_is_said_to_be_well_and_no_audio_comes(
    tmp_path: Path, manager: Manager
) -> None:
    told = watched(tmp_path)
    assert pings(told, manager, [("listening", 5.0)] * 11) == 1  # that there was audio once
    assert pings(told, manager, [("listening", 5.0)] * 61) == 0
    told.close()


@pytest.mark.parametrize("state", ["lost", "silent"])
def test_watchdog_lets_a_microphone_be_away_for_long(
    tmp_path: Path, manager: Manager, state: State
) -> None:
    told = watched(tmp_path)
    assert pings(told, manager, [(state, 5.0)] * 61) == 6
    told.close()


@pytest.mark.parametrize("pid", [1, None])
def test_no_word_to_a_watchdog_that_watches_others_or_is_off(
    tmp_path: Path, manager: Manager, pid: int | None
) -> None:
    given = {} if pid is None else {"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(pid)}
    told = output(tmp_path, **given)
    assert pings(told, manager, [("listening", float(s)) for s in range(61)]) == 0
    told.close()


def test_status_is_the_scene_or_the_trouble_each_said_once(
    tmp_path: Path, manager: Manager
) -> None:
    told = output(tmp_path)
    for state in ("listening", "listening", "lost", "listening"):
        decision = Decision(
            time_s=0, position_s=0, scene="tram", changed=True, confidence=1, probabilities={}
        )
        told.on_decision(decision)
        told.on_health(health(state, source="USB\nREADY=1"))  # a name must not become a line
    said = [line for line in manager.heard() if line.startswith("STATUS=")]
    assert said == [f"STATUS={what} (USB READY=1)" for what in ("tram", "lost", "tram")]
    told.close()


def test_abstract_address(tmp_path: Path) -> None:
    name = f"edge-asc-test-{os.getpid()}"
    manager = Manager(f"\0{name}")
    told = SystemdOutput({"NOTIFY_SOCKET": f"@{name}"})
    told.on_health(health("listening", 1, 1))
    assert "READY=1" in manager.heard()
    told.close()
    manager.socket.close()


def test_nobody_there(tmp_path: Path) -> None:
    for told in (SystemdOutput({}), output(tmp_path)):
        told.on_health(health("listening", 1, 1))
        told.close()


def test_a_manager_that_does_not_read_holds_nothing_up(tmp_path: Path, manager: Manager) -> None:
    told = watched(tmp_path)
    for second in range(5000):  # far more than a socket's queue
        told.on_health(health("listening", 10 * second, second))
    assert "WATCHDOG=1" in manager.heard()
    told.on_health(health("listening", 100_000, 100_000))
    assert manager.heard() == ["WATCHDOG=1"]
    told.close()
