"""What covers a film in a picture: boxes, drawings, mosaics, text, other windows.

Found before any tone is fitted: a tone fitted through a cover is wrong everywhere.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from leadglass.mark.windows import Field, blurred
from leadglass.mark.working import BINS, Level

_ROWS, _GREYS = 48, 128
"""Places of the joint histogram on the film's scale and on the picture's."""
_LEAST, _USUAL = 10.0, 4.5
"""Greys, and usual differences, beyond which a place may be covered."""
_ALIKE, _UNLIKE = 0.6, 0.25
"""Local correlations of detail above which a place is not covered whatever its grey, and below which it is."""
_PLAIN = 0.15
"""Of the film's usual local variance; squared greys."""
_SMOOTH = np.array([0.06, 0.24, 0.4, 0.24, 0.06])


def uncovered(found: Field, inside: Field, level: Level) -> Field:
    """Where ``found`` shows the film at ``level`` uncovered: 1 or 0 a pixel, of the film's shape; ``inside`` likewise.

    A place is covered if it is far from the grey that the film would have there, unless its detail is the film's; and if the
    film has detail there and the picture has another, or none.
    """
    expected = _by_grey(found, inside, level)
    unit = max(level.shape) / 256
    here = inside > 0
    if not here.any():
        return inside
    rest = np.abs(found - expected)
    usual = float(np.median(rest[here]))
    film = expected if float(np.ptp(expected)) > 1 else level.place
    likeness, plain = _likeness(found, film, inside, 3 * unit)
    strange = (blurred(rest, unit) > max(_LEAST, _USUAL * usual)) & (likeness < _ALIKE)
    strange |= (likeness < _UNLIKE) & ~plain
    covered: NDArray[np.uint8] = (strange & here).astype(np.uint8)
    covered = np.asarray(cv2.morphologyEx(covered, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    reach = 2 * round(1.5 * unit) + 1
    grown = np.asarray(cv2.dilate(covered, np.ones((reach, reach), np.uint8)), np.uint8)
    return np.asarray(np.where(grown > 0, np.float32(0), inside), np.float32)


def _by_grey(found: Field, inside: Field, level: Level) -> Field:
    """The film in a single curve of greys: at each of the film's, the median of what other greys of the film do not share.

    A cover has the same grey whatever the film has under it, so that it stands in all rows of the joint histogram.
    """
    row = (level.place * np.float32(_ROWS / BINS)).astype(np.intp)
    grey = np.clip(found * np.float32(_GREYS / 256), 0, _GREYS - 1).astype(np.intp)
    counts = np.bincount((row * _GREYS + grey).ravel(), weights=inside.ravel(), minlength=_ROWS * _GREYS)
    joint = blurred(counts.reshape(_ROWS, _GREYS).astype(np.float32), 1.0)
    share = joint / np.maximum(joint.sum(axis=1, keepdims=True), np.float32(1e-9))
    common = np.quantile(share, 0.25, axis=0)
    order = np.cumsum(np.maximum(share - 1.5 * common, 0) + 1e-9 * share + 1e-15, axis=1)
    middle = (order < order[:, -1:] / 2).sum(axis=1) + 0.5
    weight = joint.sum(axis=1) + 1e-6
    smooth = np.convolve(middle * weight, _SMOOTH, mode="same") / np.convolve(weight, _SMOOTH, mode="same")
    curve = np.interp(np.arange(BINS), (np.arange(_ROWS) + 0.5) * BINS / _ROWS, smooth * 256 / _GREYS)
    answer: Field = curve.astype(np.float32)[level.bin]
    return answer


def _likeness(found: Field, film: Field, inside: Field, sigma: float) -> tuple[Field, NDArray[np.bool_]]:
    """The size of the local correlation of detail, and where the film has too little of it to tell."""
    share = np.maximum(blurred(inside, sigma), np.float32(1e-3))
    a, b = (np.asarray((each - blurred(each * inside, sigma) / share) * inside, np.float32) for each in (found, film))
    aa, bb, ab = (blurred(np.asarray(each, np.float32), sigma) for each in (a * a, b * b, a * b))
    detail = bb / share
    plain = detail < max(_PLAIN * float(np.median(detail[inside > 0])), 0.5)
    return np.abs(ab) / np.sqrt(np.maximum(aa * bb, 0) + np.float32(1e-3)), plain
