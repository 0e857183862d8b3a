"""A film at the sizes at which a picture is compared with it.

There is one size for each grid of chips, two pixels a cell, so that cells and pixels stay in step through all sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from leadglass.mark.chips import grids, shape
from leadglass.mark.found import Original
from leadglass.mark.windows import Field, resized

BINS = 256
"""Places on a film's scale of greys at which a tone is kept."""

_EVEN = 0.6
"""How much of the scale follows the film's histogram, the rest being linear: most places lie where most pixels do."""


@dataclass(frozen=True, eq=False)
class Scale:
    """The film's greys as places 0 .. BINS - 1, by sample: ``place`` and its slope, of shape (65536,)."""

    place: Field
    slope: Field


@dataclass(frozen=True, eq=False)
class Level:
    """A film at one working size.

    ``samples`` are uint16 of shape (rows, columns), ``cells`` the grid it belongs to, ``amplitude`` the mark's expected
    amplitude in any unit, ``right`` and ``down`` are film pixels a pixel of this level.
    """

    cells: int
    samples: NDArray[np.uint16]
    amplitude: Field
    scale: Scale
    right: float
    down: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.samples.shape[0], self.samples.shape[1]

    @cached_property
    def place(self) -> Field:
        """Every pixel's place on the scale of greys."""
        return self.scale.place[self.samples]

    @cached_property
    def slope(self) -> Field:
        """Places a sample, at every pixel."""
        return self.scale.slope[self.samples]

    @cached_property
    def bin(self) -> NDArray[np.intp]:
        """The nearest place."""
        return (self.place + np.float32(0.5)).astype(np.intp)


def levels(original: Original) -> tuple[Level, ...]:
    """The film at all its working sizes, coarsest first."""
    scale = _scale(original.samples)
    film = original.samples.astype(np.float32)
    made = []
    for cells in reversed(grids(original.rows, original.columns)):
        rows, columns = shape(cells, original.rows, original.columns)
        size = (2 * rows, 2 * columns)
        how = cv2.INTER_AREA if size[0] <= film.shape[0] and size[1] <= film.shape[1] else cv2.INTER_CUBIC
        film = resized(film, size, how=how)
        made.append(
            Level(
                cells=cells,
                samples=np.clip(np.round(film), 0, 65535).astype(np.uint16),
                amplitude=resized(original.amplitude, size) + np.float32(1),
                scale=scale,
                right=original.columns / size[1],
                down=original.rows / size[0],
            )
        )
    return tuple(reversed(made))


def _scale(samples: NDArray[np.uint16]) -> Scale:
    counts = np.bincount(samples.ravel() >> 6, minlength=1024).astype(np.float64)
    smooth = np.convolve(np.pad(counts, 12, mode="edge"), np.ones(25) / 25, mode="valid")
    density = _EVEN * smooth / max(smooth.sum(), 1e-9) + (1 - _EVEN) / 1024
    edges = np.concatenate([[0.0], np.cumsum(density)])
    place = np.interp(np.arange(65536), np.arange(1025) * 64, edges / edges[-1] * (BINS - 1))
    return Scale(place.astype(np.float32), np.gradient(place).astype(np.float32))
