from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from leadglass.mark.accuse import FALSE_ACCUSATION, Verdict, accuse, bound, correlate, threshold
from leadglass.mark.chips import chips, count

SIZE = (300, 260)


def key(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(4, "big")).digest()


def coefficients(*present: int, noise: float = 20, seed: int = 1) -> np.ndarray:
    """Coefficients of a picture that holds the marks of ``present``."""
    random = np.random.default_rng(seed)
    found = random.normal(0, noise, count(*SIZE))
    for number in present:
        found += chips(key(number), *SIZE)
    return found.astype(np.float32)[np.newaxis]


def test_the_release_that_is_in_the_picture_is_named() -> None:
    scores = correlate(coefficients(3, noise=10), (chips(key(n), *SIZE) for n in range(8)))
    accusation = accuse(scores, tests=8)

    assert (accusation.verdict, accusation.named) == (Verdict.RELEASE, (3,))
    assert accusation.best == accusation.scores[3]


def test_a_picture_that_is_too_damaged_gives_a_number_and_no_name() -> None:
    scores = correlate(coefficients(3, noise=200), (chips(key(n), *SIZE) for n in range(8)))
    accusation = accuse(scores, tests=8)

    assert accusation.verdict is Verdict.OURS
    assert accusation.best is not None
    assert accusation.best.z < accusation.threshold


def test_several_are_named_together_strongest_first() -> None:
    scores = correlate(coefficients(3, 5, noise=4), (chips(key(n), *SIZE) for n in range(8)))
    accusation = accuse(scores, tests=8)

    assert accusation.verdict is Verdict.SEVERAL
    assert set(accusation.named) == {3, 5}
    assert scores[accusation.named[0], 0] >= scores[accusation.named[1], 0]


def test_nobody_is_named_where_no_release_is_there() -> None:
    accusation = accuse(np.zeros((0, 2)), tests=0)

    assert (accusation.verdict, accusation.named, accusation.best) == (Verdict.OURS, (), None)


def test_innocent_keys_score_a_standard_normal() -> None:
    scores = correlate(coefficients(9, noise=2), (chips(key(n), *SIZE) for n in range(1000, 3000)))

    assert abs(scores.mean()) < 0.1
    assert abs(scores.std() - 1) < 0.05


@pytest.mark.parametrize("tests", [1, 1000, 10**9])
def test_the_bound_at_the_threshold_is_the_limit(tests: int) -> None:
    assert bound(threshold(tests), tests) == pytest.approx(FALSE_ACCUSATION)


def test_the_bound_is_that_of_hoeffding() -> None:
    assert bound(7.43, 10**6) == pytest.approx(10**6 * math.exp(-(7.43**2) / 2))
    assert threshold(1000) == pytest.approx(6.44, abs=0.01)


def test_a_bound_is_a_chance() -> None:
    assert bound(-50, 1) == bound(0, 1) == bound(0.1, 10**6) == 1
    assert bound(500, 1) > 0


def test_a_copy_that_was_subtracted_is_not_accused() -> None:
    scores = -correlate(coefficients(3, noise=1), [chips(key(3), *SIZE)])
    accusation = accuse(scores, tests=1)

    assert scores[0, 0] < -20
    assert accusation.named == ()


def test_the_strongest_hypothesis_counts_and_every_one_is_a_test() -> None:
    scores = np.array([[1.0, 7.0], [0.0, 2.0]])
    accusation = accuse(scores, tests=4)

    assert [score.z for score in accusation.scores] == [7.0, 2.0]
    assert accusation.scores[0].false_accusation == pytest.approx(4 * math.exp(-24.5))
    with pytest.raises(ValueError, match="4 scores from 3 tests"):
        accuse(scores, tests=3)


def test_coefficients_without_weight_score_nothing() -> None:
    nothing = np.zeros((1, count(*SIZE)), np.float32)

    assert correlate(nothing, [chips(key(1), *SIZE)]).tolist() == [[0.0]]


def test_coefficients_that_are_no_numbers_are_refused() -> None:
    broken = coefficients(1)
    broken[0, 5] = np.nan
    with pytest.raises(ValueError, match="not a number"):
        correlate(broken, [chips(key(1), *SIZE)])


def test_many_releases_are_scored_in_order() -> None:
    scores = correlate(coefficients(70, noise=4), (chips(key(n), *SIZE) for n in range(100)))

    assert scores.shape == (100, 1)
    assert int(scores.argmax()) == 70
