"""What several tables know of the same clips, put together: recording devices and recordings."""

from collections.abc import Sequence

from edge_asc.research.answers import Answers

Named = Sequence[tuple[str, Answers]]  # whose answers, and these


def devices_of(named: Named) -> dict[str, str]:
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


def recordings_of(named: Named) -> dict[str, str]:
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
