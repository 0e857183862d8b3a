"""Code streams from real encoders, with names in every place that decoding does not need."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from leadglass.dicom.codestream import CODED, by_frame, fragments, rewrite, segments, strip
from leadglass.dicom.plan import Plan, run
from leadglass.dicom.source import BytesSource
from leadglass.errors import LeadglassError, MalformedError, UnsupportedPixelsError

NAME = b"Doe^Jane 19700101"
COM = b"\xff\xfe" + struct.pack(">H", 2 + len(NAME)) + NAME
EXIF = b"\xff\xe1" + struct.pack(">H", 8 + len(NAME)) + b"Exif\0\0" + NAME
COM_2000 = b"\xff\x64" + struct.pack(">HH", 4 + len(NAME), 1) + NAME
RAMP = (np.add.outer(np.arange(48), np.arange(40)) * 2 % 251).astype(np.uint8)
COLOUR = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=-1)
DEEP = RAMP.astype(np.uint16) * 16

Encode = Callable[..., bytes]


def syntax(number: int) -> str:
    return f"1.2.840.10008.1.2.4.{number}"


def samples(stream: bytes, number: int) -> NDArray[Any]:
    decode = {80: imagecodecs.jpegls_decode, 90: imagecodecs.jpeg2k_decode, 201: imagecodecs.jpeg2k_decode}
    decoded: NDArray[Any] = decode.get(number, imagecodecs.jpeg8_decode)(stream)
    return decoded


def encoded(number: int, picture: NDArray[Any]) -> bytes:
    encode: dict[int, Callable[[NDArray[Any]], bytes]] = {
        50: imagecodecs.jpeg8_encode,
        70: lambda picture: bytes(imagecodecs.jpeg8_encode(picture, lossless=True)),
        80: imagecodecs.jpegls_encode,
        90: lambda picture: bytes(imagecodecs.jpeg2k_encode(picture, codecformat="j2k", reversible=True)),
        201: lambda picture: bytes(imagecodecs.htj2k_encode(picture, reversible=True)),
    }
    return bytes(encode[number](picture))


def stripped(stream: bytes, number: int, cuts: Sequence[int] = ()) -> bytes:
    """What is left of a stream whose fragments begin at ``cuts``."""
    bounds = [0, *sorted(cut for cut in cuts if 0 < cut < len(stream)), len(stream)]
    spans = [(start, stop - start) for start, stop in pairwise(bounds)]
    ops = strip(BytesSource(stream), spans, transfer_syntax=syntax(number))
    return stream if ops is None else b"".join(run(Plan(ops), (BytesSource(stream),)))


def planted(stream: bytes, number: int) -> bytes:
    """The stream with a name in its header, between its segments and behind its end."""
    if number in (90, 201):
        at = stream.index(b"\xff\x90")
        return stream[:at] + COM_2000 + stream[at:] + NAME
    at = stream.rindex(b"\xff\xda")
    return stream[:2] + EXIF + COM + stream[2:at] + NAME + COM + stream[at:] + NAME


PICTURES = [
    pytest.param(number, picture, id=f"{number}-{picture.dtype}-{picture.ndim}")
    for number in (50, 70, 80, 90, 201)
    for picture in (RAMP, COLOUR, DEEP)
]


@pytest.mark.parametrize(("number", "picture"), PICTURES)
def test_names_go_and_samples_stay(number: int, picture: NDArray[Any]) -> None:
    stream = encoded(number, picture)
    left = stripped(planted(stream, number), number)
    assert NAME not in left
    np.testing.assert_array_equal(samples(left, number), samples(stream, number))


@pytest.mark.parametrize(("number", "picture"), PICTURES)
def test_what_is_clean_needs_no_ops(number: int, picture: NDArray[Any]) -> None:
    clean = stripped(encoded(number, picture), number)
    assert strip(BytesSource(clean), [(0, len(clean))], transfer_syntax=syntax(number)) is None


@settings(deadline=None, max_examples=60)
@given(number=st.sampled_from([50, 70, 80, 90, 201]), cuts=st.lists(st.integers(1, 4000), max_size=5))
def test_the_cuts_between_fragments_change_nothing(number: int, cuts: list[int]) -> None:
    stream = planted(encoded(number, RAMP), number)
    assert stripped(stream, number, cuts) == stripped(stream, number)


@settings(deadline=None, max_examples=60)
@given(number=st.sampled_from([50, 70, 80, 90, 201]), plain=st.booleans())
def test_segments_tile_the_frame(number: int, plain: bool) -> None:
    stream = encoded(number, COLOUR) if plain else planted(encoded(number, COLOUR), number)
    at = 0
    for each in segments(BytesSource(stream), [(0, len(stream))], transfer_syntax=syntax(number)):
        assert each.offset == at
        at += each.length
    assert at == len(stream)


@settings(deadline=None, max_examples=300)
@given(data=st.data(), number=st.sampled_from([50, 70, 80, 90, 201]))
def test_damage_is_a_clear_error_or_harmless(data: st.DataObject, number: int) -> None:
    stream = bytearray(planted(encoded(number, RAMP), number))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, min(len(stream) - 1, 400)))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del stream[data.draw(st.integers(0, len(stream))) :]
    with suppress(LeadglassError):
        assert len(stripped(bytes(stream), number)) <= len(stream)


def scan(picture: NDArray[Any], component: int) -> bytes:
    """A JPEG-LS scan of one component."""
    stream = encoded(80, picture)
    at = stream.index(b"\xff\xda")
    return stream[at : at + 5] + bytes([component]) + stream[at + 6 : -2]


def test_comments_between_and_behind_scans_go() -> None:
    frame = struct.pack(">HHBHHB", 0xFFF7, 17, 8, 48, 40, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    scans = [scan(np.ascontiguousarray(COLOUR[..., number]), number + 1) for number in range(3)]
    left = stripped(b"\xff\xd8" + frame + COM + b"".join(each + COM for each in scans) + b"\xff\xd9", 80)
    assert left == b"\xff\xd8" + frame + b"".join(scans) + b"\xff\xd9"


def test_a_jfif_thumbnail_goes_and_jfif_stays() -> None:
    stream = encoded(50, COLOUR)
    assert stream[2:4] == b"\xff\xe0"
    with_thumbnail = stream[:4] + struct.pack(">H", 16 + 3) + stream[6:18] + b"\1\1RGB" + stream[20:]
    assert stripped(with_thumbnail, 50) == stream


def test_words_behind_the_transform_of_adobe_go() -> None:
    stream = encoded(70, COLOUR)
    at = stream.index(b"\xff\xee")
    longer = stream[: at + 2] + struct.pack(">H", 2 + 12 + len(NAME)) + stream[at + 4 : at + 16] + NAME + stream[at + 16 :]
    assert stripped(longer, 70) == stream


def test_a_padded_end_is_left_alone() -> None:
    stream = encoded(50, RAMP)
    assert strip(BytesSource(stream + b"\0\0\0"), [(0, len(stream) + 3)], transfer_syntax=syntax(50)) is None


def test_a_second_image_is_not_thrown_away() -> None:
    stream = encoded(50, RAMP)
    with pytest.raises(MalformedError, match="followed by another one"):
        stripped(stream + stream, 50)


def test_a_stream_without_end_is_refused() -> None:
    with pytest.raises(MalformedError, match=r"frame 1 of .* ends before its end marker, at byte"):
        stripped(encoded(70, RAMP)[:-2], 70)


def test_a_comment_in_a_tile_part_shortens_the_tile_part_and_its_table() -> None:
    bare = stripped(encoded(90, RAMP), 90)
    at = bare.index(b"\xff\x90")
    (length,) = struct.unpack_from(">L", bare, at + 6)

    def with_table(stated: int) -> bytes:
        return b"\xff\x55" + struct.pack(">HBBL", 8, 0, 0x40, stated)

    longer = length + len(COM_2000)
    tile_part = bare[at : at + 6] + struct.pack(">L", longer) + bare[at + 10 : at + 12] + COM_2000 + bare[at + 12 :]
    left = stripped(bare[:at] + with_table(longer) + tile_part, 90)
    assert left == bare[:at] + with_table(length) + bare[at:]
    np.testing.assert_array_equal(samples(left, 90), RAMP)


def test_a_tile_part_of_no_stated_length_ends_with_the_stream() -> None:
    bare = stripped(encoded(90, RAMP), 90)
    at = bare.index(b"\xff\x90")
    open_ended = bare[: at + 6] + bytes(4) + bare[at + 10 :]
    assert stripped(open_ended + NAME, 90) == open_ended


def test_boxes_around_jpeg_2000_go() -> None:
    boxed = bytes(imagecodecs.jpeg2k_encode(RAMP, codecformat="jp2", reversible=True))
    uuid = struct.pack(">L4s", 24 + len(NAME), b"uuid") + bytes(16) + NAME
    left = stripped(boxed + uuid, 90)
    assert left.startswith(b"\xff\x4f\xff\x51")
    assert NAME not in left
    np.testing.assert_array_equal(samples(left, 90), RAMP)


def test_a_stream_is_what_it_says_itself() -> None:
    stream = planted(encoded(50, RAMP), 50)
    left = strip(BytesSource(stream), [(0, len(stream))], transfer_syntax=syntax(90))
    assert left is not None
    assert b"".join(run(Plan(left), (BytesSource(stream),))) == encoded(50, RAMP)


@pytest.mark.parametrize("number", [100, 102, 107, 94])
def test_video_and_references_are_refused(number: int) -> None:
    with pytest.raises(UnsupportedPixelsError, match="cannot be looked through"):
        stripped(b"\0\0\1\xb3", number)


# RLE.

RLE = "1.2.840.10008.1.2.5"


def rle(*parts: bytes, gap: bytes = b"", unused: bytes = b"") -> bytes:
    starts = [64 + len(gap) + sum(len(part) for part in parts[:number]) for number in range(len(parts))]
    return (struct.pack(f"<{1 + len(parts)}L", len(parts), *starts) + unused).ljust(64, b"\0") + gap + b"".join(parts)


def left_of_rle(stream: bytes, pixels: int | None) -> bytes:
    ops = strip(BytesSource(stream), [(0, len(stream))], transfer_syntax=RLE, pixels=pixels)
    return stream if ops is None else b"".join(run(Plan(ops), (BytesSource(stream),)))


def test_names_in_gaps_of_an_rle_frame_go() -> None:
    one, two = b"\xfd\7\3abcd", b"\7ABCDEFGH"
    assert left_of_rle(rle(one + NAME, two, gap=NAME, unused=NAME), 8) == rle(one + b"\0", two + b"\0")[:-1]


def test_an_rle_frame_without_gaps_stays() -> None:
    frame = rle(b"\xfd\7\3abcd\0", b"\7ABCDEFGH\0")
    assert left_of_rle(frame, 8) == frame


def test_an_rle_segment_that_ends_early_is_refused() -> None:
    with pytest.raises(MalformedError, match="RLE segment"):
        left_of_rle(rle(b"\7ABC"), 8)


def test_bytes_behind_a_deflated_frame_go() -> None:
    deflater = zlib.compressobj(wbits=-15)
    frame = deflater.compress(RAMP.tobytes()) + deflater.flush()
    ops = strip(BytesSource(frame + NAME), [(0, len(frame + NAME))], transfer_syntax="1.2.840.10008.1.2.8.1")
    assert ops is not None
    assert Plan(ops).size == len(frame)


def test_boxes_of_jpeg_xl_that_are_no_image_go() -> None:
    signature = b"\0\0\0\x0cJXL \r\n\x87\n"
    image = struct.pack(">L4s", 8 + 4, b"jxlc") + b"\xff\x0aXY"
    exif = struct.pack(">L4s", 8 + len(NAME), b"Exif") + NAME
    assert stripped(signature + exif + image, 110) == signature + image


# Encapsulated values.

END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def item(data: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + struct.pack("<L", len(data)) + data


def even(data: bytes) -> bytes:
    return data + bytes(len(data) % 2)


def value(*frames: bytes, table: bytes = b"") -> bytes:
    return item(table) + b"".join(item(even(frame)) for frame in frames) + END


def offsets(*frames: bytes) -> bytes:
    starts = [sum(8 + len(even(each)) for each in frames[:number]) for number in range(len(frames))]
    return struct.pack(f"<{len(frames)}L", *starts)


def rewritten(data: bytes, frames: int, number: int = 50) -> tuple[bytes, dict[str, int]]:
    source = BytesSource(b"before" + data + b"after")
    done = rewrite(source, offset=6, length=len(data), transfer_syntax=syntax(number), frames=frames)
    return b"".join(run(Plan(done.ops), (source,))), dict(done.removed)


CLEAN = [encoded(50, RAMP), encoded(50, RAMP[::-1].copy()), encoded(50, COLOUR)]
DIRTY = [planted(frame, 50) for frame in CLEAN]


def test_a_clean_value_is_one_copy() -> None:
    data = value(*CLEAN, table=offsets(*CLEAN))
    done = rewrite(BytesSource(data), offset=0, length=len(data), transfer_syntax=syntax(50), frames=3)
    assert len(done.ops) == 1
    assert not done.removed


@pytest.mark.parametrize("table", [True, False])
def test_the_offset_table_follows_the_frames(table: bool) -> None:
    dirty = value(*DIRTY, table=offsets(*DIRTY) if table else b"")
    assert rewritten(dirty, 3)[0] == value(*CLEAN, table=offsets(*CLEAN) if table else b"")


def test_a_frame_that_stays_is_copied_with_its_fragments() -> None:
    parts = item(CLEAN[0][:100]) + item(even(CLEAN[0][100:]))
    table = struct.pack("<2L", 0, len(parts))
    left, removed = rewritten(item(table) + parts + item(even(DIRTY[1])) + END, 2)
    assert left == item(table) + parts + item(even(CLEAN[1])) + END
    assert removed == {"APP1": 1, "COM": 2, "gap": 1, "trailing": 1}


def test_an_offset_table_that_is_a_text_becomes_a_table() -> None:
    left, removed = rewritten(value(*CLEAN, table=even(NAME) + b"..."[: -len(even(NAME)) % 4]), 3)
    assert left == value(*CLEAN, table=offsets(*CLEAN))
    assert removed == {"offset table": 1}


def test_frames_without_table_are_told_apart_by_their_beginnings() -> None:
    halves = b"".join(item(frame[:100]) + item(even(frame[100:])) for frame in CLEAN)
    left, removed = rewritten(item(b"") + halves + END, 3)
    assert left == item(b"") + halves + END
    assert not removed


def test_frames_that_nothing_tells_apart_are_refused() -> None:
    with pytest.raises(MalformedError, match="make no 5 frames"):
        rewritten(value(*CLEAN), 5)


def test_the_extended_offset_table_points_at_the_frames() -> None:
    data = value(*DIRTY)
    done = rewrite(BytesSource(data), offset=0, length=len(data), transfer_syntax=syntax(50), frames=3)
    starts, lengths = (struct.unpack("<3Q", each) for each in done.extended_offset_table())
    left = b"".join(run(Plan(done.ops), (BytesSource(data),)))
    assert [left[8 + 8 + start : 8 + 8 + start + length] for start, length in zip(starts, lengths, strict=True)] == [
        even(frame) for frame in CLEAN
    ]


@pytest.mark.parametrize(
    "data",
    [b"", item(b"")[:-1], item(b"") + item(b"abc")[:-1], item(b""), item(b"") + b"\xfe\xff\x00\xe0\xff\xff\xff\xff", END],
)
def test_a_value_that_is_not_closed_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        rewritten(data, 1)


def test_many_clean_frames_are_one_copy_and_few_bytes() -> None:
    frame = item(even(CLEAN[0]))
    data = BytesSource(item(b"") + frame * 2000 + END)
    found = fragments(data, offset=0, length=data.size)
    first, right = by_frame(found, data, frames=2000)
    assert right
    assert list(first) == list(range(2000))
    assert len(rewrite(data, offset=0, length=data.size, transfer_syntax=syntax(50), frames=2000).ops) == 1


def test_coded_data_is_found_as_such() -> None:
    kinds = [each.kind for each in segments(BytesSource(CLEAN[0]), [(0, len(CLEAN[0]))], transfer_syntax=syntax(50))]
    assert kinds.count(CODED) == 1
