"""From path lengths to the stored values of a digital radiograph.

A CT knows nothing finer than 0.7 mm x 2.5 mm and a film shows 0.15 mm. What stands between is made up: a faint texture of
tissue and the quantum noise of the exposure, stronger where fewer quanta arrive. Then the picture is processed as consoles
do: bands of detail raised over a compressed base, and a sigmoid for the grey scale.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leadglass.testing.films.ct import Chest
from leadglass.testing.films.project import Detector, Picture, Pose, project, resampled, taps

Stored = NDArray[np.uint16]
Mask = NDArray[np.bool_]

_COARSE = 0.45
"""Millimetres: the grid of projection; the CT holds no finer detail."""
_MASK_GRID = 0.9
_WATER = 0.02
"""Linear attenuation of water per millimetre, at the mean energy of a 120 kV beam."""
_BANDS = ((1.2, 2.6), (5.0, 2.0), (18.0, 1.45))
"""Detail finer than so many millimetres (standard deviation) is raised so many times."""
_BASE = 0.86
_SLOPE, _CENTRE = 3.9, 0.48
"""Of the sigmoid, over processed path lengths from 0 (lung) to 1 (spine and abdomen)."""
_LUNG, _ABDOMEN, _HEART = 20.0, 45.0, 15.0
"""Path lengths in millimetres: so much lung or heart makes the outline, so much abdomen before it hides the lung."""

_STROKES = {
    "R": (((0, 1), (0, 0), (0.42, 0), (0.6, 0.12), (0.6, 0.38), (0.42, 0.5), (0, 0.5)), ((0.32, 0.5), (0.62, 1))),
    "L": (((0, 0), (0, 1), (0.6, 1)),),
}
"""Letters of lead as polylines (x to the right, y downwards), one high."""


@dataclass(frozen=True)
class Technique:
    """How a film is exposed and processed.

    ``quanta`` is the mean number of X-ray quanta a pixel gets behind 150 mm of water. ``field`` is what the collimator
    leaves off: top, bottom, left and right margins in millimetres; ``blackened`` masks them, otherwise they stay unexposed
    and white. ``marker`` is a letter of lead, R or L, its corner at ``marker_at`` (down, right) in millimetres.
    """

    detector: Detector
    bits: int
    quanta: float
    field: tuple[float, float, float, float]
    blackened: bool
    marker: str
    marker_at: tuple[float, float]


def radiograph(chest: Chest, pose: Pose, technique: Technique, *, seed: int) -> Stored:
    """The stored values of a film, bone white (MONOCHROME2), from 0 to 2 ** bits - 1."""
    random = np.random.default_rng(seed)
    detector = technique.detector
    coarse = _grid(detector, _COARSE)
    path = project(chest.attenuation, chest.spacing, pose, coarse)
    path += _blurred(random.standard_normal(path.shape, dtype=np.float32), 0.8) * path * np.float32(0.015)
    black, white = _range(path, coarse, technique)
    processed = _upsampled(_processed(path, coarse.pitch), coarse, detector)
    spread = _upsampled(_noise_spread(path, technique.quanta), coarse, detector)
    processed += spread * _detector_noise(random, (detector.rows, detector.columns))
    processed += _marker(technique) * np.float32(white - black)
    light = _open(technique)
    if not technique.blackened:
        processed = processed * light + (1 - light) * np.float32(1.1 * white)
    grey = _sigmoid((processed - np.float32(black)) / np.float32(white - black))
    if technique.blackened:
        grey *= light
    stored: Stored = np.rint(grey * np.float32(2**technique.bits - 1)).astype(np.uint16)
    return stored


def outlines(chest: Chest, pose: Pose, technique: Technique) -> dict[str, Mask]:
    """The outlines of the lungs and the heart on the film, shape (rows, columns), from the CT.

    A lung is what one sees as lung: the part behind the heart is in, the part behind the diaphragm's dome is not. The heart
    is its filled chambers and their walls, cut off flat at the pulmonary trunk, its lower border good to some millimetres.
    Outlines may overlap.
    """
    grid = _grid(technique.detector, _MASK_GRID)
    spacing = (chest.spacing[0], chest.spacing[1] * 2, chest.spacing[2] * 2)
    paths = {
        name: _upsampled(project(mask, spacing, pose, grid), grid, technique.detector) for name, mask in chest.masks.items()
    }
    shown = (_open(technique) > 0.5) & (paths.pop("abdomen") < _ABDOMEN)
    heart = (paths.pop("heart") > _HEART) & (_open(technique) > 0.5)
    return {name: (path > _LUNG) & shown for name, path in paths.items()} | {"heart": heart}


def _grid(detector: Detector, pitch: float) -> Detector:
    """A coarser grid that covers the detector, with a margin for the cubic."""
    rows, columns = (int(np.ceil(n * detector.pitch / pitch)) + 4 for n in (detector.rows, detector.columns))
    return Detector(rows, columns, pitch)


def _upsampled(picture: Picture, coarse: Detector, fine: Detector) -> Picture:
    def positions(samples: int, wanted: int) -> NDArray[np.float64]:
        middle = (wanted - 1) / 2
        return (np.arange(wanted, dtype=np.float64) - middle) * (fine.pitch / coarse.pitch) + (samples - 1) / 2

    wide = resampled(picture, taps(positions(coarse.columns, fine.columns), coarse.columns), axis=1)
    return resampled(wide, taps(positions(coarse.rows, fine.rows), coarse.rows), axis=0)


def _blurred(picture: Picture, deviation: float) -> Picture:
    """``picture`` under a Gaussian of so many pixels, mirrored at its edges."""
    edge = min(int(np.ceil(3 * deviation)), min(picture.shape) - 1)
    padded = np.pad(picture, edge, mode="reflect")
    rows, columns = padded.shape
    down, right = (np.exp(-2 * (np.pi * deviation * f) ** 2) for f in (np.fft.fftfreq(rows), np.fft.rfftfreq(columns)))
    spectrum = np.fft.rfft2(padded) * (down[:, None] * right).astype(np.float32)
    blurred: Picture = np.fft.irfft2(spectrum, s=padded.shape)[edge : rows - edge, edge : columns - edge].astype(np.float32)
    return blurred


def _processed(path: Picture, pitch: float) -> Picture:
    """The path with its bands of detail raised and its base compressed about its mean."""
    result = np.zeros_like(path)
    rest = path
    for deviation, gain in _BANDS:
        base = _blurred(path, deviation / pitch)
        result += np.float32(gain) * (rest - base)
        rest = base
    middle = path[path > 40].mean()
    result += middle + np.float32(_BASE) * (rest - middle)
    return result


def _range(path: Picture, coarse: Detector, technique: Technique) -> tuple[float, float]:
    """The processed path lengths that become the dark and the bright end, from what the body shows inside the field."""
    lit = _open(replace(technique, detector=coarse)) > 0.5
    black, white = np.percentile(_processed(path, coarse.pitch)[lit & (path > 40)], [1.0, 99.3])
    return float(black), float(white)


def _noise_spread(path: Picture, quanta: float) -> Picture:
    """The standard deviation that quantum noise has in a path length, in millimetres of water."""
    spread: Picture = np.exp(np.float32(_WATER / 2) * (path - 150)) / np.float32(_WATER * quanta**0.5)
    return spread


def _detector_noise(random: np.random.Generator, shape: tuple[int, int]) -> Picture:
    """White noise of unit spread, seen through the blur of the scintillator."""
    white = random.standard_normal(shape, dtype=np.float32)
    for axis in (0, 1):
        white = 0.86 * white + 0.36 * (np.roll(white, 1, axis) + np.roll(white, -1, axis))
    return white


def _sigmoid(value: Picture) -> Picture:
    grey = 1 / (1 + np.exp(-np.float32(_SLOPE) * (value - np.float32(_CENTRE))))
    clipped: Picture = np.clip((grey - np.float32(0.05)) / np.float32(0.9), 0, 1)
    return clipped


def _places(detector: Detector) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Millimetres from the top (as a column) and from the left (as a row) of each pixel's middle."""
    down, right = ((np.arange(n, dtype=np.float32) + 0.5) * detector.pitch for n in (detector.rows, detector.columns))
    return down[:, None].astype(np.float32), right[None].astype(np.float32)


