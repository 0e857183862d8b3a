"""A reader of pictures for tests: what alternates sharply is text to it, and nothing else is."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from leadglass.deid.pixels import Located, Picture, Recognised
from leadglass.errors import UnavailableError
from leadglass.testing.films import small_film

SAYS = "WANG 19481117"
"""What every place of text says."""


class Stripes:
    """A ``TextEngine`` that finds stripes. It answers ``answers`` times before it fails for good; None is always."""

    name = "stripes 1"

    def __init__(self, *, answers: int | None = None) -> None:
        self.answers = answers
        self.asked = 0

    def locate(self, pictures: Sequence[Picture]) -> tuple[tuple[Located, ...], ...]:
        self._answer()
        return tuple(tuple(_places(picture)) for picture in pictures)

    def recognise(self, pictures: Sequence[Picture]) -> tuple[Recognised, ...]:
        self._answer()
        return tuple(Recognised(SAYS, 0.99) if any(_places(picture)) else Recognised("", 0.0) for picture in pictures)

    def _answer(self) -> None:
        self.asked += 1
        if self.answers is not None and self.asked > self.answers:
            raise UnavailableError("the reader of stripes fell asleep")


def smooth(*, film: bytes | None = None, lines: Sequence[tuple[int, int]] = ()) -> bytes:
    """A film of a smooth slope, with a line of stripes, 8 rows and 40 columns, from each (top, left) of ``lines``."""
    dataset = dcmread(io.BytesIO(film or small_film(rows=200, columns=160)))
    highest, shape = (1 << dataset.BitsStored) - 1, dataset.pixel_array.shape
    pixels = np.add.outer(np.arange(dataset.Rows), np.arange(dataset.Columns)).astype(dataset.pixel_array.dtype)
    pixels = (pixels + highest // 4) if len(shape) == 2 else np.broadcast_to(pixels + highest // 4, shape).copy()
    for top, left in lines:
        pixels[..., top : top + 8, left : left + 40] = np.where(np.arange(40) % 8 < 4, highest, 0)
    dataset.PixelData = pixels.tobytes()
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _places(picture: Picture) -> Iterator[Located]:
    grey: NDArray[np.int16] = (picture if picture.ndim == 2 else picture[:, :, 0]).astype(np.int16)
    sharp = np.abs(np.diff(grey, axis=1)) > 110
    if sharp.sum() < 4 * min(8, grey.shape[0]):
        return
    rows, columns = np.flatnonzero(sharp.sum(axis=1) >= 3), np.flatnonzero(sharp.sum(axis=0) >= 3)
    if not (rows.size and columns.size):
        return
    y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0] - 2, columns[-1] + 3
    yield Located(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64), 0.9)
