"""What a preset takes from the model file whose weights it begins with: front end and window.

`model.options.base` names that file. A preset need not say what the file says, and must not say
otherwise: weights that learnt from one kind of features know nothing of another.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_asc.runtime.metadata import Metadata, metadata_of
from edge_asc.runtime.zoo.models import model_path

OPTION = "base"  # of the network
STATISTICS = "mean"  # a front end that has this key came whole from a file


def base_in(tables: Mapping[str, Any]) -> str | None:
    """The model file that a preset's tables name, or a name of the zoo."""
    model = tables.get("model")
    options = model.get("options") if isinstance(model, Mapping) else None
    base = options.get(OPTION) if isinstance(options, Mapping) else None
    return base if isinstance(base, str) else None


def completed(tables: Mapping[str, Any]) -> Mapping[str, Any]:
    """Tables with the front end and the window of their base, if they name one.

    Raises:
        ValueError: they say otherwise, or the base is no model file of ours.
        OSError: it cannot be read.
    """
    base = base_in(tables)
    frontend, data = tables.get("frontend", {}), tables.get("data", {})
    if base is None or not isinstance(frontend, Mapping) or not isinstance(data, Mapping):
        return tables
    if STATISTICS in frontend and "crop_s" in data:
        return tables  # of a run, which stands without the file
    said = read_base(base)
    check_same("frontend", frontend, said.frontend, base)
    check_same(
        "data", {k: v for k, v in data.items() if k == "crop_s"}, {"crop_s": said.clip_s}, base
    )
    return {**tables, "frontend": said.frontend, "data": {**data, "crop_s": said.clip_s}}


def check_base(tables: Mapping[str, Any]) -> None:
    """See that the base is there and hears what whole tables say; raises as `completed`."""
    if base := base_in(tables):
        said = read_base(base)
        check_same("frontend", tables["frontend"], said.frontend, base)
        check_same("data", {"crop_s": tables["data"]["crop_s"]}, {"crop_s": said.clip_s}, base)


def read_base(base: str) -> Metadata:
    """What a base says of itself."""
    path = model_path(Path(base))
    return metadata_of(path.read_bytes(), str(path))


def check_same(section: str, asked: Mapping[str, Any], has: Mapping[str, Any], base: str) -> None:
    """Raise ValueError where a section asks for what the base does not have."""
    for key, value in asked.items():
        if key in has and value != has[key]:
            raise ValueError(
                f"{section}.{key} = {value!r}, but the base {base} was trained with {has[key]!r}:"
                " leave it out, or take another base"
            )
