"""Counts of the source tree, today's beside those of an older commit, for RESULTS.md.

    python recipes/layout_counts.py [COMMIT] | python recipes/tables.py fill RESULTS.md layout

A package is the first folder below edge_asc/, or quantize, export or demo; modules that lie in no
folder make up a package of their own. Only imports count, those inside functions too.
"""

import ast
import subprocess
import sys
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from itertools import combinations
from pathlib import Path

from tables import markdown

ROOT = Path(__file__).resolve().parents[1]
TOPS = (
    "edge_asc",
    "quantize",
    "export",
    "demo",
)  # the last three install in the first
# Folders and modules of what commit 200d42f could not do, in no part of its own.
NEW = {
    *("edge_asc/api", "edge_asc/teaching", "edge_asc/runtime/answers", "edge_asc/__init__.py"),
    *("edge_asc/suggest.py", "edge_asc/install.py", "edge_asc/cli/verbosity.py"),
    *("edge_asc/cli/complete.py", "edge_asc/cli/verbs/teach.py", "edge_asc/config/settings.py"),
    *("edge_asc/runtime/processor.py", "edge_asc/runtime/formats/unsigned_weights.py"),
    *("edge_asc/models/own.py", "edge_asc/models/slim.py", "export/write.py", "export/names.py"),
    *("export/model_file.py", "edge_asc/graph/from_tflite.py", "edge_asc/graph/trunk.py"),
    *("edge_asc/graph/reading", "edge_asc/budget/biodcase2026.py", "edge_asc/budget/score.py"),
    *("edge_asc/budget/tflite/arena.py", "edge_asc/runtime/formats/four_bits.py"),
    *("edge_asc/runtime/formats/wide_onnx.py", "edge_asc/runtime/formats/wide_tflite.py"),
    *(
        "edge_asc/search/best.py",
        "edge_asc/search/best_tables.py",
        "edge_asc/config/whole_paths.py",
    ),
    *("edge_asc/training/losses/features.py", "edge_asc/training/start_from/members.py"),
    *("export/file_bytes.py", "export/static.py", "quantize/four_bits.py", "quantize/mixed.py"),
    *("edge_asc/training/start_from/public_labels.py", "edge_asc/training/start_from/base.py"),
    *("edge_asc/config/base.py", "edge_asc/graph/pretrained.py", "demo/recording", "demo/learning"),
    *("demo/outputs/keep", "demo/outputs/web/review.py", "demo/outputs/terminal/meter.py"),
    *("demo/service/signals.py", "demo/hearing/trial.py", "edge_asc/cli/verbs/record.py"),
    *("edge_asc/cli/verbs/review.py", "edge_asc/runtime/formats/taught.py"),
    *("edge_asc/audio/formats", "edge_asc/audio/channels.py", "edge_asc/audio/ffmpeg.py"),
    *("edge_asc/audio/full_scale.py", "edge_asc/audio/pieces.py", "edge_asc/audio/found.py"),
    *("edge_asc/runtime/trust", "edge_asc/shown.py", "edge_asc/cli/standard_streams.py"),
    *("edge_asc/data/layouts/splits.py", "edge_asc/data/layouts/urbansound.py"),
    *(
        "edge_asc/data/layouts/columns.py",
        "edge_asc/data/layouts/own.py",
        "edge_asc/data/lengths.py",
    ),
    *(
        "edge_asc/evaluation/interval.py",
        "edge_asc/budget/onnx/work.py",
        "demo/sources/channels.py",
    ),
    *("edge_asc/research", "edge_asc/cli/verbs/research.py", "edge_asc/cli/outputs.py"),
    *("edge_asc/evaluation/scorers/by_device.py", "edge_asc/data/train_list.py"),
    *("edge_asc/data/layouts/test_set.py", "edge_asc/training/losses/answers.py"),
    *("edge_asc/config/own_code.py", "edge_asc/training/augment/extra.py"),
    *("edge_asc/graph/tracing", "edge_asc/graph/folding", "edge_asc/graph/digest.py"),
    *("export/tflite/moves.py", "export/onnx/moves.py"),
}


