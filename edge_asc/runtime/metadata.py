"""What a model file says of itself: labels, front end, precision, provenance, budget.

A model is one file. Its metadata are JSON in an entry of the `.tflite` (`Model.metadata`) or
`.onnx` (`metadata_props`) under the key `edge_asc`, and are read here with the standard library, so
that a Raspberry Pi needs neither flatbuffers nor onnx for it.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

from edge_asc.runtime.formats.flatbuffer import Flat, FlatError, Table
from edge_asc.runtime.formats.protobuf import ProtoError, messages
from edge_asc.runtime.trust.bounds import check_bounds
from edge_asc.runtime.trust.digest import Integrity, integrity_of, with_blank
from edge_asc.runtime.trust.elsewhere import weights_elsewhere
from edge_asc.shown import shown

METADATA_KEY = "edge_asc"
MOST_VIEWS = 100
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.001, 1000.0
SCHEMA = 2  # the newest that is read; raised when older readers would misread newer metadata
FIRST_SCHEMA, FOUR_BIT_SCHEMA = 1, 2  # older readers know no weights of four bits

Weights = Literal[
    "int8", "int4", "mixed"
]  # of 8 bits, of 4 where it pays, of 4 where it costs least
Precision = Literal["float32", "float16", "int8", "int4", "mixed"]
Format = Literal["tflite", "onnx"]
Kind = Literal["classifier", "encoder"]
ALTERED = "damaged or altered: its bytes are not those it was written with (digest)"

ONNX_GRAPH, ONNX_METADATA_PROPS = 7, 14  # field numbers of ModelProto
ENTRY_KEY, ENTRY_VALUE = 1, 2  # and of StringStringEntryProto
TFLITE_BUFFERS, TFLITE_METADATA = 4, 6  # slots of Model


class Calibration(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What was learnt about a file's confidence, from clips its network was not trained on.

    Attributes:
        temperature: By which scene logits are divided before the softmax.
        abstract_temperature: The same for the abstract head.
        threshold: Smallest probability of the likeliest scene that is worth a name.
        target_accuracy: What was wanted of the clips above the threshold.
        dataset: Name of the data set it was fitted on.
        folds: Its folds, whose clips were used.
        how: Which clips those were, in words.
        clips: Their number.
        log_loss: Mean over these clips before and after, nats.
        calibration_error: The same of the expected calibration error, as a share.
    """

    temperature: float = 1.0
    abstract_temperature: float = 1.0
    threshold: float | None = None
    target_accuracy: float | None = None
    dataset: str = ""
    folds: list[int] = []
    how: str = ""
    clips: int = 0
    log_loss: list[float] = []
    calibration_error: list[float] = []

    def __post_init__(self) -> None:
        for value in (self.temperature, self.abstract_temperature):
            if not LEAST_TEMPERATURE <= value <= MOST_TEMPERATURE:
                legal = f"{LEAST_TEMPERATURE:g} to {MOST_TEMPERATURE:g}"
                raise ValueError(f"metadata with a temperature of {value}; legal are {legal}")
        if self.threshold is not None and not 0 <= self.threshold < 1:
            raise ValueError(f"metadata with threshold {self.threshold}; legal are 0 to below 1")


