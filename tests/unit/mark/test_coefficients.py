"""The steps of aligning by themselves: each on pictures whose answer is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from leadglass.mark.chips import chips
from leadglass.mark.coefficients import Residual, coefficients
from leadglass.mark.flow import moved, still, through_points
from leadglass.mark.found import Original
from leadglass.mark.moire import without_lines
from leadglass.mark.occlusion import uncovered
from leadglass.mark.tone import tone
from leadglass.mark.warp import corners, magnification, seen, shrunk, through
from leadglass.mark.windows import blurred, fit, mean, resized
from leadglass.mark.working import Level, levels

SIDE = 256
Field = NDArray[np.float32]


def field(seed: int, sigma: float, side: int = SIDE) -> Field:
    """Smooth noise of unit variance."""
    noise = np.random.default_rng(seed).standard_normal((side, side)).astype(np.float32)
    smooth = blurred(noise, sigma) if sigma else noise
    return smooth / np.float32(smooth.std())


def film() -> Original:
    picture = 30000 + 9000 * field(1, 20) + 3000 * field(2, 3)
    return Original(np.clip(picture, 0, 65535).astype(np.uint16), np.full((64, 64), 170, np.uint8), SIDE, SIDE)


def level() -> Level:
    """The film at its own size: grid 128, two pixels a cell."""
    return next(each for each in levels(film()) if each.shape == (SIDE, SIDE))


def everywhere() -> Field:
    return np.ones((SIDE, SIDE), np.float32)


def in_8_bits() -> Field:
    return level().samples.astype(np.float32) / 257


def residual(marked: Field, weight: Field) -> Residual:
    found = in_8_bits() + marked
    told = tone(found, weight, level())
    return Residual(found, told.expected, told.slope, weight)


def pattern_of(key: bytes) -> tuple[NDArray[np.int8], Field]:
    """The chips of the middle grid, and what they look like."""
    sign = chips(key, 256, 256)[64 * 64 : 64 * 64 + 128 * 128].reshape(128, 128)
    cells = sign.astype(np.float32)
    return sign, resized(cells - blurred(cells, 1.5), (SIDE, SIDE))


def z(c: Field, sign: NDArray[np.int8]) -> float:
    return float((c * sign).sum() / np.linalg.norm(c))


def test_a_pattern_below_the_noise_is_in_the_coefficients() -> None:
    sign, pattern = pattern_of(bytes(32))
    noise = field(3, 0)
    c = coefficients(residual(0.3 * pattern + noise, everywhere()), level())
    assert c.shape == sign.shape
    assert z(c, sign) > 12
    other, _ = pattern_of(bytes(range(32)))
    assert abs(z(c, other)) < 4.5


def test_an_inverted_picture_gives_the_same_sign() -> None:
    sign, pattern = pattern_of(bytes(32))
    found = 255 - (in_8_bits() + 0.3 * pattern + field(3, 0))
    told = tone(found, everywhere(), level())
    assert z(coefficients(Residual(found, told.expected, told.slope, everywhere()), level()), sign) > 12


def test_loud_places_do_not_drown_quiet_ones() -> None:
    sign, pattern = pattern_of(bytes(32))
    quiet = 0.3 * pattern + field(3, 0)
    loud = quiet.copy()
    loud[:, : SIDE // 2] += 30 * field(4, 0)[:, : SIDE // 2]
    whole = z(coefficients(residual(quiet, everywhere()), level()), sign)
    assert z(coefficients(residual(loud, everywhere()), level()), sign) > 0.6 * whole


def test_covered_places_have_no_coefficient() -> None:
    weight = everywhere()
    weight[:, :100] = 0
    c = coefficients(residual(field(3, 0), weight), level())
    assert not c[:, :49].any()
    assert c[:, 52:].any()


def test_nothing_to_see_gives_zeros() -> None:
    flat = Residual(*(np.zeros((SIDE, SIDE), np.float32) for _ in range(4)))
    assert not coefficients(flat, level()).any()


def test_a_residual_is_reduced_without_what_is_covered() -> None:
    weight = everywhere()
    weight[10, :] = 0
    found = np.where(weight > 0, np.float32(3), np.float32(1e6))
    small = Residual(found, everywhere(), everywhere(), weight).reduced((128, 128))
    assert small.found.shape == (128, 128)
    assert np.allclose(small.found[small.weight > 0], 3)


@pytest.mark.parametrize("curve", [lambda x: x**2 / 255, lambda x: 255 - x, lambda x: np.clip(3 * x - 200, 0, 255)])
def test_any_curve_of_greys_is_followed(curve: object) -> None:
    found = np.asarray(curve(in_8_bits()), np.float32)  # type: ignore[operator]
    told = tone(found, everywhere(), level())
    assert float(np.abs(told.expected - found).mean()) < 0.02 * float(np.ptp(found))


def test_the_slope_is_the_curves() -> None:
    told = tone(in_8_bits() * 0.5, everywhere(), level())
    assert abs(float(np.median(told.slope)) * 257 - 0.5) < 0.03


def test_shading_is_followed() -> None:
    x = np.linspace(0, 1, SIDE, dtype=np.float32)
    found = in_8_bits() * (0.5 + 0.5 * x) + 40 * x[:, np.newaxis] ** 2
    told = tone(found, everywhere(), level())
    assert float(np.abs(told.expected - found).mean()) < 2.5


def test_a_box_is_covered_and_what_lies_beside_it_is_not() -> None:
    found = in_8_bits()
    found[60:150, 80:200] = 12
    weight = uncovered(found, everywhere(), level())
    assert weight[70:140, 90:190].mean() < 0.1
    beside = everywhere() > 0
    beside[48:162, 68:212] = False
    assert weight[beside].mean() > 0.95


def test_glare_is_no_cover() -> None:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    glare = 70 * np.exp(-((y - 90) ** 2 + (x - 120) ** 2) / (2 * 40.0**2))
    weight = uncovered((in_8_bits() * 0.6 + glare).astype(np.float32), everywhere(), level())
    assert weight.mean() > 0.85


def test_a_shift_is_found() -> None:
    at = level()
    picture = in_8_bits()
    homography = np.array([[1, 0, 1.5], [0, 1, -1.0], [0, 0, 1.0]])
    flow = still((64, 64))
    for _ in range(6):
        shown = seen(picture, (1, 1), homography, at, flow)
        flow, step = moved(flow, shown, tone(shown.found, shown.inside, at), shown.inside, at, window=1 / 12)
    inner = flow[12:-12, 12:-12]
    assert np.abs(inner[..., 0] + 1.5).mean() < 0.1
    assert np.abs(inner[..., 1] - 1.0).mean() < 0.1
    assert step < 0.1


def test_features_tell_a_bend_and_are_not_misled_by_false_ones() -> None:
    random = np.random.default_rng(5)
    original = Original(np.zeros((8, 8), np.uint16), np.zeros((8, 8), np.uint8), 2000, 2000)
    places = random.uniform(0, 2000, (900, 2))
    shifts = np.stack([15 * np.sin(places[:, 1] / 300), np.full(900, 6.0)], axis=1)
    shifts[::5] = random.uniform(-100, 100, (180, 2))
    flow = through_points(places, shifts, original)
    y = (np.arange(64) + 0.5) * 2000 / 64
    assert np.abs(flow[8:-8, 8:-8, 0] - 15 * np.sin(y[8:-8] / 300)[:, np.newaxis]).mean() < 2
    assert not through_points(places, random.uniform(-100, 100, (900, 2)), original).any()
    assert not through_points(np.zeros((0, 2)), np.zeros((0, 2)), original).any()


def test_lines_are_cut_and_noise_is_kept() -> None:
    noise = field(3, 0)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    lines = (12 * np.sin(0.9 * x + 0.4 * y)).astype(np.float32)
    cleaned = without_lines(noise + lines)
    inner = slice(32, -32)
    assert float((cleaned - noise)[inner, inner].std()) < 0.1 * float(lines.std())
    assert np.corrcoef(without_lines(noise).ravel(), noise.ravel())[0, 1] > 0.95
    assert not without_lines(np.zeros((40, 70), np.float32)).any()


def test_local_least_squares_finds_what_it_was_made_of() -> None:
    a, b = field(1, 2), field(2, 2)
    x = np.linspace(0, 1, SIDE, dtype=np.float32)
    told = fit([a, b], a * x + 3 * b, everywhere(), 20, ridge=(1e-4, 1e-4))
    middle = told[5:-5, 5:-5]
    assert np.abs(middle[..., 1] - 3).max() < 0.2
    assert np.corrcoef(middle[..., 0].mean(axis=0), np.arange(middle.shape[1]))[0, 1] > 0.99


@pytest.mark.parametrize("sigma", [0.7, 5.0, 12.0, 40.0])
def test_windows_keep_a_constant(sigma: float) -> None:
    constant = np.full((90, 70), 7, np.float32)
    assert np.allclose(blurred(constant, sigma), 7, atol=1e-3)
    assert np.allclose(mean(constant, np.ones_like(constant), sigma), 7, atol=1e-3)


def test_geometry_of_a_picture() -> None:
    original = Original(np.zeros((8, 8), np.uint16), np.zeros((8, 8), np.uint8), 1000, 2000)
    half = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])
    assert through(half, corners(1000, 2000)).tolist() == corners(500, 1000).tolist()
    assert magnification(half, original, (500, 1000)) == pytest.approx(0.5)
    assert magnification(np.array([[1.0, 0, 9e5], [0, 1, 0], [0, 0, 1]]), original, (500, 1000)) == 0
    small, right, down = shrunk(np.ones((90, 60), np.float32), 1 / 3)
    assert (small.shape, right, down) == ((30, 20), 3, 3)


def test_working_sizes_are_two_pixels_a_cell() -> None:
    for each in levels(film()):
        assert max(each.shape) == 2 * each.cells
        assert each.place.min() >= 0
        assert each.place.max() <= 255
