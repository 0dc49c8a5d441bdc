"""Loss weights that are learnt while the network trains: GradNorm.

Chen, Badrinarayanan, Lee, Rabinovich: "GradNorm: Gradient Normalization for Adaptive Loss Balancing
in Deep Multitask Networks", ICML 2018, algorithm 1. Letters: T tasks, L_i the loss of task i, w_i
its weight, P parameters of the last layer that all tasks share.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

LEAST_WEIGHT = 1e-3  # before renormalisation: a step of the optimiser must not turn a loss around


class GradNorm:
    """Pulls the gradient norms of all tasks towards a common scale, a step at a time.

    With G_i = w_i |dL_i/dW| at the shared layer W, and r_i = (L_i / L_i(0)) over its mean, the
    weights take a step down the gradient of

        sum_i | G_i - mean(G) r_i^alpha |      (the second term counts as a constant)

    and are scaled to sum to T. A task that learns slowly (r_i above 1) is given larger gradients;
    with alpha = 0 all get the same.

    Args:
        n_tasks: T.
        alpha: strength of the pull towards tasks that lag behind.
        learning_rate: of the weights; Adam takes the steps.
    """

    def __init__(self, n_tasks: int, alpha: float, learning_rate: float) -> None:
        self.alpha = alpha
        self.weights = torch.ones(n_tasks)  # what training multiplies the losses with next
        self.initial: Tensor | None = None  # L_i(0), [T]
        self.optimizer = torch.optim.Adam([self.weights], lr=learning_rate)

    @torch.no_grad()
    def update(self, losses: Tensor, norms: Tensor) -> None:
        """Take a step of the weights.

        Args:
            losses: L_i, `[T]`.
            norms: |dL_i/dW| without the weights, `[T]`.
        """
        losses, norms = losses.detach().float().cpu(), norms.float().cpu()
        self.initial = losses if self.initial is None else self.initial
        weighted = self.weights * norms  # G, [T]
        progress = losses / self.initial
        aim = weighted.mean() * (progress / progress.mean()) ** self.alpha
        self.weights.grad = torch.sign(weighted - aim) * norms
        self.optimizer.step()
        self.weights.clamp_(min=LEAST_WEIGHT)
        self.weights *= len(self.weights) / self.weights.sum()

    def state_dict(self) -> dict[str, Any]:
        """Return what the checkpoint keeps."""
        return {
            "weights": self.weights.clone(),
            "initial": self.initial,
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what the checkpoint kept."""
        self.weights.copy_(state_dict["weights"])
        self.initial = state_dict["initial"]
        self.optimizer.load_state_dict(state_dict["optimizer"])


def last_shared(network: nn.Module, losses: Sequence[Tensor]) -> list[nn.Parameter]:
    """Parameters of the last stage that every loss depends on.

    A stage is a child of the network, or of a child that is a sequence, and holds a convolution or
    a linear layer: for our networks, the trunk's last block or the last shared hidden layer.

    Args:
        network: as registered, its children in the order in which they compute.
        losses: T of them with their graphs, which are kept. Not parts of one stacked tensor: each
            of those depends on everything.

    Raises:
        ValueError: the tasks have no such stage in common.
    """
    for stage in reversed(_stages(network)):
        parameters = [p for p in stage.parameters() if p.requires_grad]
        has_layer = any(p.ndim > 1 for p in parameters)
        if has_layer and all(_depends(loss, parameters) for loss in losses):
            return parameters
    raise ValueError("train.balance = 'gradnorm': the losses have no layer in common")


def _stages(network: nn.Module) -> list[nn.Module]:
    return [
        stage
        for child in network.children()
        for stage in (child if isinstance(child, nn.Sequential) else [child])
    ]


def _depends(loss: Tensor, parameters: Sequence[nn.Parameter]) -> bool:
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return all(g is not None for g in found)


def task_gradients(losses: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> Tensor:
    """Gradient of every loss at some parameters, `[T, P]`; the graphs are kept."""
    rows = [torch.autograd.grad(loss, parameters, retain_graph=True) for loss in losses]
    return torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
