"""Weighted means and least squares in Gaussian windows, worked out on a coarse raster.

A wide window over a large picture is smooth, so that its mean is kept on a raster of a third of its standard deviation:
reduced by area, blurred there, enlarged again (normalised convolution, Knutsson and Westin, CVPR 1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

_CELLS_A_SIGMA = 3.0


def resized(values: NDArray[Any], shape: tuple[int, int], *, how: int = cv2.INTER_LINEAR) -> Field:
    """``values`` of shape (rows, columns) at another ``shape``, as float32."""
    rows, columns = shape
    picture = np.ascontiguousarray(values, np.float32)
    if picture.shape[:2] == (rows, columns):
        return picture
    return np.asarray(cv2.resize(picture, (columns, rows), interpolation=how), np.float32)


def blurred(values: Field, sigma: float) -> Field:
    """``values`` under a Gaussian of ``sigma`` pixels; mirrored at the edges, approximate for wide ones."""
    if sigma < 2 * _CELLS_A_SIGMA:
        # A kernel of 6.5 sigma, as float pictures get by default, is a third longer than what float32 can tell.
        width = 2 * max(1, round(3 * sigma)) + 1
        return np.asarray(cv2.GaussianBlur(values, (width, width), sigma, borderType=cv2.BORDER_REFLECT), np.float32)
    return resized(coarse(values, sigma), (values.shape[0], values.shape[1]))


def coarse(values: Field, sigma: float) -> Field:
    """``values`` under a Gaussian of ``sigma`` pixels, on a raster of about a third of that."""
    shape = raster(values.shape[0], values.shape[1], sigma)
    small = resized(values, shape, how=cv2.INTER_AREA)
    return blurred(small, max(0.4, min(sigma * shape[1] / values.shape[1], 2 * _CELLS_A_SIGMA - 0.01)))


def raster(rows: int, columns: int, sigma: float) -> tuple[int, int]:
    """The shape of the raster on which windows of ``sigma`` pixels are worked out."""
    step = max(1.0, sigma / _CELLS_A_SIGMA)
    return max(1, round(rows / step)), max(1, round(columns / step))


def mean(values: Field, weight: Field, sigma: float, *, floor: float = 1e-3) -> Field:
    """The weighted mean of ``values`` in windows of ``sigma`` pixels; near zero where there is next to no weight."""
    top, bottom = coarse(values * weight, sigma), coarse(weight, sigma)
    return resized(top / np.maximum(bottom, np.float32(floor)), (values.shape[0], values.shape[1]))


def fit(
    terms: Sequence[Field],
    values: Field,
    weight: Field,
    sigma: float,
    *,
    ridge: Sequence[float],
    shape: tuple[int, int] | None = None,
) -> Field:
    """Least squares of ``values`` on ``terms`` in windows of ``sigma`` pixels: coefficients of shape (rows, columns, terms).

    ``ridge`` is added to each term's own square, as a share of its mean square over all weight. The answer is on ``shape``,
    or on the raster of the windows.
    """
    rows, columns = values.shape
    size = raster(rows, columns, sigma) if shape is None else shape
    spread = max(0.4, sigma * size[1] / columns)

    def window(product: Field) -> Field:
        return blurred(resized(product, size, how=cv2.INTER_AREA), spread)

    count = len(terms)
    left = np.zeros((*size, count, count), np.float64)
    right = np.zeros((*size, count, 1), np.float64)
    share = max(float(weight.mean()), 1e-6)
    for i, term in enumerate(terms):
        weighted = term * weight
        right[..., i, 0] = window(weighted * values)
        for j in range(i, count):
            left[..., i, j] = left[..., j, i] = window(weighted * terms[j])
        own = left[..., i, i]
        own += ridge[i] * (float(own.mean()) / share) + 1e-9
    return np.asarray(np.linalg.solve(left, right)[..., 0], np.float32)
