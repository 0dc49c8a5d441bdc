"""Several networks in one file: all hear the same features, the mean of their logits counts."""

from collections.abc import Sequence

from torch import Tensor, nn


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
