"""Pictures made larger, smaller and smoother, in numpy alone and with one answer on every machine.

A mark that is to be taken off again has to come out the same wherever it is made, so that nothing here goes through BLAS or
a sum whose order is left open: every output is a fixed sequence of float32 products and sums. Places follow OpenCV's
convention: the middle of pixel 0 is at 0, and a picture is enlarged about its area, not about the middles of its corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

GAUSS_ONE_AND_A_HALF = (0.26601172, 0.21300554, 0.10936069, 0.036000772, 0.0075987581, 0.0010283801)
"""A Gaussian of 1.5 cells from its middle outward; written out, since the last bit of ``exp`` differs between libraries."""

_CUBIC = -0.75
"""The free parameter of Keys' cubic convolution (1981), as OpenCV sets it."""


@dataclass(frozen=True, eq=False)
class Taps:
    """Which samples make each output along one axis, and by how much; both of shape (taps, outputs)."""

    places: NDArray[np.intp]
    weights: Picture


def linear(length: int, wanted: int) -> Taps:
    """Linear interpolation from ``length`` samples to ``wanted``; beyond the last sample its value goes on."""
    whole, part = _places(length, wanted)
    return _taps(whole, [(0, 1 - part), (1, part)], length)


def cubic(length: int, wanted: int) -> Taps:
    """Cubic convolution (Keys 1981) from ``length`` samples to ``wanted``; beyond the last sample its value goes on."""
    whole, part = _places(length, wanted)
    a, rest = _CUBIC, 1 - part
    outer_left = ((a * (part + 1) - 5 * a) * (part + 1) + 8 * a) * (part + 1) - 4 * a
    inner_left = ((a + 2) * part - (a + 3)) * part * part + 1
    inner_right = ((a + 2) * rest - (a + 3)) * rest * rest + 1
    outer_right = 1 - outer_left - inner_left - inner_right
    return _taps(whole, [(-1, outer_left), (0, inner_left), (1, inner_right), (2, outer_right)], length)


def down(picture: Picture, taps: Taps) -> Picture:
    """The picture of shape (rows, columns) resampled along its rows: an output for each of them is a row."""
    result: Picture = picture[taps.places[0]]
    result *= taps.weights[0][:, np.newaxis]
    for places, weights in zip(taps.places[1:], taps.weights[1:], strict=True):
        part = picture[places]
        part *= weights[:, np.newaxis]
        result += part
    return result


def across(picture: Picture, taps: Taps) -> Picture:
    """The picture resampled along its columns."""
    # Whole rows are copied several times faster than single samples, a transposed copy included.
    return np.ascontiguousarray(down(np.ascontiguousarray(picture.T), taps).T)


def smoothed(picture: Picture, weights: Sequence[float]) -> Picture:
    """The picture under a symmetric kernel along both axes, given from its middle outward; mirrored about its edges."""
    # As the second pass works on the transposed picture, both of them add whole rows.
    return np.ascontiguousarray(_smoothed_down(np.ascontiguousarray(_smoothed_down(picture, weights).T), weights).T)


def area(picture: NDArray[Any], rows: int, columns: int) -> Picture:
    """The picture of shape (rows, columns), of any type, reduced by area: each output is the mean of what it covers.

    Raises:
        ValueError: it would be enlarged.
    """
    if rows > picture.shape[0] or columns > picture.shape[1]:
        raise ValueError(f"{picture.shape[0]} x {picture.shape[1]} cannot be reduced to {rows} x {columns}")
    by_rows, by_columns = _shares(picture.shape[0], rows), _shares(picture.shape[1], columns)
    return across(down(picture.astype(np.float32), by_rows), by_columns)


def _places(length: int, wanted: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Where each output lies among the samples: the sample before it, and how far behind that."""
    place = (np.arange(wanted) + 0.5) * (length / wanted) - 0.5
    whole = np.floor(place)
    return whole.astype(np.intp), place - whole


def _taps(whole: NDArray[np.intp], taps: Sequence[tuple[int, NDArray[np.float64]]], length: int) -> Taps:
    places = np.stack([np.clip(whole + step, 0, length - 1) for step, _ in taps])
    return Taps(places, np.stack([weights for _, weights in taps]).astype(np.float32))


def _smoothed_down(picture: Picture, weights: Sequence[float]) -> Picture:
    reach, rows = len(weights) - 1, picture.shape[0]
    padded = np.pad(picture, ((reach, reach), (0, 0)), mode="reflect" if rows > 1 else "edge")
    result = padded[reach : reach + rows] * np.float32(weights[0])
    for step, weight in enumerate(weights[1:], start=1):
        pair = padded[reach - step : reach - step + rows] + padded[reach + step : reach + step + rows]
        pair *= np.float32(weight)
        result += pair
    return result


def _shares(length: int, wanted: int) -> Taps:
    """Which share of every output's width each sample has."""
    scale = length / wanted
    first = np.floor(np.arange(wanted) * scale)
    most = int(np.ceil(scale)) + 1
    samples = first + np.arange(most)[:, np.newaxis]
    edges = np.arange(wanted + 1) * scale
    overlap = np.minimum(samples + 1, edges[1:]) - np.maximum(samples, edges[:-1])
    places = np.minimum(samples, length - 1).astype(np.intp)
    return Taps(places, (np.clip(overlap, 0, None) / scale).astype(np.float32))
