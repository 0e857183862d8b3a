"""The walk over encoded elements (PS3.5 section 7, PS3.10 section 7): where everything lies, and nothing decoded.

Explicit and Implicit VR, little and big endian, deflated, with or without preamble and File Meta Information, and as what
they are where they say something else. The pixel value is stepped over, never read. What is hostile ends in an error that
names tag and offset: nesting, number of elements and bytes held in memory are bounded.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple, Protocol

from pydicom.datadict import dictionary_keyword, dictionary_VR

from leadglass.dicom.plan import Copy, Insert, Op, Plan, PlanSource
from leadglass.dicom.source import BytesSource, Source, chunks
from leadglass.dicom.uids import uid_text
from leadglass.errors import InputError, MalformedError, NotDicomError, UnsupportedPixelsError

IMPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
RLE_LOSSLESS: Final = "1.2.840.10008.1.2.5"
NATIVE: Final = frozenset({IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN})
UNCOMPRESSED: Final = NATIVE | {DEFLATED, EXPLICIT_VR_BIG_ENDIAN}
"""Transfer syntaxes whose pixel value is native; in every other one of the standard it is encapsulated."""
ENCAPSULATED: Final = frozenset(
    {RLE_LOSSLESS}
    # JPEG, JPEG-LS, JPEG 2000 and high-throughput JPEG 2000: still images, each with Explicit VR headers.
    | {f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)}
)

MAX_DEPTH: Final = 32
MAX_HEADER: Final = 1 << 26
"""Bytes of a header, or of what follows the pixel value, that are held in memory."""
MAX_INFLATED: Final = 1 << 28
"""Bytes of a deflated data set that are held in memory where nobody offers room elsewhere."""
MAX_TRAILING: Final = 1 << 20
"""Bytes after a data set without pixels that are taken for no part of it; more than that would be a loss."""
MAX_ELEMENTS: Final = 500_000
MAX_FRAGMENTS: Final = 1_000_000
"""Fragments of one encapsulated value, so frames as well."""

UNDEFINED: Final = 0xFFFFFFFF
ITEM: Final = 0xFFFEE000
ITEM_END: Final = 0xFFFEE00D
SEQUENCE_END: Final = 0xFFFEE0DD
TRANSFER_SYNTAX: Final = 0x00020010
PIXEL_DATA: Final = 0x7FE00010
_PIXELS: Final = frozenset({0x7FE00008, 0x7FE00009, PIXEL_DATA})

_HHL: Final = struct.Struct("<HHL")
LONG_VRS: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
SHORT_VRS: Final = frozenset(
    {
        "AE",
        "AS",
        "AT",
        "CS",
        "DA",
        "DS",
        "DT",
        "FD",
        "FL",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "SL",
        "SS",
        "ST",
        "TM",
        "UI",
        "UL",
        "US",
    }
)
TEXT_VRS: Final = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
_UNITS: Final = {
    **dict.fromkeys(("AT", "OW", "SS", "US"), 2),
    **dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}
"""Bytes that change places between little and big endian (PS3.5 7.3); of every other VR none do."""


class _Encoding(NamedTuple):
    """How element and item headers are encoded. ``vrs`` maps two bytes, read as a number, to VR and whether it is long."""

    implicit: bool
    big: bool
    header: Callable[[bytes | bytearray, int], tuple[int, int, int, int]]
    item: Callable[[bytes | bytearray, int], tuple[int, int, int]]
    length: Callable[[bytes | bytearray, int], tuple[int]]
    vrs: dict[int, tuple[str, bool]]


def _encoding(order: str, *, implicit: bool) -> _Encoding:
    words, item, length = (struct.Struct(order + each).unpack_from for each in ("HHHH", "HHL", "L"))
    name: Literal["big", "little"] = "big" if order == ">" else "little"
    vrs = {int.from_bytes(vr.encode(), name): (vr, vr in LONG_VRS) for vr in LONG_VRS | SHORT_VRS}
    return _Encoding(implicit, order == ">", words, item, length, vrs)


_EXPLICIT: Final = _encoding("<", implicit=False)
_IMPLICIT: Final = _encoding("<", implicit=True)
_BIG: Final = _encoding(">", implicit=False)


class Element(NamedTuple):
    """One data element, as places in the file.

    ``vr`` is what the file states or, where it states none (Implicit VR, or UN for an attribute of the standard), what the
    dictionary says, which may be a choice such as ``US or SS``. ``value`` and ``length`` span the value, ``end`` is past
    the delimiter if there is one. ``items`` is None for what is no sequence or could not be read as one. ``verbatim``:
    its own header is well-formed Explicit VR Little Endian, so that the encoded bytes can stand in such a file as they are.
    ``swap`` is the number of bytes that change places to make its value little endian; 0 where none do.
    """

    tag: int
    vr: str
    offset: int
    value: int
    length: int
    end: int
    items: tuple[Item, ...] | None
    verbatim: bool
    swap: int = 0


class Item(NamedTuple):
    """One item of a sequence: ``value`` and ``stop`` span its elements."""

    value: int
    stop: int
    elements: tuple[Element, ...]


@dataclass(frozen=True, eq=False)
class Header:
    """What the walk found.

    ``elements`` are the data set's top-level elements in the order of the file, the pixel element among them by reference.
    ``start`` is where the data set begins, ``trailing`` the offset of bytes at the end that belong to no element (the
    source's size when there are none). Offsets are those of ``source``, which of a deflated file is the inflated one;
    ``received`` is the file itself. ``transfer_syntax`` is what the pixels are in, ``stated`` what the file says.
    """

    received: Source
    source: Source
    preamble: bool
    meta: tuple[Element, ...]
    start: int
    transfer_syntax: str
    stated: str
    implicit: bool
    big: bool
    elements: tuple[Element, ...]
    trailing: int
    head: bytes
    tail: bytes
    tail_offset: int

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the file; those of the header come from memory."""
        if offset + length <= len(self.head):
            return self.head[offset : offset + length]
        if offset >= self.tail_offset and offset + length <= self.tail_offset + len(self.tail):
            return self.tail[offset - self.tail_offset : offset - self.tail_offset + length]
        return self.source.read(offset, length)

    def value(self, element: Element) -> bytes:
        """The element's value as it would stand in a little endian file."""
        value = self.read(element.value, element.length)
        return swapped(value, element.swap) if element.swap else value


class Values(Protocol):
    """Whatever gives the bytes of a header."""

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the file."""
        ...

    def value(self, element: Element) -> bytes:
        """The element's value as it would stand in a little endian file."""
        ...


class HeldValues:
    """The values of a header that is in memory as a whole, from the beginning of its file on."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def value(self, element: Element) -> bytes:
        value = self._data[element.value : element.value + element.length]
        return swapped(value, element.swap) if element.swap else value


def swapped(value: bytes, unit: int) -> bytes:
    """``value`` with the bytes of every ``unit`` in the other order; an incomplete one at the end stays."""
    whole = len(value) - len(value) % unit
    out = bytearray(value)
    for number in range(unit):
        out[number:whole:unit] = value[unit - 1 - number : whole : unit]
    return bytes(out)


class Swapped:
    """``length`` bytes from ``offset`` of another source, with the bytes of every ``unit`` in the other order."""

    def __init__(self, source: Source, *, offset: int, length: int, unit: int) -> None:
        self._source, self._offset, self._unit = source, offset, unit
        self.size = length

    def read(self, offset: int, length: int) -> bytes:
        stop = min(offset + length, self.size)
        if stop <= offset:
            return b""
        first = offset - offset % self._unit
        last = min(-(-stop // self._unit) * self._unit, self.size)
        data = swapped(self._source.read(self._offset + first, last - first), self._unit)
        return data[offset - first : stop - first]


def tag_text(tag: int) -> str:
    """A tag as the standard writes it: (gggg,eeee)."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


@lru_cache(maxsize=1 << 14)
def dictionary_vr(tag: int) -> str:
    """The VR of PS3.6, possibly a choice; UN for what the dictionary lacks, private attributes among it."""
    if not tag & 0xFFFF:
        return "UL"
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


@lru_cache(maxsize=1 << 14)
def keyword(tag: int) -> str:
    """The keyword of PS3.6; empty for what it lacks."""
    try:
        return dictionary_keyword(tag)
    except KeyError:
        return ""


_new: Final = tuple.__new__
"""Makes an Element in a third of the time."""


class _Reader:
    """The part of a source that has been read, from ``base`` on; it grows as the walk asks, and reads nothing ahead.

    Reading ``ahead`` is faster on a file, but it touches the pixel value, which of a stored instance is sealed.
    """

    def __init__(self, source: Source, base: int, ahead: int = 0) -> None:
        self.source = source
        self.size = source.size
        self.base = base
        self.ahead = ahead
        self.data: bytes | bytearray = bytearray()
        self.elements = 0

    def upto(self, stop: int, tag: int | None = None, *, more: int = 0) -> bytes | bytearray:
        """What was read, which covers everything before ``stop``, and ``more`` bytes if the file has them."""
        if stop - self.base > len(self.data):
            self._grow(stop, tag, more)
        return self.data

    def _grow(self, stop: int, tag: int | None, more: int) -> None:
        if stop > self.size:
            where = f"{tag_text(tag)} ends" if tag is not None else "an element header ends"
            raise MalformedError(f"the file is truncated: {where} at offset {stop}, the file at {self.size}")
        if stop - self.base > MAX_HEADER:
            raise InputError(f"the header is larger than {MAX_HEADER} bytes", hint="large values belong in the pixel data")
        held = self.base + len(self.data)
        self.data += self.source.read(held, min(stop + max(more, self.ahead), self.size) - held)
        if stop - self.base > len(self.data):
            raise MalformedError(f"the file ends before its stated size, at offset {self.base + len(self.data)}")

    def too_many(self, offset: int) -> None:
        raise InputError(f"more than {MAX_ELEMENTS} elements and items, at offset {offset}")


def walk(source: Source, *, ahead: int = 0, spool: Callable[[Iterator[bytes]], Source] | None = None) -> Header:
    """Find every element of a DICOM file (PS3.10), with or without preamble and file meta information.

    Up to ``ahead`` bytes more than needed are read at a time. ``spool`` keeps the bytes of a data set that had to be
    inflated; without it they are held in memory.

    Raises:
        NotDicomError: nothing says that this is a DICOM file.
        UnsupportedPixelsError: a transfer syntax that the standard does not define.
        MalformedError: the file is truncated or breaks the encoding.
        InputError: a header beyond the bounds of this module.
    """
    reader = _Reader(source, 0, ahead)
    start, preamble = _beginning(reader)
    meta, start = _file_meta(reader, start)
    stated = _stated_syntax(reader, meta)
    received = source
    if stated == DEFLATED:
        source = _inflated(source, start, spool)
        reader = _Reader(source, 0, ahead)
        reader.upto(start)
    syntax, encoding = _actual(reader, stated, start)
    elements, _, stop = _elements(reader, start, source.size, encoding=encoding, depth=0, top=True)
    data = bytes(reader.data)
    tail, tail_offset, trailing = b"", source.size, source.size
    if elements and elements[-1].tag in _PIXELS:
        data = data[: elements[-1].value]
        tail_offset = elements[-1].end
        if tail_offset < source.size:
            more, tail, trailing = _after_pixels(source, elements[-1], encoding=encoding)
            elements += more
    else:
        data, trailing = data[:stop], stop
    return Header(
        received,
        source,
        preamble,
        tuple(meta),
        start,
        syntax,
        stated or syntax,
        encoding.implicit,
        encoding.big,
        tuple(elements),
        trailing,
        data,
        tail,
        tail_offset,
    )


def _beginning(reader: _Reader) -> tuple[int, bool]:
    data = reader.upto(min(132, reader.size))
    if data[128:132] == b"DICM":
        return 132, True
    if len(data) >= 8:
        for encoding in (_EXPLICIT, _BIG):
            group, number, vr, length = encoding.header(data, 0)
            if group not in (0x0002, 0x0008) or dictionary_vr(group << 16 | number) == "UN":
                continue
            if vr in encoding.vrs or (not encoding.big and (length << 16 | vr) <= reader.size - 8):
                return 0, False
    raise NotDicomError("this is not a DICOM file: no DICM prefix, and it does not begin with a data element")


def _file_meta(reader: _Reader, start: int) -> tuple[list[Element], int]:
    if start + 8 > reader.size:
        return [], start
    group, _, vr, _ = _EXPLICIT.header(reader.upto(start + 8), start)
    if group != 0x0002:
        return [], start
    encoding = _EXPLICIT if vr in _EXPLICIT.vrs else _IMPLICIT
    meta, stop, _ = _elements(reader, start, reader.size, encoding=encoding, depth=0, group=0x0002)
    return meta, stop


def _stated_syntax(reader: _Reader, meta: Sequence[Element]) -> str:
    """Transfer Syntax UID (0002,0010); empty where the file states none."""
    syntax = ""
    for element in meta:
        if element.tag == TRANSFER_SYNTAX:
            syntax = uid_text(bytes(reader.data[element.value : element.value + element.length]))
    if syntax and not re.fullmatch(r"1\.2\.840\.10008\.1\.2(\.[0-9.]{1,40})?", syntax):
        named = syntax if re.fullmatch(r"[0-9.]{1,64}", syntax) else "that is no UID"
        raise UnsupportedPixelsError(
            f"transfer syntax {named} is not supported",
            hint="store it again as Explicit VR Little Endian, JPEG Lossless, JPEG-LS, JPEG 2000 or RLE Lossless",
        )
    return syntax


def _actual(reader: _Reader, stated: str, start: int) -> tuple[str, _Encoding]:
    """Transfer syntax and encoding as the first element shows them, whatever is stated (some files state another)."""
    encoding = {"": None, IMPLICIT_VR_LITTLE_ENDIAN: _IMPLICIT, EXPLICIT_VR_BIG_ENDIAN: _BIG}.get(stated, _EXPLICIT)
    if start + 8 <= reader.size:
        data = reader.upto(start + 8)
        group, _, vr, length = _EXPLICIT.header(data, start)
        fits = (length << 16 | vr) <= reader.size - start - 8
        if vr in _EXPLICIT.vrs and not (encoding is _IMPLICIT and fits):
            encoding = _BIG if group in (0x0800, 0x0400) else _EXPLICIT
        elif _BIG.header(data, start)[2] in _BIG.vrs and group in (0x0800, 0x0400):
            encoding = _BIG
        elif fits and vr not in _EXPLICIT.vrs:
            encoding = _IMPLICIT
    encoding = encoding or _EXPLICIT
    if stated not in UNCOMPRESSED and stated:
        return stated, encoding
    if encoding.big:
        return EXPLICIT_VR_BIG_ENDIAN, encoding
    return (IMPLICIT_VR_LITTLE_ENDIAN if encoding.implicit else EXPLICIT_VR_LITTLE_ENDIAN), encoding


def _inflated(source: Source, start: int, spool: Callable[[Iterator[bytes]], Source] | None) -> Source:
    """The file as it would be were its data set not deflated (PS3.5 A.5)."""
    data = spool(_inflate(source, start)) if spool else BytesSource(_bounded(_inflate(source, start)))
    return PlanSource(Plan((Copy(0, start), Copy(0, data.size, 1))), (source, data))


def _inflate(source: Source, start: int) -> Iterator[bytes]:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    rest: Source = PlanSource(Plan((Copy(start, source.size - start),)), (source,))
    try:
        for chunk in chunks(rest):
            pending = chunk
            while pending and not stream.eof:
                yield stream.decompress(pending, 1 << 20)
                pending = stream.unconsumed_tail
        yield stream.flush()
    except zlib.error as error:
        raise MalformedError(f"the deflated data set cannot be inflated, from offset {start} on") from error
    if not stream.eof:
        raise MalformedError("the file is truncated: its deflated data set has no end")


def _bounded(pieces: Iterator[bytes]) -> bytes:
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) > MAX_INFLATED:
            raise InputError(f"the deflated data set is larger than {MAX_INFLATED} bytes")
    return bytes(held)


