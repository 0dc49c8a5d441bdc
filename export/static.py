"""Files without a dynamic axis: one clip of so many frames, whose memory can be planned ahead."""

import msgspec
import numpy as np

from edge_asc.frontend.front_end import FrontEnd
from edge_asc.graph.graph import Graph
from edge_asc.runtime.metadata import Metadata
from edge_asc.runtime.trust.bounds import MOST_WINDOW_S


def static_metadata(metadata: Metadata, graph: Graph, window_s: float | None) -> Metadata:
    """What a static file says of itself, which hears the training's window or another one.

    Raises:
        ValueError: a window that no file can have, or one that the network cannot take.
    """
    frontend, clip_s = FrontEnd.from_dict(metadata.frontend), metadata.clip_s
    window_s = clip_s if window_s is None else window_s
    least_s = min(clip_s, frontend.win_length / frontend.sample_rate_hz)
    if not least_s <= window_s <= MOST_WINDOW_S:
        frame = f"a frame of the front end takes {1000 * least_s:g} ms"
        legal = f"legal are {least_s:g} ({frame}) to {MOST_WINDOW_S:g} s"
        raise ValueError(f"a window of {window_s:g} s; {legal}")
    frames = frontend.frames_in(window_s)
    if frames != frontend.frames_in(clip_s) and graph.has_fixed_length(frontend.frames_in(clip_s)):
        raise ValueError(f"the network takes windows of {clip_s:g} s alone, not of {window_s:g} s")
    graph.shapes(frames)  # or it is too short
    if window_s != clip_s:  # a calibration is that of answers to other windows
        metadata = msgspec.structs.replace(metadata, calibration=None)
    return msgspec.structs.replace(metadata, clip_s=window_s, frames=frames)


def of_length(examples: np.ndarray, n_frames: int) -> np.ndarray:
    """Examples `[N, M, F]` of another length: their beginning, or themselves again and again."""
    times = -(-n_frames // examples.shape[-1])
    return np.tile(examples, (1, 1, times))[..., :n_frames]
