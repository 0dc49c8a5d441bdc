"""SIGKILL at any moment of what writes files: the next run ends as if nothing had been.

Half of the kills come after a random time, half at a renaming, before it or behind it: where a file
appears. After each, every file in sight is whole. Then the same is run again, to its end: its files
are those of a run that nobody killed, and no temporary one is left.
"""

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import steps
from found import Found

LONGEST_S = 120.0
TRIES_TO_KILL = 5  # a moment may come behind the end: not every run takes as long
LASTING = {".lock"}  # of a folder of clips: who holds it writes there


@dataclass(frozen=True)
class Moment:
    """When a process dies: after seconds, or at a renaming, counted from 1; else never."""

    seconds: float | None = None
    renaming: int | None = None
    before: bool = True


NEVER = Moment()


@dataclass(frozen=True)
class Usual:
    """A run that nobody kills: how long it takes, how often it renames, what it leaves."""

    seconds: float
    renamings: int
    left: dict[str, Any]


def killed(tries: int, seed: int) -> Found:
    """Kill each of the steps in turn, and run it again."""
    found = Found("SIGKILL", tries, seed)
    steps.import_all()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        steps.prepare(folder / "begin", run_to_its_end)
        usual: dict[str, Usual] = {}
        for number in range(tries):
            step = list(steps.STEPS)[number % len(steps.STEPS)]
            if step not in usual:
                usual[step] = _usual(step, folder)
            rng = random.Random(f"kills {seed} {number}")
            for _ in range(TRIES_TO_KILL):
                here = _fresh(folder)
                _, ended = _run(step, here, _moment(rng, usual[step]))
                if ended == -signal.SIGKILL:
                    break
            wrong = _wrong(step, here, usual[step].left)
            died = "killed" if ended == -signal.SIGKILL else "ended before"
            found.count(f"{step}, {died}", number, wrong)
    return found


def _moment(rng: random.Random, usual: Usual) -> Moment:
    if usual.renamings and rng.random() < 0.5:
        before = rng.random() < 0.5
        return Moment(renaming=rng.randint(1, usual.renamings), before=before)
    return Moment(seconds=rng.uniform(0.0, usual.seconds))


def _usual(step: str, folder: Path) -> Usual:
    here = _fresh(folder)
    begun_s = time.monotonic()
    counted = folder / "renamings"
    counted.write_bytes(b"")
    run_to_its_end(lambda: _counting(counted, lambda: steps.STEPS[step].run(here)))
    return Usual(time.monotonic() - begun_s, counted.stat().st_size, steps.STEPS[step].left(here))


def _fresh(folder: Path) -> Path:
    """Always of the same name: a cache's files are called by that of the sound."""
    here = folder / "here"
    shutil.rmtree(here, ignore_errors=True)
    return Path(shutil.copytree(folder / "begin", here))


def _wrong(step: str, here: Path, usual: dict[str, Any]) -> str:
    """What is not as it should be, after the kill and after the next run; "" if all is."""
    from edge_asc.audio.decode import AudioError

    try:
        steps.check_whole(here)
        pid, code = _run(step, here, NEVER)
        if code:
            return f"the next run ends with {code}"
        hidden = {path.name for path in here.rglob(".*") if path.is_file()}
        # Listening does not wait at its end for a disk that hangs: that one is for the next run.
        if left := {name for name in hidden - LASTING if f"-{pid}-" not in name}:
            return f"left over: {left}"
        differing = steps.differences(usual, steps.STEPS[step].left(here))
        return f"not as without a kill: {differing}" if differing else ""
    except (ValueError, OSError, AudioError) as error:
        return f"half-written: {error}"


def run_to_its_end(work: Callable[[], Any]) -> None:
    """Do something in a fork, and see that it ends well."""
    code = _ended(_fork(work), None)
    if code:
        raise SystemExit(f"a step ends with {code} though nobody killed it")


def _run(step: str, here: Path, moment: Moment) -> tuple[int, int]:
    """The number of a step's process; its exit code, or minus the signal that ended it."""

    def work() -> Any:
        if moment.renaming is not None:
            _die_at(moment.renaming, moment.before)
        return steps.STEPS[step].run(here)

    pid = _fork(work)
    return pid, _ended(pid, moment.seconds)


def _fork(work: Callable[[], Any]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1) if os.environ.get("FAULTS_SHOW") else (0, 1, 2):
            os.dup2(nothing, number)
        work()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # the exit code tells; the process must not return into its parent's code
        if os.environ.get("FAULTS_SHOW"):
            sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _ended(pid: int, after_s: float | None) -> int:
    end_s = time.monotonic() + (LONGEST_S if after_s is None else after_s)
    while time.monotonic() < end_s:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _on_renaming(what: Callable[[bool], None]) -> None:
    """In a fork: have something done before (True) and behind each renaming."""
    usual = os.replace

    def replace(*names: Any, **more: Any) -> None:
        what(True)
        usual(*names, **more)
        what(False)

    os.replace = os.rename = replace  # type: ignore[assignment]


def _die_at(renaming: int, before: bool) -> None:
    left = [renaming]

    def die(is_before: bool) -> None:
        left[0] -= is_before
        if not left[0] and is_before == before:
            os.kill(os.getpid(), signal.SIGKILL)

    _on_renaming(die)


def _counting(counted: Path, work: Callable[[], Any]) -> Any:
    def count(is_before: bool) -> None:
        if is_before:
            with counted.open("ab") as file:
                file.write(b".")

    _on_renaming(count)
    return work()


def summary(found: dict[str, Any]) -> str:
    """What the table says of it."""
    counts, killed_in = Counter(found["counts"]), Counter[str]()
    for what, n in counts.items():
        step, _, ended = what.partition(", ")
        killed_in[step] += n * (ended == "killed")
    each = ", ".join(f"{step} {n}" for step, n in killed_in.items())
    return f"{found['wrong']} not as it should be; killed in its middle: {each}"
