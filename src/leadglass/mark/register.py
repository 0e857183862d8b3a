"""A found picture brought back onto an original, down to one coefficient a chip.

Features give a homography, Lucas and Kanade's flow what a homography leaves, from coarse sizes to fine. At every step the
covered places are found first, then the tone, then the shift: each would be wrong with what comes before it left out. No key
is known here; ways of aligning that cannot be told apart without one are all handed over, a row of coefficients each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadglass.mark.altered import Altered, altered
from leadglass.mark.chips import by_grid, count
from leadglass.mark.coefficients import Residual, coefficients
from leadglass.mark.descriptors import View
from leadglass.mark.flow import moved, still, through_points
from leadglass.mark.found import Alignment, Box, Coefficients, Grey, Original, Samples
from leadglass.mark.matching import Match, match
from leadglass.mark.moire import without_lines
from leadglass.mark.occlusion import uncovered
from leadglass.mark.tone import Tone, tone
from leadglass.mark.warp import Flow, Shown, corners, magnification, seen, shrunk, through
from leadglass.mark.windows import Field, resized
from leadglass.mark.working import Level, levels

SMALLEST_SIDE, LARGEST_SIDE = 8, 16_384
"""Pixels; pictures with a shorter or a longer side show no film here."""

_FINER = 2.05
"""The finest working size is at most so much larger than the film in the picture: a grid's cells, two pixels each there,
must still be a picture's pixel wide."""
_BENT = 0.0012
"""Root mean square of the shifts between features, in longer sides, above which a picture counts as bent."""
_STILL = 0.01
"""Pixels of a level; a round that moves nothing further ends its level."""


@dataclass(frozen=True)
class _Search:
    """How hard a flow is looked for, by level, coarsest first: rounds, and windows (standard deviation, longer sides)."""

    rounds: tuple[int, ...]
    windows: tuple[float, ...]


_RIGID = _Search(rounds=(1, 2, 3, 1), windows=(1 / 12, 1 / 12, 1 / 12, 1 / 12))
_BENDING = _Search(rounds=(12, 14, 10, 3), windows=(1 / 14, 1 / 26, 1 / 40, 1 / 40))
_SMALL = _Search(rounds=(10, 8), windows=(1 / 14, 1 / 26))
"""For a picture that holds two sizes at most: rounds are cheap there, and the features' places rough."""


@dataclass(frozen=True, eq=False)
class _Fit:
    """A picture beside its film at the finest size used."""

    shown: Shown
    tone: Tone
    weight: Field
    flow: Flow


def align(picture: Grey | Samples, original: Original) -> Alignment | None:
    """``picture`` of shape (rows, columns) brought back onto ``original``; None where it does not show this film.

    Total: any 8 or 16 bit picture gives an answer, and a coefficient is always a number.

    Raises:
        ValueError: the picture is not a grey one of 8 or 16 bits.
    """
    if picture.ndim != 2 or picture.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a picture of {picture.dtype} pixels of {picture.ndim} dimensions cannot be aligned")
    if min(picture.shape) < SMALLEST_SIDE or max(picture.shape) > LARGEST_SIDE:
        return None
    found = match(picture, original)
    return None if found is None else refine(picture, original, found)


def refine(picture: Grey | Samples, original: Original, matched: Match) -> Alignment | None:
    """The alignment that starts from a match by features; None where the picture shows nothing of the film after all."""
    grey = _greys(picture)
    scale = magnification(matched.homography, original, (grey.shape[0], grey.shape[1]))
    if scale <= 0:
        return None
    pyramid = levels(original)
    holds = max(scale * max(original.rows, original.columns) * _FINER, max(pyramid[0].shape))
    used = [level for level in pyramid if max(level.shape) <= holds]
    start = through_points(matched.places, matched.shifts, original)
    flowing = _flowing(grey, scale, matched, used, start, original)
    straight = _fit(grey, scale, matched, used[-1], still(start.shape[:2]))
    return _alignment(flowing, straight, matched, used, original)


