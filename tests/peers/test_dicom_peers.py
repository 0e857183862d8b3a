"""Released files as others read them: dcmdump, dciodvfy and pydicom the file, openssl what is sealed in it.

What the pixels have to be is known from the samples that the films were made of, not from any decoder.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from world import enrol, granted

from leadglass.anatomy.outline import Outlines
from leadglass.dicom.source import BytesSource
from leadglass.flows.ingest import ingest
from leadglass.flows.lift import lift
from leadglass.flows.open import open_release
from leadglass.flows.record import SITE_KEY
from leadglass.flows.release import release
from leadglass.flows.session import Session
from leadglass.flows.vault import open_film
from leadglass.model.access import Action, Actor, Purpose, Request, Role
from leadglass.model.frame import Frame
from leadglass.model.ids import PersonName
from leadglass.model.region import Partition, RegionKind
from leadglass.model.release import Release
from leadglass.policy.decide import load
from leadglass.seal.cms import kek_ids, open_authenveloped
from leadglass.testing.films import PATIENTS, small_film, small_samples
from leadglass.testing.memory import MemoryOutlet, memory_site

PERSON = PersonName("dr")
OPEN = load({"open.cedar": '@id("open") @mark("off") permit (principal, action, resource);'})
"""Rights are tested elsewhere."""

SESSION = Session(Actor(PERSON, frozenset({Role.TECHNOLOGIST, Role.RADIOLOGIST})), seed=bytes(32))
LUNGS = (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT)

FILMS: Mapping[str, Mapping[str, Any]] = {
    "implicit": {"bits": 12, "transfer_syntax": ImplicitVRLittleEndian},
    "explicit": {"bits": 12, "photometric": "MONOCHROME1", "transfer_syntax": ExplicitVRLittleEndian},
    "16 bits": {"bits": 16, "patient": PATIENTS[2]},
    "16 bits inverted": {"bits": 16, "photometric": "MONOCHROME1", "transfer_syntax": ImplicitVRLittleEndian},
    "signed": {"bits": 12, "signed": True},
    "odd": {"rows": 63, "columns": 65, "bits": 8},
    "RLE": {"bits": 16, "transfer_syntax": RLELossless},
    "JPEG lossless": {"bits": 12, "transfer_syntax": JPEGLosslessSV1, "patient": PATIENTS[1]},
    "JPEG-LS": {"bits": 16, "photometric": "MONOCHROME1", "transfer_syntax": JPEGLSLossless},
    "JPEG 2000": {"bits": 12, "signed": True, "transfer_syntax": JPEG2000Lossless},
    "multi-frame": {"bits": 12, "frames": 3},
    "multi-frame RLE": {"bits": 16, "frames": 2, "transfer_syntax": RLELossless},
    "RGB": {"bits": 8, "samples": 3, "photometric": "RGB"},
    "RGB RLE": {"bits": 8, "samples": 3, "photometric": "RGB", "transfer_syntax": RLELossless},
}
SHOWN: Mapping[str, tuple[RegionKind, ...]] = {
    "with identity": tuple(RegionKind),
    "whole": tuple(RegionKind),
    "lungs": LUNGS,
    "rest": (RegionKind.REST,),
    "nothing": (),
}
ONE_REGION = ("multi-frame", "multi-frame RLE", "RGB", "RGB RLE")
"""Several frames or colour make one region of the film, the rest: it is shown or it is not."""

COPIES = [(film, copy) for film in FILMS for copy in SHOWN if film not in ONE_REGION or copy not in ("lungs", "rest")]
COVERED = [(film, copy) for film, copy in COPIES if copy in ("lungs", "rest", "nothing")]

every_film = pytest.mark.parametrize("film", FILMS)
every_copy = pytest.mark.parametrize(("film", "copy"), COPIES)
covered_copy = pytest.mark.parametrize(("film", "copy"), COVERED)


@dataclass(frozen=True, eq=False)
class Copy:
    """One release of one film, its stored values as they were made, and the keys of all that is sealed in it."""

    received: bytes
    truth: NDArray[Any]
    partition: Partition
    release: Release
    file: bytes
    key_file: bytes | None


@cache
def copy_of(film: str, copy: str) -> Copy:
    """The film through the flows of a site in memory, with grants that nobody had to approve."""
    site = memory_site(seed=f"{film}/{copy}", detector=_outlines, policies=OPEN)
    site.keys.create(SITE_KEY)
    enrol(site, PERSON, *SESSION.actor.roles)
    received = small_film(**FILMS[film])
    instance = ingest(site, SESSION, BytesSource(received)).instance
    shown = tuple(kind for kind in instance.kinds if kind in SHOWN[copy])
    identity = copy == "with identity"
    out = MemoryOutlet()
    asked = Request(instance.id, Action.VIEW, Purpose.TREAT, instance.kinds, identity=identity, recipient=PERSON)
    made = release(site, SESSION, granted(site, asked, shown), out)
    key_file = None
    if made.release.covered:
        wanted = Request(
            instance.id,
            Action.LIFT,
            Purpose.TREAT,
            made.release.covered,
            identity=False,
            recipient=PERSON,
            release=made.release.id,
        )
        key_file = out.files[lift(site, SESSION, granted(site, wanted, wanted.regions), out, name="key").path]
    partition = open_film(site, instance).partition
    return Copy(received, _truth(film), partition, made.release, out.files[made.path], key_file)


def _outlines(frame: Frame, *, view: str | None, modality: str | None) -> Outlines:
    """Where ``small_film`` has its lungs, and a heart between them."""
    del view, modality
    y, x = np.ogrid[-1 : 1 : frame.rows * 1j, -1 : 1 : frame.columns * 1j]
    right, left = (((x - across) / 0.33) ** 2 + (y / 0.7) ** 2 < 1 for across in (-0.42, 0.42))
    heart = ((x - 0.1) / 0.25) ** 2 + ((y - 0.3) / 0.3) ** 2 < 1
    return Outlines({RegionKind.HEART: heart, RegionKind.LUNG_RIGHT: right, RegionKind.LUNG_LEFT: left}, 1.0, "")


def _truth(film: str) -> NDArray[Any]:
    """The stored values, frames first: shape (frames, rows, columns) or (frames, rows, columns, 3)."""
    size = {"rows": 96, "columns": 80, "bits": 12}
    given = {name: value for name, value in FILMS[film].items() if name not in ("transfer_syntax", "photometric", "patient")}
    stored = small_samples(**(size | given))
    return stored if given.get("frames", 1) > 1 else stored[np.newaxis]


def opened_with(copy: Copy, kinds: Collection[RegionKind]) -> bytes:
    """The released file after the keys of ``kinds`` were used on it."""
    assert copy.key_file is not None
    fields = json.loads(copy.key_file)
    fields["regions"] = [each for each in fields["regions"] if each["region"] in kinds]
    rendition = open_release(BytesSource(copy.file), json.dumps(fields).encode(), now=copy.release.created).rendition
    return b"".join(rendition.chunks())


def read_by_pydicom(file: bytes) -> pydicom.Dataset:
    """Every element of it, each looked at by pydicom's strict validation."""
    with pydicom.config.strict_reading():
        dataset = pydicom.dcmread(BytesIO(file))
        dataset.decode()
        for _ in dataset.iterall():
            pass
    return dataset


