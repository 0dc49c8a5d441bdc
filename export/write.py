"""A graph → a model file, without a run: what `edge-asc export` does for networks of one's own."""

from collections.abc import Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from edge_asc.budget.rules import DEFAULT_RULE, rules_named
from edge_asc.export import parity
from edge_asc.export.model_file import ModelFile
from edge_asc.export.names import STATIC, check_free
from edge_asc.export.run import WRITERS, judge, write_file
from edge_asc.export.static import of_length, static_metadata
from edge_asc.files import atomic_write
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.graph.fold import fold
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.graph import NOMINAL_FRAMES, Graph
from edge_asc.quantize.four_bits import weights_of
from edge_asc.quantize.half import round_to_half
from edge_asc.runtime.classifier import NO_SCENES
from edge_asc.runtime.metadata import (
    METADATA_KEY,
    Format,
    Metadata,
    Precision,
    file_format,
    metadata_of,
    metadata_to_json,
)
from edge_asc.runtime.zoo.models import is_shipped

SCENE = "scene"  # the head that labels name
N_NOISE = 8  # inputs that a file is tried on where there are no clips


def write_tflite(
    graph: Graph,
    path: str | PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    frontend: FrontEnd | None = None,
    window_s: float | None = None,
    n_frames: int | None = None,
    half: bool = False,
    static: bool = False,
    examples: ArrayLike | None = None,
) -> ModelFile:
    """Write a graph as a `.tflite` file, input `[1, M, F, 1]`.

    With `labels`, `frontend` and `window_s` the file says everything about itself and `ea.load`
    opens it; without them it is a network alone, for any TFLite interpreter.

    Args:
        graph: float or int8, of `trace`, `fold` or `freeze`; what can be folded is.
        path: the file; replaced as a whole, or not at all.
        labels: scenes, in the order of the logits; for a network with one head.
        frontend: the features that the network was trained on, with their statistics.
        window_s: seconds of sound in its input.
        n_frames: frames of the input; needed where the network or a static file takes one length
            alone, unless `window_s` or `trace` said it.
        half: store a float graph's weights as float16.
        static: write no dynamic axis: one clip of so many frames.
        examples: real inputs `[N, 1, M, F]`: the file must compute on them what the graph does.
            They go with `labels`.

    Returns:
        The file, with what the comparison found.

    Raises:
        ParityError: the file computes something else; it is not written.
        ValueError: an op without a form in the file, or arguments that do not go together.
        OSError: the file cannot be written.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> file = ea.write_tflite(ea.trace(net, n_mels=64), "m.tflite")
        >>> file.bytes == file.path.stat().st_size
        True
    """
    said = labels, frontend, window_s
    return _write("tflite", graph, Path(path), *said, n_frames, half, static, examples)


def write_onnx(
    graph: Graph,
    path: str | PathLike[str],
    *,
    labels: Sequence[str] | None = None,
    frontend: FrontEnd | None = None,
    window_s: float | None = None,
    n_frames: int | None = None,
    half: bool = False,
    static: bool = False,
    examples: ArrayLike | None = None,
) -> ModelFile:
    """Write a graph as an `.onnx` file, input `[N, 1, M, F]` float32.

    Args:
        graph: float or int8, of `trace`, `fold` or `freeze`; what can be folded is.
        path: the file; replaced as a whole, or not at all.
        labels: scenes; this and the others are as for `write_tflite`.
        frontend: the features that the network was trained on.
        window_s: seconds of sound in its input.
        n_frames: frames of the input, where the network or a static file takes one length alone.
        half: store a float graph's weights as float16.
        static: write no dynamic axis: one clip of so many frames.
        examples: real inputs `[N, 1, M, F]` that the file is compared on.

    Raises:
        ParityError, ValueError, OSError: as `write_tflite`.

    Example:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> ea.write_onnx(ea.trace(net, n_mels=64), "m.onnx").path.name
        'm.onnx'
    """
    said = labels, frontend, window_s
    return _write("onnx", graph, Path(path), *said, n_frames, half, static, examples)


def static_files(
    source: Path,
    *,
    formats: Sequence[Format] = ("tflite",),
    window_s: float | None = None,
    rule: str | None = None,
    out: Path | None = None,
    enforced: bool = True,
    overwrite: bool = False,
) -> list[ModelFile]:
    """Write the network of a `.tflite` file anew, in its precision, without a dynamic axis.

    Args:
        source: the file, which stays as it is.
        formats: a file for each of them, called as the source and `-static`.
        window_s: seconds of its window; None: the source's.
        rule: size rule to keep; None: the source's.
        out: folder; None: that of the source, or the current one for files of the zoo.
        enforced: whether a file over the rule is refused.
        overwrite: whether a file may take the place of one that holds something else.

    Raises:
        OverBudget, ParityError, FileExistsError: as `export_run`; then none is written.
        ValueError: a file that cannot be read back, an encoder, one that is static already, or a
            window it cannot take.
        OSError: a file cannot be read or written.
    """
    metadata, graph = _read_back(source, formats, window_s)
    rules = rules_named(rule or metadata.budget.get("rule", DEFAULT_RULE))
    stem = source.stem if metadata.frames is None else source.stem.removesuffix(STATIC)
    metadata = static_metadata(metadata, graph, window_s)
    n_frames = metadata.frames or graph.n_frames
    folder = out or (Path() if is_shipped(source) else source.parent)
    files: dict[Path, bytes] = {}
    for written_as in formats:
        path = folder / f"{stem}{STATIC}.{written_as}"
        files[path] = write_file(graph, metadata, written_as, n_frames)
        judge(files[path], path.name, n_frames, metadata.clip_s, rules, enforced)
    if not overwrite:
        check_free(files)
    noise = np.random.default_rng(0).standard_normal((N_NOISE, graph.n_mels, n_frames))
    return [_placed(path, data, graph, noise.astype(np.float32)) for path, data in files.items()]


