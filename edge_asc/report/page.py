"""One page on a run: all that was measured of it, in a file that needs no network."""

import base64
import io
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from edge_asc import __version__
from edge_asc.data.dataset import Clip
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.explain.explain import explain_block
from edge_asc.evaluation.explain.figures import ExplainedBlock
from edge_asc.evaluation.explain.plots import DPI, picture
from edge_asc.evaluation.report import percent
from edge_asc.files import atomic_write
from edge_asc.plotting import write_figure
from edge_asc.report.parts import LAST_PARTS, PARTS, headline
from edge_asc.report.sources import Missing, Sources, read_sources

FILE = "report.html"


def write_report(
    run: Path, out: Path | None = None, audio: Path | None = None
) -> tuple[Path, list[str]]:
    """Write a run's report.

    Args:
        run: run folder.
        out: page to write; None: RUN/report.html.
        audio: clip for figure 2; None: the first test clip, where the data set still is.

    Returns:
        The page, and a line for every part that is left out.

    Raises:
        ValueError: no run, a malformed file in it, or `audio` cannot be explained.
        OSError: a file cannot be read or written.
    """
    sources = read_sources(run)
    parts = {name: make(sources) for name, make in PARTS.items()}
    parts["Figure 2"] = figure_2(sources, audio)
    parts |= {name: make(sources) for name, make in LAST_PARTS.items()}
    content = _template().render(
        run=sources.run, folder=run, parts=parts, version=__version__, **headline(sources)
    )
    path = run / FILE if out is None else out
    with atomic_write(path) as temporary:
        temporary.write_text(content.lstrip() + "\n", encoding="utf-8")
    return path, [
        f"{name.lower()}: {part.why}" + f" ({part.command})" * bool(part.command)
        for name, part in parts.items()
        if isinstance(part, Missing)
    ]


def _template() -> Template:
    """The page; every text that is put into it is escaped, a name it does not get is an error."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["percent"] = percent
    return found.get_template("report.html.j2")


def figure_2(sources: Sources, audio: Path | None) -> Any:
    """The first AMFM block's maps of a clip.

    Raises:
        ValueError: a clip that was asked for cannot be explained.
    """
    if audio is not None:
        return _figure(explain_block(sources.folder, audio))
    try:
        clip = _first_test_clip(sources)
        return _figure(explain_block(sources.folder, clip.path), f"a test clip of {clip.label}, ")
    except (ValueError, OSError) as error:
        command = f"edge-asc report {sources.folder} --audio FILE"
        if "--occlusion" in str(error):
            command = f"edge-asc explain {sources.folder} FILE --occlusion --out PNG"
        return Missing(str(error), command)


def _first_test_clip(sources: Sources) -> Clip:
    """A clip that the run was not trained on."""
    from edge_asc.training.inputs.load import labelled

    run = sources.run
    if not run.data or run.fold is None:
        raise ValueError("the run names no data set, or no test fold")
    _, test = labelled(run.settings(), open_dataset(run.data, columns=run.columns or None)).split(
        run.fold
    )
    return test[0]


def _figure(shown: ExplainedBlock, what: str = "") -> dict[str, str]:
    content = io.BytesIO()
    write_figure(picture(shown), content, "png", DPI)
    kept = shown.figures()["kept_share"]
    share = "" if kept is None else f" The unattended value was kept at {percent(kept)}."
    return {
        "png": base64.b64encode(content.getvalue()).decode(),
        "shown": f"Maps of block {shown.found.number}: before attention, after it, after the"
        " maximum",
        "caption": f"Of {what}{shown.excerpt.text}, taken for {shown.headline}.{share}",
    }
