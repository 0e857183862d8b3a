"""Laws of cleaning text, each named after the sentence it proves."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from leadglass.deid.text import Kind, Known, cleaner
from leadglass.deid.text.fold import fold, hanzi, squeezed
from leadglass.deid.text.rules import identity_check_digit
from leadglass.deid.text.words import words

LAWS = settings(max_examples=60, deadline=None)
NOBODY = cleaner(Known())

CARRIERS = st.sampled_from(
    [
        "{}",
        "CHEST PA {}",
        "{} portable",
        "seen with {} today",
        "胸部正位 {}",
        "cr_{}_1",
        "({})",
        "film: {}, repeat",
        "{}\nerect",
        "片\t{}。",
    ]
)
SYLLABLES = st.sampled_from(
    ("ba", "bo", "der", "gan", "gri", "hol", "kan", "lin", "lor", "mar", "nes", "rus", "tan", "ulf", "wen", "zor")
)
WORDS = (
    st.lists(SYLLABLES, min_size=2, max_size=3)
    .map("".join)
    .filter(lambda word: word not in words().ordinary | words().titles)
)
SURNAMES = st.sampled_from([*"王李张刘陈单曾仇解查盖邓萧黄", "欧阳", "司马", "尉迟"])
GIVEN = st.text(
    st.sampled_from("伟芳娜敏静丽强磊军洋勇艳杰娟涛超秀霞晓东梅林玉辉鑫琴云飞凤翔雪岚淼骞"), min_size=1, max_size=2
)
DAYS = st.dates(date(1905, 1, 1), date(2035, 12, 31))
MONTHS = [date(2000, month, 1).strftime("%B") for month in range(1, 13)]
NUMERALS = "〇一二三四五六七八九"

LATIN_NOTATIONS: list[Callable[[str, str], str]] = [
    lambda family, given: f"{family}^{given}",
    lambda family, given: f"{family} {given}".upper(),
    lambda family, given: f"{given} {family}".title(),
    lambda family, given: f"{family}, {given}",
    lambda family, given: f"{given}_{family}",
    lambda family, given: f"{given.title()}{family.title()}",
    lambda family, given: f"{family}-{given}",
    lambda family, given: f"{family}.{given}",
    lambda family, given: " ".join(f"{family}{given}"),
    lambda family, given: f"{given[0].upper()}. {family.title()}",
    lambda family, given: f"{family.title()} {given[0].upper()}",
    lambda family, _: family.title(),
    lambda _, given: given.upper(),
    lambda family, given: wide(f"{family} {given}"),
    lambda family, given: "".join(f"{letter}\u0301" for letter in f"{family} {given}"),
    lambda family, given: f"{family}\u200b{given}",
]

HAN_NOTATIONS: list[Callable[[str, str], str]] = [
    lambda family, given: family + given,
    lambda family, given: f"{family} {given}",
    lambda family, given: " ".join(family + given),
    lambda family, given: f"{family}^{given}",
    lambda family, given: f"{family}·{given}",
    lambda family, given: f"患者{family}{given}因咳嗽就诊",
    lambda family, given: f"{family}　{given}",
    lambda family, given: traditional(family + given),
]

DATE_NOTATIONS: list[Callable[[date], str]] = [
    lambda day: f"{day:%Y%m%d}",
    lambda day: f"{day:%Y-%m-%d}",
    lambda day: f"{day.year}/{day.month}/{day.day}",
    lambda day: f"{day:%Y.%m.%d}",
    lambda day: f"{day:%d.%m.%Y}",
    lambda day: f"{day:%m/%d/%Y}",
    lambda day: f"{day:%d/%m/%Y}",
    lambda day: f"{day.day} {MONTHS[day.month - 1][:3]} {day.year}",
    lambda day: f"{day:%d}-{MONTHS[day.month - 1][:3].upper()}-{day.year}",
    lambda day: f"{MONTHS[day.month - 1]} {day.day}, {day.year}",
    lambda day: f"{day.year}年{day.month}月{day.day}日",
    lambda day: "".join(NUMERALS[int(digit)] for digit in f"{day.year:04}") + f"年{han(day.month)}月{han(day.day)}日",
    lambda day: f"{day:%y-%m-%d}",
    lambda day: f"{day:%Y-%m-%d} 10:32:05",
    lambda day: wide(f"{day:%Y-%m-%d}"),
    lambda day: f"{day:%Y%m%d}103205",
    lambda day: f"{day.year} 年 {day.month} 月 {day.day} 日",
]


def wide(text: str) -> str:
    """Full-width forms."""
    return "".join(chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character for character in text)


def han(number: int) -> str:
    """A number below a hundred in Chinese numerals."""
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else NUMERALS[tens] + "十") + (NUMERALS[ones] if ones else "")


def traditional(text: str) -> str:
    """Traditional forms where there are any."""
    forms = {simple: old for old, simple in hanzi().simplified.items()}
    return "".join(forms.get(character, character) for character in text)


def bare(text: str) -> str:
    """Folded, numbers without leading zeros, months short: whether 12 was padded or May cut off nobody can see."""
    short = re.sub("|".join(MONTHS), lambda month: month[0][:3], fold(text).cased)
    return re.sub(r"(?<!\d)0+(?=\d)", "", short)


def words_in(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", fold(text).lower))


@LAWS
@given(WORDS, WORDS, st.sampled_from(LATIN_NOTATIONS), CARRIERS, st.booleans())
def test_no_known_name_survives(
    family: str, given: str, notation: Callable[[str, str], str], carrier: str, rules: bool
) -> None:
    out = cleaner(Known(names=(f"{family}^{given}",))).clean(carrier.format(notation(family, given)), rules=rules)
    assert words_in(out.text).isdisjoint({family, given})
    assert family not in squeezed(out.text)
    assert given not in squeezed(out.text)
    assert out.found[Kind.NAME]


@LAWS
@given(SURNAMES, GIVEN, st.sampled_from(HAN_NOTATIONS), CARRIERS, st.booleans())
def test_no_known_chinese_name_survives(
    family: str, given: str, notation: Callable[[str, str], str], carrier: str, caret: bool
) -> None:
    known = Known(names=(f"Doe^Jo={family}^{given}" if caret else family + given,))
    out = cleaner(known).clean(carrier.format(notation(family, given)), rules=False).text
    assert family + given not in squeezed(out)
    assert squeezed(given) not in squeezed(out)


@LAWS
@given(
    SURNAMES,
    st.text(st.sampled_from("伟芳敏强磊洋勇艳杰娟涛超霞梅林玉辉"), min_size=2, max_size=2),
    CARRIERS,
    st.integers(0, 5),
)
def test_no_reading_of_a_known_chinese_name_survives(family: str, given: str, carrier: str, form: int) -> None:
    table = hanzi().readings
    first = "".join(table[character][0] for character in family)
    last = [table[character][0] for character in given]
    written = [
        f"{first} {''.join(last)}".title(),
        f"{''.join(last)} {first}".upper(),
        f"{first}^{' '.join(last)}",
        f"{first}{''.join(last)}",
        f"{first} {last[0]} {last[1]}".title(),
        f"{first}_{last[0][0]}{last[1][0]}".upper(),
    ][form]
    out = cleaner(Known(names=(f"{family}^{given}",))).clean(carrier.format(written), rules=False)
    assert out.text == carrier.format("[NAME]")


@LAWS
@given(
    st.integers(10**4, 10**12),
    st.integers(0, 3),
    st.sampled_from(["{}", "CR{}", "{}_1", "id {}", "x/{}/y", "号{}号"]),
    st.integers(0, 5),
)
def test_no_known_number_survives(number: int, zeros: int, carrier: str, form: int) -> None:
    digits = f"{number}"
    padded = "0" * zeros + digits
    written = [digits, padded, wide(padded), " ".join(padded), "-".join((padded[:3], padded[3:])), "000" + digits][form]
    out = cleaner(Known(ids=(padded,))).clean(carrier.format(written), rules=False)
    assert digits not in squeezed(out.text)
    assert out.found == {Kind.ID: 1}


@LAWS
@given(DAYS, st.sampled_from(DATE_NOTATIONS), CARRIERS, st.booleans())
def test_no_known_date_survives(day: date, notation: Callable[[date], str], carrier: str, rules: bool) -> None:
    written = notation(day)
    out = cleaner(Known(dates=(f"{day:%Y%m%d}",))).clean(carrier.format(written), rules=rules)
    assert out.found
    assert written not in out.text
    assert not {f"{day.year}", f"{day:%Y%m%d}"} & words_in(out.text)


@LAWS
@given(DAYS, st.sampled_from(DATE_NOTATIONS), st.integers(-4000, 4000).filter(bool))
def test_a_moved_date_keeps_its_notation(day: date, notation: Callable[[date], str], days: int) -> None:
    known = Known(dates=(f"{day:%Y%m%d}",))
    new = day + timedelta(days=days)
    written = notation(day)
    # Day and month must not trade places by chance.
    assume(len({day.day, day.month, new.day, new.month}) == 4 or "/" not in written)
    expected = notation(new)
    out = cleaner(known, shift=days).clean(f"film of {written}.").text
    assert bare(out) in (bare(f"film of {expected}."), "film of [DATE].")
    if written == f"{day:%Y-%m-%d}":
        assert out == f"film of {expected}."


@LAWS
@given(st.text(st.sampled_from("0123456789"), min_size=16, max_size=16), st.sampled_from(["", " ", "-"]))
def test_a_number_with_a_right_check_digit_is_hidden_however_it_is_parted(digits: str, sign: str) -> None:
    first = "1" + digits
    number = sign.join(first + identity_check_digit(first))
    assert NOBODY.clean(f"见 {number}。").text == "见 [ID]。"


SIGNS = "王李患者医师姓名:：号院市路年月日-^/.@ \n,(小老·岁x1aßＡ\u200b"
CHUNKS = (
    *("Dr. ", "John ", "Smith", "St. ", "Mary's ", "Hospital ", "at ", "tel ", "MRN: ", "Jan "),
    *("00", "99", "1990", "2024", "-01-31", "z@b.cn", "http://", "[NAME]", "[ID]", "***"),
    *("医院", "北京", "住院号", "王小东"),
)
PIECES = st.sampled_from([*SIGNS, *CHUNKS])
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=40)
KNOWN = Known(
    names=("Smith^John=王^小东", "Doe"), ids=("0012345", "742"), dates=("20240131",), institutions=("北京协和医院",)
)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    tool = cleaner(KNOWN)
    once = tool.clean(text).text
    assert tool.clean(once).text is once


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.booleans())
def test_text_without_anything_stays_the_same_object(text: str, rules: bool) -> None:
    out = cleaner(KNOWN).clean(text, rules=rules)
    assert (out.text is text) == (not out.found)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_what_is_not_found_stays_as_it_was(text: str) -> None:
    found = cleaner(KNOWN).find(text)
    edges = [place for span in found for place in (span.start, span.stop)]
    assert edges == sorted(edges)
    assert all(span.start < span.stop for span in found)
    parts = [text[stop:start] for stop, start in zip([0, *edges[1::2]], [*edges[::2], len(text)], strict=True)]
    tokens = [span.kind.token for span in found]
    assert cleaner(KNOWN).clean(text).text == "".join(part + token for part, token in zip(parts, [*tokens, ""], strict=True))


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(0, 12))
def test_the_result_fits_where_the_text_fitted(text: str, room: int) -> None:
    assert len(cleaner(KNOWN).clean(text, limit=len(text) + room).text) <= len(text) + room


@settings(max_examples=40, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=3).map("".join), st.integers(1, 3000))
def test_hostile_text_comes_back(piece: str, times: int) -> None:
    text = (piece * times)[: 1 << 14]
    assert len(cleaner(KNOWN).clean(text, limit=len(text)).text) <= len(text)


@LAWS
@given(WORDS, WORDS, st.sampled_from(["{} {}", "{}, {}", "{}_{}"]))
def test_what_a_list_denies_is_hidden(first: str, second: str, form: str) -> None:
    tool = cleaner(Known(), deny=frozenset({f"{first} {second}", "周星云"}))
    out = tool.clean(f"film by {form.format(first.upper(), second)} and 周星云组").text
    assert out == "film by [NAME] and [NAME]组"


@pytest.mark.parametrize(
    "value", ["", "^^^^", "=", "\\", "^=^", " ", "X", "\u0301", "王", "，", "-" * 300, "王" * 300, "a^" * 200]
)
def test_an_odd_known_value_hides_nothing_else(value: str) -> None:
    known = Known(
        names=(value,),
        ids=(value,),
        phones=(value,),
        addresses=(value,),
        institutions=(value,),
        other=(value,),
        dates=(value,),
    )
    assert cleaner(known).clean("CHEST PA 胸部正位").text == "CHEST PA 胸部正位"
