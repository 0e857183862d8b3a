"""Dates that move: what comes out of each form, and what is refused."""

from __future__ import annotations

import pytest

from leadglass.deid.pseudonym import MAX_DAYS, PseudonymKeys, shift_date, shift_datetime, shifted

KEYS = PseudonymKeys(bytes(range(32)))


@pytest.mark.parametrize(
    ("text", "days", "expected"),
    [
        ("20200301", 1, "20200229"),  # a leap year
        ("20190301", 1, "20190228"),
        ("20000301", 1, "20000229"),
        ("19000301", 1, "19000228"),
        ("20200101", 1, "20191231"),
        ("20200229", 366, "20190228"),
        ("2020.03.01", 1, "2020.02.29"),  # ACR-NEMA
        ("20200101-20200131", 31, "20191201-20191231"),
        ("-20200131", 31, "-20191231"),
        ("20200131-", 31, "20191231-"),
        ("202003", 31, "202002"),
        ("202003", 10, "202003"),
        ("2020", 365, "2019"),
        ("2020", 150, "2020"),  # from the middle of the year
        ("2020.03", 31, "2020.02"),
        ("10000101", 1, "09991231"),
        ("20200229", 0, "20200229"),
    ],
)
def test_a_date_moves_by_whole_days(text: str, days: int, expected: str) -> None:
    assert shift_date(text, days) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("20200230", "20191301", "00000000", "2020.0301", "202003.01", "20.03.2020", "2020-03-01", "Wang", "-"),
        *("２０２００３０１", "2020030", "20200301 120000", "00010101", "2020-2021-2022"),
    ],
)
def test_what_is_no_date_does_not_move(text: str) -> None:
    assert shift_date(text, 1) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20200301", "20200229"),
        ("2020030107", "2020022907"),
        ("20200301070907.705025", "20200229070907.705025"),
        ("20200301070907.7+0800", "20200229070907.7+0800"),
        ("20200301-0500", "20200229-0500"),
        ("20200301235960", "20200229235960"),  # a leap second
        ("202003", "202003"),
        ("2020+0800", "2020+0800"),
    ],
)
def test_of_a_date_and_time_the_date_moves(text: str, expected: str) -> None:
    assert shift_datetime(text, 1) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("2020030124", "20200301076", "202003010760", "20200301070907.", "20200301070907.1234567", "20200301+08"),
        *("20200301+1500", "2020Wang", "20200301 Wang", "2020.03.01", "20200231120000", ""),
    ],
)
def test_what_is_no_date_and_time_does_not_move(text: str) -> None:
    assert shift_datetime(text, 1) is None


@pytest.mark.parametrize(
    ("text", "vr", "expected"),
    [
        ("20200301\\20200302 ", "DA", "20200229\\20200301"),
        ("20200301\\\\20200302", "DA", "20200229\\\\20200301"),
        ("20200301\\Wang", "DA", None),
        ("", "DA", ""),
        ("20200301\0", "DA", "20200229"),
        ("20200301120000\\20200302", "DT", "20200229120000\\20200301"),
        ("070907.7050", "TM", "070907.7050"),
        ("07:09:07", "TM", "07:09:07"),
        ("0709-0710", "TM", "0709-0710"),
        ("2409", "TM", None),
        ("Wang", "TM", None),
        ("+0800", "SH", "+0800"),
        ("0800", "SH", None),
        ("20200301", "LO", None),
        ("", "LO", ""),
    ],
)
def test_values_move_by_their_vr(text: str, vr: str, expected: str | None) -> None:
    assert shifted(text, vr, days=1) == expected


def test_the_days_of_a_patient_are_equal_wherever_the_key_is() -> None:
    assert PseudonymKeys(bytes(range(32))).days("4711") == KEYS.days("4711")


def test_days_fill_their_range_and_are_never_none() -> None:
    days = {KEYS.days(str(patient)) for patient in range(20_000)}
    assert (min(days) >= 1, max(days) <= MAX_DAYS, len(days) > 3_500) == (True, True, True)