def _after_pixels(source: Source, pixel: Element, *, encoding: _Encoding) -> tuple[list[Element], bytes, int]:
    """Elements behind the pixel value; what does not continue the data set in ascending order is trailing bytes."""
    reader = _Reader(source, pixel.end)
    elements: list[Element] = []
    position, last = pixel.end, pixel.tag
    while position + 8 <= source.size:
        data = reader.upto(position + 8)
        group, number, vr, _ = encoding.header(data, position - pixel.end)
        tag = group << 16 | number
        if tag <= last or group == 0xFFFE or not (encoding.implicit or vr in encoding.vrs):
            break
        try:
            found, _, position = _elements(reader, position, source.size, encoding=encoding, depth=0, single=True)
        except MalformedError:
            break
        elements += found
        last = tag
    return elements, bytes(reader.data), position


def _elements(
    reader: _Reader,
    position: int,
    end: int,
    *,
    encoding: _Encoding,
    depth: int,
    delimited: bool = False,
    group: int | None = None,
    single: bool = False,
    top: bool = False,
) -> tuple[list[Element], int, int]:
    """Elements from ``position`` on; where they stop; where the walk goes on after a delimiter.

    They stop at ``end``, at an item delimiter (``delimited``), before another group (``group``), after one (``single``)
    or, at depth 0, after the pixel element. Those of the data set itself (``top``) also stop where no element begins.
    """
    if depth > MAX_DEPTH:
        raise _TooDeepError(f"sequences are nested deeper than {MAX_DEPTH}, at offset {position}")
    implicit, big, header_at, _, length_at, vrs = encoding
    base, data = reader.base, reader.data
    held = base + len(data)
    found: list[Element] = []
    add = found.append
    while position < end:
        if position + 12 > held:
            if position + 8 > end:
                if top:
                    break
                raise MalformedError(f"an element header is cut off at offset {position}")
            reader.upto(position + 8)
            held = base + len(data)
        high, low, vr_code, length = header_at(data, position - base)
        tag = high << 16 | low
        if group is not None and high != group:
            break
        if high == 0xFFFE:
            if delimited and tag == ITEM_END and not vr_code and not length:
                return found, position, position + 8
            if top and not _goes_on(reader, position, end, found, encoding=encoding):
                break
            raise MalformedError(f"{tag_text(tag)} stands where no delimiter belongs, at offset {position}")
        value, verbatim, content, unknown = position + 8, not implicit, encoding, False
        if implicit:
            vr = dictionary_vr(tag)
            length = length << 16 | vr_code
        elif vr_code in vrs:
            vr, long = vrs[vr_code]
            if long:
                value = position + 12
                reader.upto(value, tag)
                verbatim = not length
                (length,) = length_at(data, position - base + 8)
                if vr == "UN":
                    # The value of a UN is encoded as Implicit VR Little Endian (PS3.5 6.2.2), whatever the file is.
                    vr, content, verbatim, unknown = dictionary_vr(tag), _IMPLICIT, False, True
        elif top and found and not (vr_code | 0x2020).to_bytes(2, "little").isalpha() and not _belongs(tag, found):
            break
        else:
            raise MalformedError(f"{tag_text(tag)} has no VR of the standard, at offset {position}")
        reader.elements += 1
        if reader.elements > MAX_ELEMENTS:
            reader.too_many(position)
        items: tuple[Item, ...] | None = None
        if length == UNDEFINED:
            if unknown or vr in ("SQ", "UN"):
                items, stop, after = _items(reader, value, end, tag=tag, encoding=content, depth=depth, delimited=True)
            elif vr in ("OB", "OW", "OB or OW"):
                stop = after = _fragments(reader.source, tag, value, end, encoding=encoding)
                if depth or tag not in _PIXELS:
                    reader.upto(after, tag)
            else:
                raise MalformedError(f"{tag_text(tag)} {vr} has undefined length, at offset {position}")
            held = base + len(data)
        else:
            stop = after = value + length
            if stop > end:
                raise MalformedError(
                    f"the file is truncated: {tag_text(tag)} {vr} of length {length} at offset {position} goes beyond {end}"
                )
            if stop > held and not (depth == 0 and tag in _PIXELS):
                reader.upto(stop, tag, more=8)
                held = base + len(data)
            if vr == "SQ":
                items = _defined_items(reader, value, stop, tag=tag, encoding=content, depth=depth)
        if big:
            swap = 0 if unknown or items is not None else _UNITS.get(vr, 0)
            add(_new(Element, (tag, vr, position, value, stop - value, after, items, False, swap)))
        else:
            add(_new(Element, (tag, vr, position, value, stop - value, after, items, verbatim, 0)))
        position = after
        if single or (depth == 0 and tag in _PIXELS):
            break
    else:
        if delimited:
            raise MalformedError(f"an item of undefined length is not closed before offset {end}")
    if top and not (found and found[-1].tag in _PIXELS) and (not found or end - position > MAX_TRAILING):
        raise MalformedError(f"no data element begins at offset {position}")
    return found, position, position


