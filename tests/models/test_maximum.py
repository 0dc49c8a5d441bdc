"""The cheap maximum: torch's values everywhere, torch's gradient wherever it is defined."""

import threading
from collections.abc import Callable, Iterator

import pytest
import torch
import torch._inductor.config
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edge_asc.models import build
from edge_asc.models.forward import forward_of, has_compiler
from edge_asc.models.maximum import CheapMaximum, FirstWins

# torch warns of itself while it compiles; as errors, warnings end that.
_without_errors = pytest.mark.filterwarnings("ignore::DeprecationWarning")
# Training says so and goes on as it is there (tests/training/test_run.py): nothing to compare.
_where_it_can = pytest.mark.skipif(not has_compiler(), reason="no C++ compiler")


def compiles(test: Callable[..., None]) -> Callable[..., None]:
    """A test that compiles and leaves no thread behind: others fork, which asks for none."""
    marks = (_without_errors, pytest.mark.usefixtures("alone"), _where_it_can)
    for mark in marks:
        test = mark(test)
    return test


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The compiler starts no processes, and nobody watches over its progress bars."""
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)
    before = threading.active_count()
    with torch._inductor.config.patch(compile_threads=1):
        yield
    assert threading.active_count() == before


def test_values_and_gradients_are_torchs_without_ties() -> None:
    torch.manual_seed(0)
    a, b, weight = torch.randn(3, 4, 5).requires_grad_(), torch.randn(3, 4, 5), torch.rand(3, 4, 5)
    b.requires_grad_()
    expected = torch.autograd.grad((torch.max(a, b) * weight).sum(), (a, b))
    found = torch.autograd.grad((FirstWins.apply(a, b) * weight).sum(), (a, b))
    assert torch.equal(FirstWins.apply(a, b), torch.max(a, b))
    assert all(torch.equal(x, y) for x, y in zip(found, expected, strict=True))


def test_a_tie_gives_all_to_the_first() -> None:
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    FirstWins.apply(a, b).sum().backward()
    assert a.grad is not None and b.grad is not None
    assert a.grad.tolist() == [1, 1] and b.grad.tolist() == [0, 0]


def test_only_maxima_of_two_alike_tensors_are_replaced() -> None:
    a, b = torch.ones(2, 3, requires_grad=True), torch.ones(2, 3, requires_grad=True)
    with CheapMaximum():
        assert "FirstWins" in type(torch.max(a, b).grad_fn).__name__
        assert "FirstWins" in type(torch.maximum(a, b).grad_fn).__name__
        assert torch.max(a, b[:1]).shape == (2, 3)
        assert torch.max(a, 1).indices.shape == (2,)
        assert torch.max(a).ndim == 0
    assert "FirstWins" not in type(torch.max(a, b).grad_fn).__name__


@compiles
def test_compiled_training_has_the_same_gradients(capsys: pytest.CaptureFixture[str]) -> None:
    """On a grid of quarters, where ties are common: both ways give them to the first."""
    torch.manual_seed(0)
    a, b = ((torch.randn(2, 4, 8, 8) * 4).round() / 4 for _ in range(2))
    found = []
    for compile in (False, True):
        x, y = a.clone().requires_grad_(), b.clone().requires_grad_()
        forward = forward_of(_Larger(y), compile, fast_maximum=True)
        forward(x).square().sum().backward()
        found.append((x.grad, y.grad))
    for eager, compiled in zip(*found, strict=True):
        assert torch.equal(eager, compiled)
    assert capsys.readouterr().err == ""  # or it was not compiled


@compiles
@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_compiled_network_learns_the_same(
    bfloat16: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A compiler computes values anew for the gradient, and rounds them otherwise.

    bfloat16 rounds to 8 bits, eager and compiled at different places: their gradients are 0.999
    alike; where the wrong half of a maximum gets it, 0.23.
    """
    torch.manual_seed(0)
    options = {"channels": [4, 8, 8], "stem_kernel": 7, "stem_stride": 4, "dropout": 0.0}
    network = build("compact", options, n_scenes=3)
    x, y = torch.randn(8, 1, 64, 64), torch.arange(8) % 3
    gradients = []
    for compile in (False, True):
        network.zero_grad()
        forward = forward_of(network, compile, fast_maximum=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = forward(x)[0]
        cross_entropy(logits.float(), y).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    alike = torch.cosine_similarity(*gradients, dim=0)
    assert alike > (0.98 if bfloat16 else 0.99999)
    assert capsys.readouterr().err == ""  # or it was not compiled


class _Larger(nn.Module):
    def __init__(self, other: Tensor) -> None:
        super().__init__()
        self.other = other

    def forward(self, x: Tensor) -> Tensor:
        return torch.max(x, self.other)
