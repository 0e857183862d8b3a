"""How a frame is shown to whoever looks for text in it: one window never shows all that is stored.

Each view is an 8-bit picture at reading size. They are made of the whole stored range, so that text is seen too which every
display window hides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.dicom.frames import display
from leadglass.model.frame import Frame

Picture = NDArray[np.uint8]
"""Shape (rows, columns), or (rows, columns, 3)."""

Grey = NDArray[np.float32]

_LONGEST = 1600
"""Pixels of the longer side at which a large frame is read; 12 of them for a character is enough."""

_LEAST = 1024
"""Pixels of the longer side at which a small frame is read, unless that is more than twice its size."""


def views(frame: Frame) -> tuple[tuple[Picture, ...], tuple[Picture, ...]]:
    """What text is located on, and the grey views that it is recognised in, at reading size."""
    shape = reading_shape(frame)
    colours: tuple[Picture, ...] = ()
    if frame.samples.ndim == 3:
        small = np.stack([_shrunk(plane) for plane in np.moveaxis(frame.samples, -1, 0)], axis=-1)
        shown = np.moveaxis(display(frame.with_samples(small.astype(frame.samples.dtype))), -1, 0)
        planes = [_resized(plane.astype(np.float32), shape) for plane in shown]
        colours = (np.stack([_eight_bits(plane) for plane in planes], axis=-1),)
        brightness: Grey = sum(planes, start=np.zeros(shape, np.float32)) / np.float32(3)
    else:
        brightness = _resized(_shrunk(frame.samples), shape)
        brightness = -brightness if frame.inverted else brightness
    low, high = (float(level) for level in np.percentile(brightness, (0.5, 99.5)))
    window = _eight_bits((brightness - low) * np.float32(255 / max(high - low, 1e-6)))
    contrast = _local_contrast(brightness)
    detail = _high_pass(brightness, spread=high - low)
    outside = _outside(brightness, low, high)
    faint = _faint(brightness, spread=high - low)
    planes_of = ((window, detail, outside), (contrast, contrast, outside), (faint, faint, faint))
    pictures = (*colours, *(np.stack(planes, axis=-1) for planes in planes_of))
    return pictures, (contrast, window, detail, outside)


def reading_shape(frame: Frame) -> tuple[int, int]:
    longest = max(frame.rows, frame.columns)
    scale = min(2.0, max(_LEAST, min(longest, _LONGEST)) / longest)
    return max(1, round(frame.rows * scale)), max(1, round(frame.columns * scale))


def _shrunk(samples: NDArray[Any]) -> Grey:
    """The samples of a huge frame as means of small squares, so that no view needs more room than the frame itself."""
    steps = [min(max(samples.shape) // (2 * _LONGEST), side) for side in samples.shape]
    if max(steps) < 2:
        return samples.astype(np.float32)
    down, across = (max(step, 1) for step in steps)
    rows, columns = samples.shape[0] // down, samples.shape[1] // across
    total: Grey = np.zeros((rows, columns), np.float32)
    for row in range(down):
        for column in range(across):
            total += samples[row : rows * down : down, column : columns * across : across]
    total /= down * across
    return total


def _resized(values: Grey, shape: tuple[int, int]) -> Grey:
    """``values`` at another shape, each pixel the mean of the area under it."""
    for axis in (0, 1):
        there, wanted = values.shape[axis], shape[axis]
        if there == wanted:
            continue
        below = np.insert(np.cumsum(values, axis=axis, dtype=np.float64), 0, 0, axis=axis)
        edges = np.linspace(0, there, wanted + 1)
        whole = np.minimum(edges.astype(np.intp), there - 1)
        share = np.expand_dims(edges - whole, 1 - axis)
        first = np.take(below, whole, axis=axis)
        reached = first + (np.take(below, whole + 1, axis=axis) - first) * share
        values = (np.diff(reached, axis=axis) * (wanted / there)).astype(np.float32)
    return values


def _eight_bits(values: NDArray[Any]) -> Picture:
    rounded: Picture = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


def _local_contrast(values: Grey, *, tiles: int = 8, levels: int = 1024, limit: float = 6.0) -> Picture:
    """Adaptive histogram equalisation in ``tiles`` x ``tiles`` parts, over the stored range, no slope above ``limit``."""
    rows, columns = values.shape
    low, high = float(values.min()), float(values.max())
    level = np.minimum(((values - low) * np.float32(levels / max(high - low, 1e-6))).astype(np.intp), levels - 1)
    down, across = (np.arange(side) * tiles // side for side in (rows, columns))
    tile = down[:, None] * tiles + across
    counts = np.bincount((tile * levels + level).ravel(), minlength=tiles * tiles * levels)
    shares = counts.reshape(-1, levels) / np.maximum(counts.reshape(-1, levels).sum(axis=1, keepdims=True), 1)
    clipped = np.minimum(shares, limit / 256)
    curves = np.cumsum(clipped + (1 - clipped.sum(axis=1, keepdims=True)) / levels, axis=1).astype(np.float32) * 255
    curves = curves.reshape(tiles, tiles, levels)

    def neighbours(side: int) -> tuple[NDArray[np.intp], Grey]:
        place = np.clip((np.arange(side) + 0.5) * tiles / side - 0.5, 0, tiles - 1)
        before = np.minimum(place.astype(np.intp), tiles - 2)
        return before, (place - before).astype(np.float32)

    (up, down_share), (left, right_share) = neighbours(rows), neighbours(columns)
    up, down_share = up[:, None], down_share[:, None]
    above = curves[up, left, level] * (1 - right_share) + curves[up, left + 1, level] * right_share
    below = curves[up + 1, left, level] * (1 - right_share) + curves[up + 1, left + 1, level] * right_share
    return _eight_bits(above * (1 - down_share) + below * down_share)


def _high_pass(values: Grey, *, spread: float, reach: int = 12) -> Picture:
    """What differs from its surround, in units of how much the surround differs; grey 128 is no difference."""
    difference = values - _smooth(values, reach)
    deviation = np.sqrt(np.maximum(_smooth(difference * difference, 2 * reach), 0))
    return _eight_bits(128 + 40 * difference / (deviation + np.float32(max(1e-3 * spread, 0.05))))


def _faint(values: Grey, *, spread: float, reach: int = 12) -> Picture:
    """What differs from its surround, on a logarithmic scale either way, so that no edge outshines faint letters near it."""
    difference = values - _smooth(values, reach)
    compressed = np.log1p(np.abs(difference) / np.float32(max(4e-3 * spread, 0.3)))
    return _eight_bits(128 + 22 * np.sign(difference) * compressed)


def _smooth(values: Grey, reach: int) -> Grey:
    """Twice the mean over a square, which is close enough to a Gaussian of that standard deviation."""
    for _ in range(2):
        for axis in (0, 1):
            values = _running_mean(values, max(1, reach // 2), axis=axis)
    return values


def _running_mean(values: Grey, reach: int, *, axis: int) -> Grey:
    """The mean of ``2 * reach + 1`` values along ``axis``, edges repeated."""
    width = 2 * reach + 1
    padding = [(0, 0), (0, 0)]
    padding[axis] = (reach + 1, reach)
    sums = np.cumsum(np.pad(values, padding, mode="edge"), axis=axis, dtype=np.float64)
    later, earlier = (slice(width, None), slice(None)), (slice(None, -width), slice(None))
    if axis == 1:
        later, earlier = later[::-1], earlier[::-1]
    return ((sums[later] - sums[earlier]) / width).astype(np.float32)


def _outside(values: Grey, low: float, high: float) -> Picture:
    """Grey 128 inside the window; the grey levels beyond it go to what lies beyond.

    Where a gap sets some values apart, as it does a label that a window hides, they have most of the levels in proportion;
    else all levels are shared out by how many pixels have each value.
    """
    picture = np.full(values.shape, 128, dtype=np.float32)
    for beyond, sign, edge in ((values > high, 1, high), (values < low, -1, -low)):
        if not beyond.any():
            continue
        distinct, place, counts = np.unique(sign * values[beyond], return_inverse=True, return_counts=True)
        rank = (np.cumsum(counts) - counts / 2) / counts.sum()
        gaps = np.diff(distinct, prepend=edge)
        apart = int(gaps.argmax())
        if gaps[apart] > 0.02 * np.ptp(values):
            beyond_gap = (distinct - distinct[apart]) / max(float(distinct[-1] - distinct[apart]), 1e-6)
            level = np.where(np.arange(len(distinct)) < apart, 22 * rank, 42 + 85 * beyond_gap)
        else:
            level = 20 + 107 * rank
        picture[beyond] += sign * level[place]
    return _eight_bits(picture)
