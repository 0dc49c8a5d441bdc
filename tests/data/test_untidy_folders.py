"""Data sets as people have them: splits, folds, hidden copies, links, names in two spellings."""

import os
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge_asc.audio.found import audio_in
from edge_asc.data.check import check_dataset
from edge_asc.data.layouts.columns import parse_columns
from edge_asc.data.open import open_dataset


def write_wav(path: Path, seconds: float = 0.2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path))).uniform(-0.1, 0.1, round(8000 * seconds))
    soundfile.write(path, noise, 8000)
    return path


def write_classes(root: Path, *labels: str, n: int = 3) -> Path:
    for label in labels:
        for i in range(n):
            write_wav(root / label / f"{i}.wav")
    return root


@pytest.mark.parametrize(
    ("sides", "folds"),
    [
        (("train", "val", "test"), (0, 0, 1)),
        (("Training", "Evaluation"), (0, 1)),
        (("train", "dev"), (0, 1)),
    ],
)
def test_splits_above_class_folders_are_folds(
    tmp_path: Path, sides: tuple[str, ...], folds: tuple[int, ...]
) -> None:
    for side in sides:
        write_classes(tmp_path / side, "bus", "park")
    dataset = open_dataset(tmp_path)
    assert dataset.labels == ("bus", "park")
    assert dataset.folds == (1,)
    expected = dict(zip(sides, folds, strict=True))
    assert all(
        clip.fold == expected[clip.path.relative_to(tmp_path).parts[0]] for clip in dataset.clips
    )
    train, test = dataset.split(1)
    assert not {clip.recording for clip in train} & {clip.recording for clip in test}
    assert dataset.notes


