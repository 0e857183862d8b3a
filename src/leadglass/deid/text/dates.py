"""Dates in prose: found in the notations people use, and moved by days in the notation they were found in.

A day without a year and a month with one are dates as well; a year alone is none (45 CFR 164.514(b)(2)(i)(C)).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from leadglass.deid.text.fold import Folded

_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH: Final = (
    r"(?P<b>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_YEAR: Final = r"(?P<y>(?:18|19|20)\d\d)"
_DAY: Final = r"(?P<d>0?[1-9]|[12]\d|3[01])(?!\d)"
_HAN: Final = "〇零一二三四五六七八九十○"
_HAN_YEAR: Final = rf"(?P<y>(?:18|19|20)\d\d|[{_HAN}]{{4}})"
_HAN_MONTH: Final = rf"(?P<m>0?[1-9]|1[0-2]|[{_HAN}]{{1,2}}|元|正)"
_HAN_DAY: Final = rf"(?P<d>0?[1-9]|[12]\d|3[01]|[{_HAN}]{{1,3}})"
_TIME: Final = (
    r"(?:(?:t| ?, ?| {0,3}(?:at )?)(?:[012]?\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?(?: ?[ap]\.?m\b\.?)?(?:z\b"
    r"|[+-]\d\d:?\d\d)?)(?!\d)"
    r"| ?(?:[上下中]午|凌晨|晚上?)?[012]?\d[时点](?:[0-5]?\d分(?:[0-5]?\d秒)?|半|整)?)?"
)

_NOTATIONS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # 2024-01-31, 2024/1/31, 2024.01.31, 2024 01 31
        rf"(?<![\d.]){_YEAR}(?P<s> ?[-/._] ?| )(?P<m>0[1-9]|1[0-2]|(?<! )[1-9])(?P=s){_DAY}{_TIME}",
        # 20240131, also with a time: 20240131103000
        r"(?<!\d)(?P<y>(?:19|20)\d\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?:t?(?:[01]\d"
        r"|2[0-3])[0-5]\d(?:[0-5]\d(?:\.\d{1,6})?)?)?(?!\d)",
        # 31/01/2024, 1/31/2024, 31.01.2024, 01-31-2024, 12/5/23
        r"(?<![\d./-])(?P<a>[0-3]?\d)(?P<s>[/-])(?P<c>[0-3]?\d)(?P=s)(?P<y>(?:18|19|20)\d\d|\d\d)(?![\d/]|[.-]\d)" + _TIME,
        r"(?<![\d.])(?P<a>[0-3]?\d)(?P<s>\.) ?(?P<c>[01]?\d)(?P=s) ?(?P<y>(?:18|19|20)\d\d)(?!\d|\.\d)" + _TIME,
        r"(?<![\d.])(?P<a>[0-3]\d)(?P<s>\.)(?P<c>[01]\d)(?P=s)(?P<y>\d\d)(?!\d|\.\d)" + _TIME,
        # 24-01-31
        r"(?<![\d./-])(?P<y>\d\d)(?P<s>[-/])(?P<m>0[1-9]|1[0-2])(?P=s)(?P<d>0[1-9]|[12]\d|3[01])(?![\d/]|[.-]\d)" + _TIME,
        # 31 Jan 2024, 31-JAN-24, 5th of December 2023
        rf"(?<![\d.])(?P<d>0?[1-9]|[12]\d|3[01])(?P<o>st|nd|rd"
        rf"|th)?(?: of)?[ \-./]{{0,2}}{_MONTH}(?:[ \-./,]{{1,2}}'?(?P<y>(?:18|19|20)\d\d|\d\d(?!\d|[:.]))"
        rf"|(?P<y2>(?:19|20)\d\d))?(?![a-z])(?!\d)" + _TIME,
        # Jan 31st, 2024; January 31; Dec 2023; March 9, 1968
        rf"(?<![a-z]){_MONTH}(?:[ \-]{{0,2}}{_DAY}(?P<o>st|nd|rd|th)?(?![a-z%])(?:,? {{0,2}}'?(?P<y>(?:18|19"
        rf"|20)\d\d)(?!\d)|-(?P<y2>\d\d)(?!\d))?|[ ,.\-/]{{0,2}}(?P<y3>(?:18|19|20)\d\d)(?!\d))" + _TIME,
        # 2024 Jan 31, 2024-Jan-31
        rf"(?<!\d){_YEAR}[ \-/.]{_MONTH}[ \-/.]{_DAY}" + _TIME,
        # 2024年1月31日, 二〇二四年一月三十一日, 24年1月31日
        rf"(?<![\d{_HAN}]){_HAN_YEAR} ?年 ?{_HAN_MONTH} ?月(?: ?份)?(?: ?{_HAN_DAY} ?[日号])?{_TIME}",
        rf"(?<!\d)(?P<y>\d\d) ?年 ?{_HAN_MONTH} ?月 ?{_HAN_DAY} ?[日号]{_TIME}",
        # 1月31日
        rf"(?<![\d{_HAN}]){_HAN_MONTH} ?月 ?{_HAN_DAY} ?[日号]{_TIME}",
        # 2024-01, 01/2024
        r"(?<![\d./-])(?P<y>(?:19|20)\d\d)[-/.](?P<m>0[1-9]|1[0-2])(?![\d./-])",
        r"(?<![\d./-])(?P<m>0[1-9]|1[0-2])[-/](?P<y>(?:19|20)\d\d)(?![\d./-])",
        # on 3/14
        r"(?:(?<=\bon )|(?<=\bdated )|(?<=\bdate: )|(?<=于)|(?<=日期:))(?P<a>1[0-2]|0?[1-9])/(?P<c>0?[1-9]|[12]\d"
        r"|3[01])(?![\d/.]| of\b)",
    )
)
_ANY: Final = re.compile(
    rf"\d{{6}}|(?:19|20)\d\d|\d ?[-/.月年]|[{_HAN}]月|(?<![a-z])(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov"
    rf"|dec)[a-z]{{0,6}}[ .,/-]{{0,3}}\d|\d(?:st|nd|rd|th)?[ ./-]?(?:of )?(?:jan|feb|mar|apr|may|jun|jul|aug|sep"
    rf"|oct|nov|dec)"
)
"""What every notation has somewhere: a quick look that spares the slow ones."""


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A date between ``start`` and ``stop`` of the folded text, the time behind it included.

    ``readings`` are the days that it may mean: none where day or year is missing, several where nobody can tell day from
    month, or the century.
    """

    start: int
    stop: int
    readings: tuple[date, ...]
    match: re.Match[str]


