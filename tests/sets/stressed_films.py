"""What a film must not be outlined as: films spoilt in fixed ways, and pictures that are no chest at all.

Everything is drawn from seeds, so that the list is the same each time. A spoilt film is one whose outlines were good before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

SIDE = 512


def _turned(quarters: int) -> Callable[[Bytes], Bytes]:
    return lambda film: np.ascontiguousarray(np.rot90(film, quarters))


def _noisy(film: Bytes) -> Bytes:
    """Three quarters noise: nothing of the lungs is left to see at the size that a model looks at."""
    noise = np.random.default_rng(film.size).integers(0, 256, film.shape)
    return (film * 0.02 + noise * 0.98).astype(np.uint8)


def _twice(film: Bytes) -> Bytes:
    """Two films side by side, as a viewer's screen shows them."""
    return np.ascontiguousarray(np.hstack([film, film]))


def _shuffled(film: Bytes) -> Bytes:
    """The four quarters in another order."""
    rows, columns = film.shape[0] // 2, film.shape[1] // 2
    first, second = film[:rows, :columns], film[:rows, columns : 2 * columns]
    third, fourth = film[rows : 2 * rows, :columns], film[rows : 2 * rows, columns : 2 * columns]
    return np.ascontiguousarray(np.block([[fourth, third], [second, first]]))


SPOILT: Mapping[str, Callable[[Bytes], Bytes]] = {
    "quarter turn to the left": _turned(1),
    "quarter turn to the right": _turned(3),
    "upside down": _turned(2),
    "left half": lambda film: np.ascontiguousarray(film[:, : film.shape[1] // 2]),
    "right half": lambda film: np.ascontiguousarray(film[:, film.shape[1] // 2 :]),
    "upper half": lambda film: np.ascontiguousarray(film[: film.shape[0] // 2]),
    "lower half": lambda film: np.ascontiguousarray(film[film.shape[0] // 2 :]),
    "heavy noise": _noisy,
    "twice side by side": _twice,
    "quarters shuffled": _shuffled,
}


def mirrored(film: Bytes) -> Bytes:
    """The film seen from behind."""
    return np.ascontiguousarray(film[:, ::-1])


def _of(greys: NDArray[np.float64]) -> Bytes:
    low, high = greys.min(), greys.max()
    return np.rint((greys - low) / max(high - low, 1e-9) * 255).astype(np.uint8)


def _grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    return y, x


def _white_noise(seed: int) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)


def _clouds(seed: int) -> Bytes:
    """Noise with the spectrum of a photograph, power falling with the square of frequency."""
    random = np.random.default_rng(seed)
    across, down = np.fft.fftfreq(SIDE)[np.newaxis], np.fft.fftfreq(SIDE)[:, np.newaxis]
    frequency = np.maximum(np.hypot(across, down), 1 / SIDE)
    return _of(np.fft.ifft2(np.fft.fft2(random.normal(size=(SIDE, SIDE))) / frequency).real)


def _landscape(seed: int) -> Bytes:
    """Sky over hills over a textured ground: a photograph's stand-in."""
    random = np.random.default_rng(seed)
    y, x = _grid()
    greys = 0.8 - 0.2 * y
    for hill in range(4):
        crest = -0.3 + 0.3 * hill + 0.15 * np.sin(x * random.uniform(2, 7) + random.uniform(0, 6))
        greys = np.where(y > crest, 0.6 - 0.13 * hill + 0.05 * random.normal(size=y.shape), greys)
    return _of(greys)


def _portrait(seed: int) -> Bytes:
    """A bright head on dark shoulders before a wall."""
    random = np.random.default_rng(seed)
    y, x = _grid()
    greys = 0.4 + 0.1 * x + 0.02 * random.normal(size=y.shape)
    greys = np.where(np.hypot(x / 0.8, (y - 1.1) / 0.7) < 1, 0.15, greys)
    greys = np.where(np.hypot(x / 0.33, (y + 0.15) / 0.45) < 1, 0.8 - 0.3 * x, greys)
    for eye in (-0.13, 0.13):
        greys = np.where(np.hypot(x - eye, y + 0.22) < 0.04, 0.05, greys)
    return _of(greys)


def _page(seed: int) -> Bytes:
    """Rows of dark words on white."""
    random = np.random.default_rng(seed)
    page = np.full((SIDE, SIDE), 255, np.uint8)
    for top in range(30, SIDE - 30, 18):
        left = 30
        while left < SIDE - 60:
            length = int(random.integers(10, 50))
            page[top : top + 8, left : left + length] = random.integers(0, 2, (8, length)) * 200
            left += length + 8
    return page


def _limb(seed: int) -> Bytes:
    """Two bright shafts in a soft bar: a forearm."""
    random = np.random.default_rng(seed)
    y, x = _grid()
    lean = random.uniform(-0.2, 0.2)
    across = x - lean * y
    greys = 0.35 * (np.abs(across) < 0.4) + 0.4 * (np.abs(np.abs(across) - 0.15) < 0.07) + 0.02 * random.normal(size=y.shape)
    return _of(greys)


def _skull(seed: int) -> Bytes:
    """A bright ring with darker inside, jaw below."""
    random = np.random.default_rng(seed)
    y, x = _grid()
    far = np.hypot(x / 0.65, (y + 0.15) / 0.75)
    greys = 0.5 * (far < 1) + 0.4 * (np.abs(far - 0.95) < 0.05) + 0.3 * (np.hypot(x / 0.3, (y - 0.6) / 0.3) < 1)
    for orbit in (-0.22, 0.22):
        greys = np.where(np.hypot(x - orbit, y) < 0.13, 0.25, greys)
    return _of(greys + 0.02 * random.normal(size=y.shape))


def _checks(seed: int) -> Bytes:
    edge = 16 << seed % 3
    y, x = np.mgrid[:SIDE, :SIDE] // edge
    return ((y + x) % 2 * 255).astype(np.uint8)


def _slope(seed: int) -> Bytes:
    y, x = _grid()
    return _of(np.cos(seed) * x + np.sin(seed) * y)


def _flat(seed: int) -> Bytes:
    return np.full((SIDE, SIDE), 40 * seed % 256, np.uint8)


NO_CHEST: Mapping[str, Callable[[int], Bytes]] = {
    "white noise": _white_noise,
    "smooth noise": _clouds,
    "landscape": _landscape,
    "portrait": _portrait,
    "page": _page,
    "forearm": _limb,
    "skull": _skull,
    "checks": _checks,
    "slope": _slope,
    "one grey": _flat,
}
"""Pictures by what they show, each drawn from a seed."""
SEEDS = range(5)
