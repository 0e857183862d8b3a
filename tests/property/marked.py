"""What a release may change of a shown sample: the recipient's mark, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 9 / 4096
"""Of the stored range."""


def differ_by_a_mark(seen: NDArray[Any], received: NDArray[Any], *, bits: int) -> bool:
    """Whether no sample moved by more than a mark may (or by the one step that its rounding takes), and some did."""
    moved = np.abs(seen.astype(np.int64) - received.astype(np.int64))
    return bool(moved.max() <= max(1, LARGEST * (1 << bits)) and moved.any())
