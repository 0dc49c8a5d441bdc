"""Answers that come with the command line, all of them or none."""

from collections.abc import Sequence

from edge_asc.demo.outputs.keep.names import checked_label
from edge_asc.demo.outputs.keep.store import Store


def answer(store: Store, labels: Sequence[str], deleted: Sequence[str]) -> None:
    """Label clips by `ID=LABEL`, where no label takes it back, and delete others for good.

    Raises:
        ValueError: no such clip, or no label; nothing was changed.
        OSError: the folder cannot be written.
    """
    named = [_named(text) for text in labels]
    for clip_id in (*(clip_id for clip_id, _ in named), *deleted):
        store.clip(clip_id)
    for clip_id, label in named:
        store.label(clip_id, label)
    for clip_id in deleted:
        store.delete(clip_id)
        store.forget(clip_id)


def _named(text: str) -> tuple[str, str | None]:
    clip_id, equals, label = text.partition("=")
    if not equals:
        raise ValueError(f"--label {text}: say ID=LABEL")
    return clip_id, checked_label(label) if label.strip() else None
