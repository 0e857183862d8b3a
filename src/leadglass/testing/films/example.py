"""The eight example films: what each is, and the folder that holds them once they are made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from types import MappingProxyType

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from leadglass.errors import InputError
from leadglass.testing.films.ct import Chest, ensure_ct, locked, read_chest
from leadglass.testing.films.instance import digital_x_ray
from leadglass.testing.films.patients import LIU, MUELLER, MUELLER_AGAIN, OKONKWO, TANAKA, WANG, Patient, facts
from leadglass.testing.films.project import Detector, Pose
from leadglass.testing.films.radiograph import Technique, outlines, radiograph

FORMAT = "leadglass/example-films@v1"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """All that makes one film."""

    stem: str
    patient: Patient
    pose: Pose
    technique: Technique
    photometric: str
    transfer_syntax: str
    number: int = 1

    @property
    def sop_uid(self) -> str:
        return self.patient.uid("film", self.stem)


@dataclass(frozen=True)
class Film:
    """One example film on disk.

    ``masks`` are the true outlines ``lung_right``, ``lung_left`` and ``heart`` as PNG files of the film's own size, 0 or
    255; they may overlap. ``facts`` holds every planted identifying value by what it is, ``sop_uid`` among them.
    """

    path: Path
    masks: Mapping[str, Path]
    patient: Patient
    facts: Mapping[str, str]
    view: str
    rows: int
    columns: int
    bits: int
    photometric: str
    transfer_syntax: str

    def mask(self, name: str) -> NDArray[np.bool_]:
        """The outline ``name`` as a picture of shape (rows, columns)."""
        mask: NDArray[np.bool_] = imagecodecs.png_decode(self.masks[name].read_bytes()) > 0
        return mask


def _technique(
    size: tuple[int, int],
    pitch: float,
    *,
    bits: int = 12,
    quanta: float = 900,
    field: tuple[float, float, float, float] = (10, 18, 0, 0),
    blackened: bool = True,
    marker: str = "R",
    marker_at: tuple[float, float] = (30, 12),
) -> Technique:
    return Technique(Detector(*size, pitch), bits, quanta, field, blackened, marker, marker_at)


RECIPES = (
    Recipe(
        "wang-pa",
        WANG,
        Pose("PA", 1800, yaw=0.8, habitus=(1.03, 1.0, 1.0), centre=(3, 1)),
        _technique((2500, 2048), 0.148),
        "MONOCHROME2",
        ExplicitVRLittleEndian,
    ),
    Recipe(
        "wang-ll",
        WANG,
        Pose("LL", 1800, yaw=-1.0, habitus=(1.03, 1.0, 1.0), centre=(3, 0)),
        _technique((2500, 2048), 0.148, field=(10, 18, 8, 8), marker="L", marker_at=(38, 24)),
        "MONOCHROME2",
        JPEGLosslessSV1,
        number=2,
    ),
    Recipe(
        "mueller-pa",
        MUELLER,
        Pose("PA", 1800, yaw=-1.5, pitch=1.0, habitus=(1.05, 1.06, 1.03), breath=9, centre=(-13, -2)),
        _technique((2048, 2500), 0.15, bits=16, quanta=1300, field=(4, 4, 16, 14), marker_at=(40, 34)),
        "MONOCHROME1",
        ImplicitVRLittleEndian,
    ),
    Recipe(
        "mueller-again-pa",
        MUELLER_AGAIN,
        Pose("PA", 1800, yaw=1.8, pitch=-0.5, habitus=(1.05, 1.06, 1.03), breath=2, centre=(0, 3)),
        _technique((2500, 2048), 0.15, quanta=1100, field=(12, 22, 0, 0), marker_at=(36, 8)),
        "MONOCHROME2",
        ExplicitVRLittleEndian,
    ),
    Recipe(
        "tanaka-pa",
        TANAKA,
        Pose("PA", 1800, yaw=0.4, habitus=(0.94, 0.93, 0.94), breath=4, centre=(4, 0)),
        _technique((2463, 2047), 0.139, bits=16, quanta=700, field=(18, 24, 0, 0), marker_at=(38, 9)),
        "MONOCHROME2",
        JPEGLSLossless,
    ),
    Recipe(
        "tanaka-ll",
        TANAKA,
        Pose("LL", 1800, yaw=1.5, habitus=(0.94, 0.93, 0.94), breath=4, centre=(4, 0)),
        _technique((2463, 2047), 0.139, bits=16, quanta=700, field=(18, 24, 6, 6), marker="L", marker_at=(42, 20)),
        "MONOCHROME2",
        JPEGLSLossless,
        number=2,
    ),
    Recipe(
        "okonkwo-ap",
        OKONKWO,
        Pose("AP", 1000, yaw=2.5, pitch=2.5, habitus=(0.96, 1.02, 1.0), breath=16, centre=(-10, 4)),
        _technique((2048, 2500), 0.15, bits=16, quanta=450, field=(5, 9, 20, 22), blackened=False, marker_at=(34, 38)),
        "MONOCHROME2",
        RLELossless,
    ),
    Recipe(
        "liu-ap",
        LIU,
        Pose("AP", 1100, yaw=-2.0, pitch=1.5, habitus=(0.95, 0.96, 0.95), breath=12, centre=(2, -3)),
        _technique((2500, 2048), 0.144, quanta=500, field=(14, 32, 0, 0), marker_at=(36, 10)),
        "MONOCHROME1",
        JPEG2000Lossless,
    ),
)


def examples_folder() -> Path:
    """Where example data is kept unless somebody says otherwise: ``LEADGLASS_EXAMPLES``, else ``.films`` right here."""
    return Path(os.environ.get("LEADGLASS_EXAMPLES") or ".films")


def example_films(folder: Path, *, ct: Path | None = None, progress: Progress | None = None) -> tuple[Film, ...]:
    """The example films in ``folder``: ``films/*.dcm``, ``masks/<film>/<region>.png`` and ``manifest.json``.

    They are made when they are missing, damaged or of another version of this package, from the CT in ``ct`` (default: in
    ``examples_folder()``). Two processes may ask at once: one makes them, the other waits.

    Raises:
        UnavailableError: the CT is not there and could not be had.
        InputError: ``folder`` holds something that is not example films.
    """
    tell = progress or (lambda _: None)
    with locked(folder):
        if not _intact(folder):
            _check_ours(folder)
            tell("fetching the CT (35 MB, once)")
            series = ensure_ct(ct or examples_folder() / "ct")
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
                fresh = Path(scratch) / "fresh"
                _make(fresh, series, tell)
                shutil.rmtree(folder, ignore_errors=True)
                fresh.rename(folder)
    return tuple(_film(folder, recipe) for recipe in RECIPES)


def _film(folder: Path, recipe: Recipe) -> Film:
    masks = {path.stem: path for path in sorted((folder / "masks" / recipe.stem).glob("*.png"))}
    return Film(
        path=folder / "films" / f"{recipe.stem}.dcm",
        masks=MappingProxyType(masks),
        patient=recipe.patient,
        facts=MappingProxyType({**facts(recipe.patient), "sop_uid": recipe.sop_uid}),
        view=recipe.pose.view,
        rows=recipe.technique.detector.rows,
        columns=recipe.technique.detector.columns,
        bits=recipe.technique.bits,
        photometric=recipe.photometric,
        transfer_syntax=str(recipe.transfer_syntax),
    )


def _make(folder: Path, series: Path, tell: Progress) -> None:
    folder.mkdir()
    tell("reading the CT")
    chest = read_chest(series)
    with ThreadPoolExecutor(2) as pool:
        for recipe, (film, masks) in zip(RECIPES, pool.map(partial(make_film, chest), RECIPES), strict=True):
            _write(folder / "films" / f"{recipe.stem}.dcm", film)
            for name, picture in masks.items():
                _write(folder / "masks" / recipe.stem / f"{name}.png", picture)
            tell(f"made {recipe.stem} ({recipe.pose.view})")
    digests = {path.relative_to(folder).as_posix(): _digest(path) for path in sorted(folder.rglob("*.*")) if path.is_file()}
    manifest = {"format": FORMAT, "version": _version(), "sha256": digests}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def make_film(chest: Chest, recipe: Recipe) -> tuple[bytes, dict[str, bytes]]:
    """One film as a DICOM file, and its true outlines as PNG files by name; the same bytes each time."""
    seed = int.from_bytes(hashlib.sha256(recipe.stem.encode()).digest()[:4])
    stored = radiograph(chest, recipe.pose, recipe.technique, seed=seed)
    if recipe.photometric == "MONOCHROME1":
        stored = (2**recipe.technique.bits - 1) - stored
    film = digital_x_ray(
        stored,
        recipe.patient,
        view=recipe.pose.view,
        bits=recipe.technique.bits,
        photometric=recipe.photometric,
        transfer_syntax=recipe.transfer_syntax,
        pitch=recipe.technique.detector.pitch,
        sop_uid=recipe.sop_uid,
        number=recipe.number,
    )
    masks = outlines(chest, recipe.pose, recipe.technique)
    return film, {name: bytes(imagecodecs.png_encode(mask.astype(np.uint8) * 255, level=4)) for name, mask in masks.items()}


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _intact(folder: Path) -> bool:
    """Whether everything that the manifest names is there, unchanged, and of this version."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        current = manifest["format"] == FORMAT and manifest["version"] == _version()
        return current and all(_digest(folder / name) == digest for name, digest in manifest["sha256"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _check_ours(folder: Path) -> None:
    """Nothing but example films is ever replaced.

    Raises:
        InputError: the folder holds something else.
    """
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or (folder / "manifest.json").exists())):
        raise InputError(f"{folder} holds something else than example films", hint="name an empty or a new folder")


def _version() -> str:
    """A digest of the code that makes the films, so that a change of it makes them anew."""
    digest = hashlib.sha256()
    for source in sorted(
        (file for file in resources.files(__package__).iterdir() if file.name.endswith((".py", ".txt"))), key=str
    ):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
