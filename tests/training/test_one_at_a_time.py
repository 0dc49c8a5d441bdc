"""One process in a run folder, whole names for pictures of any number of classes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from edge_asc.plotting import new_figure
from edge_asc.training import plots
from edge_asc.training.plots import save_confusion
from edge_asc.training.run_folder import new_run_folder, only_one, removed_if_empty

HOLD = """
import sys
from pathlib import Path
from edge_asc.training.run_folder import only_one
with only_one(Path(sys.argv[1]), "trains"):
    print("held", flush=True)
    sys.stdin.read()
"""
MOST_PIXELS = 1_700


def test_another_process_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout and first.stdout.readline() == b"held\n"
        with (
            pytest.raises(OSError, match="another process trains there"),
            only_one(folder, "trains"),
        ):
            pass
        first.kill()
    with only_one(folder, "trains"):
        assert not list(folder.iterdir())  # a lock leaves nothing behind


def test_a_run_that_came_to_nothing_leaves_no_folder(tmp_path: Path) -> None:
    folder = new_run_folder("nano", tmp_path)
    with pytest.raises(ValueError, match="bad"), removed_if_empty(folder):
        raise ValueError("bad")
    assert not folder.exists()
    folder = new_run_folder("nano", tmp_path)
    with pytest.raises(ValueError, match="bad"), removed_if_empty(folder):
        (folder / "run.json").touch()
        raise ValueError("bad")
    assert folder.exists()


@pytest.mark.parametrize("n", [1, 49, 51, 1000])
def test_a_picture_of_many_classes_is_no_larger(
    n: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []

    def draw(*size: float) -> Figure:
        drawn.append(new_figure(*size))
        return drawn[0]

    monkeypatch.setattr(plots, "new_figure", draw)
    labels = [f"class ${i}$ " + "x" * 80 for i in range(n)]
    save_confusion(np.eye(n, dtype=int), labels, tmp_path / "c.png")
    width, height = drawn[0].get_size_inches() * drawn[0].dpi
    assert max(width, height) <= MOST_PIXELS
    named = drawn[0].axes[0].get_yticklabels()
    assert len(named) <= 50 and all(len(text.get_text()) <= 32 for text in named)
