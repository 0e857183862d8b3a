"""The walk over encoded elements: every encoding it takes, and every way in which a file can be broken."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Iterator

import hostile as h
import planting as p
import pydicom
import pytest

from leadglass.dicom.header import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_INFLATED,
    MAX_TRAILING,
    Element,
    Header,
    encode_element,
    explicit,
    explicit_vr,
    walk,
)
from leadglass.dicom.plan import Plan, run
from leadglass.dicom.source import BytesSource, Source
from leadglass.errors import InputError, MalformedError, NotDicomError, UnsupportedPixelsError


class Watched:
    """A source that remembers what was read of it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)
        self.ranges: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> bytes:
        self.ranges.append((offset, offset + length))
        return self._data[offset : offset + length]


def tags(data: bytes) -> list[int]:
    return [element.tag for element in walk(BytesSource(data)).elements]


@pytest.mark.parametrize("syntax", [h.EXPLICIT, h.IMPLICIT])
def test_the_elements_are_those_that_pydicom_finds(syntax: str) -> None:
    data = h.film(syntax=syntax)
    assert tags(data) == [int(element.tag) for element in pydicom.dcmread(io.BytesIO(data))]


def test_values_lie_where_the_walk_says() -> None:
    header = walk(BytesSource(h.film()))
    assert {element.tag: header.value(element) for element in header.elements}[0x00080060] == b"DX"


@pytest.mark.parametrize("syntax", [h.EXPLICIT, h.IMPLICIT])
def test_a_file_without_preamble_and_meta_is_read(syntax: str) -> None:
    header = walk(BytesSource(h.film(syntax=syntax, file_meta=b"")))
    assert (header.transfer_syntax, header.preamble, header.meta) == (syntax, False, ())


def test_a_file_meta_without_preamble_is_read() -> None:
    assert len(walk(BytesSource(h.film(file_meta=h.meta(h.EXPLICIT)[132:]))).meta) == 5


@pytest.mark.parametrize("syntax", [h.EXPLICIT, h.IMPLICIT])
@pytest.mark.parametrize("undefined", [True, False])
def test_sequences_nest(syntax: str, undefined: bool) -> None:
    implicit = syntax == h.IMPLICIT
    inner = h.element(0x00080050, "SH", "A1", implicit=implicit)
    middle = h.sequence(0x00400008, [[inner], []], implicit=implicit, undefined=undefined)
    data = h.film([h.sequence(0x00400275, [[middle]], implicit=implicit, undefined=undefined)], syntax=syntax)
    header = walk(BytesSource(data))
    outer = next(element for element in header.elements if element.tag == 0x00400275)
    assert outer.items is not None
    found = outer.items[0].elements[0].items
    assert found is not None
    assert header.value(found[0].elements[0]) == b"A1"


def test_a_un_of_undefined_length_holds_implicit_vr() -> None:
    inner = h.element(0x00080050, "SH", "A1", implicit=True)
    header = walk(BytesSource(h.film([h.sequence(0x00091010, [[inner]], undefined=True, vr="UN")])))
    private = next(element for element in header.elements if element.tag == 0x00091010)
    assert private.items is not None
    assert private.items[0].elements[0].vr == "SH"


def test_a_un_of_an_attribute_of_the_standard_has_the_vr_of_the_dictionary() -> None:
    header = walk(BytesSource(h.film([h.element(0x00100010, "UN", "Doe^J")])))
    assert next(element.vr for element in header.elements if element.tag == 0x00100010) == "PN"


def test_a_un_that_only_might_be_a_sequence_is_no_error() -> None:
    header = walk(BytesSource(h.film([h.element(0x00400275, "UN", b"no items here")])))
    assert next(element.items for element in header.elements if element.tag == 0x00400275) is None


def test_elements_after_the_pixels_are_found() -> None:
    data = h.film(after=h.element(0xFFFCFFFC, "OB", bytes(10)))
    assert tags(data)[-2:] == [0x7FE00010, 0xFFFCFFFC]


def test_bytes_after_the_data_set_are_no_elements() -> None:
    data = h.film(after=b"Doe John lives here")
    assert walk(BytesSource(data)).trailing == data.index(b"Doe John")


