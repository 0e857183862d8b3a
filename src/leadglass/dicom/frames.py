"""Pixel data to frames and back (PS3.3 C.7.6.3, PS3.5 section 8).

A frame is decoded when it is asked for, and only then. What the header states bounds what is read, and what is read bounds
what is allocated. Whoever keeps all frames of an object needs room for them: one above ``MAX_DECODED_OBJECT`` is refused.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.dicom import codecs
from leadglass.dicom.header import ENCAPSULATED, MAX_FRAGMENTS, NATIVE, RLE_LOSSLESS
from leadglass.dicom.source import Source
from leadglass.errors import MalformedError, UnsupportedPixelsError
from leadglass.model.frame import Frame

MAX_DECODED = 1 << 29
"""Bytes of one decoded frame; a code stream may claim any size, and an honest one that large is not known."""

MAX_DECODED_OBJECT = 1 << 30
"""Bytes of all decoded frames of one object together."""

MAX_CONSTANT = 1 << 30
"""Bytes of a constant image; some sixty times as many natively. Only a false Number of Frames asks for more."""

_SUBSAMPLED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"})
_ITEM = 0xE000FFFE
_SEQUENCE_DELIMITER = 0xE0DDFFFE
_UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True)
class PixelLayout:
    """The Image Pixel Module of one instance, as its header states it."""

    transfer_syntax: str
    rows: int
    columns: int
    frames: int
    samples_per_pixel: int
    planar: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str


@dataclass(frozen=True)
class _Fragment:
    """One item of encapsulated pixel data; ``item`` is the offset of its tag, ``start`` that of its content."""

    item: int
    start: int
    length: int


def decode(layout: PixelLayout, value: Source, *, encapsulated: bool, held: bool = True) -> Iterator[Frame]:
    """The frames of a pixel data element, one at a time, in order.

    ``held``: the caller keeps them all, so that an object beyond ``MAX_DECODED_OBJECT`` is refused.

    ``value`` is exactly the element's value: native pixels, or the Basic Offset Table item, the fragments and the
    sequence delimitation item (which may be left out). What cannot work is refused here, before the first frame is asked
    for; damage further on is found when its frame is reached.

    Samples keep the container's type, and native ones every bit of it, unused high bits too. Compressed frames carry the
    photometric interpretation that their samples really have (see ``codecs.decode``): where that differs from
    ``layout.photometric``, whoever writes them natively must say so in the header. Samples are read-only.

    Raises:
        UnsupportedPixelsError: no round trip is possible for this transfer syntax or this layout.
        MalformedError: the value, its fragments or a code stream are damaged or disagree with the layout.
    """
    check_layout(layout)
    if layout.transfer_syntax in NATIVE:
        if encapsulated:
            raise MalformedError("(7FE0,0010) is encapsulated, which its transfer syntax does not allow")
        frames = _native_frames(layout, value)
        if held:
            _check_object(layout)
        return frames
    if layout.transfer_syntax in ENCAPSULATED:
        if not encapsulated:
            raise MalformedError("(7FE0,0010) is not encapsulated, which its transfer syntax demands")
        frames = _encapsulated_frames(layout, value)
        _check_object(layout)
        return frames
    # The UID comes out of a stranger's file: it is shown where it is one.
    named = layout.transfer_syntax if re.fullmatch(r"[0-9.]{1,64}", layout.transfer_syntax) else "(not a UID)"
    raise UnsupportedPixelsError(
        f"pixels in transfer syntax {named} are not supported",
        hint="supported: uncompressed little endian, RLE Lossless, JPEG (baseline, extended, lossless), JPEG-LS, JPEG 2000, "
        "HTJ2K",
    )


def _check_object(layout: PixelLayout) -> None:
    if native_length(layout) > MAX_DECODED_OBJECT:
        raise UnsupportedPixelsError(
            f"{layout.frames} frames of {layout.rows}x{layout.columns} pixels are more than {MAX_DECODED_OBJECT} bytes",
            hint="objects of that size are not supported yet",
        )


def native_length(layout: PixelLayout) -> int:
    """Bytes that all frames of ``layout`` take natively, without a pad byte."""
    return layout.frames * _frame_length(layout)


def native(frames: Iterable[Frame], layout: PixelLayout) -> Iterator[bytes]:
    """The native little endian bytes of each frame, in the order that ``layout.planar`` says.

    Together they are ``native_length(layout)`` bytes when all frames are given; an odd total still needs its pad byte.
    Only shape and container have to agree with ``layout``; its transfer syntax is not looked at.

    Raises:
        ValueError: a frame has not the shape or the container of ``layout``.
    """
    shape, dtype = _shape(layout), _container(layout)
    for frame in frames:
        if frame.samples.shape != shape or frame.samples.dtype != dtype:
            raise ValueError("a frame does not have the shape and container of the layout")
        ordered = np.moveaxis(frame.samples, -1, 0) if _is_planar(layout) else frame.samples
        yield ordered.astype(dtype.newbyteorder("<"), copy=False).tobytes()


def significant(frame: Frame, *, high_bit: int) -> Frame:
    """Stored values only: ``bits_stored`` bits up to ``high_bit``, moved down to bit 0, sign-extended where signed.

    This is what a release carries, with a High Bit of ``bits_stored - 1``: bits that are no part of the image may hold
    anything, an overlay with a name for one.

    Raises:
        ValueError: the stored bits do not lie inside the container.
    """
    dtype = frame.samples.dtype
    lowest = high_bit + 1 - frame.bits_stored
    if frame.bits_stored < 1 or lowest < 0 or high_bit >= 8 * dtype.itemsize:
        raise ValueError("the stored bits do not lie inside the container")
    unsigned = np.dtype(f"u{dtype.itemsize}")
    above = 8 * dtype.itemsize - 1 - high_bit
    raised = (np.ascontiguousarray(frame.samples).view(unsigned) << above).view(dtype)
    # Shifting right brings zeros down for unsigned types and copies of the sign for signed ones.
    return frame.with_samples(_read_only(raised >> (above + lowest)))


def constant_rle(layout: PixelLayout, level: int) -> bytes:
    """An RLE Lossless image in which every sample of every frame is ``level``: the encapsulated value, no pixel touched.

    The value has an empty Basic Offset Table, one fragment a frame and the sequence delimitation item. It is to stand
    under transfer syntax RLE Lossless, which knows no YBR_FULL_422, YBR_RCT or YBR_ICT; colour decodes to Planar
    Configuration 1.

    Raises:
        ValueError: ``level`` does not fit the container.
        UnsupportedPixelsError: the layout is none that ``decode`` takes, or the value would be longer than ``MAX_CONSTANT``.
    """
    check_layout(layout)
    bounds = np.iinfo(_container(layout))
    if not bounds.min <= level <= bounds.max:
        raise ValueError("the level does not fit the container")
    big_endian = level.to_bytes(layout.bits_allocated // 8, "big", signed=layout.signed)
    segments = [_constant_row(byte, layout.columns) * layout.rows for byte in big_endian] * layout.samples_per_pixel
    length = len(segments[0])
    offsets = [64 + length * index for index in range(len(segments))]
    header = struct.pack("<16I", len(segments), *offsets, *[0] * (15 - len(segments)))
    fragment = header + b"".join(segments)
    frame = struct.pack("<II", _ITEM, len(fragment)) + fragment
    if len(frame) * layout.frames > MAX_CONSTANT:
        raise UnsupportedPixelsError(f"(0028,0008) Number of Frames {layout.frames} is too many of this size")
    return struct.pack("<II", _ITEM, 0) + frame * layout.frames + struct.pack("<II", _SEQUENCE_DELIMITER, 0)


def _constant_row(byte: int, columns: int) -> bytes:
    """One row of equal bytes in replicate runs of at most 128 (PS3.5 G.3.1); always an even number of bytes."""
    whole, rest = divmod(columns, 128)
    # A replicate run of n is announced by 257 - n, a literal of one byte by 0.
    last = bytes([257 - rest if rest > 1 else 0, byte]) if rest else b""
    return bytes([257 - 128, byte]) * whole + last


def display(frame: Frame, *, window: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """The frame as one looks at it, for reports and previews: (rows, columns) grey or (rows, columns, 3) RGB.

    ``window`` is (centre, width) in stored values, applied as PS3.3 C.11.2.1.2.1 says; without one it spans the 0.5 to
    99.5 percentiles. MONOCHROME1 is turned over; no modality LUT and no palette is applied (indices show as grey).
    RGB passes through and YBR_FULL is converted, both by their highest eight bits. Give it ``significant`` samples.

    Raises:
        ValueError: the window is narrower than 1.
    """
    if frame.samples.ndim == 3:
        eight: NDArray[np.uint8] = (frame.samples >> max(frame.bits_stored - 8, 0)).astype(np.uint8)
        return _rgb(eight) if frame.photometric == "YBR_FULL" else eight
    values = frame.samples.astype(np.float64)
    if window is None:
        darkest, brightest = np.percentile(values, (0.5, 99.5))
        window = ((darkest + brightest) / 2 + 0.5, brightest - darkest + 1)
    centre, width = window
    if not width >= 1:
        raise ValueError("a window is at least 1 wide")
    if width == 1:
        grey = np.where(values <= centre - 0.5, 0.0, 255.0)
    else:
        grey = np.clip(((values - (centre - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)
    return _eight_bits(255 - grey if frame.inverted else grey)


def _rgb(ybr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """PS3.3 C.7.6.3.1.2, solved for red, green and blue."""
    y, cb, cr = np.moveaxis(ybr.astype(np.float64), -1, 0) - np.array([0.0, 128.0, 128.0])[:, None, None]
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], axis=-1)
    return _eight_bits(np.clip(rgb, 0, 255))


def _eight_bits(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = np.rint(values).astype(np.uint8)
    return rounded


def png(picture: NDArray[np.uint8]) -> bytes:
    """A PNG file (W3C PNG) of an 8-bit picture of shape (rows, columns) or (rows, columns, 3), without metadata.

    Raises:
        ValueError: another shape or type.
    """
    rows, columns, *colour = picture.shape if picture.ndim > 1 else (0, 0, 0)
    if picture.dtype != np.uint8 or colour not in ([], [3]) or not picture.size:
        raise ValueError("a PNG is made of uint8 samples, grey or RGB")
    # Every scan line starts with its filter type, 0: none.
    lines = np.pad(picture.reshape(rows, -1), ((0, 0), (1, 0)))
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2 if colour else 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def check_layout(layout: PixelLayout) -> None:
    """Check that shape and bits (PS3.3 C.7.6.3) are those of an image that can make the round trip.

    Raises:
        UnsupportedPixelsError: other bits allocated or samples per pixel than are supported.
        MalformedError: the attributes contradict each other, or make no image.
    """
    if layout.bits_allocated not in {8, 16, 32}:
        raise UnsupportedPixelsError(f"(0028,0100) Bits Allocated {layout.bits_allocated}: 8, 16 and 32 are supported")
    if layout.samples_per_pixel not in {1, 3}:
        raise UnsupportedPixelsError(f"(0028,0002) Samples per Pixel {layout.samples_per_pixel}: 1 and 3 are supported")
    if not (1 <= layout.rows <= 0xFFFF and 1 <= layout.columns <= 0xFFFF):
        raise MalformedError(f"(0028,0010) Rows {layout.rows} and (0028,0011) Columns {layout.columns} make no image")
    if layout.frames < 1:
        raise MalformedError(f"(0028,0008) Number of Frames {layout.frames} makes no image")
    if not 1 <= layout.bits_stored <= layout.high_bit + 1 <= layout.bits_allocated:
        raise MalformedError(
            f"(0028,0101) Bits Stored {layout.bits_stored} and (0028,0102) High Bit {layout.high_bit} do not lie inside "
            f"{layout.bits_allocated} bits"
        )
    if layout.planar not in {0, 1}:
        raise MalformedError(f"(0028,0006) Planar Configuration {layout.planar} is neither 0 nor 1")


def _shape(layout: PixelLayout) -> tuple[int, ...]:
    shape = (layout.rows, layout.columns)
    return shape if layout.samples_per_pixel == 1 else (*shape, layout.samples_per_pixel)


def _container(layout: PixelLayout) -> np.dtype[Any]:
    return np.dtype(f"{'i' if layout.signed else 'u'}{layout.bits_allocated // 8}")


def _frame_length(layout: PixelLayout) -> int:
    return layout.rows * layout.columns * layout.samples_per_pixel * layout.bits_allocated // 8


def _is_planar(layout: PixelLayout) -> bool:
    """Planar Configuration has a meaning for colour only (PS3.3 C.7.6.3.1.3)."""
    return layout.planar == 1 and layout.samples_per_pixel > 1


def _read_only(samples: NDArray[Any]) -> NDArray[Any]:
    samples.flags.writeable = False
    return samples


def _native_frames(layout: PixelLayout, value: Source) -> Iterator[Frame]:
    if layout.photometric in _SUBSAMPLED:
        raise UnsupportedPixelsError("uncompressed pixels with subsampled chrominance are not supported")
    if value.size < native_length(layout):
        raise MalformedError(f"(7FE0,0010) has {value.size} bytes where the header calls for {native_length(layout)}")
    length = _frame_length(layout)
    return (_native_frame(layout, value.read(index * length, length)) for index in range(layout.frames))


def _native_frame(layout: PixelLayout, data: bytes) -> Frame:
    shape, dtype = _shape(layout), _container(layout)
    values = np.frombuffer(data, dtype=dtype.newbyteorder("<")).astype(dtype, copy=False)
    if _is_planar(layout):
        samples = np.ascontiguousarray(np.moveaxis(values.reshape(shape[2], *shape[:2]), 0, -1))
    else:
        samples = values.reshape(shape)
    return Frame(_read_only(samples), layout.photometric, layout.bits_stored)


def _encapsulated_frames(layout: PixelLayout, value: Source) -> Iterator[Frame]:
    if _frame_length(layout) > MAX_DECODED:
        raise UnsupportedPixelsError(
            f"a compressed frame of {layout.rows}x{layout.columns} pixels is larger than {MAX_DECODED} bytes decoded"
        )
    if layout.frames > MAX_FRAGMENTS:
        raise UnsupportedPixelsError(f"(0028,0008) Number of Frames {layout.frames}: up to {MAX_FRAGMENTS} are supported")
    streams = _code_streams(layout, value)
    return (_decoded_frame(layout, stream) for stream in streams)


def _decoded_frame(layout: PixelLayout, stream: bytes) -> Frame:
    samples, photometric = codecs.decode(
        stream,
        transfer_syntax=layout.transfer_syntax,
        shape=_shape(layout),
        dtype=_container(layout),
        photometric=layout.photometric,
    )
    if layout.transfer_syntax in codecs.LOSSLESS and not _fits(samples, layout):
        raise UnsupportedPixelsError(
            f"the pixels need other bits than the {layout.bits_stored} of (0028,0101) Bits Stored up to bit "
            f"{layout.high_bit}, (0028,0102) High Bit",
            hint="the header or the code stream is wrong; nothing is cut off silently",
        )
    return Frame(_read_only(samples), photometric, layout.bits_stored)


def _fits(samples: NDArray[Any], layout: PixelLayout) -> bool:
    """Whether ``significant`` loses nothing: no bit above the High Bit has a meaning, none below the stored ones is set."""
    lowest = -(1 << layout.high_bit) if layout.signed else 0
    unused = (1 << layout.high_bit + 1 - layout.bits_stored) - 1
    return (
        int(samples.min()) >= lowest
        and int(samples.max()) < lowest + (1 << layout.high_bit + 1)
        and not (unused and np.any(samples & unused))
    )


def _code_streams(layout: PixelLayout, value: Source) -> Iterator[bytes]:
    """The encoded bytes of each frame; exactly as many as the layout has frames."""
    # No codec expands by half, and a frame that claims to should not decide how much memory it takes.
    longest = 2 * _frame_length(layout) + (1 << 20)
    found = 0
    for fragments in _by_frame(layout, value):
        found += 1
        length = sum(fragment.length for fragment in fragments)
        if found > layout.frames:
            raise MalformedError(f"(7FE0,0010) holds more frames than the {layout.frames} of (0028,0008)")
        if length > longest:
            raise MalformedError(f"frame {found} of (7FE0,0010) is {length} bytes long encoded, more than twice its pixels")
        yield b"".join(value.read(fragment.start, fragment.length) for fragment in fragments)
    if found < layout.frames:
        raise MalformedError(f"(7FE0,0010) holds {found} frames where (0028,0008) says {layout.frames}")


def _by_frame(layout: PixelLayout, value: Source) -> Iterator[Sequence[_Fragment]]:
    """The fragments of each frame: by the Basic Offset Table, else one to one, else by the end of each code stream."""
    table, first = _offset_table(value, frames=layout.frames)
    if table:
        return _by_table(_fragments(value, first), starts=[first + offset for offset in table])
    if layout.frames == 1:
        return iter([list(_fragments(value, first))])
    count = sum(1 for _ in _fragments(value, first))
    if count == layout.frames or layout.transfer_syntax == RLE_LOSSLESS:
        return ([fragment] for fragment in _fragments(value, first))
    return _by_end_of_stream(_fragments(value, first), value)


def _offset_table(value: Source, *, frames: int) -> tuple[tuple[int, ...], int]:
    """The Basic Offset Table (PS3.5 A.4), empty or with an offset for each frame, and where the first fragment is due."""
    tag, length = _item_header(value, 0)
    if tag != _ITEM or length not in {0, 4 * frames} or 8 + length > value.size:
        raise MalformedError(f"(7FE0,0010) does not start with an empty Basic Offset Table or one of {frames} offsets")
    table = struct.unpack(f"<{length // 4}I", value.read(8, length))
    return table, 8 + length


def _fragments(value: Source, at: int) -> Iterator[_Fragment]:
    for _ in range(MAX_FRAGMENTS):
        if at == value.size:
            return
        tag, length = _item_header(value, at)
        if tag == _SEQUENCE_DELIMITER and length == 0 and at + 8 == value.size:
            return
        if tag != _ITEM or length == _UNDEFINED or length == 0 or at + 8 + length > value.size:
            raise MalformedError(f"(7FE0,0010) holds no usable fragment at byte {at}")
        yield _Fragment(item=at, start=at + 8, length=length)
        at += 8 + length
    raise MalformedError(f"(7FE0,0010) holds more than {MAX_FRAGMENTS} fragments")


def _item_header(value: Source, at: int) -> tuple[int, int]:
    header = value.read(at, 8)
    if len(header) < 8:
        raise MalformedError(f"(7FE0,0010) ends inside an item at byte {at}")
    tag, length = struct.unpack("<II", header)
    return tag, length


def _by_table(fragments: Iterator[_Fragment], *, starts: Sequence[int]) -> Iterator[Sequence[_Fragment]]:
    frame: list[_Fragment] = []
    due = 0
    for fragment in fragments:
        if due < len(starts) and fragment.item >= starts[due]:
            if fragment.item != starts[due]:
                break
            if frame:
                yield frame
            frame = []
            due += 1
        elif due == 0:
            break
        frame.append(fragment)
    if due < len(starts) or not frame:
        raise MalformedError("the Basic Offset Table of (7FE0,0010) does not point at its fragments")
    yield frame


def _by_end_of_stream(fragments: Iterator[_Fragment], value: Source) -> Iterator[Sequence[_Fragment]]:
    """JPEG, JPEG-LS and JPEG 2000 end alike, in FFD9; a fragment may be padded after it."""
    frame: list[_Fragment] = []
    for fragment in fragments:
        frame.append(fragment)
        tail = value.read(fragment.start + max(fragment.length - 16, 0), min(fragment.length, 16))
        if tail.rstrip(b"\x00").endswith(b"\xff\xd9"):
            yield frame
            frame = []
    if frame:
        raise MalformedError("the last frame of (7FE0,0010) has no end")
