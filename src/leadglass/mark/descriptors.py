"""Local features of a picture, and what they would be in its mirror image and its negative.

SIFT (Lowe, International Journal of Computer Vision 60(2), 2004) on a picture whose contrast was made even (CLAHE), as
RootSIFT (Arandjelovic and Zisserman, CVPR 2012). Features are chosen evenly over the place and the scale, not by strength
alone: letters and edges of bones would take all places, and a small crop would be left with nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8] | NDArray[np.uint16]

SMALLEST_SIDE = 8
"""Pixels; a picture with a shorter side has no features."""

_BUCKETS = 10
"""Cells on the longer side, inside which features compete."""
_BANDS = (3.2, 5.5, 10.0)
"""Pixels of the working size; the diameters that part the scales that compete. What is above the last one is large."""
_OPENCV: Any = cv2
"""Its types leave SIFT out."""
_SIDE, _CELLS, _DIRECTIONS = 128, 4, 8


class View(Enum):
    """How a picture may have been turned over: (mirrored, inverted)."""

    PLAIN = (False, False)
    MIRRORED = (True, False)
    INVERTED = (False, True)
    BOTH = (True, True)


@dataclass(frozen=True, eq=False)
class Features:
    """Features of one picture.

    ``x``, ``y`` and ``size`` (diameter) are fractions of the picture's longer side, ``angle`` is in radians, clockwise as
    rows grow downwards. ``descriptors`` are RootSIFT of shape (features, 128) and length 1.
    """

    x: Floats
    y: Floats
    size: Floats
    angle: Floats
    descriptors: Floats

    def __len__(self) -> int:
        return len(self.x)

    def only(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Features:
        """Some of them."""
        return Features(self.x[which], self.y[which], self.size[which], self.angle[which], self.descriptors[which])

    def seen(self, view: View) -> Features:
        """What the same features are in the mirror image or the negative; exact for a negative, nearly so for a mirror.

        A negative turns every gradient by half a turn, and with it the frame of the descriptor; a mirror swaps its rows and
        the sense of its directions. ``x`` then counts from the right, as a negative fraction.
        """
        mirrored, inverted = view.value
        x, angle, order = self.x, self.angle, np.arange(_SIDE)
        if inverted:
            angle, order = angle + np.float32(np.pi), order[_INVERSION]
        if mirrored:
            x, angle, order = -x, np.float32(np.pi) - angle, order[_MIRROR]
        return Features(x, self.y, self.size, angle, self.descriptors[:, order])


def _order(*, mirrored: bool) -> NDArray[np.intp]:
    cells = np.arange(_SIDE).reshape(_CELLS, _CELLS, _DIRECTIONS)
    if mirrored:
        return cells[::-1, :, -np.arange(_DIRECTIONS) % _DIRECTIONS].ravel()
    return cells[::-1, ::-1].ravel()


_INVERSION: Final = _order(mirrored=False)
_MIRROR: Final = _order(mirrored=True)


def describe(picture: Picture, *, side: int, most: int, large: int | None = None) -> Features:
    """The features of a picture of shape (rows, columns), brought to a longer side of ``side`` pixels; at most ``most``.

    Of large features at most ``large`` are taken, where there are enough others: what they describe reaches too far to be
    whole in a small crop.

    Raises:
        ValueError: the picture is not a grey one of 8 or 16 bits.
    """
    if picture.ndim != 2 or picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"features of {picture.dtype} pixels of {picture.ndim} dimensions")
    if min(picture.shape) < SMALLEST_SIDE:
        return _NONE
    grey = _even(_resized(picture, side))
    sift = _OPENCV.SIFT_create(0, 3, 0.008, 12, 1.6)
    found = sift.detect(grey, None)
    if not found:
        return _NONE
    chosen = _chosen(_table(found), most, most if large is None else large)
    points, descriptors = sift.compute(grey, [found[i] for i in chosen])
    if descriptors is None or not len(points):
        return _NONE
    return _features(_table(points), descriptors, np.float32(max(grey.shape)))


def _resized(picture: Picture, side: int) -> Picture:
    scale = side / max(picture.shape)
    rows, columns = (max(SMALLEST_SIDE, round(n * scale)) for n in picture.shape)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized: Any = cv2.resize(np.ascontiguousarray(picture), (columns, rows), interpolation=how)
    return np.asarray(resized, np.uint8) if picture.dtype == np.uint8 else np.asarray(resized, np.uint16)


def _even(picture: Picture) -> NDArray[np.uint8]:
    """8 bits over the range that the picture uses, with its contrast made even."""
    low, high = np.percentile(picture[::2, ::2], (0.5, 99.5))
    if high <= low:
        low, high = float(picture.min()), float(picture.max()) + 1
    stretched = np.clip((picture.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low)), 0, 255)
    return np.asarray(cv2.createCLAHE(2.0, (8, 8)).apply(stretched.astype(np.uint8)), np.uint8)


def _table(points: Any) -> Floats:
    """x, y, diameter, angle in degrees and strength of OpenCV's keypoints, of shape (points, 5)."""
    rows = [(p.pt[0], p.pt[1], p.size, p.angle, p.response) for p in points]
    return np.asarray(rows, np.float32).reshape(-1, 5)


def _chosen(table: Floats, most: int, large: int) -> NDArray[np.intp]:
    """The places of the features to keep."""
    order = _evenly(table)
    far = table[order, 2] > _BANDS[-1]
    waits = far & (np.cumsum(far) > large)
    return np.concatenate([order[~waits], order[waits]])[:most]


def _evenly(table: Floats) -> NDArray[np.intp]:
    """An order of features: the strongest of every cell and scale first, then the second of each, and so on."""
    x, y, size, _, strength = table.T
    cell = max(float(x.max()), float(y.max()), 1.0) / _BUCKETS
    place = (y // cell).astype(np.intp) * (_BUCKETS + 1) + (x // cell).astype(np.intp)
    bucket = place * (len(_BANDS) + 1) + np.searchsorted(np.asarray(_BANDS, np.float32), size)
    order = np.lexsort((-strength, bucket))
    starts = np.concatenate([[True], bucket[order][1:] != bucket[order][:-1]])
    rank = np.arange(len(order)) - np.flatnonzero(starts)[np.cumsum(starts) - 1]
    return order[np.lexsort((-strength[order], rank))]


def _features(table: Floats, descriptors: Floats, longer: np.float32) -> Features:
    sums = np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6)
    x, y, size, angle, _ = table.T
    return Features(
        x / longer,
        y / longer,
        size / longer,
        np.deg2rad(angle).astype(np.float32),
        np.sqrt(descriptors / sums).astype(np.float32),
    )


_EMPTY: Final = np.zeros(0, np.float32)
_NONE: Final = Features(_EMPTY, _EMPTY, _EMPTY, _EMPTY, np.zeros((0, _SIDE), np.float32))
