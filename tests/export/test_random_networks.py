"""Networks drawn from what people build of: torch = graph = .tflite = .onnx, and int8 bytes again.

The laws of `test_layers` for layers in any order. A map `[B, C, M, F]` may become a sequence
`[B, C, F]`, never the other way round; what does not fit the sizes there are is not drawn.
"""

import os
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from edge_asc.export.onnx.to_onnx import to_onnx
from edge_asc.export.tflite.to_tflite import to_tflite
from edge_asc.graph.fold import fold
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import trace
from edge_asc.quantize.qat import dummy_quantised
from layers import Bands, Call, gated_by_both, shuffled

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

N_MELS, LENGTHS = 12, (61, 40)
# Of the largest logit: sums in another order, which norms of nearly equal numbers make larger.
FLOAT = 1e-4

Layer = Callable[[int, int], nn.Module]  # of channels and mels

ANY: dict[str, Layer] = {
    "relu": lambda c, m: nn.ReLU(),
    "relu6": lambda c, m: nn.ReLU6(),
    "silu": lambda c, m: nn.SiLU(),
    "gelu": lambda c, m: nn.GELU(),
    "hardswish": lambda c, m: nn.Hardswish(),
    "elu": lambda c, m: nn.ELU(),
    "leaky": lambda c, m: nn.LeakyReLU(0.1),
    "scaled": lambda c, m: Call(lambda x: 0.5 * x - 0.1),
    "dropout": lambda c, m: nn.Dropout(0.5),
    "reversed": lambda c, m: Call(lambda x: x + x.flip(1)),
    "cut": lambda c, m: Call(lambda x: x[..., 1:]),
    "steps": lambda c, m: Call(lambda x: x[..., 1:] - x[..., :-1]),
    "half of channels": lambda c, m: Call(lambda x: torch.mul(*x.chunk(2, 1))),
    "twice": lambda c, m: Call(lambda x: torch.cat([x, F.relu(x)], 1)),
}

OF_MAPS: dict[str, Layer] = {
    "conv": lambda c, m: nn.Conv2d(c, 6, 3, padding=1),
    "conv of mels": lambda c, m: nn.Conv2d(c, 4, (2, 1), stride=(2, 1)),
    "depthwise": lambda c, m: nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False),
    "norm": lambda c, m: nn.BatchNorm2d(c),
    "bands": lambda c, m: Bands(c, 2),
    "of channels": lambda c, m: Call(
        lambda x, n: n(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), nn.LayerNorm(c)
    ),
    "residual": lambda c, m: Call(lambda x, a: x + a(x), nn.Conv2d(c, c, 1)),
    "gate": lambda c, m: Call(
        lambda x, a: x * torch.sigmoid(a(x.mean((2, 3), True))), nn.Conv2d(c, c, 1)
    ),
    "both gates": lambda c, m: Call(gated_by_both, nn.Conv2d(c, c, 1)),
    "broadcast": lambda c, m: Call(lambda x: x + x.mean(2, True)),
    "shuffle": lambda c, m: Call(lambda x: x - shuffled(x)),
    "max pool": lambda c, m: nn.MaxPool2d(2),
    "max pool, rounded up": lambda c, m: nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "average pool": lambda c, m: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
    "turned": lambda c, m: Call(
        lambda x, a: a(x.transpose(1, 2)).transpose(1, 2), nn.Conv2d(m, m, 1)
    ),
}

# To sequences, and of them: what stands in `JOINS` is drawn once.
JOINS: dict[str, Layer] = {
    "joined": lambda c, m: Call(lambda x: x.flatten(1, 2)),
    "joined, mels first": lambda c, m: Call(lambda x: x.transpose(1, 2).flatten(1, 2)),
    "mean": lambda c, m: Call(lambda x: x.mean(2)),
    "loudest": lambda c, m: Call(lambda x: x.amax(2)),
}

