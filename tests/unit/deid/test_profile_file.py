"""Profile files: what they may say, and how they say no."""

from __future__ import annotations

import hashlib

import pytest

from leadglass.deid.profile import Action, Option, profile
from leadglass.errors import ConfigError

DX = "1.2.840.10008.5.1.4.1.1.1.1"

EXAMPLE = """
base = "basic"
options = ["retain-modified-dates", "cleanDescOpt"]

[attributes]
"0008,103E" = "clean"
"(0008,1030)" = "remove"
00180015 = "replace"
InstitutionName = "keep"
StudyDate = "empty"
KVP = "remove"
DeviceUID = "keep"
ReferencedStudySequence = "keep"
"""


def action(text: str, tag: int, vr: str) -> Action:
    return profile(text).rule((0x00400275, tag), vr, sop_class=DX).action


@pytest.mark.parametrize(
    ("tag", "vr", "expected"),
    [
        (0x0008103E, "LO", Action.CLEAN),
        (0x00081030, "LO", Action.REMOVE),  # although the option would clean it
        (0x00180015, "CS", Action.DUMMY),
        (0x00080080, "LO", Action.TEXT),
        (0x00080020, "DA", Action.EMPTY),
        (0x00180060, "DS", Action.REMOVE),
        (0x00181002, "UI", Action.KEEP),
        (0x00081110, "SQ", Action.KEEP),
        (0x00080021, "DA", Action.SHIFT),  # by the option
        (0x00100010, "PN", Action.EMPTY),  # as in the Basic Profile
    ],
)
def test_a_file_says_what_is_done(tag: int, vr: str, expected: Action) -> None:
    assert action(EXAMPLE, tag, vr) is expected


def test_what_a_file_keeps_it_keeps_in_its_own_vr_only() -> None:
    assert action(EXAMPLE, 0x00080080, "PN") in (Action.REMOVE, Action.DUMMY)


def test_what_a_file_removes_goes_in_any_vr() -> None:
    assert action(EXAMPLE, 0x00180060, "LO") is Action.REMOVE


def test_a_file_is_known_by_its_digest() -> None:
    assert profile(EXAMPLE).digest == hashlib.sha256(EXAMPLE.encode()).hexdigest()


def test_the_basic_profile_has_no_digest() -> None:
    assert profile("Basic").digest == ""


def test_options_are_added_to_those_of_the_file() -> None:
    assert profile(EXAMPLE, options=["retain-uids"]).options == {
        Option.RETAIN_MODIFIED_DATES,
        Option.CLEAN_DESCRIPTORS,
        Option.RETAIN_UIDS,
    }


def test_options_must_agree_with_those_of_the_file() -> None:
    with pytest.raises(ConfigError, match="dates"):
        profile(EXAMPLE, options=["retain-full-dates"])


@pytest.mark.parametrize("keyword", ["PatientName", "OperatorsName", "PatientID", "PatientBirthDate", "SOPInstanceUID"])
def test_nobody_is_kept_by_name(keyword: str) -> None:
    with pytest.raises(ConfigError, match=keyword):
        profile(f'[attributes]\n{keyword} = "keep"')


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID", "Rows", "BitsStored", "SpecificCharacterSet"])
@pytest.mark.parametrize("word", ["remove", "empty"])
def test_what_no_reader_can_do_without_stays(keyword: str, word: str) -> None:
    with pytest.raises(ConfigError, match=keyword):
        profile(f'[attributes]\n{keyword} = "{word}"')


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 1", "colour"),
        ('base = "ctp"', "base"),
        ('options = "retain-uids"', "options"),
        ("options = [1]", "options"),
        ('options = ["retain-everything"]', "retain-everything"),
        ("attributes = 1", "attributes"),
        ('[attributes]\nNoSuchAttribute = "keep"', "NoSuchAttribute"),
        ('[attributes]\n"0008,FFFE" = "keep"', "0008,FFFE"),
        ('[attributes]\n"0008,10" = "keep"', "0008,10"),
        ('[attributes]\n"0009,1001" = "keep"', r"\(0009,1001\)"),
        ('[attributes]\n"7FE0,0010" = "keep"', r"\(7FE0,0010\)"),
        ('[attributes]\n"6000,3000" = "keep"', r"\(6000,3000\)"),
        ('[attributes]\n"0002,0010" = "keep"', r"\(0002,0010\)"),
        ('[attributes]\n"0008,0000" = "remove"', r"\(0008,0000\)"),
        ('[attributes]\nKVP = "vaporise"', "KVP"),
        ("[attributes]\nKVP = 1", "KVP"),
        ('[attributes]\nKVP = "clean"', "KVP"),
        ('[attributes]\nRows = "replace"', "Rows"),
        ('[attributes]\nKVP = "remove"\n"0018,0060" = "remove"', "twice"),
        ("this is no TOML", "TOML"),
        ("a = " + "[" * 100_000, "TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        profile(text)


@pytest.mark.parametrize(
    ("keyword", "vr", "expected"),
    [
        ("StudyDate", "DA", Action.SHIFT),
        ("PatientAge", "AS", Action.CLEAN),
        ("StationAETitle", "AE", Action.CLEAN),
        ("DeviceUID", "UI", Action.UID),
        ("RequestAttributesSequence", "SQ", Action.KEEP),
    ],
)
def test_to_clean_means_what_can_be_done_with_the_vr(keyword: str, vr: str, expected: Action) -> None:
    chosen = profile(f'[attributes]\n{keyword} = "clean"')
    (tag,) = chosen.attributes
    assert chosen.rule((tag,), vr, sop_class=DX).action is expected
