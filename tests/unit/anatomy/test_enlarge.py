"""Small masks at a film's size, and margins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadglass.anatomy.enlarge import enlarge, grown
from leadglass.anatomy.prepare import SIDE, Placed


def small_disc(row: float, column: float, radius: float) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return (1 / (1 + np.exp(np.hypot(y - row, x - column) - radius))).astype(np.float32)


@pytest.mark.parametrize(("rows", "columns"), [(2500, 2048), (2048, 2500), (97, 101), (192, 192), (1000, 561)])
def test_a_disc_is_a_disc_on_a_film_of_any_size(rows: int, columns: int) -> None:
    placed = Placed.of(rows, columns)
    found = enlarge(small_disc(96, 90, 50), placed)
    assert found.shape == (rows, columns)
    y = (np.arange(rows) + 0.5) * placed.height / rows - 0.5 + placed.top
    x = (np.arange(columns) + 0.5) * placed.width / columns - 0.5 + placed.left
    truth = np.hypot(y[:, np.newaxis] - 96, x[np.newaxis] - 90) < 50
    assert 2 * (found & truth).sum() >= 0.99 * (found.sum() + truth.sum())


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (1, 700), (700, 1)])
def test_no_film_is_too_small(shape: tuple[int, int]) -> None:
    assert enlarge(np.ones((SIDE, SIDE), np.float32), Placed.of(*shape)).all()


def test_what_reaches_the_films_edge_reaches_it_at_full_size() -> None:
    everything = np.ones((SIDE, SIDE), np.float32)
    assert enlarge(everything, Placed.of(1003, 777)).all()
    assert not enlarge(0 * everything, Placed.of(1003, 777)).any()


def test_a_border_is_smooth_and_not_drawn_in_blocks() -> None:
    mask = enlarge(small_disc(96, 96, 60), Placed.of(1920, 1920))
    firsts = np.argmax(mask, axis=1)[700:1200]
    assert np.abs(np.diff(firsts)).max() <= 3


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 9), st.integers(0, 2**32), st.floats(0, 0.2))
def test_a_grown_mask_holds_what_is_within_reach_and_nothing_else(
    rows: int, columns: int, pixels: int, seed: int, share: float
) -> None:
    mask = np.random.default_rng(seed).random((rows, columns)) < share
    expected = np.zeros_like(mask)
    for row, column in zip(*np.nonzero(mask), strict=True):
        expected[max(0, row - pixels) : row + pixels + 1, max(0, column - pixels) : column + pixels + 1] = True
    assert np.array_equal(grown(mask, pixels), expected)


def test_a_mask_cannot_shrink() -> None:
    with pytest.raises(ValueError, match="less than nothing"):
        grown(np.zeros((3, 3), np.bool_), -1)
