"""Averaged weights: what is validated and kept, while the live ones go on learning."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn


def snapshot(network: nn.Module) -> dict[str, Tensor]:
    """Copy a state dict, in the plain memory layout."""
    return {k: v.detach().clone().contiguous() for k, v in network.state_dict().items()}


class AveragedWeights(Callback):
    """Exponential moving average of weights and batch norm statistics, one update per step.

    While few steps are done the decay is (1 + steps) / (10 + steps), lest the average hold on to
    the initial weights.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network, self.decay = network, decay
        self.steps = 0
        self.average: dict[str, Tensor] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin with the initial weights, or bring a restored average to the device."""
        live = self.network.state_dict()
        self.average = {k: self.average.get(k, v).detach().clone().to(v) for k, v in live.items()}
        floats = [k for k, v in live.items() if v.is_floating_point()]
        self._live = [live[k] for k in floats]
        self._average = [self.average[k] for k in floats]

    @torch.no_grad()
    def on_train_batch_end(self, *_: Any) -> None:
        """Move the average a little towards the weights."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self._average, self._live, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averaged weights into the network, and the live ones back afterwards."""
        live = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.network.load_state_dict(self.weights())
        try:
            yield
        finally:
            self.network.load_state_dict(live)

    def weights(self) -> dict[str, Tensor]:
        """Return the average; whole numbers, such as batch counters, are taken as they are."""
        live = self.network.state_dict()
        return {k: v if v.is_floating_point() else live[k] for k, v in self.average.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return what the checkpoint keeps."""
        return {"steps": self.steps, "average": self.average}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what the checkpoint kept."""
        self.steps, self.average = state_dict["steps"], state_dict["average"]
