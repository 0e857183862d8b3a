"""The attack set that judges tracing does what it says: a simulator that did less would flatter what it judges."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from attacks import (
    ATTACKS,
    Category,
    Film,
    band_stopped,
    bent,
    between,
    collage,
    cropped,
    dithered,
    extrapolated,
    middle,
    patchwork,
    posterised,
    residue_subtracted,
    seed_of,
    smallest_or_largest,
    wavelet_shrunk,
)
from captures import Phone, Picture, as_picture, messenger, of_light_box, of_monitor, printed, smooth

SMALL = Phone(width=400, tilt=0, turn=0, glare=0)
PHOTOS = ("monitor", "light-box", "photo", "long-chain")


def film(rows: int = 300, columns: int = 260, seed: int = 1) -> Film:
    """Smooth shapes with noise on them."""
    random = np.random.default_rng(seed)
    values = 0.5 + 0.12 * smooth(random, rows, columns, 6) + 0.01 * random.standard_normal((rows, columns))
    return np.clip(values, 0, 1).astype(np.float32)


def waves(cycles: float, side: int = 1000) -> Picture:
    return as_picture(128 + 60 * np.sin(2 * np.pi * cycles * np.arange(side) / side)[None, :] * np.ones((side, 1)))


def swing(picture: Picture) -> float:
    """The standard deviation far from the edges."""
    return float(picture[300:-300, 300:-300].std())


def test_the_set_is_large_and_of_all_categories() -> None:
    sizes = Counter(attack.category for attack in ATTACKS.values())
    assert len(ATTACKS) >= 120
    assert set(sizes) == set(Category)
    assert min(sizes.values()) >= 10
    assert {attack.copies for attack in ATTACKS.values() if attack.category == Category.COLLUSION} == {2, 3, 4, 5, 8}


@pytest.mark.parametrize("kind", [kind for kind in ATTACKS if not kind.startswith(PHOTOS) and "monitor" not in kind])
def test_every_kind_makes_one_picture_and_the_same_one_again(kind: str) -> None:
    films = [film() for _ in range(8)]
    before = films[0].copy()
    found, again = (ATTACKS[kind](films, seed=seed_of(kind), others=[film(200, 300, 2)]) for _ in range(2))
    assert found.dtype == (np.uint16 if kind == "file-12-bit" else np.uint8)
    assert found.ndim == 2 or found.shape[2:] == (3,)
    assert found.std() > 2
    np.testing.assert_array_equal(found, again)
    np.testing.assert_array_equal(films[0], before)


def test_too_few_copies_are_refused() -> None:
    with pytest.raises(ValueError, match="4 films"):
        ATTACKS["average-4"]([film()] * 3, seed=1)
    with pytest.raises(ValueError, match="of one shape"):
        ATTACKS["average-2"]([film(), film(200, 200)], seed=1)


def test_the_band_of_the_mark_is_weakened_and_the_rest_is_kept() -> None:
    weak = {cycles: swing(band_stopped(waves(cycles))) / swing(waves(cycles)) for cycles in (4, 40, 300)}
    assert weak[40] < 0.5
    assert weak[4] > 0.9
    assert weak[300] > 0.9


def test_wavelets_come_back_where_nothing_is_shrunk() -> None:
    picture = as_picture(film(203, 187) * 255)
    np.testing.assert_array_equal(wavelet_shrunk(picture, threshold=0), picture)
    assert np.abs(np.diff(wavelet_shrunk(picture).astype(int))).mean() < np.abs(np.diff(picture.astype(int))).mean() / 2


def test_taking_the_residue_away_twice_over_turns_it_round() -> None:
    noise = np.random.default_rng(3).normal(0, 3, (200, 200))
    before, after = as_picture(128 + noise), residue_subtracted(as_picture(128 + noise))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] < 0.3


def test_few_greys_are_few_and_dots_keep_the_mean() -> None:
    picture = as_picture(film() * 255)
    assert len(np.unique(posterised(picture, 4))) <= 16
    assert set(np.unique(dithered(picture))) == {0, 255}
    assert dithered(picture).mean() == pytest.approx(picture.mean(), abs=2)


def test_a_crop_has_its_share_of_the_area() -> None:
    picture = as_picture(film(1000, 800) * 255)
    part = cropped(picture, 0.04, np.random.default_rng(1))
    assert part.size == pytest.approx(0.04 * picture.size, rel=0.02)


def test_bending_fetches_pixels_from_where_it_says() -> None:
    picture = as_picture(film() * 255)
    still = np.zeros(picture.shape, np.float32)
    np.testing.assert_array_equal(bent(picture, still + 5, still - 3)[10:200, 10:200], picture[15:205, 7:197])


def test_colluders_leave_what_they_say() -> None:
    films = [film(seed=seed) for seed in (1, 2, 3)]
    stack, random = np.stack(films), np.random.default_rng(1)
    np.testing.assert_array_equal(middle(films), np.sort(stack, axis=0)[1])
    np.testing.assert_allclose(between(films), (stack.min(axis=0) + stack.max(axis=0)) / 2)
    extremes = smallest_or_largest(films, random)
    assert ((extremes == stack.min(axis=0)) | (extremes == stack.max(axis=0))).all()
    owners = patchwork(films, random)[None] == stack
    assert owners.any(axis=0).all()
    assert (owners.mean(axis=(1, 2)) > 0.1).all()
    np.testing.assert_allclose(extrapolated(films), np.clip(2 * films[0] - films[1], 0, 1))


def test_the_sheet_of_a_collage_shows_the_other_films_too() -> None:
    from attacks import Leak

    leak = Leak((film(),), (np.full((300, 260), 0.25, np.float32),), np.random.default_rng(1))
    sheet = collage(leak, 2)
    assert (sheet == 64).mean() > 0.3


def test_the_grid_of_a_monitor_makes_moire_and_a_photo_without_has_none() -> None:
    even = np.full((300, 300), 160, np.uint8)
    random = np.random.default_rng
    spread = {
        grid: float(
            of_monitor(even, random(1), Phone(width=400, grid=grid, blur=0.4, full_well=1e6), height=270)[
                130:170, 180:220
            ].std()
        )
        for grid in (0.0, 0.6)
    }
    assert spread[0.6] > 3 * spread[0.0]


def test_few_electrons_make_a_noisy_photo() -> None:
    even = np.full((300, 300), 160, np.uint8)
    noise = {
        electrons: float(
            of_light_box(even, np.random.default_rng(1), Phone(width=400, full_well=electrons))[140:160, 190:210].std()
        )
        for electrons in (100, 1e6)
    }
    assert noise[100] > 2 * noise[1e6]


def test_a_photo_and_a_print_follow_the_film() -> None:
    ramp = as_picture(np.linspace(30, 220, 400)[None, :] * np.ones((400, 1)))
    photo = of_monitor(ramp, np.random.default_rng(1), SMALL, height=270)[150, 90:310, 1].astype(float)
    assert np.polyfit(np.arange(photo.size), photo, 1)[0] > 0.2
    sheet = printed(ramp, np.random.default_rng(1))
    across = sheet[600:1100].mean(axis=0)[150:-150]
    assert (np.diff(across[:: len(across) // 12]) > 0).all()


def test_a_messenger_shrinks_once() -> None:
    picture = as_picture(film(1500, 1200) * 255)
    assert messenger(picture, times=3).shape == (1280, 1024)
    assert messenger(picture[:400, :400]).shape == (400, 400)
