"""Hints that can be followed: the command names the source that was installed."""

import importlib.metadata
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_asc import install

WHEEL = "edge_asc-0.1.0-py3-none-any.whl"


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what pip is to have noted of the installation."""
    monkeypatch.setattr(install, "pip", lambda: "pip")
    monkeypatch.setattr(install, "PACKAGE", Path("/nowhere/site-packages/edge_asc"))

    class Installed:
        def __init__(self, noted: dict[str, Any] | None) -> None:
            self.noted = noted

        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return None if self.noted is None else json.dumps(self.noted)

    def put(noted: dict[str, Any] | None) -> None:
        monkeypatch.setattr(importlib.metadata, "distribution", lambda _: Installed(noted))

    return put


def test_from_an_index(origin: Any) -> None:
    origin(None)
    assert install.add_extra("live") == "pip install 'edge-asc[live]'"


def test_from_a_checkout(origin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a checkout"
    folder.mkdir()
    origin({"url": folder.as_uri(), "dir_info": {}})
    assert install.add_extra("live") == f"pip install '{folder}[live]'"
    monkeypatch.chdir(folder)
    assert install.add_extra("live") == "pip install '.[live]'"
    origin({"url": folder.as_uri(), "dir_info": {"editable": True}})
    assert install.add_extra("train,search") == "pip install -e '.[train,search]'"


def test_from_a_checkout_that_is_gone(origin: Any, tmp_path: Path) -> None:
    origin({"url": (tmp_path / "gone").as_uri(), "dir_info": {}})
    assert install.add_extra("live") == "pip install '.[live]'"


def test_from_a_wheel(origin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / WHEEL
    origin({"url": wheel.as_uri(), "archive_info": {}})
    assert install.add_extra("live") == f"pip install '{WHEEL}[live]'"  # it is gone
    wheel.touch()
    assert install.add_extra("live") == f"pip install '{wheel}[live]'"
    monkeypatch.chdir(tmp_path)
    assert install.add_extra("live", "--force-reinstall") == (
        f"pip install --force-reinstall '{WHEEL}[live]'"
    )


@pytest.mark.parametrize(
    ("noted", "requirement"),
    [
        (
            {"url": "https://host/e.git", "vcs_info": {"vcs": "git", "commit_id": "1"}},
            "edge-asc[live] @ git+https://host/e.git",
        ),
        (
            {"url": "https://host/e.git", "vcs_info": {"vcs": "git", "requested_revision": "v1"}},
            "edge-asc[live] @ git+https://host/e.git@v1",
        ),
        (
            {"url": f"https://host/{WHEEL}", "archive_info": {}},
            f"edge-asc[live] @ https://host/{WHEEL}",
        ),
    ],
)
def test_from_an_address(noted: dict[str, Any], requirement: str, origin: Any) -> None:
    origin(noted)
    assert shlex.split(install.add_extra("live")) == ["pip", "install", requirement]


def test_not_installed_at_all(origin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    (tmp_path / "setup.cfg").touch()
    monkeypatch.setattr(install, "PACKAGE", tmp_path / "edge_asc")
    assert install.add_extra("live") == f"pip install -e '{tmp_path}[live]'"


def test_a_package_of_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "pip", lambda: "pip")
    assert install.add_package("numpy<2") == "pip install 'numpy<2'"


def test_another_pythons_pip_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder in (mine, other):
        folder.mkdir()
        (folder / "pip").write_text("#!/bin/sh\n")
        (folder / "pip").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(mine / "python"))
    monkeypatch.setenv("PATH", f"{mine}:{other}")
    assert install.pip() == "pip"
    monkeypatch.setenv("PATH", f"{other}:{mine}")
    assert install.pip() == f"{mine / 'python'} -m pip"
