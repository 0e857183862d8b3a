"""DER (X.690): enough to write and to walk the CMS structures and key files of this room.

What is written is DER. What is read is walked once, without copies and without recursion, and a length that DER would write
otherwise is refused. Many programs stream CMS as BER with lengths left open; ``definite`` closes them first.
"""

from __future__ import annotations

from leadglass.errors import MalformedError

INTEGER, BIT_STRING, OCTETS, NULL, OID, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0x31

_CONSTRUCTED = 0x20
_MAX_DEPTH = 32
_MAX_ELEMENTS = 1 << 20
"""More than two gigabytes have in the pieces of 4096 bytes that OpenSSL writes."""
_END = b"\0\0"


class Reader:
    """Takes the elements of a DER value one after the other, within one stretch of the input."""

    def __init__(self, data: bytes | memoryview, at: int = 0, stop: int | None = None) -> None:
        self._data, self.at = memoryview(data), at
        self.stop = len(data) if stop is None else stop

    @property
    def done(self) -> bool:
        return self.at == self.stop

    @property
    def tag(self) -> int | None:
        """The tag of the next element; None at the end."""
        return None if self.done else self._data[self.at]

    def take(self, tag: int | None = None) -> Reader:
        """The contents of the next element, which has that tag.

        Raises:
            MalformedError: another tag, no element, a length that is not DER or leads out of the stretch.
        """
        start = self.at
        if self.stop - start < 2 or (tag is not None and self._data[start] != tag) or self._data[start] & 0x1F == 0x1F:
            raise MalformedError(f"CMS: not the element that belongs at offset {start}")
        length, contents = self._data[start + 1], start + 2
        if length >= 0x80:
            count = length - 0x80
            encoded = bytes(self._data[contents : min(contents + count, self.stop)])
            length, contents = int.from_bytes(encoded, "big"), contents + count
            if not 0 < count <= 8 or len(encoded) != count or encoded[0] == 0 or length < 0x80:
                raise MalformedError(f"CMS: the length at offset {start + 1} is not DER")
        if length > self.stop - contents:
            raise MalformedError(f"CMS: the element at offset {start} is longer than what is there")
        self.at = contents + length
        return Reader(self._data, contents, self.at)

    def take_whole(self, tag: int | None = None) -> bytes:
        """The next element with its tag and length.

        Raises:
            MalformedError: as in ``take``.
        """
        start = self.at
        self.take(tag)
        return bytes(self._data[start : self.at])

    def take_bits(self) -> bytes:
        """The contents of the next element, a BIT STRING of whole bytes.

        Raises:
            MalformedError: as in ``take``, or unused bits.
        """
        start, bits = self.at, self.take(BIT_STRING).octets
        if bits[:1] != b"\0":
            raise MalformedError(f"CMS: the bit string at offset {start} is not one of whole bytes")
        return bits[1:]

    def take_small(self) -> int:
        """The next element, an INTEGER from 0 to 65535.

        Raises:
            MalformedError: as in ``take``, or another number.
        """
        start, number = self.at, self.take(INTEGER).octets
        value = int.from_bytes(number, "big", signed=True)
        if not number or number != integer_octets(value) or not 0 <= value <= 0xFFFF:
            raise MalformedError(f"CMS: not the number that belongs at offset {start}")
        return value

    @property
    def view(self) -> memoryview:
        return self._data[self.at : self.stop]

    @property
    def octets(self) -> bytes:
        return bytes(self.view)

    def check_done(self) -> None:
        """Raises MalformedError where something follows."""
        if not self.done:
            raise MalformedError(f"CMS: nothing belongs at offset {self.at}")


def element(tag: int, *contents: bytes | memoryview) -> bytes:
    """An element with those contents, joined."""
    joined = b"".join(contents)
    return head(tag, len(joined)) + joined


def head(tag: int, length: int) -> bytes:
    """Tag and length of an element whose contents follow."""
    if length < 0x80:
        return bytes([tag, length])
    encoded = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(encoded)]) + encoded


def integer(value: int) -> bytes:
    """An INTEGER that is not negative."""
    return element(INTEGER, integer_octets(value))


def integer_octets(value: int) -> bytes:
    """The contents of an INTEGER."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def bit_string(octets: bytes) -> bytes:
    """A BIT STRING of whole bytes."""
    return element(BIT_STRING, b"\0", octets)


def set_of(*elements: bytes) -> bytes:
    """A SET OF, in the order that DER gives its elements (X.690 section 11.6)."""
    return element(SET, *sorted(elements))


def definite(ber: bytes) -> bytes:
    """One BER element with every length written out, and OCTET STRINGs that came in pieces joined.

    What has a length of its own comes back unchanged. The pieces of a string under an implicit tag stay apart: only who
    knows the structure knows that it is one. One zero byte behind the element goes: values of DICOM are padded so, and
    nobody else can tell where an element of open length ends.

    Raises:
        MalformedError: the element ends too early or too late, is nested deeper than 32 times, or has over a million parts.
    """
    if len(ber) < 2 or ber[1] != 0x80:
        return ber
    # Outermost first: the tag of each element that is open, where it ends (None: at its end mark), and its contents so far.
    opened: list[tuple[int, int | None, list[bytes]]] = []
    at, count, done = 0, 0, list[bytes]()
    while not done:
        if opened and (opened[-1][1] == at or (opened[-1][1] is None and ber[at : at + 2] == _END)):
            tag, stop, pieces = opened.pop()
            at += 2 if stop is None else 0
            (opened[-1][2] if opened else done).append(_closed(tag, pieces))
            continue
        tag, length, contents = _ber_head(ber, at)
        count += 1
        limit = next((stop for _, stop, _ in reversed(opened) if stop is not None), len(ber))
        if contents + (length or 0) > limit:
            raise MalformedError(f"CMS: the element at offset {at} is longer than what is there")
        if len(opened) >= _MAX_DEPTH or count > _MAX_ELEMENTS:
            raise MalformedError(f"CMS: the element at offset {at} is nested too deep, or one too many")
        if tag & _CONSTRUCTED:
            opened.append((tag, None if length is None else contents + length, []))
            at = contents
        elif length is None:
            raise MalformedError(f"CMS: the length at offset {at + 1} is open, but its element is primitive")
        else:
            at = contents + length
            opened[-1][2].append(element(tag, ber[contents:at]))
    if ber[at:] not in (b"", b"\0"):
        raise MalformedError(f"CMS: nothing belongs at offset {at}")
    return done[0]


def _ber_head(ber: bytes, at: int) -> tuple[int, int | None, int]:
    """Tag, length (None: open) and where the contents begin."""
    if len(ber) - at < 2 or ber[at] & 0x1F == 0x1F:
        raise MalformedError(f"CMS: not the element that belongs at offset {at}")
    length, contents = ber[at + 1], at + 2
    if length == 0x80:
        return ber[at], None, contents
    if length > 0x80:
        count = length - 0x80
        if count > 8 or len(ber) - contents < count:
            raise MalformedError(f"CMS: the length at offset {at + 1} is not BER")
        length, contents = int.from_bytes(ber[contents : contents + count], "big"), contents + count
    return ber[at], length, contents


def _closed(tag: int, pieces: list[bytes]) -> bytes:
    """An element of those elements, or the OCTET STRING that they are pieces of."""
    if tag == OCTETS | _CONSTRUCTED:
        return element(OCTETS, *(Reader(piece).take(OCTETS).octets for piece in pieces))
    return element(tag, *pieces)
