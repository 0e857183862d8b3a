"""Where a found picture differs from its film beyond tone and geometry: something painted out, added, moved.

A leaked film may also be a faked one. ``register`` brings the picture back into the film's frame and the film into the
picture's tone; what is left between the two is compression, noise, moire, a rest of misalignment, and what somebody did. The
search is a matched filter for blobs of several sizes (difference of Gaussians, Lindeberg 1998, IJCV 30(2)), and the bar is
set by the picture itself: the response counts in units of what the same filter finds around that place, so that a bad
photograph has a high bar and a clean file a low one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from leadglass.mark.found import Box, Grey

Field = NDArray[np.float32]
Mask = NDArray[np.bool_]

FILM_SIDE_MM = 380.0
"""Longer side of a chest film where its file gives no spacing: 2,500 pixels of 0.15 mm."""

DIAMETERS_MM = (6.0, 8.5, 12.0, 17.0, 24.0)
"""Sizes of blobs looked for."""

THRESHOLD = 7.0
"""Local standard deviations of the filter's response; see ``bench/altered.py`` for the false areas it leaves."""

_COVERED_THRESHOLD = 2 * THRESHOLD
"""The same where the film seems covered: there the tone is not fitted, and fog over black seems so too."""

MOST_BOXES = 32

_SIDE = 512
"""Pixels; the search runs at this longer side. A nodule of 8 mm is 11 pixels wide there."""

_EDGES = 0.04
"""Share of the film's gradient (greys a pixel, root mean square) that the filter finds where an edge is a pixel off."""

_TAIL = 25.0
"""Local variances beyond which a response says nothing of other places like it."""

_LEAST_NOISE = 0.15
"""Greys; no response counts as quieter than this, so that rounding and the mark itself are never news."""

_MARGIN_MM = 6.0
"""Along the edge of the film and of the picture so much is left out: frames, and light that comes from beside it."""

_TONE_WINDOWS = (1 / 18, 1 / 36)
"""Standard deviations of the windows of the local tone, in longer sides; a tile of CLAHE is an eighth."""

_CALMER = 0.8
"""Share of what wide windows leave, below which narrow ones are better: they cost a large nodule much of its contrast."""


@dataclass(frozen=True, eq=False)
class Altered:
    """Altered places, strongest first, in pixels of the frame that was given, and how much each pixel differs.

    ``difference`` has the frame's shape: 128 is the threshold, 255 twice that or more.
    """

    boxes: tuple[Box, ...]
    difference: Grey


def altered(
    found: Grey,
    expected: Grey,
    film: Grey,
    valid: Mask,
    *,
    occluded: Mask | None = None,
    spacing: tuple[float, float] | None = None,
) -> Altered:
    """Where ``found`` shows something else than ``expected``.

    All arrays have one shape (rows, columns), in the film's frame: ``found`` is the picture warped back, ``expected`` the
    film in the picture's tone, ``film`` the film in its own tone (8 bits), ``valid`` where the picture reaches at all,
    ``occluded`` what ``register`` took for a cover or a drawing (within ``valid`` or not). ``spacing`` is mm a pixel of this
    frame (row, column). Total: any content gives an answer.

    Raises:
        ValueError: shapes differ.
    """
    rows, columns = found.shape
    hidden = np.zeros(found.shape, np.bool_) if occluded is None else occluded & valid
    if not (expected.shape == film.shape == valid.shape == hidden.shape == found.shape):
        raise ValueError("found, expected, film, valid and occluded have one shape")
    scale = min(1.0, _SIDE / max(rows, columns))
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    millimetres = FILM_SIDE_MM / max(rows, columns) if spacing is None else float(np.sqrt(spacing[0] * spacing[1]))
    f, e, o = (_resized(each, size) for each in (found, expected, film))
    shown = _eroded(_resized(valid.astype(np.uint8), size) > 0.99, max(1, round(_MARGIN_MM * scale / millimetres)))
    free = shown & (_resized(hidden.astype(np.uint8), size) < 0.01)
    rest = _without_tone(f, e, o, shown, free)
    strength = _strength(rest, e, shown, free, scale / millimetres)
    return _answer(strength, hidden, scale / millimetres)


def _resized(values: NDArray[np.uint8], size: tuple[int, int]) -> Field:
    return np.asarray(cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)


