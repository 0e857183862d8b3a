"""Cleaning a header: hostile files in, and pydicom reads what comes out."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Iterable

import hostile as h
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import RLELossless

from leadglass.deid.charset import decode_text, read_text
from leadglass.deid.clean import clean
from leadglass.deid.profile import basic_profile
from leadglass.deid.pseudonym import PseudonymKeys
from leadglass.deid.terms import normalise, search_terms
from leadglass.dicom.frames import constant_rle
from leadglass.dicom.instance import Clean, HeaderPlan, Treated, compose, scan
from leadglass.dicom.plan import run
from leadglass.dicom.source import BytesSource

KEYS = PseudonymKeys(bytes(range(32)))


def plan(data: bytes) -> HeaderPlan:
    return clean(scan(BytesSource(data)), profile=basic_profile(), keys=KEYS)


def composed(data: bytes) -> Clean:
    header = plan(data)
    return compose(header, Treated(RLELossless, constant_rle(header.received.layout, 0)))


def cleaned(data: bytes) -> bytes:
    return b"".join(composed(data).chunks())


def read(data: bytes) -> pydicom.Dataset:
    film = pydicom.dcmread(io.BytesIO(cleaned(data)))
    str(film)  # every value is decoded
    return film


def one(*elements: bytes, **more: object) -> pydicom.Dataset:
    return read(h.film(elements, **more))  # type: ignore[arg-type]  # keyword arguments of film


def spellings(text: str) -> set[bytes]:
    codecs = ("utf-8", "utf-16-le", "utf-16-be", "gb18030", "shift_jis", "euc_kr")
    return {text.encode(codec, "ignore") for codec in codecs}


def assert_gone(data: bytes, secrets: Iterable[str]) -> None:
    out = cleaned(data)
    left = {secret for secret in secrets for each in spellings(secret) if len(each) > 3 and each in out}
    assert not left


GB_NAME = "ZHAO^XIAODONG=赵^小东".encode("gb18030")


def hostile(*, syntax: str = h.EXPLICIT, undefined: bool = True) -> bytes:
    implicit = syntax == h.IMPLICIT

    def e(tag: int, vr: str, value: bytes | str | int) -> bytes:
        return h.element(tag, vr, value, implicit=implicit)

    def s(tag: int, *items: list[bytes]) -> bytes:
        return h.sequence(tag, items, implicit=implicit, undefined=undefined)

    deep = s(
        0x00400275,
        [s(0x00400008, [s(0x00081140, [e(0x00081155, "UI", "1.9.8.7.6"), e(0x00100010, "PN", "SECRETA^SECRETB")])])],
    )
    un = h.sequence(0x00081110, [[h.element(0x00081155, "UI", "1.9.8.7.7", implicit=True)]], undefined=True, vr="UN")
    return h.film(
        [
            e(0x00080005, "CS", "GB18030"),
            e(0x00080020, "DA", "20240229"),
            e(0x00080050, "SH", "ACC-77123"),
            e(0x00080080, "LO", "SECRETC Hospital"),
            e(0x00081030, "LO", "SECRETD thorax"),
            e(0x00082111, "ST", "SECRETE"),
            e(0x00090010, "LO", "SECRETF 1.0"),
            e(0x00091001, "LO", "SECRETG"),
            e(0x00091002, "UN", b"SECRETH!"),
            e(0x00100010, "PN", GB_NAME),
            e(0x00100020, "LO", "MRN-445566"),
            e(0x00100030, "DA", "19610713"),
            e(0x00101000, "LO", "OLD-998877"),
            e(0x00181020, "LO", "v1.2 ZHAO"),
            e(0x00180015, "CS", "CHEST"),
            e(0x00201041, "DS", "12.5"),
            deep,
            *([] if implicit else [un]),
            s(0x00880200, [e(0x00204000, "LT", "SECRETI")]),
            e(0x60000022, "LO", "SECRETJ"),
            e(0x60003000, "OW", b"SECRETK!"),
        ],
        syntax=syntax,
        file_meta=h.meta(
            syntax,
            more=b"".join(
                (
                    h.element(0x00020016, "AE", "SECRETL"),
                    h.element(0x00020100, "UI", "1.2.9"),
                    h.element(0x00020102, "OB", b"SECRETM!"),
                )
            ),
            preamble=b"SECRETN!" * 16,
        ),
        after=h.element(0xFFFCFFFC, "OB", b"SECRETO!", implicit=implicit) + b"SECRETP",
    )


SECRETS = [
    *(f"SECRET{letter}" for letter in "ABCDEFGHIJKLMNOP"),
    *("ZHAO", "XIAODONG", "赵", "小东", "MRN-445566", "OLD-998877", "ACC-77123", "19610713", "20240229"),
    *("1.2.3.4.5", "1.9.8.7.6", "1.9.8.7.7"),
]


@pytest.mark.parametrize("syntax", [h.EXPLICIT, h.IMPLICIT])
@pytest.mark.parametrize("undefined", [True, False])
def test_nothing_that_was_planted_is_left(syntax: str, undefined: bool) -> None:
    assert_gone(hostile(syntax=syntax, undefined=undefined), SECRETS)


@pytest.mark.parametrize("syntax", [h.EXPLICIT, h.IMPLICIT])
def test_what_no_row_lists_stays(syntax: str) -> None:
    film = read(hostile(syntax=syntax))
    assert (film.BodyPartExamined, film.SliceLocation, film.Modality, film.Rows) == ("CHEST", 12.5, "DX", 4)


@pytest.mark.parametrize("syntax", [h.EXPLICIT, h.IMPLICIT])
def test_the_hostile_file_comes_back_bit_for_bit(syntax: str) -> None:
    data = hostile(syntax=syntax)
    made = composed(data)
    out = BytesSource(b"".join(made.chunks()))
    assert b"".join(run(made.inverse, (out, scan(BytesSource(data)).pixels))) == data


def test_both_encodings_give_the_same_clean_values() -> None:
    assert read(hostile()) == read(hostile(syntax=h.IMPLICIT))


def test_the_output_says_what_was_done() -> None:
    film = one()
    code = film.DeidentificationMethodCodeSequence[0]
    assert (film.PatientIdentityRemoved, film.LongitudinalTemporalInformationModified) == ("YES", "REMOVED")
    assert "leadglass" in film.DeidentificationMethod
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("113100", "DCM")


def test_what_an_earlier_tool_said_is_replaced() -> None:
    film = one(h.element(0x00120063, "LO", "by Dr Zqxw"), h.element(0x00120062, "CS", "NO"))
    assert film.PatientIdentityRemoved == "YES"
    assert "Zqxw" not in film.DeidentificationMethod


def test_the_patient_gets_one_pseudonym() -> None:
    film = one(h.element(0x00100010, "PN", "Doe^Jane"), h.element(0x00100020, "LO", "4711"))
    assert film.PatientID == film.PatientName == KEYS.patient_id("id 4711")


def test_padding_makes_no_other_patient() -> None:
    padded = one(h.element(0x00100020, "LO", b" 4711\0"))
    assert padded.PatientID == KEYS.patient_id("id 4711")


def test_two_patients_without_an_id_do_not_become_one() -> None:
    other = one(h.element(0x0020000D, "UI", "1.2.99"))
    assert one().PatientID != other.PatientID


def test_an_accession_number_becomes_a_keyed_one() -> None:
    assert one(h.element(0x00080050, "SH", "A77")).AccessionNumber == KEYS.accession("A77")


def test_an_empty_accession_number_stays_empty() -> None:
    assert one(h.element(0x00080050, "SH", "")).AccessionNumber == ""


def test_references_keep_their_target() -> None:
    reference = [h.element(0x00081150, "UI", h.DR), h.element(0x00081155, "UI", "1.2.3.4.5")]
    film = one(h.sequence(0x00082218, [[h.sequence(0x0008114A, [reference])]]))
    referred = film.AnatomicRegionSequence[0].ReferencedInstanceSequence[0]
    assert referred.ReferencedSOPInstanceUID == film.SOPInstanceUID == film.file_meta.MediaStorageSOPInstanceUID
    assert referred.ReferencedSOPClassUID == h.DR


def test_class_uids_and_the_standards_own_stay() -> None:
    frame = "1.2.840.10008.1.4.1.1"
    film = one(h.element(0x00200052, "UI", frame), h.element(0x0008001A, "UI", "1.2.3.77"))
    assert (film.SOPClassUID, film.FrameOfReferenceUID, film.RelatedGeneralSOPClassUID) == (h.DR, frame, "1.2.3.77")


def test_an_instance_uid_under_the_standards_root_is_mapped() -> None:
    assert one(h.element(0x00080018, "UI", "1.2.840.10008.77.1")).SOPInstanceUID != "1.2.840.10008.77.1"


def test_each_of_several_uids_is_mapped() -> None:
    film = one(
        h.element(0x00080018, "UI", "1.2.3"), h.element(0x00203111, "UI", ""), h.element(0x00081167, "UI", "1.2.3\\1.2.4")
    )
    assert list(film[0x00081167].value) == [film.SOPInstanceUID, KEYS.uid("1.2.4")]


@pytest.mark.parametrize(
    ("extra", "secret"),
    [
        (h.element(0x00180015, "CS", b"CHEST\0ZQXWV"), "ZQXWV"),
        (h.element(0x00080016, "UI", h.DR.encode() + b"\0ZQXWV"), "ZQXWV"),
        (h.element(0x00281055, "LO", "for Dr Zqxwv"), "Zqxwv"),
        (h.element(0x00181020, "LO", "Zqxwv"), "Zqxwv"),
        (h.element(0x00180015, "LO", "Zqxw^Zqxv"), "Zqxw"),
        (h.element(0x00201041, "DS", "Zqxwv"), "Zqxwv"),
        (h.element(0x00100010, "UN", "Zqxwv^A"), "Zqxwv"),
        (h.element(0x00089998, "LO", "Zqxwv"), "Zqxwv"),
        (h.element(0x00080005, "CS", "Zqxwv"), "Zqxwv"),
        (h.element(0x00142006, "PN", "Zqxwv"), "Zqxwv"),
        (h.element(0x00081190, "UR", "http://pacs/Zqxwv"), "Zqxwv"),
        (h.element(0x00100033, "LO", "Zqxwv 5"), "Zqxwv"),
        (h.element(0x00400275, "LO", "Zqxwv"), "Zqxwv"),
        (h.element(0x00400275, "UN", "Zqxwv"), "Zqxwv"),
        (h.sequence(0x00182042, [[h.element(0x00100010, "PN", "Zqxwv")]]), "Zqxwv"),
        (h.sequence(0x00082218, [[h.element(0x00080102, "SH", "99US"), h.element(0x00080104, "LO", "Zqxwv")]]), "Zqxwv"),
        (h.sequence(0x0040A730, [[h.element(0x0040A160, "UT", "Zqxwv")]]), "Zqxwv"),
        (h.sequence(0x0040A730, [[h.element(0x00080100, "SH", "Zqxwv")]]), "Zqxwv"),
        (h.sequence(0x00082218, [[h.element(0x00080005, "CS", "Zqxwv")]]), "Zqxwv"),
        (h.sequence(0x00082218, [[h.element(0x7FE00010, "OB", b"Zqxwv!")]]), "Zqxwv"),
        (h.element(0x00080000, "UL", b"Zqxw"), "Zqxw"),
        (h.element(0xFFFAFFFA, "UN", b"Zqxw"), "Zqxw"),
        (struct.pack("<HH2sHL", 0x0028, 0x2000, b"OB", 0x785A, 2) + b"ab", "Zx"),
        (h.element(0x00180015, "OB", b"CHEST\0Zqxwv"), "Zqxwv"),
    ],
)
def test_odd_places_give_nothing_away(extra: bytes, secret: str) -> None:
    out = cleaned(h.film([extra]))
    assert secret.encode() not in out
    str(pydicom.dcmread(io.BytesIO(out)))


@pytest.mark.parametrize("secret", ["Zqxwv", "小东", "4455667", "20010203"])
def test_text_that_no_row_lists_does_not_repeat_what_is_known_of_the_patient(secret: str) -> None:
    data = h.film(
        [
            h.element(0x00080005, "CS", "ISO_IR 192"),
            h.element(0x00100010, "PN", "Zqxwv^=王^小东"),
            h.element(0x00100020, "LO", "4455667"),
            h.element(0x00100030, "DA", "20010203"),
            h.element(0x00180010, "LO", "agent"),
            h.element(0x00181160, "SH", f"of {secret}"),
            h.sequence(0x00082218, [[h.element(0x00080102, "SH", "SCT"), h.element(0x00080104, "LO", f"lung of {secret}")]]),
        ]
    )
    assert_gone(data, [secret])
    assert read(data).AnatomicRegionSequence[0].CodingSchemeDesignator == "SCT"


def test_a_name_is_known_in_another_encoding_than_its_own() -> None:
    # The second byte of this character is an upper-case letter in GB18030.
    secret = "丄丄".encode("gb18030")
    out = cleaned(
        h.film(
            [
                h.element(0x00080005, "CS", "ISO_IR 192"),
                h.element(0x00100010, "PN", "A^丄丄"),
                h.element(0x00181160, "SH", secret),
            ]
        )
    )
    assert secret not in out


def test_a_name_inside_another_word_is_no_mention() -> None:
    film = one(h.element(0x00100010, "PN", "Hes^Ann"), h.element(0x00180015, "CS", "CHEST"))
    assert film.BodyPartExamined == "CHEST"


def test_names_of_common_windows_stay() -> None:
    film = one(h.element(0x00281055, "LO", "WINDOW1\\Soft Tissue"))
    assert list(film.WindowCenterWidthExplanation) == ["WINDOW1", "Soft Tissue"]


def test_meanings_of_published_codes_stay() -> None:
    code = [
        h.element(0x00080100, "SH", "51185008"),
        h.element(0x00080102, "SH", "SCT"),
        h.element(0x00080104, "LO", "Chest"),
    ]
    assert one(h.sequence(0x00082218, [code])).AnatomicRegionSequence[0].CodeMeaning == "Chest"


def test_a_sequence_in_which_nothing_changes_is_copied_whole() -> None:
    encoded = h.sequence(
        0x00082218, [[h.element(0x00080100, "SH", "T-1"), h.element(0x00080102, "SH", "SCT")]], undefined=True
    )
    assert encoded in cleaned(h.film([encoded]))


def test_an_element_that_stands_twice_comes_out_once() -> None:
    film = one(h.element(0x00180015, "CS", "ZQXW"), h.element(0x00180015, "CS", "CHEST"))
    assert film.BodyPartExamined == "CHEST"


def test_values_of_odd_length_come_out_even() -> None:
    odd = struct.pack("<HH2sH", 0x0018, 0x0015, b"CS", 5) + b"CHEST"
    assert h.element(0x00180015, "CS", "CHEST") in cleaned(h.film([odd]))


def test_dummies_are_valid_for_their_vr() -> None:
    film = one(
        h.element(0x00080016, "UI", "1.2.3.77"),
        h.element(0x00080021, "DA", "20240101"),
        h.element(0x00080031, "TM", "101112"),
        h.element(0x0008002A, "DT", "20240101101112"),
        h.element(0x00181000, "LO", "SN-1"),
    )
    assert (film.SeriesDate, film.SeriesTime, film.AcquisitionDateTime) == ("19000101", "000000", "19000101000000")


def findings(*elements: bytes) -> dict[str, tuple[str, str]]:
    return {each.path: (each.action, each.why) for each in plan(h.film(elements)).findings}


def test_a_finding_names_the_place_and_the_reason() -> None:
    found = findings(h.sequence(0x00082218, [[], [h.element(0x00080080, "LO", "Hospital")]]))
    assert found["(0008,2218)[1].(0008,0080)"] == ("remove", "PS3.15 Table E.1-1: X/Z/D (Type 3)")


def test_findings_hold_no_values() -> None:
    told = repr(plan(hostile()).findings)
    assert not any(secret in told for secret in SECRETS)


def test_what_lies_outside_the_data_set_is_reported() -> None:
    paths = {each.path for each in plan(hostile()).findings}
    assert {"preamble", "end", "(0002,0016)", "(0002,0102)", "(FFFC,FFFC)"} <= paths


def test_removed_values_can_be_asked_for() -> None:
    removed = set(plan(hostile()).removed_values())
    assert {b"MRN-445566", GB_NAME + b" ", b"SECRETE ", b"SECRETP", b"SECRETN!" * 16} <= removed


def terms(*elements: bytes) -> set[tuple[str, str]]:
    return set(search_terms(scan(BytesSource(h.film(elements)))))


def names(value: bytes, charset: str) -> set[str]:
    found = terms(h.element(0x00080005, "CS", charset), h.element(0x00100010, "PN", value))
    return {text for kind, text in found if kind == "name"}


def test_identifiers_become_terms() -> None:
    found = terms(
        h.element(0x00100020, "LO", " Mrn-７ "),
        h.element(0x00080050, "SH", "A77"),
        h.element(0x00080020, "DA", "2024.01.02"),
    )
    assert found == {("patient_id", "mrn-7"), ("accession", "a77"), ("study_date", "20240102")}


def test_every_part_of_a_name_becomes_a_term() -> None:
    assert names(b"Van Dyke^Jane", "ISO_IR 100") == {"van dyke jane", "van dyke^jane", "van dyke", "van", "dyke", "jane"}


@pytest.mark.parametrize("charset", ["GB18030", "GBK", "ISO_IR 192"])
def test_a_chinese_name_is_found_as_it_is_written(charset: str) -> None:
    codec = {"ISO_IR 192": "utf-8"}.get(charset, charset)
    found = names("Wang^XiaoDong=王^小东".encode(codec), charset)
    assert {"wang xiaodong", "王小东", "王 小东", "王", "小东"} <= found


def test_a_japanese_name_with_code_extensions_is_read() -> None:
    # The example of PS3.5 annex H.3.1.
    value = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"
    assert {"山田太郎", "やまだ", "yamada"} <= names(value, "\\ISO 2022 IR 87")


def test_a_korean_name_with_code_extensions_is_read() -> None:
    # The example of PS3.5 annex I.2.
    value = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"
    assert {"洪吉洞", "홍길동", "홍"} <= names(value, "\\ISO 2022 IR 149")


def test_a_chinese_name_with_code_extensions_is_read() -> None:
    # The example of PS3.5 annex K.2.
    value = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="
    assert {"张小东", "zhang"} <= names(value, "\\ISO 2022 IR 58")


def test_a_chinese_name_under_no_character_set_is_found_all_the_same() -> None:
    assert "王小东" in names("王^小东".encode("gbk"), "")


def test_normal_forms_agree() -> None:
    assert normalise(" ＤＯＥ  Straße ") == normalise("doe strasse")


def test_text_that_is_none_is_an_error() -> None:
    with pytest.raises(UnicodeDecodeError):
        decode_text(b"\xff\xff", ["ISO_IR 192"])


@given(value=st.binary(max_size=40), charset=st.lists(st.sampled_from(["", "ISO_IR 192", "ISO 2022 IR 87", "GB18030", "?"])))
@settings(max_examples=100, deadline=None)
def test_text_to_read_never_fails(value: bytes, charset: list[str]) -> None:
    assert isinstance(read_text(value, charset), str)


@pytest.mark.parametrize(
    ("value", "charset"),
    [("王小东".encode("gb18030"), ["GB18030"]), ("王小东".encode(), ["GB1803X"]), ("王小东".encode("gbk"), [])],
    ids=["as stated", "no defined term", "none stated"],
)
def test_text_is_read_under_the_stated_or_the_likeliest_character_set(value: bytes, charset: list[str]) -> None:
    assert read_text(value, charset) == "王小东"


def test_bytes_that_no_character_set_has_are_shown_as_latin() -> None:
    assert read_text(b"M\xfcller \xff", ["ISO_IR 192"]) == "Müller ÿ"


@pytest.mark.parametrize("photometric", ["ZHAOLIUQI", "ZHAO^LIUQI"])
def test_a_nested_photometric_interpretation_is_no_hiding_place(photometric: str) -> None:
    nested = h.sequence(0x00082218, [[h.element(0x00280004, "CS", photometric)]])
    assert photometric.encode() not in cleaned(h.film([nested]))


def test_a_photometric_interpretation_stays_whatever_the_patient_is_called() -> None:
    film = one(h.element(0x00100010, "PN", "MONOCHROME2^X"))
    assert film.PhotometricInterpretation == "MONOCHROME2"


@pytest.mark.parametrize("value", ["Zhao Liuqi", "ZHAO-LIUQI", "ZHAOLIUQI OF BEIJING"])
def test_what_no_code_string_can_be_is_not_kept(value: str) -> None:
    assert one(h.element(0x00180015, "CS", value)).BodyPartExamined == "ANONYMIZED"


@pytest.mark.parametrize("value", ["CHEST", "CHEST ", "LEFT_LUNG 2", "A\\B\\\\C", "SIXTEEN_LETTERS_", ""])
def test_a_code_string_is_kept(value: str) -> None:
    assert h.element(0x00180015, "CS", value) in cleaned(h.film([h.element(0x00180015, "CS", value)]))


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00189306, "FD", bytes(12)),
        (0x00283002, "US", bytes(5)),
        (0x00282000, "OB", h.fragments(b"abcd")),
        (0x00283006, "OW", bytes(5)),
    ],
    ids=["FD", "US", "OB of items", "OW"],
)
def test_a_value_that_its_vr_cannot_have_is_removed(tag: int, vr: str, value: bytes) -> None:
    assert tag not in one(h.head(tag, vr, len(value)) + value)


def test_a_value_of_undefined_length_is_removed_outside_the_pixel_data() -> None:
    assert 0x00282000 not in one(h.head(0x00282000, "OB", h.UNDEFINED) + h.fragments(b"abcd"))


def test_a_sequence_without_items_is_none_where_the_standard_has_a_number() -> None:
    assert 0x00189306 not in one(h.sequence(0x00189306, [], undefined=True, vr="UN"))


@pytest.mark.parametrize("vr", ["OB", "FD", "LO", "UT"])
def test_a_number_is_stated_as_a_number(vr: str) -> None:
    assert 0x00181164 not in one(h.element(0x00181164, vr, b"0.143000"))


@pytest.mark.parametrize("vr", ["OB", "LO"])
def test_a_class_is_stated_as_a_uid(vr: str) -> None:
    assert 0x0008001A not in one(h.element(0x0008001A, vr, "1.2.840.10008.5.1.4.1.1.1"))


def test_a_patient_id_is_no_measure() -> None:
    number = h.element(0x00100020, "LO", "20451177")
    assert 0x00180060 not in one(number, h.element(0x00180060, "DS", "20451177"))


def test_a_measure_stays_beside_a_short_patient_id() -> None:
    assert one(h.element(0x00100020, "LO", "143"), h.element(0x00181164, "DS", "0.143")).ImagerPixelSpacing == 0.143


@pytest.mark.parametrize(("length", "vr"), [(65_533, "LT"), (65_534, "LT"), (65_535, "UN"), (65_536, "UN")])
def test_text_of_implicit_vr_is_written_however_long(length: int, vr: str) -> None:
    # What does not fit the 16-bit length of LT is written as UN (PS3.5 6.2.2).
    data = h.film([h.head(0x00187006, "LT", length, implicit=True) + b"a" * length], syntax=h.IMPLICIT)
    assert h.head(0x00187006, vr, length + length % 2) + b"a" * length in cleaned(data)


def test_hostile_text_does_not_hold_up_anybody() -> None:
    crowd = [h.element(0x00142006, "PN", " ".join(f"name{n}" for n in range(k, k + 500))) for k in range(0, 10_000, 500)]
    data = h.film(
        [
            *crowd[:1],
            h.sequence(0x00182042, [[each] for each in crowd]),
            h.element(0x00281055, "LO", "1" * 4000 + "x"),
            h.element(0x00189941, "UT", "name1 " * 500_000),
            h.element(0x00100010, "PN", "^" * 60_000),
        ]
    )
    start = time.process_time()
    cleaned(data)
    assert time.process_time() - start < 5


def test_real_films_come_back_bit_for_bit(cxr_folder: object) -> None:
    paths = sorted((cxr_folder / "dicom").glob("*.dcm"))  # type: ignore[operator]  # a Path
    for path in paths[:2]:
        data = path.read_bytes()
        made = composed(data)
        assert b"".join(run(made.inverse, (BytesSource(b"".join(made.chunks())), scan(BytesSource(data)).pixels))) == data
    assert paths
