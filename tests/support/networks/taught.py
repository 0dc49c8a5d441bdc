"""Networks that have learnt something in seconds, and the clips they learnt it from.

A network with random weights answers nearly the same to every input, and then a file agrees with
torch whatever it computes. These tell ten kinds of clips apart: their logits fill the int8 grid.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edge_asc.graph.fold import fold
from edge_asc.graph.graph import Graph
from edge_asc.graph.trace import trace
from edge_asc.models import build
from networks import Case

N_KINDS, N_CLIPS, N_STEPS = 10, 20, 40
LEARNING_RATE = 3e-3


def clips(n_clips: int, n_mels: int, n_frames: int, seed: int) -> tuple[Tensor, Tensor]:
    """Features `[B, 1, M, F]` and what kind each is, `[B]`.

    Each kind has its colour and rhythm, whatever the seed; each clip a loudness, phase and noise.
    """
    kinds, clip = (torch.Generator().manual_seed(s) for s in (0, 1 + seed))
    colour, beaten = torch.randn(2, N_KINDS, n_mels, 1, generator=kinds)
    rate = 0.2 * torch.rand(N_KINDS, 1, 1, generator=kinds)  # beats per frame
    kind = torch.arange(n_clips) % N_KINDS
    phase, loudness = torch.rand(2, n_clips, 1, 1, generator=clip)
    rhythm = torch.sin(2 * math.pi * (rate[kind] * torch.arange(n_frames) + phase))
    noise = 0.7 * torch.randn(n_clips, n_mels, n_frames, generator=clip)
    return (colour[kind] + beaten[kind] * rhythm + loudness + noise)[:, None], kind


def taught_graph(case: Case, n_steps: int = N_STEPS, n_clips: int = N_CLIPS) -> Graph:
    """The folded float graph of a network after a few steps of training, so many clips each.

    In float64, else each processor teaches another network: a bias before a batch norm has no
    gradient but what float32 kernels round, and of that Adam makes whole steps.
    """
    torch.manual_seed(0)
    network = build(case.name, case.options, N_KINDS, case.n_abstract)
    _unsettle(network)
    network.double()
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE)
    for step in range(n_steps):
        x, kind = clips(n_clips, case.n_mels, case.n_frames, seed=step)
        x = x.double()
        losses = [F.cross_entropy(logits, kind % logits.shape[1]) for logits in network(x)]
        optimiser.zero_grad()
        torch.stack(losses).sum().backward()
        optimiser.step()
    _settle(network, x)
    return fold(trace(network.float(), case.n_mels))


@torch.no_grad()
def _unsettle(network: nn.Module) -> None:
    """Begin where training may end: half of batch norm's scales negative, gates that shut.

    Folding moves those signs; gates that are half open everywhere would hide the attention.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.mul_(torch.sign(torch.rand_like(module.weight) - 0.5))
        if name.endswith("excite"):
            module.weight.mul_(10)
        elif name.endswith("spatial_norm"):
            module.weight.mul_(3)


@torch.no_grad()
def _settle(network: nn.Module, x: Tensor) -> None:
    """Statistics of one batch instead of averages that lag behind so few steps."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
        elif isinstance(module, nn.Dropout):
            module.eval()
    network(x)
    network.eval()
