"""Code streams of compressed frames, cleaned without decoding a pixel (PS3.5 section 8.2, annexes A.4 and G).

A code stream has room for comments, Exif, thumbnails, profiles, boxes and bytes behind its end: places where names travel
through every tool that looks at the header alone. ``segments`` says what a frame consists of, ``strip`` gives the ops that
write it without what decoding does not need, and ``rewrite`` does so for a whole encapsulated value, offset table included.
Decoded samples are the same bit for bit.

JPEG of every process (ISO/IEC 10918-1), JPEG-LS (14495-1), JPEG 2000 and its high-throughput form (15444-1, 15444-15), JPEG
XL (18181), RLE and deflated frames. Video is refused: nothing here finds user data in it.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from leadglass.dicom.header import MAX_FRAGMENTS, RLE_LOSSLESS
from leadglass.dicom.plan import Copy, Insert, Op, Plan, PlanSource, merged
from leadglass.dicom.source import Source
from leadglass.errors import MalformedError, UnsupportedPixelsError

CODED: Final = "coded"
"""The kind of a segment that is what decoding reads: entropy-coded or compressed samples, and nothing in the clear."""

MAX_SEGMENTS: Final = 1 << 16
"""Segments of one frame; real ones have a dozen, a tiled JPEG 2000 stream some thousands."""

_JPEG: Final = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (*range(50, 67), 70, 80, 81))
_JPEG_2000: Final = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93, 201, 202, 203))
_JPEG_XL: Final = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (110, 111, 112))
_DEFLATED_FRAME: Final = "1.2.840.10008.1.2.8.1"

_ITEM: Final = struct.pack("<HH", 0xFFFE, 0xE000)
_WINDOW: Final = 1 << 16
_LONGEST: Final = 0xFFFFFFFE
"""Bytes of one fragment: the length is even and not that of undefined length."""


class Segment(NamedTuple):
    """A part of a frame's code stream, by its place in that stream.

    ``instead`` is None for what stays as it is, empty for what goes, and else what stands there afterwards.
    """

    kind: str
    offset: int
    length: int
    instead: bytes | None = None


class _Stream:
    """The bytes of one frame, which may lie in several fragments."""

    def __init__(self, source: Source, spans: Sequence[tuple[int, int]], frame: int) -> None:
        self.plan = Plan(merged(Copy(offset, length) for offset, length in spans))
        self.frame = frame
        self.size = self.plan.size
        self._bytes = PlanSource(self.plan, (source,))
        self._window, self._base = self._bytes.read(0, _WINDOW), 0

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset``; fewer than ``length`` only at the end."""
        start = offset - self._base
        if start < 0 or start + length > len(self._window):
            if length >= _WINDOW:
                return self._bytes.read(offset, length)
            self._window, self._base, start = self._bytes.read(offset, max(length, 1 << 12)), offset, 0
        return self._window[start : start + length]

    def number(self, offset: int, length: int) -> int:
        """A big endian number.

        Raises:
            MalformedError: the stream ends before it does.
        """
        data = self.read(offset, length)
        if len(data) < length:
            raise self.error("ends early", offset)
        return int.from_bytes(data, "big")

    def is_zero(self, offset: int, stop: int) -> bool:
        """Whether no bit is set up to ``stop``."""
        return all(not self.read(each, min(_WINDOW, stop - each)).strip(b"\0") for each in range(offset, stop, _WINDOW))

    def copy(self, offset: int, length: int) -> Iterator[Op]:
        """Ops that copy a part of the stream from its source."""
        for op, start in zip(self.plan.ops, self.plan.starts, strict=True):
            first, stop = max(offset, start), min(offset + length, start + op.size)
            if first < stop and isinstance(op, Copy):
                yield Copy(op.offset + first - start, stop - first)

    def error(self, what: str, offset: int) -> MalformedError:
        return MalformedError(f"frame {self.frame} of (7FE0,0010): its code stream {what}, at byte {offset} of {self.size}")


