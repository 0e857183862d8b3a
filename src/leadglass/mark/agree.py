"""How many features of a picture lie where they would have to lie, if it shows a film.

Every match of two features with place, diameter and direction proposes a similarity; the one that most others agree with is
refined to an affine map by least squares. Nothing is drawn at random, so that the same picture gives the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_MATCHES = 120
_FREE, _LEANING = 0.015, 0.15
"""Error allowed in the place of a match, of the film's longer side: anywhere, and in proportion to the distance."""
_TOLERANCE = 0.02
_TURN, _OCTAVE = 0.6, 0.7
"""Radians and octaves by which matches may differ."""
_SHEAR = 0.5
"""Of an affine map, how far it may be from a similarity: 1 folds the film flat."""
_CELLS = 50
"""Matches in one of so many cells on the longer side count once: a letter has many features at one place."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Where features are: fractions of the longer side, log2 of the diameter, radians."""

    x: Floats
    y: Floats
    octave: Floats
    angle: Floats

    def only(self, which: NDArray[np.intp]) -> Placed:
        """Some of them, in the order given."""
        return Placed(self.x[which], self.y[which], self.octave[which], self.angle[which])

    def points(self) -> NDArray[np.complex64]:
        """Places as complex numbers."""
        return (self.x + 1j * self.y).astype(np.complex64)


def agreeing(found: Placed, found_vectors: Floats, stored: Placed, stored_vectors: Floats) -> int:
    """The number of places of a film at which a picture shows what the film has there."""
    which, whom = _matches(found_vectors, stored_vectors)
    if len(which) < 3:
        return 0
    return _count(found.only(which), stored.only(whom))


def _matches(found: Floats, stored: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The clearest matches: a feature of the picture with its nearest of the film, by the gap to the second nearest."""
    if len(stored) < 2:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    distances = np.einsum("nd,nd->n", stored, stored) - 2 * (found @ stored.T)
    distances += np.einsum("nd,nd->n", found, found)[:, np.newaxis]
    whom = distances.argmin(axis=1)
    rows = np.arange(len(found))
    nearest = np.maximum(distances[rows, whom], 1e-9)
    distances[rows, whom] = np.inf
    ratio = nearest / np.maximum(distances.min(axis=1), 1e-9)
    best = np.argsort(ratio, kind="stable")[:_MATCHES]
    return best, whom[best]


def _count(found: Placed, stored: Placed) -> int:
    p, q = found.points(), stored.points()
    turn, octave = stored.angle - found.angle, stored.octave - found.octave
    alike = (np.abs(octave[:, np.newaxis] - octave) < _OCTAVE) & (_turned(turn[:, np.newaxis] - turn) < _TURN)
    similarity = np.exp2(octave) * np.exp(1j * turn)
    leaning = q - q[:, np.newaxis]
    error = np.abs(similarity[:, np.newaxis] * (p - p[:, np.newaxis]) - leaning)
    agree = alike & (error < _FREE + _LEANING * np.abs(leaning))
    best = int(agree.sum(axis=1).argmax())
    inside, near = agree[best], alike[best]
    for _ in range(3):
        inside = _refined(p, q, inside, near)
    cells = np.floor(q[inside].real * _CELLS) * (2 * _CELLS) + np.floor(q[inside].imag * _CELLS)
    back = np.round(p[inside].real * 500) * 2000 + np.round(p[inside].imag * 500)
    return min(len(np.unique(cells)), len(np.unique(back)))


def _refined(
    p: NDArray[np.complex64], q: NDArray[np.complex64], inside: NDArray[np.bool_], near: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which of the matches ``near`` an affine map through the matches ``inside`` brings to their places."""
    if inside.sum() < 4:
        return inside
    terms = np.stack([p, p.conj(), np.ones_like(p)], axis=1).astype(np.complex128)
    wanted = q.astype(np.complex128)
    solution, *_ = np.linalg.lstsq(terms[inside], wanted[inside], rcond=1e-3)
    if np.abs(solution[1]) > _SHEAR * np.abs(solution[0]):
        return inside
    return near & (np.abs(terms @ solution - wanted) < _TOLERANCE)


def _turned(angles: Floats) -> Floats:
    """The size of an angle, at most half a turn."""
    half = np.float32(np.pi)
    return np.asarray(np.abs((angles + half) % (2 * half) - half), np.float32)
