"""Regions: who owns each pixel.

Regions partition a film: every pixel belongs to exactly one. A region is shown or covered and has one key; there is no
other algebra.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from leadglass.errors import InputError

Mask = NDArray[np.bool_]


class RegionKind(StrEnum):
    """What a region covers, the most sensitive first: where outlines overlap, the earlier kind owns the pixel."""

    TEXT = "text"
    HEART = "heart"
    LUNG_RIGHT = "lung_right"
    LUNG_LEFT = "lung_left"
    REST = "rest"


_GROUPS: Mapping[str, tuple[RegionKind, ...]] = {
    "lungs": (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT),
    "all": tuple(RegionKind),
}


def region_kinds(names: Iterable[str], *, present: Iterable[RegionKind]) -> tuple[RegionKind, ...]:
    """The kinds that ``names`` stand for on a film that has ``present``, in order of sensitivity.

    ``lungs`` means both lungs, ``all`` every kind of the film.

    Raises:
        InputError: a name is no kind, or the film has no outline for it.
    """
    have = tuple(present)
    wanted: set[RegionKind] = set()
    for name in names:
        kinds = _GROUPS.get(name) or tuple(kind for kind in RegionKind if kind == name)
        found = have if name == "all" else tuple(kind for kind in kinds if kind in have)
        if not found or (name != "all" and len(found) < len(kinds)):
            raise InputError(
                f"this film has no region {name!r}",
                hint=f"it has: {', '.join(have)} (all: every one of them; lungs: both lungs)",
            )
        wanted.update(found)
    return tuple(kind for kind in RegionKind if kind in wanted)


@dataclass(frozen=True, eq=False)
class Region:
    """One kind's share of a film, as run-length rows.

    ``runs`` has shape (n, 3), int32: row, first column, column after the last; sorted by row and column, without overlap.
    """

    kind: RegionKind
    runs: NDArray[np.int32]

    @staticmethod
    def of(kind: RegionKind, mask: Mask) -> Region:
        """The region of the pixels where ``mask`` (rows, columns) is true."""
        edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
        rows, starts = np.nonzero(edges == 1)
        _, stops = np.nonzero(edges == -1)
        return Region(kind, np.stack([rows, starts, stops], axis=1).astype(np.int32))

    def mask(self, rows: int, columns: int) -> Mask:
        """The region as a boolean picture of shape (rows, columns)."""
        edges = np.zeros((rows, columns + 1), dtype=np.int8)
        edges[self.runs[:, 0], self.runs[:, 1]] += 1
        edges[self.runs[:, 0], self.runs[:, 2]] -= 1
        filled: Mask = np.cumsum(edges[:, :-1], axis=1, dtype=np.int8).astype(bool)
        return filled

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int((self.runs[:, 2] - self.runs[:, 1]).sum())


@dataclass(frozen=True, eq=False)
class Partition:
    """Every pixel of a film of ``rows`` x ``columns``, each in exactly one region. Empty regions are left out.

    Raises:
        ValueError: the regions do not partition the film, or a kind stands twice.
    """

    rows: int
    columns: int
    regions: tuple[Region, ...]

    def __post_init__(self) -> None:
        if len({region.kind for region in self.regions}) != len(self.regions):
            raise ValueError("a kind stands twice in the partition")
        owners = np.zeros((self.rows, self.columns), dtype=np.uint8)
        for region in self.regions:
            owners += region.mask(self.rows, self.columns)
        if not bool((owners == 1).all()):
            raise ValueError("the regions do not partition the film")

    @property
    def kinds(self) -> tuple[RegionKind, ...]:
        return tuple(region.kind for region in self.regions)

    def region(self, kind: RegionKind) -> Region:
        """The region of ``kind``; KeyError when the film has none."""
        for region in self.regions:
            if region.kind is kind:
                return region
        raise KeyError(kind)

    def mask(self, kinds: Iterable[RegionKind]) -> Mask:
        """True where a pixel belongs to one of ``kinds``; shape (rows, columns)."""
        wanted = set(kinds)
        union = np.zeros((self.rows, self.columns), dtype=np.bool_)
        for region in self.regions:
            if region.kind in wanted:
                union |= region.mask(self.rows, self.columns)
        return union


@dataclass(frozen=True, eq=False)
class Patch:
    """The samples under one region, all frames: what is sealed when the region is covered.

    ``samples`` has shape (frames, pixels of the region) or (frames, pixels, samples per pixel), pixels in the order of
    the region's runs (row by row, left to right), in the container's own type with its unused bits as received.
    """

    region: Region
    rows: int
    columns: int
    samples: NDArray[np.generic]
