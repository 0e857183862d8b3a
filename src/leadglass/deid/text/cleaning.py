"""One function from text to text without what identifies, and the counts by kind of what it hid.

What was hidden stands as ``[NAME]``, ``[ID]``, ``[DATE]`` in every language, or as stars where the VR has no room for that.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final

from leadglass.deid.text.dates import FoundDate, dates, moved
from leadglass.deid.text.fold import SENTINEL, Folded, fold, squeezed
from leadglass.deid.text.kinds import Kind, Span
from leadglass.deid.text.known import Keys, Known, hits, keys
from leadglass.deid.text.rules import Hit, spans

_CACHED: Final = 128
_MOST_SEARCHES: Final = 8
_PRIORITY: Final = {kind: number for number, kind in enumerate(Kind)}
_TOKEN: Final = re.compile("|".join(re.escape(kind.token) for kind in Kind))
_BETWEEN: Final = re.compile(rf"[ ,.^_/\-·{SENTINEL}]{{0,3}}")
_NO_HITS: Final[tuple[Hit, ...]] = ()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text with nothing identifying that was found, and how many pieces of it of each kind were hidden or moved."""

    text: str
    found: Mapping[Kind, int]


_NOTHING: Final[Mapping[Kind, int]] = {}


@dataclass(frozen=True, eq=False)
class TextCleaner:
    """Hides in text what one file's header knows, what a list denies, and what rules recognise.

    It keeps no state between texts. A gate for sentences composes with ``clean``, which is ``str -> Cleaned``.
    """

    keys: Keys = field(repr=False)
    known_days: frozenset[date] = field(repr=False)
    shift: int | None = field(repr=False)
    deny: _Deny = field(repr=False)

    def clean(self, text: str, *, limit: int | None = None, rules: bool = True) -> Cleaned:
        """``text`` cleaned; the same object where there is nothing to hide.

        ``limit`` is the most characters the VR allows (PS3.5 section 6.2). Without ``rules`` only what is known or denied is
        looked for: right for values that are no prose, such as code meanings of published schemes.
        """
        found = self.find(text, rules=rules)
        if not found:
            return Cleaned(text, _NOTHING)
        return Cleaned(_rendered(text, found, limit), Counter(span.kind for span in found))

    def find(self, text: str, *, rules: bool = True) -> tuple[Span, ...]:
        """Where something identifies: disjoint spans of ``text`` in order.

        The search is repeated on what is left until it finds nothing, so that cleaning twice is cleaning once. A text that
        gives something new again and again was made to, and is hidden whole.
        """
        rest = _TOKEN.sub(lambda match: SENTINEL * len(match[0]), text) if "[" in text else text
        result: list[Span] = []
        searches = 0
        while found := _merged(rest, self._once(rest, rules=rules)):
            searches += 1
            if searches > _MOST_SEARCHES:
                return (Span(0, len(text), Kind.OTHER),)
            result += found
            rest = _with(rest, found, [SENTINEL * (span.stop - span.start) for span in found])
        return tuple(_joined(text, sorted(result, key=lambda span: span.start))) if result else ()

    def _once(self, text: str, *, rules: bool) -> Iterator[Span]:
        folded = fold(text)
        for start, stop, kind in hits(folded, self.keys):
            yield Span(*folded.original(start, stop), kind)
        if self.deny.longest:
            for start, stop in self.deny.hits(folded):
                yield Span(*folded.original(start, stop), Kind.NAME)
        if rules:
            for start, stop, kind in _by_rules(text):
                yield Span(*folded.original(start, stop), kind)
        if rules or self.known_days:
            by_place: dict[tuple[int, int], list[FoundDate]] = {}
            for each in _dates(text):
                if rules or not self.known_days.isdisjoint(each.readings):
                    by_place.setdefault((each.start, each.stop), []).append(each)
            for place, some in by_place.items():
                yield Span(*folded.original(*place), Kind.DATE, self._moved(some, folded))

    def _moved(self, found: Sequence[FoundDate], folded: Folded) -> str | None:
        """The one date that may stand where several notations found theirs; a known day settles which was right."""
        if self.shift is None:
            return None
        right = [each for each in found if not self.known_days.isdisjoint(each.readings)] or found
        texts = {moved(each, folded, days=self.shift, known=self.known_days) for each in right}
        return texts.pop() if len(texts) == 1 else None


@lru_cache(maxsize=1 << 12)
def _rules_cached(text: str) -> tuple[Hit, ...]:
    return tuple(spans(fold(text))) or _NO_HITS


def _by_rules(text: str) -> tuple[Hit, ...]:
    return _rules_cached(text) if len(text) <= _CACHED else tuple(spans(fold(text)))


@lru_cache(maxsize=1 << 12)
def _dates_cached(text: str) -> tuple[FoundDate, ...]:
    return tuple(dates(fold(text)))


