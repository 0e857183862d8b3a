"""Which films a picture shows, and where: candidates by their features, each compared in full, one part after the other.

No key is looked at here. A part of a picture has several answers where films are so alike that only their releases can tell
them apart: one that came in twice, or films of one patient that lie on each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.mark.found import Alignment, Candidate, Grey, Samples

FILMS_A_PICTURE = 6
"""Parts of one picture that are looked at."""
CANDIDATES = 8
"""Films that are compared in full before a picture, or what is left of it, counts as showing none of ours."""
AS_LIKELY = 0.5
"""Of the features that agree with the film that was found: so many may make another one the right one."""
WHATEVER_AGREES = 2
"""So many candidates are compared in full though hardly a feature of theirs agrees in place."""
AGREEING, AGREEING_BESIDE = 4, 8
"""Features that agree in place, from which on the other candidates are compared; beside a film that was found already."""
SURELY = 40
"""Features that agree before a film counts as ours though no release is named: films of strangers had up to 37."""
_ONE_PLACE = 0.5
"""Share of the smaller of two outlines that lies in the other, from which on both are of one part of the picture."""
_POINTS = (np.arange(8) + 0.5) / 8

Picture = Grey | Samples
Outline = NDArray[np.float64]
Find = Callable[[Picture, Sequence[Outline]], Sequence[Candidate]]
Align = Callable[[Picture, int], Alignment | None]


@dataclass(frozen=True, eq=False)
class Placed:
    """A film, by its number in the index, and how the picture was brought back onto it."""

    film: int
    alignment: Alignment


def places(picture: Picture, *, find: Find, align: Align) -> list[tuple[Placed, ...]]:
    """What each part of a picture shows, the film that fits best first.

    ``find`` is given the picture and the outlines of what was found already, ``align`` the picture and a film's number.
    """
    found: list[tuple[Placed, ...]] = []
    rest = picture
    while len(found) < FILMS_A_PICTURE:
        candidates = find(rest, [part[0].alignment.outline for part in found])
        parts = _parted(_matching(rest, candidates, align, first=not found))
        if not parts:
            break
        found += parts
        for part in parts:
            rest = _without(rest, part[0].alignment.outline)
    return found[:FILMS_A_PICTURE]


def _parted(placed: Iterable[Placed]) -> list[tuple[Placed, ...]]:
    """By part of the picture: films that lie on each other are answers to one question, others are found side by side."""
    parts: list[list[Placed]] = []
    for each in sorted(placed, key=lambda placed: -placed.alignment.inliers):
        outline = each.alignment.outline
        here = [part for part in parts if _overlap(part[0].alignment.outline, outline) >= _ONE_PLACE]
        if here:
            here[0].append(each)
        else:
            parts.append([each])
    return [tuple(part) for part in parts]


def _overlap(one: Outline, other: Outline) -> float:
    """Of two outlines the share of either that lies in the other, whichever is more."""
    return max(float(_inside(other, *_spread(one)).mean()), float(_inside(one, *_spread(other)).mean()))


def _spread(outline: Outline) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points all over a quadrilateral: x and y."""
    a, b = _POINTS[:, np.newaxis, np.newaxis], _POINTS[np.newaxis, :, np.newaxis]
    top_left, top_right, bottom_right, bottom_left = outline
    points = (1 - a) * ((1 - b) * top_left + b * top_right) + a * ((1 - b) * bottom_left + b * bottom_right)
    return points[..., 0], points[..., 1]


def _matching(picture: Picture, candidates: Sequence[Candidate], align: Align, *, first: bool) -> Iterator[Placed]:
    """The first candidate that the picture shows, and those that are about as likely."""
    enough = 0.0
    first_of_all, others = candidates[:WHATEVER_AGREES], candidates[WHATEVER_AGREES:]
    ordered = [*first_of_all, *sorted(others, key=lambda candidate: -candidate.inliers)]
    for rank, candidate in enumerate(ordered):
        # Beside a film that was found there is mostly none, and features of words and frames agree with anything.
        doubtful = (rank >= WHATEVER_AGREES or not first) and candidate.inliers < (AGREEING if first else AGREEING_BESIDE)
        if candidate.inliers < enough or doubtful:
            continue
        alignment = align(picture, candidate.film)
        if alignment is not None:
            enough = max(enough, AS_LIKELY * candidate.inliers)
            yield Placed(candidate.film, alignment)


def _without(picture: Picture, outline: Outline) -> Picture:
    """The picture with one grey where a film was found, so that what is found next is another one."""
    rest = picture.copy()
    rest[_inside(outline, np.arange(picture.shape[1])[np.newaxis], np.arange(picture.shape[0])[:, np.newaxis])] = int(
        picture.mean()
    )
    return rest


def _inside(outline: Outline, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
    """Which points lie in a convex outline."""
    edges = np.roll(outline, -1, axis=0) - outline
    sides = [dx * (y - top) - dy * (x - left) for (left, top), (dx, dy) in zip(outline, edges, strict=True)]
    left = np.all(np.stack([side >= 0 for side in sides]), axis=0)
    right = np.all(np.stack([side <= 0 for side in sides]), axis=0)
    return np.asarray(left | right)
