"""Where a recording lies that a table names: where it says, or elsewhere in the data set."""

from pathlib import Path, PurePosixPath

from edge_asc.audio.found import audio_in
from edge_asc.audio.suffixes import AUDIO_SUFFIXES
from edge_asc.data.layouts.own import composed

_BESIDE = frozenset(
    ["meta", "metadata", "annotations", "csv", "csvs", "labels", "ground_truth", "lists", "tables"]
)


class Finder:
    """Finds recordings by what a table writes; folders are looked through when one is not there.

    Args:
        table: its paths are relative to its folder.
    """

    def __init__(self, table: Path) -> None:
        self._folder = table.parent
        is_beside = table.parent.name.lower() in _BESIDE or ".ground_truth" in table.parent.name
        self.root = table.parent.parent if is_beside else table.parent
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, written: str) -> Path:
        """The file; where it cannot be found, the path as it is written.

        Raises:
            ValueError: several files have this name.
        """
        said = self._folder / written
        if said.exists():
            return said
        name = PurePosixPath(written.replace("\\", "/"))
        found = self._of_name(name)
        if len(found) > 1:
            found = [path for path in found if _ends_with(path, name)] or found
        if len(found) > 1:
            places = ", ".join(str(path.parent) for path in found[:3])
            raise ValueError(f"{written} is in several folders: {places}")
        return found[0] if found else said

    def _of_name(self, name: PurePosixPath) -> list[Path]:
        if self._by_name is None:
            self._by_name = {}
            for path in audio_in(self.root):
                for key in (path.name, path.stem):
                    self._by_name.setdefault(composed(key), []).append(path)
        has_suffix = name.suffix.lower() in AUDIO_SUFFIXES
        found = self._by_name.get(composed(name.name), [])
        return [
            path for path in found if has_suffix or path.stem == name.name or path.name == name.name
        ]


def _ends_with(path: Path, name: PurePosixPath) -> bool:
    end = [composed(part) for part in name.parts if part not in (".", "/")]
    return [composed(part) for part in path.parts[-len(end) :]] == end
