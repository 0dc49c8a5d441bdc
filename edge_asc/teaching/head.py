"""A linear head on embeddings: logistic regression with weights and a penalty, in numpy.

Letters: N examples, D numbers of an embedding, S outputs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# What hardly moves in a dozen clips must not shout: the least deviation, as a part of their mean.
LEAST_SPREAD = 0.2
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)  # of the penalty on standardised embeddings
MEMORY = 12  # pairs that the quasi-Newton step remembers
MOST_STEPS = 300
GRADIENT = 1e-5  # largest entry of the gradient at which the search ends
# Multiply-adds of a product that BLAS libraries leave on one thread: more threads wait for each
# other longer than they compute here, and sum in another order.
ONE_THREAD = 2**18
DECREASE, LEAST_STEP = 1e-4, 1e-10  # Armijo's part of the promised decrease; when to give up

Floats = np.ndarray


@dataclass(frozen=True)
class Head:
    """`logits = embeddings @ weight.T + bias`.

    Args:
        weight: `[S, D]`, float64.
        bias: `[S]`.
    """

    weight: Floats
    bias: Floats

    def __call__(self, embeddings: Floats) -> Floats:
        """Logits `[N, S]` of embeddings `[N, D]`."""
        logits: Floats = embeddings @ self.weight.T + self.bias
        return logits


@dataclass(frozen=True)
class Scale:
    """What makes embeddings have mean 0 and deviation 1, where they move at all."""

    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, embeddings: Floats, weights: Floats) -> "Scale":
        """Weighted mean and deviation of embeddings `[N, D]`."""
        share = weights / weights.sum()
        mean = share @ embeddings
        spread = np.sqrt(share @ np.square(embeddings - mean))
        return cls(mean, np.maximum(spread, LEAST_SPREAD * spread.mean() + 1e-9))


def fit(
    embeddings: Floats,
    truth: Floats,
    weights: Floats,
    n_outputs: int,
    strength: float,
    start: Head | None = None,
) -> Head:
    """The head of least weighted log loss plus `strength / 2` times its squared weights.

    Args:
        embeddings: `[N, D]`.
        truth: indices of outputs `[N]`.
        weights: of the examples `[N]`; only their ratios count.
        n_outputs: S.
        strength: of the penalty, on weights of standardised embeddings; biases are free.
        start: where to begin; the result is the same.
    """
    scale = Scale.of(embeddings, weights)
    x = np.concatenate([(embeddings - scale.mean) / scale.spread, np.ones((len(truth), 1))], 1)
    share = (weights / weights.sum())[:, None]
    wanted = np.eye(n_outputs)[truth]

    rows = max(1, ONE_THREAD // (n_outputs * x.shape[1]))
    parts = [slice(first, first + rows) for first in range(0, len(x), rows)]

    def loss(flat: Floats) -> tuple[float, Floats]:
        w = flat.reshape(n_outputs, -1)
        penalised = w.copy()
        penalised[:, -1] = 0
        value, gradient = strength / 2 * np.square(penalised).sum(), strength * penalised
        for part in parts:
            surprise, slope = log_loss(x[part] @ w.T, wanted[part])
            value += share[part, 0] @ surprise
            gradient += (share[part] * slope).T @ x[part]
        return float(value), gradient.ravel()

    first = np.zeros((n_outputs, x.shape[1]))
    if start is not None:
        first[:, :-1] = start.weight * scale.spread
        first[:, -1] = start.bias + start.weight @ scale.mean
    best = minimise(loss, first.ravel()).reshape(n_outputs, -1)
    weight = best[:, :-1] / scale.spread
    return Head(weight, best[:, -1] - weight @ scale.mean)


def log_loss(logits: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """Of each row -ln(probability of the wanted output), and its slope with the logits."""
    shifted = logits - logits.max(1, keepdims=True)
    powers = np.exp(shifted)
    totals = powers.sum(1, keepdims=True)
    return np.log(totals[:, 0]) - (shifted * wanted).sum(1), powers / totals - wanted


def minimise(loss: Callable[[Floats], tuple[float, Floats]], x: Floats) -> Floats:
    """Where a convex function is least: L-BFGS (Nocedal and Wright, Numerical Optimization, 7.2).

    Args:
        loss: gives the value and the gradient `[P]` at `[P]`.
        x: where to begin.
    """
    value, gradient = loss(x)
    pairs: list[tuple[Floats, Floats]] = []
    for _ in range(MOST_STEPS):
        if np.abs(gradient).max() < GRADIENT:
            break
        direction = -_inverse_hessian(pairs, gradient)
        slope, step = float(gradient @ direction), 1.0
        while True:
            new_value, new_gradient = loss(x + step * direction)
            if new_value <= value + DECREASE * step * slope or step < LEAST_STEP:
                break
            step /= 2
        moved, turned = step * direction, new_gradient - gradient
        if moved @ turned > 0:
            pairs = [*pairs, (moved, turned)][-MEMORY:]
        x, value, gradient = x + moved, new_value, new_gradient
    return x


def _inverse_hessian(pairs: list[tuple[Floats, Floats]], gradient: Floats) -> Floats:
    """The two loops: an estimate of the inverse Hessian times a gradient."""
    q, steps = gradient.copy(), []
    for moved, turned in reversed(pairs):
        a = (moved @ q) / (moved @ turned)
        q -= a * turned
        steps.append(a)
    if pairs:
        moved, turned = pairs[-1]
        q *= (moved @ turned) / (turned @ turned)
    for (moved, turned), a in zip(pairs, reversed(steps), strict=True):
        q += (a - (turned @ q) / (moved @ turned)) * moved
    return q
