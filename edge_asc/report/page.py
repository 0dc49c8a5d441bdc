"""One page on a run: all that was measured of it, in a file that needs no network."""

import base64
import io
from pathlib import Path

from edge_asc import __version__
from edge_asc.data.dataset import Clip
from edge_asc.data.open import open_dataset
from edge_asc.evaluation.explain.explain import explain_block
from edge_asc.evaluation.explain.figures import ExplainedBlock
from edge_asc.evaluation.explain.plots import DPI, picture
from edge_asc.files import atomic_write
from edge_asc.report.html import Body, Html, Missing, join, page, tag
from edge_asc.report.parts import LAST_PARTS, PARTS, headline
from edge_asc.report.sources import Sources, read_sources

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
    parts: dict[str, Body] = {name: make(sources) for name, make in PARTS.items()}
    parts["Figure 2"] = figure_2(sources, audio)
    parts |= {name: make(sources) for name, make in LAST_PARTS.items()}
    foot = tag("p", f"edge-asc {__version__}", class_="muted")
    sections = [_section(name, body) for name, body in parts.items()]
    content = page(f"{sources.run.settings().name}: {run.name}", headline(sources), *sections, foot)
    path = run / FILE if out is None else out
    with atomic_write(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
    return path, [
        f"{name.lower()}: {body.why}" + f" ({body.command})" * bool(body.command)
        for name, body in parts.items()
        if isinstance(body, Missing)
    ]


def _section(name: str, body: Body) -> Html:
    if isinstance(body, Missing):
        command = join((" Made by: ", tag("code", body.command))) if body.command else None
        body = tag("p", f"Left out: {body.why}.", command, class_="muted")
    return tag("section", tag("h2", name), body)


def figure_2(sources: Sources, audio: Path | None) -> Body:
    """The first AMFM block's maps of a clip.

    Raises:
        ValueError: a clip that was asked for cannot be explained.
    """
    if audio is not None:
        return _figure(explain_block(sources.folder, audio))
    try:
        clip = first_test_clip(sources)
        return _figure(explain_block(sources.folder, clip.path), f"a test clip of {clip.label}, ")
    except (ValueError, OSError) as error:
        command = f"edge-asc report {sources.folder} --audio FILE"
        if "--occlusion" in str(error):
            command = f"edge-asc explain {sources.folder} FILE --occlusion --out PNG"
        return Missing(str(error), command)


def first_test_clip(sources: Sources) -> Clip:
    """A clip that the run was not trained on.

    Raises:
        ValueError: no fold was held out, or the data set is not what it was.
        OSError: the data set is not there.
    """
    from edge_asc.training.inputs.load import labelled

    run = sources.run
    if not run.data or run.fold is None:
        raise ValueError("the run names no data set, or no test fold")
    _, test = labelled(run.settings(), open_dataset(run.data)).split(run.fold)
    return test[0]


def _figure(shown: ExplainedBlock, what: str = "") -> Html:
    content = io.BytesIO()
    picture(shown).savefig(content, dpi=DPI, format="png")
    data = base64.b64encode(content.getvalue()).decode()
    described = f"Maps of block {shown.found.number}: before attention, after it, after the maximum"
    image = tag("img", src=f"data:image/png;base64,{data}", alt=described)
    kept = shown.figures()["kept_share"]
    share = "" if kept is None else f" The unattended value was kept at {100 * kept:.1f} %."
    caption = f"{described}. Of {what}{shown.excerpt.text}, taken for {shown.headline}.{share}"
    return tag("figure", tag("div", image, class_="scroll"), tag("figcaption", caption))