def _eroded(mask: Mask, pixels: int) -> Mask:
    kernel = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return np.asarray(cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0), np.bool_)


def _blurred(values: Field, sigma: float) -> Field:
    """Gaussian blur; a wide one is done on a coarse raster, which changes nothing that matters and costs little."""
    raster = int(sigma / 2.5)
    if raster < 2 or min(values.shape) < 4 * raster:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)
    rows, columns = values.shape
    size = (-(-columns // raster), -(-rows // raster))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / raster, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)


def _without_tone(found: Field, expected: Field, film: Field, shown: Mask, free: Mask) -> Field:
    """What is left of ``found`` - ``expected`` after a local curve of the film's grey, local shift and local blur. Greys."""
    difference, terms = found - expected, _terms(expected, film, shown)
    wide, narrow = (_without_terms(terms, difference, free, window) for window in _TONE_WINDOWS)
    rest = narrow if _spread(narrow, free) < _CALMER * _spread(wide, free) else wide
    return _without_pattern(np.where(shown, rest, np.float32(0)), shown)


def _terms(expected: Field, film: Field, shown: Mask) -> Field:
    """What an honest difference is made of: 1, powers of the film's grey, its local equalisations, gradient and Laplacian.

    Shape (terms, rows, columns), each of about unit size.
    """
    x = film / np.float32(127.5) - np.float32(1)
    smooth = _blurred(expected, 1.0)
    edges = [*_gradient(smooth), smooth - _blurred(expected, 2.0)]
    units = [np.sqrt((each[shown] ** 2).mean() + 1e-3) if shown.any() else 1.0 for each in edges]
    scaled = [each / np.float32(unit) for each, unit in zip(edges, units, strict=True)]
    return np.stack([np.ones_like(x), x, x * x, x * x * x, *_equalised(film), *scaled])


def _gradient(values: Field) -> tuple[Field, Field]:
    """Down and right, a pixel."""
    down, right = (cv2.Sobel(values, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((0, 1), (1, 0)))
    return np.asarray(down, np.float32), np.asarray(right, np.float32)


def _without_terms(terms: Field, difference: Field, free: Mask, window: float) -> Field:
    """``difference`` without what ``terms`` explain in Gaussian windows.

    A ridge keeps the correction at nothing where it explains nothing, and weights leave out what stands out: otherwise an
    added nodule would pay for its own tone.
    """
    weight, rest = free.astype(np.float32), difference
    for _ in range(3):
        spread = max(_spread(rest, free), 0.5)
        trust = weight / (1 + (rest / np.float32(3 * spread)) ** 2) ** 2
        rest = difference - _local_fit(terms, difference, trust, window)
    return rest


def _equalised(film: Field) -> list[Field]:
    """The film under two strengths of local equalisation, -1 to 1: no power of its grey has their curves."""
    grey = np.clip(film, 0, 255).astype(np.uint8)
    made = [cv2.createCLAHE(clip, (8, 8)).apply(grey) for clip in (2.0, 6.0)]
    return [each.astype(np.float32) / np.float32(127.5) - np.float32(1) for each in made]


def _without_pattern(rest: Field, shown: Mask) -> Field:
    """``rest`` without what repeats itself: moire, scan lines, half-tone.

    A pattern is a narrow peak of the spectrum, far above other frequencies as high; what somebody painted is broad there.
    """
    limit = 4 * max(_spread(rest, shown), 0.1)
    spectrum = np.fft.rfft2(np.clip(rest, -limit, limit))
    power = np.abs(spectrum) ** 2
    smooth = np.asarray(cv2.GaussianBlur(power, (0, 0), 1.0, borderType=cv2.BORDER_REPLICATE))
    rows, columns = rest.shape
    radius = np.hypot(np.fft.fftfreq(rows)[:, np.newaxis], np.fft.rfftfreq(columns)[np.newaxis])
    ring = np.minimum((radius * 80).astype(np.intp), 56)
    usual = np.array([np.median(power[ring == k]) if (ring == k).any() else 0.0 for k in range(57)])
    excess = smooth / np.maximum(4 * usual[ring] / np.log(2), 1e-12)
    keep = np.where(radius > 1 / 60, 1 / np.maximum(excess, 1), 1)
    return np.fft.irfft2(np.fft.rfft2(rest) * keep, s=rest.shape).astype(np.float32)


def _spread(values: Field, shown: Mask) -> float:
    """Robust standard deviation."""
    return float(1.4826 * np.median(np.abs(values[shown]))) if shown.any() else 0.0


def _local_fit(terms: Field, values: Field, weight: Field, side: float, *, raster: int = 6, ridge: float = 0.0003) -> Field:
    """``values`` as a locally weighted linear combination of ``terms`` (terms, rows, columns), on a coarse raster."""
    count, rows, columns = terms.shape
    size = (-(-columns // raster), -(-rows // raster))
    sigma = max(rows, columns) * side / raster

    def window(product: Field) -> Field:
        return _blurred(np.asarray(cv2.resize(product, size, interpolation=cv2.INTER_AREA)), sigma)

    left = np.empty((size[1], size[0], count, count), np.float32)
    right = np.empty((size[1], size[0], count, 1), np.float32)
    for i in range(count):
        weighted = terms[i] * weight
        right[..., i, 0] = window(weighted * values)
        for j in range(i, count):
            left[..., i, j] = left[..., j, i] = window(weighted * terms[j])
    left += np.eye(count, dtype=np.float32) * np.float32(ridge)
    coefficients = np.linalg.solve(left.astype(np.float64), right.astype(np.float64))[..., 0].astype(np.float32)
    fit = np.zeros((rows, columns), np.float32)
    for i in range(count):
        fit += terms[i] * cv2.resize(np.ascontiguousarray(coefficients[..., i]), (columns, rows))
    return fit


def _strength(rest: Field, expected: Field, shown: Mask, free: Mask, pixels_a_mm: float) -> Field:
    """The response of the filter at its best size, in thresholds."""
    best = np.zeros(rest.shape, np.float32)
    for diameter in DIAMETERS_MM:
        sigma = diameter * pixels_a_mm / (2 * np.sqrt(2))
        if sigma < 0.8 or 8 * sigma > max(rest.shape):
            continue
        response = _band(rest, shown, sigma)
        noise = _noise(response, expected, free, sigma)
        best = np.maximum(best, np.abs(response) / noise)
    bar = np.where(free, np.float32(THRESHOLD), np.float32(_COVERED_THRESHOLD))
    return np.where(shown, best / bar, np.float32(0))


def _band(values: Field, shown: Mask, sigma: float) -> Field:
    """Difference of Gaussians over what is shown; zero where little of it is."""
    weight = shown.astype(np.float32)
    narrow, wide = (_blurred(weight, s) for s in (sigma, 1.6 * sigma))
    inner = _blurred(values * weight, sigma) / np.maximum(narrow, 0.05)
    outer = _blurred(values * weight, 1.6 * sigma) / np.maximum(wide, 0.05)
    return np.where(narrow > 0.6, inner - outer, np.float32(0))


def _noise(response: Field, expected: Field, shown: Mask, sigma: float) -> Field:
    """What the filter finds by itself around each place: local, and at places of like structure. Greys."""
    weight = shown.astype(np.float32)
    floor = max(_spread(response, shown), _LEAST_NOISE)
    power = response**2
    limit = np.full(response.shape, np.float32((4 * floor) ** 2))
    reach = max(8 * sigma, max(response.shape) / 12)
    share = np.maximum(_blurred(weight, reach), 0.02)
    for _ in range(3):
        local = _blurred(np.minimum(power, limit) * weight, reach) / share
        limit = 9 * np.maximum(local, np.float32(floor**2))
    noise = np.maximum(local, np.float32(floor**2)) + _misplaced(expected, sigma)
    usual = np.minimum(power, _TAIL * local)
    noise = np.maximum(noise, _by_grey(usual, expected, shown))
    for detail in _details(expected, sigma):
        noise = np.maximum(noise, _by_structure(usual, detail, shown))
    return np.sqrt(noise)


def _misplaced(expected: Field, sigma: float) -> Field:
    """What a pixel's misalignment leaves of the film's edges, whether or not there is any; squared greys."""
    down, right = _gradient(expected)
    return np.float32(_EDGES**2) * _blurred(down * down + right * right, sigma)


def _by_grey(power: Field, expected: Field, shown: Mask, *, bins: int = 48) -> Field:
    """Mean of ``power`` over places whose film has the same grey: clipped ends, fog over black."""
    place = np.clip(expected * np.float32(bins / 256), 0, bins - 1).astype(np.intp)
    total, count = (np.bincount(place[shown], weights=w, minlength=bins) for w in (power[shown], None))
    kernel = np.array([0.25, 0.5, 0.25])
    mean = np.convolve(total, kernel, mode="same") / np.maximum(np.convolve(count, kernel, mode="same"), 1)
    return np.asarray(mean[place], np.float32)


def _details(expected: Field, sigma: float) -> tuple[Field, Field]:
    """Power of the film's structure around each place: of this size, and of the finest, whose edges misalignment leaves."""
    coarse = _blurred(expected, sigma / 2) - _blurred(expected, 2 * sigma)
    fine = expected - _blurred(expected, 1.5)
    return _blurred(coarse**2, sigma), _blurred(fine**2, sigma)


def _by_structure(power: Field, detail: Field, shown: Mask, *, bins: int = 24) -> Field:
    """Mean of ``power`` over places whose film has as much ``detail``."""
    if not shown.any():
        return power
    edges = np.quantile(detail[shown], np.linspace(0, 1, bins + 1))
    place = np.clip(np.searchsorted(edges, detail) - 1, 0, bins - 1)
    total = np.bincount(place[shown], weights=power[shown], minlength=bins)
    count = np.bincount(place[shown], minlength=bins)
    mean = total / np.maximum(count, 1)
    centre = np.bincount(place[shown], weights=detail[shown], minlength=bins) / np.maximum(count, 1)
    # A rest of misalignment grows as the gradient, to any size: beyond the last bin its power goes on in proportion.
    beyond = np.maximum(detail / np.float32(max(centre[-1], 1e-6)), 1)
    return np.asarray(np.interp(detail, centre, mean) * beyond, np.float32)


def _answer(strength: Field, hidden: Mask, pixels_a_mm: float) -> Altered:
    rows, columns = hidden.shape
    full = np.asarray(cv2.resize(strength, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)
    difference = np.clip(128 * full, 0, 255).astype(np.uint8)
    scale = (columns / strength.shape[1], rows / strength.shape[0])
    areas = [(peak, _enlarged(box, scale, (rows, columns))) for peak, box in _areas(strength, pixels_a_mm)]
    areas += _covers(hidden, full)
    areas.sort(key=lambda area: -area[0])
    return Altered(_apart([box for _, box in areas])[:MOST_BOXES], difference)


def _covers(hidden: Mask, strength: Field) -> Iterator[tuple[float, Box]]:
    """Covered places, as far as something there does differ."""
    for box, inside in _components(hidden):
        peak = float(strength[box.top : box.bottom, box.left : box.right][inside].max())
        if peak >= 1:
            yield peak, box


def _apart(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes without those that lie in another."""

    def within(a: Box, b: Box) -> bool:
        return b.left <= a.left and b.top <= a.top and a.right <= b.right and a.bottom <= b.bottom

    unlike = list(dict.fromkeys(boxes))
    return tuple(box for box in unlike if not any(within(box, other) for other in unlike if other != box))


def _enlarged(box: Box, scale: tuple[float, float], shape: tuple[int, int]) -> Box:
    x, y = scale
    right, bottom = min(shape[1], int(np.ceil(box.right * x))), min(shape[0], int(np.ceil(box.bottom * y)))
    return Box(int(box.left * x), int(box.top * y), right, bottom)


def _areas(strength: Field, pixels_a_mm: float) -> list[tuple[float, Box]]:
    """Connected places that reach the threshold, each as far as it stays above a good part of its peak."""
    reach = 2 * max(1, round(8 * pixels_a_mm)) + 1
    peaks = np.asarray(cv2.dilate(strength, np.ones((reach, reach), np.uint8)), np.float32)
    areas = []
    for box, inside in _components(strength > np.maximum(0.6, 0.35 * peaks)):
        peak = float(strength[box.top : box.bottom, box.left : box.right][inside].max())
        if peak >= 1:
            areas.append((peak, box))
    return areas


def _components(mask: Mask) -> list[tuple[Box, Mask]]:
    parts: Any = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    _, labels, table, _ = parts
    found = []
    for label, (left, top, width, height, _) in enumerate(table.tolist()):
        if label:
            box = Box(left, top, left + width, top + height)
            found.append((box, labels[top : box.bottom, left : box.right] == label))
    return found
