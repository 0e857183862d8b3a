"""How well likeness tells pairs of one patient from pairs of two: the area under the curve, with an interval by patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLED = 1000


@dataclass(frozen=True)
class Area:
    """The area under the receiver's curve, 0.5 for chance, and the middle 95 % of it over resampled patients."""

    area: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.area:.2f} ({self.low:.2f}-{self.high:.2f})"


def area(
    likeness: NDArray[np.float64], same: NDArray[np.bool_], patients: Sequence[tuple[str, str]], *, seed: int = 0
) -> Area:
    """The area under the curve of ``likeness`` (n,) for pairs that are of the ``same`` patient or not.

    Pairs share patients, so patients are drawn with replacement and a pair counts as often as both of its patients came up
    (the bootstrap by cluster of Field and Welsh, J. R. Stat. Soc. B 69, 2007).
    """
    names, numbers = np.unique(np.array(patients), return_inverse=True)
    numbers = numbers.reshape(-1, 2)
    _, place = np.unique(likeness, return_inverse=True)
    random = np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLED):
        drawn = np.bincount(random.integers(0, len(names), len(names)), minlength=len(names))
        weights = np.where(numbers[:, 0] == numbers[:, 1], drawn[numbers[:, 0]], drawn[numbers].prod(axis=1))
        if weights[same].sum() and weights[~same].sum():
            found.append(_weighted(place, same, weights))
    low, high = np.percentile(found, [2.5, 97.5])
    return Area(_weighted(place, same, np.ones(len(same))), float(low), float(high))


def _weighted(place: NDArray[np.intp], same: NDArray[np.bool_], weights: NDArray[np.number]) -> float:
    """The share of (same, other) couples in the right order by weight, from each pair's rank; ties count half."""
    right = np.bincount(place[same], weights[same], place.max() + 1)
    wrong = np.bincount(place[~same], weights[~same], place.max() + 1)
    below = np.cumsum(wrong) - wrong
    return float((right * (below + wrong / 2)).sum() / (right.sum() * wrong.sum()))
