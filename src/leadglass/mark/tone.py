"""The film in a picture's tone: any curve of greys, and any slow change of that curve over the picture.

First the mean of the picture at each of the film's greys; then what is left of it, in a coarse grid of place and grey (the
bilateral grid of Chen, Paris and Durand, SIGGRAPH 2007), which follows glare, shading and local equalisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from leadglass.mark.windows import Field
from leadglass.mark.working import BINS, Level

_GREYS = 24
"""Places of the grid on the scale of greys."""
_LEAST = 6.0
"""Weight, in pixels, below which a place of the grid follows its wider neighbourhood."""
_FINE = 8
"""Steps the grid is enlarged by before it is read."""


@dataclass(frozen=True, eq=False)
class Tone:
    """``expected`` is what the picture would be without any mark, ``slope`` its greys a sample of the film."""

    expected: Field
    slope: Field


def tone(found: Field, weight: Field, level: Level, *, cells: int = 24) -> Tone:
    """The film at ``level`` in the tone of ``found`` where it has ``weight``; ``cells`` of the grid on the longer side."""
    curve = _curve(found, weight, level)
    expected = curve[level.samples]
    slope = (np.gradient(curve).astype(np.float32))[level.samples]
    grid = _grid(found - expected, weight, level, cells)
    rest, leaning = _read(grid, level)
    return Tone(expected + rest, slope + leaning * level.slope)


def _curve(found: Field, weight: Field, level: Level) -> Field:
    """The weighted mean of ``found`` by the film's sample, of shape (65536,)."""
    places = level.bin.ravel()
    total = np.bincount(places, weights=(found * weight).ravel(), minlength=BINS)
    count = np.bincount(places, weights=weight.ravel(), minlength=BINS)
    middle = float(total.sum() / max(count.sum(), 1e-9))
    narrow = [_smooth(each, 1.5) for each in (total, count)]
    wide = [_smooth(each, 10) for each in (total, count)]
    prior = (wide[0] + 1e-3 * middle) / (wide[1] + 1e-3)
    means = (narrow[0] + _LEAST * prior) / (narrow[1] + _LEAST)
    return np.asarray(np.interp(level.scale.place, np.arange(BINS), means), np.float32)


def _smooth(values: Any, sigma: float) -> Any:
    return cv2.GaussianBlur(values.reshape(1, -1), (0, 0), sigmaX=sigma, sigmaY=0.01, borderType=cv2.BORDER_REFLECT).ravel()


def _grid(rest: Field, weight: Field, level: Level, cells: int) -> Field:
    """The weighted mean of ``rest`` by place and grey, of shape (rows, columns, greys)."""
    rows, columns = level.shape
    longer = max(rows, columns)
    down, across = max(2, round(cells * rows / longer)), max(2, round(cells * columns / longer))
    y = (np.arange(rows) * down // rows)[:, np.newaxis]
    x = np.arange(columns) * across // columns
    grey = (level.place * np.float32((_GREYS - 1) / (BINS - 1)) + np.float32(0.5)).astype(np.intp)
    index = ((y * across + x) * _GREYS + grey).ravel()
    size = down * across * _GREYS
    # Counted as at a longer side of 1,024 pixels, so that trust in a place does not depend on the level.
    unit = (1024 / longer) ** 2
    total, count = (
        (np.bincount(index, weights=w.ravel(), minlength=size).reshape(down, across, _GREYS) * unit).astype(np.float32)
        for w in (rest * weight, weight)
    )
    wide = [_spread(each, 2.5, 2.0) for each in (total, count)]
    prior = wide[0] / (wide[1] + np.float32(_LEAST))
    near = [_spread(each, 0.7, 0.8) for each in (total, count)]
    return np.asarray((near[0] + _LEAST * prior) / (near[1] + _LEAST), np.float32)


def _spread(grid: Field, place: float, grey: float) -> Field:
    """The grid under a Gaussian of ``place`` cells and ``grey`` greys."""
    rows, columns, greys = grid.shape
    one: Any = cv2.GaussianBlur(grid.reshape(-1, greys), (0, 0), sigmaX=grey, sigmaY=0.01, borderType=cv2.BORDER_REFLECT)
    both: Any = cv2.GaussianBlur(one.reshape(rows, columns, greys), (0, 0), place, borderType=cv2.BORDER_REFLECT)
    return np.asarray(both, np.float32)


def _read(grid: Field, level: Level) -> tuple[Field, Field]:
    """The grid at every pixel's place and grey, and its slope by place on the scale of greys."""
    rows, columns = level.shape
    down, across, greys = grid.shape
    tall, broad = down * _FINE, across * _FINE
    fine = np.asarray(cv2.resize(grid, (broad, tall), interpolation=cv2.INTER_CUBIC), np.float32).transpose(2, 0, 1)
    atlas = np.pad(fine, ((0, 0), (1, 1), (1, 1)), mode="edge").reshape(greys * (tall + 2), broad + 2)
    x = (np.arange(columns, dtype=np.float32) + np.float32(0.5)) * np.float32(broad / columns) + np.float32(0.5)
    y = (np.arange(rows, dtype=np.float32) + np.float32(0.5)) * np.float32(tall / rows) + np.float32(0.5)
    place = level.place * np.float32((greys - 1) / (BINS - 1))
    lower = np.clip(np.floor(place), 0, greys - 2)
    across_map = np.broadcast_to(x, (rows, columns)).copy()
    down_map = lower * np.float32(tall + 2) + y[:, np.newaxis]
    one = cv2.remap(atlas, across_map, down_map, cv2.INTER_LINEAR)
    two = cv2.remap(atlas, across_map, down_map + np.float32(tall + 2), cv2.INTER_LINEAR)
    step = np.asarray(two - one, np.float32)
    return one + step * (place - lower), step * np.float32((greys - 1) / (BINS - 1))
