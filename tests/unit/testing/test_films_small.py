"""Small films: proper DX objects with everything planted, whatever the pixels look like."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.charset import python_encoding
from pydicom.encaps import generate_frames
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from leadglass.testing.films import PATIENTS, Patient, facts, planted, small_film, small_samples

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
ENCAPSULATED = (JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless)


def read(film: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(BytesIO(film))


def decoded(film: bytes) -> np.ndarray[Any, Any]:
    """The samples, by decoders that are not the encoders' own code path where there is one."""
    dataset = read(film)
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in (JPEGLosslessSV1, JPEGLSLossless):
        decode = imagecodecs.jpeg8_decode if syntax == JPEGLosslessSV1 else imagecodecs.jpegls_decode
        frames = generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1)))
        return np.squeeze(np.stack([decode(frame) for frame in frames]))
    return dataset.pixel_array


def by_name(patient: Patient) -> str:
    return patient.name.split("^")[0]


@pytest.mark.parametrize("syntax", NATIVE + ENCAPSULATED, ids=lambda syntax: UID(syntax).keyword)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_the_pixels_are_the_ones_that_were_meant(syntax: str, bits: int) -> None:
    film = small_film(rows=33, columns=27, bits=bits, transfer_syntax=syntax, seed=5)
    np.testing.assert_array_equal(decoded(film), small_samples(rows=33, columns=27, bits=bits, seed=5))


@settings(deadline=None, max_examples=30)
@given(
    rows=st.integers(2, 40),
    columns=st.integers(2, 40),
    bits=st.integers(6, 16),
    signed=st.booleans(),
    frames=st.integers(1, 3),
    syntax=st.sampled_from((*NATIVE, RLELossless)),
)
def test_every_shape_comes_back(rows: int, columns: int, bits: int, signed: bool, frames: int, syntax: str) -> None:
    film = small_film(rows=rows, columns=columns, bits=bits, signed=signed, frames=frames, transfer_syntax=syntax)
    meant = small_samples(rows=rows, columns=columns, bits=bits, signed=signed, frames=frames)
    np.testing.assert_array_equal(read(film).pixel_array, meant)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_colour_comes_back(syntax: str) -> None:
    film = small_film(bits=8, samples=3, photometric="RGB", transfer_syntax=syntax, rows=20, columns=22)
    np.testing.assert_array_equal(read(film).pixel_array, small_samples(rows=20, columns=22, bits=8, samples=3))


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert small_film(seed=3) == small_film(seed=3)


def test_another_seed_gives_another_film() -> None:
    one, other = read(small_film(seed=3)), read(small_film(seed=4))
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.PixelData != other.PixelData


def test_lungs_are_dark_between_grey_walls() -> None:
    samples = small_samples(rows=96, columns=80, bits=12)
    assert samples[40:56, 20:26].mean() < samples[40:56, 38:42].mean() / 2


@pytest.mark.parametrize("patient", PATIENTS, ids=by_name)
@pytest.mark.parametrize("syntax", NATIVE)
def test_every_fact_stands_in_the_film(patient: Patient, syntax: str) -> None:
    film = small_film(patient=patient, transfer_syntax=syntax)
    encoding = python_encoding[patient.charset[0]]
    shared = {name: fact for name, fact in facts(patient).items() if name not in ("series_uid_ap", "series_uid_ll")}
    assert [name for name, fact in shared.items() if fact.encode(encoding) not in film] == []


@pytest.mark.parametrize("patient", PATIENTS, ids=by_name)
def test_names_come_back_in_every_script(patient: Patient) -> None:
    dataset = read(small_film(patient=patient))
    assert str(dataset.PatientName) == patient.name
    assert dataset.AdditionalPatientHistory == patient.history


@pytest.mark.parametrize("patient", PATIENTS, ids=by_name)
def test_planted_holds_each_part_of_the_name(patient: Patient) -> None:
    words = [part for group in patient.name.split("=") for part in group.split("^")]
    telling = {word for word in words if len(word) >= (4 if word.isascii() else 2)}
    assert telling
    assert telling <= set(planted(patient))


def test_planted_holds_nothing_so_short_that_chance_finds_it() -> None:
    assert min(len(text.encode()) for patient in PATIENTS for text in planted(patient)) >= 4


def test_no_two_patients_share_what_identifies() -> None:
    seen = [set(planted(patient)) for patient in PATIENTS]
    assert sum(len(strings) for strings in seen) == len(set().union(*seen))


def test_a_name_stands_in_a_private_sequence() -> None:
    patient = PATIENTS[0]
    block = read(small_film(patient=patient)).private_block(0x0021, "EXAMPLE IMAGING 2.1")
    inner = block[0x04].value[0].private_block(0x0021, "EXAMPLE IMAGING 2.1")
    assert inner[0x05].value == patient.history


@pytest.mark.parametrize(("photometric", "shape"), [("MONOCHROME1", "INVERSE"), ("MONOCHROME2", "IDENTITY")])
def test_presentation_agrees_with_photometric(photometric: str, shape: str) -> None:
    assert read(small_film(photometric=photometric)).PresentationLUTShape == shape


@pytest.mark.peer("dciodvfy")
@pytest.mark.parametrize("patient", PATIENTS, ids=by_name)
def test_dciodvfy_finds_no_error(patient: Patient, tmp_path: Path, peers: Mapping[str, str]) -> None:
    (tmp_path / "film.dcm").write_bytes(small_film(patient=patient))
    said = subprocess.run([peers["dciodvfy"], "-new", str(tmp_path / "film.dcm")], capture_output=True, check=False).stderr
    assert b"DXImageForPresentation" in said
    assert [line for line in said.splitlines() if line.startswith(b"Error")] == []
