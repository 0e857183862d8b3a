"""Files sealed as PS3.15 E.1 has it: GDCM opens ours, and we open GDCM's."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from leadglass.adapters.system import SystemEntropy
from leadglass.anatomy.outline import Outlines
from leadglass.dicom.source import BytesSource
from leadglass.flows.open import open_sealed
from leadglass.flows.seal import seal_film
from leadglass.model.access import SealProfile
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, RegionKind
from leadglass.seal.public import read_private, read_public
from leadglass.testing.films.instance import small_film

FILMS: Mapping[str, Mapping[str, Any]] = {
    "16 bits": {"rows": 96, "columns": 80},
    "odd": {"rows": 61, "columns": 47},
    "monochrome1": {"rows": 64, "columns": 64, "photometric": "MONOCHROME1"},
}


def drawn(frame: Frame, *, view: str | None = None, modality: str | None = None) -> Outlines:
    del view, modality
    mask: Mask = np.zeros((frame.rows, frame.columns), np.bool_)
    mask[frame.rows // 4 : frame.rows // 2, frame.columns // 4 : frame.columns // 2] = True
    return Outlines({RegionKind.LUNG_LEFT: mask}, 1.0, "")


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory, peers: Mapping[str, str]) -> Path:
    """A folder with an RSA key and its certificate."""
    folder = tmp_path_factory.mktemp("identity")
    ask = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=reader"]
    subprocess.run([peers["openssl"], *ask], cwd=folder, check=True, capture_output=True)
    return folder


def check_same(before: Dataset, after: Dataset) -> None:
    """Every attribute of ``before`` is in ``after`` with its value, and every sample."""
    np.testing.assert_array_equal(after.pixel_array, before.pixel_array)
    for element in before:
        if element.keyword != "PixelData":
            assert after[element.tag].value == element.value, element.tag


@pytest.mark.peer("gdcmanon", "openssl")
@pytest.mark.parametrize("name", FILMS)
def test_gdcm_restores_every_attribute_and_pixel(
    name: str, identity: Path, peers: Mapping[str, str], tmp_path: Path
) -> None:
    film = small_film(**FILMS[name], seed=4)
    (tmp_path / "film.dcm").write_bytes(film)
    made = seal_film(
        BytesSource(film),
        show=["lung_left"],
        to=[read_public((identity / "cert.pem").read_bytes())],
        profile=SealProfile.PS3_15,
        detector=drawn,
        entropy=SystemEntropy(),
    )
    (tmp_path / "sealed.dcm").write_bytes(b"".join(made.rendition.chunks()))
    keys = ["--key", identity / "key.pem", "--certificate", identity / "cert.pem"]
    command = [peers["gdcmanon"], "-d", *keys, "-i", tmp_path / "sealed.dcm", "-o", tmp_path / "back.dcm"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    check_same(dcmread(tmp_path / "film.dcm"), dcmread(tmp_path / "back.dcm"))


@pytest.mark.peer("gdcmanon", "openssl")
@pytest.mark.parametrize("with_certificate", [True, False])
def test_what_gdcm_seals_opens_here(
    with_certificate: bool, identity: Path, peers: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "film.dcm").write_bytes(small_film(rows=96, columns=80, seed=4))
    command = [peers["gdcmanon"], "-e", "--certificate", identity / "cert.pem", "-i", "film.dcm", "-o", "sealed.dcm"]
    subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=tmp_path)
    before = dcmread(tmp_path / "film.dcm")
    assert str(dcmread(tmp_path / "sealed.dcm").PatientName) != str(before.PatientName)
    certificate = (identity / "cert.pem").read_bytes() if with_certificate else b""
    key = read_private((identity / "key.pem").read_bytes() + certificate)
    opened = open_sealed(BytesSource((tmp_path / "sealed.dcm").read_bytes()), key)
    assert opened.identified
    (tmp_path / "back.dcm").write_bytes(b"".join(opened.rendition.chunks()))
    check_same(before, dcmread(tmp_path / "back.dcm"))
