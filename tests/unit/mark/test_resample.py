"""Pictures made larger, smaller and smoother, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leadglass.mark.resample import GAUSS_ONE_AND_A_HALF, Picture, across, area, cubic, down, linear, smoothed


def random(rows: int, columns: int) -> Picture:
    return np.random.default_rng(3).standard_normal((rows, columns)).astype(np.float32)


def test_the_written_gaussian_is_one_of_a_cell_and_a_half() -> None:
    weights = [math.exp(-(step**2) / (2 * 1.5**2)) for step in range(6)]
    assert np.allclose(GAUSS_ONE_AND_A_HALF, np.array(weights) / (2 * sum(weights) - 1), rtol=1e-7)


def test_linear_doubles_about_the_area() -> None:
    line = np.array([[0.0], [4.0], [8.0]], np.float32)
    assert down(line, linear(3, 6)).ravel().tolist() == [0, 1, 3, 5, 7, 8]


def test_cubic_keeps_a_slope_within_and_a_level_everywhere() -> None:
    slope = np.arange(20, dtype=np.float32)[:, np.newaxis]
    enlarged = down(slope, cubic(20, 40)).ravel()
    places = (np.arange(40) + 0.5) / 2 - 0.5
    # Keys' kernel with a = -0.75 reproduces constants, and slopes to a small ripple.
    assert np.allclose(enlarged[4:-4], places[4:-4], atol=0.06)
    assert np.allclose(down(np.ones((5, 1), np.float32), cubic(5, 17)), 1, atol=1e-6)


@pytest.mark.parametrize("kernel", [linear, cubic])
def test_the_same_size_is_the_same_picture(kernel: type) -> None:
    picture = random(7, 9)
    assert np.array_equal(down(picture, kernel(7, 7)), picture)
    assert np.array_equal(across(picture, kernel(9, 9)), picture)


def test_across_is_down_of_the_transposed() -> None:
    picture = random(11, 8)
    assert np.array_equal(across(picture, cubic(8, 21)), down(picture.T, cubic(8, 21)).T)


def test_area_takes_means() -> None:
    picture = np.arange(24, dtype=np.uint16).reshape(4, 6)
    assert area(picture, 2, 3).tolist() == [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]
    # 3 samples to 2: each takes one whole and half of the middle one.
    assert np.allclose(area(np.array([[0], [3], [9]]), 2, 1).ravel(), [1, 7])
    assert np.array_equal(area(picture, 4, 6), picture)


def test_area_keeps_the_mean() -> None:
    picture = random(113, 97)
    assert area(picture, 31, 29).mean() == pytest.approx(float(picture.mean()), abs=1e-6)


def test_area_does_not_enlarge() -> None:
    with pytest.raises(ValueError, match="cannot be reduced"):
        area(random(4, 4), 5, 4)


def test_smoothing_is_mirrored_and_spreads_a_point() -> None:
    point: Picture = np.zeros((21, 21), np.float32)
    point[10, 10] = 1
    spread = smoothed(point, GAUSS_ONE_AND_A_HALF)
    assert spread[10, 12] == pytest.approx(GAUSS_ONE_AND_A_HALF[0] * GAUSS_ONE_AND_A_HALF[2])
    assert np.allclose(spread, spread.T)
    assert np.allclose(smoothed(np.ones((1, 3), np.float32), GAUSS_ONE_AND_A_HALF), 1, atol=1e-6)
