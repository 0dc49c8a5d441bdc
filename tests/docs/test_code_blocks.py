"""What the pages tell a reader to type: Python runs, commands are known, and the quick ones run.

A block that cannot be tried says why, in a line `<!-- not run: REASON -->` before it.
"""

import contextlib
import csv
import io
import itertools
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from command import Cli
from documents import (
    MANUAL,
    PAGES,
    ROOT,
    Block,
    UsageError,
    blocks,
    check_options,
    code_spans,
    command_lines,
    is_whole,
    ours,
    parse,
)
from edge_asc.config.schema import PRESETS, load_preset
from edge_asc.runtime.metadata import read_metadata
from edge_asc.runtime.zoo.models import zoo_models

pytestmark = pytest.mark.slow

BY_NAME = {str(path.relative_to(ROOT)): path for path in MANUAL}
COMMANDS = ("sh", "console")
ZOO = {model.name: model for model in zoo_models()}

# Verbs that take a second or two; `live` where it reads a file as fast as it can.
QUICK = (
    *(
        "data check",
        "data synth",
        "budget",
        "classify",
        "embed",
        "evaluate",
        "compare",
        "predict",
        "calibrate",
        "info",
        "live",
    ),
    *("models", "models show", "models path", "microphones", "log summary", "explain"),
    *("record", "teach"),
    "review",
)
SHORTENED = {  # what makes seconds of minutes, for a data set that the page itself has synthesised
    "train": ["--set", "train.epochs=1"],
    "quantize": ["--set", "quantize.epochs=1"],
    "export": [],
}
WAITS = {"--realtime", "--follow", "--web", "--mqtt", "--metrics", "--install-service"}
OUTPUTS = {"--out", "--log", "--keep", "--plot", "--curve", "--copy", "--csv", "--latex"}
NO_PATHS = {"--set", "--name", "--rule", "--microphones", "--only", "--space"}
OVER_BUDGET = 3  # exit code of `budget`, which is no failure
TEACHES = "docs/teach.md"  # a head for each recording left out: with few classes and recordings
RUN_ELSEWHERE = {"docs/python.md"}  # by tests/api/, with data that the page makes itself
# Names that the Python of a page takes from its reader's program.
GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "docs/live.md": lambda: {"my_audio": [np.zeros(44100, np.float32)] * 6},
    "docs/paper-models.md": lambda: {"features": zeros(2, 256, 251), "audio": zeros(44100)},
}


def zeros(*shape: int) -> Any:
    """A tensor; torch takes seconds, and only one page needs it."""
    import torch

    return torch.zeros(shape)


def of(*languages: str) -> list[str]:
    """Pages with blocks of these languages."""
    return [name for name, path in BY_NAME.items() if languages_of(path) & {*languages}]


def languages_of(path: Path) -> set[str]:
    return {block.language for block in blocks(path)}


def noise(path: Path, seconds: float, rate_hz: int = 44100, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))
    soundfile.write(path, samples, rate_hz)
    return path


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that pages name: model.tflite, walk.wav, …, and a data set DIR."""
    folder = tmp_path_factory.mktemp("desk")
    artifacts = ROOT / "recipes/artifacts/esc10"
    for name in ("model", "fold1-int8"):
        for suffix in (".tflite", ".onnx"):
            shutil.copy(artifacts / f"fold1-int8{suffix}", folder / f"{name}{suffix}")
    for name in ("walk.wav", "street.wav", "dog.wav", "clip.wav", "recording.wav", "fire.ogg"):
        noise(folder / name, 7.0)
    labels = read_metadata(ZOO["esc10-32k"].tflite).labels
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for number, label in enumerate(labels):
        for fold in range(1, 6):
            name = f"{fold}-{number}{fold}-A-{number}.wav"
            noise(folder / "DIR/audio" / name, 1.0, 16000, seed=10 * number + fold)
            rows.append(f"{name},{fold},{number},{label},True,{number}{fold},A")
    (folder / "DIR/meta.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def here(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the desk, and the current folder."""
    shutil.copytree(desk, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", sorted({*of("python")} - RUN_ELSEWHERE))
def test_python_runs(page: str, here: Path, scenes: Path) -> None:
    shutil.copytree(scenes, here / "scenes")
    keep_rows(here / "scenes/synthetic.csv", "path", "-0.wav")  # one of each recording
    if page == TEACHES:
        keep_rows(here / "scenes/synthetic.csv", "label", "siren", "pump", "rain")
    if page == "docs/paper-models.md":
        imported_run(here)
    run_python(page)


@pytest.mark.parametrize("model", ZOO)
def test_other_programs_read_every_model_that_comes_along(model: str, here: Path) -> None:
    for suffix in (".tflite", ".onnx"):
        path = ZOO[model].tflite.with_suffix(suffix)
        shutil.copy(path, here / f"model{suffix}")
    printed = run_python("docs/export.md")
    assert any(label in printed for label in read_metadata(ZOO[model].tflite).labels)


def keep_rows(table: Path, column: str, *endings: str) -> None:
    """Leave fewer clips in a data set: how many there are changes nothing of what a page says."""
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row[column].endswith(endings)]
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def run_python(page: str) -> str:
    """Run the Python of a page in order, in one namespace; what it printed."""
    namespace = {"__name__": "__main__", **GIVEN.get(page, dict)()}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in blocks(BY_NAME[page]):
            if block.language == "python" and block.reason is None:
                code = re.sub(r"\bepochs=\d+", "epochs=1", block.text)
                code = "\n" * block.line + code  # so that a traceback names the page's line
                exec(compile(code, page, "exec"), namespace)
    return printed.getvalue()


def imported_run(folder: Path) -> None:
    """The run that docs/paper-models.md makes of a checkpoint of the public code."""
    import torch

    from edge_asc.training.start_from.public import import_public
    from public_network import random_state

    torch.save(random_state(), folder / "best.pt")
    import_public(folder / "best.pt", folder / "edge-asc-runs/public")


@pytest.mark.parametrize("page", of(*COMMANDS))
def test_commands_are_known(page: str) -> None:
    for block in blocks(BY_NAME[page]):
        if block.language in COMMANDS:
            for line in command_lines(block):
                for arguments in ours(line):
                    found = usage_error(arguments)
                    shown = [x for x in output_below(block, arguments) if x.startswith("Error: ")]
                    assert shown == ([f"Error: {found}"] if found else []), f"{block}: {line}"


