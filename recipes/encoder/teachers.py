"""YAMNet-256 and YAMNet (1024) as torch networks: one patch of log-mels to one embedding.

Both are trunks of one form: a strided 3x3 convolution, then pairs of depthwise 3x3 and 1x1, each
with batch norm (folded here) and ReLU; the embedding is the mean of the last maps. Their weights
are read from files that stay outside the repository (Apache-2.0). Reading the first needs h5py.
Letters: B patches, F frames, M mels, C channels.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

YAMNET_256, YAMNET_1024 = "yamnet_256_f32.h5", "yamnet.tflite"
EPSILON = 1e-4  # of YAMNet's batch norm
CEILING = 6.0  # where the int8 file's activations end


@dataclass(frozen=True)
class Layer:
    """A convolution with ReLU."""

    weight: np.ndarray  # [out, in / groups, k, k]
    bias: np.ndarray  # [out]
    stride: int
    groups: int

    def module(self) -> nn.Conv2d:
        """The convolution; where it strides, `Trunk` pads."""
        out, inputs, kernel, _ = self.weight.shape
        padding = kernel // 2 if self.stride == 1 else 0
        conv = nn.Conv2d(
            inputs * self.groups, out, kernel, self.stride, padding, groups=self.groups
        )
        conv.load_state_dict({"weight": torch.tensor(self.weight), "bias": torch.tensor(self.bias)})
        return conv


class Trunk(nn.Module):
    """`[B, 1, F, M] -> [B, C]`: convolutions with ReLU, then the mean of the maps."""

    def __init__(self, layers: Iterator[Layer], ceiling: float) -> None:
        super().__init__()
        self.ceiling = ceiling
        self.layers = nn.ModuleList(layer.module() for layer in layers)
        self.requires_grad_(False).eval().to(memory_format=torch.channels_last)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Return the embedding, float32."""
        x = x.to(next(self.parameters()).dtype, memory_format=torch.channels_last)
        for conv in self.layers:
            if conv.stride == (2, 2):  # TensorFlow's "same": no zero before, one behind
                x = F.pad(x, (0, 1, 0, 1))
            x = conv(x).clamp_(0.0, self.ceiling)
        return x.float().mean((2, 3))


def yamnet_256(folder: Path) -> Trunk:
    """STMicroelectronics' cut of YAMNet: 256 numbers from 131 thousand weights."""
    import h5py

    with h5py.File(folder / YAMNET_256) as file:
        return Trunk(_layers_256(file["model_weights/model_2"]), float("inf"))


def _layers_256(group: Any) -> Iterator[Layer]:
    yield _folded(group, "layer1/conv", "kernel", 2)
    for number, stride in zip(range(2, 7), (1, 2, 1, 2, 1), strict=True):
        yield _folded(group, f"layer{number}/depthwise_conv", "depthwise_kernel", stride)
        yield _folded(group, f"layer{number}/pointwise_conv", "kernel", 1)


def _folded(group: Any, name: str, kernel: str, stride: int) -> Layer:
    norm = {k: group[f"{name}/bn/{k}:0"][:] for k in ("moving_mean", "moving_variance", "beta")}
    scale = 1.0 / np.sqrt(norm["moving_variance"] + EPSILON)
    weight = group[f"{name}/{kernel}:0"][:]  # [k, k, in, out], depthwise [k, k, out, 1]
    depthwise = kernel == "depthwise_kernel"
    weight = weight.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    bias = norm["beta"] - norm["moving_mean"] * scale
    return Layer(weight * scale[:, None, None, None], bias, stride, len(scale) if depthwise else 1)


def yamnet_1024(folder: Path) -> Trunk:
    """Google's YAMNet from its int8 file, in floating point: 1024 numbers, 3.2 million weights."""
    from ai_edge_litert.interpreter import Interpreter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Interpreter(str(folder / YAMNET_1024), experimental_preserve_all_tensors=True)
    file.allocate_tensors()
    return Trunk(_layers_1024(file), CEILING)


def _layers_1024(file: Any) -> Iterator[Layer]:
    details = {tensor["index"]: tensor for tensor in file.get_tensor_details()}
    for op in file._get_ops_details():
        if op["op_name"] not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            continue
        source, weight, bias = op["inputs"]
        stride = int(details[source]["shape"][1] // details[op["outputs"][0]]["shape"][1])
        depthwise = op["op_name"] == "DEPTHWISE_CONV_2D"
        order = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
        kernel = _real(file, details[weight]).transpose(order)
        yield Layer(kernel, _real(file, details[bias]), stride, len(kernel) if depthwise else 1)


def _real(file: Any, tensor: Any) -> np.ndarray:
    """A constant's numbers, float32."""
    grid = tensor["quantization_parameters"]
    stored = file.get_tensor(tensor["index"]).astype(np.float32)
    shape = [1] * stored.ndim
    shape[grid["quantized_dimension"]] = -1
    return stored * grid["scales"].reshape(shape)
