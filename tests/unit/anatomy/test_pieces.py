"""Connected pieces and holes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from leadglass.anatomy.pieces import filled, largest, largest_share
from leadglass.model.region import Mask


def flooded(mask: Mask) -> list[set[tuple[int, int]]]:
    """The pieces by the slow and obvious way."""
    left = {(int(row), int(column)) for row, column in zip(*np.nonzero(mask), strict=True)}
    pieces = []
    while left:
        front, piece = [left.pop()], set[tuple[int, int]]()
        while front:
            row, column = front.pop()
            piece.add((row, column))
            for near in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if near in left:
                    left.remove(near)
                    front.append(near)
        pieces.append(piece)
    return pieces


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    return np.random.default_rng(draw(st.integers(0, 2**32))).random(shape) < draw(st.floats(0, 1))


@settings(deadline=None, max_examples=60)
@given(masks())
def test_the_largest_piece_is_what_a_flood_fills(mask: Mask) -> None:
    pieces = flooded(mask)
    most = max((len(piece) for piece in pieces), default=0)
    assert largest_share(mask) == most / max(1, int(mask.sum()))
    if most:
        found = {(int(row), int(column)) for row, column in zip(*np.nonzero(largest(mask)), strict=True)}
        assert found in [piece for piece in pieces if len(piece) == most]


@settings(deadline=None, max_examples=60)
@given(masks())
def test_what_the_border_does_not_reach_is_a_hole(mask: Mask) -> None:
    around = np.pad(~mask, 1, constant_values=True)
    outside = next(piece for piece in flooded(around) if (0, 0) in piece)
    expected = np.ones_like(around)
    for place in outside:
        expected[place] = False
    assert np.array_equal(filled(mask), expected[1:-1, 1:-1])


def test_a_spiral_is_one_piece() -> None:
    spiral = np.zeros((41, 41), dtype=np.bool_)
    row, column, length, (down, across) = 0, 0, 40, (0, 1)
    spiral[0, 0] = True
    while length > 0:
        for _ in range(2):
            for _ in range(length):
                row, column = row + down, column + across
                spiral[row, column] = True
            down, across = across, -down
        length -= 2
    assert largest_share(spiral) == 1.0
