"""Data sets in the layouts they are published in, with lists written here or the official ones."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_asc.data.dataset import SceneDataset
from edge_asc.data.labels import ESC10_SCENES, ESC50_SCENES, ESC_ABSTRACT, TAU_SCENES
from edge_asc.data.open import open_dataset
from shared_data import shared

META = """\
filename\tscene_label\tidentifier\tsource_label
audio/airport-lisbon-1000-40000-a.wav\tairport\tlisbon-1000\ta
audio/airport-lisbon-1000-40000-s1.wav\tairport\tlisbon-1000\ts1
audio/tram-milan-1065-40823-b.wav\ttram\tmilan-1065\tb
audio/park-paris-7-9-a.wav\tpark\tparis-7\ta
audio/tram-lyon-11-12-s4.wav\ttram\tlyon-11\ts4
"""
TRAIN = """\
filename\tscene_label
audio/airport-lisbon-1000-40000-a.wav\tairport
audio/airport-lisbon-1000-40000-s1.wav\tairport
audio/tram-milan-1065-40823-b.wav\ttram
"""
TEST = """\
filename\tscene_label
audio/tram-lyon-11-12-s4.wav\ttram
"""


def write_tau(root: Path, meta: str = META, train: str = TRAIN, test: str = TEST) -> Path:
    """A TAU folder without audio; an empty text leaves its file out."""
    files = {"meta.csv": meta, "fold1_train.csv": train, "fold1_evaluate.csv": test}
    for name, text in files.items():
        path = root / name if name == "meta.csv" else root / "evaluation_setup" / name
        path.parent.mkdir(exist_ok=True)
        if text:
            path.write_text(text, newline="")
    return root


def one_second(text: str) -> str:
    """The same lists as 2022 has them: every segment cut, here in two pieces."""
    head, *rows = text.splitlines()
    pieces = []
    for row in rows:
        name, rest = row.split(".wav", 1)
        stem, device = name.rsplit("-", 1)
        pieces += [f"{stem}-{piece}-{device}.wav{rest}" for piece in (0, 1)]
    return "\n".join([head, *pieces]) + "\n"


def test_tau_2020(tmp_path: Path) -> None:
    dataset = open_dataset(write_tau(tmp_path))
    assert (dataset.name, dataset.clip_s, dataset.folds) == ("TAU 2020 Mobile", 10.0, (1,))
    assert dataset.labels == TAU_SCENES
    assert dataset.abstract_labels == ("indoor", "outdoor", "transportation")
    assert [clip.fold for clip in dataset.clips] == [0, 0, 0, None, 1]
    assert [clip.device for clip in dataset.clips] == ["a", "s1", "b", "a", "s4"]
    assert dataset.clips[0].group == dataset.clips[1].group == "lisbon-1000"
    assert dataset.clips[3].abstract == dataset.abstract_of("park") == "outdoor"
    assert dataset.clips[4].path == tmp_path / "audio/tram-lyon-11-12-s4.wav"
    assert dataset.clips[4].listed == "meta.csv line 6"
    assert dataset.unseen_devices(1) == ("s4",)


def test_tau_2022_keeps_the_pieces_of_a_segment_together(tmp_path: Path) -> None:
    dataset = open_dataset(write_tau(tmp_path, *map(one_second, (META, TRAIN, TEST))))
    assert (dataset.name, dataset.clip_s) == ("TAU 2022 Mobile", 1.0)
    assert [len(clips) for clips in dataset.split(1)] == [6, 2]
    recordings = Counter(clip.recording for clip in dataset.clips)
    assert recordings == {"lisbon-1000": 4, "milan-1065": 2, "paris-7": 2, "lyon-11": 2}


@pytest.mark.parametrize(
    "copy",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.rstrip("\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n").rstrip() + "\r\n\r\n",
    ],
    ids=["CRLF", "no last newline", "BOM", "blank last line"],
)
def test_copies_of_tau_lists_are_read_alike(tmp_path: Path, copy: object) -> None:
    assert callable(copy)
    write_tau(tmp_path)
    expected = open_dataset(tmp_path)
    write_tau(tmp_path, *map(copy, (META, TRAIN, TEST)))
    assert open_dataset(tmp_path) == expected


def test_tau_without_meta_takes_names_at_their_word(tmp_path: Path) -> None:
    with_meta = open_dataset(write_tau(tmp_path))
    (tmp_path / "meta.csv").unlink()
    without = {clip.path: clip for clip in open_dataset(tmp_path).clips}
    for clip in with_meta.clips:
        if clip.fold is not None:
            twin = without.pop(clip.path)
            assert (twin.label, twin.device, twin.group) == (clip.label, clip.device, clip.group)
    assert not without


def test_training_list_takes_clips_out_of_training_alone(tmp_path: Path) -> None:
    part = tmp_path / "split5.csv"
    part.write_text(TRAIN.rsplit("audio", 1)[0])
    train, test = open_dataset(write_tau(tmp_path), part).split(1)
    assert [clip.device for clip in train] == ["a", "s1"]
    assert len(test) == 1
    part.write_text(TEST)
    with pytest.raises(ValueError, match=r"split5\.csv line 2: .*lyon.* is not a training clip"):
        open_dataset(tmp_path, part)


@pytest.mark.parametrize(
    ("meta", "train", "test", "message"),
    [
        (META.replace("\ttram\t", "\ttrain\t", 1), TRAIN, TEST, "train.csv line 4: .*'tram' here"),
        (
            META.replace("\tpark\t", "\tpork\t"),
            TRAIN,
            TEST,
            "meta.csv line 5: unknown scene 'pork'",
        ),
        (META.replace("-9-a.wav", ".wav"), TRAIN, TEST, "meta.csv line 5: .* does not read scene-"),
        (META.replace("\tparis-7\ta", "\ta"), TRAIN, TEST, "meta.csv line 5: 3 fields where"),
        (META + META.splitlines()[1], TRAIN, TEST, r"line 7: .*listed twice \(first in line 2\)"),
        (META, TRAIN + TEST.splitlines()[1], TEST, r"line 2: .* training clip too .*line 5"),
        (META, TRAIN, TEST.replace("lyon", "oslo"), "evaluate.csv line 2: .* is not in meta.csv"),
        (META, "filename\n", TEST, "train.csv: lists no clips"),
        (META, TRAIN, "", "fold1_evaluate.csv: no such file"),
        (META, "", TEST, "fold1_train.csv: no such file"),
    ],
)
def test_faults_in_tau_lists(
    tmp_path: Path, meta: str, train: str, test: str, message: str
) -> None:
    write_tau(tmp_path, meta, train, test)
    with pytest.raises((ValueError, OSError), match=message) as caught:
        open_dataset(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_official_tau_2020_lists() -> None:
    dataset = open_dataset(shared("tau_layout"))
    train, test = dataset.split(1)
    assert (len(train), len(test)) == (13965, 2970)
    assert dataset.unseen_devices(1) == ("s4", "s5", "s6")
    assert not {clip.recording for clip in train} & {clip.recording for clip in test}
    assert Counter(clip.device for clip in train)["a"] == 10215


def test_official_2022_lists(tmp_path: Path) -> None:
    lists = shared("tau_layout") / "dcase2024_split_setup"
    train, test = ((lists / name).read_text() for name in ("split5.csv", "test.csv"))
    dataset = open_dataset(write_tau(tmp_path, "", train, test))
    assert dataset.name == "TAU 2022 Mobile"
    assert [len(clips) for clips in dataset.split(1)] == [6980, 29680]
    names = [clip.path.stem.split("-") for clip in dataset.split(1)[1]]
    pieces = Counter((*name[:4], name[5]) for name in names)
    assert set(pieces.values()) == {10}


ESC = "filename,fold,target,category,src_file,take\n"


@pytest.mark.parametrize("table", ["meta.csv", "meta/esc50.csv"])
def test_esc_in_both_published_places(tmp_path: Path, table: str) -> None:
    (tmp_path / "meta").mkdir()
    rows = "1-100-A-0.ogg,1,0,dog,100,A\n5-200-A-49.ogg,5,49,hand_saw,200,A\n"
    (tmp_path / table).write_text(ESC + rows)
    dataset = open_dataset(tmp_path)
    assert (dataset.name, dataset.labels, dataset.clip_s) == ("ESC-50", ESC50_SCENES, 5.0)
    assert dataset.clips[1].path == tmp_path / "audio/5-200-A-49.ogg"
    assert (dataset.clips[1].group, dataset.clips[1].abstract) == ("200", "urban")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x.ogg,1,0,dragon,1,A", "line 2: unknown class 'dragon'"),
        ("x.ogg,1,1,dog,1,A", "line 2: target of dog is 0, not '1'"),
        ("x.ogg,6,0,dog,1,A", "line 2: fold must be 1 to 5, not '6'"),
        ("x.ogg,1,0,dog,1", "line 2: 5 fields where the header has 6"),
    ],
)
def test_faults_in_an_esc_table(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "meta.csv").write_text(ESC + row)
    with pytest.raises(ValueError, match=rf"meta\.csv {message}"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "scenes", "per_fold"), [("esc10", ESC10_SCENES, 80), ("esc50", ESC50_SCENES, 400)]
)
def test_official_esc_folds(name: str, scenes: tuple[str, ...], per_fold: int) -> None:
    dataset = open_dataset(shared(name))
    assert dataset.labels == scenes
    assert dataset.abstract_map == {scene: ESC_ABSTRACT[scene] for scene in scenes}
    for fold in dataset.folds:
        train, test = dataset.split(fold)
        assert (len(train), len(test)) == (4 * per_fold, per_fold)
        assert set(Counter(clip.label for clip in test).values()) == {per_fold // len(scenes)}
    assert all(clip.path.exists() for clip in dataset.clips)


def write_csv(folder: Path, text: str, name: str = "mine.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_plain_table_with_all_columns(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path,
        "path,label,fold,device,abstract,group,note\n"
        "a/1.wav,kitchen,1,phone,indoor,monday,x\n"
        "a/2.wav,garden,2,,outdoor,tuesday,\n"
        "a/3.wav,kitchen,,phone,,monday,\n",
    )
    dataset = open_dataset(path)
    assert dataset == open_dataset(tmp_path)  # the folder's only CSV
    assert (dataset.name, dataset.labels) == ("mine", ("garden", "kitchen"))
    assert dataset.abstract_labels == ("indoor", "outdoor")
    assert [clip.fold for clip in dataset.clips] == [1, 2, None]
    assert [clip.abstract for clip in dataset.clips] == ["indoor", "outdoor", "indoor"]
    assert dataset.clips[0].path == tmp_path / "a/1.wav"
    assert dataset.clip_s == 0.0  # no audio there to measure


def test_plain_table_without_folds_keeps_stems_together(tmp_path: Path) -> None:
    rows = [f"{d}/{label}{i}.wav;{label}" for d in "xy" for label in ("a", "b") for i in range(10)]
    dataset = open_dataset(write_csv(tmp_path, "path;label\n" + "\n".join(rows)))
    assert dataset.folds == (1, 2, 3, 4, 5)
    for fold in dataset.folds:
        train, test = dataset.split(fold)
        assert Counter(clip.label for clip in test) == {"a": 4, "b": 4}
        assert not {c.path.stem for c in train} & {c.path.stem for c in test}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label,fold\na.wav,x,one\n", "mine.csv line 2: fold must be a whole number"),
        ("path,label,fold\na.wav,x,-1\n", "mine.csv line 2: fold must be a whole number"),
        ("path,label\na.wav,x\nb.wav,x\na.wav,y\n", r"line 4: a.wav is listed twice .*line 2"),
        ("path,label,abstract\na,x,p\nb,x,q\n", "line 3: label 'x' is 'q' here and 'p' before"),
        ("path,label,abstract\na,x,p\nb,y,\n", "line 3: label 'y' has no abstract class"),
        ("path,label\n", "mine.csv: no clips found; expected TAU"),
        ("file,label\n", "mine.csv line 1: no column 'path'"),
        ("filename,scene_label\n", "fold1_train.csv: no such file"),
    ],
)
def test_faults_in_a_plain_table(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_dataset(write_csv(tmp_path, text))


HEADERS = {
    "plain": "path,label,fold,device,abstract,group\n",
    "ESC": ESC,
    "TAU": META.splitlines()[0] + "\n",
}
lines = st.lists(
    st.text(st.characters(codec="utf-8"), max_size=20)
    | st.sampled_from(["a.wav,x,1,,,\n", "1-1-A-0.ogg,1,0,dog,1,A\n", META.splitlines()[1]])
).map("".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layout=st.sampled_from(sorted(HEADERS)), text=lines)
def test_any_table_opens_or_is_refused_in_one_line(tmp_path: Path, layout: str, text: str) -> None:
    if layout == "TAU":
        write_tau(tmp_path)
    (tmp_path / "meta.csv").write_text(HEADERS[layout] + text, "utf-8", newline="")
    try:
        dataset = open_dataset(tmp_path / "meta.csv")
    except ValueError as error:
        assert str(error).startswith(str(tmp_path))
        assert len(str(error).splitlines()) == 1
    else:
        assert {clip.label for clip in dataset.clips} <= set(dataset.labels)


def write_wav(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(round(8000 * seconds)), 8000)


def folder_per_class(root: Path) -> SceneDataset:
    for label in ("rain", "wind"):
        for i in range(5):
            write_wav(root / label / f"{i}.wav", 1.5)
        for i in range(3):
            write_wav(root / label / "long walk" / f"{i}.FLAC", 1.5)
        (root / label / "notes.txt").write_text("not audio")
    write_wav(root / ".trash" / "0.wav", 1.0)
    return open_dataset(root)


def test_folder_per_class(tmp_path: Path) -> None:
    dataset = folder_per_class(tmp_path / "walks")
    assert (dataset.name, dataset.labels, dataset.clip_s) == ("walks", ("rain", "wind"), 1.5)
    assert dataset.license_note == "licence not stated"
    assert len(dataset.clips) == 16
    recordings = Counter(clip.recording for clip in dataset.clips)
    assert recordings["rain/long walk"] == 3
    assert recordings["wind/4"] == 1
    for fold in dataset.folds:
        train, test = dataset.split(fold)
        assert not {clip.recording for clip in train} & {clip.recording for clip in test}


def test_own_data_carry_their_licence(tmp_path: Path) -> None:
    (tmp_path / "LICENSE.md").write_text("# CC BY 4.0\n\nby me\n")
    assert folder_per_class(tmp_path).license_note == "CC BY 4.0"


def test_a_path_without_data_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"no clips found; expected TAU .* ESC .* CSV .* per class"
    ):
        open_dataset(tmp_path)
    with pytest.raises(OSError, match=r"no data set at .*nowhere: no such file"):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="training list goes with TAU data alone"):
        open_dataset(tmp_path, tmp_path / "split5.csv")
