"""The linear attacker: small pictures, their principal components, and what varies within a patient made to count little.

Within-class covariance normalisation of a projection is the common baseline of verification (Hatch, Kajarekar and Stolcke,
Interspeech 2006; for faces: Eigenfaces, Turk and Pentland 1991). It is fitted in seconds on films covered in the same way as
those it is asked about: an attacker adapts to the veil.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 48
COMPONENTS = 150
_SHRINK = 0.1
"""How much of a round covariance is mixed into that within patients: films are few."""

Real = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Linear:
    """What the attacker learned; ``means`` of each source, and a projection (inputs, components) that whitens."""

    means: dict[str, Real]
    projection: Real

    def place(self, inputs: Real, source: str) -> Real:
        """``inputs`` (n, inputs) as points (n, components), the nearer the likelier of one patient."""
        return (inputs - self.means[source]) @ self.projection

    def code(self, inputs: Real, source: str) -> Real:
        """Unit vectors (n, components) of ``inputs`` (n, inputs), whose products are the likeness of two pictures."""
        codes = self.place(inputs, source)
        lengths = np.linalg.norm(codes, axis=1, keepdims=True)
        unit: Real = np.divide(codes, lengths, out=np.zeros_like(codes), where=lengths > 1e-9)
        return unit


def small(picture: NDArray[np.uint8]) -> Real:
    """A picture as the attacker takes it: 48 x 48 means, standardised; zeros where the picture is of one level."""
    reduced = cv2.resize(picture.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    spread = reduced.std()
    even: Real = (reduced - reduced.mean()).ravel() / spread if spread > 1e-3 else np.zeros(SIDE * SIDE)
    return even


def fit(inputs: Real, patients: Sequence[str], sources: Sequence[str]) -> Linear:
    """Learn from ``inputs`` (n, inputs) of patients with several films each.

    Each source loses its own mean. Components that do not vary are left out: where every film looks the same nothing is
    left, and every likeness is 0.
    """
    own = np.array(sources)
    means = {source: inputs[own == source].mean(axis=0) for source in dict.fromkeys(sources)}
    centred = inputs - np.stack([means[source] for source in sources])
    components = _principal(centred)
    within = _within(centred @ components, patients)
    within += _SHRINK * np.eye(len(within)) * (np.trace(within) / max(1, len(within)))
    spread, turned = np.linalg.eigh(within)
    whitening = turned / np.sqrt(np.maximum(spread, 1e-12))
    return Linear(means, components @ whitening)


def _principal(centred: Real) -> Real:
    """The directions (inputs, components) in which rows of mean zero vary most; none where they do not vary."""
    narrow = centred.shape[0] < centred.shape[1]
    values, vectors = np.linalg.eigh(centred @ centred.T if narrow else centred.T @ centred)
    kept = np.flatnonzero(values > 1e-9 * max(1.0, float(values[-1])))[-COMPONENTS:]
    # The rows' own products have the same values, and their vectors lead back to those of the inputs.
    components: Real = centred.T @ vectors[:, kept] / np.sqrt(values[kept]) if narrow else vectors[:, kept]
    return components


def _within(codes: Real, patients: Sequence[str]) -> Real:
    """The covariance of codes (n, components) around the mean of their patient."""
    _, number = np.unique(np.array(patients), return_inverse=True)
    counts = np.bincount(number)
    means = np.zeros((len(counts), codes.shape[1]))
    np.add.at(means, number, codes)
    apart = codes - (means / counts[:, np.newaxis])[number]
    covariance: Real = apart.T @ apart / max(1, len(codes) - len(counts))
    return covariance
