"""The verb that gives kept clips their names: review."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_asc.cli.console import print_json, print_text
from edge_asc.cli.options import AsJson

if TYPE_CHECKING:
    from edge_asc.demo.outputs.keep.store import Store

EXAMPLES = {
    "review": (
        "edge-asc review kept",
        "edge-asc review kept --list",
        "edge-asc review kept --label 20260504-123005-250=dog --json",
        "edge-asc review kept --delete 20260504-123005-250",
    ),
}


def review(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Written by edge-asc live --keep.")],
    only_list: Annotated[bool, typer.Option("--list", help="Print the clips, and end.")] = False,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=LABEL", help="Say what a clip is, without asking; again."),
    ] = None,
    delete: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Delete a clip, without asking; again."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the clips were that live listening has kept.

    Each is shown, and can be heard. What has a label is what edge-asc teach learns from.
    """
    from edge_asc.demo.outputs.keep.review import answers, words
    from edge_asc.demo.outputs.keep.store import Store

    store = Store(folder)
    if label or delete:
        answers.answer(store, label or (), delete or ())
    elif not only_list and not as_json:
        _ask_for_each(store)
        return
    clips = store.clips()
    if as_json:
        print_json(words.review_dict(store, clips))
        return
    if only_list:
        for clip in clips:
            print_text(f"{clip.id}  {words.clip_text(clip)}")
    for line in words.summary(store, clips):
        print_text(line)


def _ask_for_each(store: "Store") -> None:
    from edge_asc.demo.outputs.keep.review.play import play
    from edge_asc.demo.outputs.keep.review.session import Session

    store.reconcile()
    Session(store, _line, print, play).run()


def _line(prompt: str) -> str | None:
    """What is typed, or comes through a pipe, which sees no prompt."""
    if sys.stdin.isatty():
        with suppress(ImportError):
            import readline  # noqa: F401  # which input() then edits with
        try:
            return input(prompt)
        except EOFError:
            return None
    line = sys.stdin.readline()
    return line.rstrip("\n") if line else None
