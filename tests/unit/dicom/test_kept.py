"""Received pixels in a new file: copied, turned where they were big endian, unused bits cleared and only those."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import imagecodecs
import numpy as np
import planting as p
import pytest
from hypothesis import given
from numpy.typing import NDArray

from leadglass.dicom.frames import decode, significant
from leadglass.dicom.header import Swapped, swapped, walk
from leadglass.dicom.instance import HeaderPlan, Identified, Received, image, received
from leadglass.dicom.kept import (
    PixelValue,
    StoredBits,
    UnusedBits,
    Watch,
    changed_pixels,
    compose_kept,
    kept_pixels,
    sources_of,
    with_stored_bits,
)
from leadglass.dicom.plan import Insert, Plan, run
from leadglass.dicom.source import BytesSource
from leadglass.errors import MalformedError

DX, SC = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.7"
RLE, JPEG_LS, JPEG_2000 = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"

ENCODINGS = [p.EXPLICIT, p.IMPLICIT, p.BIG_ENDIAN, p.DEFLATED]


def draft(
    syntax: str = p.EXPLICIT,
    *,
    rows: int = 3,
    columns: int = 5,
    bits: int = 16,
    stored: int | None = None,
    high_bit: int | None = None,
    signed: bool = False,
    samples: int = 1,
    frames: int | None = None,
) -> p.Draft:
    """An image without its pixels."""
    d = p.Draft("kept.dcm", syntax=syntax)
    d.sop_class, d.sop_instance = SC, "1.2.3.4.5"
    d.put(0x00080016, "UI", SC)
    d.put(0x00080018, "UI", "1.2.3.4.5")
    d.put(0x0020000D, "UI", "1.2.3")
    d.put(0x0020000E, "UI", "1.2.3.4")
    d.put(0x00280002, "US", samples)
    d.put(0x00280004, "CS", "RGB" if samples == 3 else "MONOCHROME2")
    if samples == 3:
        d.put(0x00280006, "US", 0)
    if frames is not None:
        d.put(0x00280008, "IS", frames)
    d.put(0x00280010, "US", rows)
    d.put(0x00280011, "US", columns)
    d.put(0x00280100, "US", bits)
    stored = bits if stored is None else stored
    d.put(0x00280101, "US", stored)
    d.put(0x00280102, "US", stored - 1 if high_bit is None else high_bit)
    d.put(0x00280103, "US", int(signed))
    return d


def deflated(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return bytes(stream.compress(body) + stream.flush())


def bytes_of(d: p.Draft) -> bytes:
    return d.sample(deflate=deflated if d.syntax == p.DEFLATED else None).data


def object_of(d: p.Draft) -> Received:
    return received(walk(BytesSource(bytes_of(d))))


def kept(object_: Received) -> PixelValue:
    pixels = kept_pixels(object_)
    assert pixels is not None
    return pixels


def written(object_: Received, pixels: PixelValue) -> bytes:
    """The value of the new pixel element, padding included."""
    value = b"".join(run(Plan(pixels.ops), sources_of(object_.source, pixels))) + pixels.padding
    stated = int.from_bytes(pixels.element_header[-4:], "little")
    assert stated in (len(value), 0xFFFFFFFF)
    return value


def watched(pixels: PixelValue, value: bytes) -> bool:
    assert pixels.unused is not None
    watch = Watch(pixels.unused)
    watch(value)
    return watch.found


# --- native values ----------------------------------------------------------------------------------------------------


# OB has no byte order, so that it holds no big endian samples of more than a byte.
SAMPLES = [
    (syntax, bits, vr)
    for syntax in ENCODINGS
    for bits in (8, 16, 32)
    for vr in ("OW", "OB")
    if syntax != p.BIG_ENDIAN or vr == "OW" or bits == 8
]


@pytest.mark.parametrize(("syntax", "bits", "vr"), SAMPLES)
def test_samples_come_out_as_they_were(syntax: str, bits: int, vr: str) -> None:
    samples = np.arange(15, dtype=f"u{bits // 8}") * 17
    stored = samples.astype(samples.dtype.newbyteorder(">" if syntax == p.BIG_ENDIAN else "<")).tobytes()
    if bits == 8 and vr == "OW" and syntax == p.BIG_ENDIAN:
        # Two samples in a word, the first one in its low byte (PS3.5 8.1.1).
        stored = swapped(stored + b"\0", 2)
    d = draft(syntax, bits=bits)
    d.put(0x7FE00010, vr, stored)
    object_ = object_of(d)
    value = written(object_, kept(object_))
    assert value == samples.astype(samples.dtype.newbyteorder("<")).tobytes() + bytes(bits // 8 % 2)


def test_what_lies_behind_the_samples_stays_behind() -> None:
    d = draft(rows=2, columns=2)
    d.put(0x7FE00010, "OW", bytes(range(8)) + b"Doe^Jane")
    object_ = object_of(d)
    assert (written(object_, kept(object_)), kept(object_).span[1]) == (bytes(range(8)), 8)


@pytest.mark.parametrize("frames", [None, 1, 3])
def test_every_frame_is_kept(frames: int | None) -> None:
    d = draft(rows=3, columns=3, bits=8, frames=frames)
    value = bytes(range(9 * (frames or 1)))
    d.put(0x7FE00010, "OB", value + b"x")
    object_ = object_of(d)
    assert written(object_, kept(object_)) == value + bytes(len(value) % 2)


@pytest.mark.parametrize(("bits", "length"), [(1, 2), (12, 23)])
def test_samples_that_are_no_whole_bytes_are_counted_in_bits(bits: int, length: int) -> None:
    d = draft(bits=bits, stored=bits)
    d.put(0x7FE00010, "OW", bytes(range(1, length + 1)) + b"Doe^Jane")
    object_ = object_of(d)
    assert kept(object_).span[1] == length


@pytest.mark.parametrize("tag", [0x7FE00008, 0x7FE00009])
@pytest.mark.parametrize("syntax", [p.EXPLICIT, p.IMPLICIT, p.BIG_ENDIAN])
def test_floating_point_pixels_are_kept(tag: int, syntax: str) -> None:
    vr, kind = ("OF", "f4") if tag == 0x7FE00008 else ("OD", "f8")
    values = np.linspace(-1.5, 2.5, 15, dtype=kind)
    d = draft(syntax)
    d.put(tag, vr, values.astype((">" if syntax == p.BIG_ENDIAN else "<") + kind).tobytes())
    object_ = object_of(d)
    assert written(object_, kept(object_)) == values.astype("<" + kind).tobytes()


def test_a_value_that_is_too_short_is_named_with_its_lengths() -> None:
    d = draft(rows=100, columns=100)
    d.put(0x7FE00010, "OW", bytes(100))
    with pytest.raises(MalformedError, match=r"\(7FE0,0010\) has length 100, and its image needs 20000"):
        kept_pixels(object_of(d))


@pytest.mark.parametrize("frames", ["-1", "two", "2\\2", "99999999999999999999"])
def test_a_number_of_frames_that_is_none_is_told_without_its_value(frames: str) -> None:
    d = draft(rows=100, columns=100)
    d.put(0x00280008, "IS", frames)
    d.put(0x7FE00010, "OW", bytes(30))
    with pytest.raises(MalformedError, match=r"\(7FE0,0010\)") as caught:
        kept_pixels(object_of(d))
    assert frames not in str(caught.value)


def test_pixels_that_nobody_can_measure_are_refused() -> None:
    d = p.Draft("bare.dcm")
    d.put(0x00080018, "UI", "1.2.3")
    d.put(0x7FE00010, "OW", bytes(30))
    with pytest.raises(MalformedError, match=r"\(7FE0,0010\) holds pixels"):
        kept_pixels(object_of(d))


@pytest.mark.parametrize("syntax", [p.EXPLICIT, JPEG_LS])
def test_an_encapsulated_value_where_a_native_one_belongs_and_the_other_way_round_is_refused(syntax: str) -> None:
    d = draft(syntax)
    if syntax == p.EXPLICIT:
        d.append(0x7FE00010, p.fragments([bytes(30)]))
    else:
        d.put(0x7FE00010, "OW", bytes(30))
    with pytest.raises(MalformedError, match=r"\(7FE0,0010\) is encapsulated"):
        kept_pixels(object_of(d))


def test_an_object_without_pixels_has_none() -> None:
    assert kept_pixels(object_of(draft())) is None


def test_nothing_of_the_pixels_is_read_before_they_are_written() -> None:
    d = draft(rows=200, columns=200)
    d.put(0x7FE00010, "OW", bytes(80_000))
    data = bytes_of(d)

    class Watched(BytesSource):
        read_of_pixels = 0

        def read(self, offset: int, length: int) -> bytes:
            self.read_of_pixels += max(0, offset + length - (len(data) - 80_000))
            return super().read(offset, length)

    source = Watched(data)
    kept_pixels(received(walk(source)))
    assert source.read_of_pixels == 0


# --- encapsulated values ----------------------------------------------------------------------------------------------


def coded(syntax: str, samples: NDArray[Any]) -> bytes:
    if syntax == JPEG_LS:
        return bytes(imagecodecs.jpegls_encode(samples))
    if syntax == JPEG_2000:
        stream = bytes(imagecodecs.jpeg2k_encode(samples, level=0, codecformat="j2k", reversible=True))
        # The encoder leaves a comment of its own.
        at = stream.index(b"\xff\x64")
        return stream[:at] + stream[at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big") :]
    planes = [samples >> 8, samples & 255] if samples.dtype.itemsize == 2 else [samples]
    segments = []
    for plane in planes:
        row = b"".join(bytes((columns.size - 1,)) + columns.astype(np.uint8).tobytes() for columns in plane)
        segments.append(row + bytes(len(row) % 2))
    offsets = np.cumsum([64, *map(len, segments)])[:-1]
    return struct.pack("<16L", len(segments), *offsets, *[0] * (15 - len(segments))) + b"".join(segments)


def decoded(object_: Received) -> list[NDArray[Any]]:
    picture = image(object_)
    return [frame.samples for frame in decode(picture.layout, picture.pixels, encapsulated=picture.encapsulated)]


FRAMES = [np.arange(60, dtype=np.uint16).reshape(6, 10) * 65 + number for number in range(3)]


@pytest.mark.parametrize("syntax", [RLE, JPEG_LS, JPEG_2000])
def test_code_streams_without_anything_else_are_copied(syntax: str) -> None:
    d = draft(syntax, rows=6, columns=10, frames=3)
    d.append(0x7FE00010, p.fragments([coded(syntax, frame) for frame in FRAMES]))
    object_ = object_of(d)
    pixels = kept(object_)
    assert (pixels.same, pixels.transfer_syntax) == (True, syntax)
    assert written(object_, pixels) == object_.header.value(object_.header.elements[-1])


@pytest.mark.parametrize("syntax", [JPEG_LS, JPEG_2000])
def test_comments_go_and_the_samples_stay(syntax: str) -> None:
    marker = b"\xff\xfe" if syntax == JPEG_LS else b"\xff\x64"
    text = b"\0\1Doe^Jane"
    streams = []
    for frame in FRAMES:
        stream = coded(syntax, frame)
        at = 2 if syntax == JPEG_LS else stream.index(b"\xff\x90")
        streams.append(stream[:at] + marker + (len(text) + 2).to_bytes(2, "big") + text + stream[at:])
    d = draft(syntax, rows=6, columns=10, frames=3)
    d.append(0x7FE00010, p.fragments(streams))
    object_ = object_of(d)
    pixels = kept(object_)
    value = written(object_, pixels)
    assert (pixels.same, b"Doe^Jane" in value) == (False, False)
    again = draft(syntax, rows=6, columns=10, frames=3)
    again.append(0x7FE00010, pixels.element_header + value)
    np.testing.assert_array_equal(decoded(object_of(again)), FRAMES)


# --- turning bytes ----------------------------------------------------------------------------------------------------


@given(st.binary(max_size=40), st.sampled_from([2, 4, 8]))
def test_turning_twice_gives_the_bytes_back(value: bytes, unit: int) -> None:
    assert swapped(swapped(value, unit), unit) == value


@given(st.binary(max_size=60), st.sampled_from([2, 3, 4, 8]), st.integers(0, 70), st.integers(0, 70), st.integers(0, 9))
def test_any_part_of_a_turned_source_is_that_part_of_the_whole(
    value: bytes, unit: int, offset: int, length: int, before: int
) -> None:
    turned = Swapped(BytesSource(bytes(before) + value), offset=before, length=len(value), unit=unit)
    assert turned.read(offset, length) == swapped(value, unit)[offset : offset + length]


# --- unused bits ------------------------------------------------------------------------------------------------------


@st.composite
def layouts(draw: st.DrawFn) -> UnusedBits:
    allocated = draw(st.sampled_from([8, 16, 32]))
    stored = draw(st.integers(1, allocated - 1))
    return UnusedBits(allocated, stored, draw(st.integers(stored - 1, allocated - 1)), draw(st.booleans()))


def expected(value: bytes, unused: UnusedBits) -> bytes:
    """Sample by sample: the stored bits alone, with copies of the sign above them where signed."""
    size, low = unused.allocated // 8, unused.high_bit + 1 - unused.stored
    out = b""
    for at in range(0, len(value) - len(value) % size, size):
        number = int.from_bytes(value[at : at + size], "little") >> low & ((1 << unused.stored) - 1)
        if unused.signed and number >> (unused.stored - 1):
            number -= 1 << unused.stored
        out += ((number << low) & ((1 << unused.allocated) - 1)).to_bytes(size, "little")
    return out + value[len(out) :]


def clean_of_zeros(value: bytes, unused: UnusedBits) -> bool:
    """Whether nothing but zeros stands outside the stored bits."""
    size, low = unused.allocated // 8, unused.high_bit + 1 - unused.stored
    mask = ((1 << unused.stored) - 1) << low
    return not any(int.from_bytes(value[at : at + size], "little") & ~mask for at in range(0, len(value), size))


@given(st.binary(max_size=48), layouts(), st.integers(0, 50), st.integers(0, 50))
def test_any_part_of_stored_bits_is_that_part_of_the_whole(
    value: bytes, unused: UnusedBits, offset: int, length: int
) -> None:
    source = StoredBits(BytesSource(value), unused)
    assert (source.size, source.read(offset, length)) == (len(value), expected(value, unused)[offset : offset + length])


@given(st.lists(st.binary(max_size=9)), layouts(), st.booleans())
def test_bits_that_hold_something_are_seen_over_any_boundary(pieces: list[bytes], unused: UnusedBits, cleared: bool) -> None:
    value = b"".join(pieces)
    value = value[: len(value) - len(value) % (unused.allocated // 8)]
    if cleared:
        value = expected(value, unused)
    watch = Watch(unused)
    at = 0
    for piece in pieces:
        watch(memoryview(value)[at : at + len(piece)])
        at += len(piece)
    if each_sample_is_clean(value, unused):
        assert not watch.found or mixed(value, unused)
    else:
        assert watch.found


def samples_of(value: bytes, unused: UnusedBits) -> list[bytes]:
    size = unused.allocated // 8
    return [value[at : at + size] for at in range(0, len(value), size)]


def each_sample_is_clean(value: bytes, unused: UnusedBits) -> bool:
    """Whether every sample has zeros, or copies of its sign, outside the stored bits."""
    return all(clean_of_zeros(each, unused) or expected(each, unused) == each for each in samples_of(value, unused))


def mixed(value: bytes, unused: UnusedBits) -> bool:
    """Whether some negative samples have copies of their sign there and others zeros, which may say something."""
    return not clean_of_zeros(value, unused) and expected(value, unused) != value


@pytest.mark.parametrize("syntax", ENCODINGS)
@pytest.mark.parametrize("signed", [False, True])
def test_unused_bits_that_hold_something_are_cleared_and_the_samples_stay(syntax: str, signed: bool) -> None:
    samples = (np.arange(15, dtype="<u2") * 273) & 0x0FFF
    received_ = samples | (np.arange(15, dtype="<u2") << 12)
    d = draft(syntax, stored=12, signed=signed)
    d.put(0x7FE00010, "OW", received_.astype(">u2" if syntax == p.BIG_ENDIAN else "<u2").tobytes())
    object_ = object_of(d)
    pixels = kept(object_)
    assert watched(pixels, written(object_, pixels))
    assert pixels.unused is not None
    value = written(object_, with_stored_bits(pixels, object_.source))
    assert value == expected(received_.tobytes(), pixels.unused)
    assert not watched(pixels, value)


@pytest.mark.parametrize(
    ("stored", "high_bit", "signed", "value"),
    [
        (12, 11, False, 0x0FFF),
        (12, 15, False, 0xFFF0),
        (12, 11, True, 0xFFFF),
        (12, 11, True, 0x07FF),
        (12, 11, True, 0x0FFF),
    ],
)
def test_samples_alone_are_no_reason_to_change_anything(stored: int, high_bit: int, signed: bool, value: int) -> None:
    d = draft(stored=stored, high_bit=high_bit, signed=signed)
    d.put(0x7FE00010, "OW", struct.pack("<H", value) * 15)
    object_ = object_of(d)
    assert not watched(kept(object_), written(object_, kept(object_)))


@pytest.mark.parametrize(
    "layout",
    [{"bits": 16}, {"bits": 1, "stored": 1}, {"bits": 16, "stored": 0, "high_bit": 0}, {"bits": 16, "stored": 17}],
)
def test_where_every_bit_counts_or_nobody_knows_nothing_is_cleared(layout: dict[str, int]) -> None:
    d = draft(**layout)  # type: ignore[arg-type] - numbers all of them
    d.put(0x7FE00010, "OW", b"\xff" * 30)
    pixels = kept(object_of(d))
    assert pixels.unused is None
    with pytest.raises(ValueError, match="every bit"):
        with_stored_bits(pixels, BytesSource(b""))


# --- changed frames and whole files -----------------------------------------------------------------------------------


def picture_of(d: p.Draft) -> Identified:
    return image(object_of(d))


@pytest.mark.parametrize("syntax", [p.EXPLICIT, p.IMPLICIT, p.BIG_ENDIAN, RLE, JPEG_LS])
def test_a_changed_frame_is_written_and_the_others_stay(syntax: str) -> None:
    d = draft(syntax, rows=6, columns=10, frames=3)
    if syntax in (RLE, JPEG_LS):
        d.append(0x7FE00010, p.fragments([coded(syntax, frame) for frame in FRAMES]))
    else:
        order = ">" if syntax == p.BIG_ENDIAN else "<"
        d.put(0x7FE00010, "OW", b"".join(frame.astype(f"{order}u2").tobytes() for frame in FRAMES))
    picture = picture_of(d)
    (_, second, _) = decode(picture.layout, picture.pixels, encapsulated=picture.encapsulated)
    new = np.full((6, 10), 4711, np.uint16)
    pixels = changed_pixels(picture, {1: significant(second, high_bit=15).with_samples(new)})
    again = draft(rows=6, columns=10, frames=3)
    again.append(0x7FE00010, pixels.element_header + written(picture, pixels))
    np.testing.assert_array_equal(decoded(object_of(again)), [FRAMES[0], new, FRAMES[2]])


def plan_of(object_: Received, elements: Sequence[tuple[int, bytes]]) -> HeaderPlan:
    ops = tuple((tag, (Insert(encoded),)) for tag, encoded in elements)
    return HeaderPlan(object_, "1.2.3.9", ops, (), ())


def composed(object_: Received, elements: Sequence[tuple[int, bytes]], pixels: PixelValue | None) -> bytes:
    parts = compose_kept(plan_of(object_, elements), pixels)
    return b"".join(run(Plan(parts.ops), sources_of(object_.source, pixels)))


def test_a_composed_file_has_its_elements_in_order_and_its_pixels_last() -> None:
    d = draft(rows=2, columns=2)
    d.put(0x7FE00010, "OW", bytes(range(8)))
    object_ = object_of(d)
    data = composed(object_, [(0x00080060, p.raw(0x00080060, "CS", b"DX"))], kept(object_))
    header = walk(BytesSource(data))
    assert [element.tag for element in header.elements] == [0x00080060, 0x7FE00010]
    assert (header.transfer_syntax, header.value(header.elements[-1])) == (p.EXPLICIT, bytes(range(8)))


def test_a_file_without_pixels_is_explicit_whatever_syntax_it_stated() -> None:
    object_ = object_of(draft(JPEG_LS))
    data = composed(object_, [(0x00080060, p.raw(0x00080060, "CS", b"SR"))], None)
    assert walk(BytesSource(data)).transfer_syntax == p.EXPLICIT


def test_what_describes_changed_pixels_takes_the_place_of_what_did() -> None:
    d = draft(rows=2, columns=2)
    d.put(0x7FE00010, "OW", bytes(range(8)))
    object_ = object_of(d)
    pixels = replace(kept(object_), describes={0x00280004: Insert(p.raw(0x00280004, "CS", b"RGB "))})
    elements = [
        (0x00080060, p.raw(0x00080060, "CS", b"DX")),
        (0x00280004, p.raw(0x00280004, "CS", b"YBR_FULL")),
        (0x00280010, p.raw(0x00280010, "US", b"\2\0")),
    ]
    header = walk(BytesSource(composed(object_, elements, pixels)))
    assert [element.tag for element in header.elements] == [0x00080060, 0x00280004, 0x00280010, 0x7FE00010]
    assert header.value(header.elements[1]) == b"RGB "


def test_big_endian_pixels_of_odd_length_end_with_their_own_last_byte() -> None:
    d = draft(p.BIG_ENDIAN, rows=1, columns=3, bits=8)
    # An element of odd length breaks the standard; what follows it is no part of the image.
    d.append(0x7FE00010, p.raw(0x7FE00010, "OW", b"\2\1\3", big=True))
    d.after = b"Doe^Jane"
    object_ = object_of(d)
    assert written(object_, kept(object_))[:2] == b"\1\2"
    assert b"D" not in written(object_, kept(object_))
