"""What a file's header knows of people, and every way in which its text may say it again (PS3.5 section 6.2.1 for names).

A known value becomes keys: letters and digits alone, folded. A key is looked for in the squeezed text, so that blanks, dots,
carets, underscores and hyphens between its parts cost nothing, and a hit counts if what stands around and between the
characters that were found lets it be that value and not part of another word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

from leadglass.deid.text.fold import SENTINEL, Folded, hanzi, squeezed
from leadglass.deid.text.kinds import Kind
from leadglass.deid.text.words import words


@dataclass(frozen=True)
class Known:
    """What the header of one file knows, as decoded text.

    ``names`` are values of PN (``Wang^Xiaodong=王^小东``), of the patient and of anybody else, or names as people write
    them; ``dates`` are YYYYMMDD. What is too short to mean anything (names of one letter, ids of two) is not looked for.
    """

    names: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    institutions: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """How one key is looked for. ``cuts`` are the places in it between its parts.

    ``fit`` takes the folded text, the key's text, the key, and the first and last place of a hit in the squeezed text, and
    gives the folded characters to hide, or nothing where the surroundings say that this is another word.
    """

    kind: Kind
    cuts: frozenset[int]
    fit: Callable[[Folded, str, Key, int, int], tuple[int, int] | None]


Keys = Mapping[str, Key]

_NO_CUTS: Final[frozenset[int]] = frozenset()
_MAX_KEYS: Final = 4096
"""A header that gives more is hostile; the longest ones count."""
_MAX_VALUE: Final = 256
"""Characters of a known value; what is longer is a text of its own, not a name or number."""


def keys(known: Known) -> Keys:
    """Everything to look for."""
    found: dict[str, Key] = {}
    for text in known.names:
        _add_name(found, text[:_MAX_VALUE])
    for text in known.ids:
        _add_id(found, text[:_MAX_VALUE], Kind.ID)
    for text in known.dates:
        _add_date(found, text)
    for text in known.phones:
        _add_phone(found, text[:_MAX_VALUE])
    for text in known.addresses:
        _add_place(found, text[:_MAX_VALUE], Kind.ADDRESS)
    for text in known.institutions:
        _add_place(found, text[:_MAX_VALUE], Kind.INSTITUTION)
    for text in known.other:
        _add_other(found, text[:_MAX_VALUE])
    if len(found) > _MAX_KEYS:
        return dict(sorted(found.items(), key=lambda item: -len(item[0]))[:_MAX_KEYS])
    return found


def hits(folded: Folded, keys: Keys) -> Iterator[tuple[int, int, Kind]]:
    """Where in the folded text a key stands, and what it tells."""
    haystack = folded.squeezed
    for text in keys:
        if text in haystack:
            key = keys[text]
            at = haystack.find(text)
            while at >= 0:
                place = key.fit(folded, text, key, at, at + len(text) - 1)
                if place:
                    yield *place, key.kind
                at = haystack.find(text, at + 1)


# Names


def _add_name(found: dict[str, Key], text: str) -> None:
    for value in unicodedata.normalize("NFC", text).split("\\"):
        for group in value.split("="):
            components = [part for part in (part.strip() for part in re.split(r"[\^,，、]", group)) if part]
            if not components:
                continue
            if _is_han(group):
                _add_han_name(found, components)
            else:
                _add_spaced_name(found, [_words_of(part) for part in components])
                typed = [part.translate(_TYPED) for part in components]
                if typed != components:
                    _add_spaced_name(found, [_words_of(part) for part in typed])


_TYPED: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Å": "Aa", "Ø": "Oe"}
)
"""What people write who cannot type a letter; folding takes its marks off instead."""


def _words_of(text: str) -> list[str]:
    return [word for word in (squeezed(part) for part in re.split(r"[\s._\-'’·•]+", text)) if word]


def _is_han(text: str) -> bool:
    return any(_is_spaceless(character) for character in text)


def _is_spaceless(character: str) -> bool:
    """Whether the character's script writes words without blanks: East Asian ones, Thai, Lao, Khmer, Burmese."""
    return character >= "\u0e00" and (
        "\u2e80" <= character <= "\uffdc"
        or character >= "\U00020000"
        or "\u0e00" <= character <= "\u0eff"
        or "\u1000" <= character <= "\u11ff"
        or "\u1780" <= character <= "\u17ff"
    )


