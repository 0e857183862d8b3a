"""Ask the linear attacker about every view: areas under the curve by source, each with an interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import linear
import numpy as np
from films import FOLDERS, Film, Pair
from measure import Area, area
from numpy.typing import NDArray
from views import FIGURES, VIEWS

Real = NDArray[np.float64]
NAMES = (*VIEWS, *FIGURES)


def by_source(name: str, learned: Sequence[Film], asked: Mapping[str, Film], pairs: Sequence[Pair]) -> dict[str, Area]:
    """The area under the curve of each source of ``pairs``, by an attacker of its own who learned from other patients of it.

    Raises:
        KeyError: there is no view or figure of that ``name``.
    """
    return {source: _of(name, source, learned, asked, pairs) for source in dict.fromkeys(pair.source for pair in pairs)}


def _of(name: str, source: str, learned: Sequence[Film], asked: Mapping[str, Film], pairs: Sequence[Pair]) -> Area:
    seen = {film.path: inputs for film in learned if film.source == source and (inputs := _inputs(name, film)) is not None}
    films = [film for film in learned if film.path in seen]
    attacker = linear.fit(np.stack(list(seen.values())), [film.patient for film in films], [source] * len(films))
    paths = sorted({path for pair in pairs if pair.source == source for path in (pair.one, pair.other)})
    known = {path: inputs for path in paths if (inputs := _inputs(name, asked[path])) is not None}
    place = attacker.code if name in VIEWS else attacker.place
    places = dict(zip(known, place(np.stack(list(known.values())), source), strict=True))
    # Of unit vectors the nearest are those of the largest product.
    likeness = {
        pair: -float(np.linalg.norm(places[pair.one] - places[pair.other]))
        for pair in pairs
        if pair.one in known and pair.other in known
    }
    return judged(likeness, asked)


def _inputs(name: str, film: Film) -> Real | None:
    """What the attacker is given of a film; null where the pack does not know."""
    return linear.small(VIEWS[name](film)) if name in VIEWS else FIGURES[name](film)


def judged(likeness: Mapping[Pair, float], asked: Mapping[str, Film]) -> Area:
    """The area under the curve of pairs and their likeness."""
    return area(
        np.array(list(likeness.values())),
        np.array([pair.same for pair in likeness]),
        [(asked[pair.one].patient, asked[pair.other].patient) for pair in likeness],
    )


def table(names: Sequence[str], learned: Sequence[Film], asked: Mapping[str, Film], pairs: Sequence[Pair]) -> Iterator[str]:
    """Lines in Markdown, one a view, as they are found."""
    counts = [f"{source} ({sum(pair.source == source for pair in pairs)})" for source in FOLDERS]
    yield f"| what the attacker sees | {' | '.join(counts)} |"
    yield f"|{' --- |' * (len(FOLDERS) + 1)}"
    for name in names:
        found = by_source(name, learned, asked, pairs)
        yield f"| {name} | {' | '.join(str(found[source]) for source in FOLDERS)} |"
