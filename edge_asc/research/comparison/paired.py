"""Whether two models that answered the same clips differ by more than chance.

Letters: K seeds, N clips, R recordings, G groups of clips, B resamples.
"""

from collections.abc import Iterator, Sequence

import numpy as np

RESAMPLES = 10_000
SEED = 0  # of the resamples: the same figures at every call
AT_ONCE = 4_000_000  # weights of recordings in one block of resamples
TAIL = 0.025  # on each side of a 95 % interval
ROUNDING = 1e-12  # a difference of sums in another order


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided exact p of the clips that one model alone had right (Q. McNemar, 1947).

    Where both are equally good, each such clip falls to either side like a coin. Clips must be
    independent of each other.
    """
    n, fewer = only_a + only_b, min(only_a, only_b)
    ways = of_fewer = 1  # to choose i of n, i = 0
    for i in range(1, fewer + 1):
        ways = ways * (n - i + 1) // i
        of_fewer += ways
    return min(1.0, 2 * of_fewer / 2**n)  # whole numbers of any size divide without overflow


def holm(p: Sequence[float]) -> list[float]:
    """The p of several tests made at once, so that 5 % bounds any false alarm (S. Holm, 1979)."""
    order = sorted(range(len(p)), key=p.__getitem__)
    found, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        found[i] = largest
    return found


class Bootstrap:
    """Means over recordings drawn anew, the same draws for every model: differences are paired.

    Args:
        recordings: what each clip was cut from, `[N]`.
        n: how many draws.
    """

    def __init__(self, recordings: Sequence[str], n: int = RESAMPLES) -> None:
        names, self._of_clip = np.unique(np.array(recordings), return_inverse=True)
        self._n_recordings, self._n = len(names), n

    def means(self, values: np.ndarray, groups: np.ndarray, n_groups: int) -> np.ndarray:
        """Means of clips' values `[M, N]` in each group and draw, `[B, M, G]`.

        NaN where a draw has no clip of a group. Clips whose group is negative are left out.
        """
        kept = groups >= 0
        where = self._of_clip[kept] * n_groups + groups[kept]
        n_cells = self._n_recordings * n_groups
        sizes = np.bincount(where, minlength=n_cells).reshape(-1, n_groups)
        sums = [np.bincount(where, row[kept], n_cells) for row in values]
        totals = np.stack(sums, 1).reshape(self._n_recordings, n_groups, len(values))
        blocks = [
            np.einsum(
                "bgm->bmg", (w @ totals.reshape(len(totals), -1)).reshape(len(w), n_groups, -1)
            )
            / _positive(w @ sizes)[:, None]
            for w in self._weights()
        ]
        return np.concatenate(blocks)

    def _weights(self) -> Iterator[np.ndarray]:
        """How often each recording is drawn, `[b, R]`, in blocks."""
        generator, n = np.random.default_rng(SEED), self._n_recordings
        left = self._n
        while left:
            b = min(left, max(1, AT_ONCE // n))
            drawn = generator.integers(0, n, (b, n)) + n * np.arange(b)[:, None]
            yield np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n).astype(float)
            left -= b


def _positive(sizes: np.ndarray) -> np.ndarray:
    return np.where(sizes > 0, sizes, np.nan)


def over_seeds(means: np.ndarray, stream: int) -> np.ndarray:
    """Means `[B, K, …]` of a model's trainings, averaged over seeds drawn anew: `[B, …]`.

    Another seed would have given another network; what is drawn is what there is. `stream` keeps
    the draws of different models apart.
    """
    b, k = means.shape[:2]
    drawn = np.random.default_rng([SEED, stream]).integers(0, k, (b, k))
    found: np.ndarray = means[np.arange(b)[:, None], drawn].mean(1)
    return found


def percentiles(draws: np.ndarray) -> list[float] | None:
    """Ends of the 95 % interval of draws `[B]`; None where none holds a clip, or all are alike."""
    known = draws[~np.isnan(draws)]
    if not len(known) or np.ptp(known) <= ROUNDING:
        return None
    return [float(x) for x in np.quantile(known, [TAIL, 1 - TAIL])]


def p_of_draws(differences: np.ndarray) -> float:
    """Two-sided p of a difference of 0, of draws `[B]`; 2 / (B + 1) at least."""
    known = differences[~np.isnan(differences)]
    fewer = min((known <= ROUNDING).sum(), (known >= -ROUNDING).sum())
    return min(1.0, 2 * (int(fewer) + 1) / (len(known) + 1))
