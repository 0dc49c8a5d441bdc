"""`edge-asc live --install-service`: the rest of that command line as a systemd service.

The service sees no home folder and can write nothing but its state (`systemd_unit`). So the model
is copied to `MODELS`, log and kept clips go to `STATE`, and edge-asc itself must not be installed
in a home folder. Secrets are no part of the unit, which anyone can read: they stand in
`systemd_unit`'s `ENVIRONMENT` and in `PASSWORD`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge_asc.demo.options import Options, arguments
from edge_asc.demo.outputs.mqtt.settings import CREDENTIAL
from edge_asc.demo.service.systemd_unit import NAME, STATE, unit_text
from edge_asc.files import atomic_write
from edge_asc.runtime.formats.taught import memory_path
from edge_asc.runtime.metadata import read_metadata
from edge_asc.runtime.zoo.models import model_or_default

UNIT = Path(f"/etc/systemd/system/{NAME}.service")
MODELS = Path(f"/usr/local/share/{NAME}")
PASSWORD = Path(f"/etc/{NAME}/mqtt-password")
HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # from the service


def install(options: Options) -> str:
    """Write the service, start it now and at every boot; what was done, in a few lines.

    With `options.print_service` it gives the unit's text, and changes nothing.

    Raises:
        ValueError: no root, no usable model, an option that a service cannot use, or it did not
            start.
        OSError: a file cannot be read or written.
    """
    model = model_or_default(options.model, lambda _: None)
    text = unit(replace(options, model=model), program())
    read_metadata(model)
    if options.print_service:
        return text
    if os.geteuid() != 0:
        raise ValueError(f"--install-service writes {UNIT}: run it with sudo")
    kept = MODELS / model.name
    if model.resolve() != kept:
        with atomic_write(kept) as temporary:
            shutil.copyfile(model, temporary)
    if model.resolve() != kept and memory_path(model).is_file():  # more can be added to it there
        with atomic_write(memory_path(kept)) as temporary:
            shutil.copyfile(memory_path(model), temporary)
    with atomic_write(UNIT) as temporary:
        temporary.write_text(text, "utf-8")
    return f"unit   {UNIT}\nmodel  {kept}\n{_started()}"


def unit(options: Options, program: Sequence[str]) -> str:
    """The unit file for options with a model; `program` begins with an absolute path.

    Raises:
        ValueError: a path that a service cannot use.
    """
    command = [*program, "live", *arguments(for_service(options))]
    credentials = {CREDENTIAL: PASSWORD} if options.mqtt and PASSWORD.exists() else {}
    online = any((options.web, options.mqtt, options.metrics))
    return unit_text(command, online, credentials)


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


def for_service(options: Options) -> Options:
    """The options with paths that a service can use; no decisions in the journal by default.

    Raises:
        ValueError: a path that it cannot.
    """
    return replace(
        options,
        model=options.model and MODELS / options.model.name,
        log=options.log and _in_state("--log", options.log),
        keep=options.keep and _in_state("--keep", options.keep),
        source=_source(options.source),
        quiet=not (options.plain or options.as_json),
        install_service=False,
        print_service=False,
    )


def hidden(path: Path) -> bool:
    """Whether a service cannot see it, as it is named or where its links lead."""
    places = (Path(os.path.abspath(path)), path.resolve())
    return any(place.is_relative_to(folder) for place in places for folder in HIDDEN)


def _in_state(option: str, name: Path) -> Path:
    path = Path(os.path.normpath(STATE / name))  # an absolute one stays
    if STATE not in path.parents:
        raise ValueError(f"{option} {name}: a service writes to {STATE} alone; give a name in it")
    return path


def _source(value: str) -> str:
    if value == "mic":
        return value
    if value == "-":
        raise ValueError("--source -: a service has no standard input")
    if hidden(Path(value)):
        raise ValueError(f"--source {value}: home and temporary folders are hidden from a service")
    return os.path.abspath(value)


def _started() -> str:
    if not Path("/run/systemd/system").is_dir():
        return f"start  where systemd runs: systemctl enable --now {NAME}"
    for verb in (["daemon-reload"], ["enable", NAME], ["restart", NAME]):
        done = subprocess.run(["systemctl", *verb], capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]
            raise ValueError(f"systemctl {' '.join(verb)}: {said}; see journalctl -u {NAME}")
    return f"runs   see systemctl status {NAME} and journalctl -fu {NAME}"
