"""Films that leak, for judging the tracing: pictures made into films of a given depth and size, and their marked copies.

The pictures are 8-bit and smaller than a film. Enlarged, with quantum-like noise of 7 to 12 of 4096 levels a pixel, they are
as grainy as a film from a detector; grid lines and edge enhancement of real ones are missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from attacks import Film, seed_of
from numpy.typing import NDArray

from leadglass.adapters.detectors.outlines import OnnxOutlines
from leadglass.mark.found import Original
from leadglass.mark.spread import add, original, pattern
from leadglass.model.access import Strength
from leadglass.model.frame import Frame
from leadglass.model.region import Partition, RegionKind
from leadglass.veil.cover import cover
from leadglass.veil.partition import partition

RECIPIENTS = 8
LUNGS = (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT)


@dataclass(frozen=True)
class Form:
    """What kind of film a picture is made into."""

    longer: int = 2000
    bits: int = 12
    photometric: str = "MONOCHROME2"

    def __str__(self) -> str:
        return f"{self.longer} px, {self.bits} bit, {self.photometric}"


@dataclass(frozen=True, eq=False)
class Host:
    """A film and what its eight recipients hold."""

    name: str
    frame: Frame

    def key(self, recipient: int) -> bytes:
        return hashlib.sha256(f"{self.name}|{recipient}".encode()).digest()

    def original(self) -> Original:
        return original(self.frame)

    def copy(self, recipient: int, *, veiled: bool = False) -> Film:
        """A recipient's copy as displayed, the lungs alone where it is veiled."""
        seen, mask = self.frame, None
        if veiled:
            regions = _lungs(self.frame)
            hidden = tuple(kind for kind in regions.kinds if kind not in LUNGS)
            seen = cover(self.frame, regions, hidden, seed=self.key(recipient))
            mask = regions.mask(hidden)
        marked = add(seen, pattern(seen, key=self.key(recipient), strength=Strength.STANDARD, covered=mask))
        return displayed(marked, self.frame)


def made(name: str, picture: NDArray[np.uint8], form: Form | None = None) -> Host:
    """The film that a grey picture becomes."""
    form = form or Form()
    random = np.random.default_rng(seed_of(name, form))
    scale = form.longer / max(picture.shape)
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    large = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how), np.float32) / 255
    large += random.normal(0, random.uniform(7, 12) / 4096, large.shape).astype(np.float32)
    if form.photometric == "MONOCHROME1":
        large = 1 - large
    top = 2**form.bits - 1
    stored = np.rint(np.clip(large, 0, 1) * top).astype(np.uint8 if form.bits == 8 else np.uint16)
    return Host(f"{name} {form}", Frame(stored, form.photometric, form.bits))


def displayed(frame: Frame, as_of: Frame) -> Film:
    """A frame in the default window of another, 0 black to 1 white."""
    low, high = np.percentile(as_of.samples[::3, ::3], (0.5, 99.5))
    shown: Film = (frame.samples.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, 1))
    shown = 1 - shown if frame.inverted else shown
    return np.clip(shown, 0, 1)


def _lungs(frame: Frame) -> Partition:
    """Outlines as the site draws them; two ellipses where it abstains."""
    masks = dict(OnnxOutlines()(frame, view="PA", modality="DX").masks)
    if not set(LUNGS) <= set(masks):
        y, x = np.ogrid[-1 : 1 : frame.rows * 1j, -1 : 1 : frame.columns * 1j]
        masks = {
            kind: (((x - side * 0.4) / 0.3) ** 2 + ((y + 0.1) / 0.6) ** 2 < 1)
            for kind, side in zip(LUNGS, (-1, 1), strict=True)
        }
    return partition(masks, rows=frame.rows, columns=frame.columns, grid=64)


def keys_of_nobody(count: int, *parts: object) -> Sequence[bytes]:
    """Keys that no recipient has, other ones for other ``parts``."""
    return [hashlib.sha256(f"nobody|{parts}|{number}".encode()).digest() for number in range(count)]
