"""Control characters from every side, through every verb: a terminal gets none of them.

Labels, names of files and folders, names that a user types, and a broker's words hold escape
sequences, marks that turn the writing direction, and line separators. What a verb prints on either
stream, and the lines of a log, must show them and not do them.
"""

import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import steps
from cards import ACTING, write_sound
from found import Found
from kills import run_to_its_end

ACTS = ("\x1b[2J", "\x1b]0;t\x07", "\x9b31m", "\u202e", "\u2028", "\r", "\x08", "\x7f", "\u200f")
LIMIT_S = 120.0
_PRESET = ("train.epochs=1", *steps.SMALL)

Words = Sequence[object]


class Hostile:
    """A folder whose names, and those of all in it, do something to a terminal.

    Attributes:
        folder: it.
        there: what exists, by what it is.
    """

    def __init__(self, above: Path, rng: random.Random) -> None:
        self._rng = rng
        self.folder = above / self.name("folder")
        self.folder.mkdir()
        self.there: dict[str, Path] = {}
        for what in ("data", "sounds"):
            self.there[what] = self._write_data(self.folder / self.name(what))
        self.there["sound"] = write_sound(self.folder / f"{self.name('sound')}.wav")
        self.there["damaged"] = self.folder / f"{self.name('damaged')}.wav"
        self.there["damaged"].write_bytes(b"RIFF\x1b[2J")
        self.there["text"] = self.folder / f"{self.name('text')}.toml"
        self.there["text"].write_text(
            f'base = "{self.name("x")}"\nno = 1'.replace("\x1b", "\\u001b")
        )

    def name(self, what: str) -> str:
        """A name with some of the characters in it."""
        return what + "".join(self._rng.sample(ACTS, 4))

    def _write_data(self, folder: Path) -> Path:
        for label in ("one", "two"):
            inside = folder / self.name(label)
            inside.mkdir(parents=True)
            for number in range(4):
                write_sound(inside / f"{self.name(str(number))}.wav", 220 + 400 * (label == "two"))
        return folder


def control_characters(tries: int, seed: int) -> Found:
    """Every verb with each of its kinds of arguments; `tries` times over, with other characters."""
    found = Found("control characters", tries, seed)
    steps.import_all()
    number = 0
    for round_ in range(tries):
        rng = random.Random(f"controls {seed} {round_}")
        with tempfile.TemporaryDirectory() as above:
            hostile = Hostile(Path(above), rng)
            _train(hostile)
            for verb, words in _lines(hostile):
                _try(found, number, verb, words, hostile)
                number += 1
            _listen_to_a_broker(found, number, hostile)
    found.figures["verbs"] = len({what.partition(":")[0] for what in found.counts} & _verbs())
    if missing := _verbs() - {what.partition(":")[0] for what in found.counts}:
        found.count("not tried", number, ", ".join(sorted(missing)))
    return found


def _verbs() -> set[str]:
    from edge_asc.cli.app import SECTIONS

    return {verb for verbs in SECTIONS.values() for verb in verbs}


def _train(hostile: Hostile) -> None:
    """A run, its files, and one file with labels that no writer of ours would let through."""
    there, runs = hostile.there, hostile.folder / hostile.name("runs")
    changes = [word for change in _PRESET for word in ("--set", change)]
    name = hostile.name("run")
    there["runs"], there["run"] = runs, runs / name
    data = ("--data", there["data"], "--fold", 1, "--out", runs, "--name", name)
    _must(hostile, "train", "compact-int8", *data, *changes)
    _must(hostile, "quantize", there["run"], "--ptq")
    _must(hostile, "export", there["run"], "--int8", "--out", hostile.folder, "--no-enforce")
    file = next(hostile.folder.glob("*.tflite"))
    there["model"] = file.rename(hostile.folder / f"{hostile.name('model')}.tflite")
    there["raw"] = hostile.folder / f"{hostile.name('raw')}.tflite"
    there["raw"].write_bytes(_with_raw_labels(there["model"].read_bytes(), hostile))


def _must(hostile: Hostile, *words: object) -> None:
    run_to_its_end(lambda: steps.edge_asc(hostile.folder, *words))


def _with_raw_labels(content: bytes, hostile: Hostile) -> bytes:
    from edge_asc.runtime.formats.rewrite import WRITERS
    from edge_asc.runtime.metadata import METADATA_KEY, entries_of
    from edge_asc.runtime.trust.digest import seal, with_blank

    metadata = json.loads(entries_of(content)[METADATA_KEY])
    del metadata["digest"]
    metadata["labels"] = [hostile.name(label) for label in ("one", "two")]
    metadata["name"], metadata["warnings"] = hostile.name("name"), [hostile.name("warning")]
    metadata["provenance"] |= {"dataset": hostile.name("set"), hostile.name("key"): "x\x1b[2J"}
    return seal(WRITERS["tflite"](content, with_blank(json.dumps(metadata).encode())))


