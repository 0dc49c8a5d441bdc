"""What a bug report needs, and what a model file says of itself; as text and as JSON."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edge_asc import __version__
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.classifier import RUNTIMES, version_of
from edge_asc.runtime.formats.unsigned_weights import has_signed_weights
from edge_asc.runtime.metadata import Metadata, checked_metadata
from edge_asc.runtime.processor import instruction_set
from edge_asc.runtime.trust.digest import Integrity
from edge_asc.runtime.tta import heard
from edge_asc.shown import shown

RUNTIME_PACKAGES = (
    "numpy",
    "flatbuffers",
    "msgspec",
    "soundfile",
    "soxr",
    "typer",
    "rich",
    "sounddevice",
)
SIGNED_WEIGHTS = (
    "int8 weights: in other programs ONNX Runtime computes something else on x86 without VNNI;"
    " edge-asc mends them as it loads the file, and a new export does for good"
)
INTEGRITY: dict[Integrity, str] = {
    "verified": "verified: the bytes it was written with",
    "altered": "altered: not the bytes it was written with; nothing else opens it",
    "foreign": "foreign: no digest; an older edge-asc or somebody else wrote it",
}
TRAINING_PACKAGES = (
    *("torch", "torchaudio", "lightning", "nncf", "torchao", "onnx"),
    *("matplotlib", "scikit-learn"),
)


def machine_info() -> dict[str, Any]:
    """Versions, machine and runtimes here; nothing heavy is imported to find out."""
    return {
        "edge_asc": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "instructions": instruction_set(),
        "cpus": os.cpu_count(),
        "executable": sys.executable,
        "runtimes": {
            name: {"version": runtime.version, "problem": runtime.problem}
            for name, runtime in RUNTIMES.items()
        },
        "packages": {
            **{name: version_of(name) for name in (*RUNTIME_PACKAGES, *TRAINING_PACKAGES)},
            "numpy": np.__version__,  # the one in use, wherever it came from
        },
    }


def machine_text(info: dict[str, Any]) -> str:
    """`machine_info` for people: one fact a line."""
    lines = [
        f"edge-asc  {info['edge_asc']}",
        f"Python    {info['python']} ({info['executable']})",
        f"platform  {info['platform']}, {info['machine']}, {info['cpus']} cores",
        f"processor {info['instructions']}",
        "runtimes",
    ]
    for name, runtime in info["runtimes"].items():
        version = f"{runtime['version']}: " if runtime["version"] and runtime["problem"] else ""
        lines.append(f"  {name:14}{version}{runtime['problem'] or runtime['version']}")
    lines.append("packages")
    lines += [f"  {name:14}{version or '-'}" for name, version in info["packages"].items()]
    return "\n".join(lines)


def file_info(path: Path) -> dict[str, Any]:
    """Metadata and size of a model file.

    Raises:
        ValueError: not a model file of ours.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    metadata, integrity = checked_metadata(data, str(path))
    FrontEnd.from_dict(metadata.frontend)
    fields = {name: getattr(metadata, name) for name in metadata.__struct_fields__}
    fields["calibration"] = metadata.calibration and msgspec.to_builtins(metadata.calibration)
    if has_signed_weights(data):
        fields["warnings"] = [*metadata.warnings, SIGNED_WEIGHTS]
    return {"file": str(path), "file_bytes": len(data), "integrity": integrity, **fields}


def file_text(info: dict[str, Any]) -> str:
    """`file_info` for people."""
    metadata = Metadata(**{name: info[name] for name in Metadata.__struct_fields__})
    size = f"{info['file_bytes']:,} bytes"
    lines = [
        f"{shown(info['file'])}: {metadata.name}, {metadata.precision}, {size}",
        *_stored(metadata),
        f"  integrity   {INTEGRITY[info['integrity']]}",
        f"  window      {metadata.clip_s:g} s{heard(metadata.views)}{_static(metadata)}",
        f"  front end   {_frontend_line(FrontEnd.from_dict(metadata.frontend))}",
        f"  scenes      {_scenes(metadata)}",
    ]
    if metadata.abstract_labels:
        lines.append(f"  abstract    {', '.join(metadata.abstract_labels)}")
    lines += _section("budget", metadata.budget) + _section("provenance", metadata.provenance)
    lines += _section("confidence", info["calibration"] or {})
    lines += [f"  warning     {warning}" for warning in metadata.warnings]
    return "\n".join(lines)


def _static(metadata: Metadata) -> str:
    if metadata.frames is None:
        return ""
    return f"; static: {metadata.frames} frames and no other number"


STORED: dict[str, str] = {
    "int4": "four bits in large layers, eight in the others; unpacked as the file is loaded",
    "mixed": "four bits where they cost least, eight elsewhere; unpacked as the file is loaded",
}


def _stored(metadata: Metadata) -> list[str]:
    words = STORED.get(metadata.precision)
    return [f"  weights     {words}"] if words else []


def _scenes(metadata: Metadata) -> str:
    if metadata.kind == "encoder":
        return "none: an encoder, which edge-asc teach builds upon"
    labels = ", ".join(metadata.labels)
    return f"{labels}; other sounds get no name" if metadata.others else labels


def _frontend_line(frontend: FrontEnd) -> str:
    spectrum = "log-mel" if frontend.log else "mel power"
    hop_ms = 1000 * frontend.hop_length / frontend.sample_rate_hz
    window_ms = 1000 * frontend.win_length / frontend.sample_rate_hz
    relative = " relative to their means" if frontend.relative else ""
    return (
        f"{frontend.sample_rate_hz} Hz, {frontend.n_mels} {spectrum} bins{relative},"
        f" window {window_ms:g} ms every {hop_ms:g} ms, normalisation {frontend.normalization}"
    )


def _section(title: str, values: dict[str, Any]) -> list[str]:
    lines = [f"{shown(key)}: {_value(value)}" for key, value in values.items()]
    return [f"  {title if not i else '':11} {line}" for i, line in enumerate(lines)]


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{shown(k)} {_value(v)}" for k, v in value.items())
    return f"{value:,}" if type(value) is int and value >= 10_000 else shown(value)
