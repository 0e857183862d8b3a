"""The options of PS3.15 E.3: which rows they change, by what names they go, and what they never change."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.sr.codedict import codes

from leadglass.deid.profile import (
    BASIC,
    METHODS,
    Action,
    Option,
    basic_profile,
    capped_age,
    option,
    profile,
    safe_private_vr,
)
from leadglass.errors import ConfigError

DX = "1.2.840.10008.5.1.4.1.1.1.1"
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
SR = "1.2.840.10008.5.1.4.1.1.88.33"
UNKNOWN = "1.2.3.4"

COLUMNS = {
    "rtnUIDsOpt": Option.RETAIN_UIDS,
    "rtnDevIdOpt": Option.RETAIN_DEVICE_IDENTITY,
    "rtnInstIdOpt": Option.RETAIN_INSTITUTION_IDENTITY,
    "rtnPatCharsOpt": Option.RETAIN_PATIENT_CHARACTERISTICS,
    "rtnLongFullDatesOpt": Option.RETAIN_FULL_DATES,
    "rtnLongModifDatesOpt": Option.RETAIN_MODIFIED_DATES,
    "cleanDescOpt": Option.CLEAN_DESCRIPTORS,
    "cleanStructContOpt": Option.CLEAN_STRUCTURED_CONTENT,
    "cleanGraphOpt": Option.CLEAN_GRAPHICS,
}
GONE = {Action.REMOVE, Action.EMPTY, Action.DUMMY}


def table(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(files("leadglass.deid").joinpath("tables", name).read_text())
    return found


def cells(column: str) -> list[tuple[int, str, str]]:
    """Tag, VR and code of the rows in which a column has one."""
    return [
        (int(row["tag"][1:5] + row["tag"][6:10], 16), row["vr"], row[column])
        for row in table("ps3_15_e1_1.json")
        if row["match"] == "tag" and column in row
    ]


def action(
    keyword: str, *options: Option, vr: str | None = None, sop_class: str = DX, above: tuple[int, ...] = ()
) -> Action:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return profile(options=options).rule((*above, tag), vr or dictionary_VR(tag), sop_class=sop_class).action


@pytest.mark.parametrize(("column", "each"), COLUMNS.items())
@pytest.mark.parametrize("sop_class", [DX, UNKNOWN])
def test_every_cell_of_an_option_overrides_the_basic_profile(column: str, each: Option, sop_class: str) -> None:
    allowed = {
        "K": {Action.KEEP, Action.TEXT, Action.CLEAN},
        "C": {Action.CLEAN, Action.SHIFT, Action.CONTENT, Action.KEEP, Action.TEXT},
    }
    chosen = profile(options=[each])
    wrong = [
        f"{tag:08X}"
        for tag, vr, code in cells(column)
        # Nobody can clean bytes without knowing what they are: those rows stay as the Basic Profile has them.
        if chosen.rule((tag,), vr, sop_class=sop_class).action not in (allowed[code] if vr != "OB" or code == "K" else GONE)
    ]
    assert not wrong


def test_the_table_has_the_cells_that_the_standard_has() -> None:
    counts = {column: Counter(code for _, _, code in cells(column)) for column in COLUMNS}
    assert counts == {
        "rtnUIDsOpt": {"K": 59},
        "rtnDevIdOpt": {"K": 46, "C": 11},
        "rtnInstIdOpt": {"K": 10},
        "rtnPatCharsOpt": {"K": 9, "C": 4},
        "rtnLongFullDatesOpt": {"K": 165},
        "rtnLongModifDatesOpt": {"C": 165},
        "cleanDescOpt": {"C": 125},
        "cleanStructContOpt": {"C": 3},
        "cleanGraphOpt": {"C": 1},
    }


@pytest.mark.parametrize(
    ("keyword", "chosen", "expected"),
    [
        ("StudyInstanceUID", Option.RETAIN_UIDS, Action.KEEP),
        ("SourceImageSequence", Option.RETAIN_UIDS, Action.KEEP),
        ("TargetFrameOfReferenceUID", Option.RETAIN_UIDS, Action.KEEP),  # no row
        ("StudyDate", Option.RETAIN_FULL_DATES, Action.KEEP),
        ("StudyDate", Option.RETAIN_MODIFIED_DATES, Action.SHIFT),
        ("StudyTime", Option.RETAIN_MODIFIED_DATES, Action.SHIFT),
        ("AcquisitionDateTime", Option.RETAIN_MODIFIED_DATES, Action.SHIFT),
        ("TimezoneOffsetFromUTC", Option.RETAIN_MODIFIED_DATES, Action.SHIFT),
        ("DateOfGainCalibration", Option.RETAIN_MODIFIED_DATES, Action.SHIFT),  # no row
        ("DateOfGainCalibration", Option.RETAIN_FULL_DATES, Action.KEEP),
        ("FrameOriginTimestamp", Option.RETAIN_MODIFIED_DATES, Action.DUMMY),
        ("PatientSex", Option.RETAIN_PATIENT_CHARACTERISTICS, Action.TEXT),
        ("PatientWeight", Option.RETAIN_PATIENT_CHARACTERISTICS, Action.KEEP),
        ("PatientAge", Option.RETAIN_PATIENT_CHARACTERISTICS, Action.CLEAN),
        ("Allergies", Option.RETAIN_PATIENT_CHARACTERISTICS, Action.CLEAN),
        ("EthnicGroupCodeSequence", Option.RETAIN_PATIENT_CHARACTERISTICS, Action.KEEP),
        ("DeviceSerialNumber", Option.RETAIN_DEVICE_IDENTITY, Action.TEXT),
        ("StationAETitle", Option.RETAIN_DEVICE_IDENTITY, Action.CLEAN),
        ("RadiationMachineName", Option.RETAIN_DEVICE_IDENTITY, Action.TEXT),
        ("InstitutionName", Option.RETAIN_INSTITUTION_IDENTITY, Action.TEXT),
        ("SeriesDescription", Option.CLEAN_DESCRIPTORS, Action.CLEAN),
        ("RequestAttributesSequence", Option.CLEAN_DESCRIPTORS, Action.KEEP),
        ("ROIName", Option.CLEAN_DESCRIPTORS, Action.CLEAN),
        ("TreatmentStatusComment", Option.CLEAN_DESCRIPTORS, Action.CLEAN),  # no row
        ("ContentSequence", Option.CLEAN_STRUCTURED_CONTENT, Action.CONTENT),
        ("TextValue", Option.CLEAN_STRUCTURED_CONTENT, Action.CLEAN),
        ("GraphicAnnotationSequence", Option.CLEAN_GRAPHICS, Action.KEEP),
        ("UnformattedTextValue", Option.CLEAN_GRAPHICS, Action.CLEAN),
    ],
)
def test_an_option_does_what_it_is_called(keyword: str, chosen: Option, expected: Action) -> None:
    assert action(keyword, chosen) is expected


def test_of_two_options_the_one_that_cleans_decides() -> None:
    both = (Option.RETAIN_DEVICE_IDENTITY, Option.RETAIN_MODIFIED_DATES)
    assert action("DateOfLastCalibration", *both) is Action.SHIFT


@pytest.mark.parametrize("keyword", ["PatientBirthDate", "PatientBirthTime", "GPSTimeStamp"])
@pytest.mark.parametrize("chosen", [Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES])
def test_no_option_for_dates_keeps_a_birth_date_or_a_place(keyword: str, chosen: Option) -> None:
    assert action(keyword, chosen) in GONE


@pytest.mark.parametrize("vr", ["PN", "UN", "UI", "SQ"])
def test_an_option_does_not_speak_for_a_value_of_another_vr(vr: str) -> None:
    assert action("StudyDescription", Option.CLEAN_DESCRIPTORS, vr=vr) is Action.REMOVE


def test_an_option_holds_where_writers_move_between_kinds_of_text() -> None:
    assert action("StudyDescription", Option.CLEAN_DESCRIPTORS, vr="ST") is Action.CLEAN


def test_the_two_options_for_dates_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="dates"):
        profile(options=["retain-full-dates", "retain-modified-dates"])


def test_methods_are_those_of_the_standard() -> None:
    context = codes.cid7050
    known = {code.value: code.meaning for code in (getattr(context, name) for name in context.dir())}
    assert {each.code: each.meaning for each in (BASIC, *METHODS.values())} == known


def test_every_option_has_its_method() -> None:
    assert METHODS.keys() == set(Option)


def test_a_header_does_not_claim_what_only_pixels_can() -> None:
    claimed = profile(options=[Option.CLEAN_PIXEL_DATA, Option.RETAIN_UIDS]).methods
    assert claimed == (BASIC, METHODS[Option.RETAIN_UIDS])


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [((), "REMOVED"), ((Option.RETAIN_FULL_DATES,), "UNMODIFIED"), ((Option.RETAIN_MODIFIED_DATES,), "MODIFIED")],
)
def test_what_became_of_time_is_stated(chosen: tuple[Option, ...], expected: str) -> None:
    assert profile(options=chosen).temporal == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("retain-uids", Option.RETAIN_UIDS),
        ("Retain UIDs Option", Option.RETAIN_UIDS),
        ("rtnUIDsOpt", Option.RETAIN_UIDS),
        ("113110", Option.RETAIN_UIDS),
        ("RETAIN_MODIFIED_DATES", Option.RETAIN_MODIFIED_DATES),
        ("Retain Longitudinal Temporal Information with Modified Dates Option", Option.RETAIN_MODIFIED_DATES),
        ("Retain Longitudinal Temporal Information Full Dates Option", Option.RETAIN_FULL_DATES),
        ("cleanDescOpt", Option.CLEAN_DESCRIPTORS),
        ("Clean Recognizable Visual Features Option", Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES),
        ("retain safe private", Option.RETAIN_SAFE_PRIVATE),
    ],
)
def test_an_option_goes_by_all_its_names(text: str, expected: Option) -> None:
    assert option(text) is expected


@pytest.mark.parametrize("text", ["", "retain", "keep-everything", "option", "113100"])
def test_an_unknown_option_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        option(text)
    assert all(each in (caught.value.hint or "") for each in Option)


def test_equal_options_give_the_same_profile() -> None:
    assert profile(options=["retain-uids", "clean-graphics"]) is profile(options=[Option.CLEAN_GRAPHICS, Option.RETAIN_UIDS])


@pytest.mark.parametrize(
    ("tag", "vr", "expected"),
    [
        (0x60003000, "OW", Action.GRAPHIC),
        (0x60004000, "LT", Action.CLEAN),
        (0x60000022, "LO", Action.CLEAN),
        (0x60001500, "LO", Action.CLEAN),
        (0x60000010, "US", Action.KEEP),
        (0x60020050, "SS", Action.KEEP),
        (0x60000040, "CS", Action.TEXT),
        (0x50003000, "OW", Action.GRAPHIC),
        (0x5000200C, "OW", Action.REMOVE),  # Audio Sample Data
        (0x60003000, "LT", Action.REMOVE),
        (0x60009999, "LO", Action.REMOVE),
    ],
)
def test_clean_graphics_keeps_drawings_and_cleans_their_text(tag: int, vr: str, expected: Action) -> None:
    assert profile(options=[Option.CLEAN_GRAPHICS]).rule((tag,), vr, sop_class=DX).action is expected


def test_private_attributes_are_looked_up_only_with_their_option() -> None:
    assert profile(options=[Option.RETAIN_SAFE_PRIVATE]).rule((0x00191023,), "DS", sop_class=DX).action is Action.PRIVATE
    assert basic_profile().private("GEMS_ACQU_01", 0x23, group=0x0019, vr="DS").action is Action.REMOVE


def test_the_table_of_safe_private_attributes_is_whole() -> None:
    rows = table("safe_private.json")
    assert (len(rows), len({(row["creator"], row["group"], row["element"]) for row in rows})) == (130, 130)


@pytest.mark.parametrize(
    ("creator", "group", "element", "vr", "expected"),
    [
        ("GEMS_ACQU_01", 0x0019, 0x23, "DS", Action.KEEP),
        ("GEMS_ACQU_01 ", 0x0019, 0x1023, "DS", Action.KEEP),  # padded, and the element with its block
        ("GEMS_ACQU_01", 0x0019, 0x9E, "LO", Action.TEXT),
        ("SIEMENS MR HEADER", 0x0019, 0x0C, "UN", Action.KEEP),
        ("NQHeader", 0x0099, 0x05, "LT", Action.CLEAN),
        ("NQHeader", 0x0099, 0x02, "UI", Action.UID),
        ("HOLOGIC, Inc.", 0x7E01, 0x10, "SQ", Action.KEEP),
        ("SIEMENS Ultrasound SC2000", 0x0129, 0x03, "FD", Action.KEEP),  # the table gives no VR
        ("SIEMENS Ultrasound SC2000", 0x0129, 0x03, "LO", Action.REMOVE),
        ("GEMS_ACQU_01", 0x0019, 0x23, "PN", Action.REMOVE),
        ("GEMS_ACQU_01", 0x0021, 0x23, "DS", Action.REMOVE),
        ("GEMS_ACQU_01", 0x0019, 0x22, "DS", Action.REMOVE),
        ("gems_acqu_01", 0x0019, 0x23, "DS", Action.REMOVE),
        ("SOMEBODY", 0x0019, 0x23, "DS", Action.REMOVE),
    ],
)
def test_only_a_safe_private_attribute_with_its_own_vr_stays(
    creator: str, group: int, element: int, vr: str, expected: Action
) -> None:
    chosen = profile(options=[Option.RETAIN_SAFE_PRIVATE])
    assert chosen.private(creator, element, group=group, vr=vr).action is expected


def test_a_safe_private_uid_stays_where_uids_do() -> None:
    chosen = profile(options=[Option.RETAIN_SAFE_PRIVATE, Option.RETAIN_UIDS])
    assert chosen.private("NQHeader", 0x02, group=0x0099, vr="UI").action is Action.KEEP


def test_the_vr_of_a_safe_private_attribute_is_told() -> None:
    assert safe_private_vr("Philips PET Private Group", 0x00, group=0x7053) == "DS"
    assert safe_private_vr("Philips PET Private Group", 0x01, group=0x7053) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("034Y", "034Y"), ("089Y", "089Y"), ("090Y", "090Y"), ("103Y", "090Y"), ("006M", "006M"), ("999D", "999D")),
        *(("34Y ", "034Y"), ("Y034", None), ("", None), ("1000", None), ("٠٣٤Y", None)),
    ],
)
def test_nobody_is_older_than_ninety(text: str, expected: str | None) -> None:
    assert capped_age(text) == expected


@pytest.mark.parametrize(
    ("sop_class", "path"),
    [
        (DX, (0x52009230, 0x00209111, 0x00080021)),  # Series Date in a functional group
        (DX, (0x00191010, 0x00080021)),  # Series Date in a private sequence
        (SR, (0x0040A730, 0x0040A730, 0x0040A730, 0x0040A121)),
    ],
)
def test_where_no_type_is_known_nothing_of_the_value_stays_and_the_object_stays_valid(
    sop_class: str, path: tuple[int, ...]
) -> None:
    assert basic_profile().rule(path, dictionary_VR(path[-1]), sop_class=sop_class).action is Action.DUMMY


ECG = "1.2.840.10008.5.1.4.1.1.9.1.1"
VOICE = "1.2.840.10008.5.1.4.1.1.9.4.1"
DICOMDIR = "1.2.840.10008.1.3.10"


@pytest.mark.parametrize(
    ("sop_class", "path", "vr", "expected"),
    [
        (ECG, (0x54000100,), "SQ", Action.KEEP),
        (ECG, (0x54000100, 0x54001010), "OW", Action.KEEP),
        (ECG, (0x54000100, 0x003A0200, 0x003A0203), "SH", Action.TEXT),
        (ECG, (0x0040B020, 0x00700006), "ST", Action.DUMMY),
        (VOICE, (0x54000100,), "SQ", Action.REMOVE),
        (DX, (0x54000100,), "SQ", Action.REMOVE),
        (DICOMDIR, (0x00041220,), "SQ", Action.KEEP),
        (DICOMDIR, (0x00041220, 0x00041430), "CS", Action.KEEP),
        (DICOMDIR, (0x00041220, 0x00041500), "CS", Action.DUMMY),
        (DICOMDIR, (0x00041220, 0x00041511), "UI", Action.UID),
        (DICOMDIR, (0x00041220, 0x00080020), "DA", Action.DUMMY),
        (DICOMDIR, (0x00041141,), "CS", Action.REMOVE),
        (DX, (0x00041220,), "SQ", Action.REMOVE),
        (GSPS, (0x00700001, 0x00700008, 0x00700006), "ST", Action.DUMMY),
        (GSPS, (0x00700081,), "LO", Action.TEXT),
        ("1.2.840.10008.5.1.4.1.1.66.4", (0x00620002, 0x00620005), "LO", Action.TEXT),
        ("1.2.840.10008.5.1.4.1.1.104.1", (0x00420011,), "OB", Action.DUMMY),
    ],
)
def test_objects_that_are_no_images_keep_what_they_are_made_of(
    sop_class: str, path: tuple[int, ...], vr: str, expected: Action
) -> None:
    assert basic_profile().rule(path, vr, sop_class=sop_class).action is expected


CLEANED = (Option.CLEAN_STRUCTURED_CONTENT, Option.CLEAN_DESCRIPTORS)


@pytest.mark.parametrize(
    ("scheme", "code", "value_type", "options", "expected"),
    [
        ("DCM", "121077", "TEXT", (), Action.REMOVE),  # Conclusion
        ("DCM", "121077", "TEXT", CLEANED, Action.CLEAN),
        ("DCM", "121071", "TEXT", (), Action.DUMMY),  # Finding
        ("DCM", "121008", "PNAME", CLEANED, Action.DUMMY),  # Person Observer Name
        ("DCM", "121031", "DATE", (Option.RETAIN_FULL_DATES,), Action.REMOVE),  # Subject Birth Date
        ("DCM", "111060", "DATE", (Option.RETAIN_FULL_DATES,), Action.KEEP),  # Study Date
        ("DCM", "111060", "DATE", (Option.RETAIN_MODIFIED_DATES,), Action.SHIFT),
        ("DCM", "121032", "CODE", (), Action.REMOVE),  # Subject Sex
        ("DCM", "121032", "CODE", (Option.RETAIN_PATIENT_CHARACTERISTICS,), Action.KEEP),
        ("DCM", "112040", "UIDREF", (), Action.UID),  # Tracking Unique Identifier
        ("DCM", "112040", "UIDREF", (Option.RETAIN_UIDS,), Action.KEEP),
        ("DCM", "121112", "IMAGE", (), Action.KEEP),  # Source of Measurement: its UIDs have rows of their own
        ("DCM", "121029", "TEXT", CLEANED, Action.REMOVE),  # Subject Name, which is no TEXT
        ("99X", "1", "TEXT", (), Action.DUMMY),
        ("99X", "1", "TEXT", CLEANED, Action.CLEAN),
        ("99X", "1", "NUM", (), Action.KEEP),
        ("", "", "CONTAINER", (), Action.KEEP),
        ("99X", "1", "DATETIME", (), Action.DUMMY),
        ("99X", "1", "DATETIME", (Option.RETAIN_MODIFIED_DATES,), Action.SHIFT),
        ("99X", "1", "VIDEO", CLEANED, Action.REMOVE),
    ],
)
def test_a_content_item_is_treated_by_its_concept_and_value_type(
    scheme: str, code: str, value_type: str, options: tuple[Option, ...], expected: Action
) -> None:
    assert profile(options=options).content(scheme, code, value_type).action is expected


def test_the_table_of_content_items_is_whole() -> None:
    counts = Counter(row["basic"] for row in table("ps3_15_e3_4.json"))
    assert (counts.total(), counts["X"], counts["D"], counts["X/D"]) == (206, 128, 59, 19)