def _dates(text: str) -> tuple[FoundDate, ...]:
    return _dates_cached(text) if len(text) <= _CACHED else tuple(dates(fold(text)))


def _merged(text: str, found: Iterator[Span]) -> list[Span]:
    """Disjoint spans; those without a letter or digit in them hide nothing and are dropped.

    A date that can be moved counts only where nothing else claims its characters, except for a shorter reading of the same.
    """
    result: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start, -span.stop, span.instead is None)):
        if not any(character.isalnum() for character in text[span.start : span.stop]):
            continue
        if not result or span.start >= result[-1].stop:
            result.append(span)
            continue
        last = result[-1]
        inside = span.stop <= last.stop
        if inside and last.kind is Kind.DATE and span.kind in (Kind.DATE, Kind.TIME):
            continue
        if inside and last.instead is not None and span.kind not in (Kind.DATE, Kind.TIME):
            last = Span(last.start, last.stop, last.kind)
        kind = min(last.kind, span.kind, key=_PRIORITY.__getitem__) if not inside else last.kind
        result[-1] = Span(last.start, max(last.stop, span.stop), kind, last.instead if inside else None)
    return result


def _joined(text: str, found: Sequence[Span]) -> Iterator[Span]:
    """Spans of several searches, disjoint. Neighbours of one kind with nothing but a sign or two between are one."""
    last = found[0]
    for span in found[1:]:
        if span.start < last.stop:
            # A later search found more on both sides of what an earlier one had hidden.
            kind = min(last.kind, span.kind, key=_PRIORITY.__getitem__)
            last = Span(last.start, max(last.stop, span.stop), kind)
        elif _alike(last, span) and _BETWEEN.fullmatch(text[last.stop : span.start]):
            last = Span(last.start, span.stop, last.kind)
        else:
            yield last
            last = span
    yield last


def _alike(one: Span, other: Span) -> bool:
    return one.kind is other.kind and one.instead is None and other.instead is None


def _rendered(text: str, found: Sequence[Span], limit: int | None) -> str:
    def written(tokens: list[str]) -> str:
        return _with(
            text, found, [token if span.instead is None else span.instead for span, token in zip(found, tokens, strict=True)]
        )

    whole = written([span.kind.token for span in found])
    if limit is None or len(whole) <= limit:
        return whole
    starred = written(["***"] * len(found))
    if len(starred) > limit:
        starred = written(["*" * min(3, span.stop - span.start) for span in found])
    return starred[:limit]


def _with(text: str, found: Sequence[Span], pieces: Sequence[str]) -> str:
    """``text`` with a piece in place of each span."""
    parts, place = [], 0
    for span, piece in zip(found, pieces, strict=True):
        parts += [text[place : span.start], piece]
        place = span.stop
    return "".join([*parts, text[place:]])


# A list of what nobody may read, such as the names of a hospital's staff


@dataclass(frozen=True, eq=False)
class _Deny:
    """Denied values by their letters and digits. ``longest`` is the length of the longest, 0 for an empty list."""

    values: frozenset[str]
    longest: int

    def hits(self, folded: Folded) -> Iterator[tuple[int, int]]:
        """Words, or characters of scripts without blanks, that together are a denied value."""
        pieces = [match.span() for match in _PIECE.finditer(folded.lower)]
        for first, (start, _) in enumerate(pieces):
            text = ""
            for _, stop in pieces[first : first + _DENIED_PIECES]:
                text = squeezed(folded.lower[start:stop])
                if len(text) > self.longest:
                    break
                if text in self.values:
                    yield start, stop


_PIECE: Final = re.compile(r"[぀-ヿ㐀-鿿가-힣]|[^\W_぀-ヿ㐀-鿿가-힣]+")
_DENIED_PIECES: Final = 8


@lru_cache(maxsize=8)
def _deny(values: frozenset[str]) -> _Deny:
    some = frozenset(text for value in values if len(text := squeezed(value)) >= 2)
    return _Deny(some, max(map(len, some), default=0))


@lru_cache(maxsize=256)
def _cleaner(known: Known, shift: int | None, deny: frozenset[str]) -> TextCleaner:
    days = {day for text in known.dates if (day := _day(text))}
    return TextCleaner(keys(known), frozenset(days), shift, _deny(deny))


def _day(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) == 8 and text.isascii() else None
    except ValueError:
        return None


def cleaner(known: Known, *, shift: int | None = None, deny: Collection[str] = ()) -> TextCleaner:
    """The cleaner for texts of a file whose header knows ``known``; while it is remembered, equal arguments give it again.

    ``shift`` moves dates by so many days, in their notation, where it is sure which day is meant; other dates, and without
    it all of them, are hidden. ``deny`` are more values to hide, such as staff names; hand a long list as a frozenset,
    which remembers its hash.
    """
    return _cleaner(known, shift, frozenset(deny))
