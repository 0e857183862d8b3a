"""DICOM files byte by byte, so that they can be as odd as a writer can make them. Independent of the code under test."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
UNDEFINED = 0xFFFFFFFF
DR = "1.2.840.10008.5.1.4.1.1.1.1"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
JPEG_2000 = "1.2.840.10008.1.2.4.90"


def head(tag: int, vr: str, length: int, *, implicit: bool = False) -> bytes:
    if implicit:
        return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, length)
    if vr in LONG:
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def element(tag: int, vr: str, value: bytes | str | int, *, implicit: bool = False) -> bytes:
    if isinstance(value, int):
        value = struct.pack("<H", value)
    if isinstance(value, str):
        value = value.encode()
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    return head(tag, vr, len(value), implicit=implicit) + value


def sequence(
    tag: int, items: Iterable[Sequence[bytes]], *, implicit: bool = False, undefined: bool = False, vr: str = "SQ"
) -> bytes:
    body = b""
    for elements in items:
        inner = b"".join(elements)
        if undefined:
            body += struct.pack("<HHL", 0xFFFE, 0xE000, UNDEFINED) + inner + struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
        else:
            body += struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
    if undefined:
        end = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
        return head(tag, vr, UNDEFINED, implicit=implicit) + body + end
    return head(tag, vr, len(body), implicit=implicit) + body


def fragments(*parts: bytes) -> bytes:
    body = struct.pack("<HHL", 0xFFFE, 0xE000, 0)
    for part in parts:
        body += struct.pack("<HHL", 0xFFFE, 0xE000, len(part)) + part
    return body + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


def meta(syntax: str, *, uid: str = "1.2.3.4.5", more: bytes = b"", preamble: bytes = bytes(128)) -> bytes:
    body = (
        element(0x00020001, "OB", b"\0\1")
        + element(0x00020002, "UI", DR)
        + element(0x00020003, "UI", uid)
        + element(0x00020010, "UI", syntax)
        + more
    )
    return preamble + b"DICM" + element(0x00020000, "UL", struct.pack("<L", len(body))) + body


def tag_of(encoded: bytes) -> int:
    group, number = struct.unpack_from("<HH", encoded)
    return int(group) << 16 | int(number)


def image_elements(*, implicit: bool = False, rows: int = 4, columns: int = 4, bits: int = 16) -> list[bytes]:
    def one(tag: int, vr: str, value: bytes | str | int) -> bytes:
        return element(tag, vr, value, implicit=implicit)

    return [
        one(0x00080016, "UI", DR),
        one(0x00080018, "UI", "1.2.3.4.5"),
        one(0x00080060, "CS", "DX"),
        one(0x0020000D, "UI", "1.2.3.4"),
        one(0x0020000E, "UI", "1.2.3.4.1"),
        one(0x00280002, "US", 1),
        one(0x00280004, "CS", "MONOCHROME2"),
        one(0x00280010, "US", rows),
        one(0x00280011, "US", columns),
        one(0x00280100, "US", bits),
        one(0x00280101, "US", bits),
        one(0x00280102, "US", bits - 1),
        one(0x00280103, "US", 0),
    ]


def film(
    extra: Iterable[bytes] = (),
    *,
    after: bytes = b"",
    syntax: str = EXPLICIT,
    pixels: bytes | None = None,
    file_meta: bytes | None = None,
    in_order: bool = True,
    without: Iterable[int] = (),
    rows: int = 4,
    columns: int = 4,
    bits: int = 16,
) -> bytes:
    """A whole file: a small film, and what ``extra`` brings; elements of the same tag replace those of the film."""
    implicit = syntax == IMPLICIT
    extra = list(extra)
    leave = {tag_of(each) for each in extra} | set(without)
    base = [
        each
        for each in image_elements(implicit=implicit, rows=rows, columns=columns, bits=bits)
        if tag_of(each) not in leave
    ]
    elements = base + extra
    if in_order:
        elements.sort(key=tag_of)
    if pixels is None:
        value = bytes(range(256)) * (rows * columns * bits // 8 // 256 + 1)
        vr = "OW" if bits > 8 else "OB"
        pixels = element(0x7FE00010, vr, value[: rows * columns * bits // 8], implicit=implicit)
    return (meta(syntax) if file_meta is None else file_meta) + b"".join(elements) + pixels + after


def encapsulated(*parts: bytes) -> bytes:
    return head(0x7FE00010, "OB", UNDEFINED) + fragments(*parts)
