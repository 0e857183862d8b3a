"""One encoded frame to samples (PS3.5 sections 8.2 and A.4, Annex G).

A code stream says how large it is, and so does the header around it. Nothing is decoded before the two agree, so a few
hundred bytes that claim a gigapixel cost nothing. Whatever a codec library raises, callers see a ``MalformedError``.

JPEG of every kind is decoded by libjpeg-turbo, JPEG-LS by CharLS, JPEG 2000 and HTJ2K by OpenJPEG, all through
imagecodecs. OpenJPH, which imagecodecs offers for HTJ2K, is not used: it takes truncated streams for whole, and gives
255 back as 0 where an 8-bit stream is lossy.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from leadglass.dicom.header import RLE_LOSSLESS
from leadglass.errors import MalformedError, UnsupportedPixelsError

_JPEG: Mapping[str, frozenset[int]] = {
    "1.2.840.10008.1.2.4.50": frozenset({0xC0, 0xC1}),
    "1.2.840.10008.1.2.4.51": frozenset({0xC0, 0xC1}),
    "1.2.840.10008.1.2.4.57": frozenset({0xC3}),
    "1.2.840.10008.1.2.4.70": frozenset({0xC3}),
    "1.2.840.10008.1.2.4.80": frozenset({0xF7}),
    "1.2.840.10008.1.2.4.81": frozenset({0xF7}),
}
"""The start-of-frame markers that each transfer syntax allows; a progressive stream, for one, hides many scans."""

_JPEG_2000 = frozenset(
    {
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.201",
        "1.2.840.10008.1.2.4.202",
        "1.2.840.10008.1.2.4.203",
    }
)
LOSSLESS = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (57, 70, 80, 90, 201, 202))
"""The transfer syntaxes whose code stream says exactly what was stored."""

_START_OF_FRAME = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_BASELINE_OR_EXTENDED = frozenset({0xC0, 0xC1})
_MAX_SEGMENTS = 4096
"""Marker segments before the start of frame; real streams have a dozen, an ICC profile at most 255 more."""

_MARKER = re.compile(rb"\xff+([^\xff])", re.DOTALL)
_MAX_RLE_EXPANSION = 64
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"


def decode(
    stream: bytes, *, transfer_syntax: str, shape: tuple[int, ...], dtype: np.dtype[Any], photometric: str
) -> tuple[NDArray[Any], str]:
    """The samples of one encoded frame, and the photometric interpretation that they really have.

    ``shape`` is (rows, columns) or (rows, columns, samples per pixel) and ``dtype`` the container, as the header states
    them; the samples come back in both. Where the container has more bits than the code stream, signed samples are
    sign-extended and unsigned ones zero-extended. No colour transformation is undone that the code stream leaves to the
    reader: YCbCr in JPEG stays ``YBR_FULL``, with chrominance brought to full size. The component transforms of
    JPEG 2000 are part of the code stream, so ``YBR_RCT`` and ``YBR_ICT`` come back as ``RGB``.

    Raises:
        MalformedError: the stream is damaged or truncated, or disagrees with ``shape``, ``dtype`` or the transfer syntax.
        UnsupportedPixelsError: another transfer syntax, or JPEG 2000 with subsampled or unequal components.
    """
    if transfer_syntax == RLE_LOSSLESS:
        return _rle(stream, shape=shape, dtype=dtype), _full_size(photometric)
    if transfer_syntax in _JPEG_2000:
        return _jpeg_2000(stream, shape=shape, dtype=dtype), _without_component_transform(photometric)
    if transfer_syntax in _JPEG:
        return _jpeg(stream, allowed=_JPEG[transfer_syntax], shape=shape, dtype=dtype, photometric=photometric)
    raise UnsupportedPixelsError("no codec for this transfer syntax")


def _full_size(photometric: str) -> str:
    return "YBR_FULL" if photometric == "YBR_FULL_422" else photometric


def _without_component_transform(photometric: str) -> str:
    return "RGB" if photometric in {"YBR_RCT", "YBR_ICT"} else _full_size(photometric)


def _check_size(coded: tuple[int, int, int], *, precision: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise unless rows, columns and components of a code stream are those of the header, and its samples fit."""
    stated = (shape[0], shape[1], shape[2] if len(shape) == 3 else 1)
    if coded != stated:
        raise MalformedError(
            "the code stream is {}x{} with {} components, the header says {}x{} with {}".format(*coded, *stated)
        )
    if precision > 8 * dtype.itemsize:
        raise MalformedError(f"the code stream has {precision} bits a sample, (0028,0100) says {8 * dtype.itemsize}")


