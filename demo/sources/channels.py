"""From the channels of a source to the one that is heard, and what is wrong with them.

Letters: n samples, C channels.
"""

import numpy as np

from edge_asc.audio.samples import MAX_SAMPLE, Floats, check_channel, mono

MIX, LOUDEST = "mix", "loudest"
Choice = int | str | None  # a channel, from 1; `LOUDEST`; `MIX` or None: all averaged
JUDGED_S = 1.0  # of audio at a time
TROUBLE_S = 3  # seconds in a row before it is said
UNUSABLE_AGAIN_S = 60.0
LEAD_DB = 3.0  # that another channel needs to be the loudest
FORGET_S = 1.0  # time constant of a channel's loudness
SILENCE_POWER = 1e-7  # -70 dBFS: below, channels of which one is dead look alike
DEAD_POWER = 1e-12  # -120 dBFS: zeros, or an offset alone
# Of the power that C unrelated channels leave in their mean, 1/C of theirs: less means that they
# cancel out.
CANCELLED = 1 / 3


def parse_channel(text: Choice) -> Choice:
    """What a user says of channels: a number from 1, `mix` or `loudest`.

    Raises:
        ValueError: it is something else.
    """
    if text is None or text in (MIX, LOUDEST):
        return text
    if not str(text).isdecimal() or int(text) < 1:
        raise ValueError(f"channel {text!r}: must be a number from 1, {MIX} or {LOUDEST}")
    return int(text)


def number_of(choice: Choice) -> int | None:
    """The channel that was chosen by its number; None where none was."""
    return choice if isinstance(choice, int) else None


class Downmix:
    """Makes one channel of all; keeps what there is to tell until it is asked.

    Samples that are no numbers, or far beyond full scale, are taken as silence: one broken block
    of a driver must not end the listening.

    Args:
        choice: as `parse_channel` gives it.
        name: of the source, for notices.
    """

    def __init__(self, choice: Choice, name: str) -> None:
        self.choice, self.name = parse_channel(choice), name
        self._notices: list[str] = []
        self._judge = _Judge()
        self._loudness = np.zeros(0)  # of each channel
        self._loudest = 0
        self._heard_s = 0.0
        self._n_unusable, self._unusable_told_s = 0, -UNUSABLE_AGAIN_S

    def check(self, n_channels: int) -> None:
        """Raise ValueError where there is no such channel; the message names the source."""
        try:
            check_channel(number_of(self.choice), n_channels)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error

    def __call__(self, frames: np.ndarray, rate_hz: int) -> Floats:
        """Frames `[n, C]`, floating point, as samples `[n]`, float32."""
        frames = self._usable(frames)
        samples = self._chosen(frames, rate_hz).astype(np.float32, copy=False)
        if frames.shape[1] > 1 and self.choice in (None, MIX):
            self._notices += [
                f"{self.name}: {text}" for text in self._judge(frames, samples, rate_hz)
            ]
        self._heard_s += len(samples) / rate_hz
        self._tell_unusable()
        return samples

    def notices(self) -> list[str]:
        """What was not told yet."""
        told, self._notices = self._notices, []
        return told

    def _usable(self, frames: np.ndarray) -> np.ndarray:
        usable = np.abs(frames) <= MAX_SAMPLE  # False for NaN as well
        if usable.all():
            return frames
        self._n_unusable += int((~usable).sum())
        return np.where(usable, frames, np.zeros(1, frames.dtype))

    def _tell_unusable(self) -> None:
        again_s = self._unusable_told_s + UNUSABLE_AGAIN_S
        if self._n_unusable and self._heard_s >= again_s:
            which = f"{self._n_unusable} samples" if self._n_unusable > 1 else "a sample"
            text = "NaN, infinite or far beyond full scale: taken as silence"
            self._notices.append(f"{self.name}: {which} {text}")
            self._n_unusable, self._unusable_told_s = 0, self._heard_s

    def _chosen(self, frames: np.ndarray, rate_hz: int) -> np.ndarray:
        if self.choice == LOUDEST and frames.shape[1] > 1:
            self._follow_loudest(frames, rate_hz)
            return mono(frames, self._loudest + 1)
        number = number_of(self.choice)
        check_channel(number, frames.shape[1])  # a file's next sound may have fewer
        return mono(frames, number)

    def _follow_loudest(self, frames: np.ndarray, rate_hz: int) -> None:
        power = _powers(frames)
        if len(self._loudness) != len(power):
            self._loudness, self._loudest = power, int(power.argmax())
        self._loudness += (1 - np.exp(-len(frames) / rate_hz / FORGET_S)) * (power - self._loudness)
        best = int(self._loudness.argmax())
        if self._loudness[best] > 10 ** (LEAD_DB / 10) * self._loudness[self._loudest]:
            self._loudest = best


class _Judge:
    """Whether averaging loses what the channels hold."""

    def __init__(self) -> None:
        self._begin(1)
        self._seconds = {"cancel": 0, "dead": 0}  # in a row
        self._told: set[str] = set()

    def _begin(self, n_channels: int) -> None:
        self._energy, self._mixed, self._n = np.zeros(n_channels), 0.0, 0

    def __call__(self, frames: np.ndarray, mixed: np.ndarray, rate_hz: int) -> list[str]:
        """Take frames `[n, C]` and their mean `[n]`; what to say, each kind once."""
        if len(self._energy) != frames.shape[1]:
            self._begin(frames.shape[1])
        self._energy += len(frames) * _powers(frames)
        self._mixed += len(frames) * float(_powers(mixed[:, None])[0])
        self._n += len(frames)
        if self._n < JUDGED_S * rate_hz:
            return []
        found = dict(self._found(self._energy / self._n, self._mixed / self._n))
        self._begin(frames.shape[1])
        for kind in self._seconds:
            self._seconds[kind] = self._seconds[kind] + 1 if kind in found else 0
        lasting = [k for k in found if self._seconds[k] >= TROUBLE_S and k not in self._told]
        self._told.update(lasting)
        return [found[kind] for kind in lasting]

    @staticmethod
    def _found(powers: np.ndarray, mixed: float) -> list[tuple[str, str]]:
        loudest = int(powers.argmax())
        if powers[loudest] < SILENCE_POWER:
            return []
        found = []
        hint = f"--channel {loudest + 1} hears one, --channel {LOUDEST} the loudest"
        if mixed < CANCELLED * powers.mean() / len(powers):
            text = f"its {len(powers)} channels cancel each other out when they are averaged"
            found.append(("cancel", f"{text}: {hint}"))
        dead = [str(channel + 1) for channel in np.flatnonzero(powers < DEAD_POWER)]
        if dead:
            which = f"channel{'s' * (len(dead) > 1)} {', '.join(dead)} of {len(powers)}"
            found.append(("dead", f"nothing comes from {which}: {hint}"))
        return found


def _powers(frames: np.ndarray) -> np.ndarray:
    """Mean power of each channel `[C]`, without its offset."""
    return np.asarray(frames.var(axis=0, dtype=np.float64))
