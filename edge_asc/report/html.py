"""HTML by construction: every tag is closed and every text escaped.

A page is well formed whatever names, paths and commands it shows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from edge_asc.report.style import CSS

VOID = frozenset({"meta", "img", "br"})


class Html(str):
    """Text that is markup already; anything else is escaped."""


@dataclass(frozen=True)
class Missing:
    """A part that is left out: what it lacks, and the command that makes it."""

    why: str
    command: str = ""


Body = Html | Missing


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """An element. `class_` stands for class, `_` within a name for a hyphen; None is left out."""
    pairs = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    given = "".join(f' {key}="{escape(str(v))}"' for key, v in pairs if v is not None)
    if name in VOID:
        return Html(f"<{name}{given} />")
    return Html(f"<{name}{given}>{join(children)}</{name}>")


def join(children: Iterable[object]) -> Html:
    """Children one after another; None is nothing."""
    shown = (child for child in children if child is not None)
    return Html("".join(c if isinstance(c, Html) else escape(str(c)) for c in shown))


def table(head: Sequence[object], rows: Iterable[Sequence[object]], class_: str = "") -> Html:
    """A table that scrolls by itself where the window is narrow; the first column names the row."""
    body = [
        tag("tr", tag("th", first, scope="row"), *(_cell(value) for value in rest))
        for first, *rest in rows
    ]
    top = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head)))
    whole = tag("table", top if any(head) else None, tag("tbody", *body), class_=class_ or None)
    return tag("div", whole, class_="scroll")


def _cell(value: object) -> Html:
    if isinstance(value, Html) and value.startswith("<td"):
        return value
    return tag("td", value)


def share_cell(share: float | None) -> Html:
    """A cell shaded by a share between 0 and 1."""
    if share is None:
        return tag("td", "-")
    return tag("td", f"{100 * share:.1f} %", class_="share", style=f"--p:{share:.3f}")


def page(title: str, *body: object) -> Html:
    """A whole page that loads nothing and runs nothing, as its policy says."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(CSS)),
    )
    whole = tag("html", head, tag("body", *body), lang="en")
    return Html(f"<!DOCTYPE html>\n{whole}\n")