@dataclass(frozen=True)
class Tree:
    """The Python sources of one commit: path below the root → text."""

    sources: dict[Path, str]

    @classmethod
    def of_commit(cls, commit: str) -> "Tree":
        """As git keeps it; links are not followed, so that no file counts twice."""
        archive = subprocess.run(
            ["git", "archive", commit, *TOPS], cwd=ROOT, capture_output=True, check=True
        )
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
            return cls(
                {
                    Path(member.name): tar.extractfile(member).read().decode()  # type: ignore[union-attr]
                    for member in tar
                    if member.isfile() and member.name.endswith(".py")
                }
            )

    def folders(self) -> dict[Path, tuple[int, int, int]]:
        """Folder → entries, files and lines that lie in it, not in one below."""
        entries: dict[Path, set[str]] = defaultdict(set)
        lines: dict[Path, list[int]] = defaultdict(list)
        for path, text in self.sources.items():
            lines[path.parent].append(len(text.splitlines()))
            for folder, inside in zip(path.parents, (path, *path.parents), strict=False):
                entries[folder].add(inside.name)
        return {f: (len(entries[f]), len(n), sum(n)) for f, n in lines.items()}

    def imports(self) -> dict[tuple[str, str], int]:
        """(package, package that it imports) → in how many files."""
        found: dict[tuple[str, str], set[Path]] = defaultdict(set)
        for path, text in self.sources.items():
            if path.stem == "__main__" or path == Path("edge_asc/__init__.py"):
                continue  # the front door leads everywhere
            for name in _imported(text):
                pair = _package(path), self._package_of(name)
                if pair[1] and pair[0] != pair[1]:
                    found[pair].add(path)
        return {pair: len(files) for pair, files in found.items()}

    def _package_of(self, module: str) -> str:
        """Package of a module's name; empty for other people's, and for `edge_asc` itself."""
        top, *rest = module.split(".")
        if top != "edge_asc" or not rest:
            return ""
        folder = Path(rest[0]) if rest[0] in TOPS else Path(top, rest[0])
        is_folder = any(folder in path.parents for path in self.sources)
        return rest[0] if is_folder else "edge_asc"

    def public_names(self) -> int:
        """Names of `import edge_asc` beside its version."""
        names: dict[str, object] = {"__name__": "edge_asc"}
        exec(self.sources[Path("edge_asc/__init__.py")], names)
        return len(names.get("__all__", []))  # type: ignore[arg-type]


def _imported(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "edge_asc":
            yield from (f"edge_asc.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _package(path: Path) -> str:
    top, *rest = path.parts
    return top if top != "edge_asc" or len(rest) == 1 else rest[0]


def in_circles(imports: dict[tuple[str, str], int]) -> set[str]:
    """Packages that reach themselves over others."""
    reach = {a: {b for x, b in imports if x == a} for a, _ in imports}
    for _ in reach:
        for a in reach:
            reach[a] = reach[a] | {c for b in reach[a] for c in reach.get(b, ())}
    return {a for a, far in reach.items() if a in far}


def summary(tree: Tree) -> dict[str, str]:
    """What the table says of a tree."""
    folders, imports = tree.folders(), tree.imports()
    largest = max(folders, key=lambda folder: folders[folder][1])
    both = [
        p for p in combinations(sorted({a for a, _ in imports}), 2) if {p, p[::-1]} <= {*imports}
    ]
    return {
        "Python files": str(len(tree.sources)),
        "lines": f"{sum(len(t.splitlines()) for t in tree.sources.values()):,}",
        "folders": str(len(folders)),
        "files in the fullest folder": f"{folders[largest][1]} ({largest})",
        "folders of more than 14 entries": str(sum(n > 14 for n, _, _ in folders.values())),
        "packages": str(len({_package(path) for path in tree.sources})),
        "pairs of packages that import each other": str(len(both)),
        "packages in a circle": str(len(in_circles(imports))),
        "names of `import edge_asc`": str(tree.public_names()),
    }


def new_lines(tree: Tree) -> int:
    """Lines of what `NEW` names."""
    return sum(
        len(text.splitlines())
        for path, text in tree.sources.items()
        if {path.as_posix(), *(folder.as_posix() for folder in path.parents)} & NEW
    )


def main() -> None:
    """Print both tables."""
    commit = sys.argv[1] if len(sys.argv) > 1 else "200d42f"
    before, after = Tree.of_commit(commit), Tree.of_commit("HEAD")
    rows = [[key, old, summary(after)[key]] for key, old in summary(before).items()]
    rows.insert(2, ["of them for what is new", "", f"{new_lines(after):,}"])
    print(markdown(["", f"at {commit}", "now"], rows))
    rows = [[str(f), *map(str, counts)] for f, counts in sorted(after.folders().items())]
    print("\n" + markdown(["folder", "entries", "files", "lines"], rows))
    print(f"\n{date.today().isoformat()}.")


if __name__ == "__main__":
    main()
