"""The proof by re-reading: whatever identified in the input is looked for in the output, whichever rule let it through.

Nothing here knows the profile or the rules; what identifies is judged anew, by VR and attribute. ``identifiers`` collects
it from a received header, ``patterns`` says how it may be written, and ``residual`` reads an output: every value at every
depth, preamble, file meta, what follows the pixels, and of compressed frames all that is not coded samples; as is, in
UTF-16, with bytes swapped, inflated, from base64 and hexadecimal digits. Native samples are not read.

A false alarm costs a good file. Values too short or too common to mean anything are counted, not looked for; words count as
words and numbers as numbers, so that a date is not found inside a UID. A ``Leak`` names place and kind, never the value.

How it is fast: ``suspects`` is a cheap necessary condition over all bytes at once (two translations, two splits, a few set
operations), and only where it holds does an exact search say what is where.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from leadglass.deid.identifiers import ALPHABET, FEW_LETTERS, LETTERS_ONLY, NUMBERS_ONLY, Identifiers, Kind, table
from leadglass.dicom import codestream
from leadglass.dicom.header import PIXEL_DATA, TEXT_VRS, UNCOMPRESSED, Element, Header, swapped, tag_text
from leadglass.dicom.source import Source
from leadglass.errors import UnsupportedPixelsError


class Leak(NamedTuple):
    """Something identifying that is still there: its kind, the attribute or region, where in it, and in which form."""

    kind: Kind
    where: str
    offset: int
    form: str


@dataclass(frozen=True, eq=False)
class Patterns:
    """What to look for, see ``Forms``."""

    words: Mapping[bytes, Kind]
    phrases: Mapping[bytes, Kind]
    numbers: Mapping[bytes, Kind]
    dates: Mapping[bytes, Kind]
    marks: Mapping[bytes, Kind]
    wide: Mapping[bytes, Kind]

    @cached_property
    def wide_in_ascii(self) -> tuple[bytes, ...]:
        """Encodings of other scripts that look like ASCII, such as those with code extensions."""
        return tuple(each for each in self.wide if each.isascii())


# What to look for.


def patterns(known: Identifiers, *, exempt: Collection[Kind] = (), own: Iterable[bytes] = ()) -> Patterns:
    """What to look for in an output.

    ``exempt`` are the kinds that the output was told to keep (the retain options of PS3.15), ``own`` the values that were
    put there instead of others: pseudonyms, shifted dates, statements. What is written in either cannot be told from a
    leak, and is not looked for.
    """
    made = Patterns({}, {}, {}, {}, {}, {})
    spoken = list(own)
    for kind, value, forms in known.found:
        if kind in exempt:
            # What is kept of a text is for those to say who kept it: a name in it is a name elsewhere.
            spoken += [] if kind is Kind.TEXT else [value]
            continue
        for some, more in zip(vars(made).values(), forms, strict=True):
            if more:
                some.update(dict.fromkeys(more, kind))
    return _without(made, b"\n".join(spoken)) if spoken else made


def _without(known: Patterns, spoken: bytes) -> Patterns:
    text = read(spoken)
    lower, days = spoken.lower(), {number[:8] for number in text.numbers}
    return Patterns(
        {word: kind for word, kind in known.words.items() if word not in text.words},
        {phrase: kind for phrase, kind in known.phrases.items() if b" %b " % phrase not in text.letters},
        {number: kind for number, kind in known.numbers.items() if number not in text.numbers},
        {date: kind for date, kind in known.dates.items() if date not in days},
        {mark: kind for mark, kind in known.marks.items() if mark not in lower},
        {wide: kind for wide, kind in known.wide.items() if wide not in spoken},
    )


# The screen: what could hold something known.


class Text(NamedTuple):
    """Bytes as the screen looks at them: as they are, their runs of letters in lower case, one by one and with a space
    between them, and their numbers."""

    raw: bytes
    words: frozenset[bytes]
    letters: bytes
    numbers: frozenset[bytes]


_BASE64_ONLY: Final = table(ALPHABET + b"0123456789+/=")
_PRINTABLE: Final = bytes(range(32, 127))
_SHAPE: Final = bytes(0 if not byte else 97 if byte in _PRINTABLE else 33 for byte in range(256))
"""Printable as ``a``, NUL as it is, anything else as ``!``."""
_DAY_SHAPE: Final = bytes(
    48 if 48 <= byte <= 57 else 45 if byte in b"-/_" else 46 if byte in b"." else 33 for byte in range(256)
)
"""Digits as 0, what stands between the numbers of a date as itself or a hyphen."""
_DAY_SHAPES: Final = (b"0000-0", b"0-0000", b"0000.00.00", b"00.00.0000")
_MONTHS: Final = tuple(b"jan feb mar apr may jun jul aug sep oct nov dec".split())
_MONTH_WORDS: Final = frozenset(_MONTHS) | frozenset(
    b"january february march april june july august sept september october november december".split()
)


def read(data: bytes) -> Text:
    """Bytes made ready for ``suspects``; what does not change from file to file need be read only once."""
    words = data.translate(LETTERS_ONLY).split()
    # A number begins and ends with a digit, and has no two dots in a row.
    numbers = (b" %b " % data.translate(NUMBERS_ONLY)).replace(b"..", b"  ").replace(b". ", b"  ").replace(b" .", b"  ")
    return Text(data, frozenset(words), b" %b " % b" ".join(words), frozenset(numbers.split()))


def suspects(known: Patterns, text: Text) -> bool:
    """Whether there may be something known in the text as it stands; false says that there is nothing."""
    raw, words, letters, numbers = text
    if not words.isdisjoint(known.words) or not numbers.isdisjoint(known.numbers):
        return True
    if known.dates and _suspects_dates(known.dates, text):
        return True
    for phrase in known.phrases:
        if phrase in letters:
            return True
    lower = raw.lower() if known.marks else b""
    for mark in known.marks:
        if mark in lower:
            return True
    return any(wide in raw for wide in (known.wide_in_ascii if raw.isascii() else known.wide))


def _suspects_dates(dates: Mapping[bytes, Kind], text: Text) -> bool:
    if not {number[:8] for number in text.numbers}.isdisjoint(dates):
        return True
    shape = text.raw.translate(_DAY_SHAPE)
    if any(each in shape for each in _DAY_SHAPES) or not text.words.isdisjoint(_MONTH_WORDS):
        return any(date in dates for date, _ in _written_dates(text.raw))
    return any(each in text.raw for each in _YEARS) and any(date in dates for date, _ in _written_dates(text.raw))


_YEARS: Final = ("年".encode(), "年".encode("gb18030"))
_YMD: Final = re.compile(
    rb"(?<![0-9.])([0-9]{4})(?:[-/_]|\.(?=[0-9]{2}\.[0-9]{2}(?![0-9.]))|\xe5\xb9\xb4|\xc4\xea) ?([0-9]{1,2})"
    rb"(?:[-/._]|\xe6\x9c\x88|\xd4\xc2) ?([0-9]{1,2})(?![0-9])"
)
_DMY: Final = re.compile(rb"(?<![0-9.])([0-9]{1,2})[-/._]([0-9]{1,2})[-/._]([0-9]{4})(?![0-9]|\.[0-9])")
_DAY_MONTH: Final = re.compile(
    rb"(?<![0-9.])([0-9]{1,2})(?:st|nd|rd|th)?[-/.,_ ]{0,2}(%b)[a-z]{0,6}[-/.,_ ]{1,2}([0-9]{4})(?![0-9])"
    % b"|".join(_MONTHS)
)
_MONTH_DAY: Final = re.compile(
    rb"(?<![a-z])(%b)[a-z]{0,6}[-/.,_ ]{1,2}([0-9]{1,2})(?:st|nd|rd|th)?[-/.,_ ]{1,2}([0-9]{4})(?![0-9])"
    % b"|".join(_MONTHS)
)


def _written_dates(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Dates with something between their numbers, as eight digits, and where they stand."""
    lower = data.lower()
    for match in _YMD.finditer(lower):
        year, month, day = match.groups()
        yield _digits(year, month, day), match.start()
    for match in _DMY.finditer(lower):
        one, two, year = match.groups()
        yield _digits(year, two, one), match.start()
        yield _digits(year, one, two), match.start()
    for match in _DAY_MONTH.finditer(lower):
        day, month, year = match.groups()
        yield _digits(year, b"%d" % (_MONTHS.index(month) + 1), day), match.start()
    for match in _MONTH_DAY.finditer(lower):
        month, day, year = match.groups()
        yield _digits(year, b"%d" % (_MONTHS.index(month) + 1), day), match.start()


