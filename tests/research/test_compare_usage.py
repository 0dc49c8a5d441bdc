"""What is typed for `compare` and cannot be meant."""

from pathlib import Path

import pytest

from command import Cli


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tables of answers in the current folder."""
    for name, said in (("a.csv", "xyxyyx"), ("b.csv", "xyxxyy")):
        rows = [
            f"{i}.wav,{truth},{p}" for i, (truth, p) in enumerate(zip("xyxyxy", said, strict=True))
        ]
        (tmp_path / name).write_text("\n".join(["path,label,predicted", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("--csv", "o.csv", "--latex", "./o.csv"), 2, "same file"),
        (("--csv", "a.csv"), 2, "overwrite what is"),
        (("--csv", "."), 2, "is a folder"),
        (("--plot", "o.xyz"), 1, "o.xyz: a picture is one of png, svg, pdf"),
        (("c=",), 1, "'c=': an empty name"),
        (("=a.csv",), 1, "'=a.csv': an empty name"),
        (("c=a.csv,",), 1, "'c=a.csv,': an empty name"),
        (("",), 1, "'': an empty name"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    saved: Path, cli: Cli, options: tuple[str, ...], code: int, told: str
) -> None:
    before = {path: path.read_text() for path in saved.iterdir()}
    found, out, err = cli("compare", "a.csv", "b.csv", *options)
    assert (found, out) == (code, "") and told in " ".join(err.split())
    assert {path: path.read_text() for path in saved.iterdir()} == before


def test_options_that_change_nothing_are_told(saved: Path, cli: Cli) -> None:
    code, _, err = cli("compare", "a.csv", "b.csv", "--fold", "1")
    assert code == 0 and "--fold changed nothing" in err
    assert "changed nothing" not in cli("compare", "a.csv", "b.csv")[2]
