"""What an attacker sees of a film: the product's own veil at the film's own size, and what block means would show beside.

A partition is drawn on the grid of a site (a thirty-second of the longer side) or along the outlines (cells of one pixel).
Every cover has a seed of its own, as every release has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from hashlib import sha256

import numpy as np
from films import Film
from numpy.typing import NDArray

from leadglass.model.access import CoverStyle
from leadglass.model.region import Partition, RegionKind
from leadglass.veil import STYLES, cover, partition

Bytes = NDArray[np.uint8]
Real = NDArray[np.float64]
View = Callable[[Film], Bytes]
"""What is seen of a film, shape (rows, columns)."""

LUNGS = frozenset({RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT})
HEART = frozenset({RegionKind.HEART})
REST = frozenset({RegionKind.REST})
ALL = frozenset(RegionKind)

_CELLS = 32


def parted(film: Film, *, grid: bool) -> Partition:
    """Who owns each pixel, on the grid or along the outlines."""
    rows, columns = film.frame.rows, film.frame.columns
    edge = -(-max(rows, columns) // _CELLS) if grid else 1
    outlines = film.outlines.for_cover() if grid else film.outlines.masks
    return partition(outlines, rows=rows, columns=columns, grid=edge)


def covered(film: Film, hide: Collection[RegionKind], *, style: CoverStyle, grid: bool = True) -> Bytes:
    """The film with those of ``hide`` covered that it has."""
    parts = parted(film, grid=grid)
    seed = sha256(film.path.encode()).digest()
    seen = cover(film.frame, parts, set(hide) & set(parts.kinds), seed=seed, style=STYLES[style])
    samples: Bytes = seen.samples.astype(np.uint8)
    return samples


def whole(film: Film) -> Bytes:
    samples: Bytes = film.frame.samples.astype(np.uint8)
    return samples


def hole(film: Film, *, grid: bool) -> Bytes:
    """Where the lungs are hidden, and nothing else."""
    mask: Bytes = parted(film, grid=grid).mask(LUNGS).astype(np.uint8) * 255
    return mask


def blocks(film: Film, count: int) -> Bytes:
    """Means of ``count`` x ``count`` blocks, and nothing else."""
    samples = film.frame.samples.astype(np.float64)
    rows, columns = (np.linspace(0, side, count + 1).astype(int) for side in samples.shape)
    sums = np.add.reduceat(np.add.reduceat(samples, rows[:-1], axis=0), columns[:-1], axis=1)
    means: Bytes = np.rint(sums / np.outer(np.diff(rows), np.diff(columns))).astype(np.uint8)
    return means


def _veil(hide: Collection[RegionKind], *, style: CoverStyle = CoverStyle.MOSAIC, grid: bool = True) -> View:
    return lambda film: covered(film, hide, style=style, grid=grid)


def _lungs(name: str, hide: Collection[RegionKind]) -> dict[str, View]:
    """The four styles on the grid, and the two plain ones along the outlines."""
    return {
        **{f"{name}, {style}, grid": _veil(hide, style=style) for style in CoverStyle},
        **{
            f"{name}, {style}, outline": _veil(hide, style=style, grid=False)
            for style in (CoverStyle.MOSAIC, CoverStyle.SOLID)
        },
    }


VIEWS: Mapping[str, View] = {
    "whole film": whole,
    "everything hidden": _veil(ALL),
    **_lungs("only the lungs shown", ALL - LUNGS),
    **_lungs("lungs hidden", LUNGS),
    "heart hidden, mosaic, grid": _veil(HEART),
    "heart hidden, mosaic, outline": _veil(HEART, grid=False),
    "lungs and heart hidden, mosaic, grid": _veil(LUNGS | HEART),
    "only rest hidden, mosaic, grid": _veil(REST),
    "hole of the lungs alone, grid": lambda film: hole(film, grid=True),
    "hole of the lungs alone, outline": lambda film: hole(film, grid=False),
    "everything hidden, coarse": _veil(ALL, style=CoverStyle.COARSE),
    "block means, 16 x 16": lambda film: blocks(film, 16),
    "block means, 8 x 8": lambda film: blocks(film, 8),
    "block means, 4 x 4": lambda film: blocks(film, 4),
}
"""By what the tables call them."""


def _size(film: Film) -> Real | None:
    """Rows and columns of the file a film was made from, as logarithms; null where the pack does not know."""
    return None if film.size is None else np.log(np.array(film.size, float))


def sealed_lengths(film: Film, *, steps: int | None = None, rest: bool = False) -> Real:
    """The area of each region as a share of the film: how long its sealed item is, since samples are sealed as they are.

    ``steps`` rounds up to that part of the film, as padding would; ``rest`` pads what no outline names to the whole film.
    """
    parts = parted(film, grid=True)
    share = {region.kind: region.area / (parts.rows * parts.columns) for region in parts.regions}
    shares = np.array([share.get(kind, 0.0) for kind in RegionKind if kind is not RegionKind.TEXT])
    if steps is not None:
        shares = np.ceil(shares * steps) / steps
    if rest:
        shares[-1] = 1
    return shares


FIGURES: Mapping[str, Callable[[Film], Real | None]] = {
    "everything hidden, rows and columns of the file": _size,
    "everything hidden, lengths of the sealed regions": sealed_lengths,
    "the same, padded to sixteenths of the film": lambda film: sealed_lengths(film, steps=16),
    "the same, padded to quarters": lambda film: sealed_lengths(film, steps=4),
    "the same, padded to quarters, and rest to the whole": lambda film: sealed_lengths(film, steps=4, rest=True),
    "the same, padded to thirds, and rest to the whole": lambda film: sealed_lengths(film, steps=3, rest=True),
}
"""What else a file says of a film covered whole, as numbers; null for a film of which it is not known."""