def dates(folded: Folded) -> Iterator[FoundDate]:
    """Every date; several notations may claim overlapping characters."""
    lower = folded.lower
    if not _ANY.search(lower):
        return
    for notation in _NOTATIONS:
        for match in notation.finditer(lower):
            readings = _readings(match)
            if readings is not None:
                yield FoundDate(match.start(), match.end(), readings, match)


def _readings(match: re.Match[str]) -> tuple[date, ...] | None:
    """The days a match may mean; ``None`` if it is no date at all."""
    groups = match.groupdict()
    text = groups.get("y") or groups.get("y2") or groups.get("y3")
    years = _years(text) if text else ()
    if text and not years:
        return None
    if "a" in groups:
        pairs = [(groups["a"], groups["c"]), (groups["c"], groups["a"])]  # (day, month)
        if groups.get("s") == ".":
            pairs = pairs[:1]
        if not years:
            return () if _day(2000, int(groups["a"]), int(groups["c"])) else None
        found = {each for year in years for d, m in pairs if (each := _day(year, int(m), int(d)))}
        return tuple(sorted(found)) or None
    month = _month(groups["b"]) if groups.get("b") else _number(groups["m"])
    if not 1 <= month <= 12:
        return None
    if not groups.get("d"):
        return ()
    day = _number(groups["d"])
    if not years:
        return () if _day(2000, month, day) else None
    found = {each for year in years if (each := _day(year, month, day))}
    return tuple(sorted(found)) or None


