"""Small drawings of a report as SVG: lines over epochs, and the bytes of a file as one bar.

Colours are variables of the page, so that both of its themes fit.
"""

import math
from collections.abc import Mapping, Sequence

from edge_asc.report.html import Html, join, tag

WIDTH, HEIGHT = 380, 230
LEFT, RIGHT, TOP, BOTTOM = 50, 12, 30, 46  # pixels round the drawing area
N_COLOURS = 6
TICKS = 4  # of an axis, about
Points = Sequence[tuple[float, float]]


def line_chart(
    title: str, series: Mapping[str, Points], top: float | None = None, across: str = "epoch"
) -> Html:
    """Lines over epochs, or over something else.

    Args:
        title: what is shown.
        series: (across, value) by name; a single point becomes a dot.
        top: where the upright axis ends; None: above the largest value.
        across: what the level axis shows.
    """
    points = [point for line in series.values() for point in line]
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    ticks = round_ticks(0.0, top or max(y for _, y in points) or 1.0)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - first) / (last - first) if last > first else 0.5
        up = y / ticks[-1]
        return (
            round(LEFT + across * (WIDTH - LEFT - RIGHT), 1),
            round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1),
        )

    parts = [tag("text", title, x=LEFT, y=18, class_="title")]
    for tick in ticks:
        _, y = place(first, tick)
        parts.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(tag("text", f"{tick:g}", x=LEFT - 5, y=y + 4, text_anchor="end"))
    for epoch in sorted({first, last}):
        x, y = place(epoch, 0)
        parts.append(tag("text", f"{epoch:g}", x=x, y=y + 15, text_anchor="middle"))
    for number, (name, line) in enumerate(series.items()):
        parts.append(_line([place(*point) for point in line], colour(number)))
        if len(series) > 1:
            parts += _legend(number, name, colour(number))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(tag("text", across, x=middle, y=HEIGHT - 31, text_anchor="middle"))
    return _svg(HEIGHT, f"{title} over {across}", parts)


def colour(number: int) -> str:
    """Colour of a line or part."""
    return f"var(--c{number % N_COLOURS})"


def legend_key(number: int, name: str) -> Html:
    """A name behind its colour."""
    return join((tag("span", class_="key", style=f"background:{colour(number)}"), name))


def _line(places: Sequence[tuple[float, float]], stroke: str) -> Html:
    if len(places) == 1:
        (x, y), *_ = places
        return tag("circle", cx=x, cy=y, r=3, fill=stroke)
    path = " ".join(f"{x},{y}" for x, y in places)
    return tag("polyline", points=path, fill="none", stroke=stroke, stroke_width=2)


def _legend(number: int, name: str, stroke: str) -> list[Html]:
    x, y = LEFT + number * 110, HEIGHT - 8
    line = tag("line", x1=x, x2=x + 18, y1=y - 4, y2=y - 4, stroke=stroke, stroke_width=2)
    return [line, tag("text", name, x=x + 23, y=y)]


def round_ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to at least `high`; both finite, `low` below `high`."""
    raw = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= raw * (1 - 1e-9))
    n = math.ceil((high - low) / step - 1e-9)
    return [float(f"{low + i * step:.6g}") for i in range(n + 1)]


def bytes_bar(parts: Mapping[str, int], limit: int | None) -> Html:
    """A file's bytes by part as one bar, with the limit as a line where there is one."""
    total = sum(parts.values())
    scale = WIDTH / max(total, limit or 0, 1)
    drawn, x = [], 0.0
    for number, (name, size) in enumerate(parts.items()):
        width = round(size * scale, 2)
        box = tag("title", f"{name}: {size:,} bytes")
        shape = {"x": round(x, 2), "y": 4, "width": width, "height": 16}
        drawn.append(tag("rect", box, **shape, fill=colour(number)))
        x += width
    if limit is not None:
        at = min(round(limit * scale, 2), WIDTH - 1)
        mark = {"stroke": "currentColor", "stroke_width": 2}
        drawn.append(tag("line", x1=at, x2=at, y1=0, y2=24, **mark))
    wide = {"class_": "bytes", "preserveAspectRatio": "none"}
    return _svg(24, "bytes by part", drawn, **wide)


def _svg(height: int, label: str, parts: Sequence[Html], **more: str) -> Html:
    box = f"0 0 {WIDTH} {height}"
    return tag("svg", *parts, viewBox=box, role="img", aria_label=label, **more)