def test_numbered_splits_of_a_table_are_folds_too(tmp_path: Path) -> None:
    """`split0` and `split1` are no training and test."""
    rows = ["path,label,fold"]
    for i in range(8):
        path = write_wav(tmp_path / f"{i}.wav")
        rows.append(f"{path.name},{'bus' if i % 2 else 'park'},split{i // 4}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    assert open_dataset(tmp_path / "list.csv").folds == (0, 1)


def test_one_odd_entry_stops_no_folder(tmp_path: Path) -> None:
    write_classes(tmp_path, "bus", "park")
    (tmp_path / "bus" / "circle").symlink_to("circle")
    assert len(open_dataset(tmp_path).clips) == 6


@pytest.mark.parametrize("spelling", ["fold{}", "fold_{}", "Fold {}", "split{}"])
@pytest.mark.parametrize("above", ["", "audio"])
def test_numbered_folds_keep_their_numbers(tmp_path: Path, spelling: str, above: str) -> None:
    for number in (1, 2, 10):
        write_classes(tmp_path / above / spelling.format(number), "dog", "siren")
    dataset = open_dataset(tmp_path)
    assert (dataset.labels, dataset.folds) == (("dog", "siren"), (1, 2, 10))


def test_one_side_of_a_split_gets_folds_of_its_own(tmp_path: Path) -> None:
    write_classes(tmp_path / "test", "bus", "park", n=5)
    assert open_dataset(tmp_path).folds == (1, 2, 3, 4, 5)


def test_a_train_may_be_a_scene(tmp_path: Path) -> None:
    dataset = open_dataset(write_classes(tmp_path, "bus", "train", "tram"))
    assert dataset.labels == ("bus", "train", "tram")


def test_a_split_among_classes_is_refused(tmp_path: Path) -> None:
    for side in ("train", "test"):
        write_classes(tmp_path / side, "bus", "park")
    write_classes(tmp_path, "background")
    with pytest.raises(ValueError, match=r"test, train look like a split .*background"):
        open_dataset(tmp_path)


def test_folds_without_classes_say_what_is_needed(tmp_path: Path) -> None:
    write_classes(tmp_path, "fold1", "fold2")
    with pytest.raises(ValueError, match="no folder for each scene; give a CSV table"):
        open_dataset(tmp_path)
    (tmp_path / "list.csv").write_text("file,class,fold\n0.wav,dog,1\n")
    with pytest.raises(ValueError, match="--columns path=file,label=class,fold=fold"):
        open_dataset(tmp_path)


URBANSOUND = "slice_file_name,fsID,start,end,salience,fold,classID,class\n"


@pytest.mark.parametrize("given", [".", "audio", "metadata/UrbanSound8K.csv"])
def test_urbansound8k_as_published(tmp_path: Path, given: str) -> None:
    rows = []
    for fold in (1, 2, 3):
        for number, label in enumerate(("car_horn", "dog_bark")):
            name = f"{100 + fold}-{number}-0-0.wav"
            write_wav(tmp_path / "audio" / f"fold{fold}" / name)
            rows.append(f"{name},{100 + fold},0.0,1.0,1,{fold},{number},{label}")
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata/UrbanSound8K.csv").write_text(URBANSOUND + "\n".join(rows))
    dataset = open_dataset(tmp_path / given)
    assert (dataset.name, dataset.folds) == ("UrbanSound8K", (1, 2, 3))
    assert dataset.labels == ("car_horn", "dog_bark")
    assert {clip.group for clip in dataset.clips} == {"101", "102", "103"}
    assert all(clip.path.is_file() for clip in dataset.clips)


def test_columns_of_other_names_are_mapped_and_files_found_by_name(tmp_path: Path) -> None:
    for fold in (1, 2):
        for i in range(2):
            write_wav(tmp_path / f"clips/f{fold}/{fold}{i}.wav")
    (tmp_path / "tables").mkdir()
    table = tmp_path / "tables/list.csv"
    table.write_text("fname;what;part;take\n" + "".join(
        f"{fold}{i};{'ab'[i]};{fold};t{fold}\n" for fold in (1, 2) for i in range(2)
    ))  # fmt: skip
    given = "path=fname,label=what,fold=part,group=take"
    dataset = open_dataset(table, columns=given)
    assert dataset == open_dataset(table, columns=parse_columns(given))
    assert (dataset.labels, dataset.folds) == (("a", "b"), (1, 2))
    assert all(clip.path.is_file() for clip in dataset.clips)
    assert {clip.group for clip in dataset.clips} == {"t1", "t2"}
    with pytest.raises(ValueError, match=r"--columns path=fname,label=COLUMN"):
        open_dataset(table)
    with pytest.raises(ValueError, match=r"no column 'nothing' .found: fname, what, part, take"):
        open_dataset(table, columns="path=fname,label=nothing")


@pytest.mark.parametrize("text", ["path", "path=", "path=a,path=b", "lable=a", ""])
def test_an_illegal_mapping_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="column"):
        parse_columns(text)


def test_several_labels_in_a_row_are_refused(tmp_path: Path) -> None:
    (tmp_path / "dev.csv").write_text(
        'fname,labels,mids,split\n1,"Guitar,Music",/m/a,train\n2,Music,/m/b,val\n'
    )
    with pytest.raises(ValueError, match="--columns path=fname,label=labels,fold=split"):
        open_dataset(tmp_path)
    with pytest.raises(ValueError, match="line 2: several labels, 'Guitar,Music'"):
        open_dataset(tmp_path, columns="path=fname,label=labels")


def test_a_comma_in_a_name_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('path,label\n1.wav,"bus, inside"\n2.wav,park\n')
    assert open_dataset(tmp_path).labels == ("bus, inside", "park")


@pytest.mark.parametrize(
    ("written", "folds"),
    [
        (("1.0", "2.0", ""), [1, 2, None]),
        (("1.00", "3", "nan"), [1, 3, None]),
        (("fold1", "fold2", "Fold 2"), [1, 2, 2]),
        (("train", "val", "test"), [0, 0, 1]),
    ],
)
@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16"])
def test_folds_as_programs_write_them(
    tmp_path: Path, written: tuple[str, ...], folds: list[int | None], code: str
) -> None:
    rows = "".join(f"{i}.wav,x{i % 2},{text}\n" for i, text in enumerate(written))
    (tmp_path / "a.csv").write_bytes(("path,label,fold\n" + rows).encode(code))
    assert [clip.fold for clip in open_dataset(tmp_path).clips] == folds