def _digits(year: bytes, month: bytes, day: bytes) -> bytes:
    return year + month.rjust(2, b"0") + day.rjust(2, b"0")


# The exact search.

_WORD: Final = re.compile(rb"[a-z]+")
_NUMBER: Final = re.compile(rb"[0-9]+(?:\.[0-9]+)*")
_FEW_IN_BINARY: Final = 6
"""Letters of a word that does not come about by chance among arbitrary bytes."""
_TIME_OF_DAY: Final = re.compile(rb"(?:(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:[0-5][0-9]|60)?)?)?(?:\..*)?", re.DOTALL)
"""What may follow the digits of a date in a number that begins with one."""


def _found(known: Patterns, data: bytes, *, binary: bool) -> Iterator[tuple[Kind, int]]:
    """What is known and stands in ``data``, and where. In ``binary`` data short words come about by chance."""
    lower = data.lower()
    few = _FEW_IN_BINARY if binary else FEW_LETTERS
    for match in _WORD.finditer(lower):
        if match[0] in known.words and len(match[0]) >= few:
            yield known.words[match[0]], match.start()
    for phrase, kind in known.phrases.items():
        if len(phrase) > few:
            between = rb"[^a-z]{1,6}".join(phrase.split())
            for match in re.finditer(rb"(?<![a-z])%b(?![a-z])" % between, lower):
                yield kind, match.start()
    for match in _NUMBER.finditer(data):
        number = match[0]
        if number in known.numbers:
            yield known.numbers[number], match.start()
        if number[:8] in known.dates and _TIME_OF_DAY.fullmatch(number, 8):
            yield known.dates[number[:8]], match.start()
    if known.dates:
        for date, at in _written_dates(data):
            if date in known.dates:
                yield known.dates[date], at
    for mark, kind in known.marks.items():
        before, after = (rb"(?<![0-9])" if mark[:1].isdigit() else b""), (rb"(?![0-9])" if mark[-1:].isdigit() else b"")
        for match in re.finditer(before + re.escape(mark) + after, lower):
            yield kind, match.start()
    for wide, kind in known.wide.items():
        at = data.find(wide)
        if at >= 0:
            yield kind, at


