"""The review in a terminal: lines in, labels out."""

import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command import Cli
from edge_asc.data.open import open_dataset
from edge_asc.demo.outputs.keep.names import BACKGROUND
from edge_asc.demo.outputs.keep.review import words
from edge_asc.demo.outputs.keep.review.session import Session
from edge_asc.demo.outputs.keep.store import Clip, Store
from kept_clips import NOON_S, ROOMY, clip_of, filled, kept
from local_time import noon


@pytest.fixture
def three(tmp_path: Path) -> tuple[Store, list[Clip]]:
    return filled(tmp_path / "kept", 3)


def reviewed(store: Store, *lines: str) -> list[str]:
    """What a review says to these lines."""
    heard: list[str] = []
    typed = iter(lines)
    Session(store, lambda _: next(typed, None), heard.append, lambda path: None).run()
    return heard


def labels(store: Store) -> dict[str, str | None]:
    return {clip.id: clip.label for clip in store.clips()}


def test_each_answer_does_what_it_says(three: tuple[Store, list[Clip]]) -> None:
    store, (a, b, c) = three
    heard = reviewed(store, "1", "n", "high")  # the newest first
    assert labels(store) == {c.id: "low", b.id: BACKGROUND, a.id: "high"}
    assert heard[0] == f"3 clips without a label in {store.folder}, 0 with one"
    assert heard[2] == "1 low   2 middle   3 high"
    shown = [line for line in heard if " of 3  " in line]
    assert [line.split("  ", 3)[3] for line in shown] == [
        f"{scene} 80 %, {others}"
        for scene, others in (
            ("high", "low 10 %, middle 10 %"),
            ("middle", "low 10 %, high 10 %"),
            ("low", "middle 10 %, high 10 %"),
        )
    ]


def test_later_and_the_end_leave_a_clip_as_it_is(three: tuple[Store, list[Clip]]) -> None:
    store, (a, b, c) = three
    reviewed(store, "", "low", "q", "high")
    assert labels(store) == {c.id: None, b.id: "low", a.id: None}


def test_a_deleted_clip_is_gone_after_the_review(three: tuple[Store, list[Clip]]) -> None:
    store, (a, b, c) = three
    content = c.path.read_bytes()
    reviewed(store, "d")
    assert list(labels(store)) == [b.id, a.id]
    assert content not in [p.read_bytes() for p in store.folder.rglob("*") if p.is_file()]


def test_undo_takes_back_one_answer_after_the_other(three: tuple[Store, list[Clip]]) -> None:
    store, (a, b, c) = three
    heard = reviewed(store, "low", "d", "n", "u", "u", "u", "u", "high")
    assert labels(store) == {c.id: "high", b.id: None, a.id: None}
    assert heard.count("nothing to undo") == 1


def test_a_new_label_must_be_said_to_be_one(three: tuple[Store, list[Clip]]) -> None:
    store, (a, b, c) = three
    heard = reviewed(store, "midle", "= door bell", "door bell", "= ../x")
    assert labels(store) == {c.id: "door bell", b.id: "door bell", a.id: None}
    assert any("did you mean middle?" in line for line in heard)
    assert any("no slash" in line for line in heard)
    assert not (store.folder.parent / "x").exists()


def test_a_clip_that_the_ring_took_is_said_and_passed_over(
    three: tuple[Store, list[Clip]],
) -> None:
    store, (a, b, c) = three
    c.path.unlink()
    heard: list[str] = []
    typed = iter(["high", "", "low"])

    def ask(_: str) -> str | None:
        b.path.unlink(missing_ok=True)
        return next(typed, None)

    Session(store, ask, heard.append, lambda path: None).run()
    assert any(line.startswith(f"no clip '{b.id}'") for line in heard)
    assert labels(store) == {a.id: "low"}


def test_the_end_says_what_to_type(tmp_path: Path) -> None:
    store, _ = filled(tmp_path / "my kept", 4)
    heard = reviewed(store, "low", "low", "n")
    assert heard[-2:] == [
        "3 clips with a label: low 2 (2 recordings), none of these 1 (1 recording)",
        "edge-asc teach needs 2 labels besides 'none of these'",
    ]
    heard = reviewed(store, "high")
    assert heard[-1] == "edge-asc teach needs another recording of high, from another minute"
    store.add(kept(time_s=NOON_S + 9000), clip_of(), ROOMY)
    heard = reviewed(store, "high")
    assert heard[-1] == f"edge-asc teach '{store.labelled}' --out my.tflite"
    assert open_dataset(store.labelled).labels == (BACKGROUND, "high", "low")


answers = st.one_of(
    st.sampled_from(["", "s", "n", "d", "u", "p", "?", "1", "2", "9", "low", "= new", "q "]),
    st.text(max_size=8),
)