def test_a_split_that_is_not_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path,label,split\n1.wav,a,train\n2.wav,b,test\n")
    assert "--columns fold=split takes it" in open_dataset(tmp_path).notes[0]


@pytest.mark.parametrize("text", ["date;weather\n1;rain\n", "", "\xff\xfe\x00", "a\nb,c\n"])
@pytest.mark.parametrize("name", ["notes.csv", "meta.csv", "metadata/x.csv"])
def test_another_table_among_class_folders_is_passed_over(
    tmp_path: Path, name: str, text: str
) -> None:
    write_classes(tmp_path, "park", "street")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, "latin-1")
    dataset = open_dataset(tmp_path)
    assert (dataset.labels, len(dataset.clips)) == (("park", "street"), 6)
    assert check_dataset(dataset).passed_over == {".csv": 1}


def test_a_list_of_recordings_among_folders_is_not_passed_over(tmp_path: Path) -> None:
    write_classes(tmp_path, "monday", "tuesday")
    (tmp_path / "list.csv").write_text("file,scene\nmonday/0.wav,park\n")
    with pytest.raises(ValueError, match=r"list\.csv lists recordings, .*--columns path=file"):
        open_dataset(tmp_path)
    (tmp_path / "a.csv").write_text("path,label\nmonday/0.wav,park\n")
    (tmp_path / "b.csv").write_text("path,label\nmonday/1.wav,park\n")
    with pytest.raises(ValueError, match=r"several tables \(a\.csv, b\.csv\)"):
        open_dataset(tmp_path)


def test_hidden_copies_and_those_of_tools_are_no_clips(tmp_path: Path) -> None:
    write_classes(tmp_path, "park", "street")
    for place in (".ipynb_checkpoints", "@eaDir", "__MACOSX", ".git/annex"):
        write_wav(tmp_path / "park" / place / "0-copy.wav")
        write_wav(tmp_path / place / "0-copy.wav")
    (tmp_path / "park/._0.wav").write_bytes(bytes(100))
    (tmp_path / "park/Thumbs.db").write_bytes(bytes(100))
    report = check_dataset(open_dataset(tmp_path))
    assert (sum(report.labels.values()), report.reasons) == (6, {})
    assert report.passed_over == {"hidden": 10}
    assert [path.name for path in audio_in(tmp_path / "park")] == ["0.wav", "1.wav", "2.wav"]


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "set", "park", "street")
    write_classes(tmp_path / "disk", "one", "two")
    (tmp_path / "hop").symlink_to(tmp_path / "disk/one")
    (root / "park/session").symlink_to(tmp_path / "hop")
    (root / "street/session").symlink_to(tmp_path / "disk/two")
    (root / "park/again").symlink_to(".")
    (root / "park/up").symlink_to("..")
    dataset = open_dataset(root)
    assert Counter(clip.label for clip in dataset.clips) == {"park": 6, "street": 6}


def test_a_link_to_a_clip_that_is_there_is_left_out_and_told(tmp_path: Path) -> None:
    root = write_classes(tmp_path, "park", "street")
    (root / "park/again.wav").symlink_to(root / "park/0.wav")
    report = check_dataset(open_dataset(root))
    assert (report.labels["park"], sum(report.reasons.values())) == (3, 1)
    (root / "street/park.wav").symlink_to(root / "park/0.wav")
    with pytest.raises(ValueError, match="the same file under 'park'"):
        open_dataset(root)