@pytest.mark.parametrize("parts", [(b"",), (b"ab", b"", b"cdef"), (b"x" * 9000, b"y" * 10, b"z" * 9000)])
def test_fragments_are_stepped_over(parts: tuple[bytes, ...]) -> None:
    data = h.film(syntax=h.JPEG_2000, pixels=h.encapsulated(*parts), after=h.element(0xFFFCFFFC, "OB", b"ab"))
    header = walk(BytesSource(data))
    assert [header.value(element) for element in header.elements[-2:]] == [h.fragments(*parts), b"ab"]


def test_nothing_of_the_pixels_is_read() -> None:
    source = Watched(h.film(rows=64, columns=64))
    pixel = walk(source).elements[-1]
    assert all(stop <= pixel.value or start >= pixel.value + pixel.length for start, stop in source.ranges)


@pytest.mark.parametrize("data", [b"", b"x", b"# a text file\n" * 40, b"\x89PNG\r\n\x1a\n" + bytes(300), bytes(4096)])
def test_what_is_no_dicom_is_not_taken(data: bytes) -> None:
    with pytest.raises(NotDicomError):
        walk(BytesSource(data))


@pytest.mark.parametrize(
    "syntax",
    ["1.2.3", "1.2.840.113619.5.2"],
    ids=["unknown", "private"],
)
def test_an_unsupported_transfer_syntax_is_named(syntax: str) -> None:
    with pytest.raises(UnsupportedPixelsError, match=syntax.replace(".", r"\.")):
        walk(BytesSource(h.film(file_meta=h.meta(syntax))))


def test_a_transfer_syntax_that_is_no_uid_is_not_repeated() -> None:
    with pytest.raises(UnsupportedPixelsError) as caught:
        walk(BytesSource(h.film(file_meta=h.meta("Doe^John"))))
    assert "Doe" not in str(caught.value)


HOSTILE = [
    h.element(0x00100010, "PN", "Zqxw^Zqxv"),
    h.sequence(0x00400275, [[h.element(0x00080050, "SH", "Zqxu")]], undefined=True),
]


@pytest.mark.parametrize("syntax", [h.EXPLICIT, h.IMPLICIT])
def test_a_file_cut_anywhere_is_malformed_or_shorter_and_names_no_value(syntax: str) -> None:
    data = h.film(HOSTILE if syntax == h.EXPLICIT else (), syntax=syntax)
    messages: list[str] = []
    for stop in range(140, len(data)):
        try:
            elements = walk(BytesSource(data[:stop])).elements
        except MalformedError as error:
            messages.append(str(error))
        else:
            # A cut between two elements, or in the tag of the next, leaves a well-formed file without pixels.
            assert 0 <= stop - elements[-1].end < 8
    assert len(messages) > 200
    assert all("offset" in message and "Zqx" not in message for message in messages)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (h.head(0x00091010, "OB", 0x7FFFFFFF), r"\(0009,1010\) OB of length 2147483647 at offset"),
        (h.head(0x00091010, "LO", 0xFFFE), r"\(0009,1010\) LO of length 65534"),
        (struct.pack("<HH2sH", 0x0010, 0x0010, b"ZZ", 2) + b"ab", r"\(0010,0010\) has no VR"),
        (h.head(0x00100010, "UT", h.UNDEFINED), r"\(0010,0010\) UT has undefined length"),
        (h.head(0x00081140, "SQ", h.UNDEFINED), "holds something that is no item"),
    ],
)
def test_broken_elements_are_named(bad: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        walk(BytesSource(h.film([bad], in_order=False)))


@pytest.mark.parametrize(
    "inside",
    [struct.pack("<HHL", 0xFFFE, 0xE000, 100), b"abcd", struct.pack("<HHL", 0xFFFE, 0xE00D, 0)],
    ids=["item beyond the end", "cut off", "no item"],
)
def test_a_sequence_that_cannot_be_read_has_no_items(inside: bytes) -> None:
    data = h.film([h.head(0x00081140, "SQ", len(inside)) + inside])
    (sequence,) = (each for each in walk(BytesSource(data)).elements if each.tag == 0x00081140)
    assert sequence.items is None


def test_items_in_the_other_vr_are_read_as_what_they_are() -> None:
    implicit = struct.pack("<HHL", 0x0008, 0x1155, 4) + b"1.2\0"
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(implicit)) + implicit
    data = h.film([h.head(0x00081140, "SQ", len(item)) + item])
    (sequence,) = (each for each in walk(BytesSource(data)).elements if each.tag == 0x00081140)
    assert sequence.items
    assert [(each.tag, each.verbatim) for each in sequence.items[0].elements] == [(0x00081155, False)]


