"""Real radiographs, which lie beside the repository and never in it: 8-bit, mostly of children."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
from world import World

from leadglass.adapters.detectors.outlines import OnnxOutlines
from leadglass.adapters.files import FileSource
from leadglass.dicom.source import chunks
from leadglass.errors import ConflictError
from leadglass.flows import vault
from leadglass.flows.ingest import ingest
from leadglass.model.frame import Frame
from leadglass.model.region import RegionKind

if TYPE_CHECKING:
    from pathlib import Path

RIGHT_LUNG, LEFT_LUNG = 1, 2


def test_files_that_share_a_sop_instance_uid_are_told_apart(cxr_folder: Path) -> None:
    world = World()
    first, *others = sorted((cxr_folder / "dicom").glob("*.dcm"))
    instance = ingest(world.site, world.people["tech"], FileSource(first)).instance
    assert b"".join(chunks(vault.received(world.site, instance))) == first.read_bytes()
    assert others
    for other in others:
        with pytest.raises(ConflictError):
            ingest(world.site, world.people["tech"], FileSource(other))


def test_outlines_on_validation_films_are_lungs_or_nothing(cxr_folder: Path) -> None:
    with (cxr_folder / "manifest.csv").open(encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["split"] == "val" and row["tier"] == "A" and row["mask"] and "512" in row["path"]
        ]
    scores, outlines = [], OnnxOutlines()
    for row in rows[::4]:
        film = imagecodecs.imread(cxr_folder / row["path"])
        film = film if film.ndim == 2 else film[..., 0]
        found = outlines(Frame(np.ascontiguousarray(film), "MONOCHROME2", 8), view=None, modality=None)
        if found.abstained:
            continue
        truth = imagecodecs.imread(cxr_folder / row["mask"])
        drawn = found.masks[RegionKind.LUNG_RIGHT] | found.masks[RegionKind.LUNG_LEFT]
        lungs = truth & (RIGHT_LUNG | LEFT_LUNG) > 0
        scores.append(2 * (drawn & lungs).sum() / (drawn.sum() + lungs.sum()))
    assert len(scores) >= len(rows[::4]) * 0.9
    assert np.mean(scores) > 0.94
    assert min(scores) > 0.75
