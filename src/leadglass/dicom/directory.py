"""DICOMDIR: directory records point at each other by byte offset in the file (PS3.3 F.2.2); these follow when it changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leadglass.dicom.header import Element, Header, Item, walk
from leadglass.dicom.source import BytesSource

MEDIA_STORAGE_DIRECTORY: Final = "1.2.840.10008.1.3.10"

_RECORDS: Final = 0x00041220
_POINTERS: Final = frozenset({0x00041200, 0x00041202, 0x00041400, 0x00041420, 0x00041504})
"""Offsets of first and last record of the root, of the next record, of the first below, and (retired) of an MRDR record."""


def relinked(written: bytes, received: Header) -> bytes:
    """A written DICOMDIR whose records, the same as those of ``received``, point at each other again.

    A pointer to where no record was points nowhere.
    """
    header = walk(BytesSource(written))
    old, new = _records(received), _records(header)
    places = {each.value - 8: other.value - 8 for each, other in zip(old, new, strict=True)}
    out = bytearray(written)
    for element in _pointers(header):
        was = int.from_bytes(out[element.value : element.value + 4], "little")
        out[element.value : element.value + 4] = places.get(was, 0).to_bytes(4, "little")
    return bytes(out)


def _records(header: Header) -> tuple[Item, ...]:
    # Where the sequence stands twice, the last one counts.
    return next((each.items or () for each in reversed(header.elements) if each.tag == _RECORDS), ())


def _pointers(header: Header) -> Iterator[Element]:
    for elements in (header.elements, *(item.elements for item in _records(header))):
        yield from (each for each in elements if each.tag in _POINTERS and each.length == 4)