def segments(
    source: Source,
    spans: Sequence[tuple[int, int]],
    *,
    transfer_syntax: str,
    frame: int = 1,
    pixels: int | None = None,
) -> list[Segment]:
    """What a frame's code stream consists of: segments without gaps from its first byte to its last.

    ``spans`` are the (offset, length) of the frame's fragments in ``source``, ``frame`` its number for messages. With
    ``pixels``, the rows times columns of a frame, RLE segments end where their last pixel does.

    Raises:
        UnsupportedPixelsError: a transfer syntax whose code streams cannot be looked through, such as video.
        MalformedError: the stream breaks its format; the message names frame and offset.
    """
    stream = _Stream(source, spans, frame)
    if transfer_syntax in _JPEG or transfer_syntax in _JPEG_2000:
        # Some files state the one and hold the other; what a stream is it says itself.
        beginning = stream.read(0, 12)
        if beginning.startswith(b"\xff\xd8"):
            return list(_jpeg(stream))
        if beginning.startswith((b"\xff\x4f\xff\x51", _JP2_SIGNATURE)):
            return _jpeg_2000(stream)
        raise stream.error("begins like none of JPEG, JPEG-LS or JPEG 2000", 0)
    if transfer_syntax == RLE_LOSSLESS:
        return _rle(stream, pixels)
    if transfer_syntax in _JPEG_XL:
        return list(_jpeg_xl(stream))
    if transfer_syntax == _DEFLATED_FRAME:
        return list(_deflated(stream))
    raise UnsupportedPixelsError(
        f"code streams of transfer syntax {transfer_syntax} cannot be looked through",
        hint="video has room for user data, and nothing here finds it",
    )


def strip(
    source: Source,
    spans: Sequence[tuple[int, int]],
    *,
    transfer_syntax: str,
    frame: int = 1,
    pixels: int | None = None,
) -> tuple[Op, ...] | None:
    """Ops that write the frame without what decoding does not need; None when there is nothing to remove.

    Arguments and errors are those of ``segments``. The result may have odd length.
    """
    found = segments(source, spans, transfer_syntax=transfer_syntax, frame=frame, pixels=pixels)
    if all(each.instead is None for each in found):
        return None
    return _written(_Stream(source, spans, frame), found)


def _written(stream: _Stream, found: Sequence[Segment]) -> tuple[Op, ...]:
    ops: list[Op] = []
    # What padded the old length does not pad the new one.
    for each in found[:-1] if found[-1].kind == "padding" else found:
        if each.instead is None:
            ops += stream.copy(each.offset, each.length)
        else:
            ops.append(Insert(each.instead))
    return merged(ops)


# JPEG and JPEG-LS.

_SOI, _EOI, _SOS, _COM, _LSE = 0xD8, 0xD9, 0xDA, 0xFE, 0xF8
_NEEDED: Final = {code: f"SOF{code - 0xC0}" for code in range(0xC0, 0xD0) if code != 0xC8} | {
    0xC4: "DHT",
    0xCC: "DAC",
    0xDA: "SOS",
    0xDB: "DQT",
    0xDC: "DNL",
    0xDD: "DRI",
    0xDE: "DHP",
    0xDF: "EXP",
    0xF7: "SOF55",
}
"""Marker segments that decoding reads."""


def _jpeg(stream: _Stream) -> Iterator[Segment]:
    """SOI, marker segments, scans and EOI; markers are searched for inside scans as well, where no file needs a comment."""
    yield Segment("SOI", 0, 2)
    at, jfif = 2, False
    for _ in range(MAX_SEGMENTS):
        marker, code = _next_marker(stream, at)
        if marker > at:
            # Fill bytes (10918-1 B.1.1.2) say nothing; other bytes belong to no segment, and decoders skip them.
            fill = not stream.read(at, marker - at).strip(b"\xff") if marker - at < _WINDOW else False
            yield Segment("fill", at, marker - at) if fill else Segment("gap", at, marker - at, b"")
        if code == _EOI:
            yield Segment("EOI", marker, 2)
            yield from _behind(stream, marker + 2, stream.size)
            return
        if code == _SOI:
            raise stream.error("begins again before it ends", marker)
        length = 2 + stream.number(marker + 2, 2)
        if length < 4 or marker + length > stream.size:
            raise stream.error(f"has a segment FF{code:02X} of impossible length", marker)
        if code == 0xE0 and not jfif:
            kind, instead = _jfif(stream.read(marker + 4, min(length - 4, 14)), length)
            jfif = kind == "JFIF"
        else:
            kind, instead = _judged(stream, marker, code, length)
        yield Segment(kind, marker, length, instead)
        at = marker + length
        if code == _SOS:
            marker, _ = _next_marker(stream, at)
            yield Segment(CODED, at, marker - at)
            at = marker
    raise stream.error(f"has more than {MAX_SEGMENTS} segments", at)


