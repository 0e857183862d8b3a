"""Laws of profiles and pseudonyms, for options, paths and values that hypothesis makes up."""

from __future__ import annotations

import datetime
import re
import string

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from pydicom.datadict import DicomDictionary

from leadglass.deid.profile import METHODS, Action, Option, Profile, basic_profile, option, profile
from leadglass.deid.pseudonym import MAX_DAYS, PseudonymKeys, shift_date, shift_datetime, shifted
from leadglass.dicom.header import dictionary_vr
from leadglass.errors import ConfigError

VRS = sorted({vr for entry in DicomDictionary.values() for vr in entry[0].split(" or ") if len(vr) == 2} | {"UN"})
SOP_CLASSES = st.sampled_from(
    [
        "1.2.840.10008.5.1.4.1.1.1.1",
        "1.2.840.10008.5.1.4.1.1.88.33",
        "1.2.840.10008.5.1.4.1.1.9.1.1",
        "1.2.840.10008.1.3.10",
        "1.2.3.4",
        "",
    ]
)
ROWS = sorted(basic_profile().rows)
NAMES = sorted(tag for tag, entry in DicomDictionary.items() if entry[0] == "PN")
BIRTHS = [0x00100030, 0x00100032, 0x00100033]
TAGS = st.sampled_from(ROWS) | st.sampled_from(sorted(DicomDictionary)) | st.integers(0, 2**32 - 1)
ABOVE = st.lists(TAGS, max_size=4).map(tuple)
OPTIONS = st.sets(st.sampled_from(list(Option))).filter(
    lambda chosen: not chosen >= {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES}
)
GONE = {Action.REMOVE, Action.EMPTY, Action.DUMMY}
NOTHING_LEFT = GONE | {Action.UID}
KEYS = st.builds(PseudonymKeys, st.binary(min_size=32, max_size=80), st.sampled_from(["sha256", "sm3"]))
DATES = st.dates(min_value=datetime.date(1900, 1, 1), max_value=datetime.date(2100, 12, 31))
DAYS = st.integers(1, MAX_DAYS)


def own_vr(tag: int) -> str:
    return dictionary_vr(tag).split(" ")[0]


@settings(deadline=None, max_examples=300)
@given(OPTIONS, ABOVE, TAGS, st.sampled_from(VRS), SOP_CLASSES)
def test_every_attribute_has_an_answer_and_a_reason(
    options: set[Option], above: tuple[int, ...], tag: int, vr: str, sop_class: str
) -> None:
    rule = profile(options=options).rule((*above, tag), vr, sop_class=sop_class)
    assert rule.action in Action
    assert rule.why


@settings(deadline=None, max_examples=200)
@given(OPTIONS, ABOVE, st.sampled_from(NAMES + BIRTHS), SOP_CLASSES)
def test_no_option_keeps_a_name_or_a_birth_date(
    options: set[Option], above: tuple[int, ...], tag: int, sop_class: str
) -> None:
    assert profile(options=options).rule((*above, tag), own_vr(tag), sop_class=sop_class).action in GONE


@settings(deadline=None, max_examples=200)
@given(OPTIONS, ABOVE, TAGS, SOP_CLASSES)
def test_a_name_hidden_under_another_tag_is_not_kept(
    options: set[Option], above: tuple[int, ...], tag: int, sop_class: str
) -> None:
    rule = profile(options=options).rule((*above, tag), "PN", sop_class=sop_class)
    assert rule.action in NOTHING_LEFT | {Action.PRIVATE}


@settings(deadline=None, max_examples=300)
@given(ABOVE, st.sampled_from(ROWS), SOP_CLASSES)
def test_without_options_nothing_is_left_of_a_listed_value(above: tuple[int, ...], tag: int, sop_class: str) -> None:
    rule = basic_profile().rule((*above, tag), own_vr(tag), sop_class=sop_class)
    assert rule.action in NOTHING_LEFT or (rule.action is Action.KEEP and own_vr(tag) == "SQ")