def _belongs(tag: int, found: Sequence[Element]) -> bool:
    """Whether a tag goes on with a data set: an attribute of the standard, or of a private block that was begun."""
    if not found or tag <= found[-1].tag:
        return False
    if tag >> 16 & 1:
        return tag >> 16 << 16 | (tag & 0xFFFF) >> 8 in {element.tag for element in found}
    return dictionary_vr(tag) != "UN"


def _goes_on(reader: _Reader, position: int, end: int, found: Sequence[Element], *, encoding: _Encoding) -> bool:
    """Whether the data set goes on behind the delimiters at ``position``, which belong to no sequence."""
    while position + 8 <= end:
        high, low, _ = encoding.item(reader.upto(position + 8), position - reader.base)
        if high != 0xFFFE:
            return _belongs(high << 16 | low, found)
        position += 8
    return False


class _TooDeepError(MalformedError):
    """Nesting beyond the bound: no other reading of the bytes is tried."""


def _defined_items(
    reader: _Reader, position: int, end: int, *, tag: int, encoding: _Encoding, depth: int
) -> tuple[Item, ...] | None:
    """Items of a sequence of known length; None where they cannot be read. Some writers encode them in the other VR."""
    for each in (encoding, _EXPLICIT if encoding.implicit else _IMPLICIT):
        try:
            return _items(reader, position, end, tag=tag, encoding=each, depth=depth, delimited=False)[0]
        except _TooDeepError:
            raise
        except MalformedError:
            continue
    return None


