"""How the page speaks: texts, days, chances. The texts lie in ``texts.toml``, both languages side by side."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from importlib import resources


class Language(StrEnum):
    """A language of the page, by its BCP 47 tag."""

    ENGLISH = "en"
    CHINESE = "zh-CN"


def say(key: str, language: Language, **values: object) -> str:
    """The text ``key`` with ``values`` put in as they are: whoever writes HTML escapes them first."""
    return texts()[key][language[:2]].format(**values)


def day(moment: datetime, language: Language) -> str:
    """The day, in UTC, as it is said in a sentence."""
    there = moment.astimezone(UTC)
    if language is Language.CHINESE:
        return f"{there.year} 年 {there.month} 月 {there.day} 日"
    return f"{there.day} {_MONTHS[there.month - 1]} {there.year}"


def odds(log10_chance: float, language: Language) -> str:
    """N of "once in N", said in words, rounded down to one digit and never more than a million million.

    A larger number would say nothing: chance is then no longer what there is to argue about.
    """
    power = min(-log10_chance, 12.0)
    digit, zeros = int(10 ** (power % 1) + 1e-9), int(power)
    if language is Language.CHINESE:
        return _grouped(digit * 10**zeros, (("万亿", 12), ("亿", 8), ("万", 4)))
    return _grouped(
        digit * 10**zeros, ((" million million", 12), (" thousand million", 9), (" million", 6), (" thousand", 3))
    )


def power_of_ten(log10: float) -> str:
    """A chance as HTML: digits where they are few, else a power of ten, rounded up, since it is a bound."""
    if log10 >= 0:
        return "1"
    if log10 > -3:
        return f"{10**log10:.2g}"
    exponent = math.floor(log10)
    digit = math.ceil(10 ** (log10 - exponent) * 10 - 1e-9) / 10
    if digit >= 10:
        digit, exponent = 1.0, exponent + 1
    return f"{digit:g}&#8239;·&#8239;10<sup>−{-exponent}</sup>"


def _grouped(number: int, words: tuple[tuple[str, int], ...]) -> str:
    for word, zeros in words:
        if number >= 10**zeros:
            return f"{number // 10**zeros}{word}"
    return str(number)


_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905 - reads better
)

KINDS: Mapping[str, tuple[str, str]] = {
    "text": ("text", "文字"),
    "heart": ("heart", "心脏"),
    "lung_right": ("right lung", "右肺"),
    "lung_left": ("left lung", "左肺"),
    "rest": ("rest", "其余部分"),
}
"""Region kinds as people say them."""


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Every text by its key, then by ``en`` or ``zh``."""
    return tomllib.loads((resources.files(__package__) / "texts.toml").read_text(encoding="utf-8"))
