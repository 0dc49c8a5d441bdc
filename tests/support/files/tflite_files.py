"""Small .tflite files made with the schema's own object API: a writer that is not ours."""

from typing import Any

import ai_edge_litert.schema_py_generated as schema
import flatbuffers
import numpy as np

TYPES = {np.dtype(name): getattr(schema.TensorType, name.upper())
         for name in ("float32", "float16", "int32", "uint8", "int64", "bool", "int16", "int8",
                      "float64")}  # fmt: skip


class TFLiteFile:
    """Collects tensors and operators of one subgraph; `bytes()` packs them."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.model.metadata = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.model.subgraphs = [self.graph]

    def buffer(self, data: bytes) -> int:
        buffer = schema.BufferT()
        buffer.data = list(data)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def tensor(
        self,
        shape: tuple[int, ...],
        type: str = "float32",
        name: str = "",
        signature: tuple[int, ...] | None = None,
        data: bytes | None = None,
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.name = list(shape), name
        tensor.type = getattr(schema.TensorType, type.upper())
        tensor.shapeSignature = None if signature is None else list(signature)
        tensor.buffer = 0 if data is None else self.buffer(data)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, array: Any, name: str = "") -> int:
        array = np.asarray(array)
        type = next(name for name, code in vars(schema.TensorType).items()
                    if code == TYPES[array.dtype])  # fmt: skip
        return self.tensor(array.shape, type, name, data=array.tobytes())

    def op(
        self, code: str | int, inputs: list[int], outputs: list[int], options: Any = None
    ) -> None:
        number = getattr(schema.BuiltinOperator, code) if isinstance(code, str) else code
        operator_code = schema.OperatorCodeT()
        operator_code.deprecatedBuiltinCode = min(number, 127)
        operator_code.builtinCode = number
        self.model.operatorCodes.append(operator_code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, outputs
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self.graph.operators.append(operator)

    def metadata(self, name: str, data: bytes) -> None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, self.buffer(data)
        self.model.metadata.append(entry)

    def bytes(self) -> bytes:
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def options(kind: str, **fields: Any) -> Any:
    """Builtin options: `options("Conv2D", strideW=2)`."""
    made = getattr(schema, f"{kind}OptionsT")()
    for name, value in fields.items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made
