"""Judge outlines: accepted as a whole or void as a whole.

Whoever drew the masks, a model or a person, they pass here before anything relies on them. The patient's right lung is at
the image's left, as films are hung and as PA and AP views are stored. Limits are wide: they are there for what no chest
looks like, and lie outside everything measured on some hundred films of adults and children.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from leadglass.anatomy.enlarge import grown
from leadglass.anatomy.pieces import largest_share
from leadglass.model.region import Mask, RegionKind

_SMALL = 256
"""Masks are judged on every n-th pixel, so that the longer side is no more than this."""

_RIM = 2
"""Small pixels: a lung that comes so near to the film's edge goes on beyond it."""

_HEART_MARGIN = 0.04
"""Added around the heart where it is to be covered, as a share of the chest's width: its line is the least sure."""


class Structure(StrEnum):
    """What is outlined beside the regions: nobody is given or refused it by itself, and it may overlap anything."""

    RIBS = "ribs"
    CLAVICLE_ZONE_RIGHT = "clavicle_zone_right"
    CLAVICLE_ZONE_LEFT = "clavicle_zone_left"
    BODY = "body"


@dataclass(frozen=True, eq=False)
class Outlines:
    """Masks of the film's own shape, which may overlap, and how sure whoever drew them is, from 0 to 1.

    An abstention has no masks of regions, confidence 0 and says ``why``; where there are masks ``why`` is empty. It may
    still have the structure ``body``: what has to be covered then. Lungs include the part behind the heart.
    """

    masks: Mapping[RegionKind, Mask]
    confidence: float
    why: str
    structures: Mapping[Structure, Mask] = field(default_factory=dict)

    @property
    def abstained(self) -> bool:
        return not self.masks

    def for_cover(self) -> Mapping[RegionKind, Mask]:
        """The masks that a partition is made of: the heart with a margin of 4 % of the chest's width around it.

        Where a lung is missing, the film's width stands for the chest's.
        """
        heart = self.masks.get(RegionKind.HEART)
        lungs = [self.masks[kind] for kind in (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT) if kind in self.masks]
        if heart is None:
            return self.masks
        width = heart.shape[1]
        columns = np.flatnonzero(np.logical_or.reduce([mask.any(axis=0) for mask in lungs] or [np.zeros(width, bool)]))
        if len(lungs) == 2 and columns.size:
            width = int(columns[-1] - columns[0]) + 1
        return {**self.masks, RegionKind.HEART: grown(heart, round(_HEART_MARGIN * width))}


def abstain(why: str, *, body: Mask | None = None) -> Outlines:
    """No outlines, for that reason; ``body`` is what the film shows of the patient, where it is known."""
    return Outlines({}, 0.0, why, {} if body is None else {Structure.BODY: body})


def judge(found: Outlines) -> Outlines:
    """``found`` where its masks could be those of a PA or AP chest film, an abstention where they could not.

    Raises:
        ValueError: the masks differ in shape.
    """
    if found.abstained:
        return found
    shapes = {mask.shape for mask in (*found.masks.values(), *found.structures.values())}
    if len(shapes) != 1:
        raise ValueError("the masks differ in shape")
    step = max(1, -(-max(shapes.pop()) // _SMALL))
    fault = implausible({kind: mask[::step, ::step] for kind, mask in found.masks.items()})
    return found if fault is None else abstain(fault, body=found.structures.get(Structure.BODY))


def implausible(masks: Mapping[RegionKind, Mask]) -> str | None:
    """The first thing about masks of one shape that no chest film shows; null where there is none."""
    missing = [kind for kind in (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT) if kind not in masks]
    if missing:
        return f"no outline of {' and '.join(missing)}"
    right, left = masks[RegionKind.LUNG_RIGHT], masks[RegionKind.LUNG_LEFT]
    areas = [float(mask.mean()) for mask in (right, left)]
    if min(areas) < 0.03 or not 0.08 <= sum(areas) <= 0.65:
        return "the lungs are too small or too large for the film"
    if not 0.4 <= areas[1] / areas[0] <= 2.2:
        return "one lung is far larger than the other"
    for kind, mask in masks.items():
        if mask.any() and largest_share(mask) < 0.97:
            return f"the outline of {kind} is in pieces"
    if (right & left).sum() > 0.02 * (right | left).sum():
        return "the lungs overlap"
    tops, bottoms, firsts, lasts = zip(*(_box(mask) for mask in (right, left)), strict=True)
    if _middle(right)[1] >= _middle(left)[1] or lasts[0] > firsts[1] + 0.15 * (lasts[1] - firsts[0]):
        return "the right lung is not at the image's left"
    height, width = max(bottoms) - min(tops), lasts[1] - firsts[0]
    if not 0.5 <= height / width <= 1.9 or height < 0.3 * right.shape[0]:
        return "the lungs are not of a chest's proportions"
    if abs(_middle(right)[0] - _middle(left)[0]) > 0.25 * height:
        return "the lungs are not side by side"
    if min(_leaving(mask, mask[-_RIM:], axis=0) for mask in (right, left)) > 0.3:
        return "the film ends above the lungs' lower borders"
    if max(_leaving(right, right[:, :_RIM], axis=1), _leaving(left, left[:, -_RIM:], axis=1)) > 0.6:
        return "the film ends within a lung"
    heart = masks.get(RegionKind.HEART)
    if heart is None:
        return None
    row, column = _middle(heart)
    inside = min(tops) < row < max(bottoms) + 0.1 * height and _middle(right)[1] < column < _middle(left)[1]
    if not inside or not 0.1 <= float(heart.mean()) / sum(areas) <= 1.2:
        return "the heart does not lie between the lungs"
    return None


def _box(mask: Mask) -> tuple[int, int, int, int]:
    """First row, row after the last, first column and column after the last of a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _leaving(mask: Mask, edge: Mask, *, axis: int) -> float:
    """How much of a lung's extent lies at the film's edge, from 0 to 1."""
    return int(edge.any(axis=axis).sum()) / max(1, int(mask.any(axis=axis).sum()))


def _middle(mask: Mask) -> tuple[float, float]:
    """Mean row and column; (0, 0) where the mask is empty."""
    rows, columns = np.nonzero(mask)
    return (float(rows.mean()), float(columns.mean())) if rows.size else (0.0, 0.0)
