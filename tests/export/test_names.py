"""Names of exported files: which run, which precision, and safe everywhere."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.config.schema import load_preset
from edge_asc.export.names import file_stem, slug
from edge_asc.training.run_folder import Run, new_run_folder


def described(preset: str, fold: int | None) -> Run:
    return Run(
        config=load_preset(preset).to_dict(),
        dataset="my scenes",
        data="",
        fold=fold,
        seed=0,
        labels=[],
        abstract_labels=[],
        frontend={},
        clip_s=1.0,
        n_frames=1,
        provenance={},
    )


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("first", "first-int8"),
        ("fold1", "fold1-int8"),
        ("mein Büro & Küche", "mein-Buro-Kuche-int8"),
        ("2026", "2026-int8"),
    ],
)
def test_a_run_that_was_given_a_name_keeps_it(name: str, stem: str, tmp_path: Path) -> None:
    assert file_stem(tmp_path / name, described("nano", 1), "int8") == stem


@pytest.mark.parametrize(
    ("preset", "fold", "stem"),
    [
        ("nano", 3, "nano-fold3-float16"),
        ("nano", None, "nano-float16"),
        ("esc10/32k", 1, "esc10-32k-fold1-float16"),
        ("compact-int8", 2, "compact-fold2-float16"),  # not int8: what it says must be true
    ],
)
def test_a_run_called_by_time_goes_by_preset_and_fold(
    preset: str, fold: int | None, stem: str, tmp_path: Path
) -> None:
    run = new_run_folder(preset, tmp_path)
    assert file_stem(run, described(preset, fold), "float16") == stem


def test_the_folder_one_stands_in_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert file_stem(Path(), described("nano", 1), "int8") == "here-int8"


@given(st.text())
def test_a_slug_is_a_plain_file_name(name: str) -> None:
    found = slug(name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", found)
    assert slug(found) == found


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Straßen/Plätze", "Strassen-Platze"), ("..", "model"), ("東京", "model"), ("a.b_c", "a.b_c")],
)
def test_slugs(name: str, expected: str) -> None:
    assert slug(name) == expected
