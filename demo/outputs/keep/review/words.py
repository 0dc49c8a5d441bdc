"""What a review says of clips, to people and to programs."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from edge_asc.demo.events import UNSURE, iso_time
from edge_asc.demo.outputs.keep.names import BACKGROUND
from edge_asc.demo.outputs.keep.store import Clip, Store

FEW_LABELS = 9  # as many have a key of their own
N_LIKELY, LEAST_SHARE = 3, 0.01  # probabilities told of a clip
LEAST_RECORDINGS = LEAST_CLASSES = 2  # that `edge-asc teach` needs: of a class, and of classes


def offered(clips: Sequence[Clip]) -> list[str]:
    """The labels that a clip may have: those of the models that were asked, and those in use.

    A few are in the models' order; of many the ones come first that were said or given most often.
    """
    found: dict[str, None] = {}
    for clip in clips:
        found |= dict.fromkeys(clip.kept.probabilities or {})
    found |= dict.fromkeys(sorted(clip.label for clip in clips if clip.label))
    found.pop(BACKGROUND, None)
    if len(found) <= FEW_LABELS:
        return list(found)
    often = Counter(likeliest(clip)[0][0] for clip in clips if clip.kept.probabilities)
    often.update(clip.label for clip in clips if clip.label)
    return sorted(found, key=lambda label: -often[label])


def likeliest(clip: Clip) -> list[tuple[str, float]]:
    """The likeliest scenes with their probabilities, the first one first; none that is 0 %."""
    probabilities = clip.kept.probabilities or {}
    best = sorted(probabilities.items(), key=lambda pair: -pair[1])[:N_LIKELY]
    return best[:1] + [pair for pair in best[1:] if pair[1] >= LEAST_SHARE]


def said(clip: Clip) -> str:
    """What the model said: `unsure: dog 38 %, rain 30 %`."""
    shares = ", ".join(f"{label} {100 * share:.0f} %" for label, share in likeliest(clip))
    if clip.kept.scene is None:
        return "nothing is known of it"
    if clip.kept.scene == UNSURE:
        return f"{UNSURE}: {shares}"
    return shares or clip.kept.scene


def when(clip: Clip) -> str:
    """Local time: `Mon 4 May 12:30:05`."""
    time = datetime.fromtimestamp(clip.kept.time_s)
    return f"{time:%a} {time.day} {time:%b %H:%M:%S}"


def clip_text(clip: Clip) -> str:
    """`Mon 4 May 12:30:05  6.0 s  unsure: dog 38 %, rain 30 %`."""
    parts = [when(clip), f"{clip.kept.seconds:.1f} s", said(clip)]
    if clip.label:
        parts.append(f"that is {name_of(clip.label)}")
    return "  ".join(parts)


def clip_dict(clip: Clip) -> dict[str, Any]:
    """All of it."""
    kept = clip.kept
    return {
        "id": clip.id,
        "time": iso_time(kept.time_s),
        "time_s": kept.time_s,
        "seconds": kept.seconds,
        "window_s": kept.window_s,
        "why": kept.why,
        "model": kept.model,
        "scene": kept.scene,
        "confidence": kept.confidence,
        "probabilities": kept.probabilities,
        "level_dbfs": kept.level_dbfs,
        "label": clip.label,
        "path": str(clip.path),
    }


def review_dict(store: Store, clips: Sequence[Clip]) -> dict[str, Any]:
    """All clips, and what is reached."""
    counts = labelled_counts(clips)
    each = [{"label": name, "clips": n, "recordings": r} for name, (n, r) in counts.items()]
    return {
        "clips": [clip_dict(clip) for clip in clips],
        "labels": each,
        "missing": not_yet(counts),
        "teach": teach_command(store),
    }


def name_of(label: str) -> str:
    """A label for people."""
    return "none of these" if label == BACKGROUND else label


def labelled_counts(clips: Sequence[Clip]) -> dict[str, tuple[int, int]]:
    """Clips and recordings of each label, by name; what is none of them comes last."""
    by_label: dict[str, list[str]] = {}
    for clip in clips:
        if clip.label:
            by_label.setdefault(clip.label, []).append(clip.path.parent.name)
    names = sorted(by_label, key=lambda label: (label == BACKGROUND, label))
    return {name: (len(by_label[name]), len(set(by_label[name]))) for name in names}


def summary(store: Store, clips: Sequence[Clip]) -> Iterator[str]:
    """How many are labelled, and what comes next."""
    counts = labelled_counts(clips)
    each = (f"{name_of(name)} {n} ({counted(r, 'recording')})" for name, (n, r) in counts.items())
    n_labelled = sum(n for n, _ in counts.values())
    yield f"{counted(n_labelled, 'clip')} with a label" + ": " * bool(counts) + ", ".join(each)
    if missing := not_yet(counts):
        yield f"edge-asc teach needs {missing}"
    else:
        yield teach_command(store)


def teach_command(store: Store) -> str:
    """The line to type next."""
    return f"edge-asc teach {shlex.quote(str(store.labelled))} --out my.tflite"


def not_yet(counts: dict[str, tuple[int, int]]) -> str | None:
    """What is missing before these labels can be taught; None: nothing."""
    classes = {name: r for name, (_, r) in counts.items() if name != BACKGROUND}
    if len(classes) < LEAST_CLASSES:
        return f"{LEAST_CLASSES} labels besides 'none of these'"
    few = [name for name, n in classes.items() if n < LEAST_RECORDINGS]
    return f"another recording of {', '.join(few)}, from another minute" if few else None


def counted(n: int, what: str) -> str:
    """`1 clip`, `2 clips`."""
    return f"{n} {what}{'s' * (n != 1)}"
