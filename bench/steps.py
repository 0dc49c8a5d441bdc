"""What a training step, a quantised step and an export cost, before and after.

    python bench/steps.py [PRESET]      prints Markdown; compact-int8 by default

One thread, processor time (other programs on the machine hardly disturb it), the least of several
steps; all variants in one process, one after the other.
"""

import contextlib
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date

import torch
import torch.nn.functional as F

from edge_asc.config.schema import load_preset
from edge_asc.export.onnx.to_onnx import to_onnx
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.fold import fold
from edge_asc.graph.graph import Graph
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import trace
from edge_asc.models import build
from edge_asc.models.forward import forward_of
from edge_asc.models.maximum import CheapMaximum
from edge_asc.quantize import qat

BATCH = 32
REPEATS = 5

Network = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]


def step_ms(network: Network, x: torch.Tensor, bfloat16: bool = False) -> float:
    """Forward and backward of one batch."""
    y = torch.arange(len(x)) % 10
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = network(x)[0]
        F.cross_entropy(logits.float(), y).backward()
        times.append(time.process_time() - started)
    return 1000 * min(times)


@contextlib.contextmanager
def nncf_reference_kernels() -> Iterator[None]:
    """NNCF's eager kernels in the place of torch's."""
    from nncf.torch.quantization import extensions
    from nncf.torch.quantization.reference import torch_executor

    class Reference:
        Quantize_forward = staticmethod(torch_executor.forward)
        Quantize_backward = staticmethod(torch_executor.backward)

    ours = extensions.QuantizedFunctionsCPU._loaded_namespace
    extensions.QuantizedFunctionsCPU._loaded_namespace = Reference
    yield
    extensions.QuantizedFunctionsCPU._loaded_namespace = ours


def export_ms(write: Callable[..., bytes], graph: Graph, n_frames: int) -> float:
    """Writing one file into memory."""
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        write(graph, n_frames)
        times.append(time.process_time() - started)
    return 1000 * min(times)


def main(preset: str = "compact-int8") -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    config = load_preset(preset)
    frontend = config.front_end()
    n_frames = frontend.n_frames(round((config.data.crop_s or 5.0) * frontend.sample_rate_hz))
    x = torch.randn(BATCH, 1, frontend.n_mels, n_frames)
    network = build(config.model.name, config.model.options, n_scenes=10).train()

    print(f"{preset}, batch {BATCH}, {frontend.n_mels} mels x {n_frames} frames, one thread\n")
    print("| training step | ms |\n| --- | ---: |")
    print(f"| float32 | {step_ms(network, x):.0f} |")
    print(f"| bfloat16 | {step_ms(network, x, bfloat16=True):.0f} |")
    with CheapMaximum():
        print(f"| bfloat16, cheaper maximum | {step_ms(network, x, bfloat16=True):.0f} |")
    compiled = torch.compile(network, dynamic=False)
    print(f"| bfloat16, compiled | {step_ms(compiled, x, bfloat16=True):.0f} |")
    for words, fast in (("", False), (", cheaper maximum", True)):
        forward = forward_of(network, compile=True, fast_maximum=fast)
        print(f"| float32, compiled{words} | {step_ms(forward, x):.0f} |")

    graph = fold(trace(network, frontend.n_mels))
    quantised = qat.prepare(GraphNetwork(graph), [x[:8]]).train()
    print("\n| quantised step | ms |\n| --- | ---: |")
    with nncf_reference_kernels():
        print(f"| NNCF's eager kernels | {step_ms(quantised, x):.0f} |")
    print(f"| torch's fused kernels | {step_ms(quantised, x):.0f} |")

    frozen = qat.freeze(quantised)
    print("\n| export | ms |\n| --- | ---: |")
    print(f"| int8 TFLite | {export_ms(to_tflite, frozen, n_frames):.0f} |")
    print(f"| int8 ONNX, with its checker | {export_ms(to_onnx, frozen, n_frames):.0f} |")
    print(
        f"\n{date.today()}; {os.cpu_count()} cores, {platform.machine()}; torch {torch.__version__}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
