"""One model file open in one inference runtime: features in, named logits out.

Shapes: M mels, F frames, S scenes. A session takes normalised features `[M, F]` and gives
`{"scene": [S], "abstract": [A]}` float32 whatever the file computes in; F may change between calls.
A session is not safe to share between threads.
"""

import functools
import importlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from edge_asc.runtime.formats.unsigned_weights import unsigned_weights
from edge_asc.runtime.formats.wide_onnx import wide_onnx
from edge_asc.runtime.formats.wide_tflite import wide_tflite

Array = np.ndarray
Logits = dict[str, Array]


class Session(Protocol):
    """What every runtime's session can do."""

    def run(self, features: Array) -> Logits:
        """Logits by output name of normalised features `[M, F]`."""


def quantize(values: Array, scale: float, zero_point: int, dtype: Any) -> Array:
    """Real values to the integers of a grid: round, clip, cast.

    Without the clip a value outside the grid would wrap round to its other end.
    """
    limits = np.iinfo(dtype)
    grid = np.rint(values / np.float32(scale)) + zero_point
    return np.clip(grid, limits.min, limits.max).astype(dtype)


def dequantize(integers: Array, scale: float, zero_point: int) -> Array:
    """Integers of a grid to real values, float32."""
    return ((integers.astype(np.float32) - zero_point) * np.float32(scale)).astype(np.float32)


_STDERR = threading.Lock()


@contextmanager
def without_notes() -> Iterator[None]:
    """Keep the interpreters' `INFO:` lines off stderr, where one line means one error.

    They come from C++ and have no switch. Everything else that is written meanwhile is passed on.
    """
    with _STDERR, tempfile.TemporaryFile() as caught:
        try:
            stderr = os.dup(2)
        except OSError:  # a service without stderr
            yield
            return
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            caught.seek(0)
            os.write(2, b"".join(line for line in caught if not line.startswith(b"INFO: ")))


class TFLiteSession:
    """A `.tflite` file; LiteRT and tflite-runtime have the same interpreter interface.

    Args:
        interpreter_class: `Interpreter` of either package.
        content: the file's bytes; input `x` `[1, M, F, 1]`, outputs named.
        threads: of the interpreter's own kernels.

    Raises:
        ValueError: the runtime does not take the file.
    """

    def __init__(self, interpreter_class: Callable[..., Any], content: bytes, threads: int) -> None:
        self._content = wide_tflite(content)  # the interpreter reads weights from it in place
        with without_notes():
            self._interpreter = interpreter_class(model_content=self._content, num_threads=threads)
            self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        self._outputs = {d["name"]: d for d in self._interpreter.get_output_details()}
        self._shape = tuple(int(n) for n in self._input["shape"])

    def run(self, features: Array) -> Logits:
        """Logits by output name of normalised features `[M, F]`."""
        x = features[None, :, :, None].astype(np.float32, copy=False)  # [1, M, F, 1]
        self._resize(x.shape)
        if self._input["dtype"] != np.float32:
            scale, zero_point = self._input["quantization"]
            x = quantize(x, scale, zero_point, self._input["dtype"])
        self._interpreter.set_tensor(self._input["index"], x)
        self._interpreter.invoke()
        return {name: self._output(details) for name, details in self._outputs.items()}

    def tensor(self, index: int) -> Array:
        """A tensor of the last run as real numbers, by an interpreter that keeps all of them."""
        return self._real(self._details[index], self._interpreter.get_tensor(index))

    @functools.cached_property
    def _details(self) -> dict[int, Mapping[str, Any]]:
        """Of every tensor by index; what is read of them no other length of input changes."""
        return {d["index"]: d for d in self._interpreter.get_tensor_details()}

    def _resize(self, shape: tuple[int, ...]) -> None:
        if shape == self._shape:
            return
        # Strict: only axes that the file declares dynamic may change; a fixed-length network
        # would otherwise be resized into nonsense.
        self._interpreter.resize_tensor_input(self._input["index"], shape, strict=True)
        self._interpreter.allocate_tensors()
        self._shape = shape

    def _output(self, details: Mapping[str, Any]) -> Array:
        return self._real(details, self._interpreter.get_tensor(details["index"])[0])

    @staticmethod
    def _real(details: Mapping[str, Any], value: Array) -> Array:
        if details["dtype"] == np.float32:
            return value
        scale, zero_point = details["quantization"]
        return dequantize(value, scale, zero_point)


class OnnxSession:
    """An `.onnx` file in ONNX Runtime, on the CPU.

    Args:
        content: the file's bytes; input `x` `[1, 1, M, F]` float32, outputs named.
        threads: within an operator; operators run one after another.
    """

    def __init__(self, content: bytes, threads: int) -> None:
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only; its warnings are about the optimiser
        self._session = onnxruntime.InferenceSession(
            wide_onnx(unsigned_weights(content)), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, features: Array) -> Logits:
        """Logits by output name of normalised features `[M, F]`."""
        x = features[None, None].astype(np.float32, copy=False)  # [1, 1, M, F]
        values = self._session.run(self._names, {self._input: x})
        return {name: value[0] for name, value in zip(self._names, values, strict=True)}


def import_onnxruntime() -> Any:
    """The module, with its telemetry off: since 1.29 it uploads unless told not to."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


# Where the runtimes for .tflite files have their interpreter.
INTERPRETERS = {"litert": "ai_edge_litert.interpreter", "tflite": "tflite_runtime.interpreter"}


def open_tflite(runtime: str, content: bytes, threads: int) -> Session:
    """A session of a key of `INTERPRETERS`."""
    interpreter = importlib.import_module(INTERPRETERS[runtime])
    return TFLiteSession(interpreter.Interpreter, content, threads)


def open_keeping(runtime: str, content: bytes, threads: int) -> TFLiteSession:
    """The same, of an interpreter that keeps all tensors of a run."""
    return TFLiteSession(interpreter_that_keeps(runtime), content, threads)


def interpreter_that_keeps(runtime: str) -> Callable[..., Any]:
    """The interpreter class of `litert` or `tflite`, so set that all tensors of a run stay."""
    interpreter = importlib.import_module(INTERPRETERS[runtime])
    return functools.partial(
        interpreter.Interpreter,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )


KEEPING = "{}, all tensors kept"  # of a key of `INTERPRETERS`
# Every way in which a file's bytes become a session, with a number of threads.
OPENERS: dict[str, Callable[[bytes, int], Session]] = {
    **{name: functools.partial(open_tflite, name) for name in INTERPRETERS},
    **{KEEPING.format(name): functools.partial(open_keeping, name) for name in INTERPRETERS},
    "onnxruntime": OnnxSession,
}


def import_runtime(opener: str) -> None:
    """Import what a key of `OPENERS` needs."""
    name = opener.partition(",")[0]
    if name in INTERPRETERS:
        importlib.import_module(INTERPRETERS[name])
    else:
        import_onnxruntime()
