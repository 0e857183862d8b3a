"""What a header knows of the patient, and of anybody else: the words by which a text elsewhere betrays them.

Two guards are made of it. ``Knowledge.mentions`` compares bytes, whatever their character set, and is quick and coarse;
``leadglass.deid.text`` knows spellings, orders and notations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from leadglass.deid.charset import readings
from leadglass.deid.profile import Action
from leadglass.dicom.header import Element, Values, dictionary_vr

_CHARSET: Final = 0x00080005
_LOOKED_AT: Final = 1 << 16
"""Bytes of a value that are looked at."""
_PHRASES: Final = 512
"""Names outside ASCII and numbers with signs in them; beyond that a file is hostile, and every text counts as a mention."""
_WORD: Final = re.compile(rb"[a-z0-9]+")
_LONG_WORD: Final = 7
"""Letters from which on a name is no part of an ordinary word by chance."""
_LONG_NUMBER: Final = re.compile(rb"[0-9]{6,}")
_CANDIDATE: Final = re.compile(rb"[A-Za-z0-9]{3}|[\x80-\xff\x1b]")
"""What a value holds at least that mentions anybody."""

KINDS: Final = {
    "ids": frozenset(
        {0x00080050, 0x00100020, 0x00100027, 0x00101000, 0x00101090, 0x00200010, 0x00380010, 0x00380060}
        | {0x00400253, 0x00401001, 0x00402016, 0x00402017}
    ),
    "serials": frozenset({0x00081010, 0x00181000, 0x00181002, 0x00181004, 0x00181005, 0x00181007, 0x00181008}),
    "phones": frozenset({0x00080094, 0x00102154, 0x00102155, 0x00401104}),
    "addresses": frozenset({0x00080081, 0x00080092, 0x00101040}),
    "institutions": frozenset({0x00080080, 0x00081040, 0x00321033}),
}
"""Attributes whose values identify, beside those of VR PN, DA and DT, and what they tell."""

_KIND_OF: Final = {tag: kind for kind, tags in KINDS.items() for tag in tags}
_OF_PATIENT: Final = frozenset({0x00100020, 0x00080050, 0x00101000, 0x00100030, 0x00101090, 0x00380010})
"""Values that the coarse guard knows, beside names: in every other one a common word would be too frequent."""


class Fact(NamedTuple):
    """One value that identifies: its kind, whether the coarse guard knows it, and under which character set it stands."""

    kind: str
    guarded: bool
    value: bytes
    charset: tuple[str, ...]


class Verdict(NamedTuple):
    """What becomes of a text: its ``value`` afterwards, why, and the kinds of what was taken out of it."""

    action: Action
    why: str
    value: bytes
    told: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What identifies somebody in one file. ``words`` are ASCII and in lower case, ``phrases`` everything else, as bytes;
    ``numbers`` are digits of ids and dates, long enough not to be anywhere by chance.

    ``texts`` holds values as text, by kind; names are written as in PN. ``seen`` remembers what became of a text.
    """

    words: frozenset[bytes]
    phrases: tuple[bytes, ...]
    numbers: frozenset[bytes]
    texts: dict[str, tuple[str, ...]]
    seen: dict[tuple[int, str, bytes, tuple[str, ...], bool], Verdict | None] = field(default_factory=dict)

    def mentions(self, value: bytes) -> bool:
        """Whether ``value`` holds something known: a word as a word, anything else anywhere."""
        if _CANDIDATE.search(value) is None:
            return False
        text = value.lower()
        if not self.words.isdisjoint(_WORD.findall(text)):
            return True
        return len(self.phrases) > _PHRASES or any(phrase in text for phrase in self.phrases)


def facts(
    header: Values, elements: Iterable[Element], charset: tuple[str, ...], *, without: frozenset[str | int]
) -> list[Fact]:
    """What identifies in these elements and all below them; kinds and tags in ``without`` are to stay visible."""
    found: list[Fact] = []
    _collect(header, elements, charset, without, found)
    return found


