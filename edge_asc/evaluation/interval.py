"""How far a measured share can be believed: its 95 % interval, of recordings and not of clips.

Clips that were cut from one recording are right or wrong together, so that many of them are no
more evidence than few.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Z_95 = 1.96  # standard deviations that hold 95 % of a normal distribution


def wilson(share: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share of n (E. B. Wilson, 1927)."""
    z2 = Z_95**2 / n
    middle = (share + z2 / 2) / (1 + z2)
    half = np.sqrt(share * (1 - share) * z2 + z2**2 / 4) / (1 + z2)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def interval(right: np.ndarray, recordings: np.ndarray) -> list[float] | None:
    """Ends of the interval of the share of clips that are right; None of no clips.

    Args:
        right: of each clip, bool `[N]`.
        recordings: which each clip was cut from, `[N]`.
    """
    if not len(right):
        return None
    return list(wilson(float(np.mean(right)), len(set(recordings.tolist()))))


def macro_interval(share: float, truth: np.ndarray, recordings: np.ndarray) -> list[float]:
    """The same of a mean over classes: Wilson's, of as many recordings as count alike.

    A class of few recordings, which weighs as much as any, makes all less sure: C classes of n_c
    recordings have the variance of C² / Σ(1 / n_c) recordings drawn from all.

    Args:
        share: mean over the classes that occur.
        truth: class of each clip, `[N]`.
        recordings: which each clip was cut from, `[N]`.
    """
    sizes = [len(set(recordings[truth == c].tolist())) for c in np.unique(truth)]
    return list(wilson(share, len(sizes) ** 2 / sum(1 / n for n in sizes)))


def interval_text(ends: Sequence[float] | None) -> str:
    """`91.0 to 95.7 %`; of no clips, nothing."""
    return "" if ends is None else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f} %"


def add_intervals(
    figures: dict[str, Any],
    right: np.ndarray,
    recordings: Sequence[str],
    parts: Mapping[str, Mapping[str, np.ndarray]],
) -> None:
    """Put an interval beside each accuracy.

    Args:
        figures: of all clips; gets `recordings` and `accuracy_interval`.
        right: of each clip, bool `[N]`.
        recordings: which each clip was cut from.
        parts: by a key of `figures` whose rows are shares: each row's clips, bool `[N]`.
    """
    names = np.array(recordings)
    figures["recordings"] = len(set(recordings))
    figures["accuracy_interval"] = interval(right, names)
    for key, chosen in parts.items():
        for row, clips in chosen.items():
            figures[key][row]["interval"] = interval(right[clips], names[clips])
