"""Tables: every spelling of the same rows reads the same, anything else is refused in one line."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_asc.data.layouts.table import read_columns, read_table

# Files are read: how long that takes says nothing about the code.
one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

fields = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12).map(str.strip)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(fields, min_size=width, max_size=width).filter(any), min_size=1, max_size=8
    )
)


@one_file
@given(
    rows=tables,
    delimiter=st.sampled_from(",;\t"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    bom=st.booleans(),
    last_line_end=st.booleans(),
    blank_lines=st.booleans(),
)
def test_every_spelling_reads_the_same(
    tmp_path: Path,
    rows: list[list[str]],
    delimiter: str,
    line_end: str,
    bom: bool,
    last_line_end: bool,
    blank_lines: bool,
) -> None:
    columns = [f"c{i}" for i in range(len(rows[0]))]
    if len(columns) == 1:
        delimiter = ","  # nothing in a header of one column tells the delimiter
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end * (1 + blank_lines))
    writer.writerows([columns, *rows])
    spelled = text.getvalue() if last_line_end else text.getvalue().rstrip("\r\n")
    path = tmp_path / "table.csv"
    path.write_bytes(spelled.encode("utf-8-sig" if bom else "utf-8"))
    assert read_columns(path) == tuple(columns)
    read = read_table(path, ())
    assert [list(row.fields.values()) for row in read] == rows
    assert [row.line for row in read] == [
        (1 + blank_lines) * i + 1 for i in range(1, 1 + len(rows))
    ]


@one_file
@given(content=st.binary(max_size=200) | st.text('ab,;\t"\r\n', max_size=60).map(str.encode))
def test_any_bytes_give_rows_or_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    try:
        rows = read_table(path, ("a",))
    except ValueError as error:
        assert str(error).startswith(str(path))
        assert len(str(error).splitlines()) == 1
    else:
        assert all(row["a"] for row in rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.wav\n", r"line 2: 1 fields where the header has 2 \(path, label\)"),
        ("path,label\na,b\n\nc,d,e\n", "line 4: 3 fields"),
        ("path,label\na.wav,\n", "line 2: label is empty"),
        ("path,lable\n", "line 1: no column 'label' .found: path, lable"),
        ("path,label,path\n", "line 1: column 'path' occurs twice"),
        ("", "line 1: no column 'path' .found: nothing"),
        ('path,label\n"a,b\n', "line 2: unexpected end of data"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"t\.csv {message}"):
        read_table(path, ("path", "label"))


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("path,label\ncafé.wav,a\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"t\.csv: not UTF-8 text \(byte 14\)"):
        read_table(path, ("path",))
