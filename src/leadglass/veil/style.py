"""What a covered region looks like.

A block average of what lies under a cover identifies the patient as well as the film does, so a style is given a frame whose
hidden pixels are blank already and works from the surround alone. One does not, ``coarse``: it is made of such averages, for
whoever wants them in spite of what they tell (``COARSE_LINKAGE``), and only ``cover`` lets it see. All arithmetic is on
integers and the pattern comes from SHAKE-256: the same inputs give the same samples on every machine and with every version
of the libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import shake_256
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from leadglass.model.access import CoverStyle
from leadglass.model.frame import Frame
from leadglass.model.region import Mask
from leadglass.veil.fill import filled, probed
from leadglass.veil.partition import touched

_TILES = 40
"""Tiles along the longer side of a film."""

_MOST_TILES = 128

_PROBES = 8
"""Pixels looked at along each side of a tile."""

_REACH = 2
"""How far the surround of a tile under a cover goes, in tiles."""

_WEIGHT = 1 << 18
"""Weight of a surrounding tile at distance 1; over 128 x 128 tiles of 32 bits the sums stay below 2**56."""


_COARSE_TILES = 16
"""Tiles of means along the longer side of a film."""

COARSE_LINKAGE = "AUC 0.77 to 0.92 (the films themselves: 0.75 to 0.92; 0.5 is chance)"
"""How surely two films of one patient are told from those of two patients where ``coarse`` covers everything: the range over
four sources of chest films, a linear and a convolutional attacker (``training/reid``)."""


class Style(Protocol):
    """What shows instead of hidden pixels."""

    def __call__(self, frame: Frame, hidden: Mask, *, seed: bytes) -> NDArray[Any]:
        """Samples of the frame's shape and type; those where ``hidden`` (rows, columns) is true are used.

        ``frame`` is blank where ``hidden`` is true, so the answer cannot depend on what is covered (but for ``coarse``). It
        has to follow from the arguments alone and stay within bits stored.
        """
        ...


def mosaic(frame: Frame, hidden: Mask, *, seed: bytes, tile: int | None = None) -> NDArray[Any]:
    """Calm tiles in the greys of the surround, plainly no anatomy.

    ``tile`` is their side in pixels, anchored like the cells of a partition (bind it to the partition's grid, or a multiple,
    so that the two fall together); about 40 fit along the longer side where it is not given.

    A tile takes the median levels of the shown tiles around the cover, the nearer the more, and a seeded step lighter or
    darker. Colours step in brightness only. Palette indices are names and not levels: they get the level at rest.

    Raises:
        ValueError: more than 128 tiles would fit along the longer side.
    """
    longer = max(hidden.shape)
    tile = -(-longer // _TILES) if tile is None else tile
    if tile * _MOST_TILES < longer:
        raise ValueError(f"tiles of {tile} pixels are too small for a film of {longer}")
    planes = np.atleast_3d(frame.samples)
    rest = _at_rest(frame)
    if frame.photometric == "PALETTE COLOR":
        return np.broadcast_to(rest.reshape(frame.samples.shape[2:]), frame.samples.shape)
    covered = touched(hidden, tile)
    steps = _steps(covered.shape, seed)
    tiles: NDArray[Any] = np.empty((*covered.shape, planes.shape[2]), dtype=frame.samples.dtype)
    for plane in range(planes.shape[2]):
        stepped = steps if plane == 0 or not frame.photometric.startswith("YBR") else np.zeros_like(steps)
        tiles[..., plane] = _levels(frame, planes[..., plane], hidden, covered, stepped, tile=tile, rest=int(rest[plane]))
    return _spread(tiles, tile, frame.rows, frame.columns).reshape(frame.samples.shape)


def solid(frame: Frame, hidden: Mask, *, seed: bytes) -> NDArray[Any]:
    """One level: the median of the shown tiles around the cover, and that at rest where none is shown. No pattern."""
    del seed
    planes, rest = np.atleast_3d(frame.samples), _at_rest(frame)
    levels = rest.copy()
    if frame.photometric != "PALETTE COLOR":
        tile = -(-max(hidden.shape) // _TILES)
        covered = touched(hidden, tile)
        for plane in range(planes.shape[2]):
            medians, known = _shown_medians(frame, planes[..., plane], hidden, covered.shape, tile=tile)
            around = known & _grown(covered, _REACH)
            levels[plane] = _percentile(medians[around], 50) if around.any() else rest[plane]
    return np.broadcast_to(levels.reshape(frame.samples.shape[2:]), frame.samples.shape)


def inpaint(frame: Frame, hidden: Mask, *, seed: bytes) -> NDArray[Any]:
    """A smooth fill that goes on from the surround, without a pattern (``veil.fill``). It could be taken for film: a reader
    has to be told what is covered. Palette indices get the level at rest.
    """
    del seed
    if frame.photometric == "PALETTE COLOR":
        return np.broadcast_to(_at_rest(frame).reshape(frame.samples.shape[2:]), frame.samples.shape)
    lowest, highest = _limits(frame)
    planes, step = np.atleast_3d(frame.samples), probed(hidden.shape)
    instead: NDArray[Any] = np.empty(planes.shape, dtype=frame.samples.dtype)
    instead[...] = _at_rest(frame)
    for plane in range(planes.shape[2]):
        fill = filled(_stored(frame, planes[::step, ::step, plane]), hidden, highest=highest - lowest)
        if fill is not None:
            rows, columns, picture = fill
            instead[rows, columns, plane] = picture + lowest
    return instead.reshape(frame.samples.shape)


def coarse(frame: Frame, hidden: Mask, *, seed: bytes) -> NDArray[Any]:
    """The means of the covered samples themselves, in 16 tiles along the longer side. Hides detail, not the patient."""
    del seed
    if frame.photometric == "PALETTE COLOR":
        return np.broadcast_to(_at_rest(frame).reshape(frame.samples.shape[2:]), frame.samples.shape)
    lowest, _ = _limits(frame)
    tile = -(-max(hidden.shape) // _COARSE_TILES)
    planes = np.atleast_3d(frame.samples)
    counts = np.maximum(_tile_sums(hidden.astype(np.int64), tile), 1)
    instead: NDArray[Any] = np.empty(planes.shape, dtype=frame.samples.dtype)
    for plane in range(planes.shape[2]):
        means = _tile_sums(np.where(hidden, _stored(frame, planes[..., plane]), 0), tile) // counts + lowest
        instead[..., plane] = _spread(means, tile, frame.rows, frame.columns)
    return instead.reshape(frame.samples.shape)


STYLES: Mapping[CoverStyle, Style] = MappingProxyType(
    {CoverStyle.SOLID: solid, CoverStyle.MOSAIC: mosaic, CoverStyle.INPAINT: inpaint, CoverStyle.COARSE: coarse}
)


def level_at_rest(frame: Frame) -> NDArray[Any]:
    """What stands where everything is hidden: a displayed mid-dark grey, one level a plane.

    It follows from bits stored, sign and photometric interpretation (PS3.3 C.7.6.3.1.2) and from nothing else. Chrominance
    is neutral; a palette's index is its first.
    """
    lowest, highest = _limits(frame)
    dark = (highest - lowest) * 5 // 16
    if frame.photometric == "PALETTE COLOR":
        levels = [lowest]
    elif frame.inverted:
        levels = [highest - dark]
    elif frame.photometric.startswith("YBR"):
        levels = [lowest + dark, *[lowest + (highest - lowest + 1) // 2] * 2]
    else:
        levels = [lowest + dark]
    planes = frame.samples.shape[2:]
    if len(levels) > 1 and planes == (len(levels),):
        return np.array(levels, dtype=frame.samples.dtype)
    return np.full(planes, levels[0], dtype=frame.samples.dtype)


def _at_rest(frame: Frame) -> NDArray[Any]:
    """The level at rest of each plane, shape (samples per pixel,)."""
    return np.array(np.broadcast_to(level_at_rest(frame), np.atleast_3d(frame.samples).shape[2:]))


def _stored(frame: Frame, samples: NDArray[Any]) -> NDArray[np.int64]:
    """Stored values above the lowest.

    What lies above bits stored is no part of the image: it goes, and the sign is taken from the highest stored bit.
    """
    values: NDArray[np.int64] = (samples.astype(np.int64) - _limits(frame)[0]) & ((1 << frame.bits_stored) - 1)
    return values


def _spread(tiles: NDArray[Any], tile: int, rows: int, columns: int) -> NDArray[Any]:
    """Each tile as many pixels as it covers, on a film of ``rows`` x ``columns``."""
    return np.repeat(np.repeat(tiles, tile, axis=1)[:, :columns], tile, axis=0)[:rows]


def _tile_sums(values: NDArray[np.int64], tile: int) -> NDArray[np.int64]:
    """The sum of the values in each tile."""
    bands = np.add.reduceat(values, np.arange(0, values.shape[0], tile), axis=0)
    sums: NDArray[np.int64] = np.add.reduceat(bands, np.arange(0, values.shape[1], tile), axis=1)
    return sums


def _limits(frame: Frame) -> tuple[int, int]:
    """The lowest and highest value that bits stored can say."""
    lowest = -(1 << frame.bits_stored - 1) if frame.signed else 0
    return lowest, lowest + (1 << frame.bits_stored) - 1


def _steps(shape: tuple[int, ...], seed: bytes) -> NDArray[np.int64]:
    """A seeded step for each tile, from -128 to 127."""
    stream = shake_256(b"leadglass/mosaic@v1\n" + seed).digest(int(np.prod(shape)))
    steps: NDArray[np.int64] = np.frombuffer(stream, dtype=np.int8).reshape(shape).astype(np.int64)
    return steps


def _levels(
    frame: Frame, plane: NDArray[Any], hidden: Mask, covered: Mask, steps: NDArray[np.int64], *, tile: int, rest: int
) -> NDArray[np.int64]:
    """The level of each tile in one plane, within bits stored; ``rest`` where nothing around is shown."""
    lowest, highest = _limits(frame)
    medians, known = _shown_medians(frame, plane, hidden, covered.shape, tile=tile)
    around = known & _grown(covered, _REACH)
    if not around.any():
        return np.full(covered.shape, rest, dtype=np.int64)
    contrast = _percentile(medians[known], 95) - _percentile(medians[known], 5)
    amplitude = max(1, contrast // 10 or (highest - lowest) // 64)
    levels: NDArray[np.int64] = np.clip(_between(medians, around, covered) + steps * amplitude // 128, lowest, highest)
    return levels


def _shown_medians(
    frame: Frame, plane: NDArray[Any], hidden: Mask, shape: tuple[int, ...], *, tile: int
) -> tuple[NDArray[np.int64], Mask]:
    """The median of the shown pixels of each tile, and the tiles that show any; a few probes a tile are looked at."""
    stride = max(1, tile // _PROBES)
    rows, columns = np.arange(stride // 2, hidden.shape[0], stride), np.arange(stride // 2, hidden.shape[1], stride)
    probes = np.ix_(rows, columns)
    shown = ~hidden[probes]
    lowest, _ = _limits(frame)
    offset = _stored(frame, plane[probes])
    number = (rows // tile)[:, np.newaxis] * shape[1] + columns // tile
    keys = np.sort((number << 32 | offset)[shown])
    numbers = keys >> 32
    firsts = np.flatnonzero(np.diff(numbers, prepend=-1))
    counts = np.diff(firsts, append=keys.size)
    medians = np.zeros(shape, dtype=np.int64)
    known = np.zeros(shape, dtype=np.bool_)
    medians.ravel()[numbers[firsts]] = (keys[firsts + (counts - 1) // 2] & 0xFFFFFFFF) + lowest
    known.ravel()[numbers[firsts]] = True
    return medians, known


def _grown(cells: Mask, reach: int) -> Mask:
    """The cells and those within ``reach`` of them, diagonally too."""
    grown = np.pad(cells, reach)
    for axis in (0, 1):
        grown = np.logical_or.reduce([np.roll(grown, shift, axis=axis) for shift in range(-reach, reach + 1)])
    inner: Mask = grown[reach:-reach, reach:-reach]
    return inner


def _percentile(values: NDArray[np.int64], percent: int) -> int:
    """The value at that rank: one of ``values``, so that no rounding is involved."""
    return int(np.sort(values, axis=None)[(values.size - 1) * percent // 100])


def _between(medians: NDArray[np.int64], around: Mask, covered: Mask) -> NDArray[np.int64]:
    """For each covered tile the surrounding levels, weighted by the inverse square of their distance in tiles.

    Levels beyond the tenth and ninetieth percentile are drawn in: a marker or the edge of a shutter near the cover is not
    smeared over it.
    """
    values = medians[around]
    values = np.clip(values, _percentile(values, 10), _percentile(values, 90))
    rows, columns = np.nonzero(around)
    levels = np.zeros(covered.shape, dtype=np.int64)
    for row in np.flatnonzero(covered.any(axis=1)):
        at = np.flatnonzero(covered[row])
        apart = (rows - row) ** 2 + (columns - at[:, np.newaxis]) ** 2
        weights = _WEIGHT // np.maximum(apart, 1)
        levels[row, at] = (weights * values).sum(axis=1) // weights.sum(axis=1)
    return levels
