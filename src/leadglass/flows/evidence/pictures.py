"""The pictures of the page: found and original laid over each other, and where they differ."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from leadglass.dicom.frames import png
from leadglass.mark.found import Alignment, Grey

TILES = 8
"""Tiles of the checkerboard along the longer side."""

LONGEST = 720
"""Pixels; the longer side of what is shown in the film's frame: 200 dots an inch at half the width of a page."""

_AMBER = np.array([255.0, 176.0, 32.0])
_OUTSIDE = np.array([44.0, 52.0, 66.0])


def data_uri(picture: Grey) -> str:
    """The picture as a PNG that lies inside the page."""
    return "data:image/png;base64," + base64.b64encode(png(np.ascontiguousarray(picture))).decode()


def brought_back(alignment: Alignment) -> Grey:
    """The found picture in the film's frame; blue-grey where it does not show the film."""
    return _outside(_rgb(alignment.found), alignment.valid)


def checkered(alignment: Alignment) -> Grey:
    """Tiles of the found picture and of the original by turns: lines of the body go through where both are one."""
    rows, columns = alignment.found.shape
    side = max(rows, columns) / TILES
    odd = ((np.arange(rows) // side)[:, np.newaxis] + np.arange(columns) // side) % 2 == 1
    return np.where(odd | ~alignment.valid, alignment.expected, alignment.found).astype(np.uint8)


def red_cyan(alignment: Alignment) -> Grey:
    """The found picture in red, the original in cyan: grey where they are equal."""
    both = np.stack([alignment.found, alignment.expected, alignment.expected], axis=-1)
    return _outside(both, alignment.valid)


def differences(alignment: Alignment) -> Grey:
    """The original, darkened, with amber where the picture differs from it."""
    much = (alignment.difference.astype(np.float64) / 255)[..., np.newaxis]
    under = alignment.expected.astype(np.float64)[..., np.newaxis] * 0.45
    return _outside(_eight_bits(under * (1 - much) + _AMBER * much), alignment.valid)


def shrunk(picture: Grey) -> Grey:
    """The picture with a longer side of at most ``LONGEST``; each pixel is the mean of the area that it stands for."""
    rows, columns = picture.shape[:2]
    part = LONGEST / max(rows, columns)
    if part >= 1:
        return picture
    narrower = _means(picture.astype(np.float64), max(1, round(rows * part)))
    return _eight_bits(_means(narrower.swapaxes(0, 1), max(1, round(columns * part))).swapaxes(0, 1))


def _means(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Means over ``size`` equal stretches of the first axis, by differences of the running sum between its entries."""
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    edges = np.linspace(0, len(values), size + 1)
    below = np.minimum(edges.astype(np.intp), len(values) - 1)
    part = (edges - below).reshape(-1, *[1] * (values.ndim - 1))
    at: NDArray[np.float64] = sums[below] * (1 - part) + sums[below + 1] * part
    return np.diff(at, axis=0) * (size / len(values))


def _rgb(grey: Grey) -> Grey:
    return np.repeat(grey[..., np.newaxis], 3, axis=2)


def _outside(coloured: Grey, valid: NDArray[np.bool_]) -> Grey:
    """The picture, tinted where nothing can be said: still to be made out, and not to be taken for film."""
    tinted = _eight_bits(coloured * 0.35 + _OUTSIDE)
    return np.where(valid[..., np.newaxis], coloured, tinted)


def _eight_bits(values: NDArray[np.float64]) -> Grey:
    rounded: Grey = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded
