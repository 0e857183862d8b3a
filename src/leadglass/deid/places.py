"""Where a line of text stands on a picture: four corners, the letters between them, and boxes of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadglass.deid.views import Picture
from leadglass.model.region import Mask

Corners = NDArray[np.float64]
"""Shape (4, 2): x and y of the upper left, upper right, lower right and lower left corner, in pixels."""


@dataclass(frozen=True)
class Box:
    """Rows ``top`` to ``bottom`` and columns ``left`` to ``right`` of a stored frame; the last ones are not in it."""

    top: int
    left: int
    bottom: int
    right: int


def size(corners: Corners) -> tuple[float, float]:
    """Width and height."""
    return float(np.linalg.norm(corners[1] - corners[0])), float(np.linalg.norm(corners[3] - corners[0]))


_CLEAR = 0.8
"""Share of a place's variance that parting it into ink and ground explains, from which its letters' extent is believed."""

_MARGIN = 0.12
"""Added on all sides of letters, as a share of their height, where their extent is known."""


def hull(places: Sequence[Corners]) -> Corners:
    """The upright box around some places."""
    (x0, y0), (x1, y1) = np.min([p.min(axis=0) for p in places], axis=0), np.max([p.max(axis=0) for p in places], axis=0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def tight(corners: Corners, greys: Sequence[Picture]) -> Corners | None:
    """The place of a line's letters with a margin: a located place is taller than they are, and may end too soon.

    None where no view shows them clearly, or the place is askew.
    """
    located, height = upright(corners, greys[0].shape), min(size(corners))
    wide = size(corners)[0] > height
    right, down = (height, 0.0) if wide else (0.0, height)
    ink = _extent(grown(located, right=right, down=down), greys, within=located) if is_upright(corners) else None
    if ink is None:
        return None
    (low, high), (first, last) = (ink.min(axis=0), ink.max(axis=0)), (located.min(axis=0), located.max(axis=0))
    along = 0 if wide else 1
    # Letters nearly fill their place, and reach from end to end: where ink seems to be much less, some was not seen.
    inner = 0.2 * height
    low = np.minimum(low, first + inner)
    high = np.maximum(high, last - inner)
    margin = max(2.0, _MARGIN * float((high - low)[1 - along]))
    low, high = low - margin, high + margin
    low[along], high[along] = min(low[along], first[along]), max(high[along], last[along])
    return upright(np.array([low, [high[0], low[1]], high, [low[0], high[1]]]), greys[0].shape)


def wider(corners: Corners) -> Corners:
    """The place with half its height more at either end, where located places end too soon."""
    width, height = size(corners)
    return grown(corners, right=height / 2, down=0) if width > height else grown(corners, right=0, down=width / 2)


def letters(corners: Corners, greys: Sequence[Picture]) -> Corners:
    """What the letters of a kept place cover, which is a little less than the place."""
    located = upright(corners, greys[0].shape)
    ink = _extent(located, greys, within=located)
    rim = 0.1 * min(size(corners))
    return grown(located, right=-rim, down=-rim) if ink is None else grown(ink, right=1, down=1)


def _extent(place: Corners, greys: Sequence[Picture], *, within: Corners) -> Corners | None:
    """The upright box around the ink of a place that hangs together with what is ``within``; None where no view is clear."""
    outer, inner = around(place, greys[0].shape), around(within, greys[0].shape)
    shown = [grey[outer.top : outer.bottom, outer.left : outer.right] for grey in greys]
    ink, clear = max(
        (parted(part) for part in shown if part.size), key=lambda one: one[1], default=(np.zeros((0, 0), np.bool_), 0.0)
    )
    if clear < _CLEAR:
        return None
    gap = max(2, min(inner.bottom - inner.top, inner.right - inner.left) // 8)
    spans = []
    for axis, first, last in (
        (0, inner.top - outer.top, inner.bottom - outer.top),
        (1, inner.left - outer.left, inner.right - outer.left),
    ):
        runs = [run for run in runs_of(ink, axis=axis, gap=gap) if run[0] < last and run[1] > first]
        if not runs:
            return None
        spans.append((runs[0][0], runs[-1][1]))
    (top, bottom), (left, right) = spans
    box = Box(outer.top + top, outer.left + left, outer.top + bottom, outer.left + right)
    return _corners(box)


def grown(corners: Corners, *, right: float, down: float) -> Corners:
    """The place with so many pixels more on either side, along its own axes."""
    width, height = size(corners)
    across: Corners = (corners[1] - corners[0]) / max(width, 1e-6) * right
    along: Corners = (corners[3] - corners[0]) / max(height, 1e-6) * down
    larger: Corners = corners + np.stack([-across - along, across - along, across + along, along - across])
    return larger


def is_upright(corners: Corners) -> bool:
    """Whether the place is a box along rows and columns, as nearly as matters."""
    spread = np.ptp(corners, axis=0)
    width, height = size(corners)
    return bool(spread[0] * spread[1] < 1.2 * max(width * height, 1.0))


def around(corners: Corners, shape: tuple[int, ...]) -> Box:
    (left, top), (right, bottom) = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    return clipped(Box(int(top), int(left), int(bottom), int(right)), shape)


def clipped(box: Box, shape: tuple[int, ...]) -> Box:
    """The part of a box that lies on a picture of ``shape``."""
    top, bottom = (min(max(row, 0), shape[0]) for row in (box.top, box.bottom))
    left, right = (min(max(column, 0), shape[1]) for column in (box.left, box.right))
    return Box(top, left, max(top, bottom), max(left, right))


def draw(mask: Mask, corners: Corners, value: bool) -> None:
    box = around(corners, mask.shape)
    part = mask[box.top : box.bottom, box.left : box.right]
    if is_upright(corners):
        part[:] = value
        return
    y, x = np.mgrid[box.top : box.bottom, box.left : box.right] + 0.5
    within = np.ones(part.shape, dtype=np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        within &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0
    part[within] = value


def holds(corners: Corners, point: NDArray[np.float64]) -> bool:
    """Whether the point lies in the place."""
    along = np.roll(corners, -1, axis=0) - corners
    towards = point - corners
    return bool((along[:, 0] * towards[:, 1] - along[:, 1] * towards[:, 0] >= 0).all())


def is_same(one: Corners, other: Corners) -> bool:
    """Whether two places overlap by so much that they are one."""
    low = np.maximum(one.min(axis=0), other.min(axis=0))
    high = np.minimum(one.max(axis=0), other.max(axis=0))
    return float(np.prod(np.maximum(high - low, 0))) > 0.5 * max(area(one), area(other), 1.0)


def is_within(one: Corners, other: Corners) -> bool:
    """Whether the first place lies in the second, nearly."""
    low, high = np.maximum(one.min(axis=0), other.min(axis=0)), np.minimum(one.max(axis=0), other.max(axis=0))
    return float(np.prod(np.maximum(high - low, 0))) > 0.8 * max(area(one), 1.0) and area(one) < area(other)


def area(corners: Corners) -> float:
    """Of the upright box around it."""
    return float(np.prod(np.ptp(corners, axis=0)))


def upright(corners: Corners, shape: tuple[int, ...]) -> Corners:
    """The upright box around a place, on whole pixels of a picture of ``shape``."""
    box = around(corners, shape)
    return _corners(box)


def _corners(box: Box) -> Corners:
    x0, y0, x1, y1 = float(box.left), float(box.top), float(box.right), float(box.bottom)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def is_in_the_middle(corners: Corners, shape: tuple[int, ...]) -> bool:
    x, y = corners.mean(axis=0) / np.array(shape[1::-1])
    return bool(1 / 6 < x < 5 / 6 and 1 / 6 < y < 5 / 6)


def crop(grey: Picture, corners: Corners) -> tuple[Picture, bool]:
    """What a place shows, and whether it was turned by a quarter for that, since it is far taller than wide."""
    if is_upright(corners):
        box = around(corners, grey.shape)
        shown = grey[box.top : box.bottom, box.left : box.right]
    else:
        width, height = (max(1, round(side)) for side in size(corners))
        across, down = ((np.arange(n) + 0.5) / n for n in (width, height))
        place = _within(corners, across[None, :], down[:, None])
        column, row = (np.clip(place[..., axis].astype(np.intp), 0, grey.shape[1 - axis] - 1) for axis in (0, 1))
        shown = grey[row, column]
    if not shown.size:
        return np.zeros((8, 8), np.uint8), False
    turned = shown.shape[0] >= 1.5 * shown.shape[1]
    return np.ascontiguousarray(np.rot90(shown) if turned else shown), turned


def _within(corners: Corners, across: NDArray[np.float64], down: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points at these shares of a place's width and height; shape (..., 2)."""
    across, down = np.broadcast_arrays(across, down)
    across, down = across[..., None], down[..., None]
    upper = corners[0] + (corners[1] - corners[0]) * across
    lower = corners[3] + (corners[2] - corners[3]) * across
    points: NDArray[np.float64] = upper + (lower - upper) * down
    return points


def part_of(corners: Corners, cut: tuple[int, int, int, int], shape: tuple[int, ...], *, turned: bool) -> Corners:
    """The corners of one part of a crop of ``shape``."""
    top, bottom, left, right = cut[0] / shape[0], cut[1] / shape[0], cut[2] / shape[1], cut[3] / shape[1]
    if turned:
        # A quarter turn to the left made columns of rows, from the right to the top.
        top, bottom, left, right = left, right, 1 - bottom, 1 - top
    return _within(corners, np.array([left, right, right, left]), np.array([top, top, bottom, bottom]))


def parted(crop: Picture) -> tuple[Mask, float]:
    """The pixels that stand out from the crop's border, by the threshold that parts them best (Otsu 1979).

    The share is how much of the variance that explains, from 0 to 1.
    """
    border = np.concatenate([crop[0], crop[-1], crop[:, 0], crop[:, -1]])
    distance = np.abs(crop.astype(np.int16) - int(np.median(border))).astype(np.uint8)
    counts = np.bincount(distance.ravel(), minlength=256) / distance.size
    below, sums = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    between = (sums[-1] * below - sums) ** 2 / np.maximum(below * (1 - below), 1e-9)
    variance = float(counts @ (np.arange(256) - sums[-1]) ** 2)
    threshold = int(np.argmax(between))
    return distance > threshold, float(between[threshold]) / max(variance, 1e-9)


def runs_of(ink: Mask, *, axis: int, gap: int) -> list[tuple[int, int]]:
    """Which rows (``axis`` 0) or columns (1) hold ink, as (first, after the last), over gaps shorter than ``gap``."""
    filled = np.asarray(ink.any(axis=1 - axis), dtype=np.int8)
    edges = np.flatnonzero(np.diff(np.pad(filled, 1)))
    runs: list[tuple[int, int]] = []
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and start - runs[-1][1] < gap:
            runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((start, stop))
    return runs
