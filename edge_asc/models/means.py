"""One answer out of several: of a network that hears its input shifted, or of several networks.

`SeveralViews` is `edge_asc.runtime.tta` in torch; `Members` ships in one file.
"""

import math
from collections.abc import Sequence

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


class Members(nn.Module):
    """The mean of several networks' logits, `[B, 1, M, F] -> ([B, scenes],)` and so on.

    Networks that were begun from other seeds err at other clips, so that their mean errs less often
    than any of them. It is the mean of logits and not of probabilities: one sum in the file, behind
    layers that have taken its factor in.

    Args:
        networks: two or more, for the same classes.

    Raises:
        ValueError: fewer than two.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        if len(networks) < 2:
            raise ValueError(f"members must be two networks or more, found {len(networks)}")
        self.members = nn.ModuleList(networks)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the mean of each head's logits."""
        part = 1 / len(self.members)
        first, *others = ([part * logits for logits in member(x)] for member in self.members)
        for other in others:
            first = [a + b for a, b in zip(first, other, strict=True)]
        return tuple(first)
