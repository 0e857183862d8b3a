"""Films of every kind look alike to the model."""

from __future__ import annotations

import numpy as np
import pytest

from leadglass.anatomy.prepare import SIDE, Placed, prepare
from leadglass.model.frame import Frame


def greys(rows: int = 500, columns: int = 400) -> np.ndarray:
    """A smooth picture from 0 to 1, brighter to the lower right, with a dark disc."""
    y, x = np.ogrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    return np.where(np.hypot(y - 0.4, x - 0.3) < 0.2, 0.05, 0.3 + 0.3 * y + 0.3 * x)


def frame(picture: np.ndarray, *, bits: int = 8, photometric: str = "MONOCHROME2") -> Frame:
    return Frame(np.rint(picture * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16), photometric, bits)


def test_a_film_fills_the_square_and_keeps_its_proportions() -> None:
    picture, placed = prepare(frame(greys(500, 400)))
    assert picture.shape == (SIDE, SIDE)
    assert placed == Placed(500, 400, 0, 19, SIDE, 154)
    film = picture[:, 19 : 19 + 154]
    assert (film.min(), film.max()) == (0, 1)
    assert np.allclose(picture[:, :19], film.mean(), atol=1e-6)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_the_depth_of_a_film_makes_no_difference(bits: int) -> None:
    assert np.abs(prepare(frame(greys(), bits=bits))[0] - prepare(frame(greys()))[0]).max() < 0.01


def test_an_inverted_film_is_shown_as_its_negative() -> None:
    plain = prepare(frame(greys(), bits=12))[0]
    assert np.abs(prepare(frame(1 - greys(), bits=12, photometric="MONOCHROME1"))[0] - plain).max() < 1e-3


def test_signed_values_and_bits_above_the_stored_ones_make_no_difference() -> None:
    plain = frame(greys(), bits=12)
    signed = Frame((plain.samples.astype(np.int32) - 2048).astype(np.int16), "MONOCHROME2", 12)
    overlaid = Frame(plain.samples | np.uint16(0xF000), "MONOCHROME2", 12)
    for other in (signed, overlaid):
        assert np.array_equal(prepare(other)[0], prepare(plain)[0])


def test_letters_and_dead_pixels_do_not_set_the_grey_scale() -> None:
    spoilt = greys() * 0.4
    spoilt[3:6, 3:40] = 1.0
    assert np.abs(prepare(frame(spoilt, bits=16))[0][20:] - prepare(frame(greys(), bits=16))[0][20:]).max() < 0.05


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (3, 5), (200, 191)])
def test_films_of_any_size_are_prepared(shape: tuple[int, int]) -> None:
    picture, placed = prepare(Frame(np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(shape), "MONOCHROME2", 16))
    assert picture.shape == (SIDE, SIDE)
    assert np.isfinite(picture).all()
    assert (placed.rows, placed.columns) == shape


def test_a_film_of_one_grey_stays_one_and_colour_becomes_grey() -> None:
    assert len(np.unique(prepare(Frame(np.full((50, 40), 7, np.uint8), "MONOCHROME2", 8))[0])) == 1
    assert prepare(Frame(np.zeros((50, 40, 3), np.uint8), "RGB", 8))[0].shape == (SIDE, SIDE)


def test_area_means_are_those_of_the_pixels_below() -> None:
    samples = np.random.default_rng(0).integers(0, 255, (SIDE * 3, SIDE * 3)).astype(np.uint8)
    means = samples.reshape(SIDE, 3, SIDE, 3).mean(axis=(1, 3))
    low, high = np.percentile(means, (0.5, 99.5))
    assert np.allclose(prepare(Frame(samples, "MONOCHROME2", 8))[0], np.clip((means - low) / (high - low), 0, 1), atol=2e-4)