def _judged(stream: _Stream, marker: int, code: int, length: int) -> tuple[str, bytes | None]:
    """The kind of a marker segment of ``length`` bytes, and what is to stand instead of it."""
    if code in _NEEDED:
        return _NEEDED[code], None
    if code == _COM:
        return "COM", b""
    body = stream.read(marker + 4, min(length - 4, 12))
    if code == 0xEE and body.startswith(b"Adobe") and len(body) == 12:
        # It tells which colour transformation the samples went through.
        return "Adobe", None if length == 16 else b"\xff\xee\x00\x0e" + body
    if code == 0xE8 and body.startswith(b"mrfx") and length == 9:
        # The colour transformation of JPEG-LS as HP had it.
        return "mrfx", None
    if code == 0xE8 and (length, body[:6]) in ((34, b"SPIFF\0"), (10, b"\0\0\0\1\xff\xd8")):
        # The header of SPIFF (14495-1 annex F) and the end of its directory; what stands between them is text.
        return "SPIFF", None
    if code == _LSE and body[:1] in (b"\1", b"\2", b"\3", b"\4"):
        return "LSE", None
    return f"APP{code - 0xE0}" if 0xE0 <= code <= 0xEF else f"FF{code:02X}", b""


def _jfif(body: bytes, length: int) -> tuple[str, bytes | None]:
    """JFIF makes three components YCbCr, so it stays, without its thumbnail."""
    if not body.startswith(b"JFIF\0") or len(body) < 14:
        return "APP0", b""
    plain = length == 18 and body.endswith(b"\0\0")
    return "JFIF", None if plain else b"\xff\xe0\x00\x10" + body[:12] + b"\0\0"


def _next_marker(stream: _Stream, at: int) -> tuple[int, int]:
    """Offset and code of the next marker but RSTn. After FF coded data has less than C0, whichever process coded them."""
    two = stream.read(at, 2)
    if len(two) == 2 and two[0] == 0xFF and two[1] >= 0xC0 and two[1] != 0xFF and not 0xD0 <= two[1] <= 0xD7:
        return at, two[1]
    size = 1 << 12
    while at + 2 <= stream.size:
        data = np.frombuffer(stream.read(at, size), np.uint8)
        after = np.flatnonzero(data[:-1] == 0xFF) + 1
        code = data[after]
        for index in after[(code >= 0xC0) & (code != 0xFF) & (code & 0xF8 != 0xD0)][:1]:
            return at + int(index) - 1, int(data[index])
        at += len(data) - 1
        size = min(4 * size, 1 << 20)
    raise stream.error("ends before its end marker", stream.size)


def _behind(stream: _Stream, at: int, stop: int) -> Iterator[Segment]:
    """What follows the end of a code stream: padding, or something that does not belong there."""
    if at >= stop:
        return
    if stop - at == 1 or stream.is_zero(at, stop):
        yield Segment("padding", at, stop - at)
        return
    if stream.read(at, 64).lstrip(b"\0\xff").startswith((b"\xd8\xff", b"\x4f\xff\x51")):
        raise stream.error("is followed by another one, and one of the two would be lost", at)
    yield Segment("trailing", at, stop - at, b"")


# JPEG 2000, and boxes.

_JP2_SIGNATURE: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_BOX_TYPES: Final = """
    JXL jP ftyp jp2h jp2c jp2i xml uuid uinf Exif jumb jbrd brob jxlc jxlp jxll jxli free rreq asoc lbl
"""
_BOXES: Final = {name.encode().ljust(4): name for name in _BOX_TYPES.split()}
"""Types of boxes that may be said aloud: a type is four bytes, and a writer may put anything there."""
_SOT, _SOD, _EOC, _TLM, _COM_2000 = 0xFF90, 0xFF93, 0xFFD9, 0xFF55, 0xFF64
_NEEDED_2000: Final = {
    0xFF50: "CAP",
    0xFF51: "SIZ",
    0xFF52: "COD",
    0xFF53: "COC",
    _TLM: "TLM",
    0xFF56: "PRF",
    0xFF57: "PLM",
    0xFF58: "PLT",
    0xFF59: "CPF",
    0xFF5C: "QCD",
    0xFF5D: "QCC",
    0xFF5E: "RGN",
    0xFF5F: "POC",
    0xFF60: "PPM",
    0xFF61: "PPT",
    0xFF63: "CRG",
    **{code: f"{code:04X}" for code in range(0xFF70, 0xFF7C)},  # those of 15444-2, multiple components among them
}


