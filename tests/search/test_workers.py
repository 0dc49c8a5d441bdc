"""Several workers on one storage: SQLite and a real PostgreSQL; killed ones; secrets."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

import small_search as program
from command import Cli
from edge_asc.search import worker
from edge_asc.search.records import was_trained
from edge_asc.search.storage import ADDRESS, PASSWORD, PASSWORD_FILE, address, close, open_storage
from postgres import Postgres
from small_search import HEARTBEAT_S, small_search, small_task
from warm_start import Started

PROGRAM = Path(program.__file__)
N_TRIALS = 4


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, str]]:
    """Address and environment of a storage that holds nothing yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/trials.db", {}
    running: Postgres = request.getfixturevalue("server")
    return _emptied(running), {PASSWORD: running.password}


def _emptied(server: Postgres) -> str:
    import psycopg

    with psycopg.connect(server.url, password=server.password, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return server.url


def start(
    storage: tuple[str, dict[str, str]], folder: Path, data: Path, trials: int, epochs: int
) -> Started:
    url, secrets = storage
    return Started(str(PROGRAM), url, folder, data, trials, epochs, environment=secrets)


def finish(process: Started) -> str:
    assert process.ended() == 0, process.errors
    return process.errors


def trials(storage: tuple[str, dict[str, str]]) -> list[Any]:
    opened = open_storage(address(storage[0], Path(), storage[1]))
    try:
        return optuna.load_study(study_name="small", storage=opened).trials
    finally:
        close(opened)


@pytest.mark.slow
def test_two_workers_share_one_study(
    storage: tuple[str, dict[str, str]], tmp_path: Path, scenes: Path
) -> None:
    """They begin at once, so that both make the tables and the study."""
    for process in [start(storage, tmp_path, scenes, N_TRIALS, 2) for _ in range(2)]:
        finish(process)
    found = [trial for trial in trials(storage) if was_trained(trial)]
    assert N_TRIALS <= len(found) <= N_TRIALS + 1  # each finishes what it has begun
    assert len({trial.user_attrs["worker"] for trial in found}) == 2
    assert len({trial.user_attrs["candidate"] for trial in found}) == len(found)
    assert all(len(t.intermediate_values) == 2 for t in found if t.state.name == "COMPLETE")


@pytest.mark.slow
def test_another_worker_goes_on_with_the_candidate_of_a_killed_one(
    storage: tuple[str, dict[str, str]], tmp_path: Path, scenes: Path
) -> None:
    epochs = 12
    killed = start(storage, tmp_path, scenes, 1, epochs)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "small").glob("*/last.ckpt")):
        assert killed.runs() and time.monotonic() < deadline
        time.sleep(0.01)
    killed.kill()
    assert [trial.state.name for trial in trials(storage)] == ["RUNNING"]
    time.sleep(2 * HEARTBEAT_S + 1)
    said = finish(start(storage, tmp_path, scenes, 1, epochs))
    broken, again = trials(storage)
    assert (broken.state.name, again.state.name) == ("FAIL", "COMPLETE")
    assert broken.params == again.params
    assert set(again.intermediate_values) == set(range(1, epochs + 1))
    assert f"epoch {epochs}/{epochs}" in said and f"epoch 1/{epochs}" not in said  # resumed
    assert not list((tmp_path / "small").iterdir())


def test_a_password_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("päss:w@rd/\n")
    for environment in ({PASSWORD: "päss:w@rd/"}, {PASSWORD_FILE: str(secret)}):
        url = address("postgresql://asc@host/db", tmp_path, environment)
        assert (url.password, url.drivername) == ("päss:w@rd/", "postgresql+psycopg")
        assert "rd" not in repr(url)
    whole = address(None, tmp_path, {ADDRESS: "postgresql://asc:key@host/db"})
    assert whole.password == "key"
    assert address(None, tmp_path / "x.db", {}).database == str(tmp_path / "x.db")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://asc:s3cret@host/db",
        "mysql://host/db",
        "sqlite://",
        "what",
        "",
        "postgresql://h",
    ],
)
def test_other_addresses_are_refused_without_their_secrets(url: str, tmp_path: Path) -> None:
    if not url:
        assert address(url, tmp_path / "x.db", {}).get_backend_name() == "sqlite"
        return
    with pytest.raises(ValueError) as caught:
        address(url, tmp_path, {})
    assert "s3cret" not in str(caught.value)


def test_a_wrong_password_is_one_line_that_does_not_tell_it(
    server: Postgres, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, "wrong-one")
    code, out, err = cli("search", "show", "--storage", server.url)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1 and "password authentication failed" in err
    assert "wrong-one" not in err


def test_a_server_that_goes_away_is_one_line(
    server: Postgres, tmp_path: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> float:
        server.stop()
        return 0.5

    url = address(_emptied(server), tmp_path, {PASSWORD: server.password})
    monkeypatch.setattr(worker, "train_candidate", gone)
    try:
        with pytest.raises(ValueError) as caught:
            small_search(url, tmp_path, small_task(scenes), 1, heartbeat_s=60)
    finally:
        server.start()
    assert "\n" not in str(caught.value) and server.password not in str(caught.value)


def test_no_server_and_no_study_are_one_line(
    server: Postgres, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, server.password)
    url = _emptied(server)
    code, out, err = cli("search", "show", "--storage", url)
    assert (code, out, err) == (1, "", "edge-asc: no study in this storage yet\n")
    code, out, err = cli("search", "show", "--storage", "postgresql://asc@127.0.0.1:1/db")
    assert (code, out) == (1, "") and err.count("\n") == 1
    assert "127.0.0.1" in err and server.password not in err