def _add_spaced_name(found: dict[str, Key], components: list[list[str]]) -> None:
    """A name in a script with blanks: ``components`` are its words, family name first where there are several."""
    everything = [word for component in components for word in component if word not in words().titles]
    if len(everything) == 1 and len(everything[0]) >= 6:
        everything = _split_pinyin(everything[0]) or everything
    if not everything:
        return
    if len(components) == 1:
        # Nobody said which is the family name: the first or the last.
        orders = [(everything[:1], everything[1:]), (everything[-1:], everything[:-1])]
    else:
        family = [word for word in components[0] if word not in words().titles]
        orders = [(family, [word for component in components[1:] for word in component if word not in words().titles])]
    for family, given in orders:
        _add_orders(found, family, given)
    for word in everything:
        _add_single(found, word)
    for component in components:
        if len(component) > 1:
            _add_parts(found, component)
    if any("ue" in word or "oe" in word or "ae" in word for word in everything):
        # Written by somebody who cannot type "ü"; elsewhere it may be there, and folding makes "u" of it.
        plain = [re.sub("([uoa])e", r"\1", word) for word in everything]
        _add_parts(found, plain)
        _add_parts(found, plain[::-1])


def _add_orders(found: dict[str, Key], family: list[str], given: list[str]) -> None:
    if not family or not given:
        _add_parts(found, family or given)
        return
    initials = [word[0] for word in given]
    for first in (given, given[:1]):
        _add_parts(found, [*family, *first])
        _add_parts(found, [*first, *family])
    if len(family) > 1:
        _add_parts(found, [*given, family[-1]])
        _add_parts(found, [*given[:1], family[0]])
        _add_parts(found, [family[0], *given[:1]])
    if len(given) > 1:
        # A middle name may shrink to its initial.
        shrunk = [given[0], *initials[1:]]
        _add_parts(found, [*family, *shrunk])
        _add_parts(found, [*shrunk, *family])
        _add_parts(found, [given[-1], *family])
    for short in {tuple(initials), tuple(initials[:1])}:
        _add_parts(found, [*family, *short])
        _add_parts(found, [*short, *family])
    _add_initials(found, [*(word[0] for word in family), *initials])


def _add_initials(found: dict[str, Key], letters: list[str]) -> None:
    if len(letters) >= 3:
        for text in ("".join(letters), "".join([*letters[1:], letters[0]])):
            if text not in words().abbreviations and text not in words().ordinary:
                found.setdefault(text, Key(Kind.NAME, frozenset(range(1, len(text))), _fit_initials))


def _add_parts(found: dict[str, Key], parts: list[str], *, kind: Kind = Kind.NAME) -> None:
    """Parts one after the other, with anything or nothing between them."""
    text = "".join(parts)
    if len(text) < 3 or (len(parts) == 1 and text in words().ordinary):
        return
    cuts, place = [], 0
    for part in parts[:-1]:
        place += len(part)
        cuts.append(place)
    found.setdefault(text, Key(kind, frozenset(cuts), _fit_words))


def _add_single(found: dict[str, Key], word: str) -> None:
    lists = words()
    if len(word) < 2 or word in lists.ordinary or word in words().two_letters or (word.isdigit() and len(word) < 5):
        return
    fit = _fit_short_word if len(word) == 2 and not _is_spaceless(word[0]) else _fit_words
    found.setdefault(word, Key(Kind.NAME, _NO_CUTS, fit))


def _add_han_name(found: dict[str, Key], components: list[str]) -> None:
    """A name in characters, its family name first or before nothing that tells."""
    parts = [each for each in (squeezed(part) for part in components) if each]
    if len(parts) == 1:
        blanks = [squeezed(part) for part in re.split(r"[\s·•・]+", components[0].strip())]
        parts = [part for part in blanks if part] if len(blanks) > 1 else _split_han(parts[0])
    if not parts:
        return
    whole = "".join(parts)
    if len(whole) > 1:
        found.setdefault(whole, Key(Kind.NAME, frozenset(range(1, len(whole))), _fit_han))
        if len(parts) > 1:
            turned = "".join([*parts[1:], parts[0]])
            found.setdefault(turned, Key(Kind.NAME, frozenset({len(turned) - len(parts[0])}), _fit_han))
    for part in parts:
        if len(part) > 1 and part not in words().ordinary_han:
            found.setdefault(part, Key(Kind.NAME, frozenset(range(1, len(part))), _fit_han))
    if len(parts) > 1:
        family = parts[0]
        for called in _called(family):
            found.setdefault(called, Key(Kind.NAME, _NO_CUTS, _fit_han))
    if all("㐀" <= character <= "鿿" for character in whole):
        for reading in _readings(parts[0], "".join(parts[1:])):
            _add_reading(found, *reading)


