"""Where the trials of a search are kept, shared by its workers: SQLite or PostgreSQL.

A command line can be read by every user of a machine, so no password is taken from it.
"""

import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

ADDRESS = "EDGE_ASC_STORAGE"  # the whole address, perhaps with a password
PASSWORD, PASSWORD_FILE = "EDGE_ASC_STORAGE_PASSWORD", "EDGE_ASC_STORAGE_PASSWORD_FILE"
FORM = "sqlite:///FILE or postgresql://USER@HOST[:PORT]/DATABASE"
LOCKED_S = 60  # how long a worker waits for another one to finish writing
HEARTBEAT_S = 60  # a worker that is silent for twice as long is taken for dead
ATTEMPTS = 8  # when several workers make the tables at once, all but one of them fail at first

Stale = Callable[[optuna.Study, FrozenTrial], None]


def address(given: str | None, default: Path, environment: Mapping[str, str]) -> URL:
    """The storage: as given, from the environment, or a SQLite file.

    Raises:
        ValueError: not an address, or one with a password in it, which the message does not repeat.
        OSError: the file of the password cannot be read.
    """
    text = given or environment.get(ADDRESS) or f"sqlite:///{default}"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(f"storage that is not an address: {FORM}") from None
    if given and url.password is not None:
        raise ValueError(
            "storage address with a password in it, which others can see: put it into"
            f" {PASSWORD} (or {PASSWORD_FILE}), or the whole address into {ADDRESS}"
        )
    if url.get_backend_name() not in ("sqlite", "postgresql") or not url.database:
        raise ValueError(f"storage of {url.get_backend_name()}: {FORM}")
    if url.get_backend_name() == "sqlite":
        return url
    password = _password(environment)
    url = url if password is None else url.set(password=password)
    return url.set(drivername="postgresql+psycopg")


def _password(environment: Mapping[str, str]) -> str | None:
    if PASSWORD in environment:
        return environment[PASSWORD]
    if PASSWORD_FILE in environment:
        return Path(environment[PASSWORD_FILE]).read_text("utf-8").rstrip("\r\n")
    return None


def open_storage(
    url: URL, on_stale: Stale | None = None, heartbeat_s: int = HEARTBEAT_S
) -> RDBStorage:
    """Connect, and make the tables where there are none.

    With `on_stale`, which is called for the trial of a worker that died, there is a heartbeat.

    Raises:
        ValueError: no connection, or no database of that name; the password is not in the message.
        ImportError: the driver is not installed.
    """
    is_file = url.get_backend_name() == "sqlite"
    if is_file:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    else:
        import psycopg  # noqa: F401  # its absence is said before SQLAlchemy trips over it
    arguments: dict[str, Any] = {
        "connect_args": {"timeout": LOCKED_S} if is_file else {"connect_timeout": 10},
        "pool_pre_ping": True,  # a server that was started anew is met again
    }
    for attempt in range(ATTEMPTS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # of the heartbeat
            try:
                return RDBStorage(
                    url.render_as_string(hide_password=False),
                    engine_kwargs=arguments,
                    heartbeat_interval=heartbeat_s if on_stale else None,
                    heartbeat_stale_trial_callback=on_stale,
                )
            except (SQLAlchemyError, StorageInternalError) as error:
                if attempt == ATTEMPTS - 1 or not _may_pass(error):
                    raise ValueError(f"storage {url!r}: {first_line(error)}") from None
                time.sleep(0.1 * 2**attempt)
    raise AssertionError("the last attempt returned or raised")


def _may_pass(error: Exception) -> bool:
    """Whether another worker may just have made the tables, or be writing."""
    text = str(error).lower()
    return any(word in text for word in ("exist", "locked", "unique", "duplicate"))


def first_line(error: BaseException) -> str:
    """What a database says, without the statement and its numbers."""
    said = str(getattr(error, "orig", None) or error.__cause__ or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def close(storage: RDBStorage) -> None:
    """Give the connections back."""
    with suppress(SQLAlchemyError):
        storage.remove_session()
        storage.engine.dispose()
