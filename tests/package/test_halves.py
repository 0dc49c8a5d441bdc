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
_HEAVY = "torch torchaudio lightning nncf onnx matplotlib sklearn"
# onnxruntime is an extra: only a session that runs an .onnx file imports it.
HEAVY = frozenset([*_HEAVY.split(), "onnxruntime"])
# Packages of the half that runs on a Raspberry Pi: torch is a property of a package.
ON_THE_PI = (
    *("files", "install", "plotting", "shown", "suggest"),
    *("audio", "frontend", "runtime", "demo"),
)
# These reach the training half, but only inside the functions that need it: `edge-asc --help` and
# what the base installation offers come without torch.
LAZY = (
    "__init__",
    "__main__",
    "config",
    "data",
    "budget",
    "evaluation",
    "research",
    "teaching",
    "api",
    "report",
    "cli",
)
TORCH_INSIDE = ("budget.network", "budget.onnx", "evaluation.explain.block_maps")
# Of packages that know torch: what the base installation builds upon to write a file.
LIGHT_AMONG_HEAVY = (
    *("graph.digest", "graph.from_tflite", "graph.graph", "graph.integers", "graph.reading"),
    *("graph.trunk", "export.tflite"),
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


def modules_of(*packages: str) -> list[str]:
    """Modules of these packages, below edge_asc, sorted: workers must collect the same tests."""
    return [
        module
        for module in sorted(module_files())
        if any(module == package or module.startswith(f"{package}.") for package in packages)
    ]


@cache
def module_files() -> dict[str, Path]:
    """Every module below edge_asc and its file, through the links as well as beside them."""
    found = {}
    for folder in (PACKAGE, *(PACKAGE / part for part in ("quantize", "export", "demo"))):
        for path in folder.rglob("*.py"):
            parts = path.relative_to(PACKAGE).with_suffix("").parts
            name = ".".join(parts)
            found[name.removesuffix(".__init__")] = path
    return found


RUNTIME = modules_of(*ON_THE_PI)
LIGHT = [m for m in modules_of(*LAZY) if m not in modules_of(*TORCH_INSIDE)]
LIGHT += LIGHT_AMONG_HEAVY

# One clean process that forks for every module: a fork that has imported nothing of ours is as good
# as a fresh interpreter, and thirty times as quick where it has what most modules import of others.
# Did one of those import a heavy package, every module would be found to.
IMPORT_EACH = """
import asyncio, ctypes, http.server, importlib, json, logging, os, sys, urllib.request
import flatbuffers, msgspec, numpy, rich.console, rich.progress, rich.table, soundfile, soxr, typer
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
    found: dict[str, list[str]] = json.loads(python(IMPORT_EACH, *RUNTIME, *LIGHT))
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("module", [*RUNTIME, *LIGHT])
def test_a_runtime_module_imports_nothing_of_training(module: str) -> None:
    loaded = loaded_by_module()[module]
    assert "edge_asc" in loaded, loaded
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("module", RUNTIME)
def test_nor_does_it_lazily(module: str) -> None:
    allowed = {"onnxruntime"} if module == "runtime.sessions" else set()
    allowed |= {"matplotlib"} if module == "plotting" else set()
    assert not {name.split(".")[0] for name in imports(module_files()[module])} & HEAVY - allowed


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
            "from edge_asc.runtime.classifier import RUNTIMES as r; r['onnxruntime'].open(b'', 1)",
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
    sources = {name: imports(path) for name, path in module_files().items()}
    roots = {name: {i.split(".")[0] for i in found} for name, found in sources.items()}
    assert [n for n, found in roots.items() if "onnxruntime" in found] == ["runtime.sessions"]
    assert [n for n, found in roots.items() if "matplotlib" in found] == ["plotting"]
    for name, found in roots.items():
        if "nncf" in found and name != "quantize.nncf_setup":
            # Inside functions only, which run after `import_nncf`.
            assert "edge_asc.quantize.nncf_setup" in sources[name], name
            at_import = top_level_imports(module_files()[name])
            assert not any(i.split(".")[0] == "nncf" for i in at_import), name


def top_level_imports(path: Path) -> set[str]:
    """Modules that the import of a file imports."""
    names: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names
