"""Fill places of a frame from what surrounds them, in stored values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.deid.places import Box, clipped
from leadglass.model.frame import Frame
from leadglass.model.region import Mask


def remove(frame: Frame, boxes: Iterable[Box]) -> Frame:
    """The frame with each box filled from its surround; every other sample is as it was."""
    places = [clipped(box, frame.samples.shape) for box in boxes]
    mask = np.zeros(frame.samples.shape[:2], dtype=np.bool_)
    for box in places:
        mask[box.top : box.bottom, box.left : box.right] = True
    return filled(frame, mask, places)


def filled(frame: Frame, mask: Mask, boxes: Sequence[Box]) -> Frame:
    """The frame with each box filled from its surround, where ``mask`` is true.

    Along the box's two long sides the middle values of the surround are taken at a few places, and blended in between: too
    few to tell a letter, and enough that no edge stands where none was. A palette's values have no order, so there the most
    frequent one fills all.
    """
    if not mask.any():
        return frame
    samples = frame.samples.copy()
    for box in boxes:
        part = slice(box.top, box.bottom), slice(box.left, box.right)
        inside = mask[part]
        if not inside.any():
            continue
        if frame.photometric == "PALETTE COLOR":
            samples[part][inside] = _most_frequent(_surround(frame.samples, mask, box))
        else:
            samples[part][inside] = _blend(frame.samples, mask, box)[inside]
    samples.flags.writeable = False
    return frame.with_samples(samples)


def _surround(samples: NDArray[Any], mask: Mask, box: Box) -> NDArray[Any]:
    """The samples close to a box that nothing fills; of the whole frame, where there are none."""
    reach = 4 + min(box.bottom - box.top, box.right - box.left) // 4
    part = slice(max(box.top - reach, 0), box.bottom + reach), slice(max(box.left - reach, 0), box.right + reach)
    for values in (samples[part][~mask[part]], samples[~mask]):
        if values.size:
            return values
    return np.zeros((1, *samples.shape[2:]), samples.dtype)


def _most_frequent(values: NDArray[Any]) -> Any:
    distinct, counts = np.unique(values, return_counts=True)
    return distinct[counts.argmax()]


def _blend(samples: NDArray[Any], mask: Mask, box: Box) -> NDArray[Any]:
    """What fills a box, in the samples' own shape and type."""
    height, width = box.bottom - box.top, box.right - box.left
    if height > width:
        turned = _blend(np.swapaxes(samples, 0, 1), mask.T, Box(box.left, box.top, box.right, box.bottom))
        return np.swapaxes(turned, 0, 1)
    count = 2 + min(width // (2 * height), 30)
    places = np.linspace(box.left, box.right - 1, count)
    reach, half = 4 + height // 4, max(4, width // count)
    around = np.median(_surround(samples, mask, box), axis=0)

    def side(rows: slice) -> NDArray[np.float64]:
        middles = []
        for place in places:
            part = rows, slice(max(int(place) - half, 0), int(place) + half + 1)
            values = samples[part][~mask[part]]
            middles.append(np.median(values, axis=0) if values.size else around)
        return np.array(middles, dtype=np.float64).reshape(count, -1)

    above, below = side(slice(max(box.top - reach, 0), box.top)), side(slice(box.bottom, box.bottom + reach))
    columns = np.arange(box.left, box.right)
    upper, lower = (
        np.stack([np.interp(columns, places, values) for values in middles.T], axis=-1) for middles in (above, below)
    )
    down = ((np.arange(height) + 0.5) / height)[:, None, None]
    blended = upper + (lower - upper) * down
    filling: NDArray[Any] = np.rint(blended).astype(samples.dtype).reshape(height, width, *samples.shape[2:])
    return filling
