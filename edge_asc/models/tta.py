"""`edge_asc.runtime.tta` in torch: a network that hears each of its inputs several times."""

import math

import torch
from torch import Tensor, nn

from edge_asc.runtime.metadata import check_views
from edge_asc.runtime.tta import shifts


class SeveralViews(nn.Module):
    """The mean answer of a network to circular shifts of its input.

    `[B, 1, M, F] -> ([B, classes], ...)`: of each head logits whose softmax is the mean softmax of
    the views.

    Raises:
        ValueError: more or fewer views than can be.
    """

    def __init__(self, network: nn.Module, views: int) -> None:
        super().__init__()
        check_views(views)
        self.network, self.views = network, views

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Ask once for each shift, then average."""
        views = [self.network(x.roll(shift, 3)) for shift in shifts(x.shape[3], self.views)]
        if len(views) == 1:
            return tuple(views[0])
        heads = (torch.stack(head).log_softmax(2) for head in zip(*views, strict=True))
        return tuple(head.logsumexp(0) - math.log(len(views)) for head in heads)