def _collect(
    header: Values, elements: Iterable[Element], charset: tuple[str, ...], without: frozenset[str | int], found: list[Fact]
) -> None:
    for element in elements:
        tag, vr = element.tag, element.vr
        if element.items is not None:
            for item in element.items:
                _collect(header, item.elements, item_charset(header, item.elements, charset), without, found)
            continue
        kind = _KIND_OF.get(tag)
        if kind is None:
            if vr == "PN" or dictionary_vr(tag) == "PN":
                kind = "names"
            elif vr in ("DA", "DT"):
                kind = "dates"
            elif vr == "AE":
                kind = "serials"
            else:
                continue
        if not element.length or kind in without or tag in without:
            continue
        guarded = kind == "names" or tag in _OF_PATIENT
        # Of a date and time the date: the times of a series differ from file to file, and tell of nobody.
        found.append(Fact(kind, guarded, header.value(element)[: 8 if vr == "DT" else _LOOKED_AT], charset))


def tells(element: Element) -> bool:
    """Whether an element may tell a fact."""
    vr = element.vr
    return (
        element.items is not None
        or vr in ("AE", "DA", "DT", "PN")
        or element.tag in _KIND_OF
        or dictionary_vr(element.tag) == "PN"
    )


def item_charset(header: Values, elements: Sequence[Element], above: tuple[str, ...]) -> tuple[str, ...]:
    """Specific Character Set of an item: its own, or that of the data set it stands in (PS3.3 C.12.1.1.2)."""
    for element in elements:
        if element.tag == _CHARSET:
            return charset_of(header.value(element))
        if element.tag > _CHARSET:
            break
    return above


def charset_of(value: bytes) -> tuple[str, ...]:
    """The values of Specific Character Set."""
    text = value.split(b"\0", 1)[0].strip().decode("ascii", "replace")
    return tuple(part.strip() for part in text.split("\\")) if text else ()


def knowledge(found: Iterable[Fact]) -> Knowledge:
    """What the facts say together; of the files of one series it is the same object."""
    return _knowledge(tuple(dict.fromkeys(found)))


@lru_cache(maxsize=64)
def _knowledge(found: tuple[Fact, ...]) -> Knowledge:
    guarded: set[bytes] = set()
    texts: dict[str, dict[str, None]] = {}
    for kind, is_guarded, value, charset in found:
        texts.setdefault(kind, {}).update(dict.fromkeys(_texts(kind, value, charset)))
        if is_guarded:
            guarded.update(re.split(rb"[\\=^\s\0]+", value.lower()))
            if kind == "names" and not value.isascii():
                guarded.update(_other_spellings(value, charset))
    words = frozenset(text for text in guarded if len(text) >= 3 and _WORD.fullmatch(text))
    # A long name is one inside of a longer word too: "Puzakaz" in "Puzakazp".
    long = {word for word in words if len(word) >= _LONG_WORD and word.isalpha()}
    phrases = tuple(sorted({text for text in guarded - words if len(text) >= 4} | long))
    numbers = {each for fact in found if fact.kind in ("ids", "dates") for each in _LONG_NUMBER.findall(fact.value)}
    # Whoever writes a number as a number leaves out its zeros.
    numbers |= {bare for each in numbers if len(bare := each.lstrip(b"0")) >= 6}
    return Knowledge(words, phrases, frozenset(numbers) | words, {kind: tuple(values) for kind, values in texts.items()})


def _texts(kind: str, value: bytes, charset: Sequence[str]) -> Iterator[str]:
    for reading in readings(value, charset):
        for part in reading.split("\\"):
            text = part.strip()
            if kind == "dates":
                text = text.replace(".", "")[:8]
            if text:
                yield text


def _other_spellings(value: bytes, charset: Sequence[str]) -> Iterator[bytes]:
    """Words outside ASCII of a name, and the name without spaces, in the encodings that other attributes may be in."""
    for text in readings(value, charset):
        words = re.split(r"[\\=^\s]+", text)
        for word in (*(word for word in words if len(word) > 1), "".join(words)):
            if not word.isascii():
                # Lower case of bytes, not of text: the second byte of a GB18030 character may look like a letter.
                yield word.encode("utf-8").lower()
                yield word.encode("gb18030", "ignore").lower()
