"""Teaching while it listens: real files of real recordings, and every way in which it can stop."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_asc as ea
from bells import RATE_HZ, write_sounds
from command import Cli
from edge_asc.demo.hearing.smoothing import Smoothing
from edge_asc.demo.learning import store
from edge_asc.demo.learning.process import NICE, Command, teach_command
from edge_asc.demo.learning.progress import line_of, parsed
from edge_asc.demo.learning.store import Made, State, current_model
from edge_asc.demo.learning.teacher import Teacher
from edge_asc.demo.live import Live
from edge_asc.demo.sources.source import Block
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.formats.taught import memory_path
from edge_asc.runtime.zoo.models import model_path
from live_parts import Heard, Played
from waiting import PATIENCE_S, SOON_S, until

ENCODER = "esc10-32k"
QUICK: dict[str, Any] = {"encoder": ENCODER, "more": ("--views", "0")}
BASE = model_path(ENCODER)
AS_THEY_COME = Smoothing(time_constant_s=0, margin=0, floor=0)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sounds(tmp_path_factory.mktemp("sounds"))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many that teaching them is still under way when something happens to it."""
    return write_sounds(tmp_path_factory.mktemp("many"), recordings=40)


class Listening:
    """A listener in a thread of its own, which hears silence until it is told to stop."""

    def __init__(self, model: Path = BASE) -> None:
        self.heard, self.stopped = Heard(), threading.Event()
        silence = Block(np.zeros(RATE_HZ // 10, np.float32), RATE_HZ)
        source = Played()
        source.read = self._read  # type: ignore[method-assign]
        self._block = silence
        self.live = Live(source, Classifier.load(model), self.heard, 1.0, AS_THEY_COME)
        self._thread = threading.Thread(target=self.live.run, args=(self.stopped.is_set,))
        self._thread.start()

    def _read(self, timeout_s: float) -> Block:
        time.sleep(0.005)
        return self._block

    @property
    def says(self) -> str:
        """The model of the newest decision."""
        return self.heard.decisions[-1].model if self.heard.decisions else ""

    def stop(self) -> None:
        self.stopped.set()
        self._thread.join()


@pytest.fixture
def listening() -> Iterator[Listening]:
    found = Listening()
    yield found
    found.stop()


@pytest.fixture
def teacher(listening: Listening, tmp_path: Path) -> Iterator[Teacher]:
    made = Teacher(listening.live, tmp_path / "models", BASE, **QUICK)
    yield made
    made.close()


def ended(teacher: Teacher) -> dict[str, Any]:
    # Teaching comes behind everything else that a machine does.
    until(lambda: teacher.state()["status"] != "running", 5 * PATIENCE_S)
    return teacher.state()


def exchanged(teacher: Teacher) -> dict[str, Any]:
    until(lambda: not teacher.state()["exchanging"])
    return teacher.state()


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def child(teacher: Teacher) -> int:
    """The process that teaches, once it has told of its progress."""
    until(lambda: teacher.state()["done"])
    assert teacher._command and teacher._command.pid
    return teacher._command.pid


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"  # nobody has asked for its end


def test_taught_swapped_and_taken_back(
    teacher: Teacher, listening: Listening, sounds: Path, tmp_path: Path
) -> None:
    base, folder = Classifier.load(BASE).id, tmp_path / "models"
    assert teacher.state()["status"] == "idle"
    teacher.start(sounds)
    state = ended(teacher)
    assert (state["status"], state["problem"]) == ("done", None)
    assert (state["done"], state["total"]) == (12, 12)  # heard and compared
    (made,) = state["models"]
    alone = ea.teach(sounds, tmp_path / "taught-001.tflite", encoder=ENCODER, views=0)
    assert (folder / "taught-001.tflite").read_bytes() == alone.path.read_bytes()
    assert made["taught"]["accuracy"] == made["after"]["accuracy"] == alone.accuracy
    old = ea.load(BASE)
    right = [old(p).label == p.parent.name for p in sounds.glob("*/*.wav")]
    assert made["before"]["model"] == base
    assert made["before"]["accuracy"] == np.mean(right)
    assert made["before"]["unknown"] == ["bell", "hum"]
    json.dumps(state)
    # Nothing has changed so far.
    assert (listening.live.model, state["can_swap"], state["can_back"]) == (base, True, False)
    assert current_model(folder) is None
    teacher.swap()
    state = exchanged(teacher)
    assert state["current"] == {"file": "taught-001.tflite", "model": made["model"]}
    until(lambda: listening.says == made["model"])
    assert current_model(folder) == folder / "taught-001.tflite"
    with pytest.raises(ValueError, match=r"001\.tflite listens already"):
        teacher.swap()
    teacher.back()
    state = exchanged(teacher)
    assert state["current"] == {"file": None, "model": base}
    until(lambda: listening.says == base)
    assert current_model(folder) is None
    with pytest.raises(ValueError, match="no model listened before"):
        teacher.back()
    assert left_in(folder) == {"taught-001.tflite", "taught-001.taught.npz", "state.json"}


def test_both_models_are_asked_about_the_clips_that_are_new_to_both(
    teacher: Teacher, sounds: Path, tmp_path: Path
) -> None:
    more = shutil.copytree(sounds, tmp_path / "more")
    write_sounds(tmp_path / "new", recordings=5)
    for i in (3, 4):
        shutil.copy(tmp_path / "new" / "bell" / f"{i}.wav", more / "bell")
    write_sounds(more, labels=("whistle",))
    (more / "bell" / "broken.wav").write_bytes(b"RIFF")
    write_sounds(tmp_path / "noise", labels=("whistle",), recordings=4)
    shutil.move(tmp_path / "noise" / "whistle", more / "_background")
    teacher.start(sounds)
    ended(teacher)
    teacher.swap()
    first = exchanged(teacher)["current"]["model"]
    teacher.start(more)
    state = ended(teacher)
    assert state["problem"] is None
    before, after = state["models"][1]["before"], state["models"][1]["after"]
    assert (before["model"], before["unknown"]) == (first, ["whistle"])
    # Neither those it was taught with, nor the background, nor what is broken.
    assert before["clips_of"] == after["clips_of"] == {"bell": 2, "whistle": 3}
    running = ea.load(tmp_path / "models" / "taught-001.tflite")
    new_bells = [more / "bell" / f"{i}.wav" for i in (3, 4)]
    recall = np.mean([running(clip).label == "bell" for clip in new_bells])
    assert before["recall"] == {"bell": recall, "whistle": 0.0}
    assert before["accuracy"] == pytest.approx(2 * recall / 5)
    assert state["models"][1]["taught"]["labels"] == ["bell", "hum", "whistle"]


def test_the_model_in_use_is_added_to_and_then_what_that_has_become(
    teacher: Teacher, listening: Listening, sounds: Path, tmp_path: Path
) -> None:
    """What it was taught lies beside it, wherever it was taught."""
    bells = write_sounds(tmp_path / "one", labels=("bell", "whistle"))
    base = tmp_path / "base.tflite"
    ea.teach(sounds, base, encoder=ENCODER, views=0)
    own = Teacher(listening.live, tmp_path / "own", base, **QUICK)
    own.start(bells)
    (first,) = ended(own)["models"]
    assert first["taught"]["labels"] == ["bell", "hum", "whistle"]
    own.swap()
    exchanged(own)
    own.start(write_sounds(tmp_path / "two", labels=("hum", "low"), recordings=4))
    assert ended(own)["models"][1]["taught"]["labels"] == ["bell", "hum", "low", "whistle"]
    teacher.start(bells)  # one that was not taught is not added to
    assert ended(teacher)["models"][0]["taught"]["labels"] == ["bell", "whistle"]
    own.close()


def test_who_labels_meanwhile_does_not_disturb_it(
    teacher: Teacher, many: Path, tmp_path: Path
) -> None:
    moving = shutil.copytree(many, tmp_path / "moving")
    teacher.start(moving)
    child(teacher)
    for path in sorted((moving / "bell").iterdir()):
        path.rename(moving / "hum" / f"b{path.name}")
    state = ended(teacher)
    assert state["problem"] is None
    taught = state["models"][0]["taught"]
    assert (taught["clips"], taught["unusable"]) == (80, [])
    assert "bell" in taught["labels"]


def test_two_at_once_are_refused_in_one_line(
    teacher: Teacher, listening: Listening, many: Path, tmp_path: Path
) -> None:
    teacher.start(many)
    child(teacher)
    with pytest.raises(ValueError, match=r"being taught already: \d+ of 160 steps") as caught:
        teacher.start(many)
    assert "\n" not in str(caught.value)
    other = Teacher(listening.live, tmp_path / "models", BASE, **QUICK)  # of another process
    other.start(many)
    state = ended(other)
    assert state["status"] == "failed"
    assert state["problem"].endswith("another process is teaching here")
    assert teacher.state()["status"] == "running"
    teacher.cancel()
    assert ended(teacher)["status"] == "idle"


def test_it_comes_behind_everything_else_and_can_be_cancelled(
    teacher: Teacher, many: Path, tmp_path: Path
) -> None:
    teacher.start(many)
    pid = child(teacher)
    assert os.getpriority(os.PRIO_PROCESS, pid) == NICE
    begin_s = time.monotonic()
    teacher.cancel()
    state = ended(teacher)
    assert time.monotonic() - begin_s < SOON_S
    assert (state["status"], state["problem"], state["models"]) == ("idle", None, [])
    assert is_gone(pid)
    assert left_in(tmp_path / "models") == set()


def test_a_teaching_process_that_is_killed_is_told_of(
    teacher: Teacher, listening: Listening, many: Path, sounds: Path, tmp_path: Path
) -> None:
    teacher.start(many)
    os.kill(child(teacher), signal.SIGKILL)
    state = ended(teacher)
    assert (state["status"], state["problem"]) == ("failed", "it was ended by SIGKILL")
    assert left_in(tmp_path / "models") == set()
    with pytest.raises(ValueError, match="nothing was taught yet"):
        teacher.swap()
    teacher.start(sounds)
    assert ended(teacher)["status"] == "done"


@pytest.mark.parametrize(
    ("what", "said"), [("absent", "no data set at"), ("one class", "one class (bell)")]
)
def test_what_cannot_be_taught_fails_in_one_line(
    teacher: Teacher, sounds: Path, tmp_path: Path, what: str, said: str
) -> None:
    folder = tmp_path / "own"
    if what == "one class":
        shutil.copytree(sounds / "bell", folder / "bell")
    teacher.start(folder)
    state = ended(teacher)
    assert state["status"] == "failed"
    assert said in state["problem"]
    assert "\n" not in state["problem"]


def test_a_file_that_is_damaged_later_is_not_swapped(
    teacher: Teacher, listening: Listening, sounds: Path, tmp_path: Path
) -> None:
    teacher.start(sounds)
    ended(teacher)
    (tmp_path / "models" / "taught-001.tflite").write_bytes(b"no model")
    teacher.swap()
    state = exchanged(teacher)
    assert "neither a TFLite nor an ONNX model" in state["problem"]
    assert state["current"] == {"file": None, "model": Classifier.load(BASE).id}
    assert current_model(tmp_path / "models") is None


LISTENS = """
import sys, threading
sys.path[:0] = {tests!r}
from pathlib import Path
from test_teacher import Listening, QUICK, BASE, Teacher, current_model
folder = Path(sys.argv[1])
listening = Listening(current_model(folder) or BASE)
teacher = Teacher(listening.live, folder, BASE, **QUICK)
teacher.start(Path(sys.argv[2]))
while not teacher.state()["done"]:
    threading.Event().wait(0.01)
print(teacher._command.pid, flush=True)
threading.Event().wait()
"""
OF_TESTS = [str(Path(__file__).parent), *map(str, Path(__file__).parents[1].glob("support/*"))]


def test_all_is_killed_and_the_old_model_goes_on(
    teacher: Teacher, listening: Listening, sounds: Path, many: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    teacher.start(sounds)
    ended(teacher)
    teacher.swap()
    first = exchanged(teacher)["current"]
    code = LISTENS.format(tests=OF_TESTS)
    whole = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(many)], stdout=subprocess.PIPE, text=True
    )
    assert whole.stdout
    pid = int(whole.stdout.readline())
    whole.kill()
    whole.communicate()
    until(lambda: is_gone(pid))  # what it said of its progress came to nobody
    assert current_model(folder) == folder / first["file"]
    again = Teacher(listening.live, folder, BASE, **QUICK)
    assert (again.state()["current"]["file"], again.state()["can_back"]) == (first["file"], True)
    again.start(sounds)
    assert ended(again)["status"] == "done"
    models = {"taught-001.tflite", "taught-002.tflite"}
    memories = {str(memory_path(Path(name))) for name in models}
    assert left_in(folder) == {*models, *memories, "state.json"}
    again.back()
    assert exchanged(again)["current"]["file"] is None
    again.swap()
    assert exchanged(again)["current"]["file"] == "taught-002.tflite"
    again.back()
    assert exchanged(again)["current"]["file"] is None


DIES = """
import os, signal, sys
sys.path[:0] = {tests!r}
from pathlib import Path
from test_teacher import Listening, QUICK, BASE, Teacher, current_model, ended, exchanged, store
folder = Path(sys.argv[1])
listening = Listening(current_model(folder) or BASE)
teacher = Teacher(listening.live, folder, BASE, **QUICK)

def dies(owner, name, after):
    real = getattr(owner, name)
    def call(*arguments, **more):
        if after:
            real(*arguments, **more)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(owner, name, call)

place, when = sys.argv[3:]
if place == "made":
    dies(store, "write_state", when == "after")
teacher.start(Path(sys.argv[2]))
ended(teacher)
dies(listening.live if place == "swap" else store,
     "swap" if place == "swap" else "write_state", when == "after")
teacher.swap()
exchanged(teacher)
"""


@pytest.mark.parametrize(
    ("place", "when", "current"),
    [
        ("made", "before", None),
        ("made", "after", None),
        ("swap", "before", None),
        ("swap", "after", None),
        ("state", "before", None),
        ("state", "after", "taught-001.tflite"),
    ],
)
def test_at_whatever_step_it_dies_one_model_is_in_use_and_whole(
    listening: Listening, sounds: Path, tmp_path: Path, place: str, when: str, current: str | None
) -> None:
    folder = tmp_path / "models"
    command = [sys.executable, "-c", DIES.format(tests=OF_TESTS)]
    done = subprocess.run([*command, str(folder), str(sounds), place, when], timeout=PATIENCE_S)
    assert done.returncode == -signal.SIGKILL
    assert current_model(folder) == (current and folder / current)
    teacher = Teacher(listening.live, folder, BASE, **QUICK)
    state = teacher.state()
    assert state["current"]["file"] == current
    assert [made["file"] for made in state["models"]] == (
        [] if (place, when) == ("made", "before") else ["taught-001.tflite"]
    )
    if current is None and state["models"]:
        teacher.swap()
        assert exchanged(teacher)["current"]["file"] == "taught-001.tflite"


def test_a_full_disk_leaves_the_model_that_the_state_names(
    teacher: Teacher, listening: Listening, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher.start(sounds)
    ended(teacher)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_state", full)
        teacher.swap()
        state = exchanged(teacher)
    assert "No space left on device" in state["problem"]
    assert state["current"] == {"file": None, "model": Classifier.load(BASE).id}
    teacher.swap()
    assert exchanged(teacher)["problem"] is None
    until(lambda: listening.says == teacher.state()["models"][0]["model"])


# What is remembered


def kept(folder: Path, *names: str) -> State:
    """A state whose files are there, the last of them in use."""
    folder.mkdir(exist_ok=True)
    state = State()
    for name in names:
        (folder / name).write_bytes(name.encode())
        made = Made(file=name, model=name, sha256=store.digest(folder / name))
        state = store.used(store.with_made(state, made), name)
    store.write_state(folder, state)
    return state


def test_what_was_last_in_use_is_found_again(tmp_path: Path) -> None:
    state = kept(tmp_path, "taught-001.tflite", "taught-002.tflite", "taught-003.tflite")
    assert current_model(tmp_path) == tmp_path / "taught-003.tflite"
    store.write_state(tmp_path, store.back(state))
    assert current_model(tmp_path) == tmp_path / "taught-002.tflite"
    store.write_state(tmp_path, store.back(store.back(store.back(state))))
    assert current_model(tmp_path) is None
    assert current_model(tmp_path / "nowhere") is None


@pytest.mark.parametrize("damage", ["gone", "cut", "empty"])
def test_a_damaged_model_is_passed_over_for_the_one_before(tmp_path: Path, damage: str) -> None:
    kept(tmp_path, "taught-001.tflite", "taught-002.tflite")
    last = tmp_path / "taught-002.tflite"
    if damage == "gone":
        last.unlink()
    else:
        last.write_bytes(b"" if damage == "empty" else last.read_bytes()[:-1])
    assert current_model(tmp_path) == tmp_path / "taught-001.tflite"
    (tmp_path / "taught-001.tflite").unlink()
    assert current_model(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"current": 3}', '{"current": "../x.tflite"}'])
def test_a_state_that_is_none_counts_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    (tmp_path.parent / "x.tflite").write_bytes(b"")
    assert current_model(tmp_path) is None


def test_the_oldest_models_go_and_those_in_use_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_FILES", 3)
    state = kept(tmp_path, *(f"taught-{i:03}.tflite" for i in range(1, 7)))
    state = store.used(store.used(state, "taught-001.tflite"), "taught-002.tflite")  # chosen again
    state = store.prune(tmp_path, state)
    assert left_in(tmp_path) == {
        "taught-001.tflite",
        "taught-002.tflite",
        "taught-006.tflite",
        "state.json",
    }
    assert [made.file for made in state.models] == [
        "taught-001.tflite",
        "taught-002.tflite",
        "taught-006.tflite",
    ]
    assert (state.current, state.history[-1]) == ("taught-002.tflite", "taught-001.tflite")
    assert store.next_name(tmp_path) == "taught-007.tflite"


# The command, run by a program


def test_progress_comes_in_lines_where_it_is_asked_for(
    cli: Cli, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = teach_command(
        sounds, tmp_path / "my.tflite", more=("--encoder", ENCODER, *QUICK["more"])
    )
    told: list[tuple[int, int]] = []
    printed = Command(words, lambda done, total: told.append((done, total))).run()
    assert told == [(done, 12) for done in range(1, 13)]
    assert json.loads(printed)["labels"] == ["bell", "hum"]
    code, out, err = cli(*words)
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(printed)


def test_a_line_of_progress_is_what_it_was_made_of() -> None:
    assert parsed(line_of(3, 48) + "\n") == (3, 48)
    assert parsed("edge-asc: progress 3/48\n") is None


def test_a_command_that_was_cancelled_before_it_began_does_not(tmp_path: Path) -> None:
    command = Command(teach_command(tmp_path, tmp_path / "x.tflite"))
    command.cancel()
    with pytest.raises(ValueError, match="cancelled"):
        command.run()
    assert command.pid is None
