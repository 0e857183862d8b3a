"""What is left of a picture without its film, as one coefficient a chip.

Nothing here knows a key: every step is a function of picture and film alone, so that what innocent keys score against the
coefficients follows from the keys' own randomness.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from leadglass.mark.chips import AMPLITUDES, Coefficients
from leadglass.mark.windows import Field, blurred, fit, mean, resized
from leadglass.mark.working import Level

_BAND = 2.2
"""Cells; details wider than a Gaussian of this belong to a coarser grid."""
_WINDOW = 10.0
"""Cells; windows of the local gain."""
_NOISE = 3.0
"""Cells; windows of the local variance."""
_SHOWN = 0.5
"""Share of a pixel's area that must be uncovered for it to count."""
_HIGH = 1.5
"""Cells; each grid of chips is without what a Gaussian of this keeps, see ``spread``."""


@dataclass(frozen=True, eq=False)
class Residual:
    """A picture beside its film at the size of one grid: two pixels a cell.

    ``found`` and ``expected`` are greys, ``slope`` the expected greys a sample of the film, ``weight`` 0 where the film is
    not to be seen.
    """

    found: Field
    expected: Field
    slope: Field
    weight: Field

    def reduced(self, shape: tuple[int, int]) -> Residual:
        """The same at a smaller ``shape``; what is covered is taken to be as expected."""
        if shape == self.found.shape:
            return self
        expected, slope, weight = (
            resized(each, shape, how=cv2.INTER_AREA) for each in (self.expected, self.slope, self.weight)
        )
        rest = resized((self.found - self.expected) * self.weight, shape, how=cv2.INTER_AREA)
        found = np.asarray(expected + rest / np.maximum(weight, np.float32(_SHOWN)), np.float32)
        return Residual(found, expected, slope, np.where(weight > _SHOWN, weight, np.float32(0)))


def coefficients(residual: Residual, level: Level) -> Coefficients:
    """One coefficient a chip of the level's grid, of shape (rows, columns) of cells; zeros where nothing can be told."""
    weight = residual.weight
    found = np.where(weight > 0, residual.found, residual.expected)
    band = 2 * _BAND
    b, m = (each - blurred(each, band) for each in (found, residual.expected))
    smooth = residual.expected
    across = np.asarray(cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=1 / 32), np.float32)
    down = np.asarray(cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=1 / 32), np.float32)
    terms = [m, across - blurred(across, band), down - blurred(down, band)]
    local = fit(terms, b, weight, 2 * _WINDOW, ridge=(0.01, 0.02, 0.02))
    local = resized(local, weight.shape)
    rest = (b - sum(local[..., i] * term for i, term in enumerate(terms))) * weight
    gain = np.clip(local[..., 0], 0, 8)
    noise, rest = _noise(rest, weight)
    signal = gain * residual.slope * level.amplitude * weight
    cells = (level.shape[0] // 2, level.shape[1] // 2)
    c = resized(rest * signal / noise, cells, how=cv2.INTER_AREA)
    e = resized(signal * signal / noise, cells, how=cv2.INTER_AREA)
    c = c - blurred(c, _HIGH)
    power = blurred(c * c, 6.0)
    c = c * blurred(e, 3.0) / (power + np.float32(0.1 * float(power.mean()) + 1e-30))
    known = resized(weight, cells, how=cv2.INTER_AREA) > 0.25
    c = np.where(known & np.isfinite(c), c, np.float32(0)) * np.float32(AMPLITUDES[level.cells])
    return np.asarray(c, np.float32)


def _noise(rest: Field, weight: Field) -> tuple[Field, Field]:
    """Local variance of the rest, and the rest clipped at four local standard deviations."""
    overall = float((rest**2).sum() / max(float(weight.sum()), 1.0)) + 1e-6
    for _ in range(2):
        noise = mean(rest**2, weight, 2 * _NOISE, floor=0.05) + np.float32(0.02 * overall)
        limit = 4 * np.sqrt(noise)
        rest = np.clip(rest, -limit, limit)
    return noise, rest
