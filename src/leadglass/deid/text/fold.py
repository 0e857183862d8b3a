"""Text as search sees it: one spelling for what people write in many, and the way back to the characters that were there.

Folding is NFKC and then: lower case, no diacritics, simplified Chinese for traditional, hiragana for katakana, one dash, one
blank, one middle dot, no format characters (Unicode category Cf).
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any, Final

SENTINEL: Final = "\x7f"
"""Stands for each character that is dealt with: no letter, no digit, no blank, and ASCII, so that folding stays quick."""

_CACHED: Final = 128
"""Characters of a text that is worth remembering: header values come by the million and are few."""

_MARKS: Final = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a]")
_DASHES: Final = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u05be")
_DOTS: Final = frozenset("\u00b7\u2022\u30fb\u2027\u2219\u22c5\uff65")
_DELETE: Final = {code: None for code in range(128) if not chr(code).isalnum()}


@dataclass(frozen=True)
class Folded:
    """A text folded: ``cased`` keeps upper case, ``lower`` does not, both have one length."""

    text: str
    cased: str
    lower: str
    offsets: tuple[int, ...] | None
    """For each folded character the original one that it comes from, then the length; absent if all are the same."""

    @cached_property
    def squeezed(self) -> str:
        """Letters and digits alone."""
        return self.lower.translate(_DELETE) if self.lower.isascii() else "".join(filter(str.isalnum, self.lower))

    @cached_property
    def places(self) -> list[int]:
        """For each character of ``squeezed`` its place in ``lower``."""
        return [place for place, character in enumerate(self.lower) if character.isalnum()]

    def original(self, start: int, stop: int) -> tuple[int, int]:
        """The characters of ``text`` that ``lower[start:stop]`` was made of, with the marks that belong to them."""
        if self.offsets is None:
            return start, stop
        return self.offsets[start], max(self.offsets[stop], self.offsets[stop - 1] + 1)


def fold(text: str) -> Folded:
    """``text`` as search sees it."""
    return _fold_cached(text) if len(text) <= _CACHED else _fold(text)


def _fold(text: str) -> Folded:
    if text.isascii():
        return Folded(text, text, text.lower(), None)
    cased: list[str] = []
    lower: list[str] = []
    offsets: list[int] = []
    for place, character in enumerate(text):
        upper, small = (character, character.lower()) if character < "\x80" else _fold_character(character)
        cased.append(upper)
        lower.append(small)
        offsets += [place] * len(small)
    if offsets == list(range(len(text))):
        return Folded(text, "".join(cased), "".join(lower), None)
    return Folded(text, "".join(cased), "".join(lower), (*offsets, len(text)))


_fold_cached = lru_cache(maxsize=4096)(_fold)


def squeezed(text: str) -> str:
    """Letters and digits of ``text``, folded."""
    return fold(text).squeezed


@lru_cache(maxsize=1 << 14)
def _fold_character(character: str) -> tuple[str, str]:
    """What becomes of one character, in its own case and in lower case; both of one length."""
    if unicodedata.category(character) == "Cf":
        return "", ""
    if character in _DASHES:
        return "-", "-"
    if character in _DOTS:
        return "·", "·"
    if character.isspace():
        return ("\n", "\n") if character in "\u2028\u2029\x85" else (" ", " ")
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", character)).replace("ß", "ss").replace("ẞ", "SS")
    plain = "".join(map(_one_script, plain))
    small = "".join(each.lower()[:1] for each in plain)
    return plain, small


_LATIN: Final = str.maketrans("øØđĐłŁıŧŦħĦðÐ", "oOdDlLitThHdD") | {
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "þ": "th",
    "Þ": "TH",
}


def _one_script(character: str) -> str:
    if "ァ" <= character <= "ヶ":
        return chr(ord(character) - 0x60)
    if character >= "㐀":
        return hanzi().simplified.get(character, character)
    return character.translate(_LATIN)


@dataclass(frozen=True)
class Hanzi:
    """Facts of Chinese characters: readings without tones, commonest first; the simplified form of traditional ones."""

    readings: dict[str, list[str]]
    simplified: dict[str, str]


@lru_cache(maxsize=1)
def hanzi() -> Hanzi:
    """The table; read when the first Chinese text comes."""
    table = load("hanzi.json")
    readings: dict[str, list[str]] = {}
    for rank in range(3):
        for syllable, characters in table["readings"].items():
            for character in characters[rank] if rank < len(characters) else "":
                readings.setdefault(character, []).append(syllable)
    return Hanzi(readings, dict(zip(table["traditional"], table["simplified"], strict=True)))


def load(name: str) -> Any:
    """A table of this package, parsed."""
    return json.loads(files("leadglass.deid").joinpath("tables", name).read_text(encoding="utf-8"))