@pytest.mark.parametrize("is_table", [False, True])
def test_a_name_in_two_unicode_forms_is_one_scene(tmp_path: Path, is_table: bool) -> None:
    names = [unicodedata.normalize(form, "Straßencafé") for form in ("NFC", "NFD")]
    write_classes(tmp_path, *names, "park")
    if is_table:
        rows = [f"{os.path.join(name, '0.wav')},{name}" for name in names]
        (tmp_path / "a.csv").write_text("path,label\n" + "\n".join(rows), "utf-8")
    labels = {clip.label for clip in open_dataset(tmp_path).clips} - {"park"}
    assert labels == {names[0]}


def test_a_table_of_another_unicode_form_finds_its_files(tmp_path: Path) -> None:
    write_wav(tmp_path / unicodedata.normalize("NFD", "é.wav"))
    (tmp_path / "a.csv").write_text(f"path,label\n{unicodedata.normalize('NFC', 'é.wav')},x\n")
    assert open_dataset(tmp_path).clips[0].path.is_file()


@pytest.mark.parametrize("second", ["./a/0.wav", "a//0.wav", "a/../a/0.wav", "b/0.wav"])
def test_a_file_is_listed_once_however_it_is_written(tmp_path: Path, second: str) -> None:
    write_wav(tmp_path / "a/0.wav")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "a.csv").write_text(f"path,label\na/0.wav,x\n{second},y\n")
    with pytest.raises(ValueError, match=r"line 3: .*0\.wav is listed twice \(first in line 2\)"):
        open_dataset(tmp_path)


def test_a_folder_name_that_is_no_text_is_spelled_out(tmp_path: Path) -> None:
    write_classes(tmp_path, "park", "cafe")
    (tmp_path / "cafe").rename(tmp_path / os.fsdecode(b"caf\xe9"))
    assert open_dataset(tmp_path).labels == ("caf\\xe9", "park")


def test_windows_paths_are_found(tmp_path: Path) -> None:
    write_wav(tmp_path / "a/0.wav")
    write_wav(tmp_path / "b/0.wav")
    (tmp_path / "t.csv").write_text("path,label\na\\0.wav,x\nb\\0.wav,y\n")
    assert [c.path for c in open_dataset(tmp_path).clips] == [
        tmp_path / "a/0.wav",
        tmp_path / "b/0.wav",
    ]


def test_a_name_in_several_folders_is_refused(tmp_path: Path) -> None:
    write_classes(tmp_path, "a", "b", n=1)
    (tmp_path / "t.csv").write_text("path,label\n0.wav,x\n")
    with pytest.raises(ValueError, match=r"line 2: 0\.wav is in several folders"):
        open_dataset(tmp_path)


def test_every_recording_that_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    write_classes(tmp_path, "park", "street")
    write_wav(tmp_path / "loose.wav")
    (tmp_path / "park/x.raw").write_bytes(bytes(100))
    (tmp_path / "park/memo.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    (tmp_path / "street/empty.wav").touch()
    (tmp_path / "street/notes.txt").touch()
    report = check_dataset(open_dataset(tmp_path))
    assert len(report.bad) == 2
    assert sum(report.reasons.values()) == 4
    assert report.reasons["in no class folder"] == 1
    assert report.reasons["of a format that nothing here reads"] == 1
    assert report.reasons["empty file, N bytes"] == 1
    assert report.passed_over == {".txt": 1}


def test_warnings_of_labels_and_of_what_a_table_leaves_out(tmp_path: Path) -> None:
    write_classes(tmp_path, "x")
    (tmp_path / "t.csv").write_text("path,label\nx/0.wav,Park\nx/1.wav,park\n")
    warnings = " ".join(check_dataset(open_dataset(tmp_path)).warnings)
    assert "Park, park: scenes of almost the same name" in warnings
    assert "1 recording(s) are not in the table: x/2.wav" in warnings
    (tmp_path / "t.csv").write_text("path,label\nx/0.wav,park\nx/1.wav,park\n")
    assert "only one scene, park" in " ".join(check_dataset(open_dataset(tmp_path)).warnings)
