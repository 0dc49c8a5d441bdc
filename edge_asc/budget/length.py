"""How much audio a file is counted for: frames of its input, and the seconds they stand for."""

from dataclasses import dataclass

from edge_asc.budget.inventory import Shape
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.metadata import METADATA_KEY, metadata_from_json

MOST_FRAMES = 300  # of an input that is no samples


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
        assumed: Whether the length of a dynamic axis is nobody's word.
    """

    frames: int | None
    audio_s: float | None
    frontend: FrontEnd | None
    clip_s: float
    notes: list[str]
    views: int = 1
    assumed: bool = False

    @property
    def clip_frames(self) -> int | None:
        """Frames of one clip as in training."""
        return None if self.frontend is None else self.frontend.frames_in(self.clip_s)

    @property
    def wanted(self) -> int | None:
        """Frames that a dynamic axis is counted with."""
        return self.frames if self.frames is not None else self.clip_frames

    def take_for_granted(self, note: str) -> None:
        """A dynamic axis is counted with a length that nobody gave."""
        self.assumed = True
        self.notes.append(f"{note}; --frames and --seconds say it")

    def seconds(self, counted_frames: int | None, shape: Shape) -> float:
        """Seconds of audio in an input of a shape, of so many frames."""
        if self.audio_s is not None:
            return self.audio_s
        if self.frontend is None or counted_frames is None:
            guess_s = shortest_s(shape, counted_frames)
            self.notes.append(
                "the file does not say how much audio its input holds:"
                f" taken as {guess_s:g} s (--seconds)"
            )
            return guess_s
        if counted_frames == self.clip_frames:
            return self.clip_s
        # Centred frames: the first stands on sample 0, so n of them span n - 1 hops.
        return max(counted_frames - 1, 1) / self.frontend.frames_per_s


def shortest_s(shape: Shape, n_frames: int | None) -> float:
    """The least seconds that such an input may stand for, at most 1.

    Work per second is judged, so too short a guess is on the safe side. Frames are taken for 10 ms
    apart. Where no axis is known to be frames, the longest is taken for them, or for samples at
    16 kHz when it is too long for frames.
    """
    longest = max(shape, default=1) if n_frames is None else n_frames
    step_s = 1 / 16_000 if n_frames is None and longest > MOST_FRAMES else 0.01
    return min(1.0, max(longest, 1) * step_s)


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