def _items(
    reader: _Reader, position: int, end: int, *, tag: int, encoding: _Encoding, depth: int, delimited: bool
) -> tuple[tuple[Item, ...], int, int]:
    base = reader.base
    found: list[Item] = []
    while position < end:
        if position + 8 > end:
            raise MalformedError(f"an item header of {tag_text(tag)} is cut off at offset {position}")
        data = reader.upto(position + 8, tag)
        high, low, length = encoding.item(data, position - base)
        inner = high << 16 | low
        if inner == SEQUENCE_END and delimited and not length:
            return tuple(found), position, position + 8
        if inner != ITEM:
            raise MalformedError(f"{tag_text(tag)} holds something that is no item, at offset {position}")
        reader.elements += 1
        if reader.elements > MAX_ELEMENTS:
            reader.too_many(position)
        value = position + 8
        undefined = length == UNDEFINED
        stop = end if undefined else value + length
        if stop > end:
            raise MalformedError(f"an item of {tag_text(tag)} of length {length} at offset {position} goes beyond {end}")
        elements, stop, position = _elements(reader, value, stop, encoding=encoding, depth=depth + 1, delimited=undefined)
        found.append(Item(value, stop, tuple(elements)))
    if delimited:
        raise MalformedError(f"{tag_text(tag)} of undefined length is not closed before offset {end}")
    return tuple(found), position, position


