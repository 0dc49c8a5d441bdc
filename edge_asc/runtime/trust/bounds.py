"""What metadata may ask of a machine: numbers beyond any model of scenes are refused, not obeyed.

A file says how long its windows are and how its features are computed. Somebody else's file, or a
slip in one's own, may say a window of years or a frame for every sample; both would be memory and
minutes for a second of sound.
"""

from typing import Any

from edge_asc.frontend.front_end import FrontEnd

MOST_WINDOW_S = 120.0
MOST_RATE_HZ = 400_000  # of bats' calls
MOST_MELS = 512
MOST_FRAMES_PER_S = 2_000
MOST_POINTS_PER_S = 20_000_000  # of all spectra
MOST_NUMBERS = 4_000_000  # of the features of one window
MOST_LABELS = 10_000
MOST_CHARACTERS = 1000  # of a label or name
MOST_LEVELS = 6  # of tables within tables


def check_bounds(
    names: list[str], frontend: dict[str, Any], clip_s: float, more: tuple[Any, ...] = ()
) -> None:
    """Raise ValueError where metadata ask for what no machine should be asked.

    Args:
        names: labels and the model's name.
        frontend: its description; one that is none is refused elsewhere.
        clip_s: seconds of a window.
        more: tables of any content, which are only shown.
    """
    if len(names) > MOST_LABELS:
        raise ValueError(f"{len(names)} labels; legal are at most {MOST_LABELS}")
    if longest := [name for name in names if len(name) > MOST_CHARACTERS]:
        raise ValueError(f"a name of {len(longest[0])} characters; at most {MOST_CHARACTERS}")
    _at_most("clip_s", clip_s, MOST_WINDOW_S, "s")
    for table in more:
        _check_levels(table)
    if set(frontend) >= {"sample_rate_hz", "n_fft", "hop_length", "n_mels"}:
        _check_work(FrontEnd.from_dict(frontend), clip_s)


def _check_work(frontend: FrontEnd, clip_s: float) -> None:
    frames_per_s = frontend.frames_per_s
    _at_most("sample_rate_hz", frontend.sample_rate_hz, MOST_RATE_HZ, "Hz")
    _at_most("n_mels", frontend.n_mels, MOST_MELS, "bins")
    _at_most("hop_length: frames", frames_per_s, MOST_FRAMES_PER_S, "a second")
    _at_most("n_fft: points", frames_per_s * frontend.n_fft, MOST_POINTS_PER_S, "a second")
    _at_most("a window's features", frames_per_s * clip_s * frontend.n_mels, MOST_NUMBERS, "")


def _at_most(name: str, value: float, most: float, unit: str) -> None:
    if not value <= most:
        raise ValueError(f"metadata with {name} {value:,g}; legal are at most {most:,g} {unit}")


def _check_levels(table: Any) -> None:
    level = [table]
    for _ in range(MOST_LEVELS):
        held = (x.values() if isinstance(x, dict) else x for x in level)
        level = [y for values in held for y in values if isinstance(y, dict | list)]
        if not level:
            return
    raise ValueError(f"metadata with tables within tables, more than {MOST_LEVELS} levels")
