"""Going on from a taught file: what it knows stays, without the old recordings."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import edge_asc as ea
from command import Cli
from edge_asc.audio.decode import load_audio
from edge_asc.teaching.encoder import Encoder, find_encoder
from edge_asc.teaching.memory import memory_path, recall
from edge_asc.teaching.teach import Taught, teach
from own_sounds import ENCODER, PIECES, RECORDINGS


@pytest.fixture(scope="module")
def parts(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The recordings of two scenes, and those of the third one with one more of the first."""
    first, second = (tmp_path_factory.mktemp("part") / sounds.name for _ in range(2))
    shutil.copytree(sounds, first)
    *_, last = sorted(first.iterdir())
    shutil.copytree(last, second / last.name)
    shutil.rmtree(last)
    one = sorted(sorted(first.iterdir())[0].iterdir())[0]
    shutil.copytree(one, second / one.parent.name / one.name)
    shutil.rmtree(one)
    return first, second


@pytest.fixture(scope="module")
def begun(parts: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return teach(parts[0], tmp_path_factory.mktemp("first") / "my.tflite", encoder=ENCODER, views=1)


def test_taught_in_two_steps_is_taught_at_once(
    parts: tuple[Path, Path], begun: Taught, taught: Taught, tmp_path: Path
) -> None:
    added = teach(parts[1], tmp_path / "my.tflite", add=begun, views=1)
    assert added.path.read_bytes() == taught.path.read_bytes()
    about_files = ("parity_steps", "mislabelled")  # of those that lie here
    same = taught.figures | {key: added.figures[key] for key in about_files}
    assert added.figures == same
    ours, theirs = (memory_path(file.path).read_bytes() for file in (added, taught))
    assert ours == theirs


def test_the_same_file_may_take_its_own_place(
    parts: tuple[Path, Path], begun: Taught, taught: Taught, tmp_path: Path
) -> None:
    mine = tmp_path / "my.tflite"
    shutil.copy(begun.path, mine)
    shutil.copy(memory_path(begun.path), memory_path(mine))
    for _ in range(2):  # what it knows already counts once
        teach(parts[1], mine, add=mine, views=1)
        assert mine.read_bytes() == taught.path.read_bytes()


def test_a_clip_that_was_in_the_wrong_folder_moves(
    begun: Taught, sounds: Path, tmp_path: Path
) -> None:
    encoder = find_encoder(ENCODER)
    before = recall(begun.path, encoder)
    right, wrong = begun.labels
    moved = next(one for one in before if one.clip.label == wrong)
    target = tmp_path / "mended" / right / "moved" / moved.clip.path.name
    target.parent.mkdir(parents=True)
    shutil.copy(sounds / moved.clip.path, target)
    added = teach(tmp_path / "mended", tmp_path / "my.tflite", add=begun, views=1)
    after = recall(added.path, encoder)
    assert len(after) == len(before)
    assert {one.clip.label for one in after if one.digest == moved.digest} == {right}


def test_embeddings_are_what_was_heard(taught: Taught, sounds: Path) -> None:
    encoder = find_encoder(ENCODER)
    known = recall(taught.path, encoder)
    assert len(known) == len(taught.labels) * RECORDINGS * PIECES
    for one in known:
        audio = load_audio(sounds / one.clip.path, encoder.frontend.sample_rate_hz)
        heard = encoder.embeddings(audio)
        assert (one.plain == heard).all()
        assert len(one.views) == 1
        assert not Path(one.clip.recording).is_absolute()


def test_a_file_is_its_own_encoder(taught: Taught) -> None:
    """So that nobody has to say which it was."""
    assert Encoder(taught.path).digest == find_encoder(ENCODER).digest


@pytest.mark.parametrize("damage", ["gone", "of another encoder", "cut", "no archive"])
def test_a_missing_or_foreign_memory_is_said_in_one_line(
    damage: str, taught: Taught, sounds: Path, tmp_path: Path, cli: Cli
) -> None:
    mine = tmp_path / "mine.tflite"
    shutil.copy(taught.path, mine)
    memory = memory_path(mine)
    content = memory_path(taught.path).read_bytes()
    if damage == "of another encoder":
        with np.load(memory_path(taught.path)) as held:
            np.savez_compressed(memory, **dict(held) | {"encoder": np.array("0" * 64)})
    elif damage != "gone":
        memory.write_bytes(content[: len(content) // 2] if damage == "cut" else b"no archive")
    code, _, said = cli("teach", sounds, "--add", mine, "--out", tmp_path / "new.tflite")
    assert code == 1
    assert said.count("\n") == 1
    assert "mine.taught.npz" in said
    assert not (tmp_path / "new.tflite").exists()


def test_an_encoder_beside_a_file_to_add_to_is_refused(taught: Taught, sounds: Path) -> None:
    with pytest.raises(ValueError, match="encoder"):
        ea.teach(sounds, "never.tflite", add=taught, encoder=ENCODER)


def test_answers_are_of_the_new_clips_and_say_which_were_known(
    begun: Taught, sounds: Path, tmp_path: Path
) -> None:
    """Each by a head that had not heard the recording: their share is the accuracy."""
    assert not any(answer["taught_before"] for answer in begun.answers)
    right = [answer["label"] == answer["scene"] for answer in begun.answers]
    assert sum(right) / len(right) == begun.accuracy
    again = teach(sounds, tmp_path / "my.tflite", add=begun, views=1)
    known = {Path(answer["file"]).name for answer in begun.answers}
    assert {Path(a["file"]).name for a in again.answers if a["taught_before"]} == known
    assert len(again.answers) > len(known)
