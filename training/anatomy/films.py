"""The films to learn from, small and in memory, each with what was annotated on it.

Used are rows of tier A (free to be passed on with attribution) without duplicates. A zero in a bit that nobody annotated
says nothing, so each film carries what each of its channels counts: drawn by people, made by a model or a filter, or not.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

LONG = 256
"""Longer side, in pixels, of films and masks in memory."""
CHANNELS = ("lung_right", "lung_left", "heart", "ribs")
UNMARKED = ("hannover512", "nih64")
UNSQUASHED = 1.4
"""Width over height of a film that came squashed to a square and without its size: the mean of its source."""

Bytes = NDArray[np.uint8]


@dataclass(eq=False)
class Film:
    """A film, shape (rows, columns); its bit field of ``CHANNELS`` of the same shape; what each channel counts, 0 to 1."""

    path: str
    source: str
    view: str
    adult: bool
    picture: Bytes
    bits: Bytes
    weights: NDArray[np.float32]


def manifest(pack: Path) -> list[dict[str, str]]:
    """The pack's rows without duplicates."""
    with (pack / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if not row["duplicate_of"]]


def chosen(pack: Path, split: str) -> list[dict[str, str]]:
    """Rows of tier A with lung masks in ``split``; the small copy of a film is left out where the larger is there."""
    rows = [row for row in manifest(pack) if row["tier"] == "A" and row["mask"] and row["split"] == split]
    large = {row["source_file"] for row in rows if row["path"].startswith("kermany512/")}
    return [row for row in rows if not (row["path"].startswith("kermany224/") and row["source_file"] in large)]


def read(pack: Path, row: dict[str, str], *, ribs: bool = True) -> Film:
    """One row as a film. ``ribs`` adds the automatic masks of posterior ribs, except on films with hand-placed ones."""
    picture: Any = cv2.imread(str(pack / row["path"]), cv2.IMREAD_GRAYSCALE)
    field: Any = cv2.imread(str(pack / row["mask"]), cv2.IMREAD_UNCHANGED)
    bits = int(row["mask_bits"])
    stacked = field & 7
    weights = np.array([bits & 1 > 0, bits & 2 > 0, bits & 4 > 0, False], np.float32)
    name = row["path"].replace("/", "__").rsplit(".", 1)[0] + ".png"
    weak = pack / "ribs_weak" / name
    if ribs and weak.exists() and not (pack / "ribs_ref" / name).exists():
        rib: Any = cv2.imread(str(weak), cv2.IMREAD_UNCHANGED)
        stacked = stacked | ((rib & 1) << 3)
        weights[3] = 1
    rows, columns = picture.shape
    if row["path"].startswith("kermany224/") and not row["orig_size"]:
        columns = columns * UNSQUASHED
    scale = LONG / max(rows, columns)
    size = (round(columns * scale), round(rows * scale))
    return Film(
        row["path"],
        row["path"].split("/")[0],
        row["view"],
        "child" not in row["population"],
        cv2.resize(picture, size, interpolation=cv2.INTER_AREA),
        cv2.resize(stacked.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST),
        weights,
    )


def unmarked(pack: Path) -> list[Film]:
    """Frontal films of adults of tier A in the split ``train`` that nobody drew on: they teach how a film lies."""
    rows = [row for row in manifest(pack) if row["tier"] == "A" and row["split"] == "train" and not row["mask"]]
    return [_bare(pack, row) for row in rows if row["path"].split("/")[0] in UNMARKED]


def _bare(pack: Path, row: dict[str, str]) -> Film:
    picture: Any = cv2.imread(str(pack / row["path"]), cv2.IMREAD_GRAYSCALE)
    scale = LONG / max(picture.shape)
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    shown = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC), np.uint8)
    return Film(row["path"], row["path"].split("/")[0], row["view"], True, shown, 0 * shown, np.zeros(4, np.float32))


def load(pack: Path, split: str) -> list[Film]:
    """Every chosen film of a split."""
    return [read(pack, row) for row in chosen(pack, split)]
