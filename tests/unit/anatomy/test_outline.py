"""Accepted as a whole or void as a whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from leadglass.anatomy import Outlines, Structure, abstain, judge
from leadglass.anatomy.enlarge import grown
from leadglass.model.region import Mask, RegionKind

Masks = dict[RegionKind, Mask]
RIGHT, LEFT, HEART = RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT, RegionKind.HEART


def ellipse(row: float, column: float, height: float, width: float, shape: tuple[int, int] = (500, 400)) -> Mask:
    y, x = np.ogrid[: shape[0], : shape[1]]
    inside: Mask = ((y - row) / height) ** 2 + ((x - column) / width) ** 2 < 1
    return inside


def plausible() -> Masks:
    return {
        RIGHT: ellipse(220, 110, 160, 70),
        LEFT: ellipse(220, 290, 160, 65),
        HEART: ellipse(280, 215, 80, 75),
    }


def test_a_plausible_chest_is_accepted_as_it_is() -> None:
    found = Outlines(plausible(), 0.7, "")
    assert judge(found) is found


def test_lungs_without_a_heart_are_accepted() -> None:
    masks = plausible()
    del masks[HEART]
    assert not judge(Outlines(masks, 0.7, "")).abstained


def swapped(masks: Masks) -> Masks:
    return masks | {RIGHT: masks[LEFT], LEFT: masks[RIGHT]}


def in_pieces(masks: Masks) -> Masks:
    return masks | {RIGHT: masks[RIGHT] | ellipse(470, 30, 25, 25)}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda masks: {RIGHT: masks[RIGHT]}, "no outline of lung_left"),
        (swapped, "image's left"),
        (in_pieces, "pieces"),
        (lambda masks: masks | {LEFT: ellipse(220, 290, 60, 40)}, "far larger"),
        (lambda masks: masks | {LEFT: ellipse(220, 290, 20, 20)}, "too small"),
        (lambda masks: masks | {LEFT: ellipse(220, 170, 160, 65)}, "overlap"),
        (lambda masks: masks | {LEFT: ellipse(340, 290, 150, 65)}, "side by side"),
        (lambda masks: masks | {RIGHT: ellipse(220, 110, 70, 85), LEFT: ellipse(220, 300, 70, 85)}, "proportions"),
        (lambda masks: {kind: mask[:300] for kind, mask in masks.items()}, "lower borders"),
        (lambda masks: {kind: mask[:, 130:] for kind, mask in masks.items()}, "far larger"),
        (lambda masks: {kind: mask[:, 70:] for kind, mask in masks.items()}, "within a lung"),
        (lambda masks: masks | {HEART: ellipse(60, 60, 50, 50)}, "heart"),
        (lambda masks: masks | {HEART: np.zeros((500, 400), dtype=np.bool_)}, "heart"),
        (lambda masks: {kind: np.zeros_like(mask) for kind, mask in masks.items()}, "too small"),
        (lambda masks: {kind: np.ones_like(mask) for kind, mask in masks.items()}, "too large"),
    ],
)
def test_what_no_chest_looks_like_is_void(spoil: Callable[[Masks], Masks], why: str) -> None:
    judged = judge(Outlines(spoil(plausible()), 0.9, ""))
    assert judged.abstained
    assert judged.confidence == 0
    assert why in judged.why


def test_an_abstention_stays_one() -> None:
    assert judge(abstain("lateral")).why == "lateral"


def test_masks_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        judge(Outlines(plausible() | {HEART: np.ones((5, 5), dtype=np.bool_)}, 0.9, ""))


def test_the_heart_is_covered_with_a_margin_and_drawn_without() -> None:
    found = Outlines(plausible(), 0.7, "")
    covered = found.for_cover()
    margin = round(0.04 * (353 - 41 + 2))
    assert found.masks[HEART].sum() < covered[HEART].sum()
    assert np.array_equal(covered[HEART], grown(found.masks[HEART], margin))
    assert covered[RIGHT] is found.masks[RIGHT]


def test_without_a_heart_nothing_is_widened_and_without_lungs_it_is_by_the_films_width() -> None:
    for masks in ({}, {RIGHT: plausible()[RIGHT]}):
        assert Outlines(masks, 0.7, "").for_cover() == masks
    heart = plausible()[HEART]
    alone = Outlines({HEART: heart}, 0.7, "").for_cover()[HEART]
    assert (alone | heart == alone).all()
    assert np.flatnonzero(alone.any(axis=0)).size > np.flatnonzero(heart.any(axis=0)).size + 0.06 * heart.shape[1]


def test_an_abstention_may_know_the_body() -> None:
    found = abstain("turned", body=ellipse(250, 200, 240, 190))
    assert found.abstained
    assert set(found.structures) == {Structure.BODY}
    assert not abstain("turned").structures


def test_the_body_outlives_a_void_outline() -> None:
    body = ellipse(250, 200, 240, 190)
    judged = judge(Outlines(swapped(plausible()), 0.9, "", {Structure.BODY: body, Structure.RIBS: body}))
    assert judged.abstained
    assert dict(judged.structures) == {Structure.BODY: body}
