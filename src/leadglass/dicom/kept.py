"""A treated header and the pixel value as it was received, as the parts of a new file (PS3.5 section 8, PS3.10 section 7).

Pixels that nobody has to change are never decoded: native ones are copied without what lies behind them, or turned on
their way where the file was big endian. Bits that are no part of the image are looked at while they pass (see
``UnusedBits``), and cleared where they hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leadglass.dicom.codestream import rewrite
from leadglass.dicom.directory import MEDIA_STORAGE_DIRECTORY, relinked
from leadglass.dicom.frames import decode, native, native_length
from leadglass.dicom.header import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    PIXEL_DATA,
    UNDEFINED,
    Element,
    Swapped,
    encode_element,
    encode_header,
    tag_text,
)
from leadglass.dicom.instance import HeaderPlan, Identified, Received, file_beginning
from leadglass.dicom.plan import Copy, Insert, Op, Plan, merged, run
from leadglass.dicom.source import Source
from leadglass.dicom.uids import is_uid
from leadglass.errors import MalformedError, UnsupportedPixelsError
from leadglass.model.frame import Frame

_SAMPLES, _PHOTOMETRIC, _FRAMES, _ROWS, _COLUMNS = 0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011
_ALLOCATED, _STORED, _HIGH_BIT = 0x00280100, 0x00280101, 0x00280102
_FRAME: Final = 1024
"""Bytes from which on a whole frame more is no chance."""
_COUNT: Final = r"\+?[0-9]{1,9}"
_FLOATS: Final = {0x7FE00008: ("OF", 32), 0x7FE00009: ("OD", 64)}
"""Float and Double Float Pixel Data, and bits of a sample."""


@dataclass(frozen=True)
class Parts:
    """A file: the ops up to the pixel value, those of the value, and those of what follows it."""

    before: tuple[Op, ...]
    value: tuple[Op, ...]
    after: tuple[Op, ...]

    @property
    def ops(self) -> tuple[Op, ...]:
        return merged((*self.before, *self.value, *self.after))


@dataclass(frozen=True, eq=False)
class PixelValue:
    """The pixel element of a new file, over the sources (received, ``extra``).

    ``span`` (offset, length) is the part of the received value that is kept; ``same`` says that ``ops`` copy just that.
    ``unused`` are the bits to be looked at while a native value passes; None where every bit belongs to the image.
    """

    element_header: bytes
    ops: tuple[Op, ...]
    transfer_syntax: str
    span: tuple[int, int]
    same: bool
    extra: Source | None = None
    padding: bytes = b""
    unused: UnusedBits | None = None
    removed: Mapping[str, int] = field(default_factory=dict)
    """Parts of code streams that do not go over, by kind."""
    describes: Mapping[int, Op] = field(default_factory=dict)
    """Elements of the header that are written instead of the treated ones, because the pixels are others now."""

    @property
    def length(self) -> int:
        """Bytes of the new value, without padding."""
        return sum(op.size for op in self.ops)


@dataclass(frozen=True)
class UnusedBits:
    """Where the stored bits of a sample lie in its container of ``allocated`` bits (PS3.5 section 8.1.1)."""

    allocated: int
    stored: int
    high_bit: int
    signed: bool

    def hold(self, samples: NDArray[Any]) -> bool:
        """Whether any bit outside the stored ones holds something: neither zero nor a copy of the sign."""
        if not len(samples):
            return False
        mask = ((1 << self.stored) - 1) << (self.high_bit + 1 - self.stored)
        if not int(np.bitwise_or.reduce(samples)) & ~mask:
            return False
        return not self.signed or bool(np.any(self.cleared(samples) != samples))

    def cleared(self, samples: NDArray[Any]) -> NDArray[Any]:
        """The samples with zeros, or copies of the sign where signed, outside the stored bits."""
        lowest = self.high_bit + 1 - self.stored
        above = self.allocated - 1 - self.high_bit
        signed = samples.dtype.newbyteorder("<").str.replace("u", "i")
        container = np.dtype(signed) if self.signed else samples.dtype
        raised = (samples << above).view(container)
        kept = (raised >> (above + lowest)) << lowest
        return kept.view(samples.dtype)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(f"<u{self.allocated // 8}")


class Watch:
    """Looks at a native pixel value as it passes, piece by piece; ``found`` once an unused bit held something."""

    def __init__(self, unused: UnusedBits) -> None:
        self._unused = unused
        self._rest = b""
        self.found = False

    def __call__(self, piece: bytes | memoryview) -> None:
        if self.found:
            return
        size = self._unused.dtype.itemsize
        if self._rest:
            missing = size - len(self._rest)
            first = self._rest + bytes(piece[:missing])
            if len(first) < size:
                self._rest = first
                return
            piece = piece[missing:]
            self.found = self._unused.hold(np.frombuffer(first, self._unused.dtype))
        whole = len(piece) - len(piece) % size
        self._rest = bytes(piece[whole:])
        self.found = self.found or self._unused.hold(np.frombuffer(piece[:whole], self._unused.dtype))


class StoredBits:
    """A native pixel value whose unused bits are cleared."""

    def __init__(self, value: Source, unused: UnusedBits) -> None:
        self._value, self._unused = value, unused
        self.size = value.size

    def read(self, offset: int, length: int) -> bytes:
        unit = self._unused.dtype.itemsize
        stop = min(offset + length, self.size)
        first = offset - offset % unit
        data = self._value.read(first, min(-(-stop // unit) * unit, self.size) - first)
        whole = len(data) - len(data) % unit
        samples = self._unused.cleared(np.frombuffer(data[:whole], self._unused.dtype))
        return (samples.tobytes() + data[whole:])[offset - first : stop - first]


def kept_pixels(received: Received) -> PixelValue | None:
    """The pixel value as it was received, to stand in a file with an Explicit VR Little Endian header; None without one.

    Raises:
        MalformedError: nobody can tell how long it is, it is shorter than its image, or encapsulated where its transfer
            syntax is native; or a code stream in it is damaged.
        UnsupportedPixelsError: a big endian value of unknown layout, or a code stream that nobody can look through.
    """
    pixel, header = received.pixel, received.header
    if pixel is None:
        return None
    encapsulated = header.read(pixel.value - 4, 4) == UNDEFINED.to_bytes(4, "little")
    if encapsulated != received.encapsulated:
        raise MalformedError(
            f"{tag_text(pixel.tag)} is encapsulated where its transfer syntax is native, or the other way round"
        )
    if encapsulated:
        return _encapsulated(received, pixel)
    vr, bits = _FLOATS.get(pixel.tag, (pixel.vr, _number(received, _ALLOCATED)))
    length = _native_length(received, bits)
    if length is None:
        raise MalformedError(f"{tag_text(pixel.tag)} holds pixels, and no attribute says how many")
    if length > pixel.length:
        raise MalformedError(f"{tag_text(pixel.tag)} has length {pixel.length}, and its image needs {length}")
    frame, behind = length // _frames(received), pixel.length - length
    if frame >= _FRAME and behind >= frame and behind % frame < 2 and received.value(_FRAMES) is None:
        raise MalformedError(f"{tag_text(pixel.tag)} holds {1 + behind // frame} frames, and {tag_text(_FRAMES)} is missing")
    padded = length + length % 2
    if padded >= UNDEFINED:
        raise UnsupportedPixelsError("native pixels of 4 GiB or more do not fit one element")
    if vr not in ("OB", "OW", "OF", "OD"):
        vr = "OB" if vr == "OB or OW" and bits is not None and bits <= 8 and not header.implicit else "OW"
    span = (pixel.value, length)
    unused = _unused_bits(received, bits)
    value = PixelValue(
        encode_header(pixel.tag, vr, padded),
        (Copy(*span),),
        EXPLICIT_VR_LITTLE_ENDIAN,
        span,
        same=True,
        padding=bytes(padded - length),
        unused=unused,
    )
    return _turned(value, received, pixel, bits) if header.big and vr != "OB" else value


def _encapsulated(received: Received, pixel: Element) -> PixelValue:
    rows, columns = _number(received, _ROWS), _number(received, _COLUMNS)
    made = rewrite(
        received.source,
        offset=pixel.value,
        length=pixel.length,
        transfer_syntax=received.transfer_syntax,
        frames=_frames(received),
        pixels=rows * columns if rows and columns else None,
    )
    return PixelValue(
        encode_header(pixel.tag, "OB", UNDEFINED),
        made.ops,
        received.transfer_syntax,
        (pixel.value, pixel.length),
        same=not made.removed,
        removed=made.removed,
    )


def _turned(value: PixelValue, received: Received, pixel: Element, bits: int | None) -> PixelValue:
    offset, length = value.span
    if bits is None:
        raise UnsupportedPixelsError("big endian pixels without Bits Allocated (0028,0100) cannot be read")
    unit = max(2, bits // 8)
    # The last byte of an odd number of them stands in the pad byte's place, if there is one: what follows is nobody's.
    whole = -(-length // unit) * unit
    turned = Swapped(received.source, offset=offset, length=min(whole, pixel.length), unit=unit)
    return replace(value, ops=(Copy(0, length, 1),), extra=turned, same=False)


def with_stored_bits(value: PixelValue, source: Source) -> PixelValue:
    """The same pixel element, its unused bits cleared."""
    if value.unused is None:
        raise ValueError("every bit of this value belongs to its image")
    offset, length = value.span
    native = value.extra or _Span(source, offset, length)
    return replace(value, ops=(Copy(0, length, 1),), extra=StoredBits(native, value.unused), same=False, unused=None)


class _Span:
    def __init__(self, source: Source, offset: int, length: int) -> None:
        self._source, self._offset, self.size = source, offset, length

    def read(self, offset: int, length: int) -> bytes:
        return self._source.read(self._offset + offset, min(length, self.size - offset))


def _number(received: Received, tag: int) -> int | None:
    value = received.value(tag)
    return int.from_bytes(value, "little") if value is not None and len(value) == 2 else None


def _native_length(received: Received, bits: int | None) -> int | None:
    """Bytes of all frames together; None where the header does not say enough."""
    rows, columns = _number(received, _ROWS), _number(received, _COLUMNS)
    samples = _number(received, _SAMPLES) or 1
    stated = received.text(_FRAMES)
    if not rows or not columns or not bits or (stated and not re.fullmatch(_COUNT, stated)):
        return None
    total = rows * columns * samples * bits * max(int(stated or 1), 1)
    if received.text(_PHOTOMETRIC) == "YBR_FULL_422":
        total = total * 2 // 3
    return -(-total // 8)


def _frames(received: Received) -> int:
    stated = received.text(_FRAMES)
    return max(int(stated), 1) if re.fullmatch(_COUNT, stated) else 1


def _unused_bits(received: Received, allocated: int | None) -> UnusedBits | None:
    stored, high_bit = _number(received, _STORED), _number(received, _HIGH_BIT)
    if received.pixel is None or received.pixel.tag != PIXEL_DATA or allocated not in (8, 16, 32):
        return None
    if stored is None or not 0 < stored < allocated:
        return None
    if high_bit is None or not stored - 1 <= high_bit < allocated:
        high_bit = stored - 1
    return UnusedBits(allocated, stored, high_bit, received.signed)


def changed_pixels(picture: Identified, changed: Mapping[int, Frame]) -> PixelValue:
    """The pixel value of an image in which some frames, by number from 0, are others now: native, little endian.

    What was native is copied but for the changed frames; what was compressed is decoded whole. The samples of a changed
    frame are those of ``significant``; they go back to where the stored bits lie.

    Raises:
        MalformedError, UnsupportedPixelsError: see ``frames.decode``.
    """
    layout = picture.layout
    each = native_length(layout) // layout.frames
    first = next(iter(changed.values()))
    total = each * layout.frames
    if total + total % 2 >= UNDEFINED:
        raise UnsupportedPixelsError("native pixels of 4 GiB or more do not fit one element")
    shift = layout.high_bit + 1 - layout.bits_stored
    ops: list[Op] = []
    written = {
        number: next(native((frame.with_samples(frame.samples << shift),), layout)) for number, frame in changed.items()
    }
    if picture.encapsulated:
        frames = decode(layout, picture.pixels, encapsulated=True)
        for number, data in enumerate(native(frames, layout)):
            ops.append(Insert(written.get(number, data)))
    else:
        ops = [Insert(written[n]) if n in written else Copy(n * each, each, 1) for n in range(layout.frames)]
    vr = "OB" if layout.bits_allocated == 8 else "OW"
    describes: dict[int, Op] = {}
    if first.photometric != layout.photometric:
        describes[_PHOTOMETRIC] = Insert(encode_element(_PHOTOMETRIC, "CS", first.photometric.encode()))
    return PixelValue(
        encode_header(PIXEL_DATA, vr, total + total % 2),
        merged(ops),
        EXPLICIT_VR_LITTLE_ENDIAN,
        picture.pixel_value,
        same=False,
        extra=picture.pixels,
        padding=bytes(total % 2),
        describes=describes,
    )


def compose_kept(header: HeaderPlan, pixels: PixelValue | None) -> Parts:
    """A file of a treated header and received pixels; everything after the pixel element has gone before."""
    received = header.received
    syntax = pixels.transfer_syntax if pixels else EXPLICIT_VR_LITTLE_ENDIAN
    if not pixels and received.encapsulated:
        syntax = EXPLICIT_VR_LITTLE_ENDIAN
    sop_class = received.sop_class if is_uid(received.sop_class) else ""
    beginning = file_beginning(syntax, sop_class=sop_class, sop_instance_uid=header.sop_instance_uid)
    ops: list[Op] = [Insert(beginning)]
    elements = dict(header.elements)
    if pixels is not None:
        elements.update((tag, (op,)) for tag, op in pixels.describes.items())
    for tag, each in sorted(elements.items()) if pixels and pixels.describes else header.elements:
        if tag >> 16 != PIXEL_DATA >> 16:
            ops += each
    if received.sop_class == MEDIA_STORAGE_DIRECTORY:
        return Parts((Insert(relinked(b"".join(run(Plan(tuple(ops)), (received.source,))), received.header)),), (), ())
    if pixels is None:
        return Parts(merged(ops), (), ())
    ops.append(Insert(pixels.element_header))
    return Parts(merged(ops), pixels.ops, (Insert(pixels.padding),) if pixels.padding else ())


def sources_of(source: Source, pixels: PixelValue | None) -> Sequence[Source]:
    """What the parts of ``compose_kept`` copy from."""
    return (source, pixels.extra) if pixels and pixels.extra else (source,)
