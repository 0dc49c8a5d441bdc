"""What a network knows of a sound before its last layer: an embedding, out of a `.tflite` file.

The interpreter keeps all tensors of a run; the file itself says which of them the last layer reads.
Kernels are the plain ones: XNNPACK, which runs a file by default, hides what lies between. Where
mels and frames are left (a convolution as the last layer), the embedding is their mean.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from edge_asc.runtime.formats.flatbuffer import Flat, Table
from edge_asc.runtime.metadata import metadata_of
from edge_asc.runtime.sessions import INTERPRETERS, KEEPING, open_keeping
from edge_asc.runtime.trust.trial import try_file

# schema.fbs: slots of the tables, and the two operators that have weights over channels
CODES, SUBGRAPHS = 1, 2  # of Model
TENSORS, OUTPUTS, OPERATORS = 0, 2, 3  # of SubGraph
CODE, OP_INPUTS, OP_OUTPUTS = 0, 1, 2  # of Operator
NAME = 3  # of Tensor
OLD_CODE, NEW_CODE = 0, 3  # of OperatorCode
CONV_2D, FULLY_CONNECTED = 3, 9


class Embedder:
    """Embeddings `[D]` of features.

    Args:
        path: a `.tflite` file.
        runtime: a key of `RUNTIMES` that runs it.

    Raises:
        ValueError: an .onnx file, or no layer with weights makes the scenes of this one.
    """

    def __init__(self, path: Path, runtime: str) -> None:
        if runtime not in INTERPRETERS:
            raise ValueError(
                f"{path}: embeddings come from .tflite files; ONNX Runtime gives outputs alone"
            )
        content = path.read_bytes()
        try_file(path, content, KEEPING.format(runtime), metadata_of(content, str(path)))
        self._session = open_keeping(runtime, content, 1)
        self._tensor, self._is_map = embedding_tensor(content)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """The embedding of normalised features `[M, F]`, float32."""
        self._session.run(features)
        value = self._session.tensor(self._tensor)
        channels = value.shape[-1]
        return value.reshape(-1, channels).mean(0) if self._is_map else value.ravel()


def embedding_tensor(content: bytes) -> tuple[int, bool]:
    """The tensor that the last layer of the scenes reads, and whether it has mels and frames.

    Raises:
        ValueError: a damaged file, or no such layer.
    """
    model = Flat(content).root()
    codes = [_code(table) for table in model.tables(CODES)]
    graph = model.tables(SUBGRAPHS)[0]
    tensors = graph.tables(TENSORS)
    names = {tensors[index].text(NAME): index for index in graph.integers(OUTPUTS)}
    makers = {out: op for op in graph.tables(OPERATORS) for out in op.integers(OP_OUTPUTS)}
    for operator in _upstream(makers, names.get("scene", -1)):
        code = codes[operator.integer(CODE, "I")]
        if code in (CONV_2D, FULLY_CONNECTED):
            return operator.integers(OP_INPUTS)[0], code == CONV_2D
    raise ValueError("no layer with weights makes the scenes of this file: no embedding")


def _upstream(makers: dict[int, Table], tensor: int) -> Iterator[Table]:
    """The operator that makes a tensor, the one that makes its first input, and so on."""
    while tensor in makers:
        operator = makers.pop(tensor)  # each once, also in a damaged file that bites its tail
        yield operator
        tensor = operator.integers(OP_INPUTS)[0]


def _code(table: Table) -> int:
    return max(table.integer(OLD_CODE, "b"), table.integer(NEW_CODE, "i"))
