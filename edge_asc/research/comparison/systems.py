"""What is compared: networks, each with its trainings on folds and from seeds."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from edge_asc.research.comparison.answers import Answers, pooled

SHOWN = 2  # clips that an error names
Named = Sequence[tuple[str, Answers]]  # whose answers, and these


@dataclass(frozen=True)
class System:
    """A network under a name, and the answers of its trainings.

    Attributes:
        name: as tables show it.
        seeds: of each seed the answers to all clips.
    """

    name: str
    seeds: tuple[Answers, ...]

    @property
    def right(self) -> np.ndarray:
        """Whether each answer was right, float `[K, N]`."""
        return np.stack([seed.right for seed in self.seeds]).astype(float)

    @property
    def loss(self) -> np.ndarray:
        """Loss of each answer in nats, `[K, N]`."""
        return np.stack([seed.loss for seed in self.seeds])


def system_of(name: str, parts: Sequence[Answers]) -> System:
    """A network of its trainings: of one seed each, as they say, those on other clips are folds.

    Where any does not know its seed, those on the same clips are of several.
    """
    of_seed: dict[int | None, list[Answers]] = {}
    knows = all(part.seed is not None for part in parts)
    for part in parts:
        if len(set(part.clips)) < len(part.clips):
            raise ValueError(f"{part.where}: a clip is listed twice")
        of_seed.setdefault(part.seed if knows else None, []).append(part)
    found = [seed for same in of_seed.values() for seed in _by_clips(same)]
    return System(name, tuple(pooled(seed) for seed in found))


def _by_clips(parts: Sequence[Answers]) -> list[list[Answers]]:
    """Trainings on other clips together, those on the same ones apart."""
    seeds: list[list[Answers]] = []
    for part in parts:
        asked = set(part.clips)
        fitting = (seed for seed in seeds if not any(asked & set(p.clips) for p in seed))
        if (free := next(fitting, None)) is None:
            seeds.append([part])
        else:
            free.append(part)
    return seeds


def aligned(systems: Sequence[System]) -> list[System]:
    """The same systems with all clips in one order, named without the folder they lie in.

    Devices and recordings are those that any of them knows; a clip of a recording that nobody
    knows is one by itself.

    Raises:
        ValueError: two were not asked the same clips, or have other labels, devices or recordings.
    """
    named = [replace(s, seeds=tuple(_shortened(seed) for seed in s.seeds)) for s in systems]
    order = named[0].seeds[0]
    whose = named[0].name
    for system in named:
        for seed in system.seeds:
            _check_same(whose, order, system.name, seed)
    of_all = [(system.name, seed) for system in named for seed in system.seeds]
    devices, recordings = _devices_of(of_all), _recordings_of(of_all)
    order = replace(
        order,
        devices=tuple(devices.get(clip, "") for clip in order.clips),
        recordings=tuple(recordings.get(clip, clip) for clip in order.clips),
    )
    return [replace(s, seeds=tuple(_ordered(seed, order) for seed in s.seeds)) for s in named]


def _shortened(answers: Answers) -> Answers:
    """The clips by their paths below the folder that holds them all."""
    paths = [PurePath(clip) for clip in answers.clips]
    try:
        root = os.path.commonpath([path.parent for path in paths])
    except ValueError:  # absolute paths among others
        return answers
    return replace(answers, clips=tuple(path.relative_to(root).as_posix() for path in paths))


def _check_same(whose: str, order: Answers, other: str, answers: Answers) -> None:
    ours, theirs = dict(zip(order.clips, order.labels, strict=True)), {*answers.clips}
    lacking = [clip for clip in order.clips if clip not in theirs]
    further = [clip for clip in answers.clips if clip not in ours]
    if lacking or further:
        names = (whose, other) if whose != other else (order.where, answers.where)
        parts = zip(names, (lacking, further), strict=True)
        found = [_told(len(clips), name, clips) for name, clips in parts]
        where = f"{whose} and {other}" if whose != other else f"trainings of {whose}"
        told = ", ".join(filter(None, found))
        raise ValueError(f"{where} were not asked the same clips: {told}")
    for clip, label in zip(answers.clips, answers.labels, strict=True):
        if ours[clip] != label:
            raise ValueError(f"{clip} is {ours[clip]!r} for {whose} and {label!r} for {other}")


def _told(n: int, whose: str, clips: Sequence[str]) -> str:
    return f"{n} only of {whose} ({', '.join(clips[:SHOWN])})" if n else ""


def _ordered(answers: Answers, order: Answers) -> Answers:
    place = {clip: i for i, clip in enumerate(answers.clips)}
    chosen = [place[clip] for clip in order.clips]
    return replace(
        answers,
        clips=order.clips,
        labels=order.labels,
        right=answers.right[chosen],
        loss=answers.loss[chosen],
        devices=order.devices,
        recordings=order.recordings,
    )


def _devices_of(named: Named) -> dict[str, str]:
    """The recording device of each clip, from whoever knows it.

    Raises:
        ValueError: two know another one.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, answers in named:
        for clip, device in zip(answers.clips, answers.devices, strict=True):
            whose, known = found.setdefault(clip, (name, device)) if device else (name, device)
            if known != device:
                raise ValueError(
                    f"{clip} is of device {known!r} for {whose} and {device!r} for {name}"
                )
    return {clip: device for clip, (_, device) in found.items()}


def _recordings_of(named: Named) -> dict[str, str]:
    """The recording that each clip was cut from; their names may differ, not what is of one.

    Raises:
        ValueError: clips are of one recording for one, and of several for another.
    """
    found: dict[str, str] = {}
    for name, answers in named:
        pairs = zip(answers.clips, answers.recordings, strict=True)
        theirs = {clip: recording for clip, recording in pairs if recording}
        ours: dict[str, str] = {}
        back: dict[str, str] = {}
        for clip, recording in theirs.items():
            known = found.get(clip)
            if known is None:
                continue
            both = (ours.setdefault(recording, known), back.setdefault(known, recording))
            if both != (known, recording):
                raise ValueError(
                    f"{clip} is of recording {recording!r} for {name} and {known!r} for another,"
                    " which hold other clips"
                )
        for clip, recording in theirs.items():
            found.setdefault(clip, ours.get(recording, recording))
    return found
