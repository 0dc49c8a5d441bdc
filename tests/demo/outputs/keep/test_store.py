"""The folder of kept clips: never above its limit, whole after any end, shared by processes."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
import soundfile
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge_asc.data.open import open_dataset
from edge_asc.demo.outputs.keep import index
from edge_asc.demo.outputs.keep.index import Kept
from edge_asc.demo.outputs.keep.lock import locked
from edge_asc.demo.outputs.keep.names import (
    BACKGROUND,
    SAME_RECORDING_S,
    checked_label,
    id_of,
    is_id,
    recordings,
    time_of,
)
from edge_asc.demo.outputs.keep.store import _DEAD, UNDO_S, Clip, Full, Limits, Store
from edge_asc.teaching import strange
from kept_clips import NOON_S, ROOMY, clip_of, filled, kept
from waiting import PATIENCE_S

KB = 1000
DAY_S = 86400.0


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def ids(store: Store) -> list[str]:
    return [clip.id for clip in store.clips()]


# ------------------------------------------------------------------------------- the ring

labels = st.sampled_from(["dog", "rain", BACKGROUND])
some = st.integers(0, 1000)  # which clip, of those that are there


class Ring(RuleBasedStateMachine):
    """Clips of any size come, are labelled, deleted, put back, between restarts."""

    LIMITS = Limits(250 * KB, 30 * DAY_S)

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="edge-asc-ring-"))
        self.store = Store.make(self.folder)
        self.labelled: dict[str, str] = {}
        self.now_s = time.time() - DAY_S
        self.before: list[Clip] = []

    @rule(n_kb=st.integers(1, 90), later_s=st.floats(0, 200))
    def add(self, n_kb: int, later_s: float) -> None:
        self.now_s += later_s
        there = ids(self.store)
        try:
            clip = self.store.add(kept(time_s=self.now_s), bytes(n_kb * KB), self.LIMITS)
        except Full:
            assert self.labelled
            assert ids(self.store) == there  # nothing went for nothing
        else:
            gone = [x for x in there if x not in ids(self.store)]
            stay = [x for x in there if x not in gone and x not in self.labelled]
            assert clip.id in ids(self.store)
            assert not gone or not stay or max(gone) < min(stay)  # the oldest went

    @rule(which=some, label=labels)
    def name(self, which: int, label: str) -> None:
        if there := ids(self.store):
            clip_id = there[which % len(there)]
            self.before.append(self.store.label(clip_id, label))
            self.labelled[clip_id] = label

    @rule(which=some)
    def delete(self, which: int) -> None:
        if there := ids(self.store):
            clip_id = there[which % len(there)]
            self.before.append(self.store.delete(clip_id))
            self.labelled.pop(clip_id, None)

    @rule()
    def undo(self) -> None:
        if not self.before:
            return
        was = self.before.pop()
        try:
            self.store.put_back(was)
        except ValueError:  # it had no label, so it was allowed to go
            assert was.id not in self.labelled
        else:
            self.labelled.pop(was.id, None)
            if was.label:
                self.labelled[was.id] = was.label

    @rule()
    def restart(self) -> None:
        self.store = Store.make(self.folder)
        self.store.reconcile(self.LIMITS)

    @rule(n_bytes=st.integers(0, 400))
    def lose_the_end_of_the_index(self, n_bytes: int) -> None:
        path = self.folder / "index.jsonl"
        if path.exists():
            os.truncate(path, max(0, path.stat().st_size - n_bytes))

    @invariant()
    def holds(self) -> None:
        assert bytes_in(self.folder) <= self.LIMITS.n_bytes
        found = {clip.id: clip.label for clip in self.store.clips() if clip.label}
        assert found == self.labelled

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)


TestRing = Ring.TestCase
TestRing.settings = settings(max_examples=20, stateful_step_count=25)


def test_the_index_does_not_grow_with_what_is_gone(tmp_path: Path) -> None:
    store, limits = Store.make(tmp_path / "kept"), Limits(100 * KB, DAY_S)
    for i in range(3 * _DEAD):
        store.add(kept(time_s=time.time() + i), bytes(20 * KB), limits)
        assert bytes_in(store.folder) <= limits.n_bytes
    lines = (store.folder / "index.jsonl").read_bytes().count(b"\n")
    assert lines <= _DEAD + len(store.clips())


def test_a_smaller_limit_holds_from_the_start(tmp_path: Path) -> None:
    store, clips = filled(tmp_path / "kept", 6)
    store.label(clips[0].id, "low")
    least = bytes_in(store.folder) // 2
    store.reconcile(Limits(least, 1e12))
    assert bytes_in(store.folder) <= least
    assert clips[0].id in ids(store) and clips[1].id not in ids(store)
    assert clips[-1].id in ids(store)


def test_old_clips_without_a_label_go(tmp_path: Path) -> None:
    store, now_s = Store.make(tmp_path / "kept"), time.time()
    ages = (0.5, 1.5, 2.5, 3.5)
    clips = [store.add(kept(time_s=now_s - age * DAY_S), b"x", ROOMY) for age in ages]
    store.label(clips[3].id, "dog")
    store.expire(Limits(ROOMY.n_bytes, 2 * DAY_S))
    assert ids(store) == [clips[0].id, clips[1].id, clips[3].id]


def test_a_deleted_clip_can_be_put_back_for_a_while(tmp_path: Path) -> None:
    store, (first, second, *_) = filled(tmp_path / "kept", 3)
    was = store.delete(first.id)
    assert first.id not in ids(store)
    store.expire(ROOMY)
    store.put_back(was)
    assert first.id in ids(store)
    gone = store.delete(second.id)
    (path,) = (store.folder / "deleted").iterdir()
    old_s = time.time() - UNDO_S - 1
    os.utime(path, (old_s, old_s))
    store.expire(ROOMY)
    with pytest.raises(ValueError, match="no clip"):
        store.put_back(gone)


# ------------------------------------------------------------------------------- after a crash

WRITER = """
import sys, time
from pathlib import Path
from edge_asc.demo.outputs.keep.store import Limits, Store
from kept_clips import clip_of, kept
store = Store.make(Path(sys.argv[1]))
limits = Limits(int(sys.argv[2]), 1e12)
store.reconcile(limits)
contents = [clip_of(seed=seed) for seed in range(3)]
print("ready", flush=True)
for i in range(int(sys.argv[3])):
    clip = store.add(kept(time_s=time.time()), contents[i % 3], limits)
    if i % 4 == 1:
        store.label(clip.id, "dog")
        store.delete(clip.id)
