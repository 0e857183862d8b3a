"""What rides sealed in a released file, as bytes (PS3.3 C.12.1.1.4, PS3.15 E.1.1).

Outside stands the Encrypted Attributes Sequence (0400,0500): an item for each sealed part, its content CMS in DER.
Inside, once opened, stands an Encrypted Attributes Data Set: one item of the Modified Attributes Sequence (0400,0550).
Either its private block holds a context and a patch, which leadglass alone understands, or it holds the original attributes
themselves, as any software reads them that keeps to the standard. This module knows how they are laid out, and no
cryptography. What is written is Explicit VR Little Endian; a file of another encoding has to be transcoded first.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

from leadglass.dicom.header import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    LONG_VRS,
    Element,
    Header,
    encode_element,
    explicit,
    is_explicit,
    walk,
)
from leadglass.dicom.plan import Plan, run
from leadglass.dicom.source import BytesSource
from leadglass.dicom.uids import uid_text
from leadglass.errors import InputError, MalformedError

PRIVATE_CREATOR = b"LEADGLASS SEAL 1.0"

ENCRYPTED_ATTRIBUTES = 0x0400_0500
_TRANSFER_SYNTAX = 0x0400_0510
_CONTENT = 0x0400_0520
_MODIFIED_ATTRIBUTES = 0x0400_0550
_CHARACTER_SET = 0x0008_0005
_CREATOR = 0x0099_0010
_CONTEXT = 0x0099_1001
_PATCH = 0x0099_1002
_PATCH_LENGTH = 0x0099_1003
_ITEM = 0xFFFE_E000
_ITEM_END = 0xFFFE_E00D
_SEQUENCE_END = 0xFFFE_E0DD

_LONG = frozenset({b"OB", b"SQ", b"UT"})
"""The value representations used here whose length has 32 bits (PS3.5 7.1.2)."""

_UNDEFINED = 0xFFFF_FFFF
_UTF_8 = b"ISO_IR 192"
_EXPLICIT = EXPLICIT_VR_LITTLE_ENDIAN.encode()


def encode_sealed(contents: Sequence[bytes]) -> bytes:
    """The whole element (0400,0500), tag to last byte, with an item for each of ``contents`` (CMS in DER).

    Raises:
        ValueError: there is no content, or one is not a single DER value.
        InputError: the sequence is too long for a data element.
    """
    if not contents or any(_der_length(content) != len(content) for content in contents):
        raise ValueError("a sequence is made of one or more contents, each a single DER value")
    syntax = _element(_TRANSFER_SYNTAX, b"UI", _EXPLICIT)
    return _sequence(ENCRYPTED_ATTRIBUTES, [syntax + _element(_CONTENT, b"OB", content) for content in contents])


def decode_sealed(element: bytes) -> tuple[bytes, ...]:
    """The contents that ``encode_sealed`` put into a whole element (0400,0500), each without its pad byte.

    Lengths may be undefined, as other software writes them anew. An item holds its two elements and nothing else.

    Raises:
        MalformedError: these bytes are no such element, from first to last.
    """
    contents = []
    for start, stop in _items(element, ENCRYPTED_ATTRIBUTES):
        syntax, after = _value(element, start, stop, tag=_TRANSFER_SYNTAX, vr=b"UI")
        content, after = _value(element, after, stop, tag=_CONTENT, vr=b"OB")
        if after != stop or syntax.rstrip(b"\x00") != _EXPLICIT:
            raise MalformedError(f"an item of (0400,0500) at byte {start} is not as leadglass writes it")
        length = _der_length(content)
        if length is None or content[length:] not in {b"", b"\x00"}:
            raise MalformedError(f"(0400,0520) of {len(content)} bytes is not one DER value with at most a pad byte")
        contents.append(content[:length])
    if not contents:
        raise MalformedError("(0400,0500) has no item")
    return tuple(contents)


def encode_attributes(*, context: bytes, patch: bytes, room: int = 0) -> bytes:
    """The Encrypted Attributes Data Set for one patch: the plaintext of one content.

    A patch shorter than ``room`` bytes is followed by zeros up to there: its length is a property of the film.

    ``context`` is JSON in UTF-8. Private creator (0099,0010), (0099,1001) UT context, (0099,1002) OB patch,
    (0099,1003) UL the patch's own length, for OB carries a pad byte where that is odd.

    Raises:
        ValueError: the context is no JSON object by its first and last byte.
        InputError: the patch is too long for a data element.
    """
    if not (context.startswith(b"{") and context.endswith(b"}")):
        raise ValueError("the context is a JSON object")
    item = b"".join(
        [
            _element(_CHARACTER_SET, b"CS", _UTF_8),
            _element(_CREATOR, b"LO", PRIVATE_CREATOR),
            _element(_CONTEXT, b"UT", context),
            _element(_PATCH, b"OB", patch.ljust(room, b"\0")),
            _element(_PATCH_LENGTH, b"UL", struct.pack("<I", len(patch))),
        ]
    )
    return _sequence(_MODIFIED_ATTRIBUTES, [item])


def decode_attributes(data: bytes) -> tuple[bytes, bytes]:
    """The context and the patch that ``encode_attributes`` put together.

    Raises:
        MalformedError: these are not exactly the bytes that ``encode_attributes`` writes.
    """
    items = list(_items(data, _MODIFIED_ATTRIBUTES))
    if len(items) != 1:
        raise MalformedError(f"(0400,0550) has {len(items)} items where one is due")
    at, stop = items[0]
    _, at = _value(data, at, stop, tag=_CHARACTER_SET, vr=b"CS")
    _, at = _value(data, at, stop, tag=_CREATOR, vr=b"LO")
    padded_context, at = _value(data, at, stop, tag=_CONTEXT, vr=b"UT")
    padded_patch, at = _value(data, at, stop, tag=_PATCH, vr=b"OB")
    length, at = _value(data, at, stop, tag=_PATCH_LENGTH, vr=b"UL")
    context, patch = padded_context.removesuffix(b" "), padded_patch[: int.from_bytes(length, "little")]
    # There is one encoding: whatever differs from it, a length, a pad byte or a further element, was not written here.
    if (
        not (context.startswith(b"{") and context.endswith(b"}"))
        or encode_attributes(context=context, patch=patch, room=len(padded_patch)) != data
    ):
        raise MalformedError("(0400,0550) is not as leadglass writes it")
    return context, patch


def sealed_items(header: Header, sequence: Element) -> tuple[tuple[str, bytes], ...]:
    """Transfer syntax and content (CMS) of each item of an Encrypted Attributes Sequence, whoever wrote it.

    Raises:
        MalformedError: it is no sequence, or an item lacks one of the two.
    """
    items = []
    for number, item in enumerate(sequence.items or ()):
        inside = {element.tag: element for element in item.elements}
        if _CONTENT not in inside or _TRANSFER_SYNTAX not in inside:
            raise MalformedError(f"item {number + 1} of (0400,0500) has no content or no transfer syntax")
        content = header.value(inside[_CONTENT])
        items.append((uid_text(header.value(inside[_TRANSFER_SYNTAX])), content[: _der_length(content)]))
    if not items:
        raise MalformedError("(0400,0500) has no item")
    return tuple(items)


def encode_items(items: Sequence[tuple[str, bytes]]) -> bytes:
    """The whole element (0400,0500) with items as ``sealed_items`` gave them, whatever their contents are.

    Raises:
        ValueError: there is no item.
        InputError: the sequence is too long for a data element.
    """
    if not items:
        raise ValueError("a sequence is made of one or more items")
    return _sequence(
        ENCRYPTED_ATTRIBUTES,
        [
            _element(_TRANSFER_SYNTAX, b"UI", syntax.encode()) + _element(_CONTENT, b"OB", content)
            for syntax, content in items
        ],
    )


def encode_original(elements: Mapping[int, tuple[str, bytes]], *, context: bytes | None = None) -> bytes:
    """The Encrypted Attributes Data Set that holds original attributes (VR, value): the plaintext of one content.

    ``context``, JSON in UTF-8, says in a private element which file they are of; other software would take it for one of
    them.

    Raises:
        InputError: they are too long for one item.
    """
    bound = {} if context is None else {_CREATOR: ("LO", PRIVATE_CREATOR), _CONTEXT: ("UT", context)}
    inside = {**elements, **bound}
    return _sequence(_MODIFIED_ATTRIBUTES, [b"".join(encode_element(tag, *inside[tag]) for tag in sorted(inside))])


def decode_original(data: bytes, *, transfer_syntax: str) -> tuple[bytes | None, Mapping[int, tuple[str, bytes]]]:
    """The context, where there is one, and the original attributes: VR and value in Explicit VR Little Endian.

    Raises:
        MalformedError: it is no data set of this transfer syntax, or has not one item of the Modified Attributes Sequence.
        InputError: it is beyond the bounds of ``header``.
    """
    syntax = encode_element(0x00020010, "UI", transfer_syntax.encode("ascii", "replace"))
    meta = encode_element(0x00020000, "UL", len(syntax).to_bytes(4, "little")) + syntax
    # A walk tells the encoding by the first element, and no file begins with group 0400.
    first = struct.pack("<HHL", 0x0008, 0x0005, 0)
    if transfer_syntax != IMPLICIT_VR_LITTLE_ENDIAN:
        first = encode_element(_CHARACTER_SET, "CS", b"")
    header = walk(BytesSource(bytes(128) + b"DICM" + meta + first + data))
    top = {element.tag: element for element in header.elements}
    items = top[_MODIFIED_ATTRIBUTES].items if _MODIFIED_ATTRIBUTES in top else None
    if items is None or len(items) != 1:
        raise MalformedError("the sealed attributes are not one item of (0400,0550)")
    found = {element.tag: element_value(header, element, signed=False) for element in items[0].elements}
    if any(tag >> 16 < 8 for tag in found):
        raise MalformedError("the sealed attributes hold one that belongs to no data set")
    if found.get(_CREATOR, ("", b""))[1].rstrip(b" ") != PRIVATE_CREATOR:
        return None, found
    del found[_CREATOR]
    return found.pop(_CONTEXT, ("UT", b""))[1].rstrip(b" "), found


def is_ours(data: bytes) -> bool:
    """Whether an Encrypted Attributes Data Set holds a patch as ``encode_attributes`` writes it, and not attributes."""
    return data.startswith(_element(_CHARACTER_SET, b"CS", _UTF_8) + _element(_CREATOR, b"LO", PRIVATE_CREATOR), 20)


def element_value(header: Header, element: Element, *, signed: bool) -> tuple[str, bytes]:
    """VR and value of an element as it stands in a file in Explicit VR Little Endian; a sequence's value is its items.

    Raises:
        MalformedError: pixels in fragments, which are no value.
    """
    if is_explicit(element):
        return element.vr, header.read(element.value, element.length)
    written = b"".join(run(Plan(tuple(explicit(header, element, signed=signed))), (header.source,)))
    vr = written[4:6].decode("ascii")
    return vr, written[12 if vr in LONG_VRS else 8 :]


def _tag(tag: int) -> bytes:
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF)


def _element(tag: int, vr: bytes, value: bytes) -> bytes:
    """One data element, its value padded to even length (PS3.5 6.2)."""
    if len(value) % 2:
        value += b" " if vr == b"UT" else b"\x00"
    if len(value) >= _UNDEFINED:
        raise InputError(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) is too long for a data element: {len(value)} bytes")
    head = struct.pack("<2sHI", vr, 0, len(value)) if vr in _LONG else struct.pack("<2sH", vr, len(value))
    return _tag(tag) + head + value


def _sequence(tag: int, items: Sequence[bytes]) -> bytes:
    if any(len(item) >= _UNDEFINED for item in items):
        raise InputError(f"an item of ({tag >> 16:04X},{tag & 0xFFFF:04X}) is too long for a data element")
    return _element(tag, b"SQ", b"".join(_tag(_ITEM) + struct.pack("<I", len(item)) + item for item in items))


def _value(data: bytes, at: int, stop: int, *, tag: int, vr: bytes) -> tuple[bytes, int]:
    """The value of the element that has to stand at ``at``, and the offset after it, not past ``stop``."""
    start, length = _header(data, at, tag=tag, vr=vr)
    if length > stop - start:
        raise MalformedError(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) at byte {at} has a length of {length}, past its end")
    return data[start : start + length], start + length


def _header(data: bytes, at: int, *, tag: int, vr: bytes) -> tuple[int, int]:
    """Where the value of the element at ``at`` starts, and how long it says it is."""
    size = 12 if vr in _LONG else 8
    head = data[at : at + size]
    if len(head) < size or head[:6] != _tag(tag) + vr:
        raise MalformedError(f"no ({tag >> 16:04X},{tag & 0xFFFF:04X}) {vr.decode()} at byte {at}")
    return at + size, int.from_bytes(head[8:] if vr in _LONG else head[6:], "little")


def _items(data: bytes, tag: int) -> Iterator[tuple[int, int]]:
    """Start and stop of each item's content in a whole sequence element that fills ``data``."""
    at, length = _header(data, 0, tag=tag, vr=b"SQ")
    if length not in {_UNDEFINED, len(data) - at}:
        raise MalformedError(
            f"({tag >> 16:04X},{tag & 0xFFFF:04X}) has a length of {length} where {len(data) - at} bytes follow"
        )
    while length == _UNDEFINED or at < len(data):
        if length == _UNDEFINED and at + 8 == len(data) and data[at:] == _tag(_SEQUENCE_END) + bytes(4):
            return
        start = at + 8
        if data[at : at + 4] != _tag(_ITEM) or start > len(data):
            raise MalformedError(f"no item of ({tag >> 16:04X},{tag & 0xFFFF:04X}) at byte {at}")
        inside = int.from_bytes(data[at + 4 : start], "little")
        stop, at = _item_end(data, start) if inside == _UNDEFINED else (start + inside, start + inside)
        if at > len(data):
            raise MalformedError(f"an item of ({tag >> 16:04X},{tag & 0xFFFF:04X}) at byte {start - 8} passes its end")
        yield start, stop


def _item_end(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of an item of undefined length stops, and the offset after its delimitation item."""
    start = at
    while (head := data[at : at + 12])[:4] != _tag(_ITEM_END):
        long = head[4:6] in _LONG
        length = int.from_bytes(head[8:12] if long else head[6:8], "little")
        at += (12 if long else 8) + length
        if at >= len(data):
            raise MalformedError(f"the item whose content starts at byte {start} has no end")
    if head[4:8] != bytes(4):
        raise MalformedError(f"the item delimitation at byte {at} has a length")
    return at, at + 8


def _der_length(content: bytes) -> int | None:
    """Bytes of the DER SEQUENCE (X.690 8.1.3, 10.1) that ``content`` starts with; None where there is none, whole."""
    if len(content) < 2 or content[0] != 0x30:
        return None
    if content[1] < 0x80:
        total = 2 + content[1]
    else:
        size = content[1] & 0x7F
        octets = content[2 : 2 + size]
        inside = int.from_bytes(octets, "big")
        # DER takes the shortest form; 0x80 alone would be BER's indefinite length.
        if not 1 <= size <= 8 or len(octets) < size or octets[0] == 0 or inside < 0x80:
            return None
        total = 2 + size + inside
    return total if total <= len(content) else None
