"""A real PostgreSQL for tests, on a free port of this machine, with its own files and a password.

with Postgres() as server:
    server.url, server.password
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

START_S = 30.0
USER, PASSWORD, DATABASE = "asc", "s3cret-wörd", "postgres"
NOBODY = 65534  # PostgreSQL does not run as root


def program(name: str) -> str:
    """Path of a program of the server; skips the test where it is not installed."""
    places = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip("the Debian package postgresql is not installed")
    return found


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """One server on loopback, that asks for a password; its files go when it does."""

    def __init__(self) -> None:
        self._initdb, self._server = program("initdb"), program("postgres")
        self.port = free_port()
        self.url = f"postgresql://{USER}@127.0.0.1:{self.port}/{DATABASE}"
        self.password = PASSWORD
        # Not under pytest's folder, which only its owner may enter.
        self.folder = Path(tempfile.mkdtemp(prefix="edge-asc-postgres-"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
            self._as = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.folder / "server.log").open("wb")
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command = [self._server, "-D", str(self.folder / "data"), *options]
        with log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd="/", preexec_fn=_end_with_us, **self._as
            )
        end_s = time.monotonic() + START_S
        while "ready to accept" not in self._log():
            if time.monotonic() > end_s or self._process.poll() is not None:
                self.stop()
                raise RuntimeError(self._log())
            time.sleep(0.05)

    def _log(self) -> str:
        return (self.folder / "server.log").read_text()

    def stop(self) -> None:
        """End it at once, with its connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_S)
            self._process = None

    def __enter__(self) -> "Postgres":
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        command = [self._initdb, "-D", str(self.folder / "data"), "-U", USER, "--no-sync"]
        command += ["--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C"]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **self._as)
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)


def _end_with_us() -> None:
    """No server is left behind when the tests are killed (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)
