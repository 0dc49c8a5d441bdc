"""Lists of recordings to be named as people have them: doubled, contradictory, of any encoding."""

from pathlib import Path

import pytest

from command import Cli
from edge_asc.data.open import open_recordings
from tiny_models import LABELS, write_model, write_tone


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("audio", "other"):
        write_tone(tmp_path / "set" / folder / "0.wav", LABELS[0])
    write_tone(tmp_path / "set" / "audio" / "1.wav", LABELS[1])
    return tmp_path / "set"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_plain_lists_of_any_encoding(root: Path, encoding: str) -> None:
    names = root / "list.txt"
    names.write_bytes("audio/1.wav\naudio/0.wav\naudio/../audio/1.wav\n".encode(encoding))
    assert [clip.path.name for clip in open_recordings(names).clips] == ["1.wav", "0.wav"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("fold1_test.csv", "file\naudio/0.wav\n", "fold1_test.csv line 1: no column 'filename'"),
        ("fold1_test.csv", "", "fold1_test.csv line 1: no column 'filename' .found: nothing"),
        ("fold1_test.csv", "filename\n", "lists no clips"),
        ("fold1_test.csv", "filename\naudio/0.wav\naudio/../audio/0.wav\n",
         "line 3: 0.wav is listed twice .first in line 2"),
        ("list.csv", "path\naudio/0.wav\naudio/../audio/0.wav\n",
         "list.csv line 3: 0.wav is listed twice .first in line 2"),
        ("list.txt", "1.wav\n0.wav\n", "list.txt line 2: 0.wav is in several folders"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(root: Path, name: str, text: str, told: str) -> None:
    (root / name).write_text(text)
    with pytest.raises(ValueError, match=told):
        open_recordings(root if name.startswith("fold1") else root / name)


def test_labels_that_contradict_are_refused(root: Path) -> None:
    (root / "meta.csv").write_text("filename,scene_label\naudio/0.wav,bus\n")
    (root / "fold1_test.csv").write_text("filename,scene_label\naudio/0.wav,tram\n")
    with pytest.raises(ValueError, match="is 'tram' here and 'bus' in meta"):
        open_recordings(root)


def test_the_list_of_tests_decides_what_is_named(root: Path, tmp_path: Path, cli: Cli) -> None:
    (root / "fold1_test.csv").write_text("filename\naudio/0.wav\naudio/1.wav\n")
    (root / "fold1_evaluate.csv").write_text(
        f"filename,scene_label,device\naudio/1.wav,{LABELS[1]},b\n"
    )
    model = write_model(tmp_path / "m.tflite")
    code, out, err = cli("predict", model, "--data", root, "--out", tmp_path / "o.csv")
    assert code == 0 and "2 clips" in out and "fold1_evaluate.csv lists others, 1" in err
    assert [clip.device for clip in open_recordings(root).clips] == ["", "b"]


def test_nothing_is_written_over_and_no_name_is_there_twice(
    root: Path, tmp_path: Path, cli: Cli
) -> None:
    model, names = write_model(tmp_path / "m.tflite"), root / "list.txt"
    names.write_text("audio/0.wav\nother/0.wav\n")
    before = names.read_text()
    for out in (names, model, root):
        code, _, err = cli("predict", model, "--data", names, "--out", out)
        assert code == 2 and "--out" in err
    assert names.read_text() == before
    code, _, err = cli(
        "predict", model, "--data", names, "--out", tmp_path / "o.csv", "--bare-names"
    )
    assert code == 1 and "would both be 0.wav" in err and not (tmp_path / "o.csv").exists()
