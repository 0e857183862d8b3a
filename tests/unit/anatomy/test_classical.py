"""The classical outline, on drawn chests: where truth is known, no patient is needed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from leadglass.anatomy import Outlines, outlines
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, RegionKind

LUNGS = (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT)


def lungs(rows: int, columns: int, *, shift: float = 0.0) -> dict[RegionKind, Mask]:
    """Two half-domes beside the middle, each cut off by a diaphragm, in shares of the film's width."""
    y, x = ((np.arange(size) + 0.5) / columns for size in (rows, columns))
    down, across = y[:, np.newaxis] - shift, x[np.newaxis] - 0.5
    masks = {}
    for kind, side, floor in ((RegionKind.LUNG_RIGHT, -1, 0.83), (RegionKind.LUNG_LEFT, 1, 0.86)):
        out = across * side
        dome = ((out - 0.05) / 0.36) ** 2 + ((down - 0.84) / 0.70) ** 2 < 1
        diaphragm = down < floor - 0.05 * np.cos((out - 0.05) * 6) + 0.10 * out
        masks[kind] = dome & (out > 0.07) & diaphragm
    return masks


def chest(rows: int = 460, columns: int = 400, *, shift: float = 0.0) -> NDArray[np.float64]:
    """A chest from 0 to 1, dense tissue bright: dark lungs with ribs, a spine, a heart, air beside the body."""
    y, x = ((np.arange(size) + 0.5) / columns for size in (rows, columns))
    down, across = y[:, np.newaxis] - shift, x[np.newaxis] - 0.5
    body = np.clip((0.47 - np.abs(across) + 0.1 * np.clip(down - 0.2, -0.2, 0.1)) * 20, 0, 1)
    picture = 0.62 * body + 0.13 * np.exp(-((across / 0.05) ** 2)) + 0 * down
    air = sum(lungs(rows, columns, shift=shift).values())
    picture = picture - 0.34 * air * (1 + 0.15 * np.sin(down * 70 + across**2 * 60))
    heart = ((across - 0.05) / 0.17) ** 2 + ((down - 0.68) / 0.17) ** 2 < 1
    picture = np.where(heart, 0.66, picture)
    noise = np.random.default_rng(5).normal(0, 0.02, (rows, columns))
    return np.clip(picture + noise, 0, 1)


def frame(picture: NDArray[np.float64], *, bits: int = 8, photometric: str = "MONOCHROME2") -> Frame:
    levels = np.round(picture * (2**bits - 1))
    return Frame(levels.astype(np.uint8 if bits <= 8 else np.uint16), photometric, bits)


def found(film: Frame, *, view: str | None = "PA", modality: str | None = "DX") -> Outlines:
    return outlines(film, view=view, modality=modality)


def dice(one: Mask, other: Mask) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


@pytest.mark.parametrize("shift", [0.0, 0.08])
def test_drawn_lungs_are_found(shift: float) -> None:
    truth = lungs(460, 400, shift=shift)
    answer = found(frame(chest(shift=shift)))
    assert {kind: dice(answer.masks[kind], truth[kind]) > 0.85 for kind in LUNGS} == dict.fromkeys(LUNGS, True)
    assert answer.confidence > 0
    assert answer.why == ""


def test_the_heart_zone_lies_between_the_lungs_and_reaches_further_to_the_patients_left() -> None:
    heart = found(frame(chest())).masks[RegionKind.HEART]
    columns = np.flatnonzero(heart.any(axis=0)) / 400 - 0.5
    assert -0.25 < columns[0] < -0.07
    assert -columns[0] < columns[-1] < 0.35


def test_a_film_stored_inverted_gives_the_same_outlines() -> None:
    plain = found(frame(chest()))
    inverted = found(frame(1 - chest(), photometric="MONOCHROME1"))
    assert all(dice(plain.masks[kind], inverted.masks[kind]) > 0.98 for kind in plain.masks)


def test_sixteen_bits_give_the_same_outlines_as_eight() -> None:
    eight, sixteen = found(frame(chest())), found(frame(chest(), bits=16))
    assert all(dice(eight.masks[kind], sixteen.masks[kind]) > 0.98 for kind in LUNGS)


def test_a_signed_film_gives_the_same_outlines() -> None:
    plain = frame(chest(), bits=12)
    signed = Frame((plain.samples.astype(np.int32) - 2048).astype(np.int16), "MONOCHROME2", 12)
    assert all(np.array_equal(found(plain).masks[kind], found(signed).masks[kind]) for kind in LUNGS)


def test_masks_have_the_films_own_shape() -> None:
    picture = chest(1153, 1001)
    assert {mask.shape for mask in found(frame(picture)).masks.values()} == {(1153, 1001)}


def test_a_header_that_says_nothing_leaves_it_to_the_picture() -> None:
    assert not found(frame(chest()), view=None, modality=None).abstained


@pytest.mark.parametrize(
    ("view", "modality", "why"),
    [("LL", "DX", "view"), ("RLD", "CR", "view"), ("PA", "CT", "radiograph"), (None, "US", "radiograph")],
)
def test_other_views_and_modalities_are_not_tried(view: str | None, modality: str | None, why: str) -> None:
    answer = found(frame(chest()), view=view, modality=modality)
    assert answer.abstained
    assert why in answer.why


def test_colour_is_not_tried() -> None:
    assert "grey" in found(Frame(np.zeros((460, 400, 3), np.uint8), "RGB", 8)).why


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (100, 3000), (3000, 100)])
def test_films_of_no_chests_size_are_not_tried(shape: tuple[int, int]) -> None:
    assert "too" in found(Frame(np.zeros(shape, np.uint8), "MONOCHROME2", 8)).why


def noise() -> NDArray[np.float64]:
    return np.random.default_rng(1).random((460, 400))


def rings() -> NDArray[np.float64]:
    y, x = np.mgrid[:460, :400]
    return 0.5 + 0.5 * np.sin(np.hypot(y - 200, x - 200) / 15)


@pytest.mark.parametrize(
    "picture",
    [
        1 - chest(),
        np.rot90(chest()),
        chest()[::-1],
        chest()[:, :260],
        chest()[260:],
        noise(),
        rings(),
        np.full((460, 400), 0.4),
        np.tile(np.linspace(0, 1, 400), (460, 1)),
    ],
    ids=["inverted", "on its side", "upside down", "half", "below", "noise", "rings", "one grey", "a slope"],
)
def test_what_is_no_upright_chest_gives_no_outline(picture: NDArray[np.float64]) -> None:
    answer = found(frame(picture), view=None, modality=None)
    assert answer.abstained
    assert answer.confidence == 0
    assert answer.why
