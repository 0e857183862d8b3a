"""Who owns each pixel, drawn on a coarse grid.

The outline of a covered organ is itself an identifier, so what leaves the house is drawn in cells: a cell belongs whole to
the most sensitive kind whose outline touches it. ``grid=1`` keeps the exact outlines, for people who already know the
patient.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from leadglass.model.region import Mask, Partition, Region, RegionKind

_KINDS = tuple(RegionKind)
_REST = _KINDS.index(RegionKind.REST)


def partition(outlines: Mapping[RegionKind, Mask], *, rows: int, columns: int, grid: int) -> Partition:
    """The partition of a film of ``rows`` x ``columns`` in cells of ``grid`` x ``grid`` pixels.

    Cells are anchored at the first pixel of the film; the last row and column of cells are clipped. Outlines are masks of
    the film's own shape and may overlap: a cell goes to the first kind in ``RegionKind`` that touches it, and to ``rest``
    where none does. Kinds without a cell are left out.

    Raises:
        ValueError: ``grid`` is below 1, a mask is not of the film's shape or an outline is given for ``rest``.
    """
    if grid < 1:
        raise ValueError(f"a grid of {grid} pixels has no cells")
    if RegionKind.REST in outlines:
        raise ValueError("rest has no outline: it is what the others leave")
    owners = np.full((-(-rows // grid), -(-columns // grid)), _REST, dtype=np.uint8)
    for index in reversed(range(_REST)):
        mask = outlines.get(_KINDS[index])
        if mask is None:
            continue
        if mask.shape != (rows, columns):
            raise ValueError(f"the outline of {_KINDS[index]} is {mask.shape}, the film ({rows}, {columns})")
        owners[touched(mask, grid)] = index
    return Partition(rows, columns, _regions(owners, rows=rows, columns=columns, grid=grid))


def touched(mask: Mask, grid: int) -> Mask:
    """The cells of ``grid`` x ``grid`` pixels that hold a true pixel of ``mask``."""
    if grid == 1:
        return mask
    # A reduction band by band is many times as fast as one reduceat over the whole film.
    bands = np.stack([mask[top : top + grid].any(axis=0) for top in range(0, mask.shape[0], grid)])
    cells: Mask = np.logical_or.reduceat(bands, np.arange(0, mask.shape[1], grid), axis=1)
    return cells


def _regions(owners: NDArray[np.uint8], *, rows: int, columns: int, grid: int) -> tuple[Region, ...]:
    """One region a kind that owns a cell, most sensitive first; ``owners`` holds indices into ``RegionKind``."""
    changes = np.ones(owners.shape, dtype=np.bool_)
    np.not_equal(owners[:, 1:], owners[:, :-1], out=changes[:, 1:])
    firsts = np.flatnonzero(changes)
    lasts = np.append(firsts[1:], owners.size)
    kinds = owners.ravel()[firsts]
    width = owners.shape[1]
    cell_rows = firsts // width
    starts = (firsts - cell_rows * width) * grid
    stops = np.minimum((lasts - cell_rows * width) * grid, columns)
    regions = []
    for index in np.unique(kinds):
        own = kinds == index
        runs = _pixel_runs(cell_rows[own], starts[own], stops[own], rows=rows, grid=grid)
        regions.append(Region(_KINDS[index], runs))
    return tuple(regions)


def _pixel_runs(
    cell_rows: NDArray[np.int64], starts: NDArray[np.int64], stops: NDArray[np.int64], *, rows: int, grid: int
) -> NDArray[np.int32]:
    """Runs of whole rows of cells, repeated for each row of pixels that the cells hold."""
    of_row = np.arange(rows) // grid
    first = np.searchsorted(cell_rows, of_row)
    count = np.searchsorted(cell_rows, of_row, side="right") - first
    before = np.cumsum(count) - count
    source = np.repeat(first - before, count) + np.arange(int(count.sum()))
    return np.stack([np.repeat(np.arange(rows), count), starts[source], stops[source]], axis=1).astype(np.int32)