# Other forms of the same bytes.

_TWO_BYTES: Final = re.compile(rb"(?:[ -~]\0+){4,}|(?:\0+[ -~]){4,}")
_LONG_RUN: Final = 12
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{12,}")
_HEX_TEXT: Final = re.compile(rb"(?:[2-7][0-9A-Fa-f]){6,}")
_PACKED: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08|PK\x03\x04")
"""How streams of zlib and gzip, and members of zip files, begin."""
_MAX_INFLATED: Final = 1 << 24
_MAX_STREAMS: Final = 64
_MAX_NESTED: Final = 2
_FEW_TO_INFLATE: Final = 16
_RUN: Final = b"a" * (FEW_LETTERS + 1)
"""What is left of the shape of the shortest thing looked for in swapped bytes, its ends perhaps lost to their neighbours."""


def _other_forms(data: bytes, *, deep: bool) -> Iterator[tuple[str, bytes]]:
    """What the bytes say when they are read in another way. ``deep``: they are no text of the standard's."""
    shape = data.translate(_SHAPE)
    if b"a\0a\0a\0a" in shape or (b"a\0\0\0a\0\0\0a" in shape):
        yield "utf-16", b"\n".join(run.translate(None, b"\0") for run in _TWO_BYTES.findall(data))
    if b"\xef\xbc" in data:
        yield "full width", unicodedata.normalize("NFKC", data.decode("utf-8", "ignore")).encode()
    if data.count(b"\xa3") >= FEW_LETTERS:
        yield "full width", unicodedata.normalize("NFKC", data.decode("gb18030", "ignore")).encode()
    runs = [run for run in data.translate(_BASE64_ONLY).split() if len(run) >= _LONG_RUN]
    yield from _from_digits(set(runs))
    if not deep:
        return
    if _RUN in shape:
        yield "byte-swapped", swapped(data, 2)
        yield "byte-swapped", swapped(data[1:], 2)
    for inflated in _inflated(data):
        yield "inflated", inflated


def all_texts(data: bytes, *, deep: bool) -> Text:
    """``data`` made ready for ``suspects``, as it stands and in every other form, all in one; ``deep`` as in ``Part``."""
    return read(b"\n".join([data, *(other for _, other in _all_forms(data, deep=deep))]))


def _all_forms(data: bytes, *, deep: bool, nested: int = 1) -> Iterator[tuple[str, bytes]]:
    """Other forms of the bytes, and of those again: a compressed text in base64 is not rare."""
    for form, other in _other_forms(data, deep=deep):
        yield form, other
        decoded = form in ("base64", "hexadecimal")
        if (
            nested < _MAX_NESTED
            and len(other) >= _FEW_TO_INFLATE
            and (not decoded or b"\0" in other or _PACKED.match(other))
        ):
            for inner, more in _all_forms(other, deep=decoded or form == "inflated", nested=nested + 1):
                yield f"{form}, {inner}", more