def pixels(file: bytes, copy: Copy) -> NDArray[Any]:
    """The stored values that pydicom decodes, in the shape of the truth."""
    decoded: NDArray[Any] = read_by_pydicom(file).pixel_array
    return decoded.reshape(copy.truth.shape)


def written(folder: Path, file: bytes) -> str:
    path = folder / "file.dcm"
    path.write_bytes(file)
    return str(path)


def errors_of(dciodvfy: str, path: str) -> Counter[str]:
    """What it calls an error. It says the rest as warnings, and whether it knew the file as a DX image."""
    done = subprocess.run([dciodvfy, path], capture_output=True, check=False, timeout=60)
    lines = (done.stdout + done.stderr).decode(errors="replace").splitlines()
    assert "DXImageForPresentation" in lines
    return Counter(line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE))


def check_dcmdump(dcmdump: str, path: str, *options: str) -> bytes:
    """What dcmdump prints; it has to be content with the file, warnings included."""
    done = subprocess.run([dcmdump, "-v", *options, path], capture_output=True, check=False, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if not line.startswith((b"I:", b"D:"))]
    assert (done.returncode, complaints) == (0, [])
    return done.stdout


def sealed_contents(file: bytes) -> list[bytes]:
    """The CMS messages in a file, as pydicom finds them; without the byte that may pad them to even length."""
    contents = []
    for item in read_by_pydicom(file).get("EncryptedAttributesSequence", []):
        content = item.EncryptedContent
        length = 4 + int.from_bytes(content[2:4], "big") if content[1] == 0x82 else 5 + int.from_bytes(content[2:5], "big")
        assert content[1] in (0x82, 0x83)
        assert len(content) - length in (0, 1)
        contents.append(content[:length])
    return contents


