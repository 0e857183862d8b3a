"""A cone of rays through the chest, onto a detector.

Each plane parallel to the detector is magnified about the central ray and added up. For so narrow a cone that is the line
integral along each ray, and much cheaper than to walk along millions of rays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Taps = tuple[NDArray[np.intp], NDArray[np.float32]]
"""Places and weights, each of shape (4, positions)."""


@dataclass(frozen=True)
class Pose:
    """How the patient stands before the detector. Lengths in millimetres, angles in degrees.

    ``distance`` is from source to detector. ``yaw`` turns about the long axis, ``pitch`` leans back. ``habitus`` scales the
    patient (z, y, x), ``breath`` is how far the diaphragm stands above full inspiration. ``centre`` shifts the film against
    the central ray (towards the feet, to the picture's right).
    """

    view: Literal["PA", "AP", "LL"]
    distance: float
    yaw: float = 0.0
    pitch: float = 0.0
    habitus: tuple[float, float, float] = (1.0, 1.0, 1.0)
    breath: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Detector:
    """A grid of ``rows`` x ``columns`` pixels of ``pitch`` millimetres."""

    rows: int
    columns: int
    pitch: float


_GAP = 25.0
"""Millimetres between skin and detector."""
_HILUM, _DIAPHRAGM = 75.0, -25.0
"""Heights over the central ray, in millimetres: what is above the first keeps still in breathing."""
_SLAB = 2
"""Planes that share one magnification: 1.4 mm, far less than blurs anything."""


def project(volume: NDArray[Any], spacing: tuple[float, float, float], pose: Pose, detector: Detector) -> Picture:
    """The path integral of ``volume`` (z, y, x) at each pixel, shape (rows, columns), in millimetres times its unit.

    The picture is as one hangs it: head up, the patient's right at the left, in a lateral view the front at the left. The
    volume ends at the skin, and the detector is close to it.
    """
    sz, sy, sx = (step * scale for step, scale in zip(spacing, pose.habitus, strict=True))
    if pose.view == "LL":
        planes, depth, across = np.moveaxis(volume, 2, 0), sx, sy
    else:
        planes, depth, across = np.moveaxis(volume, 1, 0), sy, sx
    if pose.view != "PA":
        planes = planes[::-1]
    count, heights, widths = planes.shape
    down = (np.arange(detector.rows) - (detector.rows - 1) / 2) * detector.pitch + pose.centre[0]
    right = (np.arange(detector.columns) - (detector.columns - 1) / 2) * detector.pitch + pose.centre[1]
    picture = np.zeros((detector.rows, detector.columns), np.float32)
    for start in range(0, count, _SLAB):
        slab = planes[start : start + _SLAB].sum(axis=0, dtype=np.float32)
        away = (start + min(start + _SLAB, count)) / 2 * depth
        magnification = pose.distance / (pose.distance - _GAP - away)
        from_middle = away - count / 2 * depth
        x = right / magnification - from_middle * np.tan(np.radians(pose.yaw))
        z = -down / magnification - from_middle * np.tan(np.radians(pose.pitch))
        z = z - pose.breath * np.clip((_HILUM - z) / (_HILUM - _DIAPHRAGM), 0, 1)
        wide = resampled(slab, taps(x / across + (widths - 1) / 2, widths), axis=1)
        picture += resampled(wide, taps(z / sz + (heights - 1) / 2, heights), axis=0)
    return picture * np.float32(depth)


def taps(positions: NDArray[np.float64], samples: int) -> Taps:
    """How to read ``samples`` in a row at fractional positions by a cubic; 0 outside."""
    base = np.floor(positions).astype(np.intp)
    t = positions - base
    # Catmull-Rom: it passes through the samples and keeps edges crisper than a B-spline.
    weights = np.stack(
        [
            ((-t + 2) * t - 1) * t / 2,
            ((3 * t - 5) * t * t + 2) / 2,
            ((-3 * t + 4) * t + 1) * t / 2,
            (t - 1) * t * t / 2,
        ]
    )
    weights *= (positions >= 0) & (positions <= samples - 1)
    return np.clip(base + np.arange(-1, 3)[:, None], 0, samples - 1), weights.astype(np.float32)


def resampled(picture: Picture, by: Taps, *, axis: Literal[0, 1]) -> Picture:
    """``picture`` read along ``axis`` at the positions of the taps.

    Four gathers instead of a product with a matrix: they need no BLAS, whose threads would fight with the caller's.
    """
    places, weights = by
    total = np.zeros((places.shape[1], picture.shape[1]) if axis == 0 else (picture.shape[0], places.shape[1]), np.float32)
    for place, weight in zip(places, weights, strict=True):
        part = picture.take(place, axis=axis)
        part *= weight[:, None] if axis == 0 else weight
        total += part
    return total
