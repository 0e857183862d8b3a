"""Sealing one film for named people, and opening it: everything comes back to them, and nothing to anybody else."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from leadglass.adapters.system import SystemEntropy
from leadglass.anatomy.outline import Outlines, abstain
from leadglass.dicom.frames import decode
from leadglass.dicom.instance import scan
from leadglass.dicom.pictures import read_picture, secondary_capture
from leadglass.dicom.source import BytesSource
from leadglass.errors import InputError, LeadglassError, SealBrokenError
from leadglass.flows.open import open_sealed
from leadglass.flows.seal import Sealed, seal_film
from leadglass.model.access import SealProfile
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, RegionKind
from leadglass.seal.public import PrivateKey, new_person_key, read_private
from leadglass.testing.films.instance import small_film

FILM = small_film(rows=160, columns=128, seed=5)


def drawn(frame: Frame, *, view: str | None = None, modality: str | None = None) -> Outlines:
    """Three boxes where lungs and heart might be."""
    del view, modality
    masks: dict[RegionKind, Mask] = {}
    for kind, left, right in (("lung_right", 0.1, 0.4), ("lung_left", 0.6, 0.9), ("heart", 0.4, 0.6)):
        mask = np.zeros((frame.rows, frame.columns), np.bool_)
        mask[frame.rows // 4 : frame.rows * 3 // 4, int(left * frame.columns) : int(right * frame.columns)] = True
        masks[RegionKind(kind)] = mask
    return Outlines(masks, 1.0, "")


def nothing(frame: Frame, *, view: str | None = None, modality: str | None = None) -> Outlines:
    del frame, view, modality
    return abstain("not a chest film")


def made_by_openssl(folder: Path, *arguments: str) -> PrivateKey:
    path = folder / "key.pem"
    subprocess.run(["openssl", "genpkey", *arguments, "-out", path], check=True, capture_output=True)
    return read_private(path.read_bytes())


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, PrivateKey]:
    folder = tmp_path_factory.mktemp("keys")
    return {
        "person": new_person_key(seed=bytes(range(96))),
        "ec": made_by_openssl(folder, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        "rsa": made_by_openssl(folder, "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    }


CASES = [("person", SealProfile.PORTABLE), ("ec", SealProfile.PORTABLE), ("rsa", SealProfile.PS3_15)]
each_case = pytest.mark.parametrize(("name", "profile"), CASES, ids=["person", "ec", "rsa"])


def sealed(
    data: bytes, key: PrivateKey, profile: SealProfile, *, show: str = "lung_right,lung_left", by: Any = drawn
) -> Sealed:
    return seal_film(
        BytesSource(data), show=show.split(","), to=[key.public], profile=profile, detector=by, entropy=SystemEntropy()
    )


def as_read(data: bytes) -> Dataset:
    return dcmread(io.BytesIO(data))


def file_of(made: Sealed) -> bytes:
    return b"".join(made.rendition.chunks())


def pixels(data: bytes) -> np.ndarray[Any, Any]:
    film = scan(BytesSource(data))
    (frame,) = decode(film.layout, film.pixels, encapsulated=film.encapsulated)
    return frame.samples


@each_case
def test_who_has_the_key_has_every_attribute_and_pixel_again(
    keys: Mapping[str, PrivateKey], name: str, profile: SealProfile
) -> None:
    made = sealed(FILM, keys[name], profile)
    opened = open_sealed(BytesSource(file_of(made)), keys[name])
    assert opened.identified
    assert opened.regions == made.covered
    data = b"".join(opened.rendition.chunks())
    np.testing.assert_array_equal(pixels(data), pixels(FILM))
    before, after = as_read(FILM), as_read(data)
    assert "EncryptedAttributesSequence" not in after
    for element in before:
        if element.keyword not in ("PixelData", "HighBit"):
            assert after[element.tag].value == element.value, element.tag


@each_case
def test_who_has_not_has_neither(keys: Mapping[str, PrivateKey], name: str, profile: SealProfile) -> None:
    made = sealed(FILM, keys[name], profile)
    data = file_of(made)
    before, after = as_read(FILM), as_read(data)
    for word in (before.PatientName, before.PatientID, before.SOPInstanceUID, before.StudyInstanceUID):
        assert str(word).encode() not in data
    hidden = np.ones(pixels(FILM).shape, np.bool_)
    hidden[40:120, 16:48] = hidden[40:120, 80:112] = False
    assert after.PatientIdentityRemoved == "YES"
    assert (pixels(data)[hidden] != pixels(FILM)[hidden]).mean() > 0.9
    np.testing.assert_array_equal(pixels(data)[60:100, 24:40], pixels(FILM)[60:100, 24:40])
    for other in set(keys) - {name}:
        with pytest.raises(InputError, match="opens nothing"):
            open_sealed(BytesSource(data), keys[other])


def test_two_people_open_the_same_file(keys: Mapping[str, PrivateKey]) -> None:
    both = seal_film(
        BytesSource(FILM),
        show=["lung_left"],
        to=[keys["person"].public, keys["ec"].public],
        profile=SealProfile.PORTABLE,
        detector=drawn,
        entropy=SystemEntropy(),
    )
    for name in ("person", "ec"):
        opened = open_sealed(BytesSource(file_of(both)), keys[name])
        np.testing.assert_array_equal(pixels(b"".join(opened.rendition.chunks())), pixels(FILM))


@each_case
def test_without_outlines_everything_is_covered(keys: Mapping[str, PrivateKey], name: str, profile: SealProfile) -> None:
    made = sealed(FILM, keys[name], profile, by=nothing)
    assert (made.shown, made.covered, made.abstained) == ((), (RegionKind.REST,), "not a chest film")
    assert np.unique(pixels(file_of(made))).size == 1
    opened = open_sealed(BytesSource(file_of(made)), keys[name])
    np.testing.assert_array_equal(pixels(b"".join(opened.rendition.chunks())), pixels(FILM))


@pytest.mark.parametrize(("name", "profile"), [("rsa", SealProfile.PORTABLE), ("ec", SealProfile.PS3_15)])
def test_a_key_of_the_wrong_kind_is_refused(keys: Mapping[str, PrivateKey], name: str, profile: SealProfile) -> None:
    with pytest.raises(InputError):
        sealed(FILM, keys[name], profile)


def test_only_a_site_can_shred(keys: Mapping[str, PrivateKey]) -> None:
    with pytest.raises(InputError, match="shred"):
        sealed(FILM, keys["ec"], SealProfile.SHREDDABLE)


def test_an_unknown_region_is_named(keys: Mapping[str, PrivateKey]) -> None:
    with pytest.raises(InputError, match="spleen"):
        sealed(FILM, keys["ec"], SealProfile.PORTABLE, show="spleen")


def test_a_region_of_another_file_is_refused(keys: Mapping[str, PrivateKey]) -> None:
    """Both files are for the same person: only what the items say of themselves tells them apart."""
    first, second = (file_of(sealed(FILM, keys["ec"], SealProfile.PORTABLE)) for _ in range(2))
    start = first.index(b"\x00\x04\x00\x05SQ")
    stop = first.index(b"\xe0\x7f\x10\x00")
    other = second[second.index(b"\x00\x04\x00\x05SQ") : second.index(b"\xe0\x7f\x10\x00")]
    with pytest.raises(SealBrokenError, match="moved here"):
        open_sealed(BytesSource(first[:start] + other + first[stop:]), keys["ec"])


def test_flipped_bits_never_give_other_pixels(keys: Mapping[str, PrivateKey]) -> None:
    """In a portable file; PS3.15 prescribes a cipher that does not authenticate."""
    data = file_of(sealed(FILM, keys["ec"], SealProfile.PORTABLE))
    start, stop = data.index(b"\x00\x04\x00\x05SQ") + 60, data.index(b"\xe0\x7f\x10\x00")
    rng = np.random.default_rng(1)
    for at in rng.integers(start, stop, 120):
        changed = data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]
        try:
            opened = open_sealed(BytesSource(changed), keys["ec"])
        except LeadglassError:
            continue
        again = pixels(b"".join(opened.rendition.chunks()))
        shown = sealed_places(again, opened.regions)
        np.testing.assert_array_equal(again[shown], pixels(FILM)[shown])


def sealed_places(samples: np.ndarray[Any, Any], regions: tuple[RegionKind, ...]) -> Mask:
    """Inside of the boxes whose region came back."""
    mask = np.zeros(samples.shape, np.bool_)
    if RegionKind.HEART in regions:
        mask[60:100, 56:72] = True
    return mask


def test_a_picture_travels_as_a_secondary_capture(keys: Mapping[str, PrivateKey]) -> None:
    imagecodecs: Any = pytest.importorskip("imagecodecs")
    samples = np.random.default_rng(2).integers(0, 256, (160, 128), dtype=np.uint8)
    frame = read_picture(bytes(imagecodecs.png_encode(samples)))
    data = secondary_capture(frame, study_uid="2.25.1", series_uid="2.25.2", sop_instance_uid="2.25.3")
    made = sealed(data, keys["person"], SealProfile.PORTABLE)
    opened = open_sealed(BytesSource(file_of(made)), keys["person"])
    np.testing.assert_array_equal(pixels(b"".join(opened.rendition.chunks())), samples)


def test_a_sealed_file_is_not_sealed_a_second_time(keys: Mapping[str, PrivateKey]) -> None:
    once = file_of(sealed(FILM, keys["ec"], SealProfile.PORTABLE))
    with pytest.raises(InputError, match="already"):
        sealed(once, keys["person"], SealProfile.PORTABLE)


def test_a_changed_part_is_told_from_one_for_somebody_else(keys: Mapping[str, PrivateKey]) -> None:
    data = bytearray(file_of(sealed(FILM, keys["ec"], SealProfile.PORTABLE)))
    data[data.index(b"\xe0\x7f\x10\x00") - 200] ^= 1
    with pytest.raises(SealBrokenError):
        open_sealed(BytesSource(bytes(data)), keys["ec"])


def test_what_was_deidentified_before_says_so_again(keys: Mapping[str, PrivateKey]) -> None:
    dataset = as_read(FILM)
    dataset.PatientIdentityRemoved, dataset.LongitudinalTemporalInformationModified = "YES", "REMOVED"
    del dataset.ImageType
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    opened = open_sealed(BytesSource(file_of(sealed(buffer.getvalue(), keys["ec"], SealProfile.PORTABLE))), keys["ec"])
    after = as_read(b"".join(opened.rendition.chunks()))
    assert (after.PatientIdentityRemoved, after.LongitudinalTemporalInformationModified) == ("YES", "REMOVED")
    assert "ImageType" not in after


@pytest.mark.parametrize(("keyword", "value"), [("PatientOrientation", ["R", "F"]), ("BodyPartExamined", "HAND")])
def test_a_header_that_speaks_against_outlines_is_heard(keys: Mapping[str, PrivateKey], keyword: str, value: Any) -> None:
    dataset = as_read(FILM)
    setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    made = sealed(buffer.getvalue(), keys["ec"], SealProfile.PORTABLE)
    assert made.covered == (RegionKind.REST,)
    assert "header" in made.abstained
