"""Recordings, and the file that was taught with them: made once, changed by nobody."""

from pathlib import Path
from typing import Any

import pytest

from edge_asc.teaching.teach import teach
from own_sounds import ENCODER, write_sounds


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per scene, in it one per recording."""
    folder = tmp_path_factory.mktemp("sounds")
    write_sounds(tmp_path_factory.mktemp("made"), folder)
    return folder


@pytest.fixture(scope="session")
def taught(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return teach(sounds, tmp_path_factory.mktemp("out") / "my.tflite", encoder=ENCODER, views=1)
