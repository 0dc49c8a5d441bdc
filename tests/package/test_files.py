"""JSON as files and verbs write it: valid whatever the figures are, and back as it was."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.files import as_json, write_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


def strict(text: str) -> Any:
    """Parse JSON; NaN and Infinity, which Python's parser lets pass, are refused."""

    def refuse(name: str) -> Any:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


@given(PLAIN)
def test_what_is_plain_comes_back(value: Any) -> None:
    assert strict(as_json(value)) == value


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_null(number: float) -> None:
    value = {"a": number, "b": [1.0, (number, 2)], "c": np.float64(number)}
    assert strict(as_json(value)) == {"a": None, "b": [1.0, [None, 2]], "c": None}


def test_numbers_of_numpy_structs_and_dataclasses_are_what_they_hold() -> None:
    @dataclass
    class Point:
        x: int

    class Named(msgspec.Struct):
        name: str

    value = [np.int64(3), np.float32(0.5), np.bool_(True), Point(1), Named("n")]
    assert strict(as_json(value)) == [3, 0.5, True, {"x": 1}, {"name": "n"}]


def test_what_json_has_no_form_for_is_named() -> None:
    with pytest.raises(TypeError, match="PosixPath has no form in JSON"):
        as_json({"path": Path("x")})


def test_a_file_name_that_is_no_text_can_be_printed() -> None:
    name = b"caf\xe9.wav".decode("utf-8", "surrogateescape")
    text = as_json({"file": name, "scene": "café"})
    text.encode("utf-8")
    assert strict(text) == {"file": "caf\\xe9.wav", "scene": "café"} and "café" in text


def test_json_keeps_lists_of_numbers_on_one_line(tmp_path: Path) -> None:
    value = {"a": [[1, 2], [3, 4]], "b": "[1,\n 2]", "c": [], "d": [-1.5e-9]}
    write_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text()
    assert json.loads(text) == value and "[1, 2]" in text
