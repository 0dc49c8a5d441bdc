"""Legal values of a front end, each violation told in one line."""

import math
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from edge_asc.frontend.mel import MEL_SCALES, WINDOWS

if TYPE_CHECKING:
    from edge_asc.frontend.front_end import FrontEnd

NORMALIZATIONS = ("none", "clip", "dataset")
MAX_N_FFT = 65536


def check_keys(kind: type, values: object) -> None:
    """Raise ValueError unless `values` is a dict with known keys and none missing.

    Args:
        kind: the dataclass whose fields are the legal keys.
        values: what a file or a caller gave.
    """
    if not isinstance(values, dict):
        raise ValueError(f"front end must be a table of settings, not {type(values).__name__}")
    known = {field.name: field.default is MISSING for field in fields(kind)}
    unknown = [str(key) for key in values if key not in known]
    if unknown:
        raise ValueError(f"front end has no setting {unknown[0]!r}; legal: {', '.join(known)}")
    missing = [name for name, required in known.items() if required and name not in values]
    if missing:
        raise ValueError(f"front end lacks the setting {missing[0]!r}")


def check_fields(frontend: "FrontEnd") -> None:
    """Raise ValueError for the first field of a front end that is illegal."""
    _whole(frontend, "sample_rate_hz", 2, 10_000_000)
    _whole(frontend, "n_fft", 2, MAX_N_FFT)
    if frontend.n_fft % 2:
        raise _error("n_fft", frontend.n_fft, "an even number")
    _whole(frontend, "win_length", 1, frontend.n_fft)
    _whole(frontend, "hop_length", 1, frontend.n_fft)
    _whole(frontend, "n_mels", 1, 4096)
    _frequencies(frontend)
    _choice(frontend, "window", tuple(WINDOWS))
    _choice(frontend, "mel_scale", MEL_SCALES)
    _choice(frontend, "mel_norm", (None, "slaney"))
    _real("pre_emphasis", frontend.pre_emphasis, 0.0, 1.0)
    _choice(frontend, "log", (False, True))
    _real("log_floor", frontend.log_floor, 1e-30, 1.0)
    _choice(frontend, "relative", (False, True))
    _choice(frontend, "normalization", NORMALIZATIONS)
    _statistics(frontend)


def _error(name: str, found: object, legal: str) -> ValueError:
    return ValueError(f"front end: {name} is {found!r}, must be {legal}")


def _whole(frontend: "FrontEnd", name: str, low: int, high: int) -> None:
    value = getattr(frontend, name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _error(name, value, f"a whole number from {low} to {high}")


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _real(name: str, value: Any, low: float, high: float) -> None:
    if not _is_real(value) or not low <= value <= high:
        raise _error(name, value, f"a number from {low:g} to {high:g}")


def _choice(frontend: "FrontEnd", name: str, legal: tuple[object, ...]) -> None:
    value = getattr(frontend, name)
    # 1 equals True and a list equals nothing hashable: compare types too.
    if not any(value == choice and type(value) is type(choice) for choice in legal):
        raise _error(name, value, "one of " + ", ".join(map(repr, legal)))


def _frequencies(frontend: "FrontEnd") -> None:
    nyquist_hz = frontend.sample_rate_hz / 2
    if frontend.f_max_hz is not None:
        _real("f_max_hz", frontend.f_max_hz, 0.0, nyquist_hz)
    _real("f_min_hz", frontend.f_min_hz, 0.0, nyquist_hz)
    if frontend.f_min_hz >= frontend.top_hz:
        raise _error("f_min_hz", frontend.f_min_hz, f"below f_max_hz ({frontend.top_hz:g})")


def _statistics(frontend: "FrontEnd") -> None:
    for name in ("mean", "std"):
        values = getattr(frontend, name)
        if not isinstance(values, tuple) or len(values) not in (0, frontend.n_mels):
            found = f"{len(values)} long" if isinstance(values, tuple) else repr(values)
            raise ValueError(f"front end: {name} is {found}, must be {frontend.n_mels} numbers")
        for i, value in enumerate(values):
            _real(f"{name}[{i}]", value, 0.0 if name == "std" else -1e30, 1e30)
    if len(frontend.mean) != len(frontend.std):
        found = f"{len(frontend.mean)} means and {len(frontend.std)} standard deviations"
        raise ValueError(f"front end: {found}, must be as many of each")