def _open(technique: Technique) -> Picture:
    """1 inside the collimated field, 0 outside it, with the penumbra of the focal spot between."""
    down, right = _places(technique.detector)
    height, width = (n * technique.detector.pitch for n in (technique.detector.rows, technique.detector.columns))
    top, bottom, left, end = technique.field

    def slit(place: Picture, first: float, last: float) -> Picture:
        opening: Picture = np.clip(np.minimum(place - first, last - place) / np.float32(0.8) + np.float32(0.5), 0, 1)
        return opening

    return slit(down, top, height - bottom) * slit(right, left, width - end)


def _marker(technique: Technique) -> Picture:
    """The letter of lead, 14 mm high and a little askew; 1 where it covers."""
    covered = np.zeros((technique.detector.rows, technique.detector.columns), np.float32)
    size, pitch = 14 / technique.detector.pitch, technique.detector.pitch
    top, left = (int(place / pitch) for place in technique.marker_at)
    near_top, near_left = max(int(top - size / 2), 0), max(int(left - size / 2), 0)
    window = covered[near_top : int(top + 1.5 * size), near_left : int(left + 1.5 * size)]
    down, right = np.indices(window.shape, dtype=np.float32)
    y, x = (down + near_top - top) / size, (right + near_left - left) / size
    x, y = x + 0.06 * y, y - 0.06 * x
    distance = np.full(window.shape, np.inf, np.float32)
    for stroke in _STROKES[technique.marker]:
        for (ax, ay), (bx, by) in itertools.pairwise(stroke):
            dx, dy = bx - ax, by - ay
            along = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0, 1)
            distance = np.minimum(distance, np.hypot(x - ax - along * dx, y - ay - along * dy))
    window[:] = np.clip((0.075 - distance) * size + 0.5, 0, 1)
    return covered