def element_at(held: bytes, position: int, *, like: Header) -> Element:
    """The top-level element at ``position`` of a file that is encoded ``like`` another, of which ``held`` is the beginning.

    Raises:
        MalformedError: no element begins there, or it does not end in ``held``.
    """
    encoding = _BIG if like.big else _IMPLICIT if like.implicit else _EXPLICIT
    reader = _Reader(BytesSource(held), 0)
    reader.data = held
    found, _, _ = _elements(reader, position, len(held), encoding=encoding, depth=0, single=True)
    if not found:
        raise MalformedError(f"no data element begins at offset {position}")
    return found[0]


def _fragments(source: Source, tag: int, position: int, end: int, *, encoding: _Encoding) -> int:
    """Where an encapsulated value ends, its sequence delimiter included (PS3.5 A.4); fragments are stepped over."""
    window, base = b"", position
    for _ in range(MAX_FRAGMENTS):
        if position + 8 > end:
            break
        if not base <= position <= base + len(window) - 8:
            # Short fragments lie in one window; a long one is followed by a look at the next item header alone.
            near = position - base - len(window) < 4096
            window, base = source.read(position, 4096 if near and window else 8), position
            if len(window) < 8:
                break
        high, low, length = encoding.item(window, position - base)
        inner = high << 16 | low
        if inner == SEQUENCE_END and not length:
            return position + 8
        if inner != ITEM or length == UNDEFINED:
            raise MalformedError(f"{tag_text(tag)} holds something that is no fragment, at offset {position}")
        position += 8 + length
    else:
        raise MalformedError(f"{tag_text(tag)} has more than {MAX_FRAGMENTS} fragments")
    raise MalformedError(f"the file is truncated: fragments of {tag_text(tag)} are not closed before offset {end}")


