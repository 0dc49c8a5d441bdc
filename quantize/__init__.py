"""Called, `ea.quantize(graph, batches)`: the rounding of integers put into a network.

Ranges are measured on real features. What comes back is an ordinary module: `freeze` it as it is
(post-training quantisation), or train it on first with a loop of your own; weights, biases and
ranges are its parameters.

Args:
    graph: of `trace`, folded or not.
    batches: normalised features `[B, 1, M, F]`, as tensors or arrays of float32 (other floating
        point is converted, integers are refused); a few hundred clips are plenty.
    weights: "int8"; "int4": four bits in every layer of 1,024 weights and more that is not
        depthwise; "mixed": in those of them that lose least. Activations have eight bits.

Returns:
    A module `[B, 1, M, F] ->` tuple of logits that computes with this rounding.

Raises:
    ValueError: no batch, or one of another shape, of integers, or with NaN or Inf in it; no such
        weights, or a graph that is int8 already.

Example:
    >>> import torch
    >>> from torch import nn
    >>> layers = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
    >>> net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 3))
    >>> q = ea.quantize(ea.trace(net, n_mels=64), [torch.randn(4, 1, 64, 100)])
    >>> q(torch.randn(2, 1, 64, 100))[0].shape
    torch.Size([2, 3])
    >>> optimizer = torch.optim.Adam(q.parameters())  # train on, or freeze as it is
    >>> ea.freeze(q).is_quantised
    True

Why a package that can be called: `quantize` is the field's word for what it does, and Python's
import system puts the package in the place of any function of that name as soon as one of its
modules is imported. Its class gets a `__call__`, which Python documents
("Customizing module attribute access"), and both are one object in any order of imports.
"""

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor

    from edge_asc.graph.graph import Graph
    from edge_asc.graph.network import GraphNetwork
    from edge_asc.runtime.metadata import Weights

if __name__ != "edge_asc.quantize":
    raise ImportError(f"import edge_asc.quantize, not {__name__}")


class _CallablePackage(ModuleType):
    """This package."""

    def __call__(
        self,
        graph: "Graph",
        batches: "Iterable[Tensor | ArrayLike]",
        weights: "Weights" = "int8",
    ) -> "GraphNetwork":
        """See the package."""
        from edge_asc.quantize.qat import quantize

        return quantize(graph, batches, weights)


sys.modules[__name__].__class__ = _CallablePackage