def _boxes(stream: _Stream) -> Iterator[tuple[str, int, int, int]]:
    """Boxes (15444-1 annex I.4) of a whole stream: type, offset, offset of the content, end."""
    at = 0
    for _ in range(MAX_SEGMENTS):
        if at == stream.size:
            return
        length, name = stream.number(at, 4), stream.read(at + 4, 4)
        content = at + 8
        if length == 1:
            length, content = stream.number(at + 8, 8), at + 16
        stop = at + length if length else stream.size
        if not content <= stop <= stream.size:
            raise stream.error("has a box of impossible length", at)
        yield _BOXES.get(name, "unknown"), at, content, stop
        at = stop
    raise stream.error(f"has more than {MAX_SEGMENTS} boxes", at)


def _jpeg_2000(stream: _Stream) -> list[Segment]:
    """The bare code stream, out of the boxes that PS3.5 A.4.4 does not allow around it."""
    if not stream.read(0, 12).startswith(_JP2_SIGNATURE):
        return _code_stream(stream, 0, stream.size)
    found: list[Segment] = []
    bare = False
    for name, at, content, stop in _padded(_boxes(stream), stream):
        if name == "jp2c":
            if bare:
                raise stream.error("is one of two", at)
            bare = True
            found += [Segment("box jp2c", at, content - at, b""), *_code_stream(stream, content, stop)]
            continue
        if name == "jp2h" and b"pclr" in stream.read(content, stop - content):
            raise UnsupportedPixelsError(f"frame {stream.frame} of (7FE0,0010) has its palette in a JP2 box")
        found.append(Segment(f"box {name}", at, stop - at, b""))
    if not bare:
        raise stream.error("is missing among its boxes", 0)
    return found


def _padded(boxes: Iterator[tuple[str, int, int, int]], stream: _Stream) -> Iterator[tuple[str, int, int, int]]:
    """The boxes, and what follows the last one: padding to an even length, or bytes that make no box."""
    stop = 0
    try:
        for box in boxes:
            stop = box[3]
            yield box
    except MalformedError:
        if not stop:
            raise
        yield "trailing", stop, stop, stream.size


def _code_stream(stream: _Stream, at: int, stop: int) -> list[Segment]:
    """Main header, tile-parts and EOC; lengths of tile-parts follow what is removed from their headers."""
    header, next_ = _header(stream, at + 2, stop, _SOT)
    found = [Segment("SOC", at, 2), *header]
    at, lengths, changed = next_, array("Q"), False
    while at + 2 <= stop:
        if len(found) > MAX_SEGMENTS:
            raise stream.error(f"has more than {MAX_SEGMENTS} segments", at)
        code = stream.number(at, 2)
        if code == _EOC:
            found.append(Segment("EOC", at, 2))
            at += 2
            break
        if not code and lengths and stream.is_zero(at, stop):
            break
        if code != _SOT or stream.number(at + 2, 2) != 10:
            raise stream.error("has neither a tile-part nor its end where one is due", at)
        stated = stream.number(at + 6, 4)
        end = at + stated if stated else _end_of_data(stream, at + 12, stop)
        if end > stop:
            raise stream.error("has a tile-part of impossible length", at)
        header, data = _header(stream, at + 12, end, _SOD)
        removed = sum(each.length for each in header if each.instead is not None)
        changed = changed or removed > 0
        lengths.append(end - at - removed)
        start = stream.read(at, 12)
        instead = start[:6] + (stated - removed).to_bytes(4, "big") + start[10:] if removed and stated else None
        found += [Segment("SOT", at, 12, instead), *header]
        found += [Segment("SOD", data, 2), Segment(CODED, data + 2, end - data - 2)]
        at = end
    if not lengths:
        raise stream.error("has no tile-part", at)
    found += _behind(stream, at, stop)
    return _with_lengths(stream, found, lengths) if changed else found