def explicit_vr(vr: str, length: int, *, signed: bool) -> str:
    """The VR to write for a value of ``length`` bytes, padding apart, where the dictionary gives a choice (PS3.5 annex A.2).

    ``signed`` is the Pixel Representation that rules ``US or SS``. A value too long for a VR with a 16-bit length is
    written as UN (PS3.5 6.2.2).
    """
    length += length % 2
    if " or " in vr:
        if vr == "OB or OW":
            vr = "OW"
        elif vr == "US or OW":
            vr = "US" if length < 0x10000 else "OW"
        elif length >= 0x10000 and vr == "US or SS or OW":
            vr = "OW"
        else:
            vr = "SS" if signed else "US"
    return vr if vr in LONG_VRS or length < 0x10000 else "UN"


def encode_header(tag: int, vr: str, length: int) -> bytes:
    """Tag, VR and length in Explicit VR Little Endian."""
    if vr in LONG_VRS:
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def encode_element(tag: int, vr: str, value: bytes) -> bytes:
    """One element in Explicit VR Little Endian, padded to even length as its VR asks (PS3.5 6.2)."""
    if len(value) % 2:
        value += b" " if vr in TEXT_VRS and vr != "UI" else b"\0"
    return encode_header(tag, vr, len(value)) + value


def encode_sequence(tag: int, items: Iterable[Sequence[Op]]) -> list[Op]:
    """A sequence of items with stated lengths, each item given as the ops that make its elements."""
    body: list[Op] = []
    for ops in items:
        body.append(Insert(_HHL.pack(0xFFFE, 0xE000, sum(op.size for op in ops))))
        body += ops
    return [Insert(encode_header(tag, "SQ", sum(op.size for op in body))), *body]


def explicit(header: Values, element: Element, *, signed: bool) -> list[Op]:
    """Ops that write an element and all below it in Explicit VR Little Endian with even lengths.

    What stands so already is copied whole.
    """
    if is_explicit(element):
        return [Copy(element.offset, element.end - element.offset)]
    if element.items is not None:
        return encode_sequence(
            element.tag,
            [[op for inner in item.elements for op in explicit(header, inner, signed=signed)] for item in element.items],
        )
    vr = explicit_vr(element.vr if element.vr != "SQ" else "UN", element.length, signed=signed)
    if element.swap:
        return [Insert(encode_element(element.tag, vr, header.value(element)))]
    ops: list[Op] = [
        Insert(encode_header(element.tag, vr, element.length + element.length % 2)),
        Copy(element.value, element.length),
    ]
    if element.length % 2:
        ops.append(Insert(b" " if vr in TEXT_VRS and vr != "UI" else b"\0"))
    return ops


def is_explicit(element: Element) -> bool:
    """Whether the encoded bytes, all that lie below included, can stand in an Explicit VR Little Endian file."""
    if not element.verbatim or element.length % 2:
        return False
    if element.items is None:
        return True
    return all(is_explicit(inner) for item in element.items for inner in item.elements)
