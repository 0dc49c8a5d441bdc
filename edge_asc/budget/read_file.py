"""Counts a model file of either format."""

from pathlib import Path

from edge_asc.budget.inventory import Inventory
from edge_asc.budget.tflite.reader import read_tflite
from edge_asc.install import add_extra
from edge_asc.runtime.metadata import file_format


def inventory_of_file(
    source: Path | str | bytes,
    *,
    frames: int | None = None,
    audio_s: float | None = None,
    name: str | None = None,
) -> Inventory:
    """Count a .tflite or .onnx file; which of them it is, its bytes say.

    Args:
        source: Path, or the bytes of a file.
        frames: Length of a dynamic time axis; the default is that of the clips
            that the file was trained on, as its metadata say.
        audio_s: Seconds of audio in the counted input, where the file's metadata do not tell.
        name: Stands in tables and errors instead of the path.

    Raises:
        OSError: the file cannot be read.
        ValueError: neither format, damaged, or an .onnx file where onnx is not installed.
    """
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    name = name or ("model" if isinstance(source, bytes) else str(source))
    if file_format(data, name) == "tflite":
        return read_tflite(data, frames=frames, audio_s=audio_s, name=name)
    try:
        from edge_asc.budget.onnx.reader import read_onnx
    except ImportError:
        raise ValueError(f"{name}: counting .onnx files needs onnx: {add_extra('train')}") from None
    return read_onnx(data, frames=frames, audio_s=audio_s, name=name)