def _years(text: str) -> tuple[int, ...]:
    if text.isascii():
        number = int(text)
        return (number,) if len(text) == 4 else (1900 + number, 2000 + number)
    digits = "".join(str(_DIGITS.get(character, "x")) for character in text)
    return (int(digits),) if digits.isdigit() and 1800 <= int(digits) < 2100 else ()


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month(text: str) -> int:
    return next((number for number, name in enumerate(_MONTHS, 1) if name.startswith(text[:3])), 0)


_DIGITS: Final = {character: number for number, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "○": 0}


def _number(text: str) -> int:
    """A day or month, in digits or Chinese numerals; 0 if it is none."""
    if text.isdigit() and text.isascii():
        return int(text)
    if text in ("元", "正"):
        return 1
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return _DIGITS.get(text, 0) if len(text) == 1 else 0
    return (_DIGITS.get(tens, 0) if tens else 1) * 10 + (_DIGITS.get(ones, 0) if ones else 0)


def moved(found: FoundDate, folded: Folded, *, days: int, known: Collection[date]) -> str | None:
    """The date that many days later, in the same notation; ``None`` where nobody can tell which day was meant.

    ``known`` days settle what could be two of them. What follows the date, a time, stays as it is.
    """
    readings = tuple(day for day in found.readings if day in known) or found.readings
    try:
        # Two centuries of one two-digit year come out alike, day and month of an ambiguous date do not.
        texts = {_written(found.match, folded, old=day, new=day + timedelta(days=days)) for day in readings}
    except OverflowError:
        return None
    return texts.pop() if len(texts) == 1 else None


def _written(match: re.Match[str], folded: Folded, *, old: date, new: date) -> str:
    """The match with the day ``new`` in place of ``old``."""
    groups = match.groupdict()
    if "a" in groups:
        day_first = old.day == int(groups["a"]) and old.month == int(groups["c"])
        numbers = {"a": new.day if day_first else new.month, "c": new.month if day_first else new.day}
    else:
        numbers = {"d": new.day} | ({} if groups.get("b") else {"m": new.month})
    padded = _is_padded([match[name] for name in numbers], match[0])
    pieces = {match.span(name): _like(match[name], number, padded=padded) for name, number in numbers.items()}
    for name in ("y", "y2", "y3"):
        if groups.get(name):
            pieces[match.span(name)] = _year_like(match[name], new.year)
    if groups.get("b"):
        pieces[match.span("b")] = _month_like(folded.cased[slice(*match.span("b"))], new.month)
    if groups.get("o"):
        pieces[match.span("o")] = _ordinal(new.day)
    text, place = "", match.start()
    for (start, stop), piece in sorted(pieces.items()):
        text += folded.cased[place:start] + piece
        place = stop
    return text + folded.cased[place : match.end()]


def _is_padded(numbers: list[str], whole: str) -> bool:
    """Whether the notation writes 9 as 09; where both could be, as the notation usually does."""
    if any(number.startswith("0") for number in numbers):
        return True
    return all(len(number) == 2 for number in numbers) and "月" not in whole and (len(numbers) == 2 or "-" in whole)


def _like(old: str, number: int, *, padded: bool) -> str:
    if old.isascii():
        return f"{number:02}" if padded else str(number)
    tens, ones = divmod(number, 10)
    numerals = "零一二三四五六七八九"
    return ("" if not tens else "十" if tens == 1 else numerals[tens] + "十") + (numerals[ones] if ones or not tens else "")


def _year_like(old: str, year: int) -> str:
    if old.isascii():
        return f"{year:04}"[-len(old) :]
    zero = next((character for character in old if character in "〇零○"), "〇")
    return "".join((zero, *"一二三四五六七八九")[int(digit)] for digit in f"{year:04}")


def _month_like(old: str, month: int) -> str:
    name = _MONTHS[month - 1]
    name = name if len(old) > 4 or (old.lower() in _MONTHS and old.lower() != "may") else name[:3]
    return name.upper() if old.isupper() else name if old.islower() else name.capitalize()


def _ordinal(day: int) -> str:
    return "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