@settings(deadline=None, max_examples=300)
@given(OPTIONS, OPTIONS, ABOVE, TAGS, st.sampled_from(VRS), SOP_CLASSES)
def test_what_two_sets_of_options_take_away_both_take_away(
    some: set[Option], more: set[Option], above: tuple[int, ...], tag: int, vr: str, sop_class: str
) -> None:
    together = some | more
    if together >= {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES}:
        return
    path = (*above, tag)
    each = [profile(options=chosen).rule(path, vr, sop_class=sop_class).action for chosen in (some, more)]
    if all(action in NOTHING_LEFT for action in each):
        assert profile(options=together).rule(path, vr, sop_class=sop_class).action in NOTHING_LEFT


@settings(deadline=None, max_examples=200)
@given(OPTIONS, st.integers(0, 2**32 - 1).map(lambda tag: tag | 1 << 16), st.sampled_from(VRS))
def test_a_private_attribute_never_stays_by_its_tag_alone(options: set[Option], tag: int, vr: str) -> None:
    chosen = profile(options=options)
    assert chosen.rule((tag,), vr, sop_class="1.2").action in (Action.REMOVE, Action.PRIVATE)
    assert chosen.private("ACME", tag & 0xFF, group=tag >> 16, vr=vr).action is Action.REMOVE


@settings(deadline=None, max_examples=200)
@given(
    OPTIONS,
    st.sampled_from(["DCM", "SCT", "LN", "99X", ""]),
    st.text(string.digits, max_size=6) | st.sampled_from(["121029", "121031", "121008"]),
    st.sampled_from(["TEXT", "PNAME", "CODE", "NUM", "DATE", "UIDREF", "IMAGE", "CONTAINER", "", "VIDEO"]),
)
def test_no_content_item_keeps_a_name(options: set[Option], scheme: str, code: str, value_type: str) -> None:
    rule = profile(options=options).content(scheme, code, value_type)
    assert rule.why
    if value_type == "PNAME" or (scheme == "DCM" and code in ("121029", "121031")):
        assert rule.action in GONE


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(list(Option)),
    st.sampled_from(["", " ", "-", "_", "  "]),
    st.booleans(),
)
def test_an_option_goes_by_its_names_in_any_case_and_with_any_separator(
    each: Option, separator: str, official: bool
) -> None:
    text = METHODS[each].meaning if official else each.value
    spelled = separator.join(re.split(r"[ -]", text))
    assert option(spelled.upper()) is option(spelled.title()) is option(spelled) is each


@st.composite
def profile_files(draw: st.DrawFn) -> str:
    words = st.sampled_from(["keep", "remove", "empty", "replace", "clean"])
    keywords = st.sampled_from(sorted(entry[4] for entry in DicomDictionary.values() if entry[4]))
    chosen = draw(st.dictionaries(keywords, words, max_size=4))
    return "[attributes]\n" + "".join(f'{keyword} = "{word}"\n' for keyword, word in chosen.items())


@settings(deadline=None, max_examples=150)
@given(profile_files() | st.text(max_size=60))
def test_a_profile_file_is_read_or_refused(text: str) -> None:
    try:
        read = profile(text)
    except ConfigError:
        return
    assert isinstance(read, Profile)


@settings(deadline=None, max_examples=150)
@given(profile_files(), ABOVE, st.sampled_from(NAMES + BIRTHS + [0x00100020]), SOP_CLASSES)
def test_no_profile_file_keeps_who_somebody_is(text: str, above: tuple[int, ...], tag: int, sop_class: str) -> None:
    try:
        read = profile(text)
    except ConfigError:
        return
    assert read.rule((*above, tag), own_vr(tag), sop_class=sop_class).action in GONE | {Action.CLEAN, Action.SHIFT}


