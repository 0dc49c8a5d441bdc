"""What all tests share: one thread, caches of their own, no telemetry, a tiny data set and run."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from command import Cli, runner

# Read by the packages at their first import, and set by the module of ours that imports them.
SILENCED = {"nncf": "NNCF_CI", "onnxruntime": "ORT_DISABLE_TELEMETRY"}


# A machine that is busy, or slow, takes its time: that is no failure.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Give each of pytest's workers one thread; numpy and torch are not imported yet."""
    config.option.loadscopereorder = False  # of pytest-xdist, which would begin with many tests
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with modules that train: were one of them the last, all other workers would wait."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def feature_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep features in the tests' own folder, not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGE_ASC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Every test draws the same random numbers, whichever ran before it."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def no_telemetry() -> Iterator[None]:
    """Whatever a test has imported was told not to phone home."""
    yield
    for package, variable in SILENCED.items():
        assert package not in sys.modules or os.environ.get(variable) == "1"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command in this process: exit code, stdout, stderr."""
    return runner(capsys)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten synthetic scenes, twenty clips of half a second each, five folds."""
    from edge_asc.data.synthetic import write_synthetic

    folder = tmp_path_factory.mktemp("scenes")
    write_synthetic(folder, clips_per_class=20, clip_s=0.5, sample_rate_hz=8000)
    return folder


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Path:
    """A small network with both heads that tells half of the scenes; copied before a change."""
    from small_run import LEARNS, train_run

    return train_run(tmp_path_factory.mktemp("trained") / "run", scenes, "compact-int8", *LEARNS)


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    """A copy of the trained run."""
    return Path(shutil.copytree(trained_run, tmp_path / "run"))
