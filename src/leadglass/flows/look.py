"""Look at a film as somebody else would see it: what is shown stays, the rest is covered. Nothing is sealed or stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from leadglass.anatomy.outline import Outlines
from leadglass.dicom.frames import display
from leadglass.flows.seal import parted, shown_of
from leadglass.model.frame import Frame
from leadglass.model.region import RegionKind
from leadglass.veil.cover import cover

Picture = NDArray[np.uint8]

TILE = 384
"""Longer side of a film on a contact sheet, in pixels."""
MARGIN = 4
_GROUND = np.uint8(24)


@dataclass(frozen=True, eq=False)
class Look:
    """A film as it would be seen, grey or RGB, and what was covered in it."""

    picture: Picture
    covered: tuple[RegionKind, ...]


def look(frame: Frame, outlines: Outlines, *, show: Sequence[str], seed: bytes) -> Look:
    """``frame`` with everything covered but ``show``; all of it where there are no outlines.

    Raises:
        InputError: a region that there is not.
    """
    parts = parted(frame, outlines)
    shown = shown_of(show, parts, outlines)
    hidden = tuple(kind for kind in parts.kinds if kind not in shown)
    darkest, brightest = np.percentile(frame.samples, (0.5, 99.5))
    # The film's own window: a cover alone would be stretched to black and white.
    window = ((darkest + brightest) / 2 + 0.5, brightest - darkest + 1)
    return Look(display(cover(frame, parts, hidden, seed=seed), window=window), hidden)


def contact_sheet(pictures: Sequence[Picture]) -> Picture:
    """Many pictures as one, row by row in their order, each at most ``TILE`` pixels wide and high; RGB.

    Raises:
        ValueError: there is none.
    """
    if not pictures:
        raise ValueError("a contact sheet of no picture")
    across = ceil(sqrt(len(pictures)))
    cell = TILE + 2 * MARGIN
    sheet: Picture = np.full((cell * ceil(len(pictures) / across), cell * across, 3), _GROUND, dtype=np.uint8)
    for number, picture in enumerate(pictures):
        small = _small(picture)
        top, left = (cell * at + MARGIN for at in divmod(number, across))
        top += (TILE - small.shape[0]) // 2
        left += (TILE - small.shape[1]) // 2
        sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
    return sheet


def _small(picture: Picture) -> Picture:
    """The picture in RGB, its longer side brought to ``TILE`` pixels at most, each the mean of what it stands for."""
    colour = picture if picture.ndim == 3 else np.repeat(picture[..., np.newaxis], 3, axis=2)
    scale = min(1.0, TILE / max(colour.shape[:2]))
    sums = colour.astype(np.uint64)
    for axis in (0, 1):
        side = sums.shape[axis]
        edges = np.round(np.arange(max(1, round(side * scale)) + 1) * side / max(1, round(side * scale))).astype(int)
        counts = np.diff(edges).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        sums = np.add.reduceat(sums, edges[:-1], axis=axis) // counts.astype(np.uint64)
    return sums.astype(np.uint8)
