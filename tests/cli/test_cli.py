"""The command line: exit codes, one line on stderr, help at once."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from command import Cli
from edge_asc import __version__
from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.rules import RULES, OverBudget, Rule, enforce
from edge_asc.cli.app import SECTIONS
from edge_asc.cli.verbs.training import RUN_FOLDER
from edge_asc.install import add_extra
from tiny_models import ABSTRACT_LABELS, LABELS, write_model, write_tone

VERBS = ("train", "quantize", "export", "budget", "evaluate", "classify", "info", "live", "doctor",
         "bench", "microphones", "explain", "report", "data check", "data synth", "log summary",
         "search", "search show", "search best", "search preset", "calibrate", "models",
         "models show", "models path", "import-public", "record", "teach")  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "m.tflite", abstract_labels=list(ABSTRACT_LABELS))


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """A folder per scene, five recordings each: every fold has one of each."""
    for label in LABELS:
        for i in range(5):
            write_tone(tmp_path / "tones" / label / f"{label}{i}.wav", label, seed=i)
    return tmp_path / "tones"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_examples(verb: str, cli: Cli) -> None:
    code, out, err = cli(*verb.split(), "--help")
    assert (code, err) == (0, "")
    examples = out.split("Examples:\n")[1].strip().splitlines()
    assert len(examples) >= 2
    assert all(f"edge-asc {verb}" in line for line in examples)


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_of_the_help_name_options_that_exist(verb: str, cli: Cli) -> None:
    _, out, _ = cli(*verb.split(), "--help")
    options, examples = out.split("Examples:\n")
    known = set(re.findall(r"--[\w-]+", options))
    assert set(re.findall(r"--[\w-]+", examples)) <= known


def test_help_names_every_verb(cli: Cli) -> None:
    code, out, _ = cli("--help")
    assert code == 0
    verbs = out.split("--help")[1].split("Examples:")[0]
    for verb in VERBS:
        assert f"\n  {verb.split()[0]} " in verbs
    assert "..." not in verbs  # no summary is cut
    titles = re.findall(r"^(\w[\w ]+):$", verbs, re.MULTILINE)
    assert titles == list(SECTIONS)


def test_version(cli: Cli) -> None:
    assert cli("--version") == (0, f"edge-asc {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["classfy"],
        ["classify"],
        ["classify", "x.wav", "--model", "m.tflite", "--floor", "2"],
        ["classify", "x.wav", "--model", "m.tflite", "--top", "0"],
        ["classify", "x.wav", "--model", "m.tflite", "--runtime", "tensorrt"],
        ["evaluate", "m.tflite"],
        ["evaluate", "m.tflite", "--data", ".", "--crops", "5"],
        ["train", "compact-int8"],
        ["train", "compact-int8", "--data", ".", "--fold", "one"],
        ["export"],
        ["export", "--int8", "--fp16"],
        ["export", "--int8", "--format", "coreml"],
        ["info", "--colour"],
        ["budget", "nano", "--rule", "dcase1999"],
        ["budget", "nano", "--precision", "int3"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], cli: Cli) -> None:
    code, out, err = cli(*arguments)
    assert code == 2
    assert out == ""
    assert "Error" in err


@pytest.mark.parametrize("verb", [["classify"], ["embed", "--out", "x.npz"]])
@pytest.mark.parametrize("model", ["my.tflite", "my.onnx", "esc10-32k"])
def test_a_model_in_the_place_of_audio_is_told(verb: list[str], model: str, cli: Cli) -> None:
    """The zoo's default would have heard the rest."""
    code, out, err = cli(*verb, model, "street.wav")
    assert code == 2 and out == ""
    assert f"{model} is a model: give it as --model {model}" in " ".join(err.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", "none.tflite"],
        ["info", "."],
        ["classify", "x.wav", "--model", "none.tflite"],
        ["evaluate", "none.tflite", "--data", "."],
        ["evaluate", ".", "--data", "."],
        ["data", "check", "nowhere"],
        ["train", "no-such-preset", "--data", "."],
        ["train", "compact-int8", "--data", "nowhere"],
        ["quantize"],
        ["export", "--int8"],
        ["budget", "no-such-preset"],
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(
    arguments: list[str], cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = cli(*arguments)
    assert (code, out) == (1, "")
    assert re.fullmatch(r"edge-asc: .+\n", err)


def test_classify_prints_scenes_and_runtime(cli: Cli, model: Path, tones: Path) -> None:
    code, out, err = cli("classify", tones / "high", "--model", model, "--top", 1)
    assert (code, err) == (0, "")
    assert re.match(r"tiny-[0-9a-f]{8} \(float32, ", out)
    assert " on litert " in out.splitlines()[0] or " on tflite " in out.splitlines()[0]
    assert len(re.findall(r"high +100\.0 %", out)) == 5
    assert "low" not in out


def test_classify_goes_on_after_a_bad_file(cli: Cli, model: Path, tmp_path: Path) -> None:
    good = write_tone(tmp_path / "good.wav", "low")
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    code, out, err = cli("classify", bad, good, "--model", model, "--json")
    assert code == 1
    assert re.fullmatch(r"edge-asc: .*bad\.wav: .+\n", err)
    found = json.loads(out)
    assert [f["scene"] for f in found["files"]] == ["low"]
    assert [f["path"] for f in found["failed"]] == [str(bad)]
    assert found["runtime"] in ("litert", "tflite")
    assert found["runtime_version"]


def test_info_of_this_machine_and_of_a_file(cli: Cli, model: Path) -> None:
    code, out, _ = cli("info")
    assert code == 0
    for fact in (__version__, "litert", "onnxruntime", "numpy", "torch", sys.version.split()[0]):
        assert fact in out
    code, out, _ = cli("info", "--json")
    assert set(json.loads(out)["runtimes"]) == {"litert", "tflite", "onnxruntime"}
    code, out, _ = cli("info", model)
    assert "low, middle, high" in out and "8000 Hz" in out and "dark, bright" in out
    code, out, _ = cli("info", model, "--json")
    found = json.loads(out)
    assert found["labels"] == list(LABELS)
    assert found["file_bytes"] == model.stat().st_size


def test_info_prints_budget_and_warnings(cli: Cli, tmp_path: Path) -> None:
    path = write_model(
        tmp_path / "m.onnx",
        budget={"rule": "edge-128k", "file_bytes": 1234567},
        provenance={"dataset": "tones", "versions": {"torch": "2.13"}},
        warnings=["over budget"],
    )
    _, out, _ = cli("info", path)
    assert "rule: edge-128k" in out and "1,234,567" in out
    assert "versions: torch 2.13" in out
    assert "warning     over budget" in out


def test_evaluate_json_has_accuracy(cli: Cli, model: Path, tones: Path, tmp_path: Path) -> None:
    arguments = ["evaluate", model, "--data", tones, "--fold", 1]
    code, out, err = cli(*arguments, "--json", "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert json.loads(out)["accuracy"] == 1.0
    assert (tmp_path / "out" / "confusion.png").exists()
    code, out, _ = cli(*arguments)
    assert "100.0 %" in out and "low" in out


def test_evaluate_says_when_it_tests_on_training_data(
    cli: Cli, tones: Path, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "m.tflite", provenance={"dataset": "tones", "fold": 2})
    code, out, err = cli("evaluate", path, "--data", tones, "--fold", 1, "--json")
    assert code == 0
    assert "edge-asc: warning: fold 1 of tones was in the training data" in err
    assert json.loads(out)["warnings"]


def test_data_synth_then_check(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "synthetic"
    size = ("--clips", 4, "--clip-s", 0.5, "--rate", 8000)
    code, out, _ = cli("data", "synth", folder, *size)
    assert code == 0
    assert "synthetic" in out
    code, out, _ = cli("data", "check", folder, "--json")
    assert code == 0
    assert json.loads(out)["bad"] == []
    next(folder.rglob("*.wav")).write_bytes(b"RIFF")
    code, out, _ = cli("data", "check", folder)
    assert code == 1
    assert "cannot be decoded" in out


def test_budget_says_inside_over_and_unreadable(cli: Cli, model: Path) -> None:
    assert cli("budget", model)[0] == 0
    code, out, err = cli("budget", model, "amfm-full", "--json")
    assert (code, err) == (3, "")
    assert [entry["ok"] for entry in json.loads(out)] == [True, False]
    code, out, err = cli("budget", "nothing-of-this-name", model, "--rule", "all")
    assert code == 1
    assert re.fullmatch("edge-asc: nothing-of-this-name: .+\n", err)
    assert "dcase2024" in out  # the rest is judged all the same


def stand_in(monkeypatch: pytest.MonkeyPatch, module: str, **attributes: Any) -> None:
    """Put a function in the place of one that takes minutes."""
    fake = ModuleType(module)
    vars(fake).update(attributes)
    monkeypatch.setitem(sys.modules, module, fake)


def test_train_passes_its_arguments_on(
    cli: Cli, tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def train(config: Any, dataset: Any, fold: Any, folder: Path, **options: Any) -> Path:
        calls.append((config, dataset, fold, folder, options))
        folder.mkdir(parents=True, exist_ok=True)
        test = {"clips": 80, "accuracy": 0.875}
        (folder / "metrics.json").write_text(json.dumps({"epochs": 3, "test": test}))
        return folder

    stand_in(monkeypatch, "edge_asc.training.run", train=train)
    monkeypatch.setenv(RUN_FOLDER, "")  # so that it is put back afterwards
    code, out, err = cli(
        *("train", "compact-int8", "--data", tones, "--fold", 2, "--out", tmp_path, "--name", "r"),
        *("--set", "train.epochs=20", "--set", "train.batch_size=8", "--seed", 5, "--resume"),
        *("--devices", 2, "--logger", "tensorboard"),
    )
    assert (code, err) == (0, "")
    assert out == f"run {tmp_path / 'r'}\n  test       accuracy 87.5% of 80 clips\n"
    ((config, dataset, fold, folder, options),) = calls
    assert (config.train.epochs, config.train.batch_size) == (20, 8)
    assert (dataset.name, fold, folder) == ("tones", 2, tmp_path / "r")
    assert options["resume"] and options["seed"] == 5 and options["placement"].devices == 2
    assert list(options["loggers"]) == ["tensorboard"]
    assert options["data"] == str(tones)


def test_processes_of_one_training_agree_on_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge_asc.cli.verbs.training import run_folder

    monkeypatch.delenv(RUN_FOLDER, raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    main = run_folder("nano", tmp_path, None, False, 1)  # which makes it
    monkeypatch.setenv("LOCAL_RANK", "1")  # as in the processes that Lightning starts later
    assert run_folder("nano", tmp_path, None, False, 1) == main
    monkeypatch.delenv("LOCAL_RANK")
    assert run_folder("nano", tmp_path, None, False, 1) != main
    with pytest.raises(ValueError, match="--name"):
        run_folder("nano", tmp_path, None, False, 2)


def test_quantize_passes_its_arguments_on(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def quantize_run(run: Path, **options: Any) -> Path:
        calls.append((run, options))
        (tmp_path / "metrics.json").write_text("{}")
        return tmp_path

    stand_in(monkeypatch, "edge_asc.quantize.run", quantize_run=quantize_run)
    code, _, err = cli("quantize", tmp_path, "--ptq", "--set", "quantize.range_clips=4")
    assert (code, err) == (0, "")
    options = {"ptq": True, "overrides": ["quantize.range_clips=4"], "progress": True}
    options |= {"resume": False, "data": None, "teachers": (), "answers": None}
    assert callable(calls[0][1].pop("file_bytes"))
    assert calls == [(tmp_path, options)]


def test_export_over_budget_is_exit_code_3(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export_run(run: Path, *, enforced: bool, **options: Any) -> list[Any]:
        assert options["formats"] == ["tflite", "onnx"]
        if enforced:
            raise OverBudget("m.tflite is over edge-128k: whole file: 200,000 of 128,000 bytes")
        parity = {"clips": 16, "largest_difference": 1e-6, "largest_difference_steps": None}
        return [SimpleNamespace(path=tmp_path / "m.tflite", bytes=200_000, parity=parity)]

    stand_in(monkeypatch, "edge_asc.export.run", export_run=export_run)
    arguments = ("export", tmp_path, "--int8", "--format", "all", "--rule", "edge-128k")
    code, out, err = cli(*arguments)
    assert (code, out) == (3, "")
    assert "200,000 of 128,000" in err
    code, out, _ = cli(*arguments, "--no-enforce")
    assert code == 0
    assert "m.tflite  200,000 bytes\n  clips 16, largest difference 1e-06\n" in out


def test_over_budget_is_exit_code_3_of_every_verb(
    cli: Cli, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: Any, **__: Any) -> None:
        enforce(inventory_of_file(model), tight)

    limit = replace(RULES["edge-128k"].limits[0], most=16)
    tight = Rule("tight", (limit,), "")
    stand_in(monkeypatch, "edge_asc.evaluation.calibrate", calibrate=too_large, calibration_text=0)
    monkeypatch.setattr("edge_asc.teaching.teach.teach", too_large)
    calibrate = ("calibrate", model, "--data", tmp_path)
    for arguments in (calibrate, ("teach", tmp_path, "--out", tmp_path / "my.tflite")):
        code, out, err = cli(*arguments)
        assert (code, out) == (3, "")
        assert err.startswith(f"edge-asc: {model} is over tight: whole file: ")
        assert "peak activations" in err  # where the bytes are


@pytest.mark.parametrize(
    ("module", "advice"),
    [
        ("torch.nn", f"torch: {add_extra('train')}"),
        ("starlette.routing", f"starlette: {add_extra('live')}"),
        ("psycopg", f"psycopg: {add_extra('train,search')}"),
        ("tomllib", "Python 3.11 or newer"),  # the runtime half does with 3.10
    ],
)
def test_missing_packages_are_named(
    module: str, advice: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quantize_run(*_: Any, **__: Any) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    stand_in(monkeypatch, "edge_asc.quantize.run", quantize_run=quantize_run)
    code, _, err = cli("quantize", tmp_path)
    assert (code, err) == (1, f"edge-asc: this needs {advice}\n")


def start(code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *arguments], text=True, **options)


SLOW_INFO = """
import time
from edge_asc.cli import app as cli
from edge_asc.runtime import info
def machine_info():
    print("ready", flush=True)
    time.sleep(60)
info.machine_info = machine_info
cli.main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_is_exit_code_130() -> None:
    pipe = subprocess.PIPE
    # A shell's background jobs, and so a test run among them, inherit SIGINT ignored.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with start(SLOW_INFO, "info", stdout=pipe, stderr=pipe, preexec_fn=heed) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "edge-asc: interrupted\n"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_reader_that_has_enough_gets_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    code = "from edge_asc.cli.app import main; main()"
    with start(code, "info", stdout=write, stderr=subprocess.PIPE) as process:
        os.close(write)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (1, "")


LOADED = """
import sys
from edge_asc.cli.app import main
try:
    main()
except SystemExit as end:
    heavy = {"torch", "torchaudio", "lightning", "nncf", "onnx", "matplotlib"}
    print(end.code, sorted(heavy & set(sys.modules)), file=sys.stderr)
"""


def cpu_s(*arguments: str) -> float:
    """Processor seconds of a Python process; the clock on the wall would count our neighbours."""
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


# In loads of numpy, timed in turn with it: a slow or busy machine is slow in both. Measured: 1.7,
# 3.2 and 3.6; torch alone takes ten.
@pytest.mark.parametrize(("verb", "limit"), [("--help", 3), ("info", 6), ("classify", 6)])
def test_from_cold_it_is_quick_and_without_torch(
    verb: str, limit: float, model: Path, tmp_path: Path
) -> None:
    arguments = [verb]
    if verb == "classify":
        arguments += [str(write_tone(tmp_path / "x.wav", "low")), "--model", str(model)]
    with start(LOADED, *arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        _, err = process.communicate(timeout=60)
    assert err == "0 []\n"
    times_s = [(cpu_s("-m", "edge_asc", *arguments), cpu_s("-c", "import numpy")) for _ in range(5)]
    command_s, numpy_s = (min(column) for column in zip(*times_s, strict=True))
    assert command_s < limit * numpy_s
