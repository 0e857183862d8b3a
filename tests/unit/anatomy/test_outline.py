"""Accepted as a whole or void as a whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadglass.anatomy import Outlines, abstain, judge
from leadglass.anatomy.outline import largest_share
from leadglass.model.region import Mask, RegionKind

Masks = dict[RegionKind, Mask]
RIGHT, LEFT, HEART = RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT, RegionKind.HEART


def ellipse(row: float, column: float, height: float, width: float, shape: tuple[int, int] = (500, 400)) -> Mask:
    y, x = np.ogrid[: shape[0], : shape[1]]
    inside: Mask = ((y - row) / height) ** 2 + ((x - column) / width) ** 2 < 1
    return inside


def plausible() -> Masks:
    return {
        RIGHT: ellipse(220, 110, 160, 70),
        LEFT: ellipse(220, 290, 160, 65),
        HEART: ellipse(280, 215, 80, 75),
    }


def test_a_plausible_chest_is_accepted_as_it_is() -> None:
    found = Outlines(plausible(), 0.7, "")
    assert judge(found) is found


def test_lungs_without_a_heart_are_accepted() -> None:
    masks = plausible()
    del masks[HEART]
    assert not judge(Outlines(masks, 0.7, "")).abstained


def swapped(masks: Masks) -> Masks:
    return masks | {RIGHT: masks[LEFT], LEFT: masks[RIGHT]}


def in_pieces(masks: Masks) -> Masks:
    return masks | {RIGHT: masks[RIGHT] | ellipse(470, 30, 25, 25)}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda masks: {RIGHT: masks[RIGHT]}, "no outline of lung_left"),
        (swapped, "image's left"),
        (in_pieces, "pieces"),
        (lambda masks: masks | {LEFT: ellipse(220, 290, 60, 40)}, "far larger"),
        (lambda masks: masks | {LEFT: ellipse(220, 290, 20, 20)}, "too small"),
        (lambda masks: masks | {LEFT: ellipse(220, 170, 160, 65)}, "overlap"),
        (lambda masks: masks | {LEFT: ellipse(340, 290, 150, 65)}, "side by side"),
        (lambda masks: masks | {RIGHT: ellipse(220, 110, 70, 85), LEFT: ellipse(220, 300, 70, 85)}, "proportions"),
        (lambda masks: masks | {HEART: ellipse(60, 60, 50, 50)}, "heart"),
        (lambda masks: masks | {HEART: np.zeros((500, 400), dtype=np.bool_)}, "heart"),
        (lambda masks: {kind: np.zeros_like(mask) for kind, mask in masks.items()}, "too small"),
        (lambda masks: {kind: np.ones_like(mask) for kind, mask in masks.items()}, "too large"),
    ],
)
def test_what_no_chest_looks_like_is_void(spoil: Callable[[Masks], Masks], why: str) -> None:
    judged = judge(Outlines(spoil(plausible()), 0.9, ""))
    assert judged.abstained
    assert judged.confidence == 0
    assert why in judged.why


def test_an_abstention_stays_one() -> None:
    assert judge(abstain("lateral")).why == "lateral"


def test_masks_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        judge(Outlines(plausible() | {HEART: np.ones((5, 5), dtype=np.bool_)}, 0.9, ""))


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


def largest_by_flood(mask: Mask) -> float:
    """The same by the slow and obvious way."""
    left = {(int(row), int(column)) for row, column in zip(*np.nonzero(mask), strict=True)}
    sizes = [0]
    while left:
        front, size = [left.pop()], 0
        while front:
            row, column = front.pop()
            size += 1
            for near in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if near in left:
                    left.remove(near)
                    front.append(near)
        sizes.append(size)
    return max(sizes) / max(1, int(mask.sum()))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32), st.floats(0, 1))
def test_the_largest_piece_is_what_a_flood_fills(rows: int, columns: int, seed: int, share: float) -> None:
    mask: Mask = np.random.default_rng(seed).random((rows, columns)) < share
    assert largest_share(mask) == largest_by_flood(mask)
