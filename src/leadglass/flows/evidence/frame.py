"""Places: from the found picture to what is shown of it, to the film, and to millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadglass.mark.found import Alignment, Box

Points = NDArray[np.float64]
"""Shape (n, 2): x to the right, y down; the first pixel's centre is (0, 0)."""


@dataclass(frozen=True)
class Extent:
    """How large something is on the film: in millimetres, or in per cent of its sides where its spacing is unknown."""

    width: float
    height: float
    millimetres: bool


def shown(points: Points, scale: float) -> Points:
    """Points of the found picture in the pixels of what is shown of it."""
    return (points + 0.5) / scale - 0.5


def corners(box: Box) -> Points:
    """The four corners of a box, clockwise from the top left, on the outer edges of its pixels."""
    left, top, right, bottom = box.left - 0.5, box.top - 0.5, box.right - 0.5, box.bottom - 0.5
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def on_film(points: Points, alignment: Alignment) -> Points:
    """Points of the found picture in the film's own pixels.

    Raises:
        ValueError: the homography has no inverse.
    """
    try:
        back = np.linalg.inv(alignment.homography)
    except np.linalg.LinAlgError as error:
        raise ValueError("the homography has no inverse") from error
    moved = np.column_stack([points, np.ones(len(points))]) @ back.T
    return np.asarray(moved[:, :2] / moved[:, 2:], dtype=np.float64)


def in_film_frame(points: Points, alignment: Alignment) -> Points:
    """Points of the found picture in the pixels of ``alignment.found`` and its companions.

    The film's size is not asked for: its four corners, brought back, span the frame.
    """
    first, size = _span(alignment)
    rows, columns = alignment.found.shape[:2]
    return (on_film(points, alignment) - first) / size * (columns, rows) - 0.5


def extent(box: Box, alignment: Alignment, spacing: tuple[float, float] | None) -> Extent:
    """How large a box of the found picture is on the film: mean lengths of opposite sides."""
    around = on_film(corners(box), alignment)
    unit = np.array([spacing[1], spacing[0]]) if spacing else 100 / _span(alignment)[1]
    sides = np.linalg.norm((np.roll(around, -1, axis=0) - around) * unit, axis=1)
    first, second = float(sides[0] + sides[2]) / 2, float(sides[1] + sides[3]) / 2
    # The box is upright in the picture; on the film its first side may run down.
    upright = abs(around[1, 0] - around[0, 0]) >= abs(around[1, 1] - around[0, 1])
    width, height = (first, second) if upright else (second, first)
    return Extent(width, height, millimetres=spacing is not None)


def _span(alignment: Alignment) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The film's first point and its size, in film pixels."""
    around = on_film(np.asarray(alignment.outline, dtype=np.float64), alignment)
    first = around.min(axis=0)
    return first, np.maximum(around.max(axis=0) - first, 1)
