"""What an adversary found: honest files that were held back or lost something, and what was put where no rule looked."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection

import hostile as h
import pydicom
import pytest

from leadglass.deid.clean import Work
from leadglass.deid.identifiers import Kind, identifiers
from leadglass.deid.profile import Option, Profile, profile
from leadglass.deid.pseudonym import PseudonymKeys
from leadglass.deid.residual import Leak, patterns, residual
from leadglass.dicom.header import walk
from leadglass.dicom.instance import received
from leadglass.dicom.kept import compose_kept, kept_pixels
from leadglass.dicom.plan import Plan, run
from leadglass.dicom.source import BytesSource
from leadglass.errors import MalformedError

KEYS = PseudonymKeys(bytes(range(32)))
BASIC = profile()


def treated(
    *elements: bytes, using: Profile = BASIC, exempt: Collection[Kind] = ()
) -> tuple[pydicom.Dataset, tuple[Leak, ...]]:
    """The header of a film that holds these elements as it comes out, and what the proof finds in it."""
    header = walk(BytesSource(h.film(elements)))
    object_ = received(header)
    work = Work(object_, using, KEYS)
    ops = compose_kept(work.plan(), kept_pixels(object_)).ops
    written = b"".join(run(Plan(ops), (header.source,)))
    known = patterns(identifiers(header, object_.charset), exempt=exempt, own=work.moved)
    return pydicom.dcmread(io.BytesIO(written)), residual(walk(BytesSource(written)), known)


@pytest.mark.parametrize("tag", [0x00181003, 0x00181010, 0x00181011, 0x4010102A])
def test_an_id_that_a_user_gave_to_a_device_or_place_goes(tag: int) -> None:
    film, leaks = treated(h.element(tag, "LO" if tag >> 16 == 0x18 else "SH", "CAPTURE-771233"))
    assert (tag in film, leaks) == (False, ())


def test_the_id_of_a_device_stays_where_devices_may() -> None:
    film, leaks = treated(
        h.element(0x00181010, "LO", "CAPTURE-771233"),
        using=profile(options=[Option.RETAIN_DEVICE_IDENTITY]),
        exempt=[Kind.DEVICE],
    )
    assert (film.SecondaryCaptureDeviceID, leaks) == ("CAPTURE-771233", ())


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x0018700C, "DA", "20211103"),
        (0x00181200, "DA", "20211103"),
        (0x00181201, "TM", "101112.125"),
        (0x00181202, "DT", "20211103101112.125"),
        (0x00321020, "LO", "Brambleworth Wing 7"),
        (0x00400011, "SH", "Wing 771233"),
    ],
)
def test_what_retain_device_identity_keeps_is_no_leak(tag: int, vr: str, value: str) -> None:
    film, leaks = treated(
        h.element(tag, vr, value), using=profile(options=[Option.RETAIN_DEVICE_IDENTITY]), exempt=[Kind.DEVICE]
    )
    assert (str(film[tag].value), leaks) == (value, ())


def test_a_device_uid_that_retain_uids_keeps_is_no_leak() -> None:
    uid = "1.3.12.2.1107.5.99.2.771233"
    film, leaks = treated(h.element(0x00181002, "UI", uid), using=profile(options=[Option.RETAIN_UIDS]), exempt=[Kind.UID])
    assert (film.DeviceUID, leaks) == (uid, ())


def test_the_uid_of_an_observing_device_that_retain_device_identity_keeps_is_no_leak() -> None:
    uid = "1.3.12.2.1107.5.99.2.771233"
    concept = [h.element(0x00080100, "SH", "121012"), h.element(0x00080102, "SH", "DCM")]
    content = [
        h.element(0x0040A040, "CS", "UIDREF"),
        h.sequence(0x0040A043, [concept]),
        h.element(0x0040A124, "UI", uid),
    ]
    using = profile(options=[Option.RETAIN_DEVICE_IDENTITY, Option.CLEAN_STRUCTURED_CONTENT])
    film, leaks = treated(h.sequence(0x0040A730, [content]), using=using, exempt=[Kind.DEVICE, Kind.TEXT])
    assert (film.ContentSequence[0].UID, leaks) == (uid, ())


@pytest.mark.parametrize(
    ("keyword", "tag", "vr", "value"),
    [
        ("InstitutionName", 0x00080080, "LO", "Brambleworth General"),
        ("StationName", 0x00081010, "SH", "WING-771233"),
        ("DeviceSerialNumber", 0x00181000, "LO", "SN-771233"),
        ("StudyDate", 0x00080020, "DA", "20211103"),
        ("StudyTime", 0x00080030, "TM", "101112.125"),
        ("PerformedStationAETitle", 0x00400241, "AE", "WINGPACS7"),
        ("FrameOfReferenceUID", 0x00200052, "UI", "1.3.12.2.1107.5.99.2.771233"),
    ],
)
def test_what_a_profile_file_keeps_stays_and_is_no_leak(keyword: str, tag: int, vr: str, value: str) -> None:
    film, leaks = treated(h.element(tag, vr, value), using=profile(f'[attributes]\n{keyword} = "keep"'))
    assert (film[keyword].value, leaks) == (value, ())


def test_what_a_profile_file_keeps_may_still_not_name_the_patient() -> None:
    name = h.element(0x00100010, "PN", "Tolliver^Xenia")
    film, leaks = treated(
        name, h.element(0x00080080, "LO", "Tolliver Memorial"), using=profile('[attributes]\nInstitutionName = "keep"')
    )
    assert ("Tolliver" in film.InstitutionName, leaks) == (False, ())


@pytest.mark.parametrize("value", ["12.5", "150.0", "-3", "1e3"])
def test_a_whole_number_with_a_fraction_stays(value: str) -> None:
    film, _ = treated(h.element(0x00181150, "IS", value))
    assert film.get_item(0x00181150).value.strip() == value.encode()


def test_a_decimal_encoded_as_a_whole_number_stays() -> None:
    film, _ = treated(h.element(0x00281050, "IS", "40"))
    assert film.WindowCenter == 40


def test_an_id_written_as_a_number_without_its_zeros_goes() -> None:
    film, leaks = treated(h.element(0x00100020, "LO", "0004471902"), h.element(0x00200012, "IS", "4471902"))
    assert ("AcquisitionNumber" in film, leaks) == (False, ())


def test_a_date_with_a_letter_before_it_is_no_code_string() -> None:
    film, leaks = treated(h.element(0x00080020, "DA", "20230914"), h.element(0x00180022, "CS", "D20230914"))
    assert (film.ScanOptions, leaks) == ("ANONYMIZED", ())


def test_an_application_entity_title_goes_from_other_text() -> None:
    film, leaks = treated(h.element(0x00080054, "AE", "WINGPACS7"), h.element(0x00181020, "LO", "WINGPACS7 v3.1"))
    assert ("WINGPACS7" in film.SoftwareVersions, leaks) == (False, ())


@pytest.mark.parametrize("value", ["chest", "Chest", "CHEST-PA", "Chest (AP)", "LUMBAR SPINE LATERAL"])
def test_terms_of_radiology_stay_though_they_are_no_code_strings(value: str) -> None:
    film, _ = treated(h.element(0x00180015, "CS", value))
    assert film.BodyPartExamined == value


def test_one_value_that_is_no_code_string_takes_no_other_with_it() -> None:
    film, _ = treated(h.element(0x00080008, "CS", "ORIGINAL\\PRIMARY\\Zhao Liuqi\\AXIAL"))
    assert film.ImageType == ["ORIGINAL", "PRIMARY", "ANONYMIZED", "AXIAL"]


@pytest.mark.parametrize(
    ("tag", "value"), [(0x00180015, "HAND"), (0x00080008, "DERIVED\\PRIMARY\\MPR\\MAX"), (0x00180015, "CHEST")]
)
def test_a_defined_term_stays_whoever_is_called_so(tag: int, value: str) -> None:
    film, _ = treated(
        h.element(0x00100010, "PN", "Hand^Max"), h.element(0x00100020, "LO", "CHEST"), h.element(tag, "CS", value)
    )
    assert film.get_item(tag).value.strip() == value.encode()


def test_samples_among_which_a_caret_stands_between_letters_are_no_name() -> None:
    samples = bytearray(hashlib.shake_128(b"samples").digest(4096))
    samples[100:113] = b"Qzxwvk^Jjklop"
    _, leaks = treated(h.element(0x56000020, "OF", bytes(samples)))
    assert leaks == ()


def test_a_name_with_a_caret_in_a_table_of_numbers_is_held_back() -> None:
    _, leaks = treated(h.element(0x56000020, "OF", b"Mapplewick^Hort.".ljust(64, b"\0")))
    assert leaks


@pytest.mark.parametrize("vr", [b"??", b"\0\0", b"  "])
def test_an_attribute_of_no_vr_does_not_end_the_data_set(vr: bytes) -> None:
    broken = b"\x18\0\x24\0" + vr + b"\x04\0fl3d"
    with pytest.raises(MalformedError, match="0018,0024"):
        treated(broken)


def test_a_private_attribute_of_no_vr_does_not_end_the_data_set() -> None:
    broken = h.element(0x00190010, "LO", "ACME") + b"\x19\0\x01\x10\0\0\x04\0fl3d"
    with pytest.raises(MalformedError, match="0019,1001"):
        treated(broken)


@pytest.mark.parametrize("delimiters", [b"\xfe\xff\xdd\xe0" + bytes(4), b"\xfe\xff\x0d\xe0" + bytes(4)])
def test_a_delimiter_of_no_sequence_does_not_end_the_data_set(delimiters: bytes) -> None:
    with pytest.raises(MalformedError, match="no delimiter belongs"):
        treated(h.element(0x00180022, "CS", "HELICAL") + delimiters)


def test_delimiters_behind_the_data_set_are_bytes_behind_it() -> None:
    data = h.film(without=[0x00280010], pixels=b"") + b"\xfe\xff\xdd\xe0" + bytes(4)
    assert walk(BytesSource(data)).trailing == len(data) - 8
