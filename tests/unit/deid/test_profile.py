"""The Basic Profile: every row of the table, resolved by Type, and the holes closed."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest
from pydicom.datadict import DicomDictionary, dictionary_VR, tag_for_keyword

from leadglass.deid.profile import Action, basic_profile

DX = "1.2.840.10008.5.1.4.1.1.1.1"
UNKNOWN = "1.2.3.4"


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(files("leadglass.deid").joinpath("tables", "ps3_15_e1_1.json").read_text())
    return found


def row_tags() -> list[tuple[int, str, str]]:
    return [
        (int(row["tag"][1:5] + row["tag"][6:10], 16), row["vr"], row["basic"]) for row in rows() if row["match"] == "tag"
    ]


def action(*path: int, vr: str | None = None, sop_class: str = DX) -> Action:
    return basic_profile().rule(path, vr or dictionary_VR(path[-1]), sop_class=sop_class).action


def named(keyword: str, **more: Any) -> Action:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return action(tag, **more)


def test_the_table_is_whole() -> None:
    counts = Counter(row["basic"] for row in rows())
    assert (len(rows()), counts["X"], counts["D"], counts["U"], counts["Z"]) == (621, 384, 92, 54, 42)


@pytest.mark.parametrize("sop_class", [DX, UNKNOWN])
def test_no_listed_attribute_is_kept(sop_class: str) -> None:
    left = {
        code: f"{tag:08X}"
        for tag, vr, code in row_tags()
        if action(tag, vr=vr, sop_class=sop_class) in (Action.KEEP, Action.TEXT)
    }
    assert set(left) <= {"X/Z/U*"}


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 10])
def test_an_x_row_is_removed_at_every_depth(depth: int) -> None:
    above = (0x00400275,) * (depth - 1)
    assert all(action(*above, tag, vr=vr) is Action.REMOVE for tag, vr, code in row_tags() if code == "X")


@pytest.mark.parametrize("sop_class", [DX, UNKNOWN])
def test_a_u_row_is_mapped(sop_class: str) -> None:
    assert {action(tag, vr=vr, sop_class=sop_class) for tag, vr, code in row_tags() if code == "U"} == {Action.UID}


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("StudyDate", Action.EMPTY),  # Z, Type 2
        ("ContentDate", Action.EMPTY),  # Z/D, Type 2C
        ("SeriesDate", Action.REMOVE),  # X/D, Type 3
        ("StationName", Action.REMOVE),  # X/Z/D, Type 3
        ("PatientBirthDate", Action.EMPTY),
        ("PatientSex", Action.EMPTY),
        ("ReferringPhysicianName", Action.EMPTY),
        ("InstitutionName", Action.REMOVE),
        ("StudyDescription", Action.REMOVE),
        ("DeviceSerialNumber", Action.REMOVE),
    ],
)
def test_families_follow_the_type_in_the_iod(keyword: str, expected: Action) -> None:
    assert named(keyword) is expected


def test_a_type_1_attribute_gets_a_dummy() -> None:
    assert action(0x00400555, 0x0040A121) is Action.DUMMY


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("SeriesDate", Action.DUMMY),
        ("ContentDate", Action.DUMMY),
        ("StationName", Action.DUMMY),
        ("PatientSex", Action.EMPTY),
        ("StudyDescription", Action.REMOVE),
    ],
)
def test_an_unknown_sop_class_gets_what_is_valid_for_any_type(keyword: str, expected: Action) -> None:
    assert named(keyword, sop_class=UNKNOWN) is expected


@pytest.mark.parametrize("tag", [0x50000010, 0x50023000, 0x60000022, 0x60003000, 0x60021500, 0x601E4000])
def test_curves_and_overlays_go(tag: int) -> None:
    assert action(tag, vr="LO") is Action.REMOVE


@pytest.mark.parametrize("tag", [0x00090010, 0x00091001, 0x7FE11010])
def test_private_attributes_go(tag: int) -> None:
    assert action(tag, vr="DS") is Action.REMOVE


@pytest.mark.parametrize(
    "tag", [0x00080000, 0x00080001, 0x00020010, 0x04000120, 0x4FFE0001, 0xFFFAFFFA, 0xFFFCFFFC, 0x0008FFFE]
)
def test_what_is_no_longer_true_or_known_goes(tag: int) -> None:
    assert action(tag, vr="UL") is Action.REMOVE


def test_pixels_inside_a_sequence_go() -> None:
    assert action(0x00081140, 0x7FE00010, vr="OW") is Action.REMOVE


@pytest.mark.parametrize(
    "keyword",
    [
        "SOPInstanceUIDOfConcatenationSource",
        "MultiFrameSourceSOPInstanceUID",
        "TargetFrameOfReferenceUID",
        "VolumeFrameOfReferenceUID",
        "EquipmentFrameOfReferenceUID",
        "ContextGroupExtensionCreatorUID",
        "RepositoryUniqueID",
    ],
)
def test_an_instance_uid_that_no_row_lists_is_mapped(keyword: str) -> None:
    assert named(keyword) is Action.UID


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "ReferencedSOPClassUID", "RelatedGeneralSOPClassUID", "CodingSchemeUID", "ContextUID"]
)
def test_a_uid_of_a_class_stays(keyword: str) -> None:
    assert named(keyword) is Action.KEEP


@pytest.mark.parametrize(
    "keyword", ["EvaluatorName", "DateOfGainCalibration", "TimeOfGainCalibration", "StudyUpdateDateTime", "RetrieveURL"]
)
def test_names_dates_and_times_that_no_row_lists_get_a_dummy(keyword: str) -> None:
    assert named(keyword) is Action.DUMMY


@pytest.mark.parametrize("keyword", ["TextValue", "UnformattedTextValue"])
def test_prose_that_no_row_lists_gets_a_dummy(keyword: str) -> None:
    assert named(keyword) is Action.DUMMY


def test_a_name_hidden_under_another_tag_is_a_name() -> None:
    assert named("BodyPartExamined", vr="PN") is Action.DUMMY


@pytest.mark.parametrize(
    ("sop_class", "path"),
    [
        (DX, (0x00080016,)),  # SOP Class UID
        (DX, (0x00080120,)),  # URN Code Value
        (UNKNOWN, (0x00082112,)),  # Source Image Sequence
        ("1.2.840.10008.5.1.4.1.1.9.1.1", (0x0040B020, 0x00700006)),  # the text of an annotation of an ECG
    ],
)
def test_what_is_encoded_as_a_name_is_a_name_wherever_it_stands(sop_class: str, path: tuple[int, ...]) -> None:
    assert action(*path, vr="PN", sop_class=sop_class) is Action.DUMMY


def test_a_value_of_unknown_vr_goes() -> None:
    assert named("BodyPartExamined", vr="UN") is Action.REMOVE


@pytest.mark.parametrize(
    "keyword",
    ["Rows", "WindowCenter", "PixelSpacing", "KVP", "RescaleSlope", "RedPaletteColorLookupTableData", "ICCProfile"],
)
def test_what_describes_the_image_stays(keyword: str) -> None:
    assert named(keyword, vr=dictionary_VR(tag_for_keyword(keyword) or 0).split(" ")[0]) is Action.KEEP


CLASSES = {
    *(
        "SOPClassUID",
        "RelatedGeneralSOPClassUID",
        "OriginalSpecializedSOPClassUID",
        "SOPClassesInStudy",
        "SOPClassesSupported",
    ),
    *(
        "ReferencedSOPClassUID",
        "PertinentSOPClassesInStudy",
        "PertinentSOPClassesInSeries",
        "StoredInstanceTransferSyntaxUID",
    ),
    *("AvailableTransferSyntaxUID", "FlowTransferSyntaxUID", "CodingSchemeUID", "ContextUID", "MappingResourceUID"),
}
"""UIDs that say what something is, or which book a code is from; reviewed one by one."""


@pytest.mark.parametrize("vr", ["UI", "PN", "DA", "TM", "DT", "AE", "AS", "UR", "LT", "UT", "ST"])
@pytest.mark.parametrize("sop_class", [DX, UNKNOWN])
def test_no_attribute_of_an_identifying_vr_is_kept_unseen(vr: str, sop_class: str) -> None:
    """The whole dictionary, not only the rows of the table."""
    kept = {
        entry[4]
        for tag, entry in DicomDictionary.items()
        if entry[0] == vr and action(tag, vr=vr, sop_class=sop_class) is Action.KEEP
    }
    assert kept == (CLASSES if vr == "UI" else set())


@pytest.mark.parametrize(
    "keyword",
    [
        *("HangingProtocolCreator", "ContactDisplayName", "OwnerID", "PlacerOrderNumberProcedure", "NTPSourceAddress"),
        *("CommentsOnTheScheduledProcedureStep", "TreatmentStatusComment", "BoardingPassID", "HL7InstanceIdentifier"),
    ],
)
def test_what_identifies_by_its_meaning_goes_although_no_row_lists_it(keyword: str) -> None:
    assert named(keyword) in (Action.REMOVE, Action.DUMMY)


def test_every_answer_has_its_reason() -> None:
    assert all(basic_profile().rule((tag,), vr or "UN", sop_class=DX).why for tag, vr, _ in row_tags())
