"""Pictures for the report: films as one looks at them, small, and what was found drawn over them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.dicom.frames import display, png
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, RegionKind

Grey = NDArray[np.uint8]

COLOURS: Mapping[RegionKind, tuple[int, int, int]] = {
    RegionKind.TEXT: (232, 208, 92),
    RegionKind.HEART: (232, 104, 98),
    RegionKind.LUNG_RIGHT: (86, 190, 178),
    RegionKind.LUNG_LEFT: (112, 168, 236),
    RegionKind.REST: (150, 150, 158),
}


def window_of(frame: Frame) -> tuple[float, float]:
    """One window (centre, width) for a film and everything made of it, so that the pictures can be compared."""
    darkest, brightest = np.percentile(frame.samples, (0.5, 99.5))
    return float(darkest + brightest) / 2, max(1.0, float(brightest - darkest))


def look(frame: Frame, *, rows: int, window: tuple[float, float] | None = None) -> Grey:
    """The frame as displayed, some ``rows`` high: each pixel is the mean of a square of samples, so edges may be cut."""
    small = _shrunk(frame.samples, _factor(frame.rows, rows))
    return display(frame.with_samples(small), window=window or window_of(frame.with_samples(small)))


def outlined(picture: Grey, masks: Mapping[RegionKind, Mask], *, rows: int) -> Grey:
    """The picture with each mask as a light tint and a line around it; ``masks`` have the film's own size."""
    coloured: Grey = np.repeat(picture[..., np.newaxis], 3, axis=2)
    for kind, mask in masks.items():
        small = _shrunk(mask.astype(np.uint8) * 255, _factor(mask.shape[0], rows)) > 127
        _paint(coloured, small, kind, strength=0.18)
        _paint(coloured, small & ~_eroded(small), kind, strength=0.95)
    return coloured


def partitioned(picture: Grey, masks: Mapping[RegionKind, Mask], *, rows: int) -> Grey:
    """The picture tinted by region, whole cells as they are sealed."""
    coloured: Grey = np.repeat(picture[..., np.newaxis], 3, axis=2)
    for kind, mask in masks.items():
        small = _shrunk(mask.astype(np.uint8) * 255, _factor(mask.shape[0], rows)) > 127
        _paint(coloured, small, kind, strength=0.12 if kind is RegionKind.REST else 0.4)
    return coloured


def data_uri(picture: Grey) -> str:
    """The picture as a PNG that lies inside the page."""
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode()


def _factor(rows: int, wanted: int) -> int:
    return max(1, round(rows / wanted))


def _shrunk(samples: NDArray[Any], factor: int) -> NDArray[Any]:
    rows, columns = (side // factor for side in samples.shape)
    squares = samples[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    mean: NDArray[Any] = squares.mean(axis=(1, 3)).round().astype(samples.dtype)
    return mean


def _paint(coloured: Grey, where: Mask, kind: RegionKind, *, strength: float) -> None:
    mixed = coloured[where] * (1 - strength) + np.array(COLOURS[kind]) * strength
    coloured[where] = mixed.round().astype(np.uint8)


def _eroded(mask: Mask) -> Mask:
    inner = np.pad(mask, 1)
    kept: Mask = inner[1:-1, 1:-1] & inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    return kept
