"""Tables of other programs: what they know, what they lack, and what is wrong with them."""

import json
from pathlib import Path

import pytest

from edge_asc.research.comparison.answers import read_answers
from edge_asc.research.comparison.compare import BOOTSTRAP, compare
from edge_asc.research.comparison.systems import system_of
from edge_asc.research.comparison.tables import grids
from edge_asc.research.comparison.targets import Targets

DRAWS = 500
HEADER = "path,label,predicted"


def write(path: Path, lines: list[str], header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def said(n: int, wrong: int) -> list[tuple[str, str, str]]:
    """Of n clips every `wrong`-th is answered wrongly."""
    scenes = ("bus", "park")
    return [(f"{i}.wav", scenes[i % 2], scenes[(i + (i % wrong == 0)) % 2]) for i in range(n)]


def test_order_of_arguments_changes_the_sign_alone(tmp_path: Path) -> None:
    header = HEADER + ",device,recording"
    knows = [",".join([*row, "ab"[i // 20], f"r{i // 4}"]) for i, row in enumerate(said(40, 3))]
    a = write(tmp_path / "a.csv", knows, header)
    b = write(tmp_path / "b.csv", [",".join(row) for row in said(40, 7)])
    one, other = (
        compare(Targets().open([*map(str, order)]), resamples=DRAWS) for order in ((a, b), (b, a))
    )
    assert one["test"] == other["test"] == BOOTSTRAP and one["recordings"] == 10
    forth, back = one["differences"][0], other["differences"][0]
    assert forth["p"] == back["p"]
    assert forth["interval"] == pytest.approx([-end for end in reversed(back["interval"])])
    assert {*forth["per_device"]} == {*back["per_device"]} == {"a", "b"}


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (("a", "r0"), ("b", "r0"), "0.wav is of device 'a' for a and 'b' for b"),
        (("a", "r0"), ("a", ""), None),
        (("a", "r0"), ("a", "other name"), None),
    ],
)
def test_contradictions_are_refused(
    tmp_path: Path, first: tuple[str, str], second: tuple[str, str], told: str | None
) -> None:
    header = HEADER + ",device,recording"
    files = [
        write(tmp_path / name, [",".join([*row, *known]) for row in said(4, 2)], header)
        for name, known in (("a.csv", first), ("b.csv", second))
    ]
    systems = Targets().open([*map(str, files)])
    if told is None:
        assert compare(systems, resamples=DRAWS)["recordings"] == 1
        return
    with pytest.raises(ValueError, match=told):
        compare(systems)


def test_recordings_that_hold_other_clips_are_refused(tmp_path: Path) -> None:
    header = HEADER + ",recording"
    files = [
        write(
            tmp_path / name,
            [",".join([*row, f"r{i // size}"]) for i, row in enumerate(said(8, 3))],
            header,
        )
        for name, size in (("a.csv", 2), ("b.csv", 4))
    ]
    with pytest.raises(ValueError, match="hold other clips"):
        compare(Targets().open([*map(str, files)]))


def test_one_recording_proves_nothing(tmp_path: Path) -> None:
    header = HEADER + ",recording"
    files = [
        write(tmp_path / name, [",".join([*row, "r"]) for row in said(20, n)], header)
        for name, n in (("a.csv", 2), ("b.csv", 9))
    ]
    found = compare(Targets().open([*map(str, files)]), resamples=DRAWS)
    (pair,) = found["differences"]
    assert pair["p"] is pair["p_holm"] is pair["interval"] is None
    assert pair["per_class"]["bus"]["p"] is None
    low, high = found["systems"][0]["interval"]
    assert low < 0.5 < high  # Wilson's
    assert grids(found)[1].rows[0][-2:] == ("-", "-")


def test_a_class_of_one_recording_is_no_test_of_several(tmp_path: Path) -> None:
    header = HEADER + ",recording"
    of_one = [("x.wav", "tram", "tram", "t"), ("y.wav", "tram", "tram", "t")]
    files = []
    for name, n in (("a.csv", 2), ("b.csv", 9)):
        rows = [(*row, row[0]) for row in said(20, n)]
        files.append(write(tmp_path / name, [",".join(row) for row in [*rows, *of_one]], header))
    pair = compare(Targets().open([*map(str, files)]), resamples=DRAWS)["differences"][0]
    assert pair["per_class"]["tram"]["p_holm"] is None and pair["per_class"]["bus"]["p_holm"] <= 1


def test_the_same_answers_have_no_interval_of_their_difference(tmp_path: Path) -> None:
    rows = [",".join(row) for row in said(20, 2)]
    files = [write(tmp_path / name, rows) for name in ("a.csv", "b.csv")]
    found = compare(Targets().open([*map(str, files)]), resamples=DRAWS)
    assert found["differences"][0]["interval"] is None and found["differences"][0]["p"] == 1
    assert "-" in grids(found)[1].rows[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"path,label,predicted\na,x,x\nb,x\n", "line 3: 2 fields where the header has 3"),
        (b"path,label,predicted\na,x,x,y\n", "line 2: 4 fields where the header has 3"),
        (b"path,label,predicted\n\xe9,x,x\n", "not UTF-8 text"),
        (b"path,label,predicted,p_x\na,x,x,1.5\n", "line 2: '1.5' is no probability"),
        (b"path,label,predicted,p_x\na,x,x,nan\n", "line 2: 'nan' is no probability"),
        (b"path,label,predicted,p_x,p_y\na,x,x,1,-inf\n", "line 2: '-inf' is no probability"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path}.*{told}"):
        read_answers(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_tables_of_spreadsheets_are_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "p.csv"
    text = "path,label,predicted\na.wav,x,x\nb.wav,x,y\n".replace(",", delimiter)
    path.write_bytes(text.encode(encoding))
    assert read_answers(path).right.tolist() == [True, False]


def test_a_fold_of_another_seed_is_none_of_this_one(tmp_path: Path) -> None:
    for name, first in (("fold1-seed0", 0), ("fold2-seed1", 10)):
        (tmp_path / "ours" / name).mkdir(parents=True)
        rows = [",".join((f"{first + i}.wav", "x", "x")) for i in range(10)]
        write(tmp_path / "ours" / name / "predictions.csv", rows)
    ours = Targets().open([str(tmp_path / "ours")])[0]
    assert len(ours.seeds) == 2
    with pytest.raises(ValueError, match="trainings of ours were not asked the same clips"):
        compare([ours])


@pytest.mark.parametrize(("seeds", "expected"), [((0, 0), 1), ((0, 1), 2), ((None, 1), 1)])
def test_an_evaluation_says_its_seed(
    tmp_path: Path, seeds: tuple[int | None, int | None], expected: int
) -> None:
    for part, seed in enumerate(seeds):
        folder = tmp_path / f"part{part}"
        folder.mkdir()
        write(folder / "predictions.csv", [f"{part}.wav,x,x"])
        (folder / "metrics.json").write_text(json.dumps({"seed": seed}))
    parts = [read_answers(tmp_path / f"part{part}") for part in range(2)]
    assert len(system_of("n", parts).seeds) == expected


def test_runs_that_are_not_finished_are_told(tmp_path: Path) -> None:
    for name in ("fold1-seed0", "fold2-seed0"):
        (tmp_path / name).mkdir()
    write(tmp_path / "fold1-seed0" / "predictions.csv", ["a.wav,x,x"])
    (tmp_path / "fold2-seed0" / "run.json").write_text("{}")
    targets = Targets()
    targets.open([str(tmp_path)])
    assert targets.warnings == [f"{tmp_path / 'fold2-seed0'} is not finished and left out"]
