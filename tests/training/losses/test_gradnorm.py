"""GradNorm: a known imbalance is balanced, a step is what its paper's formula says."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edge_asc.config.schema import load_preset
from edge_asc.training.losses.gradnorm import GradNorm, last_shared, task_gradients
from networks import CASES, Case
from small_training import Stop, Stops, assert_same_weights, rows, small_fit, small_network

SCALES = (1.0, 10.0)  # of the two tasks of the toy problem
BALANCED = 1.1  # ratio of two averaged norms that counts as the same
STEPS, LAST = 500, 100


class Toy(nn.Module):
    """Two regressions on shared layers: tanh of two similar linear maps, times their scales."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
        self.heads = nn.ModuleList(nn.Linear(16, 4) for _ in SCALES)
        common, own = torch.randn(10, 4), torch.randn(len(SCALES), 10, 4)
        self.maps = 0.5 * common + 0.2 * own

    def forward(self, x: Tensor) -> list[Tensor]:
        """Mean squared error of each task."""
        shared = self.trunk(x)
        tasks = zip(SCALES, self.maps, self.heads, strict=True)
        return [
            (head(shared) - scale * torch.tanh(x @ m)).square().mean() for scale, m, head in tasks
        ]


def norms_of_toy(balance: GradNorm | None) -> Tensor:
    """Weighted gradient norms of both tasks in the last steps of training, `[LAST, 2]`."""
    network = Toy()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    seen = []
    for _ in range(STEPS):
        losses = network(torch.randn(32, 10))
        weights = torch.ones(2) if balance is None else balance.weights.clone()
        norms = task_gradients(losses, list(network.trunk[2].parameters())).norm(dim=1)
        if balance is not None:
            balance.update(torch.stack(losses).detach(), norms)
        optimizer.zero_grad()
        (weights * torch.stack(losses)).sum().backward()
        optimizer.step()
        seen.append(weights * norms)
    return torch.stack(seen[-LAST:])


def test_tasks_of_different_scales_get_equal_gradients() -> None:
    alone = norms_of_toy(None).log().mean(0).diff().exp().item()
    assert alone > 5  # the task with the larger numbers rules
    balance = GradNorm(2, alpha=0.0, learning_rate=0.025)
    balanced = norms_of_toy(balance).log().mean(0).diff().exp().item()
    assert 1 / BALANCED < balanced < BALANCED
    assert balance.weights.sum().item() == pytest.approx(2)
    assert balance.weights[1] < 0.2 * balance.weights[0]


def by_the_paper(
    weights: Tensor, losses: list[Tensor], initial: Tensor, w: nn.Parameter, alpha: float
) -> Tensor:
    """Gradient of the paper's L_grad at the loss weights, by differentiating twice."""
    weights = weights.clone().requires_grad_()
    norms = torch.stack([
        torch.autograd.grad(weights[i] * loss, w, create_graph=True)[0].norm()
        for i, loss in enumerate(losses)
    ])  # fmt: skip
    inverse_rate = torch.stack(losses).detach() / initial
    relative = inverse_rate / inverse_rate.mean()
    target = (norms.mean() * relative**alpha).detach()
    (norms - target).abs().sum().backward()
    assert weights.grad is not None
    return weights.grad


@pytest.mark.parametrize("alpha", [0.0, 0.12, 1.5])
def test_a_step_is_the_papers(alpha: float) -> None:
    """Against its formula in autograd, Adam's first steps written out, renormalisation."""
    network, rate = Toy(), 0.025
    balance = GradNorm(2, alpha, rate)
    w = network.trunk[2].weight
    weights, m, v = torch.ones(2), torch.zeros(2), torch.zeros(2)
    initial = torch.stack(network(torch.randn(32, 10))).detach()
    balance.initial = initial
    for step in (1, 2, 3):
        losses = network(torch.randn(32, 10))
        balance.update(torch.stack(losses).detach(), task_gradients(losses, [w]).norm(dim=1))
        gradient = by_the_paper(weights, losses, initial, w, alpha)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient.square()
        moved = m / (1 - 0.9**step) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
        weights = weights - rate * moved
        weights = 2 * weights / weights.sum()
        torch.testing.assert_close(balance.weights, weights)