def _read_back(
    source: Path, formats: Sequence[Format], window_s: float | None
) -> tuple[Metadata, Graph]:
    """What a file says and computes, once it is known that a static one can be made of it."""
    content = source.read_bytes()
    metadata = metadata_of(content, str(source))
    if file_format(content) != "tflite":
        raise ValueError(f"{source}: .onnx files are not read back: give the .tflite")
    if metadata.kind == "encoder":
        raise ValueError(f"{source}: {NO_SCENES}")
    if metadata.frames is not None:
        is_static = f"{source}: is static already, for {metadata.clip_s:g} s"
        if window_s not in (None, metadata.clip_s):
            raise ValueError(f"{is_static} alone: give the dynamic file that it was made from")
        if "tflite" in formats:
            raise ValueError(f"{is_static} ({metadata.frames} frames)")
    try:
        graph, _ = from_tflite(content)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    return metadata, graph


def _placed(path: Path, data: bytes, graph: Graph, features: np.ndarray | None) -> ModelFile:
    """A file under its name, once it computes on the features what the graph does."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)
        found = {} if features is None else _compared(path.name, temporary, graph, features)
    return ModelFile(path, found)


def _write(
    file_format: Format,
    graph: Graph,
    path: Path,
    labels: Sequence[str] | None,
    frontend: FrontEnd | None,
    window_s: float | None,
    n_frames: int | None,
    half: bool,
    static: bool,
    examples: ArrayLike | None,
) -> ModelFile:
    _check_file(file_format, path, n_frames)
    graph = fold(graph)
    if half:
        if graph.is_quantised:
            raise ValueError("half is for float graphs; this one is int8")
        graph = round_to_half(graph)
    precision: Precision = "float16" if half else "float32"
    if graph.is_quantised:
        precision = weights_of(graph)
    if frontend and window_s and n_frames is None:
        n_frames = frontend.frames_in(window_s)
    if n_frames is None and graph.has_fixed_length() and not graph.one_length:
        raise ValueError("the network takes one length of input alone: say n_frames")
    if static and n_frames is None and graph.n_frames == NOMINAL_FRAMES and not graph.one_length:
        raise ValueError("a static file takes one length of input alone: say n_frames")
    n_frames = n_frames or graph.n_frames
    frames = n_frames if static else None
    metadata = _metadata(path, labels, frontend, window_s, frames, precision)
    features = None if examples is None else _features(examples, graph, metadata, frames)
    if labels is not None and frontend is not None:
        _check_fit(graph, n_frames, labels, frontend)
    data = WRITERS[file_format](graph, n_frames, metadata, half=half, static=static)
    return _placed(path, data, graph, features)


def _check_file(file_format: Format, path: Path, n_frames: int | None) -> None:
    """Raise ValueError where the name is one of the other format, or no file has such a length."""
    suffix = path.suffix.lower()
    if suffix in {f".{other}" for other in WRITERS if other != file_format}:
        raise ValueError(
            f"{path.name}: this is a .{file_format} file; write_{suffix[1:]} writes the other"
        )
    if n_frames is not None and n_frames < 1:
        raise ValueError(f"n_frames must be 1 or more, found {n_frames}")


def _metadata(
    path: Path,
    labels: Sequence[str] | None,
    frontend: FrontEnd | None,
    window_s: float | None,
    frames: int | None,
    precision: Precision,
) -> dict[str, bytes]:
    if labels is None and frontend is None and window_s is None:
        return {}
    if labels is None or frontend is None or window_s is None:
        raise ValueError("labels, frontend and window_s go together: the file says all or nothing")
    said = Metadata(
        name=path.stem,
        labels=list(labels),
        frontend=frontend.to_dict(),
        clip_s=window_s,
        frames=frames,
        precision=precision,
    )
    return {METADATA_KEY: metadata_to_json(said)}


def _features(
    examples: ArrayLike, graph: Graph, metadata: dict[str, bytes], frames: int | None
) -> np.ndarray:
    """The examples as features `[N, M, F]`, of the only length that a static file takes."""
    if not metadata:
        raise ValueError("examples go with labels, frontend and window_s")
    found = np.asarray(examples, np.float32)
    if found.ndim != 4 or found.shape[1:3] != (1, graph.n_mels) or 0 in found.shape:
        expected = f"[N, 1, {graph.n_mels}, frames]"
        raise ValueError(f"examples of shape {list(found.shape)}: expected {expected}")
    return found[:, 0] if frames is None else of_length(found[:, 0], frames)


def _check_fit(graph: Graph, n_frames: int, labels: Sequence[str], frontend: FrontEnd) -> None:
    """Raise ValueError where `ea.load` would open a file and could not use it."""
    if frontend.n_mels != graph.n_mels:
        raise ValueError(f"frontend has {frontend.n_mels} mels, the graph takes {graph.n_mels}")
    frontend.require_statistics()
    if set(graph.outputs) != {SCENE}:
        heads = ", ".join(graph.outputs)
        raise ValueError(f"labels are for one head, {SCENE}; the graph has: {heads}")
    logits = graph.shapes(n_frames)[graph.outputs[SCENE]]
    if logits != (len(labels),):
        raise ValueError(f"{len(labels)} labels for logits of shape {list(logits)}")


def _compared(name: str, file: Path, graph: Graph, features: np.ndarray) -> dict[str, object]:
    result = parity.compare(file, graph, features)
    parity.check(name, result)
    return asdict(result)
