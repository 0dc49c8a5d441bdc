"""Magnitude pruning while training, for rules that count the weights that are not zero.

Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression",
2017: the part s of each layer's weights that is zero grows as s = S (1 - (1 - t)^3) while t goes
from 0 to 1, the smallest weights first, and what is zero stays zero.

Zeros survive all that follows: folding multiplies them by a number a channel, int8 weights are
symmetric so that zero is 0, and quantisation-aware training starts with these zeros and keeps them.
"""

from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from edge_asc.training.callbacks.average import AveragedWeights
from edge_asc.training.step import SceneModule

BEGIN, END = 0.1, 0.6  # of the steps: while zeros are made; then the rest adapts to them
FEWEST = 256  # weights of a layer; the zeros of smaller ones save nothing and cost much


def prunable(network: nn.Module) -> dict[str, nn.Parameter]:
    """Weights of convolutions and linear layers that are trained and worth it, by name."""
    return {
        name: parameter
        for name, parameter in network.named_parameters()
        if parameter.ndim >= 2 and parameter.numel() >= FEWEST and parameter.requires_grad
    }


def sparsity_at(progress: float, target: float) -> float:
    """Part of the weights that is to be zero when a part `progress` of all steps is done."""
    t = min(max((progress - BEGIN) / (END - BEGIN), 0.0), 1.0)
    return target * (1.0 - (1.0 - t) ** 3)


def kept(weight: Tensor, sparsity: float) -> Tensor:
    """Mask of one weight tensor: 0 for the smallest `sparsity` of its numbers, else 1."""
    mask = torch.ones_like(weight)
    zeros = round(sparsity * weight.numel())
    if zeros:
        smallest = weight.detach().abs().flatten().topk(zeros, largest=False).indices
        mask.view(-1)[smallest] = 0
    return mask


@torch.no_grad()
def prune(network: nn.Module, sparsity: float) -> None:
    """Set the smallest weights of every layer to zero, all at once."""
    for weight in prunable(network).values() if sparsity else ():
        weight.mul_(kept(weight, sparsity))


class MagnitudePruning(Callback):
    """Make weights zero, step by step, and keep zero what is.

    A resumed training, and that of the quantised network, finds the zeros in the weights it begins
    with, so that there is no state to keep.

    Args:
        network: in training; a layer's name is that of its parameter.
        average: averaged weights, which get the same zeros; it must stand before this callback.
        sparsity: part of each layer's weights that is zero in the end.
    """

    def __init__(
        self, network: nn.Module, average: AveragedWeights | None, sparsity: float
    ) -> None:
        self.network, self.average, self.sparsity = network, average, sparsity
        self.masks: dict[str, Tensor] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """See what is zero already."""
        weights = prunable(self.network)
        self.masks = {name: (weight != 0).to(weight) for name, weight in weights.items()}

    @torch.no_grad()
    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Put the zeros back that the step has moved, and make those that are due."""
        assert isinstance(pl_module, SceneModule)
        steps = (trainer.max_epochs or 1) * len(pl_module.epochs)
        sparsity = sparsity_at(trainer.global_step / steps, self.sparsity)
        for name, weight in prunable(self.network).items():
            weight.mul_(self.masks[name])
            if (self.masks[name] == 0).sum() < round(sparsity * weight.numel()):
                self.masks[name] = kept(weight, sparsity)
                weight.mul_(self.masks[name])
            if self.average:
                self.average.average[name].mul_(self.masks[name])
