"""What was found of one window: figures for machines and words for titles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge_asc.evaluation.explain.axes import seconds_of_frame
from edge_asc.evaluation.explain.excerpt import Excerpt
from edge_asc.evaluation.explain.occlusion import Occlusion

if TYPE_CHECKING:
    from edge_asc.evaluation.explain.block_maps import BlockMaps, FoundBlock


@dataclass(frozen=True)
class Explained:
    """What both ways of looking have in common."""

    model: str  # name, and what ran it
    labels: Sequence[str]  # scenes in the order of the probabilities
    excerpt: Excerpt  # what the network saw
    probabilities: np.ndarray  # of the untouched input, `[S]`

    @property
    def scene(self) -> str:
        """The likeliest scene."""
        return self.labels[int(self.probabilities.argmax())]

    @property
    def headline(self) -> str:
        """Scene and probability."""
        return f"{self.scene} {100 * self.probabilities.max():.1f} %"

    def hz(self, mels: npt.ArrayLike) -> list[float]:
        """Frequencies of mels, or of places between them."""
        return [round(float(f), 1) for f in self.excerpt.frontend.hz_of_mel(np.asarray(mels))]

    def seconds(self, frames: npt.ArrayLike) -> list[float]:
        """Middles of frames in seconds of the file, or places between them."""
        found = seconds_of_frame(self.excerpt.frontend, frames, self.excerpt.start_s)
        return [round(float(s), 3) for s in found]

    def figures(self) -> dict[str, Any]:
        """What was heard, as JSON has it."""
        given = (float(p) for p in self.probabilities)
        return {
            "model": self.model,
            "audio": str(self.excerpt.path),
            "audio_s": self.excerpt.audio_s,
            "start_s": self.excerpt.start_s,
            "window_s": self.excerpt.window_s,
            "scene": self.scene,
            "probability": float(self.probabilities.max()),
            "probabilities": dict(zip(self.labels, given, strict=True)),
        }


@dataclass(frozen=True)
class ExplainedBlock(Explained):
    """The maps of one block."""

    found: "FoundBlock"
    n_blocks: int  # of the network
    maps: "BlockMaps"  # before attention, after it, after the maximum
    channels: tuple[int, ...]  # those to show, counted from 0
    chosen: bool  # whether somebody named these channels

    def figures(self) -> dict[str, Any]:
        """Shares and axes; channels and blocks are counted from 1."""
        maps, (n_channels, n_rows, n_columns) = self.maps, self.maps.before.shape
        shares = maps.share_by_channel
        keeps, geometry = maps.keeps_larger, self.found.geometry
        return super().figures() | {
            "shows": "block",
            "block": self.found.number,
            "block_name": self.found.name,
            "blocks": self.n_blocks,
            "combine": "max" if keeps else "replace",
            "channels": n_channels,
            "shown_channels": [channel + 1 for channel in self.channels],
            "kept_share": float(shares.mean()) if keeps else None,
            "kept_share_per_channel": [round(float(s), 6) for s in shares] if keeps else None,
            "rows_hz": self.hz(geometry.mels.position(range(n_rows))),
            "columns_s": self.seconds(geometry.frames.position(range(n_columns))),
        }


@dataclass(frozen=True)
class ExplainedPatches(Explained):
    """How the probability falls where patches are hidden."""

    occlusion: Occlusion
    hidden_by: str  # what stood in their place, in words

    def figures(self) -> dict[str, Any]:
        """All drops, and the patch that costs most."""
        found = self.occlusion
        row, column = found.largest
        return super().figures() | {
            "shows": "occlusion",
            "hidden_by": self.hidden_by,
            "patches": found.drops.size,
            "patch_mels": found.mels[0][1] - found.mels[0][0],
            "patch_frames": found.frames[0][1] - found.frames[0][0],
            "largest_drop": self.box(row, column),
            "mean_drop": float(found.drops.mean()),
            "drops": [[round(float(d), 6) for d in drops] for drops in found.drops],
            "drops_hz": [self.hz(ends) for ends in np.array(found.mels) - 0.5],
            "drops_s": [self.seconds(ends) for ends in np.array(found.frames) - 0.5],
        }

    def box(self, row: int, column: int) -> dict[str, Any]:
        """One patch in hertz and seconds, and what hiding it costs."""
        found = self.occlusion
        return {
            "hz": self.hz(np.array(found.mels[row]) - 0.5),
            "s": self.seconds(np.array(found.frames[column]) - 0.5),
            "drop": float(found.drops[row, column]),
        }
