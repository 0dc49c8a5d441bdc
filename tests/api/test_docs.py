"""docs/python.md and the notebook run as they stand, and the notebook shows what it prints."""

import json
import re
from pathlib import Path

import pytest

from notebook import code_cells, run

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTEBOOK = DOCS / "edge-asc.ipynb"
FIGURE = re.compile(r"\d+(?:[.,]\d+)*")  # of another processor, other trained weights

pytestmark = pytest.mark.skipif(
    not DOCS.is_dir(), reason="needs the checkout that these tests came with"
)


def blocks(page: Path) -> list[str]:
    """The Python blocks of a page."""
    return re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)


@pytest.mark.slow
def test_every_block_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "python_page"}
    page = blocks(DOCS / "python.md")
    assert len(page) >= 8
    for number, block in enumerate(page, 1):
        exec(compile(briefly(block), f"<block {number} of python.md>", "exec"), names)


@pytest.mark.slow
def test_the_notebook_prints_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line but for the figures, and for the scenes, which hang on trained weights."""
    monkeypatch.chdir(tmp_path)
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    for cell in code_cells(notebook):
        cell["source"] = [briefly(line) for line in cell["source"]]
    shown = [cell["outputs"] for cell in code_cells(notebook)]
    found = run(notebook)
    for ours, theirs in zip(found, shown, strict=True):
        assert [kind["output_type"] for kind in ours] == [kind["output_type"] for kind in theirs]
        for a, b in zip(ours, theirs, strict=True):
            assert list(map(masked, a["text"])) == list(map(masked, b["text"]))


def briefly(code: str) -> str:
    """The same with an epoch in place of many: what follows hangs on no figure."""
    return re.sub(r"\bepochs=\d+", "epochs=1", code)


def masked(line: str) -> str:
    return re.sub(r"synthetic_\w+", "SCENE", FIGURE.sub("N", line))


def test_the_notebook_is_one() -> None:
    """The fields that nbformat 4.5 asks for; all cells run, in order, in few lines."""
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert {"kernelspec", "language_info"} == set(notebook["metadata"])
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        fields = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == fields | (
            {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        )
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell["outputs"] for cell in cells)
    lines = [line for cell in cells for line in cell["source"] if line.strip()]
    assert len(lines) <= 24