def _header(stream: _Stream, at: int, stop: int, until: int) -> tuple[list[Segment], int]:
    """The marker segments up to the marker ``until``, and its offset."""
    found: list[Segment] = []
    for _ in range(MAX_SEGMENTS):
        code = stream.number(at, 2)
        if code == until:
            if at + 2 > stop:
                break
            return found, at
        # Markers FF30 to FF3F have no segment.
        length = 2 if 0xFF30 <= code <= 0xFF3F else 2 + stream.number(at + 2, 2)
        if code < 0xFF00 or length == 3 or at + length > stop:
            break
        if code in _NEEDED_2000:
            found.append(Segment(_NEEDED_2000[code], at, length))
        else:
            found.append(Segment("COM" if code == _COM_2000 else f"{code:04X}", at, length, b""))
        at += length
    raise stream.error("has a header that is cut off or has no end", at)


def _end_of_data(stream: _Stream, at: int, stop: int) -> int:
    """Where EOC stands behind a tile-part that states no length; coded data never has its two bytes."""
    for start in range(at, stop, 1 << 20):
        index = stream.read(start, min((1 << 20) + 1, stop - start)).find(b"\xff\xd9")
        if index >= 0:
            return start + index
    return stop


def _with_lengths(stream: _Stream, found: list[Segment], lengths: Sequence[int]) -> list[Segment]:
    """TLM segments (15444-1 A.7.1) tell the length of every tile-part, in order; the new ones are ``lengths``."""
    out = list(found)
    tables = [(stream.number(each.offset + 4, 1), index) for index, each in enumerate(found) if each.kind == "TLM"]
    position = 0
    for _, index in sorted(tables):
        _, offset, size, _ = found[index]
        data = bytearray(stream.read(offset, size))
        if size < 6:
            raise stream.error("has a TLM segment that is cut off", offset)
        tile, width = data[5] >> 4 & 3, 4 if data[5] >> 6 & 1 else 2
        for at in range(6 + tile, size - width + 1, tile + width):
            if position < len(lengths) and lengths[position] >> 8 * width == 0:
                data[at : at + width] = lengths[position].to_bytes(width, "big")
            position += 1
        out[index] = Segment("TLM", offset, size, bytes(data))
    return out


# JPEG XL, deflated frames, RLE.

_JXL_SIGNATURE: Final = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_JXL_BOXES: Final = frozenset({"ftyp", "jxlc", "jxlp", "jxll", "jxli"})


def _jpeg_xl(stream: _Stream) -> Iterator[Segment]:
    beginning = stream.read(0, 12)
    if beginning.startswith(b"\xff\x0a"):
        # A bare code stream has no segments; its end is known to a decoder alone.
        yield Segment(CODED, 0, stream.size)
        return
    if beginning != _JXL_SIGNATURE:
        raise stream.error("begins like no JPEG XL", 0)
    for name, at, content, stop in _padded(_boxes(stream), stream):
        if name in _JXL_BOXES or not at:
            yield Segment(f"box {name}", at, content - at)
            yield Segment(CODED, content, stop - content)
        else:
            yield Segment(name if name == "trailing" else f"box {name}", at, stop - at, b"")


def _deflated(stream: _Stream) -> Iterator[Segment]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    at = 0
    try:
        while not inflater.eof and at < stream.size:
            pending = stream.read(at, _WINDOW)
            at += len(pending)
            while pending and not inflater.eof:
                inflater.decompress(pending, 1 << 20)
                pending = inflater.unconsumed_tail
    except zlib.error as error:
        raise stream.error("cannot be inflated", at) from error
    if not inflater.eof:
        raise stream.error("ends before its last block", at)
    end = at - len(inflater.unused_data)
    yield Segment(CODED, 0, end)
    yield from _behind(stream, end, stream.size)


