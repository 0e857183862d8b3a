"""What a mark does to a film: to its noise, to how it looks, and to the contrast of a small nodule.

Levels are the mark's own, 1/4096 of the range of the film's content. Where a film has several samples a pixel, the first is
measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.dicom.frames import display
from leadglass.mark.resample import GAUSS_ONE_AND_A_HALF, Picture, area, smoothed
from leadglass.mark.spread import LEVELS, Mark
from leadglass.model.frame import Frame

ASSUMED_SPACING = 0.15
"""Millimetres a pixel, where a file does not say."""

NODULES = (5, 10)
"""Diameters in millimetres."""

_STRUCTURE = (0.01, 0.03)
"""K1 and K2 of Wang et al. (2004)."""


@dataclass(frozen=True)
class Effect:
    """What a mark does to one frame.

    ``rms`` and ``largest`` in levels. ``noise`` is the film's own a pixel, in levels, and ``noise_share`` what the mark is
    of it; None where a film has none. ``psnr`` in dB, None where nothing changed. ``ssim`` over the range of the content,
    ``ssim_window`` of what a window shows in 8 bits, and ``window_changed`` the share of those pixels that differ.
    ``contrast`` is, by a nodule's diameter in millimetres, the error that the mark makes of its contrast, in levels, and
    ``noise_contrast`` that which the film's own noise makes.
    """

    rms: float
    largest: float
    noise: float
    noise_share: float | None
    psnr: float | None
    ssim: float
    ssim_window: float
    window_changed: float
    contrast: Mapping[int, float]
    noise_contrast: Mapping[int, float]


def effect(
    frame: Frame,
    marked: Frame,
    mark: Mark,
    *,
    spacing: tuple[float, float] | None = None,
    window: tuple[float, float] | None = None,
) -> Effect:
    """What made ``marked`` of ``frame``.

    ``spacing`` is millimetres a pixel (row, column), ``ASSUMED_SPACING`` without one. ``window`` is (centre, width) in
    stored values; without one it spans the film's 0.5 to 99.5 percentiles.

    Raises:
        ValueError: the frames differ in shape.
    """
    if frame.samples.shape != marked.samples.shape:
        raise ValueError(f"frames of shape {frame.samples.shape} and {marked.samples.shape}")
    before, after = _plane(frame), _plane(marked)
    change = (after - before) / np.float32(mark.level)
    rms = float(np.sqrt(np.mean(np.square(change), dtype=np.float64)))
    noise = own_noise(before) / mark.level
    pitch = math.sqrt(spacing[0] * spacing[1]) if spacing else ASSUMED_SPACING
    shown, shown_marked = _shown(frame, marked, window)
    return Effect(
        rms=rms,
        largest=float(np.abs(change).max()),
        noise=noise,
        noise_share=rms / noise if noise else None,
        psnr=20 * math.log10(LEVELS / rms) if rms else None,
        ssim=ssim(before, after, span=2.0**mark.range_bits - 1),
        ssim_window=ssim(shown, shown_marked, span=255),
        window_changed=float(np.mean(shown != shown_marked)),
        contrast={diameter: contrast_error(change, diameter / pitch) for diameter in NODULES},
        noise_contrast={diameter: noise * noise_contrast_error(diameter / pitch) for diameter in NODULES},
    )


def own_noise(samples: Picture) -> float:
    """The standard deviation of the noise a pixel, from the finest diagonal band (Donoho and Johnstone, 1994)."""
    rows, columns = (side - side % 2 for side in samples.shape)
    even, odd = samples[0:rows:2], samples[1:rows:2]
    diagonal = even[:, 0:columns:2] - even[:, 1:columns:2] - odd[:, 0:columns:2] + odd[:, 1:columns:2]
    # The median of a normal variable's size is 0.6745 of its deviation, and a sum of four has twice that of one.
    return float(np.median(np.abs(diagonal))) / (2 * 0.6745) if diagonal.size else 0.0


def ssim(one: NDArray[Any], other: NDArray[Any], *, span: float) -> float:
    """Mean structural similarity (Wang, Bovik, Sheikh and Simoncelli, 2004) of two pictures of shape (rows, columns).

    Gaussian windows of 11 x 11 and 1.5 pixels that lie in the picture whole, or reach over its edges where it is smaller.
    """
    # In small numbers about zero float32 keeps what a variance needs.
    a = one.astype(np.float32) / np.float32(span) - np.float32(0.5)
    b = other.astype(np.float32) / np.float32(span) - np.float32(0.5)
    mean_a, mean_b = (smoothed(each, GAUSS_ONE_AND_A_HALF) for each in (a, b))
    variances = smoothed(a * a, GAUSS_ONE_AND_A_HALF) - mean_a * mean_a
    variances += smoothed(b * b, GAUSS_ONE_AND_A_HALF) - mean_b * mean_b
    covariance = smoothed(a * b, GAUSS_ONE_AND_A_HALF) - mean_a * mean_b
    mean_a, mean_b = mean_a + np.float32(0.5), mean_b + np.float32(0.5)
    c1, c2 = (np.float32(k * k) for k in _STRUCTURE)
    similar = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similar /= (mean_a * mean_a + mean_b * mean_b + c1) * (variances + c2)
    edge = (len(GAUSS_ONE_AND_A_HALF) - 1) if min(similar.shape) >= 2 * len(GAUSS_ONE_AND_A_HALF) - 1 else 0
    inside = similar[edge : similar.shape[0] - edge, edge : similar.shape[1] - edge]
    return float(np.mean(inside, dtype=np.float64))


def contrast_error(change: Picture, diameter: float) -> float:
    """The root mean square error, over all places of a film, of the contrast of a nodule of ``diameter`` pixels.

    The nodule is a Gaussian that is so wide at half its height. Its contrast is measured as a Gaussian of its own width less
    one of twice that width, which stands for its surroundings, scaled so that the nodule itself gives its height.
    """
    sigma = _sigma(diameter)
    factor = max(1, int(sigma / 3))
    rows, columns = (max(1, side // factor) for side in change.shape)
    small = area(change, rows, columns)
    # The reduction has blurred it a little already.
    narrow, wide = (math.sqrt(max((width / factor) ** 2 - 1 / 12, 0.04)) for width in (sigma, 2 * sigma))
    found = smoothed(small, _gauss(narrow)) - smoothed(small, _gauss(wide))
    return float(np.sqrt(np.mean(np.square(found), dtype=np.float64))) / _RESPONSE


def noise_contrast_error(diameter: float) -> float:
    """The same error that white noise of deviation 1 a pixel makes."""
    # The integral of the squared difference of two Gaussians, of s and of 2 s: (1/4 + 1/16 - 1/5) / (pi s^2).
    return math.sqrt((1 / 4 + 1 / 16 - 1 / 5) / math.pi) / _sigma(diameter) / _RESPONSE


_RESPONSE = 1 / 2 - 1 / 5
"""What the difference of Gaussians of s and of 2 s makes of a Gaussian of s and height 1, at its middle."""


def _sigma(diameter: float) -> float:
    return diameter / (2 * math.sqrt(2 * math.log(2)))


def _gauss(sigma: float) -> tuple[float, ...]:
    """The weights of a Gaussian from its middle outward."""
    half = [math.exp(-(step * step) / (2 * sigma * sigma)) for step in range(math.ceil(4 * sigma) + 1)]
    total = 2 * sum(half) - half[0]
    return tuple(each / total for each in half)


def _plane(frame: Frame) -> Picture:
    samples = frame.samples[..., 0] if frame.samples.ndim == 3 else frame.samples
    return samples.astype(np.float32)


def _shown(frame: Frame, marked: Frame, window: tuple[float, float] | None) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both frames in one window, the first plane."""
    if window is None and frame.samples.ndim == 2:
        darkest, brightest = np.percentile(frame.samples, (0.5, 99.5))
        window = (float(darkest + brightest) / 2 + 0.5, float(brightest - darkest) + 1)
    one, other = (display(each, window=window) for each in (frame, marked))
    return (one, other) if one.ndim == 2 else (one[..., 0], other[..., 0])