def _from_digits(runs: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Runs of the alphabet of base64 as what they may stand for."""
    for run in runs:
        for hexadecimal in _HEX.findall(run):
            # A long number is mostly no text, a text may well be a long number.
            if not hexadecimal.isdigit() or _HEX_TEXT.search(hexadecimal):
                yield "hexadecimal", bytes.fromhex(hexadecimal[: len(hexadecimal) // 2 * 2].decode("ascii"))
                yield "hexadecimal", bytes.fromhex(hexadecimal[1 : (len(hexadecimal) - 1) // 2 * 2 + 1].decode("ascii"))
        if not run.isdigit():
            digits = run.rstrip(b"=")
            with suppress(binascii.Error):
                yield "base64", base64.b64decode(digits[: len(digits) - (len(digits) % 4 == 1)] + b"===")


def _inflated(data: bytes) -> Iterator[bytes]:
    """What zlib and gzip streams and members of zip files inside ``data`` hold, within bounds."""
    left = _MAX_INFLATED
    if len(data) < _FEW_TO_INFLATE:
        return
    starts = [(0, -zlib.MAX_WBITS)]
    for match in _PACKED.finditer(data):
        if match[0].startswith(b"PK"):
            header = data[match.start() + 26 : match.start() + 30]
            skip = 30 + int.from_bytes(header[:2], "little") + int.from_bytes(header[2:], "little")
            starts.append((match.start() + skip, -zlib.MAX_WBITS))
        else:
            starts.append((match.start(), 32 + zlib.MAX_WBITS))
        if len(starts) > _MAX_STREAMS:
            break
    for start, bits in starts:
        inflater = zlib.decompressobj(bits)
        held = bytearray()
        with suppress(zlib.error):
            pending = data[start:]
            while pending and not inflater.eof and len(held) < left:
                held += inflater.decompress(pending, min(left - len(held), 1 << 16))
                pending = inflater.unconsumed_tail
        left -= len(held)
        # A stream that breaks has said something up to there; the first bytes of other data say nothing.
        if len(held) >= FEW_LETTERS and (inflater.eof or len(held) >= 64):
            yield bytes(held)
        if left <= 0:
            return


def _is_text(data: bytes) -> bool:
    return 8 * len(data.translate(None, _PRINTABLE)) < len(data)


# The search.


class Part(NamedTuple):
    """Bytes of an output that belong together: one value, or one region. ``where`` names it.

    ``deep`` parts are no text of the standard's, so that more is tried on them.
    """

    data: bytes
    where: str | tuple[str, int]
    offset: int = 0
    deep: bool = False


_BATCH: Final = 1 << 20
_FRAMES: Final = 0x00280008
_OVERLAP: Final = 256


def search(known: Patterns, parts: Iterable[Part]) -> tuple[Leak, ...]:
    """Everything known that is still in the parts, in their order; empty is the proof."""
    leaks: list[Leak] = []
    batch: list[Part] = []
    size = 0
    for part in parts:
        batch.append(part)
        size += len(part.data)
        if size >= _BATCH:
            leaks += _search(known, batch)
            batch, size = [], 0
    leaks += _search(known, batch)
    return tuple(dict.fromkeys(leaks))


def _search(known: Patterns, batch: Sequence[Part]) -> Iterator[Leak]:
    whole = b"\n".join([part.data for part in batch])
    if suspects(known, read(whole)):
        for part in batch:
            yield from _leaks(known, part, part.data, "as is")
    everywhere = _suspects_any(known, (other for _, other in _all_forms(whole, deep=False)))
    deep = [part for part in batch if part.deep]
    # Measures and flags are short and not printable: of most files one look at all of them is enough.
    closely = any(len(part.data) >= _FEW_TO_INFLATE for part in deep) or _RUN in b"!".join(
        [part.data for part in deep]
    ).translate(_SHAPE)
    if everywhere or closely:
        for part in batch if everywhere else deep:
            yield from _in_other_forms(known, part)


def _suspects_any(known: Patterns, several: Iterable[bytes]) -> bool:
    """``suspects`` for many short texts at the price of one."""
    held, size = [], 0
    for each in several:
        held.append(each)
        size += len(each)
        if size > _BATCH:
            if suspects(known, read(b"\n".join(held))):
                return True
            held, size = [], 0
    return bool(held) and suspects(known, read(b"\n".join(held)))


def _in_other_forms(known: Patterns, part: Part) -> Iterator[Leak]:
    for form, other in _all_forms(part.data, deep=part.deep):
        if suspects(known, read(other)):
            yield from _leaks(known, part, other, form)


def _leaks(known: Patterns, part: Part, data: bytes, form: str) -> Iterator[Leak]:
    where = part.where if isinstance(part.where, str) else part.where[0] + tag_text(part.where[1])
    for kind, at in _found(known, data, binary=(part.deep or form != "as is") and not _is_text(data)):
        yield Leak(kind, where, part.offset + (at if form == "as is" else 0), form)


def residual(
    written: Header, known: Patterns, *, samples: tuple[int, int] | None = None, vouched: Collection[int] = ()
) -> tuple[Leak, ...]:
    """What identifies in the received file and is still in the written one; empty is the proof.

    ``samples`` is the (offset, length) of the native samples in the written file, whose other bytes are all read; without
    it a native pixel value is not. ``vouched`` are top-level attributes that are not read, such as a sealed part.

    Raises:
        MalformedError: a code stream of the written file cannot be read, so nothing is proved of it.
    """
    return search(known, parts(written, samples=samples, vouched=vouched))


def parts(written: Header, *, samples: tuple[int, int] | None = None, vouched: Collection[int] = ()) -> Iterator[Part]:
    """The bytes of a written file that are not native samples, in parts; see ``residual``."""
    beginning = written.head[: min(128, written.start)]
    if written.preamble and beginning.strip(b"\0"):
        yield Part(beginning, "preamble")
    for elements in (written.meta, written.elements):
        for element in elements:
            if element.tag >> 16 == PIXEL_DATA >> 16 and element.tag & 0xFFFF in (8, 9, 16):
                yield from _pixel_parts(written, element, samples)
            elif element.tag in vouched:
                continue
            elif element.items is None and element.length <= _BATCH:
                if element.length >= FEW_LETTERS:
                    value = written.read(element.value, element.length)
                    yield Part(value, ("", element.tag), 0, element.vr not in TEXT_VRS)
            else:
                yield from _values(written, element, "")
    yield from _chunks(written.source, written.trailing, written.source.size, "bytes behind the data set")


def _values(header: Header, element: Element, above: str) -> Iterator[Part]:
    if element.items is None:
        # Nothing known is shorter than four bytes.
        if element.length >= FEW_LETTERS:
            deep = element.vr not in TEXT_VRS
            where = (above, element.tag)
            if element.length <= _BATCH:
                yield Part(header.read(element.value, element.length), where, 0, deep)
            else:
                yield from _chunks(header, element.value, element.value + element.length, where)
        return
    for number, item in enumerate(element.items):
        inside = f"{above}{tag_text(element.tag)}[{number}]."
        for inner in item.elements:
            yield from _values(header, inner, inside)


def _chunks(source: Source | Header, start: int, stop: int, where: str | tuple[str, int]) -> Iterator[Part]:
    """A long region in pieces that overlap, so that nothing lies between two of them."""
    for offset in range(start, stop, _BATCH):
        length = min(_BATCH + _OVERLAP, stop - offset)
        yield Part(source.read(offset, length), where, offset - start, True)


def _pixel_parts(written: Header, pixel: Element, samples: tuple[int, int] | None) -> Iterator[Part]:
    name = tag_text(pixel.tag)
    if written.transfer_syntax in UNCOMPRESSED:
        if samples is not None:
            yield from _chunks(written.source, pixel.value, samples[0], f"{name} before its samples")
            yield from _chunks(written.source, sum(samples), pixel.value + pixel.length, f"{name} behind its samples")
        return
    source = written.source
    found = codestream.fragments(source, offset=pixel.value, length=pixel.length)
    yield Part(found.table, f"{name} offset table", 0, True)
    first, _ = codestream.by_frame(found, source, frames=_number_of_frames(written))
    for number, spans in enumerate(codestream.frame_spans(found, first), 1):
        try:
            segments = codestream.segments(source, spans, transfer_syntax=written.transfer_syntax, frame=number)
        except UnsupportedPixelsError:
            yield from _chunks(source, pixel.value, pixel.value + pixel.length, name)
            return
        stream = codestream.frame_source(source, spans)
        for segment in segments:
            coded = segment.kind == codestream.CODED
            # Bytes behind the last sample look like coded ones to everybody but a decoder.
            length = min(segment.length, _TAIL) if coded else segment.length
            if length >= FEW_LETTERS:
                offset = segment.offset + segment.length - length
                yield Part(stream.read(offset, length), f"{name} frame {number}", offset, True)


_TAIL: Final = 512


def _number_of_frames(header: Header) -> int:
    for element in header.elements:
        if element.tag == _FRAMES:
            digits = header.value(element).strip(b" \0")
            return int(digits) if digits.isdigit() and len(digits) < 10 else 1
    return 1
