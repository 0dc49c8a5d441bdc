"""`edge-asc live --install-service`: the rest of that command line as a systemd service.

The service sees no home folder and can write nothing but its state (`systemd_unit`). So the model
is copied to `MODELS`, a log goes to `STATE`, and edge-asc itself must not be installed in a home
folder. Secrets are no part of the unit, which anyone can read: they stand in `systemd_unit`'s
`ENVIRONMENT` and in `PASSWORD`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_asc.demo.outputs.mqtt.settings import CREDENTIAL
from edge_asc.demo.service.systemd_unit import NAME, STATE, unit_text
from edge_asc.files import atomic_write
from edge_asc.runtime.metadata import read_metadata

UNIT = Path(f"/etc/systemd/system/{NAME}.service")
MODELS = Path(f"/usr/local/share/{NAME}")
PASSWORD = Path(f"/etc/{NAME}/mqtt-password")
HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # from the service
OURS = ("--install-service", "--print")
VIEWS = ("--plain", "--json", "--quiet")
NETWORK = ("--web", "--mqtt", "--metrics")


def unit(arguments: Sequence[str], program: Sequence[str]) -> str:
    """The unit file.

    Args:
        arguments: of `edge-asc live`, `OURS` among them or not.
        program: what they are given to; the first word is an absolute path.

    Raises:
        ValueError: a path that a service cannot use.
    """
    command = [*program, "live", *service_arguments(arguments)]
    with_password = uses(arguments, "--mqtt") and PASSWORD.exists()
    credentials = {CREDENTIAL: PASSWORD} if with_password else {}
    return unit_text(command, uses(arguments, *NETWORK), credentials)


def install(arguments: Sequence[str], print_only: bool = False) -> str:
    """Write the service, start it now and at every boot; what was done, in a few lines.

    Args:
        arguments: of `edge-asc live`, `OURS` among them or not.
        print_only: give the unit's text, and change nothing.

    Raises:
        ValueError: no root, no usable model, an option that a service cannot use, or it did not
            start.
        OSError: a file cannot be read or written.
    """
    text, model = unit(arguments, program()), value_of(arguments, "--model")
    read_metadata(model)
    if print_only:
        return text
    if os.geteuid() != 0:
        raise ValueError(f"--install-service writes {UNIT}: run it with sudo")
    kept = _model(model)
    if Path(model).resolve() != kept:
        with atomic_write(kept) as temporary:
            shutil.copyfile(model, temporary)
    with atomic_write(UNIT) as temporary:
        temporary.write_text(text, "utf-8")
    return f"unit   {UNIT}\nmodel  {kept}\n{_started()}"


def program() -> list[str]:
    """How edge-asc is called by its full path.

    Raises:
        ValueError: it is installed where a service cannot see it.
    """
    for folder in (sys.prefix, sys.base_prefix, Path(__file__).parent):
        if hidden(Path(folder)):
            raise ValueError(
                f"a service cannot see {folder}: install edge-asc elsewhere, as in"
                f" python3 -m venv /opt/{NAME}"
            )
    command = Path(sys.executable).with_name(NAME)
    return [str(command)] if command.exists() else [sys.executable, "-m", "edge_asc"]


def service_arguments(arguments: Sequence[str]) -> Iterator[str]:
    """The arguments with paths that a service can use; no decisions in the journal by default."""
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name in PATHS:
            yield f"{name}={PATHS[name](value if equals else next(words, ''))}"
        elif word not in OURS:
            yield word
    if not uses(arguments, *VIEWS):
        yield "--quiet"


def uses(arguments: Sequence[str], *options: str) -> bool:
    """Whether one of the options is among them."""
    return any(word.partition("=")[0] in options for word in arguments)


def value_of(arguments: Sequence[str], option: str) -> str:
    """Of an option; the last one counts.

    Raises:
        ValueError: it is not there.
    """
    found = ""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name == option:
            found = value if equals else following
    if not found:
        raise ValueError(f"a service needs {option}")
    return found


def hidden(path: Path) -> bool:
    """Whether a service cannot see it, as it is named or where its links lead."""
    places = (Path(os.path.abspath(path)), path.resolve())
    return any(place.is_relative_to(folder) for place in places for folder in HIDDEN)


def _model(value: str) -> Path:
    return MODELS / Path(value).name


def _log(value: str) -> Path:
    path = Path(os.path.normpath(STATE / value))  # an absolute one stays
    if STATE not in path.parents:
        raise ValueError(f"--log {value}: a service writes to {STATE} alone; give a name in it")
    return path


def _source(value: str) -> str:
    if value == "mic":
        return value
    if value == "-":
        raise ValueError("--source -: a service has no standard input")
    if hidden(Path(value)):
        raise ValueError(f"--source {value}: home and temporary folders are hidden from a service")
    return os.path.abspath(value)


PATHS = {"--model": _model, "--log": _log, "--source": _source}


def _started() -> str:
    if not Path("/run/systemd/system").is_dir():
        return f"start  where systemd runs: systemctl enable --now {NAME}"
    for verb in (["daemon-reload"], ["enable", NAME], ["restart", NAME]):
        done = subprocess.run(["systemctl", *verb], capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]
            raise ValueError(f"systemctl {' '.join(verb)}: {said}; see journalctl -u {NAME}")
    return f"runs   see systemctl status {NAME} and journalctl -fu {NAME}"
