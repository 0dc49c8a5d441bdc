"""Networks for tests: every registered one, at sizes that run in a moment."""

from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import nn

from edge_asc.graph.fold import fold
from edge_asc.graph.graph import Graph
from edge_asc.graph.network import GraphNetwork
from edge_asc.graph.trace import trace
from edge_asc.models import build
from edge_asc.quantize import qat

STYLE = ("unit", "attention", "combine", "pool")


@dataclass(frozen=True)
class Case:
    """A network and the input it is tried with, `[B, 1, n_mels, n_frames]`."""

    name: str
    n_mels: int
    n_frames: int
    n_abstract: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        style = [str(self.options[key]) for key in STYLE if key in self.options]
        style += ["branches"] * self.options.get("branches", False)
        return "-".join([self.name, *style, *["abstract"] * bool(self.n_abstract)])

    def __hash__(self) -> int:
        return hash(str(self))

    def network(self, seed: int = 0) -> nn.Module:
        """The network in eval mode with batch norm statistics as odd as training can make them."""
        torch.manual_seed(seed)
        network = build(self.name, self.options, n_scenes=10, n_abstract=self.n_abstract)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight)  # negative ones too: folding moves their signs
                nn.init.normal_(module.bias)
                nn.init.normal_(module.running_mean)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
        return network.eval()

    def graph(self, seed: int = 0) -> Graph:
        """Its folded float graph."""
        return fold(trace(self.network(seed), self.n_mels))

    def inputs(self, n_clips: int = 3, n_frames: int | None = None) -> torch.Tensor:
        """Random features; torch's seed decides them."""
        return torch.randn(n_clips, 1, self.n_mels, n_frames or self.n_frames)


SMALL: dict[str, Any] = {"channels": [8, 8, 12, 10], "reduction": 4}
TINY: dict[str, Any] = {"channels": [8, 12, 10], "reduction": 4}
STRIDED: dict[str, Any] = {"stem_kernel": 7, "stem_stride": 4}
SLIM: dict[str, Any] = {"channels": [8, 8, 12, 10, 12]}
DOUBLE: dict[str, Any] = {"attention": "cbam", "reduction": 4, "earlier": 1}
FLAT: dict[str, Any] = {"n_mels": 32, "n_frames": 40}  # for linear layers of one size

# Layers large enough for weights of four bits.
WIDE = Case("compact", 40, 51, options={"channels": [16, 24, 32, 16], "reduction": 4})

CASES = [
    Case("compact", 40, 51, options=SMALL),
    Case("compact", 40, 50, n_abstract=3, options=SMALL),
    Case("full", 32, 63, n_abstract=3, options={"n_mels": 32, "n_frames": 63}),
    Case("dcase2024-baseline", 64, 33),
    Case("biodcase2026-baseline", 40, 45),
    Case("compact", 40, 51, options=TINY | {"unit": "relu", "attention": "none"}),
    Case("compact", 40, 51, options=TINY | {"unit": "leaky-relu", "attention": "eca"}),
    Case("compact", 40, 51, options=TINY | {"attention": "se", "combine": "replace"}),
    Case("compact", 40, 51, options=SMALL | STRIDED | {"pool": "mean+max", "unpooled": 2}),
    Case("compact", 40, 51, options=TINY | {"pool": "salient"}),
    Case("compact", 40, 51, options=TINY | {"branches": True}),
    Case("slim", 40, 51, options=SLIM),
    Case("slim", 40, 50, n_abstract=3, options=SLIM | DOUBLE | {"frame_stride": 4}),
    Case("single", 32, 40, options=FLAT | {"unit": "leaky-relu", "combine": "replace"}),
    Case(
        "conventional", 32, 40, n_abstract=3, options=FLAT | {"unit": "relu", "attention": "none"}
    ),
    Case("sequential", 32, 40, n_abstract=3, options=FLAT),
    Case(
        "members",
        40,
        51,
        n_abstract=3,
        options={
            "members": [
                {"name": "compact", "options": SMALL},
                {"name": "slim", "options": SLIM | DOUBLE},
            ]
        },
    ),
    Case("resnet-light", 64, 51, options={"channels": [8, 8, 12]}),
]
ANY_LENGTH = ("compact", "slim", "members", "resnet-light", "dcase2024-baseline")


def quantised(case: Case) -> GraphNetwork:
    """The network with NNCF's quantisers and measured ranges; a copy for the caller to train."""
    return deepcopy(_quantised(case))


@cache  # NNCF takes a second for each
def _quantised(case: Case) -> GraphNetwork:
    graph = case.graph()
    return qat.prepare(GraphNetwork(graph), [case.inputs(4) for _ in range(2)])