def key_of(copy: Copy, content: bytes) -> tuple[bytes, bytes]:
    """Key and key id, from the key file, of one sealed content."""
    assert copy.key_file is not None
    (found,) = [each for each in json.loads(copy.key_file)["regions"] if bytes.fromhex(each["id"]) in kek_ids(content)]
    return bytes.fromhex(found["kek"]), bytes.fromhex(found["id"])


def openssl_opens(openssl: str, content: bytes, *, key: bytes, key_id: bytes) -> bytes:
    command = [openssl, "cms", "-decrypt", "-inform", "DER", "-secretkey", key.hex(), "-secretkeyid", key_id.hex()]
    return subprocess.run(command, input=content, capture_output=True, check=True, timeout=60).stdout


@pytest.mark.peer("dciodvfy")
@every_copy
def test_dciodvfy_finds_no_error_that_the_received_film_has_not(
    peers: Mapping[str, str], tmp_path: Path, film: str, copy: str
) -> None:
    made = copy_of(film, copy)
    before = errors_of(peers["dciodvfy"], written(tmp_path, made.received))
    assert errors_of(peers["dciodvfy"], written(tmp_path, made.file)) - before == Counter()


@pytest.mark.peer("dciodvfy")
@every_film
@pytest.mark.parametrize("kinds", [tuple(RegionKind), (RegionKind.REST,)], ids=["all", "in part"])
def test_dciodvfy_finds_no_new_error_in_an_opened_film(
    peers: Mapping[str, str], tmp_path: Path, film: str, kinds: tuple[RegionKind, ...]
) -> None:
    made = copy_of(film, "nothing")
    before = errors_of(peers["dciodvfy"], written(tmp_path, made.received))
    assert errors_of(peers["dciodvfy"], written(tmp_path, opened_with(made, kinds))) - before == Counter()


@pytest.mark.peer("dcmdump")
@every_copy
def test_dcmdump_reads_every_release_without_a_warning(
    peers: Mapping[str, str], tmp_path: Path, film: str, copy: str
) -> None:
    made = copy_of(film, copy)
    printed = check_dcmdump(peers["dcmdump"], written(tmp_path, made.file))
    assert printed.count(b"EncryptedContent\n") == len(made.release.covered)


@pytest.mark.peer("dcmdump")
@every_film
@pytest.mark.parametrize("kinds", [tuple(RegionKind), (RegionKind.REST,)], ids=["all", "in part"])
def test_dcmdump_reads_an_opened_film_without_a_warning(
    peers: Mapping[str, str], tmp_path: Path, film: str, kinds: tuple[RegionKind, ...]
) -> None:
    made = copy_of(film, "nothing")
    printed = check_dcmdump(peers["dcmdump"], written(tmp_path, opened_with(made, kinds)))
    assert printed.count(b"EncryptedContent\n") == len(set(made.release.covered) - set(kinds))