class Metadata(msgspec.Struct, kw_only=True, frozen=True):
    """All that a model file carries besides its numbers. Unknown keys are left alone.

    Attributes:
        schema: Version of this layout.
        name: The preset the network was built from.
        labels: Scenes, in the order of the output `scene`.
        abstract_labels: Abstract classes, in the order of the output `abstract`; may be empty.
        frontend: `FrontEnd.to_dict()`, with the statistics of its normalisation.
        clip_s: Seconds of audio the network saw in training.
        views: How often it is asked about a window, shifted in time; the mean is its answer.
        frames: Of a static file, the only number that it takes at once; None: others as well.
        precision: What the weights are stored as; `mixed` is four and eight bits.
        provenance: Data set, fold, seed, versions, git commit, date.
        budget: Rule, and whether the export enforced it.
        warnings: What a user should know, one line each.
        calibration: What its probabilities are worth; None where nobody asked.
        kind: A classifier, or an encoder, whose output `scene` is an embedding and which has no
            labels: what others are taught upon.
        others: Outputs behind those of the labels that stand for all other sounds. What falls to
            them is no label's probability.
    """

    schema: int = FIRST_SCHEMA
    name: str
    labels: list[str]
    abstract_labels: list[str] = []
    frontend: dict[str, Any]
    clip_s: float
    views: int = 1
    frames: int | None = None
    precision: Precision
    provenance: dict[str, Any] = {}
    budget: dict[str, Any] = {}
    warnings: list[str] = []
    calibration: Calibration | None = None
    kind: Kind = "classifier"
    others: int = 0

    def __post_init__(self) -> None:
        check_schema(self.schema)
        if self.precision in ("int4", "mixed"):
            msgspec.structs.force_setattr(self, "schema", max(self.schema, FOUR_BIT_SCHEMA))
        for name in ("labels", "abstract_labels", "warnings"):  # they reach terminals, logs, pages
            msgspec.structs.force_setattr(self, name, [shown(text) for text in getattr(self, name)])
        msgspec.structs.force_setattr(self, "name", shown(self.name))
        if not self.labels and self.kind == "classifier":
            raise ValueError("metadata without labels")
        if self.others < 0:
            raise ValueError(f"metadata with others {self.others}; it must be at least 0")
        for labels in (self.labels, self.abstract_labels):
            if len(set(labels)) < len(labels):
                raise ValueError(f"metadata with a label twice: {', '.join(labels)}")
        if not 0 < self.clip_s < float("inf"):
            raise ValueError(f"metadata with clip_s {self.clip_s}; it must be above 0 s")
        names = [self.name, *self.labels, *self.abstract_labels]
        check_bounds(names, self.frontend, self.clip_s, (self.provenance, self.budget))
        check_views(self.views)
        if self.frames is not None and self.frames < 1:
            raise ValueError(f"metadata with frames {self.frames}; there must be at least 1")


def check_views(views: int) -> None:
    """Raise ValueError unless a window can be heard so many times."""
    if not 1 <= views <= MOST_VIEWS:
        raise ValueError(f"views must be 1 to {MOST_VIEWS}, found {views}")


class _Version(msgspec.Struct):
    """What is read first: a newer metadata may differ in all the rest."""

    schema: int


def check_schema(schema: int) -> None:
    """Raise unless this reader understands metadata of this version."""
    if not 1 <= schema <= SCHEMA:
        raise ValueError(f"schema {schema}; this edge-asc reads 1 to {SCHEMA}: update edge-asc")


def metadata_to_json(metadata: Metadata) -> bytes:
    """The metadata as compact JSON (UTF-8), with room for the file's digest (`seal`)."""
    fields = msgspec.structs.asdict(metadata)
    if metadata.calibration is None:
        del fields["calibration"]  # bytes count
    usual_fields = ("views", 1), ("frames", None), ("kind", "classifier"), ("others", 0)
    for name, usual in usual_fields:
        if fields[name] == usual:
            del fields[name]
    return with_blank(msgspec.json.encode(fields))


def metadata_from_json(data: bytes) -> Metadata:
    """The metadata from JSON.

    Raises:
        ValueError: not JSON, or a field that is missing or illegal; one line that names it.
    """
    try:
        check_schema(msgspec.json.decode(data, type=_Version).schema)
        return msgspec.json.decode(data, type=Metadata)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"model metadata: {one_line(error)}") from None


def read_metadata(path: Path | str) -> Metadata:
    """The metadata of a `.tflite` or `.onnx` file.

    Raises:
        OSError: the file cannot be read.
        ValueError: not a model file, or one that carries no valid metadata.
    """
    return metadata_of(Path(path).read_bytes(), str(path))


