"""Prepare a frame for the outline model: a small square picture in displayed greys.

Films of every size, depth and sign look alike here: dense tissue bright, the film's longer side ``SIDE`` pixels, its shorter
one centred and padded with the film's mean, so that after the model's own standardisation the padding is about zero. Nothing
of the header is needed beyond the frame's description; a window (VOI LUT, PS3.3 C.11.2) is not applied, the grey range is
taken from the film's own percentiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.model.frame import Frame

SIDE = 192
"""Pixels on each side of the model's picture; masks shrunk to it and back keep a Dice of 0.998."""

_RANGE = (0.5, 99.5)
"""Percentiles that become black and white: collimator edges and burned-in letters are beyond, tissue is not."""
_LEVELS = 4095
"""Greys are rounded to this many steps, so that a film of 8 and of 16 bits and its negative give one picture."""

_ALIKE = 1e-6
"""Greys that differ by less than this share are one grey: what differs is the rounding of sums."""

_FINE = 3
"""Area means are made of every n-th pixel, no coarser than this many to a small pixel and side: the rest is noise."""

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Placed:
    """Where a film of ``rows`` x ``columns`` lies in the square: first row and column, and its height and width there."""

    rows: int
    columns: int
    top: int
    left: int
    height: int
    width: int

    @staticmethod
    def of(rows: int, columns: int) -> Placed:
        """The place of a film: its longer side fills the square, the other is centred."""
        longer = max(rows, columns)
        height, width = (max(1, round(side * SIDE / longer)) for side in (rows, columns))
        return Placed(rows, columns, (SIDE - height) // 2, (SIDE - width) // 2, height, width)


def prepare(frame: Frame) -> tuple[Picture, Placed]:
    """The film as the model wants it, shape (SIDE, SIDE), float32 in 0 to 1; and where it lies there.

    A film of one grey becomes a picture of one grey.
    """
    placed = Placed.of(frame.rows, frame.columns)
    small = _shrunk(frame, placed)
    return square(even(-small if frame.inverted else small), placed), placed


def even(small: NDArray[np.floating[Any]]) -> Picture:
    """Greys from 0 to 1 between the film's own outer percentiles; all 0.5 where they agree."""
    low, high = np.percentile(small, _RANGE)
    if high - low <= _ALIKE * max(abs(high), abs(low)):
        return np.full(small.shape, 0.5, np.float32)
    levels = np.rint(np.clip((small - low) / (high - low), 0, 1) * _LEVELS)
    greys: Picture = (levels / _LEVELS).astype(np.float32)
    return greys


def square(film: Picture, placed: Placed) -> Picture:
    """The film in its place, padded with its mean."""
    picture = np.full((SIDE, SIDE), film.mean(), np.float32)
    picture[placed.top : placed.top + placed.height, placed.left : placed.left + placed.width] = film
    return picture


def _shrunk(frame: Frame, placed: Placed) -> NDArray[np.float64]:
    """The film's values as means over areas, of ``placed``'s height and width."""
    rows, columns = (_taken(side, small) for side, small in ((frame.rows, placed.height), (frame.columns, placed.width)))
    values = _values(frame.samples[rows][:, columns], frame)
    return _area_means(_area_means(values, placed.height, axis=0), placed.width, axis=1)


def _taken(side: int, small: int) -> slice:
    """Every n-th pixel, from half a step inside the edge."""
    step = max(1, side // (small * _FINE))
    return slice(step // 2, None, step)


def _values(samples: NDArray[Any], frame: Frame) -> NDArray[np.float64]:
    """Sample values without what lies above bits stored; a colour's luma."""
    lowest = -(1 << frame.bits_stored - 1) if frame.signed else 0
    wide: NDArray[np.integer[Any]] = samples.astype(np.int32 if samples.dtype.itemsize <= 2 else np.int64)
    values: NDArray[np.float64] = ((wide - lowest) & ((1 << frame.bits_stored) - 1)).astype(np.float64)
    return values if values.ndim == 2 else values.mean(axis=2, dtype=np.float64)


def _area_means(picture: NDArray[np.float64], cells: int, *, axis: int) -> NDArray[np.float64]:
    """Means over ``cells`` equal stretches along an axis; a pixel on a border counts for both by its share."""
    side = picture.shape[axis]
    borders = np.arange(cells + 1) * (side / cells)
    whole = np.minimum(borders.astype(np.int64), side - 1)
    along = (-1, 1) if axis == 0 else (1, -1)
    before = picture.take(whole, axis) * (borders - whole).reshape(along)
    # Where two borders fall into one pixel nothing lies between them, and reduceat would answer that pixel.
    between = (whole[1:] > whole[:-1]).reshape(along)
    sums = np.add.reduceat(picture, whole[:-1], axis=axis, dtype=np.float64)
    last = np.arange(cells) == cells - 1
    # The last stretch of reduceat runs to the end, one pixel beyond the others.
    sums -= picture.take([-1], axis) * last.reshape(along) * between
    means: NDArray[np.float64] = (sums * between + np.diff(before, axis=axis)) * (cells / side)
    return means
