"""Cleaning text: what a header knows, what rules find, what clinicians need."""

from __future__ import annotations

import pytest
from text_cases import CLINICAL, CLINICAL_SECOND, EN, EN_SECOND, TOLD, ZH, ZH_SECOND, Case, Told, cases

from leadglass.deid.text import Kind, Known, cleaner

NOBODY = cleaner(Known())


def gone(text: str, start: int, stop: int, found: set[int]) -> bool:
    return all(place in found for place in range(start, stop) if text[place].isalnum())


def hidden(case: Case, known: Known, *, rules: bool = True) -> set[int]:
    return {place for span in cleaner(known).find(case.text, rules=rules) for place in range(span.start, span.stop)}


@pytest.mark.parametrize("rules", [True, False], ids=["with rules", "without rules"])
@pytest.mark.parametrize("told", TOLD, ids=range(len(TOLD)))
def test_what_the_header_knows_is_gone_in_every_notation(told: Told, rules: bool) -> None:
    left = [
        case.text
        for case in cases(told.block)
        for start, stop, _ in case.spans
        if not gone(case.text, start, stop, hidden(case, told.known, rules=rules))
    ]
    assert left == []


@pytest.mark.parametrize(
    ("block", "least"),
    [(ZH, 0.98), (EN, 0.98), (ZH_SECOND, 0.75), (EN_SECOND, 0.75)],
    ids=["zh", "en", "zh second", "en second"],
)
def test_rules_find_what_nobody_told_them(block: str, least: float) -> None:
    pieces = [
        gone(case.text, start, stop, hidden(case, Known()))
        for case in cases(block)
        if not case.hard
        for start, stop, _ in case.spans
    ]
    assert sum(pieces) >= least * len(pieces)


@pytest.mark.parametrize("block", [ZH, EN, ZH_SECOND, EN_SECOND], ids=["zh", "en", "zh second", "en second"])
def test_other_text_stays(block: str) -> None:
    others = [
        place not in hidden(case, Known())
        for case in cases(block)
        for place in set(range(len(case.text))) - {place for start, stop, _ in case.spans for place in range(start, stop)}
    ]
    assert sum(others) >= 0.98 * len(others)


@pytest.mark.parametrize(("block", "least"), [(CLINICAL, 0.98), (CLINICAL_SECOND, 0.98)], ids=["first", "second"])
def test_clinical_terms_stay(block: str, least: float) -> None:
    terms = [term for line in block.strip().splitlines() for term in line.split("|")]
    assert sum(NOBODY.clean(term).text is term for term in terms) >= least * len(terms)


def test_counts_are_told_by_kind() -> None:
    assert NOBODY.clean("Dr. Smith, MRN 1234567, 2024-01-31").found == {Kind.NAME: 1, Kind.ID: 1, Kind.DATE: 1}


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("Dr. Smith", 16, "Dr. [NAME]"),
        ("Dr. Smith AP 2024-01-31", 64, "Dr. [NAME] AP [DATE]"),
        ("Dr. Smith ERECT", 15, "Dr. *** ERECT"),
        ("Dr. Li ERECT", 12, "Dr. ** ERECT"),
    ],
)
def test_what_has_no_room_for_a_token_gets_stars(text: str, limit: int, expected: str) -> None:
    assert NOBODY.clean(text, limit=limit).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CT of 2024-01-31", "CT of 2024-02-10"),
        ("CT of 2024-01-31 10:32:05", "CT of 2024-02-10 10:32:05"),
        ("CT of Jan 31st, 2024", "CT of Feb 10th, 2024"),
        ("CT of 31-JAN-24", "CT of 10-FEB-24"),
        ("CT of 31/01/2024", "CT of 10/02/2024"),
        ("CT of 01/31/2024", "CT of 02/10/2024"),
        ("CT of 03/04/2024", "CT of [DATE]"),
        ("CT of Jan 31", "CT of [DATE]"),
        ("2024年1月31日CT", "2024年2月10日CT"),
        ("二〇二四年一月三十一日CT", "二〇二四年二月十日CT"),
        ("1月31日CT", "[DATE]CT"),
        ("20240131", "20240210"),
    ],
)
def test_a_date_moves_where_it_is_sure_which_day_is_meant(text: str, expected: str) -> None:
    assert cleaner(Known(), shift=10).clean(text).text == expected


def test_a_known_day_settles_which_number_is_the_month() -> None:
    assert cleaner(Known(dates=("20240403",)), shift=1).clean("CT of 03/04/2024").text == "CT of 04/04/2024"


def test_without_rules_only_the_known_goes() -> None:
    assert (
        cleaner(Known(names=("Doe^Jo",))).clean("Dr. Smith saw Doe on 2024-01-31", rules=False).text
        == "Dr. Smith saw [NAME] on 2024-01-31"
    )


@pytest.mark.parametrize(
    "text",
    ["120 kV", "1.742 mm", "T742", "742 ms", "slice 742/900", "2.742"],
    ids=["other", "decimal", "embedded", "unit", "ratio", "part"],
)
def test_a_short_known_number_is_hidden_as_a_word_only(text: str) -> None:
    assert cleaner(Known(ids=("742",))).clean(text, rules=False).text is text


@pytest.mark.parametrize("text", ["carolina", "clinal view", "final image"])
def test_a_short_known_name_is_hidden_as_a_word_only(text: str) -> None:
    assert cleaner(Known(names=("Li^Na",))).clean(text).text is text


def test_a_generic_department_is_nobodys_own() -> None:
    known = Known(institutions=("放射科", "RADIOLOGY", "Emergency Department"))
    assert cleaner(known).clean("放射科 radiology emergency department").found == {}


def test_equal_arguments_give_the_same_cleaner() -> None:
    assert cleaner(Known(ids=("12345",)), shift=3) is cleaner(Known(ids=("12345",)), shift=3)


def test_nothing_that_is_hidden_shows_in_a_representation() -> None:
    assert "12345" not in repr(cleaner(Known(ids=("12345",))))
