"""The half that runs on a Raspberry Pi never touches the half that trains; nothing phones home."""

import ast
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import edge_asc

PACKAGE = Path(edge_asc.__file__).parent
_HEAVY = "torch torchaudio lightning nncf onnx torchmetrics matplotlib sklearn"
# onnxruntime is an extra: only a session that runs an .onnx file imports it.
HEAVY = frozenset([*_HEAVY.split(), "onnxruntime"])
# What a Pi uses. With everything these import, lazily or not, they are the runtime half.
ON_THE_PI = (
    *("artifact", "audio", "classify", "classify_report", "cli_errors", "files", "info"),
    *("labels", "model_zoo", "runtime", "temperature", "zoo"),
    *("device_audio", "device_filters"),
    *("demo.command", "demo.log_summary", "demo.doctor", "demo.bench", "demo.service"),
)
# The command line may import training, but only inside the verbs that train.
COMMAND_LINE = (
    *("__init__", "__main__", "cli", "cli_console", "verbs_live", "verbs_model"),
    *("verbs_devices", "verbs_search", "verbs_shipping"),
    *("explain", "verbs_explain", "verbs_training", "demo.log_plot"),
    *("calibrate", "evaluation_report", "budget_report"),
)


def imports(path: Path) -> set[str]:
    """Full names of all modules a file imports, at its top or anywhere inside."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def file_of(module: str) -> Path | None:
    """The source file of a module of ours; None for a name that a module defines."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((c for c in candidates if c.is_file()), None)


@cache
def runtime_half() -> dict[str, set[str]]:
    """What each module of the runtime half imports."""
    waiting = [f"edge_asc.{name}" for name in ON_THE_PI]
    seen: dict[str, set[str]] = {}
    while waiting:
        module = waiting.pop()
        path = file_of(module)
        if module not in seen and path is not None:
            seen[module] = imports(path)
            # Sorted: pytest's workers must collect the same tests in the same order.
            waiting += sorted(name for name in seen[module] if name.startswith("edge_asc."))
    return seen


RUNTIME = sorted({*(name.removeprefix("edge_asc.") for name in runtime_half()), *COMMAND_LINE})

# One clean process that forks for every module: a fork that has imported nothing is as good as a
# fresh interpreter, and ten times as quick.
IMPORT_EACH = """
import importlib, json, os, sys
found = {}
for name in sys.argv[1:]:
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            importlib.import_module("edge_asc" if name == "__init__" else f"edge_asc.{name}")
            loaded = sorted({module.split(".")[0] for module in sys.modules})
        except BaseException as error:
            loaded = [repr(error)]
        os.write(write, json.dumps(loaded).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        found[name] = json.load(pipe)
    os.wait()
print(json.dumps(found))
"""


def python(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints; without the variables that switch telemetry off."""
    environment = {k: v for k, v in os.environ.items() if "TELEMETRY" not in k and k != "NNCF_CI"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def loaded_by_module() -> dict[str, list[str]]:
    """Top-level packages in `sys.modules` after the import of each runtime module alone."""
    found: dict[str, list[str]] = json.loads(python(IMPORT_EACH, *RUNTIME))
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("module", RUNTIME)
def test_a_runtime_module_imports_nothing_of_training(module: str) -> None:
    loaded = loaded_by_module()[module]
    assert "edge_asc" in loaded, loaded
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("module", runtime_half())
def test_nor_does_it_lazily(module: str) -> None:
    allowed = {"onnxruntime"} if module == "edge_asc.sessions" else set()
    assert not ({name.split(".")[0] for name in runtime_half()[module]} & HEAVY) - allowed


def test_the_runtime_half_is_what_it_should_be() -> None:
    ours = {name.removeprefix("edge_asc.") for name in runtime_half()}
    assert {"feature_stream", "frontend", "sessions", "windows"} <= ours
    assert not {"train", "torch_frontend", "augment", "evaluate", "plots"} & ours


SPY = """
import os, sys
class Spy:
    def find_spec(self, name, path=None, target=None):
        if name == {package!r}:
            print("first import with", os.environ.get({variable!r}))
            os._exit(0)
sys.meta_path.insert(0, Spy())
{code}
"""


@pytest.mark.parametrize(
    ("package", "variable", "code"),
    [
        (
            "onnxruntime",
            "ORT_DISABLE_TELEMETRY",
            "from edge_asc.runtime import RUNTIMES; RUNTIMES['onnxruntime'].open(b'', 1)",
        ),
        ("nncf", "NNCF_CI", "from edge_asc.quantize.nncf_setup import import_nncf; import_nncf()"),
    ],
)
def test_telemetry_is_off_before_the_package_is_imported(
    package: str, variable: str, code: str
) -> None:
    found = python(SPY.format(package=package, variable=variable, code=code))
    assert found == "first import with 1\n"


def test_no_other_module_imports_a_package_that_phones_home() -> None:
    sources = {path: imports(path) for path in PACKAGE.rglob("*.py")}
    for folder in ("quantize", "export", "demo"):  # where links are not followed
        sources |= {path: imports(path) for path in (PACKAGE / folder).rglob("*.py")}
    roots = {path: {name.split(".")[0] for name in found} for path, found in sources.items()}
    assert [p.name for p, found in roots.items() if "onnxruntime" in found] == ["sessions.py"]
    for path, found in roots.items():
        if "nncf" in found and path.name != "nncf_setup.py":
            # Inside functions only, which run after `import_nncf`.
            assert "edge_asc.quantize.nncf_setup" in sources[path], path
            assert not any(name.split(".")[0] == "nncf" for name in top_level_imports(path)), path


def top_level_imports(path: Path) -> set[str]:
    """Modules that the import of a file imports."""
    names: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names
