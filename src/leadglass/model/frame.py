"""A frame: one image as stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Frame:
    """One image as stored (PS3.3 C.7.6.3), before any grey scale transformation.

    ``samples`` has shape (rows, columns), or (rows, columns, samples per pixel), in the container's own type: uint8,
    int8, uint16, int16, uint32 or int32. The container may hold more than ``bits_stored`` bits; what lies above them is
    not part of the image.
    """

    samples: NDArray[Any]
    photometric: str
    bits_stored: int

    @property
    def rows(self) -> int:
        return int(self.samples.shape[0])

    @property
    def columns(self) -> int:
        return int(self.samples.shape[1])

    @property
    def signed(self) -> bool:
        return bool(self.samples.dtype.kind == "i")

    @property
    def inverted(self) -> bool:
        """True where the lowest stored value is displayed white (MONOCHROME1)."""
        return self.photometric == "MONOCHROME1"

    def with_samples(self, samples: NDArray[Any]) -> Frame:
        """The same image description over other samples of the same shape and type."""
        return replace(self, samples=samples)

    def same_as(self, other: Frame) -> bool:
        """Whether description and every sample agree."""
        return (
            self.photometric == other.photometric
            and self.bits_stored == other.bits_stored
            and self.samples.dtype == other.samples.dtype
            and np.array_equal(self.samples, other.samples)
        )
