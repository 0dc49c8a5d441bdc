"""Metadata that ask for what no machine should be asked end in a line that names the number."""

from typing import Any

import pytest

from edge_asc.runtime.metadata import metadata_from_json
from tiny_models import FRONTEND, LABELS, metadata


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"clip_s": 1e9}, "clip_s"),
        ({"clip_s": 3600.0}, "clip_s"),
        ({"frontend": {"hop_length": 1}}, "hop_length"),
        ({"frontend": {"sample_rate_hz": 9_000_000, "hop_length": 256}}, "sample_rate_hz"),
        ({"frontend": {"n_fft": 65536, "hop_length": 4}}, "n_fft"),
        ({"frontend": {"n_mels": 4000}}, "n_mels"),
        ({"labels": [str(i) for i in range(20_000)]}, "labels; legal"),
        ({"labels": ["x" * 5000]}, "5000 characters"),
        ({"budget": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}}}}, "levels"),
    ],
)
def test_absurd_numbers(changes: dict[str, Any], said: str) -> None:
    if "frontend" in changes:
        changes = {"frontend": FRONTEND.to_dict() | changes["frontend"]}
    with pytest.raises(ValueError, match=said):
        metadata(**changes)


@pytest.mark.parametrize("value", ["0", "1e-300", "1e300", "-1"])
def test_temperatures_that_leave_no_probability(value: str) -> None:
    said = b'{"schema":1,"name":"n","labels":["a"],"frontend":{},"clip_s":1,"precision":"int8",'
    with pytest.raises(ValueError, match="temperature"):
        metadata_from_json(said + b'"calibration":{"temperature":' + value.encode() + b"}}")


def test_labels_and_names_do_nothing_where_they_are_shown() -> None:
    evil = "park\x1b]0;title\x07\x1b[2J\n\u202eline"
    found = metadata(name=evil, labels=[*LABELS, evil], warnings=[evil])
    for text in (found.name, found.labels[-1], found.warnings[0]):
        assert text.isprintable() and text.startswith("park\\x1b]0;title\\x07")
