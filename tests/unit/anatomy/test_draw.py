"""What becomes of a model's answer: drawn, or void as a whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from leadglass.anatomy.belief import Answer, Limits, limits, measures, shape
from leadglass.anatomy.draw import body, clavicle_zone, draw, refusal, undrawn
from leadglass.anatomy.outline import Outlines, Structure
from leadglass.anatomy.prepare import SIDE, Placed
from leadglass.errors import ConfigError
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, RegionKind

PLACED = Placed.of(960, 960)
RIGHT, LEFT, HEART = RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT, RegionKind.HEART


def ellipse(row: float, column: float, height: float, width: float, *, soft: float = 1.0) -> NDArray[np.float32]:
    """Chances: sure inside, sure outside, a border ``soft`` pixels wide."""
    y, x = np.mgrid[:SIDE, :SIDE]
    far = (np.hypot((y - row) / height, (x - column) / width) - 1) * min(height, width)
    return np.clip(0.5 - far / (2 * soft), 0, 1).astype(np.float32)


def answer(**changes: NDArray[np.float32]) -> Answer:
    chances = {
        "right": ellipse(85, 60, 60, 28),
        "left": ellipse(85, 130, 60, 26),
        "heart": ellipse(110, 100, 32, 32),
        "ribs": np.tile((np.arange(SIDE) % 16 < 7).astype(np.float32)[:, np.newaxis], (1, SIDE)),
        "pose": np.eye(9, dtype=np.float32)[0],
    } | changes
    return Answer(np.stack([chances[name] for name in ("right", "left", "heart", "ribs")]), chances["pose"])


def picture() -> NDArray[np.float32]:
    """A body that leaves air to its left and right."""
    greys = np.zeros((SIDE, SIDE), np.float32)
    greys[:, 20:172] = 0.8
    return greys


def like(one: Answer) -> Limits:
    """Limits under which ``one`` is an ordinary film."""
    mean = shape(one.chances[0] > 0.5, one.chances[1] > 0.5, PLACED)
    return Limits("0" * 64, 0.2, 4.0, 0.5, mean, np.eye(len(mean)) * 1000)


def drawn(one: Answer) -> Outlines:
    return draw(one, picture(), PLACED, like(answer()))


def dice(one: Mask, other: Mask) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


def test_a_sure_answer_is_drawn_at_the_films_size() -> None:
    found = drawn(answer())
    assert (found.why, found.abstained) == ("", False)
    assert set(found.masks) == {RIGHT, LEFT, HEART}
    assert set(found.structures) == set(Structure)
    assert {mask.shape for mask in (*found.masks.values(), *found.structures.values())} == {(960, 960)}
    large = answer().chances.repeat(5, axis=1).repeat(5, axis=2) > 0.5
    for kind, mask in zip((RIGHT, LEFT, HEART), large, strict=False):
        assert dice(found.masks[kind], mask) > 0.98
    assert found.confidence > 0.5


def test_the_same_answer_gives_the_same_outlines() -> None:
    one, other = drawn(answer()), drawn(answer())
    assert all(np.array_equal(one.masks[kind], other.masks[kind]) for kind in one.masks)
    assert all(np.array_equal(one.structures[each], other.structures[each]) for each in Structure)
    assert one.confidence == other.confidence


def test_ribs_are_drawn_within_the_lungs_alone() -> None:
    found = drawn(answer())
    ribs, lungs = found.structures[Structure.RIBS], found.masks[RIGHT] | found.masks[LEFT]
    assert 0.3 * lungs.sum() < ribs.sum() < 0.6 * lungs.sum()
    assert (ribs & ~lungs).sum() < 0.02 * ribs.sum()


def test_the_body_holds_the_lungs_and_not_the_air() -> None:
    found = drawn(answer())
    shown = found.structures[Structure.BODY]
    assert not ((found.masks[RIGHT] | found.masks[LEFT]) & ~shown).any()
    assert not shown[:, :60].any()
    assert shown[:, 130:830].all()


def test_specks_and_holes_are_no_part_of_an_outline() -> None:
    right = answer().chances[0].copy()
    right[170:174, 20:24] = 1
    right[80:84, 58:62] = 0
    found = drawn(answer(right=right))
    assert np.array_equal(found.masks[RIGHT], drawn(answer()).masks[RIGHT])


def test_zones_of_the_clavicles_lie_over_the_apices() -> None:
    found = drawn(answer())
    right, left = found.structures[Structure.CLAVICLE_ZONE_RIGHT], found.structures[Structure.CLAVICLE_ZONE_LEFT]
    for zone, lung in ((right, found.masks[RIGHT]), (left, found.masks[LEFT])):
        rows, apex = np.flatnonzero(zone.any(axis=1)), np.flatnonzero(lung.any(axis=1))[0]
        assert rows[0] < apex < rows[-1]
    assert np.flatnonzero(right.any(axis=0)).mean() < np.flatnonzero(left.any(axis=0)).mean()


def test_a_zone_ends_with_the_film() -> None:
    right, left = answer(right=ellipse(20, 20, 60, 28), left=ellipse(20, 172, 60, 28)).chances[:2] > 0.5
    zone = clavicle_zone(right, left, PLACED, side=Structure.CLAVICLE_ZONE_RIGHT)
    assert zone.shape == (960, 960)
    assert zone[0, 0]


def posed(number: int) -> NDArray[np.float32]:
    return np.eye(9, dtype=np.float32)[number]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda: {"pose": posed(1)}, "turned"),
        (lambda: {"pose": posed(2)}, "upside down"),
        (lambda: {"pose": posed(3)}, "turned"),
        (lambda: {"pose": posed(4)}, "may be mirrored"),
        (lambda: {"pose": posed(6)}, "mirrored and turned"),
        (lambda: {"pose": posed(8)}, "whole PA or AP chest"),
        (lambda: {"right": ellipse(85, 60, 60, 28, soft=16), "left": ellipse(85, 130, 60, 26, soft=16)}, "unsure"),
        (lambda: {"right": ellipse(85, 60, 60, 14), "left": ellipse(85, 125, 60, 30)}, "unlike that of any film"),
        (lambda: {"right": ellipse(85, 130, 60, 28), "left": ellipse(85, 60, 60, 28)}, "image's left"),
        (lambda: {"heart": ellipse(20, 20, 10, 10)}, "heart"),
        (lambda: {"left": np.zeros((SIDE, SIDE), np.float32)}, "too small"),
        (lambda: {"right": np.full((SIDE, SIDE), np.nan, np.float32)}, "no numbers"),
    ],
)
def test_one_doubt_voids_all_outlines(change: Callable[[], dict[str, NDArray[np.float32]]], why: str) -> None:
    found = drawn(answer(**change()))
    assert found.abstained
    assert why in found.why
    assert found.confidence == 0
    assert set(found.structures) == {Structure.BODY}


def test_confidence_falls_with_doubt_and_is_one_half_at_its_limit() -> None:
    pose = np.array([0.5, 0, 0, 0, 0.5, 0, 0, 0, 0], np.float32)
    assert drawn(answer()).confidence > drawn(answer(pose=pose)).confidence == 0.5


def test_a_film_like_the_mean_is_at_no_distance() -> None:
    one = answer()
    found = measures(one, one.chances[0] > 0.5, one.chances[1] > 0.5, PLACED, like(one))
    assert found["distance"] == 0
    assert found["strange"] == 0
    assert 0 < found["unsure"] < 1


def test_a_film_without_air_is_body_throughout() -> None:
    assert body(np.full((SIDE, SIDE), 0.5, np.float32), PLACED).all()
    speck = np.zeros((SIDE, SIDE), np.float32)
    speck[90:96, 90:96] = 1
    assert body(speck, PLACED).all()


def test_a_void_film_of_any_shape_has_a_body_of_its_size() -> None:
    placed = Placed.of(300, 170)
    found = undrawn("lateral", picture(), placed)
    assert (found.why, found.abstained) == ("lateral", True)
    assert found.structures[Structure.BODY].shape == (300, 170)


@pytest.mark.parametrize(
    ("view", "modality", "why"),
    [
        ("LL", "DX", "view"),
        ("RL", "DX", "view"),
        ("RLD", "CR", "view"),
        ("LATERAL", "DX", "view"),
        ("XX", "DX", "view"),
        ("PA", "CT", "radiograph"),
        (None, "US", "radiograph"),
    ],
)
def test_other_views_and_modalities_are_not_tried(view: str, modality: str, why: str) -> None:
    film = Frame(np.zeros((460, 400), np.uint8), "MONOCHROME2", 8)
    assert why in (refusal(film, view=view, modality=modality) or "")


@pytest.mark.parametrize("view", ["PA", "AP", "", None])
@pytest.mark.parametrize("modality", ["DX", "CR", "RG", "", None])
def test_frontal_views_and_silent_headers_are_tried(view: str | None, modality: str | None) -> None:
    assert refusal(Frame(np.zeros((460, 400), np.uint8), "MONOCHROME2", 8), view=view, modality=modality) is None


@pytest.mark.parametrize("shape", [(64, 64), (1, 1), (100, 3000), (3000, 100), (460, 400, 3)])
def test_films_of_no_chests_size_or_in_colour_are_not_tried(shape: tuple[int, ...]) -> None:
    assert refusal(Frame(np.zeros(shape, np.uint8), "MONOCHROME2", 8), view=None, modality=None)


def test_limits_of_another_format_are_refused() -> None:
    with pytest.raises(ConfigError, match="format"):
        Limits.read(b'{"format": "leadglass/outlines@v2"}')


def test_the_shipped_limits_are_whole() -> None:
    held = limits()
    assert held.precision.shape == (len(held.mean), len(held.mean))
    assert np.allclose(held.precision, held.precision.T)
    assert np.linalg.eigvalsh(held.precision).min() > 0
    assert min(held.unsure, held.distance, held.strange) > 0