def metadata_of(data: bytes, name: str = "model") -> Metadata:
    """The metadata of a model in memory; `name` stands in the errors.

    Raises:
        ValueError: not a model file, one that carries no valid metadata, one whose bytes are not
            those it was written with, or whose weights lie in another file.
    """
    metadata, integrity = checked_metadata(data, name)
    if integrity == "altered":
        raise ValueError(f"{name}: {ALTERED}")
    return metadata


def checked_metadata(data: bytes, name: str = "model") -> tuple[Metadata, Integrity]:
    """The metadata also of a file that was altered, and whether it was.

    Raises:
        ValueError: as `metadata_of`, but for that.
    """
    entries = entries_of(data, name)
    if METADATA_KEY not in entries:
        raise ValueError(f"{name}: not made by edge-asc (no {METADATA_KEY!r} in its metadata)")
    said = entries[METADATA_KEY]
    try:
        metadata, integrity = metadata_from_json(said), integrity_of(data, said)
        if integrity == "foreign":
            _check_keys(said)
        elsewhere = weights_elsewhere(data, file_format(data))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if elsewhere:
        raise ValueError(f"{name}: weights lie in another file; a model of ours is one file")
    return metadata, integrity


def _check_keys(said: bytes) -> None:
    """Refuse keys that nobody knew when files had no digest: one of them may have been the digest.

    Raises:
        ValueError: names the key.
    """
    unknown = set(msgspec.json.decode(said)) - set(Metadata.__struct_fields__)
    if unknown:
        raise ValueError(f"damaged: no digest, but {shown(min(unknown))!r} in its metadata")


def read_entries(path: Path | str) -> dict[str, bytes]:
    """All metadata entries of a `.tflite` or `.onnx` file.

    Raises:
        OSError, ValueError: as `read_metadata`.
    """
    return entries_of(Path(path).read_bytes(), str(path))


def entries_of(data: bytes, name: str = "model") -> dict[str, bytes]:
    """All metadata entries of a model in memory.

    Raises:
        ValueError: not a model file, or a damaged one.
    """
    read = {"tflite": _tflite_entries, "onnx": _onnx_entries}[file_format(data, name)]
    try:
        return read(data)
    except (FlatError, ProtoError) as error:
        raise ValueError(f"{name}: damaged model file: {error}") from None


def file_format(data: bytes, name: str = "model") -> Format:
    """Which format the bytes are in; told by the bytes, not by the file's name.

    Raises:
        ValueError: neither a TFLite nor an ONNX file.
    """
    if data[4:8] == b"TFL3":
        return "tflite"
    try:
        if any(messages(data, ONNX_GRAPH)):
            return "onnx"
    except ProtoError:
        pass
    raise ValueError(f"{name}: neither a TFLite nor an ONNX model ({len(data)} bytes)")


def one_line(error: BaseException) -> str:
    """An error's message with its line breaks taken out."""
    return " ".join(str(error).split()) or type(error).__name__


def _tflite_entries(data: bytes) -> dict[str, bytes]:
    model = Flat(data).root()
    buffers = model.tables(TFLITE_BUFFERS)
    return {
        entry.text(0): _buffer(buffers, entry.integer(1, "I"))
        for entry in model.tables(TFLITE_METADATA)
    }


def _buffer(buffers: list[Table], index: int) -> bytes:
    if index >= len(buffers):
        raise FlatError(f"metadata in buffer {index} of {len(buffers)}")
    raw = buffers[index].raw(0)
    if raw is None:
        return b""
    buffers[index].flat.allowance.spend(len(raw) // 16)
    return bytes(raw)


def _onnx_entries(data: bytes) -> dict[str, bytes]:
    entries: dict[str, bytes] = {}
    for entry in messages(data, ONNX_METADATA_PROPS):
        entries[_last(entry, ENTRY_KEY).decode("utf-8", "replace")] = _last(entry, ENTRY_VALUE)
    return entries


def _last(message: memoryview, number: int) -> bytes:
    """A field's bytes; of a field given twice the last counts, as in every protobuf reader."""
    return bytes([b"", *messages(message, number)][-1])
