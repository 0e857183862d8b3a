"""From the model's answer to the outlines of a film.

Small masks are cleaned, judged and believed or not before anything is drawn at the film's size. What is not believed leaves
the body alone, because that is what has to be covered then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from leadglass.anatomy.belief import HEART, LEFT, RIBS, RIGHT, Answer, Limits, doubt, measures
from leadglass.anatomy.enlarge import enlarge
from leadglass.anatomy.outline import Outlines, Structure, abstain, implausible
from leadglass.anatomy.pieces import filled, largest
from leadglass.anatomy.prepare import Picture, Placed
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, RegionKind

T = TypeVar("T", bound=np.generic)

_VIEWS = frozenset({"PA", "AP"})
_MODALITIES = frozenset({"DX", "CR", "RG"})
"""Digital and computed radiography, and digitised film (PS3.3 C.7.3.1.1.1)."""

_LEAST_SIDE = 96
"""Pixels; a smaller film does not show enough to be sure."""
_SHAPES = (0.56, 1.8)
"""Rows over columns of a film of a chest."""

_APEX_ABOVE, _APEX_BELOW = 0.28, 0.24
"""A clavicle zone's reach from the lung's apex, in heights of that lung."""
_OVER_MIDLINE, _OUTSIDE = 0.12, 0.25
"""A clavicle zone's reach over the middle between the lungs, and out of the chest, in widths of that lung."""

_BODY_SHARE = 0.12
"""Brighter than this share of the 90th percentile is body, where darker is air or a collimator."""
_BODY_REACH = 2
"""Small pixels: the picture is blurred and opened by this much, so that cables and letters do not count."""


def refusal(frame: Frame, *, view: str | None, modality: str | None) -> str | None:
    """Why no outline of ``frame`` is even tried; null where it may be.

    ``view`` is View Position (0018,5101) and ``modality`` Modality (0008,0060), null where the header does not say.
    """
    if modality and modality not in _MODALITIES:
        return "not a radiograph"
    if view and view not in _VIEWS:
        return "not a PA or AP view"
    if frame.photometric not in ("MONOCHROME1", "MONOCHROME2") or frame.samples.ndim != 2:
        return "not a grey-scale film"
    if min(frame.rows, frame.columns) < _LEAST_SIDE or not _SHAPES[0] <= frame.rows / frame.columns <= _SHAPES[1]:
        return "the film is too small, too wide or too narrow"
    return None


def undrawn(why: str, picture: Picture, placed: Placed) -> Outlines:
    """An abstention with the body's outline."""
    return abstain(why, body=enlarge(_soft(body(picture, placed), placed), placed))


def draw(answer: Answer, picture: Picture, placed: Placed, against: Limits) -> Outlines:
    """The outlines of a film in ``placed``, or an abstention that knows the body alone.

    ``picture`` is what the model was shown. The confidence is 1 for a film without any doubt, one half where a measure of
    doubt reaches its limit, and 0 for an abstention; it is no probability.
    """
    if not np.isfinite(answer.chances).all() or not np.isfinite(answer.pose).all():
        return undrawn("the model gives no numbers for this film", picture, placed)
    chances = {RegionKind.HEART: HEART, RegionKind.LUNG_RIGHT: RIGHT, RegionKind.LUNG_LEFT: LEFT}
    small = {kind: _cleaned(_inside(answer.chances[channel], placed)) for kind, channel in chances.items()}
    fault = implausible({kind: _film(mask, placed) for kind, mask in small.items()})
    if fault:
        return undrawn(fault, picture, placed)
    right, left = small[RegionKind.LUNG_RIGHT], small[RegionKind.LUNG_LEFT]
    found = measures(answer, right, left, placed, against)
    worst = max(found.values())
    if worst > 1:
        return undrawn(doubt(found, answer.pose), picture, placed)
    masks = {kind: enlarge(_within(answer.chances[channel], small[kind]), placed) for kind, channel in chances.items()}
    structures = _Drawn(
        {
            Structure.RIBS: lambda: enlarge(np.where(right | left, answer.chances[RIBS], np.float32(0)), placed),
            Structure.CLAVICLE_ZONE_RIGHT: lambda: clavicle_zone(right, left, placed, side=Structure.CLAVICLE_ZONE_RIGHT),
            Structure.CLAVICLE_ZONE_LEFT: lambda: clavicle_zone(right, left, placed, side=Structure.CLAVICLE_ZONE_LEFT),
            Structure.BODY: lambda: enlarge(_soft(filled(body(picture, placed) | right | left), placed), placed),
        }
    )
    return Outlines(masks, 1 / (1 + worst**2), "", structures)


