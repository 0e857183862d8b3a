"""What a mark does to a film, measured against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leadglass.mark.effect import contrast_error, effect, noise_contrast_error, own_noise, ssim
from leadglass.mark.spread import add, pattern
from leadglass.model.access import Strength
from leadglass.model.frame import Frame
from leadglass.testing.films.instance import small_samples

KEY = bytes(range(32))


def test_structural_similarity_of_flat_pictures_is_that_of_their_means() -> None:
    # Without variance what is left of Wang et al. (2004), equation 13, is (2 a b + C1) / (a^2 + b^2 + C1).
    a, b, c1 = 100.0, 120.0, (0.01 * 255) ** 2
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    assert ssim(np.full((40, 40), a), np.full((40, 40), b), span=255) == pytest.approx(expected, abs=1e-5)


def test_structural_similarity_of_pictures_of_one_mean_is_that_of_their_contrast() -> None:
    # A fine checkerboard about one mean, of height 20 and 10: the same window everywhere, covariance 200, variances 400 and
    # 100 (but for what the Gaussian window leaves of the mean).
    board = np.indices((64, 64)).sum(axis=0) % 2 * 2 - 1
    c2 = (0.03 * 255) ** 2
    expected = (2 * 200 + c2) / (400 + 100 + c2)
    assert ssim(128 + 20 * board, 128 + 10 * board, span=255) == pytest.approx(expected, abs=1e-3)
    assert ssim(128 + 20 * board, 128 - 20 * board, span=255) == pytest.approx((c2 - 800) / (c2 + 800), abs=1e-3)


def test_a_picture_is_wholly_like_itself() -> None:
    picture = np.random.default_rng(1).integers(0, 4096, (50, 60))
    assert ssim(picture, picture, span=4095) == 1
    assert ssim(picture[:5, :7], picture[:5, :7], span=4095) == 1


def test_the_own_noise_of_a_slope_is_what_was_added() -> None:
    random = np.random.default_rng(2)
    slope = np.linspace(0, 3000, 500)[:, np.newaxis] + np.linspace(0, 800, 401)
    assert own_noise((slope + 9 * random.standard_normal((500, 401))).astype(np.float32)) == pytest.approx(9, rel=0.02)
    assert own_noise(np.full((50, 50), 7, np.float32)) == 0


def test_the_contrast_error_of_noise_is_what_was_calculated() -> None:
    noise = np.random.default_rng(3).standard_normal((900, 900)).astype(np.float32)
    for diameter in (20, 33, 67):
        assert contrast_error(noise, diameter) == pytest.approx(noise_contrast_error(diameter), rel=0.12)


def test_the_contrast_of_a_nodule_is_its_height() -> None:
    diameter, height = 33.0, 40.0
    sigma = diameter / (2 * math.sqrt(2 * math.log(2)))
    rows, columns = np.indices((400, 400)) - 199.5
    nodule = (height * np.exp(-(rows**2 + columns**2) / (2 * sigma**2))).astype(np.float32)
    # The filter makes of it the difference of Gaussians of twice and of five times its variance; their root mean square over
    # the film is an integral of Gaussians.
    area = 400 * 400 * sigma**-2
    squares = math.pi * (1 / 4 * 2 + 1 / 25 * 5 - 2 * (1 / 10) * (2 * 2 * 5 / (2 + 5)))
    expected = height / 0.3 * math.sqrt(squares / area)
    assert contrast_error(nodule, diameter) == pytest.approx(expected, rel=0.05)


def test_the_effect_of_a_mark_is_within_what_was_asked() -> None:
    frame = Frame(small_samples(rows=900, columns=800, bits=12, seed=1), "MONOCHROME2", 12)
    does = {}
    for strength in (Strength.STANDARD, Strength.DIAGNOSTIC):
        mark = pattern(frame, key=KEY, strength=strength)
        does[strength] = effect(frame, add(frame, mark), mark, spacing=(0.3, 0.3))
    standard, diagnostic = does[Strength.STANDARD], does[Strength.DIAGNOSTIC]
    assert 2.3 < standard.rms <= 2.5
    assert standard.largest <= 9
    # The film's noise is 0.02 of 4095 levels.
    assert standard.noise == pytest.approx(82, rel=0.05)
    assert standard.noise_share == pytest.approx(standard.rms / standard.noise)
    assert standard.psnr == pytest.approx(20 * math.log10(4096 / standard.rms))
    assert 0.9995 < standard.ssim < diagnostic.ssim < 1
    assert 0.998 < standard.ssim_window < 1
    assert 0.05 < diagnostic.window_changed < standard.window_changed < 0.3
    assert diagnostic.contrast[5] == pytest.approx(standard.contrast[5] * 1.5 / 2.46, rel=0.1)
    assert standard.contrast[10] < standard.contrast[5] < 4


def test_nothing_done_is_nothing_seen() -> None:
    frame = Frame(np.full((60, 60), 9, np.uint16), "MONOCHROME2", 12)
    does = effect(frame, frame, pattern(frame, key=KEY, strength=Strength.STANDARD))
    assert (does.rms, does.largest, does.noise_share, does.psnr) == (0, 0, None, None)
    assert (does.ssim, does.ssim_window, does.window_changed) == (1, 1, 0)


def test_frames_of_two_shapes_are_not_compared() -> None:
    one, other = (Frame(np.zeros((8, side), np.uint8), "MONOCHROME2", 8) for side in (8, 9))
    with pytest.raises(ValueError, match="shape"):
        effect(one, other, pattern(one, key=KEY, strength=Strength.STANDARD))
