"""PNG and JPEG in: what they become, and what is refused before it is decoded."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from leadglass.dicom.frames import decode, png
from leadglass.dicom.instance import scan
from leadglass.dicom.pictures import is_picture, read_picture, secondary_capture
from leadglass.dicom.source import BytesSource
from leadglass.errors import InputError, MalformedError, UnsupportedPixelsError
from leadglass.model.frame import Frame

imagecodecs: Any = pytest.importorskip("imagecodecs")

RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (31, 47), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (31, 47), dtype=np.uint16)
COLOUR = RNG.integers(0, 256, (31, 47, 3), dtype=np.uint8)


@pytest.mark.parametrize("samples", [GREY, DEEP, COLOUR], ids=["8", "16", "rgb"])
def test_a_png_is_read_sample_for_sample(samples: np.ndarray[Any, Any]) -> None:
    data = bytes(imagecodecs.png_encode(samples))
    assert is_picture(data[:16])
    frame = read_picture(data)
    np.testing.assert_array_equal(frame.samples, samples)
    assert frame.photometric == ("RGB" if samples.ndim == 3 else "MONOCHROME2")
    assert frame.bits_stored == 8 * samples.dtype.itemsize


def test_equal_colours_are_grey_and_transparency_is_left_out() -> None:
    opaque = np.dstack([GREY, GREY, GREY, np.full_like(GREY, 9)])
    np.testing.assert_array_equal(read_picture(bytes(imagecodecs.png_encode(opaque))).samples, GREY)


def test_a_jpeg_is_read_as_it_decodes() -> None:
    smooth = np.tile(np.arange(64, dtype=np.uint8) * 3, (48, 1))
    frame = read_picture(bytes(imagecodecs.jpeg8_encode(smooth, level=95)))
    assert frame.samples.shape == (48, 64)
    assert np.abs(frame.samples.astype(int) - smooth).max() < 12


def bomb() -> bytes:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + bytes(100)


def test_what_says_it_is_too_large_is_not_decoded() -> None:
    with pytest.raises(InputError, match="megapixels"):
        read_picture(bomb())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(40),
        png(GREY)[:60],
        bytes(imagecodecs.jpeg8_encode(GREY))[:30],
        b"\xff\xd8\xff\xd9",
        b"\x89PNG\r\n\x1a\n" + bytes(30),
    ],
    ids=["empty", "gif", "cut png", "cut jpeg", "no jpeg", "no png"],
)
def test_what_is_broken_is_an_input_error(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_picture(data)


@pytest.mark.parametrize("samples", [GREY, DEEP, COLOUR], ids=["8", "16", "rgb"])
def test_a_secondary_capture_holds_the_same_samples(samples: np.ndarray[Any, Any]) -> None:
    frame = read_picture(bytes(imagecodecs.png_encode(samples)))
    data = secondary_capture(frame, study_uid="2.25.1", series_uid="2.25.2", sop_instance_uid="2.25.3")
    film = scan(BytesSource(data))
    (again,) = decode(film.layout, film.pixels, encapsulated=False)
    np.testing.assert_array_equal(again.samples, samples)
    np.testing.assert_array_equal(dcmread(io.BytesIO(data)).pixel_array, samples)


def test_deep_colour_has_no_place() -> None:
    with pytest.raises(UnsupportedPixelsError):
        secondary_capture(
            Frame(COLOUR.astype(np.uint16), "RGB", 16), study_uid="2.25.1", series_uid="2.25.2", sop_instance_uid="2.25.3"
        )