def _lines(hostile: Hostile) -> list[tuple[str, list[object]]]:
    """What is asked of each verb."""
    at = hostile.there
    gone, typed = hostile.folder / hostile.name("gone"), hostile.name("typed")
    new = [hostile.folder / hostile.name(f"new{number}") for number in range(20)]
    log, kept = hostile.folder / f"{hostile.name('log')}.jsonl", hostile.folder / "kept"
    live = ("--source", at["sound"], "--hop", 0.25)
    lines: list[tuple[str, Words]] = [
        ("data check", (at["data"],)),
        ("data check", (at["data"], "--json")),
        ("data check", (gone,)),
        ("data check", (at["text"],)),
        ("data synth", (new[0], "--clips", 2, "--clip-s", 0.5)),
        ("data synth", (at["text"],)),
        ("train", ("nano", "--data", gone)),
        ("train", (typed, "--data", at["data"])),
        ("train", (at["text"], "--data", at["data"])),
        ("train", ("nano", "--data", at["data"], "--set", f"{typed}=1")),
        ("join", (at["run"], gone, "--out", new[1])),
        ("import-public", (at["text"], "--out", new[1])),
        ("import-public", (gone, "--out", new[2])),
        ("search", ("--rule", typed, "--data", at["data"])),
        ("search", ("--rule", "edge-128k", "--data", gone, "--trials", 1)),
        ("search show", ("--study", typed)),
        ("search show", ("--storage", f"sqlite:///{gone}")),
        ("search best", ("--study", typed, "--data", at["data"])),
        ("search preset", ("--trial", 1, "--study", typed, "--out", new[3])),
        ("record", (typed, "--into", new[4], "--source", at["sound"])),
        ("record", ("bell", "--into", new[4], "--source", at["sound"])),
        ("record", ("bell", "--into", new[4], "--source", gone)),
        ("record", ("bell", "--microphone", typed)),
        ("teach", (at["sounds"], "--out", f"{new[5]}.tflite")),
        ("teach", (gone, "--out", "x.tflite")),
        ("teach", (at["sounds"], "--add", at["raw"], "--out", f"{new[6]}.tflite")),
        ("quantize", (at["run"], "--ptq")),
        ("quantize", (gone,)),
        ("quantize", (at["run"], "--ptq", "--teacher", typed)),
        ("export", (at["run"], "--fp32", "--rule", typed)),
        ("export", (gone, "--int8")),
        ("export", (at["run"], "--fp32", "--out", new[7], "--no-enforce")),
        ("calibrate", (at["model"], "--data", at["data"], "--out", f"{new[8]}.tflite")),
        ("calibrate", (at["raw"], "--data", at["data"])),
        ("calibrate", (gone, "--data", gone)),
        ("budget", (at["raw"],)),
        ("budget", (at["run"],)),
        ("budget", (gone,)),
        ("budget", (at["damaged"],)),
        ("budget", (at["raw"], "--json")),
        ("evaluate", (at["raw"], "--data", at["data"], "--fold", 1)),
        ("evaluate", (at["model"], "--data", at["data"], "--fold", 1)),
        ("evaluate", (at["run"], "--data", at["data"], "--fold", 1, "--out", new[9])),
        ("evaluate", (typed,)),
        ("compare", (f"{hostile.name('a')}={at['run']}", at["model"], "--data", at["data"])),
        ("compare", (new[9], gone)),
        ("predict", (at["raw"], "--data", at["data"], "--out", f"{new[15]}.csv")),
        ("predict", (gone, "--data", at["data"], "--out", "x.csv")),
        ("microphones", (at["sound"], "--only", "seen:2", "--out", new[10])),
        ("microphones", (gone, "--only", typed)),
        ("microphones", (at["damaged"],)),
        ("explain", (at["raw"], at["sound"], "--out", f"{new[11]}.png")),
        ("explain", (at["run"], at["damaged"])),
        ("explain", (typed, gone)),
        ("report", (at["run"], "--out", f"{new[12]}.html")),
        ("report", (gone,)),
        ("models", ()),
        ("models show", (typed,)),
        ("models path", (typed,)),
        ("classify", (at["sound"], at["damaged"], gone, "--model", at["raw"])),
        ("classify", (at["data"], "--model", at["raw"], "--json")),
        ("classify", (at["sound"], "--model", typed)),
        ("embed", (at["sound"], at["damaged"], "--out", f"{new[13]}.npz")),
        ("embed", (gone, "--out", "x.npz", "--model", at["raw"])),
        ("info", (at["raw"],)),
        ("info", (at["raw"], "--json")),
        ("info", (at["damaged"],)),
        ("info", (gone,)),
        ("info", (at["run"],)),
        ("live", ("--model", at["raw"], *live, "--plain", "--log", log, "--keep", kept)),
        ("live", ("--model", at["raw"], *live, "--json", "--log", f"{new[14]}.csv")),
        ("live", ("--model", gone, *live)),
        ("live", ("--source", gone)),
        ("live", ("--source", at["damaged"])),
        ("live", ("--microphone", typed)),
        ("live", (*live, "--mqtt", f"mqtt://{typed}")),
        ("live", (*live, "--web", typed)),
        ("live", (*live, "--metrics", typed)),
        ("live", ("--install-service", "--print", "--model", at["raw"])),
        ("review", (kept, "--list")),
        ("review", (gone,)),
        ("review", (kept, "--delete", typed)),
        ("review", (kept, "--label", f"x={typed}")),
        ("log summary", (log,)),
        ("log summary", (log, "--json")),
        ("log summary", (gone,)),
        ("log summary", (at["text"],)),
        ("bench", (at["raw"],)),
        ("bench", (typed,)),
        ("doctor", ("--microphone", typed)),
        ("doctor", ("--json", "--microphone", typed)),
    ]
    return [(verb, [*verb.split(), *words]) for verb, words in lines]


