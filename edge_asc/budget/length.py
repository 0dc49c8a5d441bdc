"""How much audio a file is counted for: frames of its input, and the seconds they stand for."""

from dataclasses import dataclass

from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.metadata import METADATA_KEY, metadata_from_json


@dataclass
class Length:
    """What is known of a file's time axis before its input is read.

    Attributes:
        frames: To count for; None leaves the input as it is stored.
        audio_s: Seconds as the user gave them.
        frontend: Of the file's metadata; None where it has none.
        clip_s: Seconds the file's network was trained on.
        notes: What had to be taken for granted.
        views: How often the network is asked about one input.
    """

    frames: int | None
    audio_s: float | None
    frontend: FrontEnd | None
    clip_s: float
    notes: list[str]
    views: int = 1

    @property
    def clip_frames(self) -> int | None:
        """Frames of one clip as in training."""
        return None if self.frontend is None else self.frontend.frames_in(self.clip_s)

    @property
    def wanted(self) -> int | None:
        """Frames that a dynamic axis is counted with."""
        return self.frames if self.frames is not None else self.clip_frames

    def seconds(self, counted_frames: int | None) -> float:
        """Seconds of audio in an input of so many frames."""
        if self.audio_s is not None:
            return self.audio_s
        if self.frontend is None or counted_frames is None:
            self.notes.append("the file does not say how much audio its input holds: taken as 1 s")
            return 1.0
        if counted_frames == self.clip_frames:
            return self.clip_s
        # Centred frames: the first stands on sample 0, so n of them span n - 1 hops.
        return max(counted_frames - 1, 1) / self.frontend.frames_per_s


def length_of(entries: dict[str, bytes], frames: int | None, audio_s: float | None) -> Length:
    """Put together what the user says and what the file's metadata says.

    Raises:
        ValueError: frames or seconds that no input can have.
    """
    if frames is not None and frames < 1:
        raise ValueError(f"frames must be at least 1, not {frames}")
    if audio_s is not None and not 0 < audio_s < float("inf"):
        raise ValueError(f"seconds of audio must be above 0, not {audio_s}")
    length = Length(frames, audio_s, None, 0.0, [])
    if METADATA_KEY in entries:
        try:
            metadata = metadata_from_json(entries[METADATA_KEY])
            length.frontend, length.clip_s = FrontEnd.from_dict(metadata.frontend), metadata.clip_s
            length.views = metadata.views
        except ValueError as error:
            length.notes.append(f"its metadata cannot be read: {error}")
    return length
