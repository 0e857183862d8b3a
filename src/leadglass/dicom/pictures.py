"""Pictures that are no DICOM: PNG and JPEG in, as frames, and the file that carries one on (Secondary Capture)."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leadglass.dicom.header import EXPLICIT_VR_LITTLE_ENDIAN, PIXEL_DATA, encode_element
from leadglass.dicom.instance import file_beginning
from leadglass.errors import InputError, MalformedError, UnsupportedPixelsError
from leadglass.model.frame import Frame

MOST_PIXELS: Final = 100_000_000
MOST_BYTES: Final = 512 << 20
SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_START_OF_FRAME: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is a PNG or a JPEG."""
    return head.startswith((_PNG, _JPEG))


def read_picture(data: bytes) -> Frame:
    """A PNG or JPEG as a frame: grey where its colours are, else RGB; transparency is left out.

    Raises:
        InputError: it is too large; more than 100 megapixels or 512 MiB.
        MalformedError: it is broken, or neither of the two.
        UnsupportedPixelsError: its samples have more than 16 bits.
    """
    import imagecodecs

    if len(data) > MOST_BYTES:
        raise InputError(f"the picture has more than {MOST_BYTES >> 20} MiB")
    rows, columns = _size(data)
    if rows * columns > MOST_PIXELS:
        raise InputError(f"the picture has {rows} x {columns} pixels, more than {MOST_PIXELS // 1_000_000} megapixels")
    decode = imagecodecs.png_decode if data.startswith(_PNG) else imagecodecs.jpeg8_decode
    try:
        samples: NDArray[Any] = np.asarray(decode(data))
    except Exception as error:
        # The codecs raise errors of their own, each its own.
        raise MalformedError(f"the picture cannot be decoded ({type(error).__name__})") from error
    if samples.dtype not in (np.uint8, np.uint16) or samples.ndim not in (2, 3) or 0 in samples.shape:
        raise UnsupportedPixelsError(
            f"pictures of {samples.dtype} samples are not supported", hint="store it with 8 or 16 bits"
        )
    bits = 8 * samples.dtype.itemsize
    if samples.ndim == 3:
        if samples.shape[2] == 4 and not data.startswith(_PNG):
            raise UnsupportedPixelsError("JPEG of four colours (CMYK) is not supported", hint="store it in grey or RGB")
        if samples.shape[2] in (2, 4):
            samples = samples[..., :-1]
        if samples.shape[2] == 1 or bool((samples[..., :1] == samples).all()):
            samples = samples[..., 0]
    samples = np.ascontiguousarray(samples)
    return Frame(samples, "MONOCHROME2" if samples.ndim == 2 else "RGB", bits)


def secondary_capture(frame: Frame, *, study_uid: str, series_uid: str, sop_instance_uid: str) -> bytes:
    """A Secondary Capture Image (PS3.3 A.8.1) of one frame that names nobody, Explicit VR Little Endian.

    Raises:
        UnsupportedPixelsError: colour of more than 8 bits, which the standard has no place for.
    """
    colour = frame.samples.ndim == 3
    if colour and frame.bits_stored > 8:
        raise UnsupportedPixelsError("colour pictures of 16 bits are not supported", hint="store it with 8 bits a colour")
    elements: dict[int, tuple[str, bytes]] = {
        0x00080016: ("UI", SECONDARY_CAPTURE.encode()),
        0x00080018: ("UI", sop_instance_uid.encode()),
        0x00080020: ("DA", b""),
        0x00080030: ("TM", b""),
        0x00080050: ("SH", b""),
        0x00080060: ("CS", b"OT"),
        0x00080064: ("CS", b"WSD"),
        0x00080090: ("PN", b""),
        0x00100010: ("PN", b""),
        0x00100020: ("LO", b""),
        0x00100030: ("DA", b""),
        0x00100040: ("CS", b""),
        0x0020000D: ("UI", study_uid.encode()),
        0x0020000E: ("UI", series_uid.encode()),
        0x00200010: ("SH", b""),
        0x00200011: ("IS", b""),
        0x00200013: ("IS", b"1"),
        0x00200020: ("CS", b""),
        0x00280002: ("US", struct.pack("<H", 3 if colour else 1)),
        0x00280004: ("CS", frame.photometric.encode()),
        **({0x00280006: ("US", b"\0\0")} if colour else {}),
        0x00280010: ("US", struct.pack("<H", frame.rows)),
        0x00280011: ("US", struct.pack("<H", frame.columns)),
        0x00280100: ("US", struct.pack("<H", 8 * frame.samples.dtype.itemsize)),
        0x00280101: ("US", struct.pack("<H", frame.bits_stored)),
        0x00280102: ("US", struct.pack("<H", frame.bits_stored - 1)),
        0x00280103: ("US", b"\0\0"),
        PIXEL_DATA: ("OW" if frame.bits_stored > 8 else "OB", _little_endian(frame.samples)),
    }
    beginning = file_beginning(EXPLICIT_VR_LITTLE_ENDIAN, sop_class=SECONDARY_CAPTURE, sop_instance_uid=sop_instance_uid)
    return beginning + b"".join(encode_element(tag, vr, value) for tag, (vr, value) in sorted(elements.items()))


def _little_endian(samples: NDArray[Any]) -> bytes:
    return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()


def _size(data: bytes) -> tuple[int, int]:
    """Rows and columns as the file states them, before anything is decoded."""
    if data.startswith(_PNG):
        if len(data) < 24 or data[12:16] != b"IHDR":
            raise MalformedError("the PNG has no IHDR")
        columns, rows = struct.unpack_from(">II", data, 16)
        return rows, columns
    if not data.startswith(_JPEG):
        raise MalformedError("this is neither a PNG nor a JPEG")
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _START_OF_FRAME:
            rows, columns = struct.unpack_from(">HH", data, at + 5)
            return rows, columns
        at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise MalformedError("the JPEG states no size")
