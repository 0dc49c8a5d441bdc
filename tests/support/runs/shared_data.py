"""Recorded audio that lives beside some checkouts and never inside the project."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[4] / "shared" / "data"


def shared(name: str) -> Path:
    """The folder of one recorded data set; skips the test where it is absent."""
    folder = Path(os.environ.get("EDGE_ASC_DATA", BESIDE)) / name
    if not folder.exists():
        pytest.skip(f"recorded data set {name} is not at hand (set EDGE_ASC_DATA)")
    return folder
