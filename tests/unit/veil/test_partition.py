"""Who owns each pixel."""

from __future__ import annotations

import numpy as np
import pytest

from leadglass.model.region import Mask, RegionKind
from leadglass.veil import partition


def box(rows: int, columns: int, *, top: int, bottom: int, first: int, last: int) -> Mask:
    mask = np.zeros((rows, columns), dtype=np.bool_)
    mask[top:bottom, first:last] = True
    return mask


def test_a_cell_that_is_touched_belongs_whole_to_the_outline() -> None:
    parts = partition({RegionKind.HEART: box(20, 20, top=9, bottom=11, first=4, last=5)}, rows=20, columns=20, grid=5)
    assert np.array_equal(parts.mask([RegionKind.HEART]), box(20, 20, top=5, bottom=15, first=0, last=5))


def test_the_most_sensitive_kind_takes_the_cell() -> None:
    everywhere = np.ones((8, 8), dtype=np.bool_)
    outlines = {RegionKind.LUNG_LEFT: everywhere, RegionKind.TEXT: box(8, 8, top=0, bottom=1, first=0, last=8)}
    parts = partition(outlines, rows=8, columns=8, grid=4)
    assert parts.kinds == (RegionKind.TEXT, RegionKind.LUNG_LEFT)
    assert np.array_equal(parts.mask([RegionKind.TEXT]), box(8, 8, top=0, bottom=4, first=0, last=8))


def test_kinds_without_a_pixel_are_left_out() -> None:
    parts = partition({RegionKind.HEART: np.zeros((9, 7), dtype=np.bool_)}, rows=9, columns=7, grid=4)
    assert parts.kinds == (RegionKind.REST,)


def test_grid_1_keeps_the_exact_outline() -> None:
    mask = np.random.default_rng(3).random((31, 17)) < 0.4
    parts = partition({RegionKind.LUNG_RIGHT: mask}, rows=31, columns=17, grid=1)
    assert np.array_equal(parts.mask([RegionKind.LUNG_RIGHT]), mask)


def test_the_last_cells_are_clipped_to_the_film() -> None:
    parts = partition({RegionKind.TEXT: box(10, 11, top=9, bottom=10, first=10, last=11)}, rows=10, columns=11, grid=4)
    assert np.array_equal(parts.mask([RegionKind.TEXT]), box(10, 11, top=8, bottom=10, first=8, last=11))


def test_a_cell_larger_than_the_film_covers_it_whole() -> None:
    parts = partition({RegionKind.TEXT: box(10, 11, top=3, bottom=4, first=3, last=4)}, rows=10, columns=11, grid=64)
    assert parts.kinds == (RegionKind.TEXT,)


@pytest.mark.parametrize(
    ("outlines", "grid"),
    [
        ({}, 0),
        ({RegionKind.HEART: np.zeros((4, 5), dtype=np.bool_)}, 1),
        ({RegionKind.REST: np.zeros((4, 4), dtype=np.bool_)}, 1),
    ],
    ids=["no grid", "another shape", "an outline of rest"],
)
def test_what_makes_no_partition_is_refused(outlines: dict[RegionKind, Mask], grid: int) -> None:
    with pytest.raises(ValueError, match=r"grid|outline"):
        partition(outlines, rows=4, columns=4, grid=grid)