OF_SEQUENCES: dict[str, Layer] = {
    "conv": lambda c, m: nn.Conv1d(c, 8, 3, padding=1),
    "dilated": lambda c, m: nn.Conv1d(c, 6, 3, dilation=2, stride=2),
    "depthwise": lambda c, m: nn.Conv1d(c, c, 3, padding="same", groups=c),
    "causal": lambda c, m: Call(lambda x, a: x + a(F.pad(x, (2, 0))), nn.Conv1d(c, c, 3)),
    "norm": lambda c, m: nn.BatchNorm1d(c),
    "at each frame": lambda c, m: Call(
        lambda x, a: a(x.transpose(1, 2)).transpose(1, 2), nn.Linear(c, 6)
    ),
    "max pool": lambda c, m: nn.MaxPool1d(2),
    "average pool": lambda c, m: nn.AvgPool1d(3, 2),
    "gate": lambda c, m: Call(
        lambda x, a: x * torch.sigmoid(a(x.mean(2, True))), nn.Conv1d(c, c, 1)
    ),
}

SUMMARIES: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda x: x.flatten(2).mean(2),
    "mean and maximum": lambda x: torch.cat([x.flatten(2).mean(2), x.flatten(2).amax(2)], 1),
    "last frame": lambda x: x[..., -1].flatten(1),
}


class Drawn(nn.Module):
    """Layers one after the other, each made for what the ones before it give, and a head."""

    def __init__(self, names: list[tuple[dict[str, Layer], str]], summary: str) -> None:
        super().__init__()
        self.layers, self.summary = nn.ModuleList(), summary
        x = torch.zeros(2, 1, N_MELS, min(LENGTHS))
        for kinds, name in names:
            made = kinds[name](x.shape[1], x.shape[2]).eval()
            try:
                x = made(x)
            except (RuntimeError, TypeError, ValueError):  # odd channels, or too little is left
                continue
            self.layers.append(made)
        self.head = nn.Linear(SUMMARIES[summary](x).shape[1], 3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.head(SUMMARIES[self.summary](x))


def among(*kinds: dict[str, Layer]) -> st.SearchStrategy:
    return st.one_of([st.tuples(st.just(kind), st.sampled_from(sorted(kind))) for kind in kinds])


@st.composite
def networks(draw: st.DrawFn) -> nn.Module:
    names = [(OF_MAPS, "conv"), *draw(st.lists(among(ANY, OF_MAPS), max_size=4))]
    if draw(st.booleans()):
        names += [draw(among(JOINS)), *draw(st.lists(among(ANY, OF_SEQUENCES), max_size=4))]
    torch.manual_seed(draw(st.integers(0, 3)))
    with torch.no_grad():
        network = Drawn(names, draw(st.sampled_from(sorted(SUMMARIES))))
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(module.weight)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


def by_tflite(data: bytes, x: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=data)
    (entry,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(entry["index"], [1, *x.shape[2:], 1])
    interpreter.allocate_tensors()
    rows = []
    for clip in x:
        interpreter.set_tensor(entry["index"], clip[0][None, :, :, None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(out["index"])[0].copy())
    return np.stack(rows)


@settings(
    max_examples=40,
    derandomize=True,
)
@given(network=networks())
def test_whatever_is_built_is_computed_by_all(network: nn.Module) -> None:
    graph = fold(trace(network, N_MELS))
    tflite, onnx = (to_tflite(graph, LENGTHS[0]), to_onnx(graph, LENGTHS[0]))
    session = onnxruntime.InferenceSession(onnx)
    for n_frames in LENGTHS:
        x = torch.randn(2, 1, N_MELS, n_frames, generator=torch.Generator().manual_seed(n_frames))
        with torch.no_grad():
            theirs = network(x).numpy()
            ours = GraphNetwork(graph).eval()(x)[0].numpy()
        found = ours, by_tflite(tflite, x.numpy()), session.run(None, {"x": x.numpy()})[0]
        largest = np.abs(theirs).max() + 1e-3
        assert max(np.abs(one - theirs).max() for one in found) <= FLOAT * largest
    int8 = dummy_quantised(graph)
    for stored in (graph, int8):
        file = to_tflite(stored, LENGTHS[0])
        again, length = from_tflite(file)
        assert to_tflite(again, length) == file
    assert to_onnx(int8, LENGTHS[0])
