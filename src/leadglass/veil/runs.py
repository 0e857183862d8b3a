"""Runs as they are stored: n x 3 int32, little endian; row, first column, column after the last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leadglass.errors import MalformedError

MAX_SIDE = 65_535
"""Rows and Columns are of VR US (PS3.3 C.7.6.3)."""

RUN = np.dtype("<i4")


def check_runs(runs: NDArray[np.int32], *, rows: int, columns: int, offset: int) -> None:
    """Return where the runs, shape (n, 3), lie within the film, sorted and without overlap.

    Raises:
        MalformedError: they do not; says which run, and its byte where the first begins at ``offset``.
    """
    row, start, stop = runs[:, 0], runs[:, 1], runs[:, 2]
    bad = (row < 0) | (row >= rows) | (start < 0) | (start >= stop) | (stop > columns)
    same_row = row[1:] == row[:-1]
    bad[1:] |= (row[1:] < row[:-1]) | (same_row & (start[1:] < stop[:-1]))
    if bad.any():
        first = int(np.argmax(bad))
        raise MalformedError(f"run {first}, at byte {offset + 12 * first}, is not in order or not within the film")