def nested(depth: int, *, undefined: bool) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = h.sequence(0x00400275, [[inner]], undefined=undefined)
    return inner


def test_sequences_may_nest_as_deep_as_the_limit() -> None:
    assert 0x00400275 in tags(h.film([nested(MAX_DEPTH, undefined=True)]))


@pytest.mark.parametrize("undefined", [True, False])
def test_sequences_nested_deeper_are_refused(undefined: bool) -> None:
    with pytest.raises(MalformedError, match="nested deeper"):
        walk(BytesSource(h.film([nested(MAX_DEPTH + 1, undefined=undefined)])))


def test_endless_nesting_is_refused_before_the_stack_ends() -> None:
    opening = h.head(0x00400275, "SQ", h.UNDEFINED) + struct.pack("<HHL", 0xFFFE, 0xE000, h.UNDEFINED)
    with pytest.raises(MalformedError, match="nested deeper"):
        walk(BytesSource(h.film([opening * 20_000], in_order=False)))


def test_too_many_elements_are_refused() -> None:
    data = h.film([h.element(0x00091010, "LO", "") * (MAX_ELEMENTS + 1)], in_order=False)
    with pytest.raises(InputError, match="more than 500000"):
        walk(BytesSource(data))


class Huge:
    """A file of 3 GiB of which only the beginning exists."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = 3 << 30

    def read(self, offset: int, length: int) -> bytes:
        assert length < 1 << 20
        return self._data[offset : offset + length].ljust(length, b"\0")


def test_a_header_of_gigabytes_is_refused_before_it_is_read() -> None:
    data = h.film([h.head(0x00091010, "OB", 2 << 30)], in_order=False)
    with pytest.raises(InputError, match="header is larger"):
        walk(Huge(data))


@pytest.mark.parametrize(
    ("vr", "length", "signed", "expected"),
    [
        ("US or SS", 2, True, "SS"),
        ("US or SS", 2, False, "US"),
        ("OB or OW", 2, False, "OW"),
        ("US or OW", 512, False, "US"),
        ("US or OW", 131072, False, "OW"),
        ("LO", 70000, False, "UN"),
        ("UT", 70000, False, "UT"),
    ],
)
def test_a_choice_of_vr_is_settled(vr: str, length: int, signed: bool, expected: str) -> None:
    assert explicit_vr(vr, length, signed=signed) == expected


def test_text_is_padded_with_a_space_and_a_uid_with_nul() -> None:
    assert (encode_element(0x00080060, "CS", b"ABC")[-1:], encode_element(0x00080018, "UI", b"1")[-1:]) == (b" ", b"\0")


def test_an_implicit_header_becomes_explicit() -> None:
    inner = h.element(0x00080050, "SH", "A1", implicit=True)
    data = h.film([h.sequence(0x00400275, [[inner]], implicit=True, undefined=True)], syntax=h.IMPLICIT)
    header = walk(BytesSource(data))
    ops = [op for element in header.elements[:-1] for op in explicit(header, element, signed=False)]
    out = h.meta(h.EXPLICIT) + b"".join(run(Plan(tuple(ops)), (BytesSource(data),)))
    expected = pydicom.dcmread(io.BytesIO(data))
    del expected.PixelData
    assert pydicom.dcmread(io.BytesIO(out)) == expected


# --- other encodings, and files that are in another one than they say -------------------------------------------------

EVERY_SYNTAX = [p.EXPLICIT, p.IMPLICIT, p.BIG_ENDIAN, p.DEFLATED]


def deflated(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


def small(syntax: str, *, undefined: bool = False, pixels: bytes = bytes(range(8))) -> p.Draft:
    """Values of every width, a sequence, and pixels."""
    d = p.Draft("small.dcm", syntax=syntax, charset="ISO_IR 192", encode=p.UTF_8)
    d.sop_class, d.sop_instance = h.DR, "1.2.3.4.5"
    d.put(0x00080016, "UI", h.DR)
    d.put(0x00080018, "UI", "1.2.3.4.5")
    d.put(0x00080060, "CS", "DX")
    d.put(0x00100010, "PN", "Doe^Jane")
    d.put(0x00189327, "FD", [1.5, -2.25])
    (item,) = d.items(0x00400275, undefined=undefined)
    item.put(0x00400007, "LO", "chest")
    item.put(0x00280010, "US", 513)
    d.put(0x00280009, "AT", [0x00181063])
    d.put(0x00280010, "US", 258)
    d.put(0x00280103, "US", 1)
    d.put(0x00280106, "SS", -2)
    d.put(0x00289001, "UL", 0x01020304)
    d.put(0x0040A124, "UI", "1.2.3")
    d.put(0x7FE00010, "OW", pixels)
    return d


def bytes_of(d: p.Draft) -> bytes:
    return d.sample(deflate=deflated if d.syntax == p.DEFLATED else None).data


def values(header: Header) -> list[tuple[int, bytes]]:
    """Tags and values of all elements below the pixels, as they would stand in a little endian file."""

    def below(elements: tuple[Element, ...]) -> Iterator[tuple[int, bytes]]:
        for element in elements:
            if element.items is None:
                yield element.tag, header.value(element)
            for item in element.items or ():
                yield from below(item.elements)

    return list(below(header.elements[:-1]))


@pytest.mark.parametrize("syntax", EVERY_SYNTAX)
@pytest.mark.parametrize("undefined", [True, False])
def test_every_encoding_says_the_same(syntax: str, undefined: bool) -> None:
    header = walk(BytesSource(bytes_of(small(syntax, undefined=undefined))))
    assert values(header) == values(walk(BytesSource(bytes_of(small(p.EXPLICIT)))))
    assert (header.stated, header.big, header.implicit) == (syntax, syntax == p.BIG_ENDIAN, syntax == p.IMPLICIT)
    assert header.transfer_syntax == (p.EXPLICIT if syntax == p.DEFLATED else syntax)


@pytest.mark.parametrize("syntax", EVERY_SYNTAX)
@pytest.mark.parametrize("undefined", [True, False])
def test_every_encoding_becomes_explicit_as_pydicom_reads_it(syntax: str, undefined: bool) -> None:
    data = bytes_of(small(syntax, undefined=undefined))
    header = walk(BytesSource(data))
    ops = [op for element in header.elements[:-1] for op in explicit(header, element, signed=True)]
    out = h.meta(h.EXPLICIT) + b"".join(run(Plan(tuple(ops)), (header.source,)))
    expected = pydicom.dcmread(io.BytesIO(data))
    del expected.PixelData
    written = pydicom.dcmread(io.BytesIO(out))
    assert [str(element) for element in written.iterall()] == [str(element) for element in expected.iterall()]


@pytest.mark.parametrize("stated", [*EVERY_SYNTAX[:3], h.JPEG_2000])
@pytest.mark.parametrize("actual", EVERY_SYNTAX[:3])
def test_a_file_is_read_as_what_it_is_whatever_it_states(stated: str, actual: str) -> None:
    d = small(actual)
    body = d.encoded()
    d.syntax = stated
    header = walk(BytesSource(d.preamble + b"DICM" + d.file_meta() + body))
    assert values(header) == values(walk(BytesSource(bytes_of(small(p.EXPLICIT)))))
    assert header.stated == stated
    if stated != h.JPEG_2000:
        assert header.transfer_syntax == actual


@pytest.mark.parametrize("syntax", EVERY_SYNTAX[:3])
@pytest.mark.parametrize("preamble", [b"", bytes(128) + b"DICM"])
def test_a_file_without_meta_is_read_as_what_it_is(syntax: str, preamble: bytes) -> None:
    header = walk(BytesSource(preamble + small(syntax).encoded()))
    assert (header.transfer_syntax, header.stated) == (syntax, syntax)


def test_file_meta_in_implicit_vr_is_read() -> None:
    elements = [
        h.element(0x00020002, "UI", h.DR, implicit=True),
        h.element(0x00020003, "UI", "1.2.3", implicit=True),
        h.element(0x00020010, "UI", h.EXPLICIT, implicit=True),
    ]
    header = walk(BytesSource(h.film(file_meta=bytes(128) + b"DICM" + b"".join(elements))))
    assert [element.tag for element in header.meta] == [0x00020002, 0x00020003, 0x00020010]
    assert (header.transfer_syntax, header.elements[0].tag) == (h.EXPLICIT, 0x00080016)


@pytest.mark.parametrize("length", [0, 1, 2, 40, 2**31])
def test_a_group_length_that_lies_moves_nothing(length: int) -> None:
    data = h.film()
    at = data.index(b"UL\x04\0") + 4
    lying = data[:at] + struct.pack("<L", length) + data[at + 4 :]
    assert [element.tag for element in walk(BytesSource(lying)).elements] == tags(data)


@pytest.mark.parametrize("implicit", [True, False])
def test_items_of_the_other_vr_become_explicit(implicit: bool) -> None:
    inner = h.element(0x00081155, "UI", "1.2", implicit=not implicit)
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
    data = h.film(
        [h.head(0x00081140, "SQ", len(item), implicit=implicit) + item], syntax=h.IMPLICIT if implicit else h.EXPLICIT
    )
    header = walk(BytesSource(data))
    (sequence,) = (each for each in header.elements if each.tag == 0x00081140)
    out = b"".join(run(Plan(tuple(explicit(header, sequence, signed=False))), (header.source,)))
    assert out == h.sequence(0x00081140, [[h.element(0x00081155, "UI", "1.2")]])


@pytest.mark.parametrize(
    "after", [b"\0", b"\0" * 9, b"4711 0815 " * 3, b"\xff" * 40, struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)]
)
@pytest.mark.parametrize("pixels", [True, False])
def test_bytes_behind_are_told_from_elements(after: bytes, pixels: bool) -> None:
    data = h.film(pixels=None if pixels else b"")
    header = walk(BytesSource(data + after))
    assert [element.tag for element in header.elements] == tags(data)
    assert header.trailing == len(data)


def test_more_bytes_behind_than_anybody_leaves_are_malformed() -> None:
    with pytest.raises(MalformedError, match="no data element begins at offset"):
        walk(BytesSource(h.film(pixels=b"") + bytes(MAX_TRAILING + 1)))


def test_bytes_behind_the_pixels_are_not_held_in_memory() -> None:
    data = h.film(after=bytes(30 << 20))
    tracemalloc.start()
    header = walk(BytesSource(data))
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert header.trailing == len(data) - (30 << 20)
    assert held < 1 << 20


@pytest.mark.parametrize(
    "broken",
    [lambda body: body[:-3], lambda body: b"\xff" + body, lambda body: body[:40] + b"\0" * 40 + body[80:], lambda _: b""],
    ids=["cut", "no stream", "damaged", "empty"],
)
def test_a_deflated_data_set_that_is_broken_is_malformed(broken: object) -> None:
    assert callable(broken)
    d = small(p.DEFLATED)
    with pytest.raises(MalformedError, match=r"offset|no end"):
        walk(BytesSource(d.preamble + b"DICM" + d.file_meta() + broken(deflated(d.encoded()))))


def test_a_deflated_data_set_of_gigabytes_is_refused_while_it_is_inflated() -> None:
    d, stream = small(p.DEFLATED), zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    body = stream.compress(p.head(0x00091001, "OB", 3 << 30))
    body += b"".join(stream.compress(bytes(1 << 20)) for _ in range((MAX_INFLATED >> 20) + 1)) + stream.flush()
    with pytest.raises(InputError, match="deflated data set is larger"):
        walk(BytesSource(d.preamble + b"DICM" + d.file_meta() + body))


def test_an_inflated_data_set_goes_where_it_is_told_piece_by_piece() -> None:
    sizes: list[int] = []

    def spool(pieces: Iterator[bytes]) -> Source:
        held = b""
        for piece in pieces:
            sizes.append(len(piece))
            held += piece
        return BytesSource(held)

    header = walk(BytesSource(bytes_of(small(p.DEFLATED, pixels=bytes(5 << 20)))), spool=spool)
    assert max(sizes) <= 1 << 20
    assert header.elements[-1].length == 5 << 20


@pytest.mark.parametrize("syntax", EVERY_SYNTAX)
def test_every_encoding_cut_anywhere_is_an_error_without_values_or_shorter(syntax: str) -> None:
    data = bytes_of(small(syntax))
    whole = walk(BytesSource(data)).elements
    told: list[str] = []
    for stop in range(len(data)):
        try:
            elements = walk(BytesSource(data[:stop])).elements
        except InputError as error:
            told.append(str(error))
        else:
            assert [each.tag for each in elements] == [each.tag for each in whole[: len(elements)]]
    assert len(told) > len(data) // 2
    assert [message for message in told if "Doe" in message or "chest" in message] == []