def body(picture: Picture, placed: Placed) -> Mask:
    """The patient in the square: brighter than air, in one piece, without holes.

    Where that leaves less than a quarter of the film, or a film has no air beside the patient, the whole film is body.
    """
    film = _film(picture, placed)
    for axis in (0, 1):
        film = _means(film, _BODY_REACH, axis=axis)
    bright = film > _BODY_SHARE * np.percentile(film, 90)
    found = _cleaned(_opened(bright, _BODY_REACH))
    whole = np.zeros(picture.shape, np.bool_)
    target = whole[placed.top : placed.top + placed.height, placed.left : placed.left + placed.width]
    target[...] = found if found.mean() >= 0.25 else True
    return whole


def clavicle_zone(right: Mask, left: Mask, placed: Placed, *, side: Structure) -> Mask:
    """A rectangle in which a clavicle lies, by the lungs' boxes, at the film's size. It is no outline of the bone."""
    top_right, bottom_right, first_right, last_right = _box(right)
    top_left, bottom_left, first_left, last_left = _box(left)
    middle = (last_right + first_left) / 2
    if side is Structure.CLAVICLE_ZONE_RIGHT:
        height, width, top = bottom_right - top_right, last_right - first_right, top_right
        first, last = first_right - _OUTSIDE * width, middle + _OVER_MIDLINE * width
    else:
        height, width, top = bottom_left - top_left, last_left - first_left, top_left
        first, last = middle - _OVER_MIDLINE * width, last_left + _OUTSIDE * width
    scale = placed.rows / placed.height
    zone = np.zeros((placed.rows, placed.columns), np.bool_)
    rows = [round((at - placed.top) * scale) for at in (top - _APEX_ABOVE * height, top + _APEX_BELOW * height)]
    columns = [round((at - placed.left) * scale) for at in (first, last)]
    zone[max(0, rows[0]) : max(0, rows[1]), max(0, columns[0]) : max(0, columns[1])] = True
    return zone


class _Drawn(Mapping[Structure, Mask]):
    """Masks that are drawn when somebody first looks: most readers of outlines need the regions alone."""

    def __init__(self, drawers: Mapping[Structure, Callable[[], Mask]]) -> None:
        self._drawers, self._masks = drawers, dict[Structure, Mask]()

    def __getitem__(self, structure: Structure) -> Mask:
        if structure not in self._masks:
            self._masks[structure] = self._drawers[structure]()
        return self._masks[structure]

    def __iter__(self) -> Iterator[Structure]:
        return iter(self._drawers)

    def __len__(self) -> int:
        return len(self._drawers)


def _film(picture: NDArray[T], placed: Placed) -> NDArray[T]:
    """The part of the square that is film, not padding."""
    return picture[placed.top : placed.top + placed.height, placed.left : placed.left + placed.width]


def _inside(chance: Picture, placed: Placed) -> Mask:
    """Where the chance is above one half, on the film and not on the padding."""
    inside = np.zeros(chance.shape, np.bool_)
    _film(inside, placed)[...] = _film(chance, placed) > 0.5
    return inside


def _cleaned(mask: Mask) -> Mask:
    """The largest piece without holes."""
    return filled(largest(mask)) if mask.any() else mask


def _within(chance: Picture, mask: Mask) -> Picture:
    """The chance inside the mask and at its rim; holes that were filled are sure, what is elsewhere is not there."""
    rim = _near(mask)
    return np.where(mask, np.maximum(chance, 0.501), np.where(rim, np.minimum(chance, 0.5), 0)).astype(np.float32)


def _soft(mask: Mask, placed: Placed) -> Picture:
    """A mask as chances with a soft border, its straight edges at the film's own edges kept."""
    film = _film(mask, placed).astype(np.float32)
    for axis in (0, 1):
        film = _means(film, 1, axis=axis)
    soft = np.zeros(mask.shape, np.float32)
    _film(soft, placed)[...] = film
    return soft


def _means(picture: Picture, reach: int, *, axis: int) -> Picture:
    """Means over ``2 * reach + 1`` pixels along an axis; the border goes on beyond it."""
    padded = np.pad(picture, [(reach, reach) if each == axis else (0, 0) for each in (0, 1)], mode="edge")
    length = picture.shape[axis]
    shifted = [padded.take(range(shift, shift + length), axis) for shift in range(2 * reach + 1)]
    means: Picture = np.mean(shifted, axis=0, dtype=np.float32)
    return means


def _near(mask: Mask) -> Mask:
    """The mask grown by one pixel in four directions."""
    larger = mask.copy()
    larger[1:] |= mask[:-1]
    larger[:-1] |= mask[1:]
    larger[:, 1:] |= mask[:, :-1]
    larger[:, :-1] |= mask[:, 1:]
    return larger


def _opened(mask: Mask, reach: int) -> Mask:
    """The mask without what is thinner than twice ``reach`` pixels."""
    outside = ~mask
    for _ in range(reach):
        outside = _near(outside)
    inside: Mask = ~outside
    for _ in range(reach):
        inside = _near(inside)
    return inside


def _box(mask: Mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