@lru_cache(maxsize=1024)
def _called(family: str) -> tuple[str, ...]:
    return (*(family + title for title in _HAN_TITLES), *(prefix + family for prefix in "老小阿"))


def _split_han(name: str) -> list[str]:
    """Family and given name, by the surnames there are."""
    lists = words()
    for length in (4, 3, 2):
        if len(name) > length and name[:length] in lists.compound_surnames:
            return [name[:length], name[length:]]
    if 2 <= len(name) <= 4 and name[0] in lists.surnames:
        return [name[0], name[1:]]
    return [name]


def _readings(family: str, given: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """How a name in characters is read: syllables of the family name and of the given one; at most 24 ways."""
    table = hanzi().readings
    surnames = words().surname_readings
    families: list[tuple[str, ...]] = [(reading,) for reading in surnames.get(family, ())]
    families += product(*(table.get(character, [""]) for character in family[:4]))
    givens = product(*(_spellings(table.get(character, [""])) for character in given[:4]))
    for number, (first, last) in enumerate(product(dict.fromkeys(families), list(_first(givens, 8)))):
        if number == 24:
            return
        yield tuple(filter(None, first)), tuple(filter(None, last))


def _first(each: Iterable[tuple[str, ...]], count: int) -> Iterator[tuple[str, ...]]:
    for _, value in zip(range(count), each, strict=False):
        yield value


def _spellings(readings: list[str]) -> list[str]:
    """Readings, with "ü" as people type it."""
    return [
        each for reading in readings for each in ((reading, reading.replace("v", "u")) if "v" in reading else (reading,))
    ]


def _add_reading(found: dict[str, Key], family: tuple[str, ...], given: tuple[str, ...]) -> None:
    first, last = "".join(family), list(given)
    if not first or not last:
        _add_parts(found, [first or "".join(last)] if len(first or "".join(last)) >= 3 else [])
        return
    short = [syllable[0] for syllable in last]
    for parts in (
        [*family, *last],
        [*last, *family],
        [first, *short],
        [*short, first],
        [first, short[0]],
        [short[0], first],
    ):
        _add_parts(found, parts)
    if len(last) > 1:
        _add_parts(found, last)
        _add_initials(found, [first[0], *short])
    _add_single(found, first)


def _split_pinyin(word: str) -> list[str] | None:
    """Family and given name of ``wangxiaodong``, if it can be read so: a surname's reading and one or two syllables."""
    if not word.isascii() or not word.isalpha() or len(word) > 18:
        return None
    syllables = _syllables()
    for length in (6, 5, 4, 3, 2):
        family = word[:length]
        if family not in _surname_syllables():
            continue
        rest = word[length:]
        if rest in syllables:
            return [family, rest]
        for cut in range(1, min(7, len(rest))):
            if rest[:cut] in syllables and rest[cut:] in syllables:
                return [family, rest]
    return None


@lru_cache(maxsize=1)
def _syllables() -> frozenset[str]:
    return frozenset(reading for readings in hanzi().readings.values() for reading in readings)


@lru_cache(maxsize=1)
def _surname_syllables() -> frozenset[str]:
    lists, table = words(), hanzi().readings
    return frozenset(
        [table[surname][0] for surname in lists.surnames if surname in table]
        + [reading for readings in lists.surname_readings.values() for reading in readings]
        + ["".join(table[character][0] for character in surname) for surname in lists.compound_surnames]
    )


_HAN_TITLES: Final = (
    "先生",
    "女士",
    "小姐",
    "同志",
    "老师",
    "医生",
    "医师",
    "大夫",
    "主任",
    "教授",
    "护士",
    "某某",
    "某",
    "阿姨",
    "师傅",
    "总",
)


# Fits: do the surroundings let a hit be the value?


def _fit_words(folded: Folded, text: str, key: Key, first: int, last: int) -> tuple[int, int] | None:
    """Words that stand as words; from seven letters on, wherever they stand."""
    start, stop = folded.places[first], folded.places[last] + 1
    gaps = _gaps(folded, first, last)
    if gaps is None:
        return None
    parted = gaps <= key.cuts
    if parted and len(text) >= (7 if key.cuts else 8) and all(3 <= gap <= len(text) - 3 for gap in gaps):
        return start, stop
    if (parted or len(text) >= 6) and _edge(folded, start) and _edge(folded, stop):
        return start, stop
    return None


def _fit_short_word(folded: Folded, text: str, key: Key, first: int, last: int) -> tuple[int, int] | None:
    """A name of two letters: a word with a capital."""
    start = folded.places[first]
    return _fit_words(folded, text, key, first, last) if folded.cased[start] != folded.lower[start] else None


def _fit_initials(folded: Folded, text: str, _: Key, first: int, last: int) -> tuple[int, int] | None:
    """Initials: in one case, with at most a dot and a blank between them."""
    start, stop = folded.places[first], folded.places[last] + 1
    found = folded.cased[start:stop]
    if (
        len(found) > 3 * len(text)
        or not (found.isupper() or found.islower())
        or not re.fullmatch(r"[^\W\d_]+|(?:[^\W\d_][. ]*)+", found)
    ):
        return None
    return (start, stop) if _edge(folded, start, camel=False) and _edge(folded, stop, camel=False) else None


def _fit_han(folded: Folded, _: str, key: Key, first: int, last: int) -> tuple[int, int] | None:
    """Characters that need no word boundary; what separates them is a sign or two."""
    gaps = _gaps(folded, first, last)
    return (folded.places[first], folded.places[last] + 1) if gaps is not None and gaps <= key.cuts else None


def _gaps(folded: Folded, first: int, last: int) -> frozenset[int] | None:
    """Where, counted in characters of the key, something stands between two of them; none if it is more than separators."""
    places, lower = folded.places, folded.lower
    if places[last] - places[first] == last - first:
        return _NO_CUTS
    gaps = []
    for at in range(first, last):
        here, there = places[at] + 1, places[at + 1]
        if there > here:
            gap = lower[here:there]
            if there - here > 3 and len(gap.translate(_BLANKS)) > 3:
                return None
            gaps.append(at + 1 - first)
    return frozenset(gaps)


_BLANKS: Final = {ord(character): None for character in f" \t\r\n*{SENTINEL}"}


def _edge(folded: Folded, place: int, *, camel: bool = True) -> bool:
    """Whether a word may begin or end between the characters before and at ``place``."""
    if place == 0 or place == len(folded.lower):
        return True
    before, after = folded.cased[place - 1], folded.cased[place]
    if not (before.isalpha() and after.isalpha()):
        return True
    if _is_spaceless(before) or _is_spaceless(after):
        return True
    return camel and before.islower() and after.isupper()


# Numbers


def _add_id(found: dict[str, Key], text: str, kind: Kind) -> None:
    core = squeezed(text)
    if len(core) < 3:
        return
    significant = core.lstrip("0")
    if core.isdigit():
        if len(significant) < 5:
            for each in {core, significant}:
                if len(each) >= 3 or (len(core) >= 3 and len(each) == 2):
                    found.setdefault(each, Key(kind, _NO_CUTS, _fit_short_number))
        else:
            found.setdefault(significant, Key(kind, _NO_CUTS, _fit_number))
        return
    if core.isalpha():
        if core not in words().ordinary and core not in words().abbreviations:
            found.setdefault(core, Key(kind, _NO_CUTS, _fit_words))
        return
    found.setdefault(core, Key(kind, _NO_CUTS, _fit_mixed))
    parts = re.fullmatch(r"(\D+)(0*)(\d+)", core)
    if parts and len(parts[1] + parts[3]) >= 5:
        found.setdefault(parts[1] + parts[3], Key(kind, _NO_CUTS, _fit_mixed))
    for digits in re.findall(r"\d{6,}", core):
        if len(digits.lstrip("0")) >= 5:
            found.setdefault(digits.lstrip("0"), Key(kind, _NO_CUTS, _fit_number))


def _fit_number(folded: Folded, text: str, _: Key, first: int, last: int) -> tuple[int, int] | None:
    """Five digits and more: with zeros before them, blanks and signs among them, anything but digits around them."""
    lower = folded.lower
    start, stop = folded.places[first], folded.places[last] + 1
    if stop - start == len(text):
        begin = _zeros(lower, start)
        if len(text) >= 7:
            return begin, stop
        return (begin, stop) if not _digit(lower, begin - 1) and not _digit(lower, stop) else None
    gaps = _gaps(folded, first, last)
    begin = _zeros(lower, start)
    if gaps is None or _digit(lower, begin - 1) or _digit(lower, stop):
        return None
    if len(text) < 7 and re.search(r"[^ \-_]|\S{2}", re.sub(r"\d", "", lower[start:stop])):
        return None
    return begin, stop


def _zeros(text: str, start: int) -> int:
    """The start of the zeros before ``start``, a blank or dash after them or not."""
    match = _LEADING.search(text, max(0, start - 16), start)
    return match.start() if match else start


_LEADING: Final = re.compile(r"(?<!\d)(?<!\d[.,/])0{1,12}[ -]0*$|0+$")


def _fit_short_number(folded: Folded, text: str, _: Key, first: int, last: int) -> tuple[int, int] | None:
    """A number too short to be sure of: a word by itself, no part of a measure."""
    lower = folded.lower
    start, stop = folded.places[first], folded.places[last] + 1
    if stop - start != len(text):
        return None
    start = _zeros(lower, start)
    around = lower[max(0, start - 2) : start], lower[stop : stop + 2]
    if (start and lower[start - 1].isalnum()) or lower[stop : stop + 1].isalnum():
        return None
    if re.search(r"\d[.,/:x×*]$", around[0]) or re.match(r"[.,/:x×*]\d", around[1]) or _UNIT.match(lower, stop):
        return None
    return start, stop


_UNIT: Final = re.compile(r" ?(?:kv|ma|ms|mm|cm|ml|mg|kg|hz|%|um|μ|°|sec|min|views?|v\b|gy|mgy|hu\b|mm2)")


def _fit_mixed(folded: Folded, text: str, _: Key, first: int, last: int) -> tuple[int, int] | None:
    """Letters and digits: embedded from seven on, else not in the middle of a longer word or number."""
    start, stop = folded.places[first], folded.places[last] + 1
    gaps = _gaps(folded, first, last)
    if gaps is None:
        return None
    if len(text) >= 7 and not gaps:
        return start, stop
    lower = folded.lower
    if (_digit(lower, start - 1) and text[0].isdigit()) or (_digit(lower, stop) and text[-1].isdigit()):
        return None
    edges = (not text[0].isalpha() or _edge(folded, start)) and (not text[-1].isalpha() or _edge(folded, stop))
    if len(text) < 5 and (gaps or (start and lower[start - 1].isalnum()) or lower[stop : stop + 1].isalnum()):
        return None
    return (start, stop) if edges else None


def _digit(text: str, place: int) -> bool:
    return 0 <= place < len(text) and text[place].isdigit()


def _add_date(found: dict[str, Key], text: str) -> None:
    if not re.fullmatch(r"\d{8}", text) or not text.isascii():
        return
    year, month, day = text[:4], text[4:6], text[6:]
    found.setdefault(text, Key(Kind.DATE, _NO_CUTS, _fit_digits))
    for each in (day + month + year, month + day + year):
        found.setdefault(each, Key(Kind.DATE, frozenset({2, 4}), _fit_date))
    for each in (year[2:] + month + day, day + month + year[2:], month + day + year[2:]):
        found.setdefault(each, Key(Kind.DATE, frozenset({2, 4}), _fit_date))


def _fit_digits(folded: Folded, text: str, _: Key, first: int, last: int) -> tuple[int, int] | None:
    """Eight digits in a row, wherever they stand."""
    start, stop = folded.places[first], folded.places[last] + 1
    if stop - start == len(text):
        return start, stop
    gaps = _gaps(folded, first, last)
    fits = gaps is not None and gaps <= {4, 6} and not _digit(folded.lower, start - 1) and not _digit(folded.lower, stop)
    return (start, stop) if fits else None


def _fit_date(folded: Folded, text: str, key: Key, first: int, last: int) -> tuple[int, int] | None:
    """Day, month and year, one sign between them or none, and no digit around."""
    start, stop = folded.places[first], folded.places[last] + 1
    lower = folded.lower
    gaps = _gaps(folded, first, last)
    if gaps is None or not gaps <= key.cuts or _digit(lower, start - 1) or _digit(lower, stop):
        return None
    if gaps and (gaps != key.cuts or stop - start > len(text) + 4):
        return None
    return start, stop


def _add_phone(found: dict[str, Key], text: str) -> None:
    digits = re.sub(r"\D", "", squeezed(text))
    for each in (
        digits,
        "86" + digits.lstrip("0"),
        digits.removeprefix("86"),
        digits.lstrip("0"),
        digits[-8:],
        digits[-7:] if len(digits) < 10 else "",
    ):
        if len(each) >= 7:
            found.setdefault(each, Key(Kind.PHONE, _NO_CUTS, _fit_number))


# Places and anything else


def _add_place(found: dict[str, Key], text: str, kind: Kind) -> None:
    """A place whole and by the part of it that is its own."""
    whole = squeezed(text)
    if _is_han(whole):
        rest = _GENERIC_HAN.sub(" ", whole)
        if rest.strip():
            _add_anywhere(found, whole, kind, least=3)
            for part in rest.split():
                _add_anywhere(found, part, kind, least=2)
        return
    own = [word for word in re.findall(r"[^\W_]+", text) if squeezed(word) not in words().generic_places and len(word) > 1]
    parts = [squeezed(word) for word in re.findall(r"[^\W_]+", text)]
    if not own:
        return
    if len(whole) >= 4:
        _add_parts(found, parts, kind=kind)
    for section in re.split(r"[,;\\^\n]", text):
        some = [squeezed(word) for word in re.findall(r"[^\W_]+", section)]
        street = some[1:] if some and some[0].isdigit() else some
        if (
            street
            and any(word not in words().generic_places and not word.isdigit() for word in street)
            and len("".join(street)) >= 4
        ):
            _add_parts(found, street, kind=kind)
    for word in map(squeezed, own):
        if len(word) >= 5 and word.isalpha() and word not in words().ordinary:
            found.setdefault(word, Key(kind, _NO_CUTS, _fit_words))
        elif len(word) >= 5 and word.isdigit():
            found.setdefault(word, Key(kind, _NO_CUTS, _fit_number))


def _add_anywhere(found: dict[str, Key], text: str, kind: Kind, *, least: int) -> None:
    if len(text) >= least and text not in words().ordinary_han and not text.isdigit():
        found.setdefault(text, Key(kind, frozenset(range(1, len(text))), _fit_han if _is_han(text) else _fit_words))


def _add_other(found: dict[str, Key], text: str) -> None:
    whole = squeezed(text)
    if _is_han(whole):
        _add_anywhere(found, whole, Kind.OTHER, least=2)
    elif any(character.isdigit() for character in whole):
        _add_id(found, text, Kind.OTHER)
    elif len(whole) >= 4:
        _add_parts(found, _words_of(text), kind=Kind.OTHER)


_GENERIC_HAN: Final = re.compile(
    "医科大学|医学院|大学|附属|医院|卫生院|卫生服务中心|社区|诊所|体检|中心|保健院|妇幼|儿童|肿瘤|口腔|中医"
    "|结合|人民|第[一二三四五六七八九十0-9]+"
    "|省|市|自治区|自治州|地区|区|县|旗|镇|乡|村|街道|大街|大道|路|街|巷|胡同|弄|号楼|号院|号|栋|幢|楼|单元|室"
    "|小区|影像|放射|急诊|门诊|住院|病区|病房"
    "|医学|诊断|内|外|妇产|儿|骨|神经|呼吸|心血管|消化|胸|普|泌尿|重症|监护|科室|科|部|总院|分院|院区|院"
    r"|北京|上海|天津|重庆|中国|人民解放军|国家|省立|市立|市属|\d+"
)
