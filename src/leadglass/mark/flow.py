"""What a homography leaves: a smooth shift of every place, by Lucas and Kanade (1981) in Gaussian windows.

The difference of picture and film is regressed on the film's gradient and on its detail at once: a place whose contrast
alone was changed would otherwise seem to move.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from leadglass.mark.chips import shape
from leadglass.mark.found import Original
from leadglass.mark.tone import Tone
from leadglass.mark.warp import Flow, Shown
from leadglass.mark.windows import Field, blurred, fit, mean
from leadglass.mark.working import Level

_PATIENCE = ((0.03, 8.0), (0.015, 6.0), (0.008, 5.0), (0.005, 4.0), (0.005, 4.0))
"""Longer sides by which a feature may disagree, and cells of the windows, round by round."""
_AGREEING, _CLEARLY = 0.0015, 1.15
"""Longer sides within which a feature agrees, and times as many of them that a flow must explain."""
_BY_CHANCE = 15
"""Features that a flow, which is free to follow them, may explain though all of them are false."""
_UNMOVED = 0.5
"""Features that would have to say that nothing moved."""
_MOST = 2.0
"""Pixels of the level that one round moves a place at most."""


_DETAIL = 6.0
"""Pixels of the level; what is wider is left to the tone, whose errors would look like movement."""


def still(shape: tuple[int, int]) -> Flow:
    """No shift, on a raster of ``shape``."""
    return np.zeros((*shape, 2), np.float32)


def through_points(places: NDArray[np.float64], shifts: NDArray[np.float64], original: Original) -> Flow:
    """The smooth flow that most of ``shifts`` at ``places`` agree with, both (n, 2) in film pixels.

    A robust mean in Gaussian windows, with less and less patience for what disagrees. No shift where nothing is known, and
    none at all unless clearly more of the features agree with the flow than with a film that lies still.
    """
    rows, columns = shape(64, original.rows, original.columns)
    longer = max(original.rows, original.columns)
    flow = still((rows, columns))
    if not len(places):
        return flow
    x = np.clip((places[:, 0] + 0.5) * columns / original.columns, 0, columns - 1).astype(np.intp)
    y = np.clip((places[:, 1] + 0.5) * rows / original.rows, 0, rows - 1).astype(np.intp)
    for patience, window in _PATIENCE:
        distance = np.hypot(*(shifts - flow[y, x]).T) / (patience * longer)
        weight = 1 / (1 + distance**2) ** 2
        sums = [np.zeros((rows, columns), np.float32) for _ in range(3)]
        for total, values in zip(sums, (weight, weight * shifts[:, 0], weight * shifts[:, 1]), strict=True):
            np.add.at(total, (y, x), values.astype(np.float32))
        known, right, down = (blurred(total, window) for total in sums)
        known += np.float32(_UNMOVED / (2 * np.pi * window**2))
        flow = np.stack([right / known, down / known], axis=-1)
    near = _AGREEING * longer
    bent, straight = (int((np.hypot(*each.T) < near).sum()) for each in (shifts - flow[y, x], shifts))
    return flow if bent > _CLEARLY * straight + _BY_CHANCE else still((rows, columns))


def moved(flow: Flow, shown: Shown, tone: Tone, weight: Field, level: Level, *, window: float) -> tuple[Flow, float]:
    """The flow after one more round in windows of ``window`` longer sides, and its largest step in pixels of the level."""
    longer = max(level.shape)
    slow = _DETAIL
    rest = shown.found - tone.expected
    rest = rest - mean(rest, weight, slow)
    known = weight > 0
    spread = float(np.median(np.abs(rest[known]))) * 1.4826 + 1e-3 if known.any() else 1.0
    trust = weight / (1 + (rest / np.float32(3 * spread)) ** 2)
    smooth = blurred(tone.expected, 0.7)
    across = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32)
    down = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32)
    detail = smooth - mean(smooth, weight, slow)
    step = fit(
        [np.asarray(across, np.float32), np.asarray(down, np.float32), detail],
        rest,
        trust,
        longer * window,
        ridge=(0.02, 0.02, 0.02),
        shape=(flow.shape[0], flow.shape[1]),
    )[..., :2]
    length = np.sqrt((step**2).sum(axis=-1, keepdims=True))
    step *= np.minimum(np.float32(1), np.float32(_MOST) / np.maximum(length, np.float32(1e-6)))
    # The step was fitted where the film is; a place seen through the flow looks back by as much.
    units = np.array([level.right, level.down], np.float32)
    return flow - step * units, float(np.sqrt((step**2).sum(axis=-1)).max())
