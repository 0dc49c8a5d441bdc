"""What a compiler sees of a unit computes what the unit computes."""

import copy

import pytest
import torch
from torch import Tensor

from edge_asc.models.units import ConvUnit

ROUNDING = 1e-5  # float32 sums in another order


def trained_on(unit: ConvUnit, x: Tensor, compiled: bool) -> dict[str, Tensor]:
    """Output, statistics and gradients of two steps."""
    torch.compiler.reset()
    forward = torch.compile(unit, backend="eager") if compiled else unit
    for _ in range(2):
        y = forward(x)
    (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
    gradients = {f"{name} gradient": p.grad for name, p in unit.named_parameters()}
    return {"y": y.detach(), **unit.state_dict(), **gradients}


@pytest.mark.parametrize(("unit", "norm"), [("mfm", True), ("mfm", False), ("relu", True)])
def test_halves_normalised_before_their_maximum_are_the_same(unit: str, norm: bool) -> None:
    torch.manual_seed(0)
    eager = ConvUnit(3, 4, 3, padding=1, norm=norm, unit=unit)
    x = torch.randn(5, 3, 6, 7)
    ours, theirs = (trained_on(copy.deepcopy(eager), x, compiled) for compiled in (True, False))
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, atol=ROUNDING, rtol=ROUNDING, msg=name)
