"""Masks at a film's own size from the model's small pictures, and masks grown by a margin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.anatomy.prepare import Picture, Placed
from leadglass.model.region import Mask

_CELL = 8
"""Pixels: a film is cut into cells of no more than this edge, no larger than a small pixel, and only those that a border
crosses are looked at pixel by pixel."""


def enlarge(chance: Picture, placed: Placed) -> Mask:
    """Where ``chance`` (the square, 0 to 1) is above one half, at the film's size, shape (rows, columns).

    Between the small pixels' centres it is interpolated linearly along rows and columns, so that borders are smooth on a
    film of any size.
    """
    film = chance[placed.top : placed.top + placed.height, placed.left : placed.left + placed.width]
    cell = min(_CELL, max(1, placed.rows // placed.height))
    down, across = (-(-side // cell) for side in (placed.rows, placed.columns))
    upright = _between(film, np.arange(down + 1) * (cell * placed.height / placed.rows) - 0.5, axis=0)
    corners = _between(upright, np.arange(across + 1) * (cell * placed.width / placed.columns) - 0.5, axis=1)
    lowest = np.minimum.reduce([corners[:-1, :-1], corners[1:, :-1], corners[:-1, 1:], corners[1:, 1:]])
    highest = np.maximum.reduce([corners[:-1, :-1], corners[1:, :-1], corners[:-1, 1:], corners[1:, 1:]])
    whole = np.repeat(np.repeat(lowest > 0.5, cell, axis=1), cell, axis=0)
    row, column = np.nonzero((lowest <= 0.5) & (highest > 0.5))
    cells = whole.reshape(down, cell, across, cell)
    cells[row, :, column, :] = _inside(corners, row, column, cell)
    return np.ascontiguousarray(whole[: placed.rows, : placed.columns])


def grown(mask: Mask, pixels: int) -> Mask:
    """The mask grown by ``pixels`` in every direction (by a square), within the film.

    Raises:
        ValueError: ``pixels`` is negative.
    """
    if pixels < 0:
        raise ValueError("a mask cannot grow by less than nothing")
    larger = mask.copy()
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size or not pixels:
        return larger
    box = tuple(slice(max(0, int(at[0]) - pixels), int(at[-1]) + 1 + pixels) for at in (rows, columns))
    larger[box] = _spread(_spread(mask[box], pixels, axis=0), pixels, axis=1)
    return larger


def _between(picture: Picture, at: NDArray[np.floating[Any]], *, axis: int) -> Picture:
    """Linear interpolation along an axis; the outermost value goes on beyond its centre."""
    last = picture.shape[axis] - 1
    at = np.clip(at, 0, last)
    first = np.minimum(at.astype(np.int64), max(0, last - 1))
    share = (at - first).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
    one, other = picture.take(first, axis), picture.take(np.minimum(first + 1, last), axis)
    between: Picture = one + (other - one) * share
    return between


def _inside(corners: Picture, row: NDArray[np.int64], column: NDArray[np.int64], cell: int) -> Mask:
    """Cells of pixels, shape (n, cell, cell), by linear interpolation between each cell's corners."""
    share = (np.arange(cell, dtype=np.float32) + np.float32(0.5)) / np.float32(cell)
    upper = _edge(corners[row, column], corners[row, column + 1], share)
    lower = _edge(corners[row + 1, column], corners[row + 1, column + 1], share)
    inside: Mask = upper[:, np.newaxis] + (lower - upper)[:, np.newaxis] * share[:, np.newaxis] > 0.5
    return inside


def _edge(first: Picture, last: Picture, share: Picture) -> Picture:
    edge: Picture = first[:, np.newaxis] + (last - first)[:, np.newaxis] * share
    return edge


def _spread(mask: Mask, pixels: int, *, axis: int) -> Mask:
    """True within ``pixels`` of a true pixel along an axis: shifts that double until they reach."""
    reached, result = 0, mask
    while reached < pixels:
        step = min(max(1, reached), pixels - reached)
        result, before = result.copy(), result
        low, high = (slice(None, -step), slice(step, None)) if step < mask.shape[axis] else (slice(0, 0), slice(0, 0))
        one, other = ((low, slice(None)), (high, slice(None))) if axis == 0 else ((slice(None), low), (slice(None), high))
        result[one] |= before[other]
        result[other] |= before[one]
        reached += step
    return result
