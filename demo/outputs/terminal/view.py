"""What the terminal view looks like: a picture of the moment as lines of styled text.

A line is a list of rich segments. They are built here, not by rich's tables and panels: a redraw
then takes a third of the time, which a Raspberry Pi Zero notices.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment

from edge_asc.demo.events import UNSURE, Decision, Health, Notice, clock_time
from edge_asc.demo.hearing.levels import Meter
from edge_asc.demo.outputs.facts import facts
from edge_asc.demo.outputs.terminal import style as look
from edge_asc.demo.outputs.terminal.meter import meter_row
from edge_asc.demo.outputs.terminal.strip import Strip, shares, time_axis
from edge_asc.demo.outputs.terminal.style import Glyphs, Line, bar, duration, keys
from edge_asc.runtime.metadata import Metadata
from edge_asc.shown import shown

MENDED = {"lost": "no audio", "silent": "only zeros"}
FACT_STYLES = {"ok": look.PLAIN, "warn": look.WARN, "bad": look.BAD}
MAX_NOTICE_ROWS = 3
MIN_SCENES = 3  # rows, however low the terminal


@dataclass
class Picture:
    """What there is to show."""

    description: str
    metadata: Metadata
    strip: Strip
    meter: Meter
    decision: Decision | None = None
    shown_since_s: float = 0.0  # position in the audio
    waiting_since_s: float = 0.0  # meter's time at which a window began to fill
    health: Health | None = None
    notices: deque[Notice] = field(default_factory=lambda: deque(maxlen=MAX_NOTICE_ROWS))


def draw(picture: Picture, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """At most `height` lines of at most `width` cells; notices give way first, then scenes."""
    sections = [
        [*_header(picture)],
        [_headline(picture, glyphs)],
        [],
        [*_abstract_rows(picture, width, glyphs)],
        [meter_row(picture.meter, width, glyphs)],
        [*_strip_rows(picture, width, glyphs)],
        [*_health_rows(picture, width, glyphs)],
    ]
    room = height - sum(map(len, sections))
    n_notice_rows = min(MAX_NOTICE_ROWS, max(1, room - len(picture.metadata.labels)))
    sections.append(_notice_rows(picture, width, n_notice_rows))
    n_scenes = max(MIN_SCENES, room - len(sections[-1]))
    sections[2] = [*_scene_rows(picture, width, n_scenes, glyphs)]
    lines = _spaced(sections, height)[:height]
    return [Segment.adjust_line_length(line, width, pad=False) for line in lines]


def _spaced(sections: list[list[Line]], height: int) -> list[Line]:
    """The sections with an empty line before as many of them as there is room for."""
    spare = height - sum(map(len, sections))
    before = set((5, 1, 4, 6, 2, 7, 3)[: max(0, spare)])  # which gaps help the eye most
    lines: list[Line] = []
    for i, section in enumerate(sections):
        if section and lines and i in before:
            lines.append([])
        lines += section
    return lines


def _header(picture: Picture) -> Iterator[Line]:
    yield [Segment(shown(picture.description), look.BOLD)]
    health = picture.health
    if health is None:
        yield [Segment("starting", look.DIM)]
        return
    rate = f"  {health.sample_rate_hz} Hz" if health.sample_rate_hz else ""
    yield [
        Segment(health.state, look.STATE_STYLES.get(health.state, look.PLAIN)),
        Segment(f"  {shown(health.source)}{rate}"),
        Segment(f"  up {duration(health.uptime_s)}", look.DIM),
    ]


def _headline(picture: Picture, glyphs: Glyphs) -> Line:
    decision, health, metadata = picture.decision, picture.health, picture.metadata
    if decision is not None:
        style = look.WARN if decision.scene == UNSURE else look.ACCENT
        shown_s = decision.position_s - picture.shown_since_s
        return [
            Segment(f"{glyphs.shown} {shown(decision.scene)}", style),
            Segment(f"  {100 * decision.confidence:.0f} %", look.BOLD),
            Segment(f"  for {duration(shown_s)}", look.DIM),
        ]
    if health is not None and health.state in MENDED:
        age = "" if health.audio_age_s is None else f" for {duration(health.audio_age_s)}"
        return [Segment(f"{MENDED[health.state]}{age}: it is opened again", look.BAD)]
    heard_s = min(picture.meter.heard_s - picture.waiting_since_s, metadata.clip_s)
    return [Segment(f"listening: {int(heard_s)} of {metadata.clip_s:g} s", look.WARN)]


def _scene_rows(picture: Picture, width: int, n_rows: int, glyphs: Glyphs) -> Iterator[Line]:
    """A bar for each scene in the model's order; the likeliest ones where not all have room."""
    labels, decision = picture.metadata.labels, picture.decision
    values = decision.probabilities if decision else {}
    letters = keys(tuple(labels))
    label_width = _label_width(picture)
    chosen = sorted(labels, key=lambda label: -values.get(label, 0.0))[:n_rows]
    for index, label in enumerate(labels):
        if label in chosen:
            key = Segment(letters[label], look.KEY_STYLES[index % len(look.KEY_STYLES)])
            is_shown = decision is not None and decision.scene == label
            value = values.get(label)
            yield _bar_row(label, value, key, is_shown, width, label_width, glyphs)


