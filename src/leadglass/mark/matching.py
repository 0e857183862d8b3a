"""Where a film lies in a picture, by local features: a homography, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from leadglass.mark.descriptors import SMALLEST_SIDE, Features, View, describe
from leadglass.mark.found import Grey, Original, Samples
from leadglass.mark.warp import Homography, corners, through

LEAST = 20
"""Features that must agree: films of other patients had at most 6, right ones at least 36."""

SIDES: Final = (900, 450, 1400)
"""Longer sides, in pixels, at which features are looked for, until enough agree."""

_CONTENT, _ENOUGH = 25, 80
_MOST = 2500
_LARGER = 2
"""Times that a small picture is enlarged at most."""
_RATIO = 0.85
_TOLERANCE = 3.0
_LEFT = 0.25
"""Pixels by which OpenCV's places are too far to the right and down, in the picture that it searched."""
_BENT = 0.06
"""Longer sides of the film by which a bent one lies beside its homography at most."""


@dataclass(frozen=True, eq=False)
class Match:
    """How a film lies in a picture: ``homography`` leads from film pixels to picture pixels.

    ``places`` are the film's features that have a like one in the picture, and ``shifts`` how far beside the place that the
    homography says they look from, both (n, 2) in film pixels (right, down): a bent film agrees with no homography.
    """

    homography: Homography
    inliers: int
    view: View
    places: NDArray[np.float64]
    shifts: NDArray[np.float64]


def match(picture: Grey | Samples, original: Original) -> Match | None:
    """The best way in which ``picture`` shows ``original``; None where fewer than ``LEAST`` features agree."""
    best: Match | None = None
    film_side = min(SIDES[0], 2 * max(original.samples.shape))
    film = _Places(
        _features(original.samples, film_side),
        (original.rows, original.columns),
        _searched((original.samples.shape[0], original.samples.shape[1]), film_side),
    )
    shape = picture.shape[0], picture.shape[1]
    # A small picture has nothing more to show when it is enlarged further.
    for side in dict.fromkeys(min(side, _LARGER * max(shape)) for side in SIDES):
        features = _features(picture, side)
        for view in View:
            found = _Places(features.seen(view), shape, _searched(shape, side), mirrored=view.value[0])
            one = _homography(found, film, view, original)
            if one is not None and (best is None or one.inliers > best.inliers):
                best = one
            if best is not None and best.inliers >= _ENOUGH:
                return best
        if best is not None and best.inliers >= _CONTENT:
            return best
    return best if best is not None and best.inliers >= LEAST else None


def _features(picture: Grey | Samples, side: int) -> Features:
    return _described(picture.tobytes(), picture.shape, picture.dtype.str, side)


def _searched(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """Rows and columns of a picture as ``describe`` brings it to a longer side of ``side``."""
    rows, columns = (max(SMALLEST_SIDE, round(n * (side / max(shape)))) for n in shape)
    return rows, columns


@lru_cache(maxsize=8)
def _described(data: bytes, shape: tuple[int, ...], kind: str, side: int) -> Features:
    """The features of a picture, given as its bytes: one picture is compared with many films, and one film with several."""
    return describe(np.frombuffer(data, kind).reshape(shape), side=side, most=_MOST)


@dataclass(frozen=True, eq=False)
class _Places:
    """Features of a picture of ``shape`` (rows, columns), which was ``searched`` at another shape."""

    features: Features
    shape: tuple[int, int]
    searched: tuple[int, int]
    mirrored: bool = False

    def at(self, which: NDArray[np.intp]) -> NDArray[np.float64]:
        """Places in pixels of the picture, of shape (n, 2); counted to the left where it is mirrored."""
        side = max(self.searched)
        right, down = self.shape[1] / self.searched[1], self.shape[0] / self.searched[0]
        x, y = (each[which].astype(np.float64) * side for each in (self.features.x, self.features.y))
        # The middle of the first pixel is half a pixel in; OpenCV's places are a quarter too far.
        x = np.abs(x) * right + (0.5 - _LEFT) * right - 0.5
        return np.stack([-x if self.mirrored else x, y * down + (0.5 - _LEFT) * down - 0.5], axis=1)


def _homography(found: _Places, film: _Places, view: View, original: Original) -> Match | None:
    which, whom = _pairs(found.features.descriptors, film.features.descriptors)
    if len(which) < 8:
        return None
    there, here = found.at(which), film.at(whom)
    # Full matching is in pixels of a working size: the tolerance is one of those, whatever size picture and film have.
    unit = max(found.shape) / SIDES[0]
    estimate: Any = cv2.findHomography(here, there / unit, cv2.USAC_MAGSAC, _TOLERANCE, maxIters=4000, confidence=0.999)
    h, inside = estimate
    if h is None:
        return None
    homography = np.diag([unit, unit, 1.0]) @ h
    inliers = _distinct(there[inside.ravel() > 0] / unit)
    if inliers < 8 or not sound(homography, original.rows, original.columns):
        return None
    shifts = through(np.linalg.inv(homography), there) - here
    near = np.abs(shifts).max(axis=1) < _BENT * max(original.rows, original.columns)
    if view.value[0]:
        homography = np.diag([-1.0, 1.0, 1.0]) @ homography
    return Match(homography, inliers, view, here[near], shifts[near])


def _pairs(found: NDArray[np.float32], film: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Features of the picture, and of the film, that are much nearer to each other than the next one is."""
    if len(found) < 2 or len(film) < 2:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    likeness = found @ film.T
    whom = likeness.argmax(axis=1)
    rows = np.arange(len(found))
    nearest = likeness[rows, whom].copy()
    likeness[rows, whom] = -2
    second = likeness.max(axis=1)
    # Descriptors have length 1: squared distances are 2 - 2 <a, b>.
    near = (1 - nearest) < _RATIO**2 * (1 - second)
    return np.flatnonzero(near), whom[near]


def _distinct(points: NDArray[np.float64]) -> int:
    """Features at one place count once."""
    return len(np.unique(np.round(points / 3), axis=0))


def sound(homography: Homography, rows: int, columns: int) -> bool:
    """Whether a homography shows a film as a camera could: not folded, no further aslant than a photograph is readable."""
    if not np.isfinite(homography).all() or abs(float(np.linalg.det(homography))) < 1e-12:
        return False
    frame = corners(rows, columns)
    depth = np.concatenate([frame, np.ones((4, 1))], axis=1) @ homography[2]
    if depth.min() <= 0 or depth.max() > 4 * depth.min():
        return False
    outline = through(homography, frame)
    edges = np.roll(outline, -1, axis=0) - outline
    turns = edges[:, 0] * np.roll(edges[:, 1], -1) - edges[:, 1] * np.roll(edges[:, 0], -1)
    if not ((turns > 0).all() or (turns < 0).all()):
        return False
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    wide, high = (lengths[0] + lengths[2]) / columns, (lengths[1] + lengths[3]) / rows
    return bool(lengths.min() > 8 and max(wide, high) <= 3 * min(wide, high))
