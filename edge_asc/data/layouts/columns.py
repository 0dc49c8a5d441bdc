"""Which column of a table means what, where its names are others than ours."""

from collections.abc import Iterable, Mapping, Sequence

from edge_asc.suggest import no_such

COLUMNS = ("path", "label", "fold", "device", "abstract", "group")
SPLIT_COLUMNS = ("split", "subset", "set", "partition", "cv")
_LIKELY: dict[str, tuple[str, ...]] = {
    "path": (
        *("filename", "file_name", "file", "fname", "filepath", "file_path", "slice_file_name"),
        *("name", "audio", "audio_path", "wav", "clip", "recording", "itemid"),
    ),
    "label": (
        *("class", "class_name", "category", "scene_label", "scene", "labels", "label_name"),
        *("classname", "event_label", "target", "tag", "species", "classid"),
    ),
    "fold": SPLIT_COLUMNS,
    "group": ("fsid", "src_file", "identifier", "source_id", "session", "location", "site"),
}


def parse_columns(text: str) -> dict[str, str]:
    """Read `path=filename,label=class`: our name, and the table's.

    Raises:
        ValueError: another form, or a name that is none of ours.
    """
    found: dict[str, str] = {}
    for entry in text.split(","):
        ours, equals, theirs = (part.strip() for part in entry.partition("="))
        if not (ours and equals and theirs):
            raise ValueError(f"columns are given as path=filename,label=class, not {text!r}")
        if ours not in COLUMNS:
            raise ValueError(no_such("column", ours, COLUMNS))
        if ours in found:
            raise ValueError(f"column {ours} is given twice: {text!r}")
        found[ours] = theirs
    return found


def renamed(columns: Sequence[str], wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Column names of a table with ours in place of those that `wanted` maps.

    A column of ours that another one is to stand for goes by its old name in brackets.
    """
    ours = {theirs: name for name, theirs in wanted.items()}
    return tuple(ours.get(name, f"({name})" if name in wanted else name) for name in columns)


def suggestion(columns: Iterable[str]) -> str:
    """The option that may be meant, as far as a table's column names tell; "" where they do not."""
    by_lower = {name.lower(): name for name in columns if name}
    found = {}
    for ours, likely in _LIKELY.items():
        names = [by_lower[name] for name in (ours, *likely) if name in by_lower]
        if names:
            found[ours] = names[0]
    pairs = {"path": "COLUMN", "label": "COLUMN"} | found
    return "--columns " + ",".join(f"{ours}={theirs}" for ours, theirs in pairs.items())


def lists_recordings(columns: Iterable[str]) -> bool:
    """Whether a table's columns look like those of a list of recordings with labels."""
    lower = {name.lower() for name in columns}
    return all(lower & {ours, *_LIKELY[ours]} for ours in ("path", "label"))