def _rle(stream: _Stream, pixels: int | None) -> list[Segment]:
    """Header and segments (PS3.5 G.5), without what the header does not use or what lies outside the segments' pixels."""
    if stream.size < 64:
        raise stream.error("has no whole RLE header", 0)
    header = stream.read(0, 64)
    count, *offsets = struct.unpack("<16L", header)
    bounds = [*offsets[:count], stream.size]
    if not 1 <= count <= 15 or offsets[0] < 64 or any(a > b for a, b in pairwise(bounds)):
        raise stream.error("has RLE segments that do not ascend inside the frame", 0)
    found: list[Segment] = []
    if offsets[0] > 64:
        found.append(Segment("gap", 64, offsets[0] - 64, b""))
    position, starts = 64, []
    for start, stop in pairwise(bounds):
        starts.append(position)
        end = stop if pixels is None else _end_of_pixels(stream, start, stop, pixels)
        found.append(Segment(CODED, start, end - start))
        if end < stop and (stop - end == 1 or stream.is_zero(end, stop)):
            found.append(Segment("fill", end, stop - end))
            end = stop
        elif end < stop:
            found.append(Segment("trailing", end, stop - end, bytes((end - start) % 2)))
            end += (end - start) % 2
        position += end - start
    new = struct.pack("<16L", count, *starts, *[0] * (15 - count))
    return [Segment("RLE header", 0, 64, None if new == header else new), *found]


def _end_of_pixels(stream: _Stream, start: int, stop: int, pixels: int) -> int:
    data = stream.read(start, stop - start)
    at = 0
    try:
        while pixels > 0:
            control = data[at]
            if control < 128:
                at += control + 2
                pixels -= control + 1
            elif control > 128:
                at += 2
                pixels -= 257 - control
            else:
                at += 1
    except IndexError as error:
        raise stream.error("has an RLE segment that ends before its last pixel", start) from error
    if at > len(data):
        raise stream.error("has an RLE segment that ends inside a run", start)
    return start + at


# The encapsulated value.


@dataclass(frozen=True, eq=False)
class Fragments:
    """The parts of an encapsulated value (PS3.5 A.4): Basic Offset Table, fragments, and where the delimiter stands.

    ``starts`` and ``lengths`` are those of the fragments' contents in the source; ``delimiter`` is the offset of the
    sequence delimitation item.
    """

    table: bytes
    starts: array[int]
    lengths: array[int]
    delimiter: int


@dataclass(frozen=True, eq=False)
class Rewritten:
    """An encapsulated value without what decoding does not need.

    ``ops`` write the whole value: table, fragments and delimiter. ``removed`` counts what went, by kind; empty where the
    value stays as it was. ``offsets`` and ``lengths`` are those of the frames' first fragments, for the Extended Offset
    Table.
    """

    ops: tuple[Op, ...]
    removed: Mapping[str, int]
    offsets: array[int]
    lengths: array[int]

    def extended_offset_table(self) -> tuple[bytes, bytes]:
        """Values of (7FE0,0001) and (7FE0,0002), for a file that has them."""
        count = len(self.offsets)
        return struct.pack(f"<{count}Q", *self.offsets), struct.pack(f"<{count}Q", *self.lengths)


def fragments(source: Source, *, offset: int, length: int) -> Fragments:
    """The fragments of the encapsulated value that lies at ``offset``; their contents are stepped over.

    Raises:
        MalformedError: it is no sequence of items, or not closed.
    """
    starts, lengths = array("Q"), array("Q")
    table = b""
    at, stop, base, window = offset, offset + length, offset, b""
    for number in range(MAX_FRAGMENTS + 2):
        if not base <= at <= base + len(window) - 8:
            # Short fragments lie in one window; behind a long one a look at the next item header is enough.
            near = bool(window) and at - base - len(window) < 4096
            window, base = source.read(at, min(4096 if near else 8, stop - at)), at
        header = window[at - base : at - base + 8]
        if len(header) < 8 or at + 8 > stop:
            break
        tag, size = header[:4], int.from_bytes(header[4:], "little")
        if tag == b"\xfe\xff\xdd\xe0":
            return Fragments(table, starts, lengths, at)
        if tag != _ITEM or at + 8 + size > stop:
            break
        if number:
            starts.append(at + 8)
            lengths.append(size)
        else:
            table = source.read(at + 8, size)
        at += 8 + size
    raise MalformedError(f"(7FE0,0010) holds something that is no fragment, at offset {at}")


