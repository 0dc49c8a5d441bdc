"""Accuracy through simulated microphones, by microphone and by set.

Letters: N clips, S scenes.
"""

import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_asc.audio.microphones.choice import parse_microphones
from edge_asc.audio.microphones.filters import SETS
from edge_asc.evaluation.metrics import accuracy


def simulated_figures(
    clean: np.ndarray, heard: Mapping[str, np.ndarray], truth: np.ndarray
) -> dict[str, Any]:
    """What microphones cost, under the key "simulated"; empty without microphones.

    From probabilities `[N, S]` of the clips as they are and as each microphone heard them:
    clean (accuracy), per_microphone and sets (mean over those of "seen" and "unseen"), each with
    accuracy and loss: the accuracy that is missing to clean.
    """
    if not heard:
        return {}
    base = accuracy(clean, truth)
    found = {name: accuracy(scene, truth) for name, scene in heard.items()}
    families = {m.name: m.parts.family for m in parse_microphones(",".join(found))}
    per_microphone = {
        name: {"family": families[name], "clips": len(truth), **_row(share, base)}
        for name, share in found.items()
    }
    sets = {}
    for which in SETS:
        if of_set := [a for name, a in found.items() if name.startswith(f"{which}-")]:
            mean = statistics.mean(of_set)  # exact: where all are as clean, nothing is lost
            sets[which] = {"microphones": len(of_set), **_row(mean, base)}
    return {"simulated": {"clean": base, "per_microphone": per_microphone, "sets": sets}}


def _row(share: float, clean: float) -> dict[str, float]:
    return {"accuracy": share, "loss": clean - share}
