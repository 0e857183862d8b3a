"""Whose copy a picture is, and how sure that is.

The statistic of a release is z = <c, g> / ||c||, where c are a picture's coefficients against one original and g the
release's chips. For a release that never touched the picture g is independent of c, so that whatever the picture is
(attacked, badly aligned, of another patient) z has mean 0 and variance 1, and by Hoeffding's inequality (1963, theorem 2)
for +-1 chips P(z > t) <= exp(-t^2 / 2). There is no model of images in this: only that keys are random and were fixed before
the picture was made. The chance that anybody innocent is named is at most the number of tests times that; tests are counted
over every film, every way of aligning and every release, before the first key is looked at.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FALSE_ACCUSATION = 1e-6
"""The default bound on the chance that one traced picture names anybody innocent."""


class Verdict(StrEnum):
    RELEASE = "release"
    """One recorded release is in the picture."""
    SEVERAL = "several"
    """Several are: copies were put together."""
    OURS = "ours"
    """The film is ours, and no recorded release can be told."""
    UNKNOWN = "unknown"
    """No film of ours was found in it."""


@dataclass(frozen=True)
class Score:
    """What one release scored on one film: the largest z over the ways of aligning, and the bound that goes with it.

    ``false_accusation`` bounds the chance that any innocent release of this trace scores as much.
    """

    z: float
    false_accusation: float


@dataclass(frozen=True)
class Accusation:
    """What the scores of all releases of one film say together.

    ``named`` are the places of the releases above ``threshold``, strongest first; ``tests`` is the number of tests that the
    bound counts, over the whole picture.
    """

    scores: tuple[Score, ...]
    named: tuple[int, ...]
    threshold: float
    tests: int
    limit: float

    @property
    def verdict(self) -> Verdict:
        return (Verdict.OURS, Verdict.RELEASE, Verdict.SEVERAL)[min(len(self.named), 2)]

    @property
    def best(self) -> Score | None:
        """The strongest score; None where there is no release to score."""
        return max(self.scores, key=lambda score: score.z, default=None)


def threshold(tests: int, *, limit: float = FALSE_ACCUSATION) -> float:
    """The z above which a release is named, so that ``tests`` tests together name an innocent one at most at ``limit``."""
    return math.sqrt(2 * math.log(max(tests, 1) / limit))


def bound(z: float, tests: int) -> float:
    """The chance, at most, that any of ``tests`` innocent tests scores ``z`` or more; no less than a number can say."""
    return min(1.0, max(tests * math.exp(-z * z / 2), sys.float_info.min)) if z > 0 else 1.0


def correlate(coefficients: NDArray[np.float32], chips: Iterable[NDArray[np.int8]]) -> NDArray[np.float64]:
    """z of every release against every hypothesis.

    ``coefficients`` has shape (hypotheses, chips); the answer has shape (releases, hypotheses). A hypothesis without any
    weight scores 0.

    Raises:
        ValueError: a coefficient is not finite, or a release has another number of chips.
    """
    if not np.isfinite(coefficients).all():
        raise ValueError("a coefficient is not a number")
    norms = np.sqrt(np.einsum("hm,hm->h", coefficients, coefficients, dtype=np.float64))
    scaled = (coefficients / np.where(norms > 0, norms, 1)[:, np.newaxis]).astype(np.float32)
    # One release at a time stays in the cache: seven times as fast as a product over many.
    scores = [scaled @ each.astype(np.float32) for each in chips]
    return np.asarray(scores, np.float64).reshape(len(scores), len(scaled))


def accuse(scores: NDArray[np.float64], *, tests: int, limit: float = FALSE_ACCUSATION) -> Accusation:
    """Who is named by ``scores`` of shape (releases, hypotheses).

    ``tests`` counts every release against every hypothesis of every film that was tried for this picture, these included.

    Raises:
        ValueError: there are more scores than tests.
    """
    if scores.size > tests:
        raise ValueError(f"{scores.size} scores from {tests} tests")
    least = threshold(tests, limit=limit)
    best = scores.max(axis=1) if scores.size else np.zeros(len(scores))
    order = np.argsort(-best, kind="stable")
    return Accusation(
        scores=tuple(Score(float(z), bound(float(z), tests)) for z in best),
        named=tuple(int(place) for place in order if best[place] > least),
        threshold=least,
        tests=tests,
        limit=limit,
    )
