"""Every script of recipes/ and bench/ finds what it imports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for folder, pattern in (("recipes", "**/*.py"), ("bench", "*.py"))
    for path in (ROOT / folder).glob(pattern)
)

# One process for all, because torch takes seconds; each script sees its own folder and, below
# recipes/, that one and the encoder's, as its shell script gives it. Nothing of ours stays from
# one to the next.
IMPORT_ALL = """
import json, runpy, sys
from pathlib import Path

root, found, others = Path(sys.argv[1]), {}, sys.path[1:]
ours = tuple(str(root / folder) for folder in ("recipes", "bench", "tests"))
for name in sys.argv[2:]:
    shared = (root / "recipes", root / "recipes/encoder")
    recipes = list(map(str, shared)) if name.startswith("recipes/") else []
    sys.path[:] = [str((root / name).parent), *recipes, *others]
    try:
        runpy.run_path(str(root / name), run_name="imported")
        found[name] = None
    except Exception as error:  # whatever it dies of, the others are imported too
        found[name] = repr(error)
    for module, held in list(sys.modules.items()):
        if (getattr(held, "__file__", None) or "").startswith(ours):
            del sys.modules[module]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def errors() -> dict[str, str | None]:
    """What each script's import ended with, in a process that knows nothing of the tests' paths."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, ROOT, *SCRIPTS],
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_finds_what_it_imports(script: str, errors: dict[str, str | None]) -> None:
    assert errors[script] is None