def test_the_first_losses_are_the_measure() -> None:
    balance = GradNorm(2, alpha=2.0, learning_rate=0.1)
    balance.update(torch.tensor([4.0, 1.0]), torch.ones(2))
    assert balance.weights.tolist() == [1, 1]  # equal norms, no task lags behind
    balance.update(torch.tensor([2.0, 0.9]), torch.ones(2))
    assert balance.weights[1] > 1 > balance.weights[0]  # the second has learnt less


def test_weights_stay_positive() -> None:
    balance = GradNorm(2, alpha=0.0, learning_rate=5.0)
    for _ in range(3):
        balance.update(torch.ones(2), torch.tensor([1.0, 100.0]))
        assert (balance.weights > 0).all() and balance.weights.sum() == pytest.approx(2)


SHARED = {  # by network: the last layers that both tasks use
    "compact": "trunk.5",
    "full": "trunk.7",
    "conventional": "hidden",
    "sequential": "stage.0",
    "slim": "encoder",
}


@pytest.mark.parametrize("case", [c for c in CASES if c.name in SHARED and c.n_abstract], ids=str)
def test_the_last_shared_layer_of_our_networks(case: Case) -> None:
    network = case.network()
    losses = [logits.square().mean() for logits in network(case.inputs())]
    shared = network.get_submodule(SHARED[case.name])
    assert [id(p) for p in last_shared(network, losses)] == [id(p) for p in shared.parameters()]


def test_tasks_with_nothing_in_common_are_refused() -> None:
    network = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    with pytest.raises(ValueError, match="no layer in common"):
        last_shared(network, [layer(torch.ones(1, 2)).sum() for layer in network])


def test_training_learns_weights_and_tells_them(tmp_path: Path) -> None:
    small_fit(tmp_path, epochs=3, balance="gradnorm")
    found = [(float(r["scene_weight"]), float(r["abstract_weight"])) for r in rows(tmp_path)]
    assert all(a + b == pytest.approx(2) for a, b in found)
    assert len(set(found)) == 3 and all(a != b for a, b in found)


def test_fixed_weights_are_told_too(tmp_path: Path) -> None:
    small_fit(tmp_path, epochs=1, scene_weight=5.0)
    assert (rows(tmp_path)[0]["scene_weight"], rows(tmp_path)[0]["abstract_weight"]) == (
        "5.0",
        "1.0",
    )


def test_looking_at_gradients_changes_nothing(tmp_path: Path) -> None:
    """With a rate too small for float32 the weights stay 1, as in a run that never looks."""
    looked = small_fit(tmp_path / "a", balance="gradnorm", gradnorm_learning_rate=1e-30)
    plain = small_fit(tmp_path / "b")
    assert_same_weights(looked.network.state_dict(), plain.network.state_dict())


def test_a_resumed_run_goes_on_with_its_weights(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"epochs": 4, "balance": "gradnorm"}
    whole = small_fit(tmp_path / "whole", **settings)
    with pytest.raises(Stop):  # five steps an epoch
        small_fit(tmp_path / "cut", Stops(at_step=13), **settings)
    kept = torch.load(tmp_path / "cut" / "last.ckpt", weights_only=True)["gradnorm"]
    assert kept["weights"].tolist() == [
        float(rows(tmp_path / "cut")[1][name]) for name in ("scene_weight", "abstract_weight")
    ]
    again = small_fit(tmp_path / "cut", small_network(seed=7), resume=True, **settings)
    assert_same_weights(whole.network.state_dict(), again.network.state_dict())
    assert rows(tmp_path / "whole") == rows(tmp_path / "cut")


class Ratio:
    """What learns nothing: 5 to 1."""

    weights = torch.tensor([5.0, 1.0])

    def update(self, losses: Tensor, norms: Tensor) -> None: ...

    def state_dict(self) -> dict[str, Any]:
        return {}


def test_the_weights_multiply_the_losses(tmp_path: Path) -> None:
    fixed = small_fit(tmp_path / "fixed", epochs=2, scene_weight=5.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_asc.training.step.GradNorm", lambda *_: Ratio())
        given = small_fit(tmp_path / "given", epochs=2, balance="gradnorm")
    assert_same_weights(fixed.network.state_dict(), given.network.state_dict())
    assert rows(tmp_path / "fixed") == rows(tmp_path / "given")


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["model.abstract=false"], "train.balance = 'gradnorm' needs two losses"),
        (["train.compile=true"], "train.balance = 'gradnorm' needs train.compile = false"),
    ],
)
def test_what_gradnorm_needs_is_said(overrides: list[str], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        load_preset("amfm-full", ["train.balance=gradnorm", *overrides])