def usage_error(arguments: list[str]) -> str | None:
    """What the command says of a wrong verb, option or value."""
    try:
        parse(arguments)
    except UsageError as error:
        return str(error.format_message())
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_text_are_known(page: Path) -> None:
    for span in code_spans(page):
        for arguments in ours(span) if span.startswith("edge-asc ") else ():
            try:
                check_options(arguments)
            except UsageError as error:
                pytest.fail(f"{page.name}: {span}: {error.format_message()}")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("edge-asc classify a.wav --modell b.tflite", "--modell"),
        ("edge-asc clasify a.wav", "clasify"),
        ("sudo edge-asc live --hop often | head", "--hop"),
        ("edge-asc evaluate nano && edge-asc info", "--data"),
        ("edge-asc search show --no", "--no"),
    ],
)
def test_a_command_that_is_none_is_found(line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        for arguments in ours(line):
            parse(arguments)
    assert says in caught.value.format_message()


@pytest.mark.parametrize("page", of(*COMMANDS))
def test_quick_commands_run(page: str, here: Path, cli: Cli) -> None:
    if page == TEACHES:
        keep_rows(here / "DIR/meta.csv", "target", "0", "1", "2")
    for block in blocks(BY_NAME[page]):
        if block.language in COMMANDS and block.reason is None:
            for line in command_lines(block):
                for arguments in ours(line) if is_whole(line) else ():
                    if usage_error(arguments):
                        continue
                    verb, _ = parse(arguments)
                    if is_quick(verb, arguments):
                        run_command(block, verb, arguments, cli)


def run_command(block: Block, verb: str, arguments: list[str], cli: Cli) -> None:
    """Run a command; it must end as the page says it does."""
    code, _, err = cli(*arguments, *SHORTENED.get(verb, []))
    if told := error_shown(block, arguments):
        assert code == 1 and told in err, f"{block}: {arguments}: {err}"
    else:
        allowed = (0, OVER_BUDGET) if verb == "budget" else (0,)
        assert code in allowed, f"{block}: {arguments}: {err}"


def error_shown(block: Block, arguments: list[str]) -> str | None:
    """The error that a page prints as all that a command says; None where it goes well."""
    below = output_below(block, arguments)
    if len(below) == 1 and below[0].startswith("edge-asc: ") and arguments[0] != "live":
        return below[0]
    return None


def output_below(block: Block, arguments: list[str]) -> list[str]:
    """What a `console` block shows below a command."""
    lines = re.sub(r"\\\n\s*", " ", block.text).splitlines()
    for number, line in enumerate(lines):
        if line.startswith("$ ") and arguments in ours(line[2:]):
            rest = lines[number + 1 :]
            return list(itertools.takewhile(lambda text: not text.startswith("$ "), rest))
    return []


def is_quick(verb: str, arguments: list[str]) -> bool:
    """Whether a command takes seconds, and all files that it names are here."""
    if verb == "train" and ("scenes" not in arguments or "--devices" in arguments):
        return False
    if verb in SHORTENED:
        return Path("scenes/synthetic.csv").exists() and files_are_here(arguments)
    if waits(arguments):
        return False
    if verb == "data check" and not os.path.exists(arguments[2]):
        return False
    return verb in QUICK and files_are_here(arguments)


def waits(arguments: list[str]) -> bool:
    """Whether it listens, and does not end by itself within seconds."""
    listens = arguments[0] in ("live", "record")
    return listens and bool(WAITS & {*arguments} or "--source" not in arguments)


def files_are_here(arguments: list[str]) -> bool:
    """Whether every word that can only be a file is one."""
    for before, word in zip(["", *arguments], arguments, strict=False):
        if before in OUTPUTS | NO_PATHS or word in PRESETS or word in ZOO:
            continue
        made_above = re.match("edge-asc-runs/[^/]+", word)
        if made_above and os.path.exists(made_above[0]):
            continue  # a name within a run of this page's own: a wrong one must fail
        a_file = re.search(r"[A-Za-z]\.[a-z]|/|\*", word) or re.fullmatch(r"[A-Z_]{2,}", word)
        if (a_file or before == "--data") and not os.path.exists(word):
            return False
    return True


@pytest.mark.parametrize("page", of(*COMMANDS))
def test_a_block_that_never_runs_says_why(page: str) -> None:
    for block in blocks(BY_NAME[page]):
        lines = command_lines(block) if block.language in COMMANDS else ()
        commands = [arguments for line in lines for arguments in ours(line)]
        if commands and block.reason is None:
            verbs = [parse(c)[0] for c in commands if not (waits(c) or usage_error(c))]
            assert {*verbs} & {*QUICK, *SHORTENED}, f"{block}: <!-- not run: REASON --> is missing"


def test_enough_of_them_run() -> None:
    """Were files renamed on the pages, nothing would run and nothing would fail."""
    verbs = set()
    for path in MANUAL:
        for block in blocks(path):
            if block.language in COMMANDS and block.reason is None:
                for arguments in (a for line in command_lines(block) for a in ours(line)):
                    verbs |= {parse(arguments)[0]} if not usage_error(arguments) else set()
    assert {*QUICK, *SHORTENED} <= verbs


@pytest.mark.parametrize("page", of("json"))
def test_json_is_json(page: str) -> None:
    for block in blocks(BY_NAME[page]):
        if block.language == "json":
            json.loads(block.text)


def test_the_preset_that_is_shown_loads(tmp_path: Path) -> None:
    """docs/training.md says what the example weighs; its settings must exist, at least."""
    (block,) = (b for b in blocks(BY_NAME["docs/training.md"]) if b.language == "toml")
    (tmp_path / "quiet-room.toml").write_text(block.text)
    assert load_preset(tmp_path / "quiet-room.toml").data.crop_s == 2.0
