"""What model files answer on the processor that runs this; for one that is emulated.

    python elsewhere_answers.py FOLDER

Each NAME.onnx and NAME.tflite in the folder is run on `x` `[N, M, F]` of NAME.npz by its own
runtime, without anything of ours: the logits go to NAME.FORMAT.npz, a head an array. Imports numpy
and the runtimes alone. A runtime that is not installed is passed over.
"""

import os
import sys
from pathlib import Path

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
Array = np.ndarray


def run_onnx(path: Path, x: Array) -> list[Array]:
    """Logits `[N, S]` of each head."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x[:, None]})


def run_tflite(path: Path, x: Array) -> list[Array]:
    """Logits `[N, S]` of each head."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    (entry,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(entry["index"], [1, *x.shape[1:], 1])
    interpreter.allocate_tensors()
    scale, zero = entry["quantization"]
    rows = []
    for clip in np.clip(np.rint(x / np.float32(scale)) + zero, -128, 127).astype(np.int8):
        interpreter.set_tensor(entry["index"], clip[None, :, :, None])
        interpreter.invoke()
        rows.append([_real(interpreter, out) for out in interpreter.get_output_details()])
    return [np.stack(heads) for heads in zip(*rows)]  # noqa: B905 (heads of one file)


def _real(interpreter, output) -> Array:  # type: ignore[no-untyped-def]
    values = interpreter.get_tensor(output["index"]).reshape(-1).astype(np.float32)
    scale, zero = output["quantization"]
    return (values - zero) * np.float32(scale)


RUNS = {".onnx": run_onnx, ".tflite": run_tflite}


def main(folder: Path) -> None:
    """Run them all."""
    for path in sorted(p for p in folder.iterdir() if p.suffix in RUNS):
        with np.load(path.with_suffix(".npz")) as inputs:
            x = inputs["x"]
        try:
            heads = RUNS[path.suffix](path, x)
        except ModuleNotFoundError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            continue
        np.savez(path.with_name(path.name + ".npz"), *heads)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
