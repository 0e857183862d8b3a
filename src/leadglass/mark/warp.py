"""A found picture brought back into a film's frame.

Places follow OpenCV's convention: the middle of the first pixel is at (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from leadglass.mark.found import Original
from leadglass.mark.windows import Field, resized
from leadglass.mark.working import Level

Homography = NDArray[np.float64]
Flow = NDArray[np.float32]
"""Where to look beside a film's pixel, (rows, columns, 2) of a coarse raster, in film pixels (right, down)."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What a picture shows at a level: ``found`` greys, and ``inside`` where the picture reaches at all (1 or 0)."""

    found: Field
    inside: Field


def corners(rows: int, columns: int) -> NDArray[np.float64]:
    """The four corners of a picture, from the first pixel clockwise, of shape (4, 2)."""
    right, bottom = columns - 0.5, rows - 0.5
    return np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])


def through(homography: Homography, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of shape (n, 2) under a homography."""
    x, y, w = homography @ np.concatenate([points, np.ones((len(points), 1))], axis=1).T
    w = np.where(np.abs(w) < 1e-9, 1e-9, w)
    return np.stack([x / w, y / w], axis=1)


def magnification(homography: Homography, original: Original, picture: tuple[int, int]) -> float:
    """Picture pixels a film pixel, the median over what the picture shows of the film; 0 where it shows nothing."""
    x, y = np.meshgrid(np.linspace(0, original.columns - 1, 24), np.linspace(0, original.rows - 1, 24))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    at, right, down = (through(homography, points + step) for step in ((0, 0), (1, 0), (0, 1)))
    area = np.abs(np.cross(np.c_[right - at, 0 * at[:, :1]], np.c_[down - at, 0 * at[:, :1]])[:, 2])
    seen = (at >= 0).all(axis=1) & (at[:, 0] < picture[1]) & (at[:, 1] < picture[0])
    return float(np.sqrt(np.median(area[seen]))) if seen.any() else 0.0


def shrunk(picture: Field, scale: float) -> tuple[Field, float, float]:
    """The picture reduced by area to about ``scale``, and its pixels a new pixel (right, down); never enlarged."""
    rows, columns = picture.shape
    if scale >= 0.95:
        return picture, 1.0, 1.0
    size = max(1, round(rows * scale)), max(1, round(columns * scale))
    return resized(picture, size, how=cv2.INTER_AREA), columns / size[1], rows / size[0]


def seen(picture: Field, per: tuple[float, float], homography: Homography, level: Level, flow: Flow) -> Shown:
    """The picture, reduced by ``per``, in the film's frame at ``level``."""
    rows, columns = level.shape
    x = (np.arange(columns, dtype=np.float32) + np.float32(0.5)) * np.float32(level.right) - np.float32(0.5)
    y = ((np.arange(rows, dtype=np.float32) + np.float32(0.5)) * np.float32(level.down) - np.float32(0.5))[:, np.newaxis]
    moved = resized(flow, (rows, columns), how=cv2.INTER_CUBIC)
    x, y = moved[..., 0] + x, moved[..., 1] + y
    h = homography.astype(np.float32)
    depth = h[2, 0] * x + h[2, 1] * y + h[2, 2]
    depth = np.where(np.abs(depth) < 1e-6, np.float32(1e-6), depth)
    across = ((h[0, 0] * x + h[0, 1] * y + h[0, 2]) / depth + np.float32(0.5)) * np.float32(1 / per[0]) - np.float32(0.5)
    along = ((h[1, 0] * x + h[1, 1] * y + h[1, 2]) / depth + np.float32(0.5)) * np.float32(1 / per[1]) - np.float32(0.5)
    limit = np.float32(30000)
    across, along = np.clip(across, -limit, limit), np.clip(along, -limit, limit)
    inside = (across > 0) & (along > 0) & (across < picture.shape[1] - 1) & (along < picture.shape[0] - 1) & (depth > 0)
    found = cv2.remap(picture, across, along, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return Shown(np.asarray(found, np.float32), inside.astype(np.float32))
