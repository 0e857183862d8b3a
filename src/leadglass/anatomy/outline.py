"""Judge outlines: accepted as a whole or void as a whole.

Whoever drew the masks, a fitted shape or a model, they pass here before anything relies on them. The patient's right lung is
at the image's left, as films are hung and as PA and AP views are stored. Limits are wide: they are there for what no chest
looks like, and lie outside everything measured on some hundred films of adults and children.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from leadglass.model.region import Mask, Region, RegionKind

_SMALL = 256
"""Masks are judged on every n-th pixel, so that the longer side is no more than this."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """Masks of the film's own shape, which may overlap, and how sure whoever drew them is, from 0 to 1.

    An abstention has no masks, confidence 0 and says ``why``; where there are masks ``why`` is empty.
    """

    masks: Mapping[RegionKind, Mask]
    confidence: float
    why: str

    @property
    def abstained(self) -> bool:
        return not self.masks


def abstain(why: str) -> Outlines:
    """No outlines, for that reason."""
    return Outlines({}, 0.0, why)


def judge(found: Outlines) -> Outlines:
    """``found`` where its masks could be those of a PA or AP chest film, an abstention where they could not.

    Raises:
        ValueError: the masks differ in shape.
    """
    if found.abstained:
        return found
    shapes = {mask.shape for mask in found.masks.values()}
    if len(shapes) != 1:
        raise ValueError("the masks differ in shape")
    missing = [kind for kind in (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT) if kind not in found.masks]
    if missing:
        return abstain(f"no outline of {' and '.join(missing)}")
    step = max(1, -(-max(shapes.pop()) // _SMALL))
    small = {kind: mask[::step, ::step] for kind, mask in found.masks.items()}
    fault = _fault(small)
    return found if fault is None else abstain(fault)


def _fault(masks: Mapping[RegionKind, Mask]) -> str | None:
    """The first thing about small masks that no chest film shows."""
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
    if (
        sum(_middle(right)) == 0
        or _middle(right)[1] >= _middle(left)[1]
        or lasts[0] > firsts[1] + 0.15 * (lasts[1] - firsts[0])
    ):
        return "the right lung is not at the image's left"
    height, width = max(bottoms) - min(tops), lasts[1] - firsts[0]
    if not 0.5 <= height / width <= 1.9 or height < 0.3 * right.shape[0]:
        return "the lungs are not of a chest's proportions"
    if abs(_middle(right)[0] - _middle(left)[0]) > 0.25 * height:
        return "the lungs are not side by side"
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


def _middle(mask: Mask) -> tuple[float, float]:
    """Mean row and column; (0, 0) where the mask is empty."""
    rows, columns = np.nonzero(mask)
    return (float(rows.mean()), float(columns.mean())) if rows.size else (0.0, 0.0)


def largest_share(mask: Mask) -> float:
    """The largest 4-connected piece's share of the area, from 0 to 1; 0 where the mask is empty."""
    runs = Region.of(RegionKind.REST, mask).runs.tolist()
    parents = list(range(len(runs)))

    def piece(run: int) -> int:
        while parents[run] != run:
            parents[run] = run = parents[parents[run]]
        return run

    above = 0
    for number, (row, start, stop) in enumerate(runs):
        # Runs come row by row: what lies in the row above and ends left of this one cannot touch what comes after either.
        while runs[above][0] < row - 1 or (runs[above][0] == row - 1 and runs[above][2] <= start):
            above += 1
        touching = above
        while runs[touching][0] == row - 1 and runs[touching][1] < stop:
            parents[piece(touching)] = piece(number)
            touching += 1
    areas = Counter[int]()
    for number, (_, start, stop) in enumerate(runs):
        areas[piece(number)] += stop - start
    return max(areas.values(), default=0) / max(1, areas.total())