def _contain(values: NDArray[Any], *, precision: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """``values`` of ``precision`` bits in a container of ``dtype``, whichever sign the code stream gave them."""
    if values.dtype.kind == dtype.kind:
        return np.ascontiguousarray(values, dtype=dtype)
    spare = 8 * dtype.itemsize - precision
    bits = np.ascontiguousarray(values).astype(f"<u{dtype.itemsize}")
    contained: NDArray[Any] = (bits << spare).view(dtype) >> spare
    return contained


def _rle(stream: bytes, *, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """One RLE frame (PS3.5 Annex G): a segment for each byte of each sample."""
    if len(stream) < 64:
        raise MalformedError(f"an RLE frame of {len(stream)} bytes has no whole header")
    count, *offsets = struct.unpack("<16I", stream[:64])
    pixels = shape[0] * shape[1]
    samples = shape[2] if len(shape) == 3 else 1
    if count != samples * dtype.itemsize:
        raise MalformedError(f"an RLE frame has {count} segments where {samples * dtype.itemsize} are due")
    bounds = [*offsets[:count], len(stream)]
    if bounds[0] < 64 or any(start >= stop for start, stop in pairwise(bounds)):
        raise MalformedError("the segment offsets of an RLE frame do not ascend inside the frame")
    if any(_MAX_RLE_EXPANSION * (stop - start) < pixels for start, stop in pairwise(bounds)):
        raise MalformedError("an RLE segment is too short to hold the pixels of its frame")
    planes = np.empty((pixels, samples, dtype.itemsize), dtype=np.uint8)
    for index, (start, stop) in enumerate(pairwise(bounds)):
        sample, byte = divmod(index, dtype.itemsize)
        # Segments go from the most significant byte to the least.
        planes[:, sample, dtype.itemsize - 1 - byte] = _unpack(stream[start:stop], size=pixels)
    return planes.view(dtype.newbyteorder("<")).reshape(shape).astype(dtype, copy=False)


def _unpack(segment: bytes, *, size: int) -> NDArray[np.uint8]:
    try:
        unpacked = np.frombuffer(imagecodecs.packbits_decode(segment, out=size), dtype=np.uint8)
    except (RuntimeError, ValueError) as error:
        raise MalformedError(f"an RLE segment of {len(segment)} bytes does not unpack to {size}") from error
    if unpacked.size != size:
        raise MalformedError(f"an RLE segment unpacks to {unpacked.size} bytes where {size} are due")
    return unpacked


@dataclass(frozen=True)
class _JpegHeader:
    """What a JPEG (ISO/IEC 10918-1) or JPEG-LS (14495-1) stream says before its first scan.

    ``components`` are their ids; ``after`` is the offset at which the start of frame ends.
    """

    start_of_frame: int
    precision: int
    rows: int
    columns: int
    components: bytes
    adobe_transform: int | None
    jfif: bool
    after: int


def _jpeg(
    stream: bytes, *, allowed: frozenset[int], shape: tuple[int, ...], dtype: np.dtype[Any], photometric: str
) -> tuple[NDArray[Any], str]:
    header = _jpeg_header(stream)
    if header.start_of_frame not in allowed:
        raise MalformedError(
            f"a JPEG process (marker FF{header.start_of_frame:02X}) that its transfer syntax does not allow"
        )
    components = len(header.components)
    _check_size((header.rows, header.columns, components), precision=header.precision, shape=shape, dtype=dtype)
    # A marker cannot occur inside entropy-coded data. libjpeg fills up what is missing at the end without a word, and
    # goes over the whole image once more for every further scan.
    if stream.find(b"\xff\xd9", header.after) < 0:
        raise MalformedError("a JPEG stream ends before its end-of-image marker")
    if stream.count(b"\xff\xda", header.after) > components:
        raise MalformedError(f"a JPEG stream has more scans than its {components} components")
    try:
        values = _jpeg_samples(stream, header)
    except (RuntimeError, ValueError) as error:
        raise MalformedError(f"a JPEG stream of {len(stream)} bytes cannot be decoded") from error
    if values.shape != shape:
        raise MalformedError("a JPEG stream decodes to another size than it states")
    samples = _contain(values, precision=header.precision, dtype=dtype)
    return samples, _jpeg_photometric(header, stated=_full_size(photometric))


def _jpeg_samples(stream: bytes, header: _JpegHeader) -> NDArray[Any]:
    if header.start_of_frame == 0xF7:
        values: NDArray[Any] = imagecodecs.jpegls_decode(stream)
        return values
    # The same colour space in and out: no transformation.
    colorspace = "RGB" if len(header.components) == 3 else None
    decoded: NDArray[Any] = imagecodecs.jpeg8_decode(stream, colorspace=colorspace, outcolorspace=colorspace)
    return decoded


def _jpeg_photometric(header: _JpegHeader, *, stated: str) -> str:
    """What lossy colour really is: the stream's own word first (component ids, Adobe, JFIF), then the DICOM header's."""
    if header.start_of_frame not in _BASELINE_OR_EXTENDED or len(header.components) != 3:
        return stated
    if header.components in {b"RGB", b"rgb"} or header.adobe_transform == 0:
        return "RGB"
    return "YBR_FULL" if header.adobe_transform == 1 or header.jfif else stated


def _jpeg_header(stream: bytes) -> _JpegHeader:
    if not stream.startswith(b"\xff\xd8"):
        raise MalformedError("a JPEG stream does not start with its start-of-image marker")
    adobe_transform: int | None = None
    jfif = False
    at = 2
    for _ in range(_MAX_SEGMENTS):
        marker, at = _marker(stream, at)
        (length,) = struct.unpack(">H", stream[at : at + 2].ljust(2, b"\x00"))
        body, after = stream[at + 2 : at + length], at + length
        if length < 2 or after > len(stream) or marker < 0xC0 or 0xD0 <= marker <= 0xDA:
            raise MalformedError(f"a JPEG stream has no usable marker segment at byte {at}")
        if marker == 0xE0:
            jfif = jfif or body.startswith(b"JFIF\x00")
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            adobe_transform = body[11]
        elif marker in _START_OF_FRAME:
            if len(body) < 6 or len(body) != 6 + 3 * body[5]:
                raise MalformedError(f"the JPEG start of frame at byte {at} has a wrong length")
            precision, rows, columns, _ = struct.unpack(">BHHB", body[:6])
            return _JpegHeader(marker, precision, rows, columns, body[6::3], adobe_transform, jfif, after)
        at = after
    raise MalformedError(f"a JPEG stream has no start of frame among its first {_MAX_SEGMENTS} marker segments")


def _marker(stream: bytes, at: int) -> tuple[int, int]:
    """The marker code at ``at``, past any fill bytes (ISO/IEC 10918-1 B.1.1.2), and the offset after it."""
    found = _MARKER.match(stream, at)
    if not found:
        raise MalformedError(f"a JPEG stream has no marker at byte {at}")
    return found[1][0], found.end()


def _jpeg_2000(stream: bytes, *, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    code_stream = _bare(stream)
    precision = _check_siz(code_stream, shape=shape, dtype=dtype)
    try:
        values: NDArray[Any] = imagecodecs.jpeg2k_decode(code_stream)
    except (RuntimeError, ValueError) as error:
        raise MalformedError(f"a JPEG 2000 stream of {len(stream)} bytes cannot be decoded") from error
    if values.shape != shape:
        raise MalformedError("a JPEG 2000 stream decodes to another size than it states")
    return _contain(values, precision=precision, dtype=dtype)


def _bare(stream: bytes) -> bytes:
    """The code stream without the JP2 boxes that PS3.5 A.4.4 does not allow and some writers leave around it."""
    if not stream.startswith(_JP2_SIGNATURE):
        return stream
    at = 0
    for _ in range(_MAX_SEGMENTS):
        header = stream[at : at + 8]
        if len(header) < 8:
            break
        (length,) = struct.unpack(">I", header[:4])
        if header[4:] == b"jp2c" and (length == 0 or 8 < length <= len(stream) - at):
            return stream[at + 8 : at + length] if length else stream[at + 8 :]
        if length < 8:
            break
        at += length
    raise MalformedError("a JP2 file holds no code stream that could be found")


def _check_siz(stream: bytes, *, shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Bits a sample, after the SIZ marker segment (ISO/IEC 15444-1 A.5.1) was found to agree with the header."""
    if not stream.startswith(b"\xff\x4f\xff\x51") or len(stream) < 42:
        raise MalformedError("a JPEG 2000 stream does not start with its SIZ marker segment")
    length, _, right, bottom, left, top = struct.unpack(">HHIIII", stream[4:24])
    (count,) = struct.unpack(">H", stream[40:42])
    components = {stream[42 + 3 * n : 45 + 3 * n] for n in range(min(count, 4))}
    if length != 38 + 3 * count or len(stream) < 4 + length or not components:
        raise MalformedError("the SIZ marker segment of a JPEG 2000 stream has a wrong length")
    first = min(components)
    precision = (first[0] & 0x7F) + 1
    _check_size((bottom - top, right - left, count), precision=precision, shape=shape, dtype=dtype)
    if len(components) > 1 or first[1:] != b"\x01\x01":
        raise UnsupportedPixelsError("JPEG 2000 with subsampled or unequal components is not supported")
    return precision