def _flowing(grey: Field, scale: float, matched: Match, used: Sequence[Level], flow: Flow, original: Original) -> _Fit:
    bent = float(np.sqrt((flow**2).sum(axis=-1).mean())) > _BENT * max(original.rows, original.columns)
    search = _BENDING if bent else _RIGID if len(used) > 2 else _SMALL
    for level, rounds, window in zip(used, search.rounds, search.windows, strict=False):
        for _ in range(rounds):
            fit = _fit(grey, scale, matched, level, flow)
            flow, step = moved(flow, fit.shown, fit.tone, fit.weight, level, window=window)
            if step < _STILL:
                break
    return _fit(grey, scale, matched, used[-1], flow)


def _fit(grey: Field, scale: float, matched: Match, level: Level, flow: Flow) -> _Fit:
    small, right, down = shrunk(grey, 1 / (scale * level.right))
    shown = seen(small, (right, down), matched.homography, level, flow)
    weight = uncovered(shown.found, shown.inside, level)
    return _Fit(shown, tone(shown.found, weight, level), weight, flow)


def _alignment(flowing: _Fit, straight: _Fit, matched: Match, used: Sequence[Level], original: Original) -> Alignment:
    rows = [_coefficients(each, used, original) for each in (flowing, straight)]
    if len(used) > 1:
        rows.append(_without_finest(rows[0], used, original))
    level, shown = used[-1], flowing.shown
    found, expected, valid = _grey(shown.found), _grey(flowing.tone.expected), shown.inside > 0
    changed = altered(
        found, expected, _grey(level.place), valid, occluded=valid & (flowing.weight == 0), spacing=_spacing(original, level)
    )
    homography = matched.homography
    return Alignment(
        coefficients=np.stack(rows),
        homography=homography,
        outline=through(homography, corners(original.rows, original.columns)),
        inliers=matched.inliers,
        mirrored=matched.view.value[0],
        inverted=matched.view.value[1],
        found=found,
        expected=expected,
        valid=valid,
        difference=changed.difference,
        altered=_in_picture(changed, homography, level, flowing.flow),
    )


def _coefficients(fit: _Fit, used: Sequence[Level], original: Original) -> Coefficients:
    answer = np.zeros(count(original.rows, original.columns), np.float32)
    parts = by_grid(answer, original.rows, original.columns)
    rest = without_lines((fit.shown.found - fit.tone.expected) * fit.weight)
    residual = Residual(fit.tone.expected + rest, fit.tone.expected, fit.tone.slope, fit.weight)
    for level, part in reversed(list(zip(used, parts, strict=False))):
        residual = residual.reduced(level.shape)
        part[...] = coefficients(residual, level)
    return answer


def _without_finest(row: Coefficients, used: Sequence[Level], original: Original) -> Coefficients:
    """The same with the finest grid left out: a strong compression keeps a film's edges there and nothing of a mark."""
    coarse = row.copy()
    by_grid(coarse, original.rows, original.columns)[len(used) - 1][...] = 0
    return coarse


def _spacing(original: Original, level: Level) -> tuple[float, float] | None:
    if original.spacing is None:
        return None
    return original.spacing[0] * level.down, original.spacing[1] * level.right


def _in_picture(changed: Altered, homography: NDArray[np.float64], level: Level, flow: Flow) -> tuple[Box, ...]:
    """Boxes of the film's frame as boxes of the picture."""
    moved_ = resized(flow, level.shape)
    boxes = []
    for box in changed.boxes:
        x = np.array([box.left, box.right, box.right, box.left])
        y = np.array([box.top, box.top, box.bottom, box.bottom])
        at = np.stack([x * level.right - 0.5, y * level.down - 0.5], axis=1)
        at += moved_[np.minimum(y, level.shape[0] - 1), np.minimum(x, level.shape[1] - 1)]
        points = through(homography, at)
        (left, top), (right, bottom) = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
        boxes.append(Box(max(0, int(left)), max(0, int(top)), max(0, int(right)), max(0, int(bottom))))
    return tuple(boxes)


def _greys(picture: Grey | Samples) -> Field:
    """The picture as greys 0 .. 255."""
    if picture.dtype == np.uint8:
        return picture.astype(np.float32)
    low, high = np.percentile(picture[::2, ::2], (0.2, 99.8))
    stretched = (picture.astype(np.float32) - np.float32(low)) * np.float32(255 / max(high - low, 1))
    return np.asarray(np.clip(stretched, -20, 275), np.float32)


def _grey(values: Field) -> Grey:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


__all__ = ["Match", "View", "align", "match", "refine"]
