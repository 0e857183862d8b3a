"""Which films a picture shows, and where: candidates by their features, each compared in full, one part after the other.

No key is looked at here. A part of a picture has several answers where films are so alike that only their releases can tell
them apart: one that came in twice, or films of one patient that lie on each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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

Picture = Grey | Samples
Find = Callable[[Picture, Sequence[NDArray[np.float64]]], Sequence[Candidate]]
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
        part = sorted(_matching(rest, candidates, align, first=not found), key=lambda placed: -placed.alignment.inliers)
        if not part:
            break
        found.append(tuple(part))
        rest = _without(rest, part[0].alignment.outline)
    return found


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


def _without(picture: Picture, outline: NDArray[np.float64]) -> Picture:
    """The picture with one grey where a film was found, so that what is found next is another one."""
    rest = picture.copy()
    rows, columns = np.arange(picture.shape[0])[:, np.newaxis], np.arange(picture.shape[1])[np.newaxis]
    edges = np.roll(outline, -1, axis=0) - outline
    sides = [dx * (rows - y) - dy * (columns - x) for (x, y), (dx, dy) in zip(outline, edges, strict=True)]
    inside = np.logical_and.reduce([side >= 0 for side in sides]) | np.logical_and.reduce([side <= 0 for side in sides])
    rest[inside] = int(picture.mean())
    return rest
