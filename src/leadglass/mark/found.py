"""What passes between whoever has the keys and whoever looks at strangers' pictures: arrays, numbers and boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadglass.mark.chips import Coefficients

Grey = NDArray[np.uint8]
Samples = NDArray[np.uint16]

WORKING_SIDE = 1024
"""Pixels; the longer side of an original as it is handed to the aligner."""


@dataclass(frozen=True, eq=False)
class Original:
    """A film as the aligner sees it.

    ``samples`` is the film, reduced by area to a longer side of at most ``WORKING_SIDE``, its range stretched to 16 bits, in
    the sense of MONOCHROME2 or not: tone is fitted anyway. ``amplitude`` is ``spread.amplitude`` of the film. ``rows`` and
    ``columns`` are the film's own, ``spacing`` is millimetres a film pixel (row, column) where the file says so.
    """

    samples: Samples
    amplitude: NDArray[np.uint8]
    rows: int
    columns: int
    spacing: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Page:
    """One picture out of a stranger's file.

    ``picture`` has shape (rows, columns), is grey, white 255 or 65,535, and was reduced by area where it was larger than the
    reader hands on. ``number`` counts from 1 to ``of`` over what the file holds: pages of a PDF or TIFF, frames of a DICOM
    object. ``kind`` names the format that the content was read as, such as ``png``.
    """

    picture: Grey | Samples
    number: int
    of: int
    kind: str


@dataclass(frozen=True)
class Candidate:
    """A film that a picture may show: the number it was loaded under, and how many features agree in place."""

    film: int
    votes: float
    inliers: int


@dataclass(frozen=True)
class Box:
    """A rectangle, in pixels of the found picture; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, eq=False)
class Alignment:
    """A found picture brought back onto one original.

    ``coefficients`` has shape (hypotheses, chips): one row for each way of aligning that is to be tried, every one of
    them made without any key. ``homography`` (3 x 3) leads from film pixels to picture pixels; ``outline`` is the film's
    four corners there. ``inliers`` counts the features that agree. ``found`` and ``expected`` show, in the film's frame
    and at one size, the picture as it was brought back and the original in the picture's tone; ``valid`` says where the
    picture shows the film at all, uncovered. ``altered`` are places where they differ beyond tone and geometry,
    strongest first, and ``difference`` how much, 0 to 255.
    """

    coefficients: NDArray[np.float32]
    homography: NDArray[np.float64]
    outline: NDArray[np.float64]
    inliers: int
    mirrored: bool
    inverted: bool
    found: Grey
    expected: Grey
    valid: NDArray[np.bool_]
    difference: Grey
    altered: tuple[Box, ...]


__all__ = ["WORKING_SIDE", "Alignment", "Box", "Candidate", "Coefficients", "Grey", "Original", "Page", "Samples"]
