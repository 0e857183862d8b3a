"""Moire and screens taken off a residual: what repeats itself too purely to be film, noise or mark.

A mark is spread over all frequencies; the beat of a screen's pixels with a camera's is a few sharp lines in the spectrum of
any small block. Lines that stand out of their ring of frequencies are cut down to it, in overlapping blocks (a Wiener-like
filter with sine windows, whose squares add up to one).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leadglass.mark.windows import Field

_BLOCK, _STEP = 64, 32
_ABOVE = 5.0
"""Times the ring's median power that a frequency may have: noise alone has more in one of 32."""
_LINES = 0.02
"""Share of the power in lines, over all blocks, below which a residual is left as it is."""


def without_lines(rest: Field) -> Field:
    """A residual of shape (rows, columns) without lines in its local spectrum; itself where lines are no matter."""
    rows, columns = rest.shape
    down, across = (-(-(n + _STEP) // _STEP) for n in (rows, columns))
    padded = np.zeros(((down + 1) * _STEP, (across + 1) * _STEP), np.float32)
    padded[_STEP : _STEP + rows, _STEP : _STEP + columns] = rest
    window = np.sin((np.arange(_BLOCK) + 0.5) * np.pi / _BLOCK).astype(np.float32)
    taper = window[:, np.newaxis] * window
    views = np.lib.stride_tricks.sliding_window_view(padded, (_BLOCK, _BLOCK))[::_STEP, ::_STEP]
    spectra = np.fft.rfft2(views * taper)
    power = (spectra.real**2 + spectra.imag**2).astype(np.float32)
    limit = _ABOVE * _by_ring(power)
    kept = np.minimum(power, limit)
    total = float(power.sum())
    if total <= 0 or 1 - float(kept.sum()) / total < _LINES:
        return rest
    spectra *= np.sqrt(kept / np.maximum(power, np.float32(1e-20)))
    blocks = np.fft.irfft2(spectra, s=(_BLOCK, _BLOCK)).astype(np.float32) * taper
    answer = np.zeros_like(padded)
    for i in range(down):
        for j in range(across):
            answer[i * _STEP : i * _STEP + _BLOCK, j * _STEP : j * _STEP + _BLOCK] += blocks[i, j]
    return answer[_STEP : _STEP + rows, _STEP : _STEP + columns]


def _by_ring(power: Field) -> Field:
    """The median power of each block's ring of like frequencies, of the shape of ``power``."""
    answer = np.empty_like(power)
    for ring in _RINGS:
        answer[..., ring] = np.median(power[..., ring], axis=-1, keepdims=True)
    return answer


def _rings() -> tuple[NDArray[np.bool_], ...]:
    y = np.fft.fftfreq(_BLOCK)[:, np.newaxis]
    x = np.fft.rfftfreq(_BLOCK)
    place = np.minimum(np.hypot(y, x) * _BLOCK // 3, 11)
    return tuple(place == number for number in np.unique(place))


_RINGS = _rings()