@settings(max_examples=40)
@given(st.lists(answers, max_size=12))
def test_whatever_is_typed_the_clips_are_somewhere(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    store, clips = filled(tmp_path_factory.mktemp("any") / "kept", 3)
    reviewed(store, *lines)
    there = labels(store)
    n_deleted = len(clips) - len(there)
    assert 0 <= n_deleted <= lines.count("d")
    assert set(there) <= {clip.id for clip in clips}


def test_many_labels_come_by_how_often_they_were_said(tmp_path: Path) -> None:
    store = Store.make(tmp_path / "kept")
    many = [f"scene {i}" for i in range(12)]
    for i, best in enumerate([7, 7, 7, 3, 3, 0]):
        shares = {label: float(label == many[best]) for label in many}
        store.add(kept(many[best], NOON_S + i, probabilities=shares), clip_of(), ROOMY)
    assert words.offered(store.clips())[:3] == ["scene 7", "scene 3", "scene 0"]
    assert set(words.offered(store.clips())) == set(many)


# ------------------------------------------------------------------------------- the command


def piped(cli: Cli, monkeypatch: pytest.MonkeyPatch, text: str, *arguments: Any) -> Any:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return cli("review", *arguments)


def test_by_lines_of_a_pipe(
    three: tuple[Store, list[Clip]], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, (_, b, c) = three
    code, out, err = piped(cli, monkeypatch, "low\n= bell\nd\n", store.folder)
    assert (code, err) == (0, "")
    assert labels(store) == {c.id: "low", b.id: "bell"}
    assert "> " not in out  # a prompt is for people


def test_at_a_terminal(three: tuple[Store, list[Clip]]) -> None:
    """A real one, whose other end types."""
    import pty
    import subprocess

    store, (a, b, c) = three
    here, there = pty.openpty()
    command = [sys.executable, "-m", "edge_asc", "review", str(store.folder)]
    typed = iter([b"2\n", b"q\n"])
    seen = b""
    with subprocess.Popen(
        command, stdin=there, stdout=there, stderr=there, start_new_session=True
    ) as process:
        os.close(there)
        with suppress(OSError):  # the other end is closed
            while piece := os.read(here, 1000):
                seen += piece
                if seen.endswith(b"> ") and (answer := next(typed, None)):
                    os.write(here, answer)
        assert process.wait() == 0
    os.close(here)
    assert labels(store) == {c.id: "middle", b.id: None, a.id: None}
    assert b"1 clip with a label: middle 1" in seen


def test_the_list_for_programs(three: tuple[Store, list[Clip]], cli: Cli) -> None:
    store, (a, b, c) = three
    store.label(b.id, "dog")
    code, out, _ = cli("review", store.folder, "--list", "--json")
    found = json.loads(out)
    assert code == 0
    assert [clip["id"] for clip in found["clips"]] == [c.id, b.id, a.id]
    assert [clip["label"] for clip in found["clips"]] == [None, "dog", None]
    assert found["clips"][0]["probabilities"] == pytest.approx(c.kept.probabilities)
    assert all(Path(clip["path"]).is_file() for clip in found["clips"])
    assert found["labels"] == [{"label": "dog", "clips": 1, "recordings": 1}]


def test_the_list_for_people(three: tuple[Store, list[Clip]], cli: Cli) -> None:
    store, (a, b, c) = three
    with noon():
        code, out, _ = cli("review", store.folder, "--list")
    assert code == 0
    assert [line.split("  ")[0] for line in out.splitlines()[:3]] == [c.id, b.id, a.id]


def test_answers_on_the_command_line(three: tuple[Store, list[Clip]], cli: Cli) -> None:
    store, (a, b, c) = three
    answers = (f"--label={a.id}=dog", f"--label={b.id}={BACKGROUND}", f"--delete={c.id}")
    code, out, _ = cli("review", store.folder, *answers)
    assert code == 0
    assert labels(store) == {a.id: "dog", b.id: BACKGROUND}
    assert not list((store.folder / "deleted").iterdir())
    assert out.startswith("2 clips with a label: dog 1")
    assert cli("review", store.folder, f"--label={a.id}=", "--json")[0] == 0
    assert labels(store)[a.id] is None


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("--label=20200101-000000-000=dog", "no clip '20200101-000000-000'"),
        ("--label=../../x=dog", "no clip '../../x'"),
        ("--label=dog", "say ID=LABEL"),
        ("--delete=x", "no clip 'x'"),
    ],
)
def test_one_wrong_answer_and_none_is_taken(
    second: str, said: str, three: tuple[Store, list[Clip]], cli: Cli
) -> None:
    store, (a, *_) = three
    code, out, err = cli("review", store.folder, f"--label={a.id}=dog", second)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert said in err
    assert set(labels(store).values()) == {None}


def test_a_folder_without_clips(tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli("review", tmp_path)
    assert code == 1
    assert "no folder of clips that edge-asc live --keep has made" in err


def test_without_sounddevice_it_is_said_and_the_review_goes_on(
    three: tuple[Store, list[Clip]], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, (_, _, c) = three
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    code, out, _ = piped(cli, monkeypatch, "p\nlow\n", store.folder)
    assert code == 0
    assert "playing needs sounddevice: " in out
    assert labels(store)[c.id] == "low"
