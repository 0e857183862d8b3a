"""The films of the attack: several of one patient, and the pairs that an attacker is asked about.

PACK holds ``manifest.csv``, the pictures it names, and ``pairs_reid.csv`` (source, split, path_a, path_b, same_patient).
Attackers learn from patients of the split ``train`` and are asked about pairs of ``val``, always within a source: hospitals
are told apart by their machines alone. Nothing learned here leaves the machine, so rows of every tier are used.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from leadglass.adapters.detectors.outlines import ask
from leadglass.anatomy.belief import HEART, LEFT, RIGHT
from leadglass.anatomy.enlarge import enlarge
from leadglass.anatomy.outline import Outlines
from leadglass.anatomy.pieces import filled, largest
from leadglass.anatomy.prepare import prepare
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, RegionKind

FOLDERS = {"nih": "nih64", "hannover": "hannover512", "kermany": "kermany224", "cohen": "cohen512"}
"""The folder of each source."""

_CHANNELS = {RegionKind.LUNG_RIGHT: RIGHT, RegionKind.LUNG_LEFT: LEFT, RegionKind.HEART: HEART}


@dataclass(frozen=True, eq=False)
class Film:
    """A film of 8 bits at its own size, whose it is, and its outlines, masks of the film's shape.

    ``size`` is (rows, columns) of the file it was made from, null where the pack does not know.
    """

    path: str
    source: str
    patient: str
    frame: Frame
    outlines: Outlines
    size: tuple[int, int] | None


@dataclass(frozen=True)
class Pair:
    """Two films of one source, by path."""

    source: str
    one: str
    other: str
    same: bool


def read_pairs(pack: Path, *, split: str = "val") -> list[Pair]:
    """The pairs of a split, without films that are copies of others."""
    copies = {row["path"] for row in _manifest(pack) if row["duplicate_of"]}
    with (pack / "pairs_reid.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    pairs = [Pair(row["source"], row["path_a"], row["path_b"], row["same_patient"] == "1") for row in rows]
    return [pair for pair in pairs if pair.one not in copies and pair.other not in copies]


def read_films(pack: Path, pairs: Iterable[Pair], *, most: int = 900) -> tuple[list[Film], dict[str, Film]]:
    """The films to learn from, of patients of ``train`` who have several, and those of ``pairs`` by their path.

    No source gives more than ``most`` films to learn from; patients are taken in the order of their names.
    """
    rows = [row for row in _manifest(pack) if not row["duplicate_of"]]
    sizes = {row["source_file"]: row["orig_size"] for row in rows if row["path"].startswith("kermany512/")}
    asked = {path for pair in pairs for path in (pair.one, pair.other)}
    learned = [row for source in FOLDERS for row in _several(rows, source)[:most]]
    films = [_film(pack, row, sizes) for row in learned]
    return films, {row["path"]: _film(pack, row, sizes) for row in rows if row["path"] in asked}


def outlined(frame: Frame) -> Outlines:
    """The model's masks of lungs and heart, believed or not.

    The product covers a film whole where it does not believe them. The attack needs a veil on every film, small ones too, to
    ask what a veil hides.
    """
    picture, placed = prepare(frame)
    chances = ask(picture).chances
    masks: dict[RegionKind, Mask] = {}
    for kind, channel in _CHANNELS.items():
        small = chances[channel]
        piece = filled(largest(small > 0.5))
        chance = np.where(piece, np.maximum(small, 0.501), np.minimum(small, 0.5)).astype(np.float32)
        masks[kind] = enlarge(chance, placed)
    return Outlines(masks, 1.0, "")


def _film(pack: Path, row: Mapping[str, str], sizes: Mapping[str, str]) -> Film:
    picture: NDArray[np.uint8] = imagecodecs.imread(pack / row["path"])
    if picture.ndim == 3:
        picture = picture[..., :3].mean(axis=2).astype(np.uint8)
    frame = Frame(np.ascontiguousarray(picture), "MONOCHROME2", 8)
    columns, _, height = (row["orig_size"] or sizes.get(row["source_file"], "")).partition("x")
    size = (int(height), int(columns)) if height else None
    return Film(row["path"], _source(row), row["patient"], frame, outlined(frame), size)


def _several(rows: Iterable[Mapping[str, str]], source: str) -> list[Mapping[str, str]]:
    """Rows of the patients of a source's training split who have at least two films, patient by patient."""
    by_patient: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        if row["split"] == "train" and row["path"].startswith(FOLDERS[source] + "/"):
            by_patient[row["patient"]].append(row)
    return [row for patient in sorted(by_patient) if len(by_patient[patient]) > 1 for row in by_patient[patient]]


def _source(row: Mapping[str, str]) -> str:
    folder = row["path"].split("/")[0]
    return next(source for source, its in FOLDERS.items() if its == folder)


def _manifest(pack: Path) -> list[dict[str, str]]:
    with (pack / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