def _try(found: Found, number: int, verb: str, words: Words, hostile: Hostile) -> None:
    code, text = said(lambda: steps.edge_asc(hostile.folder, *words))
    wrong = _acting(text)
    if code is None:
        wrong = "does not end"
    elif code not in (0, 1, 2, 3) or "Traceback" in text:
        wrong = f"exit code {code}: {text[-300:]!r}"
    for log in (words[at + 1] for at, word in enumerate(words) if word == "--log"):
        wrong = wrong or _acting(Path(str(log)).read_text("utf-8"))
    found.count(f"{verb}: {'answered' if code == 0 else 'refused'}", number, wrong)


def _acting(text: str) -> str:
    acting = ACTING.search(text)
    return f"{text[max(0, acting.start() - 60) : acting.end() + 20]!r}" if acting else ""


def said(work: Callable[[], Any]) -> tuple[int | None, str]:
    """The exit code of a verb in a fork, None where it does not end, and all that it prints."""
    with tempfile.TemporaryFile() as printed:
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            _say(work, printed.fileno())
        code = _code(pid)
        printed.seek(0)
        return code, printed.read().decode("utf-8", "surrogateescape")


def _say(work: Callable[[], Any], printed: int) -> None:
    code = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream in (1, 2):
            os.dup2(printed, stream)
        work()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:  # as Python itself ends: what it prints is what is looked at
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _code(pid: int) -> int | None:
    end_s = time.monotonic() + LIMIT_S
    while time.monotonic() < end_s:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _listen_to_a_broker(found: Found, number: int, hostile: Hostile) -> None:
    """Live listening whose broker refuses with words of its own, and then talks nonsense."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_broker, args=(server,), daemon=True).start()
        sound = write_sound(hostile.folder / "long.wav", seconds=8)
        words = (
            "live",
            "--model",
            hostile.there["raw"],
            "--source",
            sound,
            "--realtime",
            "--plain",
        )
        _try(found, number, "live", [*words, "--mqtt", f"mqtt://127.0.0.1:{port}"], hostile)
        shutil.rmtree(hostile.folder / "kept", ignore_errors=True)


def _broker(server: socket.socket) -> None:
    reason = b"\x1b[2J\x9b31m\r\n".ljust(20, b"!")
    refusal = bytes([0x87, 3 + len(reason), 0x1F, 0, len(reason)]) + reason  # not authorised
    answers = [bytes([0x20, 1 + len(refusal), 0]) + refusal, b"\x1b[2J\x1b]0;t\x07" * 20]
    with suppress(OSError):
        while True:
            visitor, _ = server.accept()
            with visitor:
                visitor.settimeout(5)
                visitor.recv(4096)
                visitor.sendall(answers[0])
                answers.append(answers.pop(0))


def summary(found: dict[str, Any]) -> str:
    """What the table says of it."""
    lines = sum(n for what, n in found["counts"].items() if what != "not tried")
    return f"{found['wrong']} shown; {found['figures']['verbs']} verbs, {lines} commands"
