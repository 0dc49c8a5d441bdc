"""The index: whatever is left of it, what is read was written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.demo.outputs.keep import index
from edge_asc.demo.outputs.keep.index import Kept

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
shares = st.floats(0, 1)
some_kept = st.builds(
    Kept,
    id=st.integers(0, 999).map(lambda n: f"20260504-123005-{n:03}"),
    time_s=st.floats(0, 4e9),
    seconds=st.floats(0, 100),
    why=st.none() | names,
    scene=st.none() | names,
    probabilities=st.none() | st.dictionaries(names, shares, max_size=4),
    window_s=st.none() | st.tuples(shares, shares),
)


def three(folder: Path) -> tuple[Path, list[Kept]]:
    path = folder / "index.jsonl"
    clips = [Kept(id=f"20260504-12300{i}-000", time_s=float(i), seconds=6.0) for i in range(3)]
    for kept in clips:
        index.append(path, kept)
    return path, clips


@given(some_kept)
def test_a_line_is_read_as_it_was_written(kept: Kept) -> None:
    line = index.to_line(kept)
    assert line.count(b"\n") == 1
    assert index.from_line(line[:-1]) == kept


def test_cut_at_any_byte_whole_lines_are_left_and_the_next_follows_them(tmp_path: Path) -> None:
    path, clips = three(tmp_path)
    content = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    new = Kept(id="20260504-123009-000", time_s=9.0, seconds=6.0)
    for n in range(len(content) + 1):
        path.write_bytes(content[:n])
        whole = clips[: sum(end <= n for end in ends)]
        assert list(index.read(path).values()) == whole
        index.append(path, new)
        assert list(index.read(path).values()) == [*whole, new]
        assert path.read_bytes().count(b"\n") == len(whole) + 1


def test_any_changed_byte_costs_no_line_but_its_own(tmp_path: Path) -> None:
    path, clips = three(tmp_path)
    content = bytearray(path.read_bytes())
    for at in range(len(content)):
        damaged = content.copy()
        damaged[at] ^= 1
        path.write_bytes(damaged)
        found = list(index.read(path).values())
        lost = damaged[:at].count(b"\n")
        # A newline that is gone joins two lines, and both are lost.
        n_lost = 2 if content[at] == ord("\n") and lost < 2 else 1
        assert found == clips[:lost] + clips[lost + n_lost :]


@given(junk=st.binary(max_size=200))
def test_what_is_none_of_ours_is_passed_over(
    junk: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path, clips = three(tmp_path_factory.mktemp("junk"))
    with path.open("ab") as file:
        file.write(junk + b"\n")
    assert list(index.read(path).values()) == clips


def test_nothing_written_is_nothing_read(tmp_path: Path) -> None:
    assert index.read(tmp_path / "index.jsonl") == {}
