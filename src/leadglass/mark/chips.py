"""``leadglass/mark@v1``: which grids a film carries, and the keyed +-1 chips on them.

The grids of a film of ``rows`` x ``columns`` pixels have 64, 128, 256 and 512 cells on its longer side; one with cells
smaller than a pixel and a half is left out. Chips are the bits of Philox 4x64 (Salmon et al. 2011) under the first 16 bytes
of the mark's key, coarsest grid first, row by row. Of what happens to pictures 16 to 100 cycles per film width survive most:
below shading and glare win, above screens, lenses and messengers.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FORMAT = "leadglass/mark@v1"

AMPLITUDES = {64: 1.1, 128: 1.4, 256: 1.1, 512: 0.5}
"""Relative amplitude of each grid, by its cells on the longer side."""

_SMALLEST_CELL = 1.5

Shape = tuple[int, int]
Coefficients = NDArray[np.float32]
"""One number a chip, all grids behind one another."""


def grids(rows: int, columns: int) -> tuple[int, ...]:
    """The grids of a film, coarsest first, each named by its cells on the longer side; the coarsest is always there."""
    longer = max(rows, columns)
    return tuple(n for n in AMPLITUDES if n == min(AMPLITUDES) or n * _SMALLEST_CELL <= longer)


def shape(grid: int, rows: int, columns: int) -> Shape:
    """Rows and columns of cells of one grid over a film."""
    longer = max(rows, columns)
    return max(1, round(grid * rows / longer)), max(1, round(grid * columns / longer))


def count(rows: int, columns: int) -> int:
    """Number of chips of a film."""
    return sum(r * c for r, c in (shape(n, rows, columns) for n in grids(rows, columns)))


def chips(key: bytes, rows: int, columns: int) -> NDArray[np.int8]:
    """The +-1 chips of one key over a film, all grids behind one another.

    Raises:
        ValueError: the key has not 32 bytes.
    """
    if len(key) != 32:
        raise ValueError(f"the key of a mark has 32 bytes, not {len(key)}")
    needed = count(rows, columns)
    words = np.random.Philox(key=int.from_bytes(key[:16], "little")).random_raw(-(-needed // 64))
    bits = np.unpackbits(words.astype("<u8", copy=False).view(np.uint8), count=needed, bitorder="little")
    return bits.astype(np.int8) * np.int8(2) - np.int8(1)


def by_grid(values: NDArray[np.generic], rows: int, columns: int) -> tuple[NDArray[np.generic], ...]:
    """Values of all chips as one picture a grid; views."""
    shapes = [shape(n, rows, columns) for n in grids(rows, columns)]
    ends = np.cumsum([0, *(r * c for r, c in shapes)])
    return tuple(values[a:b].reshape(each) for (a, b), each in zip(pairwise(ends), shapes, strict=True))
