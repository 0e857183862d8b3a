"""Connected pieces of a mask, by runs: the largest one, and holes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leadglass.model.region import Mask, Region, RegionKind


def largest_share(mask: Mask) -> float:
    """The largest 4-connected piece's share of the area, from 0 to 1; 0 where the mask is empty."""
    areas = np.bincount(_pieces(mask).ravel())[1:]
    return float(areas.max() / areas.sum()) if areas.size else 0.0


def largest(mask: Mask) -> Mask:
    """The largest 4-connected piece alone; of equal ones the first row by row."""
    numbered = _pieces(mask)
    areas = np.bincount(numbered.ravel())
    areas[0] = 0
    piece: Mask = (numbered == areas.argmax()) & mask
    return piece


def filled(mask: Mask) -> Mask:
    """The mask with its holes: what the outside does not reach by a 4-connected path from the border."""
    outside = _pieces(np.pad(~mask, 1, constant_values=True))
    inside: Mask = (outside != outside[0, 0])[1:-1, 1:-1]
    return inside


def _pieces(mask: Mask) -> NDArray[np.int64]:
    """The number of the 4-connected piece that each pixel belongs to, from 1 on; 0 outside."""
    runs = Region.of(RegionKind.REST, mask).runs.tolist()
    parents = list(range(len(runs)))

    def piece(run: int) -> int:
        while parents[run] != run:
            parents[run] = run = parents[parents[run]]
        return run

    above = 0
    for number, (row, start, stop) in enumerate(runs):
        # Runs come row by row: what lies in the row above and ends left of this one cannot touch what comes after either.
        while runs[above][0] < row - 1 or (runs[above][0] == row - 1 and runs[above][2] <= start):
            above += 1
        touching = above
        while runs[touching][0] == row - 1 and runs[touching][1] < stop:
            parents[piece(touching)] = piece(number)
            touching += 1
    _, numbers = np.unique([piece(run) for run in range(len(runs))], return_inverse=True)
    lengths = [stop - start for _, start, stop in runs]
    pieces = np.zeros(mask.shape, np.int64)
    pieces[mask] = np.repeat(numbers + 1, lengths)
    return pieces