def by_frame(found: Fragments, source: Source, *, frames: int) -> tuple[array[int], bool]:
    """The number of each frame's first fragment, and whether the Basic Offset Table says the same.

    The table counts where it fits the fragments; else there is one fragment a frame, or a frame begins where a fragment
    begins like a code stream. An empty table says nothing wrong.

    Raises:
        MalformedError: nothing tells the frames apart.
    """
    count = len(found.starts)
    if not count:
        raise MalformedError("(7FE0,0010) holds no fragment")
    if found.table and len(found.table) % 4 == 0:
        base = found.starts[0]
        first = array("Q")
        for (start,) in struct.iter_unpack("<L", found.table):
            index = bisect_left(found.starts, base + start)
            if index == count or found.starts[index] != base + start or (first and index <= first[-1]):
                break
            first.append(index)
        if len(first) == len(found.table) // 4 and not first[0]:
            return first, True
    right = not found.table
    if frames == 1:
        return array("Q", [0]), right
    if count == frames:
        return array("Q", range(count)), right
    first = array("Q", (n for n, start in enumerate(found.starts) if source.read(start, 12).startswith(_BEGINNINGS)))
    if len(first) != frames or first[0]:
        raise MalformedError(f"(7FE0,0010) holds {count} fragments that make no {frames} frames")
    return first, right


_BEGINNINGS: Final = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\xff\x0a", _JP2_SIGNATURE, _JXL_SIGNATURE)


def frame_spans(found: Fragments, first: Sequence[int]) -> Iterator[list[tuple[int, int]]]:
    """The (offset, length) of the fragments of each frame; ``first`` comes from ``by_frame``."""
    for number, start in enumerate(first):
        stop = first[number + 1] if number + 1 < len(first) else len(found.starts)
        yield [(found.starts[n], found.lengths[n]) for n in range(start, stop)]


def frame_source(source: Source, spans: Sequence[tuple[int, int]]) -> Source:
    """The code stream of one frame."""
    return PlanSource(Plan(merged(Copy(offset, length) for offset, length in spans)), (source,))


def rewrite(
    source: Source, *, offset: int, length: int, transfer_syntax: str, frames: int, pixels: int | None = None
) -> Rewritten:
    """The encapsulated value at ``offset`` without what decoding does not need; where there is nothing, a copy of it.

    ``length`` includes the sequence delimitation item; ``frames`` is Number of Frames, ``pixels`` rows times columns. A
    frame that changes becomes one fragment, padded to even length behind its end (PS3.5 A.4), and the Basic Offset Table
    follows; one that does not fit the fragments is made anew.

    Raises:
        UnsupportedPixelsError: see ``segments``; or a frame of 4 GiB.
        MalformedError: see ``segments``, ``fragments`` and ``by_frame``.
    """
    found = fragments(source, offset=offset, length=length)
    first, right = by_frame(found, source, frames=frames)
    removed: Counter[str] = Counter() if right else Counter({"offset table": 1})
    ops: list[Op] = []
    offsets, lengths = array("Q"), array("Q")
    written = 0
    for number, spans in enumerate(frame_spans(found, first), 1):
        parts = segments(source, spans, transfer_syntax=transfer_syntax, frame=number, pixels=pixels)
        kinds = [each.kind for each in parts if each.instead is not None]
        if kinds:
            removed.update(kinds)
            more = _fragment(_written(_Stream(source, spans, number), parts))
        else:
            more = [Copy(spans[0][0] - 8, sum(spans[-1]) - spans[0][0] + 8)]
        # Neighbours are joined at once: a value of a million frames that stay is one op.
        ops[-1:] = merged([*ops[-1:], *more])
        size = sum(op.size for op in more)
        offsets.append(written)
        lengths.append(size - 8)
        written += size
    if not removed:
        return Rewritten((Copy(offset, length),), {}, offsets, lengths)
    table = struct.pack(f"<{len(offsets)}L", *offsets) if found.table and offsets[-1] <= 0xFFFFFFFF else b""
    beginning = Insert(_ITEM + len(table).to_bytes(4, "little") + table)
    end = Copy(found.delimiter, offset + length - found.delimiter)
    return Rewritten(merged([beginning, *ops, end]), removed, offsets, lengths)


def _fragment(ops: Sequence[Op]) -> list[Op]:
    size = sum(op.size for op in ops)
    if size > _LONGEST:
        raise UnsupportedPixelsError("a frame of 4 GiB or more does not fit one fragment")
    pad = size % 2
    return [Insert(_ITEM + (size + pad).to_bytes(4, "little")), *ops, Insert(bytes(pad))]
