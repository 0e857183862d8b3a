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
        InputError: there is no name, one is no kind, or the film has no outline for it.
    """
    have = tuple(present)
    wanted: set[RegionKind] = set()
    names = tuple(names)
    if not names:
        raise InputError("no region was named", hint=f"this film has: {', '.join(have)}")
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
        # A false pixel after each row: as one line, starts and stops take turns and no run goes on into the next row.
        width = mask.shape[1] + 1
        line = np.zeros(1 + mask.shape[0] * width, dtype=np.bool_)
        line[1:].reshape(mask.shape[0], width)[:, :-1] = mask
        starts, stops = np.flatnonzero(line[1:] != line[:-1]).reshape(-1, 2).T
        return Region(kind, np.stack([starts // width, starts % width, stops % width], axis=1).astype(np.int32))

    def mask(self, rows: int, columns: int) -> Mask:
        """The region as a boolean picture of shape (rows, columns)."""
        filled = np.zeros(rows * columns, dtype=np.bool_)
        # Runs are few and long: slices are ten times faster than a sum over every pixel.
        for start, stop in self.spans(columns).tolist():
            filled[start:stop] = True
        return filled.reshape(rows, columns)

    def spans(self, columns: int) -> NDArray[np.int64]:
        """The runs as (first, after the last) pixel of a film of ``columns``, counted row by row; shape (n, 2)."""
        return self.runs[:, :1].astype(np.int64) * columns + self.runs[:, 1:]

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
        runs = np.concatenate([np.zeros((0, 3), np.int32), *(region.runs for region in self.regions)])
        within = (runs[:, 1] >= 0) & (runs[:, 1] < runs[:, 2]) & (runs[:, 2] <= self.columns)
        spans = np.concatenate([np.zeros((0, 2), np.int64), *(region.spans(self.columns) for region in self.regions)])
        spans = spans[np.argsort(spans[:, 0], kind="stable")]
        # In order each run begins where the one before it stopped, from the first pixel to the last.
        begins = np.append(spans[:, 0], self.rows * self.columns)
        stops = np.insert(spans[:, 1], 0, 0)
        if not bool(within.all()) or not np.array_equal(begins, stops):
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
