"""Folders of kept clips, made by hand."""

from pathlib import Path
from typing import Any

import numpy as np

from edge_asc.demo.outputs.keep.index import Kept
from edge_asc.demo.outputs.keep.sound import encoded
from edge_asc.demo.outputs.keep.store import Clip, Limits, Store
from tiny_models import FRONTEND, LABELS, tone

ROOMY = Limits(100_000_000, 1e12)
NOON_S = 1_777_896_000.0  # 2026-05-04 12:00:00 UTC


def clip_of(scene: str = "low", seconds: float = 1.5, seed: int = 0) -> bytes:
    """A FLAC file with a scene's tone."""
    rate_hz = FRONTEND.sample_rate_hz
    samples = tone(scene, round(seconds * rate_hz), seed)
    return encoded(np.rint(samples * 32767).astype(np.int16), rate_hz)


def kept(scene: str = "low", time_s: float = NOON_S, **fields: Any) -> Kept:
    """What was decided: 80 % for the scene."""
    others = 0.2 / (len(LABELS) - 1)
    probabilities = {label: 0.8 if label == scene else others for label in LABELS}
    known = {
        "seconds": 1.5,
        "why": "unsure",
        "scene": scene,
        "confidence": 0.8,
        "probabilities": probabilities,
        "model": "tiny",
        "window_s": (0.25, 1.25),
    }
    return Kept(time_s=time_s, **{**known, **fields})


def filled(folder: Path, n: int = 4, every_s: float = 100.0) -> tuple[Store, list[Clip]]:
    """A store with clips of the three scenes in turn, the oldest first."""
    store = Store.make(folder)
    clips = []
    for i in range(n):
        scene = LABELS[i % len(LABELS)]
        what = kept(scene, NOON_S + i * every_s)
        clips.append(store.add(what, clip_of(scene, seed=i), ROOMY))
    return store, clips
