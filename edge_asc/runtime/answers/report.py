"""Classified files for people and for programs."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from edge_asc.runtime.answers.answer import Answer, Prediction, ranking
from edge_asc.runtime.classify import FileResult
from edge_asc.runtime.metadata import Metadata
from edge_asc.shown import shown

BAR = 20  # characters of probability 1


def result_text(
    result: FileResult, metadata: Metadata, top: int, threshold: float | None = None
) -> str:
    """A file's likeliest scenes and, when it has several windows, what came when."""
    lines = [f"{shown(result.path)}  {result.answer.end_s:.1f} s"]
    if result.answer.unheard:
        return f"{lines[0]}\n  {result.answer.unheard}: nothing to name"
    width = max(map(len, [*metadata.labels, *metadata.abstract_labels]))
    for label, p in ranking(result.answer.prediction.scene, metadata.labels, top):
        lines.append(f"  {label:{width}} {100 * p:5.1f} %  {'#' * round(BAR * p)}".rstrip())
    if is_unsure(result.answer, threshold):
        lines.append(f"  unsure: nothing reaches {100 * (threshold or 0):.1f} %")
    if result.answer.prediction.abstract is not None:
        label, p = ranking(result.answer.prediction.abstract, metadata.abstract_labels, 1)[0]
        lines.append(f"  {label:{width}} {100 * p:5.1f} %  (abstract)")
    if len(result.answer.windows) > 1:
        lines += [f"    {line}" for line in timeline_text(result.answer)]
    return "\n".join(lines)


def is_unsure(answer: Answer, threshold: float | None) -> bool:
    """Whether the likeliest scene is below the threshold, or nothing was heard."""
    below = threshold is not None and float(answer.prediction.scene.max()) < threshold
    return below or bool(answer.unheard)


def timeline_text(answer: Answer) -> Iterator[str]:
    """One line for each stretch of windows with the same likeliest scene."""
    for label, run in groupby(answer.windows, lambda window: window.unheard or window.label):
        windows = list(run)
        span = f"{clock(windows[0].start_s)} to {clock(windows[-1].end_s)}"
        if windows[0].unheard:
            yield f"{span}  {label}"
            continue
        mean = sum(dict(window.top())[label] for window in windows) / len(windows)
        yield f"{span}  {label} {100 * mean:.0f} %"


def clock(seconds: float) -> str:
    """`1:02:03.5` or `2:03.5`."""
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02}:{rest / 10:04.1f}" if hours else f"{minutes}:{rest / 10:04.1f}"
    return f"{hours}:{text}" if hours else text


def result_dict(
    result: FileResult, metadata: Metadata, top: int, threshold: float | None = None
) -> dict[str, Any]:
    """A file's result as JSON has it; probabilities by label."""
    return {
        "path": str(result.path),
        "duration_s": result.answer.end_s,
        "top": [
            {"scene": label, "probability": p}
            for label, p in ranking(result.answer.prediction.scene, metadata.labels, top)
        ],
        **prediction_dict(result.answer.prediction, metadata),
        "threshold": threshold,
        "unsure": is_unsure(result.answer, threshold),
        "unheard": result.answer.unheard or None,
        "timeline": [
            {
                "start_s": w.start_s,
                "end_s": w.end_s,
                "unheard": w.unheard or None,
                **prediction_dict(w.prediction, metadata),
            }
            for w in result.answer.windows
        ],
    }


def prediction_dict(prediction: Prediction, metadata: Metadata) -> dict[str, Any]:
    """Probabilities by label, and the likeliest label."""
    found: dict[str, Any] = {
        "scene": metadata.labels[int(prediction.scene.argmax())],
        "probabilities": dict(zip(metadata.labels, prediction.scene.tolist(), strict=True)),
    }
    if prediction.abstract is not None:
        found["abstract"] = metadata.abstract_labels[int(prediction.abstract.argmax())]
        values = prediction.abstract.tolist()
        found["abstract_probabilities"] = dict(zip(metadata.abstract_labels, values, strict=True))
    return found