@pytest.mark.peer("dcmdump", "openssl")
@covered_copy
def test_dcmdump_reads_what_openssl_opened(peers: Mapping[str, str], tmp_path: Path, film: str, copy: str) -> None:
    made = copy_of(film, copy)
    for content in sealed_contents(made.file):
        key, key_id = key_of(made, content)
        dataset = openssl_opens(peers["openssl"], content, key=key, key_id=key_id)
        # An Encrypted Attributes Data Set has no meta information: -f, and explicit little endian as (0400,0510) says.
        printed = check_dcmdump(peers["dcmdump"], written(tmp_path, dataset), "-f", "-te")
        assert printed.count(b"ModifiedAttributesSequence\n") == 1


@pytest.mark.peer("openssl")
@covered_copy
def test_openssl_opens_each_sealed_region_to_the_bytes_that_we_do(peers: Mapping[str, str], film: str, copy: str) -> None:
    made = copy_of(film, copy)
    contents = sealed_contents(made.file)
    assert len(contents) == len(made.release.covered)
    for content in contents:
        key, key_id = key_of(made, content)
        theirs = openssl_opens(peers["openssl"], content, key=key, key_id=key_id)
        assert theirs == open_authenveloped(content, kek=key, kek_id=key_id)


@pytest.mark.peer("openssl")
def test_openssl_opens_no_region_with_the_key_of_another(peers: Mapping[str, str]) -> None:
    made = copy_of("implicit", "lungs")
    one, other = sealed_contents(made.file)
    key, _ = key_of(made, one)
    _, key_id = key_of(made, other)
    with pytest.raises(subprocess.CalledProcessError):
        openssl_opens(peers["openssl"], other, key=key, key_id=key_id)


@every_copy
def test_pydicom_sees_shown_pixels_as_they_were_received(film: str, copy: str) -> None:
    made = copy_of(film, copy)
    shown = made.partition.mask(made.release.shown)
    assert np.array_equal(pixels(made.file, made)[:, shown], made.truth[:, shown])


@covered_copy
def test_pydicom_sees_no_covered_region_as_it_was_received(film: str, copy: str) -> None:
    made = copy_of(film, copy)
    for kind in made.release.covered:
        under = made.partition.mask([kind])
        assert (pixels(made.file, made)[:, under] == made.truth[:, under]).mean() < 0.05


@covered_copy
def test_pydicom_sees_the_received_film_once_every_region_is_lifted(film: str, copy: str) -> None:
    made = copy_of(film, copy)
    assert np.array_equal(pixels(opened_with(made, made.release.covered), made), made.truth)


@every_film
def test_pydicom_sees_what_was_lifted_and_the_cover_over_the_rest(film: str) -> None:
    made = copy_of(film, "nothing")
    kind = made.release.covered[0]
    lifted = made.partition.mask([kind])
    seen, before = pixels(opened_with(made, [kind]), made), pixels(made.file, made)
    assert np.array_equal(seen[:, lifted], made.truth[:, lifted])
    assert np.array_equal(seen[:, ~lifted], before[:, ~lifted])


@every_film
def test_pydicom_reads_the_patients_name_where_identity_wasgranted(film: str) -> None:
    made = copy_of(film, "with identity")
    received, released = read_by_pydicom(made.received), read_by_pydicom(made.file)
    assert str(released.PatientName) == str(received.PatientName)
    assert released.PatientIdentityRemoved == "NO"


@every_copy
def test_a_release_keeps_what_describes_the_received_pixels(film: str, copy: str) -> None:
    made = copy_of(film, copy)
    received, released = pydicom.dcmread(BytesIO(made.received)), read_by_pydicom(made.file)
    for keyword in ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsStored", "PixelRepresentation"):
        assert released[keyword].value == received[keyword].value
