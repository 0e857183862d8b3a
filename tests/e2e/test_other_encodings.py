"""Deflated and big endian files are taken in like any other, and come back as they were."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from marked import differ_by_a_mark
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from leadglass.testing.films import small_film

if TYPE_CHECKING:
    from tests.e2e.conftest import House


def deflated() -> bytes:
    dataset = dcmread(io.BytesIO(small_film(seed=31)))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


FILES = {
    "deflated": deflated(),
    "deflated, padded": deflated() + b"\0",
    "big endian": small_film(seed=31, transfer_syntax=ExplicitVRBigEndian),
}


@pytest.mark.parametrize("name", FILES)
def test_such_a_file_is_taken_in_released_and_given_back(house: House, tmp_path: Path, name: str) -> None:
    (tmp_path / "film.dcm").write_bytes(FILES[name])
    taken = house("ingest", tmp_path / "film.dcm", person="tech.demo").line
    assert taken["state"] == "new"
    house("check", taken["instance"], "--pixels", "checked", "--note", "looked", person="tech.demo")

    export = house.approved(taken["instance"], action="export", purpose="RESEARCH")
    released = dcmread(house("release", export, "--out", tmp_path).line["path"])
    legal = house.approved(taken["instance"], action="restore", purpose="LEGAL")
    house("restore", legal, "--out", tmp_path / "back.dcm")

    assert differ_by_a_mark(released.pixel_array, dcmread(io.BytesIO(FILES[name])).pixel_array, bits=released.BitsStored)
    assert (tmp_path / "back.dcm").read_bytes() == FILES[name]
    house.check_whole()