"""


def writing(folder: Path, limit_bytes: int, n: int) -> "subprocess.Popen[str]":
    """A process that adds clips, and labels and deletes some."""
    paths = os.pathsep.join(filter(None, [*sys.path, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(limit_bytes), str(n)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_killed_at_any_moment_the_folder_is_whole_again(tmp_path: Path) -> None:
    folder, limit_bytes, rng = tmp_path / "kept", 300 * KB, random.Random(0)
    for _ in range(6):
        process = writing(folder, limit_bytes, 10_000)
        assert process.stdout and process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.02, 0.4))
        process.kill()
        process.communicate()
        assert bytes_in(folder) <= limit_bytes
        store = Store.make(folder)
        store.reconcile(Limits(limit_bytes, 1e12))
        assert {p.name for p in folder.glob(".*")} == {".lock"}
        assert not list((folder / "clips").glob(".*"))
        clips = store.clips()
        assert set(index.read(folder / "index.jsonl")) >= {clip.id for clip in clips}
        for clip in clips:
            samples, _ = soundfile.read(clip.path)
            assert len(samples) == 12000
        assert bytes_in(folder) <= limit_bytes


def test_clips_without_a_line_and_lines_without_a_clip(tmp_path: Path) -> None:
    store, (a, b, c, d) = filled(tmp_path / "kept")
    b.path.unlink()
    (store.folder / "index.jsonl").unlink()
    index.append(store.folder / "index.jsonl", a.kept)
    index.append(store.folder / "index.jsonl", b.kept)
    half = store.folder / "clips" / f"{id_of(NOON_S + 5000)}.flac"
    half.write_bytes(c.path.read_bytes()[:700])  # a power cut before it was through to the disk
    (store.folder / "clips" / ".half.flac").write_bytes(b"x")
    store.reconcile(ROOMY)
    found = {clip.id: clip.kept for clip in store.clips()}
    assert list(found) == [d.id, c.id, a.id]
    assert found[a.id] == a.kept
    assert found[c.id] == Kept(id=c.id, time_s=c.kept.time_s, seconds=1.5)
    assert not half.exists() and not (store.folder / "clips/.half.flac").exists()
    assert index.read(store.folder / "index.jsonl").keys() >= found.keys()


def test_a_half_file_with_a_label_is_left_to_a_person(tmp_path: Path) -> None:
    store, (a, *_) = filled(tmp_path / "kept", 2)
    store.label(a.id, "dog")
    path = store.clip(a.id).path
    path.write_bytes(path.read_bytes()[:700])
    (store.folder / "index.jsonl").unlink()
    store.reconcile(ROOMY)
    assert store.clip(a.id).label == "dog"


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = filled(tmp_path / "kept", 2)
    before = sorted(path for path in store.folder.rglob("*"))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    for name in ("fsync", "write"):  # of the clip, and of its line in the index
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(OSError, match="No space"):
                store.add(kept(time_s=NOON_S + 900), clip_of(), ROOMY)
        assert sorted(path for path in store.folder.rglob("*")) == before
    assert store.add(kept(time_s=NOON_S + 900), clip_of(), ROOMY).id in ids(store)


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    store, _ = filled(tmp_path / "kept", 1)
    shutil.rmtree(store.folder)
    with pytest.raises(OSError):
        store.add(kept(), clip_of(), ROOMY)
    assert not store.folder.exists()
    store.folder.mkdir()  # where a stick was mounted
    with pytest.raises(OSError):
        store.add(kept(), clip_of(), ROOMY)
    assert not list(store.folder.iterdir())


# ------------------------------------------------------------------------------- two processes


def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    folder, limit_bytes, n = tmp_path / "kept", 400 * KB, 40
    Store.make(folder)
    others = [writing(folder, limit_bytes, n) for _ in range(2)]
    store, most = Store(folder), 0
    while any(process.poll() is None for process in others):
        most = max(most, store.used_bytes())
        for clip in store.clips()[:2]:  # a review at the same time
            try:
                store.label(clip.id, "rain")
            except ValueError:  # the ring has taken it since
                continue
    assert [process.communicate() and process.returncode for process in others] == [0, 0]
    assert most <= limit_bytes
    clips = store.clips()
    assert len({clip.id for clip in clips}) == len(clips)
    assert index.read(folder / "index.jsonl").keys() >= {clip.id for clip in clips}
    for clip in clips:
        soundfile.info(clip.path)


def test_the_lock_is_for_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    inside, seen = threading.Event(), []

    def hold() -> None:
        with locked(path):
            inside.set()
            time.sleep(0.1)
            seen.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(PATIENCE_S)
    with locked(path):
        seen.append("second")
    thread.join()
    assert seen == ["first", "second"]


# ------------------------------------------------------------------------------- names


def test_labelled_clips_are_a_data_set(tmp_path: Path) -> None:
    store, clips = filled(tmp_path / "kept", 8, every_s=25.0)
    # The same minute is one recording, whichever of its clips was labelled first.
    for i, label in ((0, "dog"), (2, "dog"), (1, "dog"), (5, "dog"), (3, "rain"), (6, BACKGROUND)):
        store.label(clips[i].id, label)
    data = open_dataset(store.labelled)
    by_group: dict[str, list[str]] = {}
    for clip in data.clips:
        by_group.setdefault(clip.group, []).append(clip.path.stem)
    assert by_group == {
        f"dog/{clips[0].id}": [clips[i].id for i in (0, 1, 2)],
        f"dog/{clips[5].id}": [clips[5].id],
        f"rain/{clips[3].id}": [clips[3].id],
        f"{BACKGROUND}/{clips[6].id}": [clips[6].id],
    }
    store.label(clips[3].id, "dog")  # joins two recordings into one; rain is none any more
    assert {clip.group for clip in open_dataset(store.labelled).clips} == {
        f"dog/{clips[0].id}",
        f"{BACKGROUND}/{clips[6].id}",
    }
    assert {p.name for p in store.labelled.iterdir()} == {"dog", BACKGROUND}


def test_background_is_what_teaching_calls_it() -> None:
    assert BACKGROUND in strange.BACKGROUND


def test_names_sort_by_time_and_say_it() -> None:
    moments = [0.0, 1.5, NOON_S, NOON_S + 0.001, NOON_S + 0.2504, 4e9]
    names = [id_of(s) for s in moments]
    assert names == sorted(names)
    assert all(is_id(name) for name in names)
    assert [time_of(name) for name in names] == pytest.approx(moments, abs=6e-4)
    assert is_id(id_of(NOON_S, 2)) and id_of(NOON_S) < id_of(NOON_S, 2)


def test_a_name_comes_once(tmp_path: Path) -> None:
    store = Store.make(tmp_path / "kept")
    clips = [store.add(kept(), b"x", ROOMY) for _ in range(3)]
    store.label(clips[0].id, "dog")
    store.delete(clips[1].id)
    clips.append(store.add(kept(), b"x", ROOMY))
    assert len({clip.id for clip in clips}) == 4


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../x", "20260504-123005-250/..", "20261304-123005-250"),
        *("20260504-123005-250-1", "20260504-123005-250-02", "20260504-123005-250\n"),
        "\uff120260504-123005-250",  # a digit, but none of ours
    ],
)
def test_what_is_no_name_finds_no_clip(name: str, tmp_path: Path) -> None:
    assert not is_id(name)
    store, _ = filled(tmp_path / "kept", 1)
    for act in (store.clip, store.delete, lambda x: store.label(x, "dog")):
        with pytest.raises(ValueError, match="no clip"):
            act(name)


@pytest.mark.parametrize(
    "label", ["", " ", "a/b", "..", ".git", "a\\b", "a\0b", "\u202ex", "x" * 61]
)
def test_labels_that_no_folder_can_have(label: str) -> None:
    with pytest.raises(ValueError, match="label"):
        checked_label(label)


def test_unsure_is_no_label() -> None:
    with pytest.raises(ValueError, match="not what it heard"):
        checked_label("unsure")


def test_labels_are_as_folders_are_called() -> None:
    assert checked_label("  Nachbars   Hund ") == "Nachbars Hund"
    assert checked_label("Tu\u0308r") == "T\u00fcr"


def test_a_recording_is_named_after_its_first_clip() -> None:
    moments = [0.0, 30.0, 85.0, 85.0 + SAME_RECORDING_S + 1]
    names = [id_of(NOON_S + s) for s in moments]
    assert recordings(reversed(names)) == {
        names[0]: names[0],
        names[1]: names[0],
        names[2]: names[0],
        names[3]: names[3],
    }


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds other files"):
        Store.make(tmp_path)
    with pytest.raises(ValueError, match="no folder of clips"):
        Store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_nobody_else_on_the_machine_hears_a_new_folder(tmp_path: Path) -> None:
    assert Store.make(tmp_path / "a/kept").folder.stat().st_mode & 0o077 == 0