def _abstract_rows(picture: Picture, width: int, glyphs: Glyphs) -> Iterator[Line]:
    decision = picture.decision
    values = (decision.abstract_probabilities if decision else None) or {}
    label_width = _label_width(picture)
    for label in picture.metadata.abstract_labels:
        is_shown = decision is not None and decision.abstract == label
        value = values.get(label)
        yield _bar_row(label, value, Segment(" "), is_shown, width, label_width, glyphs)


def _label_width(picture: Picture) -> int:
    labels = (*picture.metadata.labels, *picture.metadata.abstract_labels)
    return max(cell_len(shown(label)) for label in labels)


def _bar_row(
    label: str,
    value: float | None,  # nothing is known yet
    key: Segment,
    is_shown: bool,
    width: int,
    label_width: int,
    glyphs: Glyphs,
) -> Line:
    label_width = min(label_width, max(4, width // 3))
    bar_width = min(look.MAX_BAR, max(0, width - label_width - 11))
    mark, style = (glyphs.shown, look.ACCENT) if is_shown else (" ", look.PLAIN)
    length = bar(value or 0.0, bar_width, glyphs)
    percent = "" if value is None else f" {100 * value:3.0f} %"
    return [
        Segment(f"{mark} ", style),
        key,
        Segment(f" {set_cell_size(shown(label), label_width)} ", style),
        Segment(length, style),
        Segment(" " * (bar_width - len(length))),
        Segment(percent, style),
    ]


def _strip_rows(picture: Picture, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """The last minutes, the time below them, and what the letters mean with each scene's share."""
    labels = picture.metadata.labels
    now_s = picture.health.time_s if picture.health else 0.0
    cells = picture.strip.latest(width, now_s)
    # Another model's scenes may still be in the strip; they get the letters that are left.
    others = sorted({c for c in cells if c is not None} - {*labels, UNSURE})
    letters = {**keys((*labels, *others)), UNSURE: look.UNSURE_KEY}
    styles = {label: look.KEY_STYLES[i % len(look.KEY_STYLES)] for i, label in enumerate(labels)}
    runs = ((cell, sum(1 for _ in run)) for cell, run in groupby(cells))
    yield [
        Segment(letters[c] * n, styles.get(c, look.DIM)) if c else Segment(" " * n) for c, n in runs
    ]
    yield [Segment(time_axis(width, picture.strip.cell_s, glyphs.peak), look.DIM)]
    legend: Line = []
    for scene, share in shares(cells):
        text = f" {shown(scene)} {100 * share:.0f} %  "
        if sum(s.cell_length for s in legend) + cell_len(text) + 1 <= width:
            legend += [Segment(letters[scene], styles.get(scene, look.DIM)), Segment(text)]
    yield legend


def _health_rows(picture: Picture, width: int, glyphs: Glyphs) -> Iterator[Line]:
    """Facts, as many on a line as fit."""
    row: Line = []
    for text, verdict in facts(picture.health) if picture.health else ():
        fact = Segment(text.replace(look.DEGREES, glyphs.degrees), FACT_STYLES[verdict])
        if row and sum(s.cell_length for s in row) + 2 + fact.cell_length > width:
            yield row
            row = []
        row += [Segment("  "), fact] if row else [fact]
    yield row


def _notice_rows(picture: Picture, width: int, n_rows: int) -> list[Line]:
    """The latest notices that fit as a whole; of the very last one as much as does."""
    rows: list[Line] = []
    for notice in reversed(picture.notices):
        when = f"{clock_time(notice.time_s)} "
        texts = wrap(shown(notice.text), max(10, width - len(when))) or [""]
        if rows and len(rows) + len(texts) > n_rows:
            break
        heads = [when, *[" " * len(when)] * (len(texts) - 1)]
        both = zip(heads, texts, strict=True)
        rows = [[Segment(head, look.DIM), Segment(text)] for head, text in both][:n_rows] + rows
    return rows
