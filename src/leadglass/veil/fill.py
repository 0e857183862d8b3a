"""A smooth fill of holes from what surrounds them, on integers.

Each hole takes, nearly, the values of the harmonic function that its edge determines (Laplace's equation), found from the
coarsest level of a pyramid to the finest with a few relaxations at each: the pull and push of Gortler, Grzeszczuk, Szeliski
and Cohen, "The Lumigraph", SIGGRAPH 1996, with the cascade of Bornemann and Deuflhard, Numer. Math. 75 (1996). The finest
level that is relaxed has some 320 cells along its longer side; from there it goes on bilinearly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leadglass.model.region import Mask

_CELLS = 320
"""Cells along the longer side of the finest level that is relaxed."""

_RELAXATIONS = 8

_PROBES = 4
"""Pixels looked at along each side of a cell."""

_FRACTION = 8
"""Binary places of a cell's value."""


def probed(shape: tuple[int, ...]) -> int:
    """The step from one pixel that ``filled`` looks at to the next, on a film of that shape (rows, columns)."""
    return max(1, -(-max(shape) // _CELLS) // _PROBES)


def filled(probes: NDArray[np.int64], hidden: Mask, *, highest: int) -> tuple[slice, slice, NDArray[np.int64]] | None:
    """What to put where ``hidden`` (rows, columns) is true: a picture, 0 to ``highest``, and the rows and columns it is of.

    ``probes`` are every ``probed``-th row and column of the film's values, 0 to ``highest``, below 2**32; those that are
    hidden do not count. None where no probe is shown, or nothing is hidden.
    """
    step = probed(hidden.shape)
    shown = ~hidden[::step, ::step]
    if not shown.any() or not hidden.any():
        return None
    across = -(-max(hidden.shape) // _CELLS) // step
    counts = _sums(shown.astype(np.int64), across)
    sums = _sums(np.where(shown, probes, 0), across)
    means = ((sums << _FRACTION) + counts // 2) // np.maximum(counts, 1)
    smooth, edge = _solved(means, counts > 0), across * step
    if highest << _FRACTION + 2 < (1 << 31) // edge:
        # Half the memory, and nothing overflows: a value, its places, and two weights that add up to twice the edge.
        smooth = smooth.astype(np.int32)
    rows, columns = _reach(np.flatnonzero(hidden.any(axis=1))), _reach(np.flatnonzero(hidden.any(axis=0)))
    tall = _stretched(smooth, edge, hidden.shape[0], axis=0, within=rows)
    wide = _stretched(tall, edge, hidden.shape[1], axis=1, within=columns)
    return rows, columns, np.clip((wide + (1 << _FRACTION - 1)) >> _FRACTION, 0, highest)


def _solved(means: NDArray[np.int64], known: Mask) -> NDArray[np.int64]:
    """``means`` with every cell that is not known filled from those that are; at least one is."""
    if known.all():
        return means
    counts = _sums(known.astype(np.int64), 2)
    coarse = _solved(_sums(np.where(known, means, 0), 2) // np.maximum(counts, 1), counts > 0)
    above = _stretched(_stretched(coarse, 2, means.shape[0], axis=0), 2, means.shape[1], axis=1)
    solved = np.where(known, means, above)
    for _ in range(_RELAXATIONS):
        framed = np.pad(solved, 1, mode="edge")
        around = framed[:-2, 1:-1] + framed[2:, 1:-1] + framed[1:-1, :-2] + framed[1:-1, 2:]
        solved = np.where(known, means, around >> 2)
    return solved


def _sums(values: NDArray[np.int64], cell: int) -> NDArray[np.int64]:
    """The sum of the values in each cell of ``cell`` x ``cell``."""
    bands = np.add.reduceat(values, np.arange(0, values.shape[0], cell), axis=0)
    sums: NDArray[np.int64] = np.add.reduceat(bands, np.arange(0, values.shape[1], cell), axis=1)
    return sums


def _reach(at: NDArray[np.int64]) -> slice:
    """From the first index to the last."""
    return slice(int(at[0]), int(at[-1]) + 1)


def _stretched(
    values: NDArray[np.int64], cell: int, length: int, *, axis: int, within: slice = slice(None)
) -> NDArray[np.int64]:
    """``values`` along ``axis``, drawn out to ``length``: ``cell`` steps each, linearly between the middles of cells; of
    the steps those ``within``.
    """
    # In units of half a step: the middle of cell n is at (2 n + 1) cell, that of step k at 2 k + 1.
    at = np.clip(2 * np.arange(length)[within] + 1 - cell, 0, None)
    low = np.minimum(at // (2 * cell), values.shape[axis] - 1)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    weight = np.minimum(at - low * 2 * cell, 2 * cell).reshape((-1, 1) if axis == 0 else (1, -1)).astype(values.dtype)
    mixed: NDArray[np.int64] = (values.take(low, axis) * (2 * cell - weight) + values.take(high, axis) * weight) // (
        2 * cell
    )
    return mixed