@settings(deadline=None, max_examples=200)
@given(KEYS, st.text(max_size=12), DATES, DATES)
def test_intervals_of_a_patient_stay(keys: PseudonymKeys, patient: str, first: datetime.date, second: datetime.date) -> None:
    days = keys.days(patient)
    moved = [shift_date(f"{date:%Y%m%d}", days) for date in (first, second)]
    read = [datetime.date.fromisoformat(text or "") for text in moved]
    assert read[1] - read[0] == second - first
    assert read[0] != first


@settings(deadline=None, max_examples=200)
@given(DATES, DAYS)
def test_a_date_moves_alike_in_every_form(date: datetime.date, days: int) -> None:
    plain = shift_date(f"{date:%Y%m%d}", days) or ""
    assert shift_date(f"{date:%Y.%m.%d}", days) == f"{plain[:4]}.{plain[4:6]}.{plain[6:]}"
    assert shift_datetime(f"{date:%Y%m%d}120000.5+0800", days) == plain + "120000.5+0800"
    assert shifted(f"{date:%Y%m%d} \\{date:%Y%m%d}", "DA", days=days) == f"{plain}\\{plain}"


@settings(deadline=None, max_examples=200)
@given(DATES, DAYS)
def test_a_coarse_date_moves_as_far_as_a_whole_one_give_or_take_half_its_unit(date: datetime.date, days: int) -> None:
    month = shift_date(f"{date:%Y%m}", days) or ""
    year = shift_date(f"{date:%Y}", days) or ""
    moved = date - datetime.timedelta(days)
    assert abs((int(month[:4]) - moved.year) * 12 + int(month[4:]) - moved.month) <= 1
    assert abs(int(year) - moved.year) <= 1


@settings(deadline=None, max_examples=300)
@given(
    st.text(max_size=30) | st.text("0123456789.-+:\\ \0", max_size=30),
    st.sampled_from(["DA", "DT", "TM", "SH", "LO", ""]),
    st.integers(0, MAX_DAYS),
)
def test_any_text_moves_or_is_refused(text: str, vr: str, days: int) -> None:
    moved = shifted(text, vr, days=days)
    assert moved is None or re.fullmatch(r"[0-9.:+\\-]*", moved)


@settings(deadline=None, max_examples=100)
@given(st.text("0123456789.-+\\", max_size=20), st.sampled_from(["DA", "DT"]))
def test_to_move_by_no_days_is_to_check(text: str, vr: str) -> None:
    assert shifted(text, vr, days=0) in (None, text)


@settings(deadline=None, max_examples=150)
@given(KEYS, st.text(max_size=20), st.text(max_size=20))
def test_different_values_have_different_pseudonyms_and_equal_ones_equal(keys: PseudonymKeys, one: str, other: str) -> None:
    again = PseudonymKeys(keys.key, keys.digest)
    for kind in ("uid", "patient_id", "accession", "name", "title"):
        assert getattr(keys, kind)(one) == getattr(again, kind)(one)
        assert (getattr(keys, kind)(one) == getattr(keys, kind)(other)) is (one == other)


@settings(deadline=None, max_examples=100)
@given(
    st.binary(min_size=32, max_size=32), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8)
)
def test_keys_are_equal_for_one_project_and_recipient_only(key: bytes, project: str, recipient: str, a: str, b: str) -> None:
    here = PseudonymKeys.derive(key, project=project, recipient=recipient)
    there = PseudonymKeys.derive(key, project=a, recipient=b)
    assert (here.key == there.key) is ((project, recipient) == (a, b))


@pytest.mark.parametrize("each", list(Option))
def test_an_option_changes_something_or_speaks_of_pixels(each: Option) -> None:
    changed = [
        tag
        for tag in [*ROWS, 0x60003000, 0x00091001]
        if profile(options=[each]).rule((tag,), own_vr(tag), sop_class="1.2")
        != basic_profile().rule((tag,), own_vr(tag), sop_class="1.2")
    ]
    assert bool(changed) is (each not in (Option.CLEAN_PIXEL_DATA, Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES))
