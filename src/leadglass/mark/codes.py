"""A descriptor as a list and eight bytes: the quantisers that every site shares.

Descriptors are projected onto 64 directions, put into the list of the nearest centroid, and what is left is written as a
product code (Jegou, Douze and Schmid, IEEE PAMI 33(1), 2011). The quantisers are shipped (``codebook/``) and never trained
at a site, so that a row means the same everywhere and for ever: another codebook is another version of the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Lists = NDArray[np.uint16]

DIRECTIONS: Final = 64
LISTS: Final = 4096
CODE: Final = 8
"""Bytes of a product code."""
_WORDS: Final = 256
_PART: Final = DIRECTIONS // CODE


@dataclass(frozen=True, eq=False)
class Codebook:
    """``mean`` (128), ``projection`` (128, 64), ``centroids`` (lists, 64), ``words`` (bytes of a code, 256, 8)."""

    mean: Floats
    projection: Floats
    centroids: Floats
    words: Floats

    def project(self, descriptors: Floats) -> Floats:
        """RootSIFT of shape (n, 128) to (n, 64)."""
        return np.asarray((descriptors - self.mean) @ self.projection, np.float32)

    def encode(self, projected: Floats) -> tuple[Lists, Bytes]:
        """The list of every vector of shape (n, 64), and its code of shape (n, 8)."""
        lists = _nearest(projected, self.centroids)
        rest = projected - self.centroids[lists]
        parts = [_nearest(part, words) for part, words in zip(np.split(rest, CODE, axis=1), self.words, strict=True)]
        return lists.astype(np.uint16), np.stack(parts, axis=1).astype(np.uint8)

    def decode(self, lists: Lists, codes: Bytes) -> Floats:
        """About the vectors that were encoded, of shape (n, 64)."""
        rest = self.words[np.arange(CODE), codes].reshape(len(codes), DIRECTIONS)
        return self.centroids[lists] + rest


def _nearest(vectors: Floats, centres: Floats) -> NDArray[np.intp]:
    """For every vector the place of the nearest centre; of equals the first."""
    half_norms = 0.5 * np.einsum("kd,kd->k", centres, centres)
    return np.asarray(np.argmax(vectors @ centres.T - half_norms, axis=1), np.intp)


@cache
def codebook() -> Codebook:
    """The codebook of rows of version 1."""
    with files(__package__).joinpath("codebook", "v1.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return Codebook(*(arrays[name].astype(np.float32) for name in ("mean", "projection", "centroids", "words")))
