"""Code streams: real files, streams made here, and damaged ones."""

from __future__ import annotations

import ast
import importlib.metadata
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.pixels.encoders import RLELosslessEncoder

from leadglass.dicom import codecs
from leadglass.dicom.header import ENCAPSULATED, RLE_LOSSLESS
from leadglass.errors import MalformedError, UnsupportedPixelsError

JPEG = "1.2.840.10008.1.2.4"
Array = NDArray[Any]

_random = np.random.default_rng(20)
GREY_8 = _random.integers(0, 256, (33, 47)).astype(np.uint8)
GREY_12 = _random.integers(0, 4096, (33, 47)).astype(np.uint16)
GREY_16 = _random.integers(0, 65536, (33, 47)).astype(np.uint16)
COLOUR = _random.integers(0, 256, (33, 47, 3)).astype(np.uint8)
SMOOTH = np.add.outer(np.arange(64), np.arange(80)).astype(np.uint8)


def decode(stream: bytes, like: Array, syntax: str, photometric: str = "MONOCHROME2") -> tuple[Array, str]:
    return codecs.decode(bytes(stream), transfer_syntax=syntax, shape=like.shape, dtype=like.dtype, photometric=photometric)


def lossless_jpeg(samples: Array, predictor: int = 1, bits: int | None = None) -> bytes:
    space = "RGB" if samples.ndim == 3 else None
    return bytes(
        imagecodecs.jpeg8_encode(
            samples, lossless=True, predictor=predictor, bitspersample=bits, colorspace=space, outcolorspace=space
        )
    )


def j2k(samples: Array) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True))


def htj2k(samples: Array) -> bytes:
    return bytes(imagecodecs.htj2k_encode(samples, reversible=True))


def jpeg_ls(samples: Array) -> bytes:
    return bytes(imagecodecs.jpegls_encode(samples))


def rle(samples: Array) -> bytes:
    rows, columns, *rest = samples.shape
    return bytes(
        RLELosslessEncoder.encode(
            samples.tobytes(),
            rows=rows,
            columns=columns,
            samples_per_pixel=rest[0] if rest else 1,
            bits_allocated=8 * samples.dtype.itemsize,
            bits_stored=8 * samples.dtype.itemsize,
            pixel_representation=int(samples.dtype.kind == "i"),
            photometric_interpretation="RGB" if rest else "MONOCHROME2",
            planar_configuration=0,
            number_of_frames=1,
        )
    )


ENCODERS: dict[str, tuple[Callable[[Array], bytes], str]] = {
    "RLE": (rle, RLE_LOSSLESS),
    "JPEG lossless": (lossless_jpeg, f"{JPEG}.70"),
    "JPEG-LS": (jpeg_ls, f"{JPEG}.80"),
    "JPEG 2000": (j2k, f"{JPEG}.90"),
    "HTJ2K": (htj2k, f"{JPEG}.201"),
}


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("samples", [GREY_8, GREY_12, GREY_16, COLOUR], ids=["8", "12", "16", "colour"])
def test_a_lossless_stream_gives_the_samples_back(name: str, samples: Array) -> None:
    encode, syntax = ENCODERS[name]
    decoded, _ = decode(encode(samples), samples, syntax)
    assert decoded.dtype == samples.dtype
    assert np.array_equal(decoded, samples)


@pytest.mark.parametrize("predictor", range(1, 8))
def test_every_predictor_of_jpeg_lossless_is_read(predictor: int) -> None:
    stream = lossless_jpeg(GREY_12, predictor=predictor, bits=12)
    decoded, _ = decode(stream, GREY_12, f"{JPEG}.57")
    assert np.array_equal(decoded, GREY_12)


@pytest.mark.parametrize("encode", [j2k, htj2k], ids=["JPEG 2000", "HTJ2K"])
def test_signed_jpeg_2000_stays_signed(encode: Callable[[Array], bytes]) -> None:
    samples = (GREY_12.astype(np.int32) - 2048).astype(np.int16)
    decoded, _ = decode(encode(samples), samples, f"{JPEG}.90")
    assert np.array_equal(decoded, samples)


def test_a_sign_that_the_stream_does_not_know_is_extended() -> None:
    signed = (GREY_12.astype(np.int32) - 2048).astype(np.int16)
    stream = lossless_jpeg((signed & 0x0FFF).astype(np.uint16), bits=12)
    decoded, _ = decode(stream, signed, f"{JPEG}.70")
    assert np.array_equal(decoded, signed)


def test_an_unsigned_image_in_a_signed_stream_keeps_its_bits() -> None:
    signed = (GREY_8.astype(np.int16) - 128).astype(np.int8)
    decoded, _ = decode(j2k(signed), GREY_12, f"{JPEG}.90")
    assert np.array_equal(decoded, signed.view(np.uint8))


def test_jpeg_ls_of_one_scan_a_component_is_read() -> None:
    # imagecodecs writes interleaved scans only, so three grey streams are spliced under one frame header.
    scans = []
    for component in range(3):
        grey = jpeg_ls(np.ascontiguousarray(COLOUR[..., component]))
        scan = bytearray(grey[grey.index(b"\xff\xda") : grey.rindex(b"\xff\xd9")])
        scan[5] = component + 1
        scans.append(bytes(scan))
    frame = struct.pack(">HBHHB", 17, 8, *COLOUR.shape) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
    stream = b"\xff\xd8\xff\xf7" + frame + b"".join(scans) + b"\xff\xd9"
    decoded, _ = decode(stream, COLOUR, f"{JPEG}.80")
    assert np.array_equal(decoded, COLOUR)


def test_near_lossless_jpeg_ls_stays_within_its_bound() -> None:
    stream = bytes(imagecodecs.jpegls_encode(GREY_16, 3))
    decoded, _ = decode(stream, GREY_16, f"{JPEG}.81")
    assert 0 < np.abs(decoded.astype(int) - GREY_16).max() <= 3


def test_extended_jpeg_of_twelve_bits_is_read() -> None:
    samples = SMOOTH.astype(np.uint16) * 20
    stream = bytes(imagecodecs.jpeg8_encode(samples, 99, bitspersample=12))
    decoded, _ = decode(stream, samples, f"{JPEG}.51")
    assert np.abs(decoded.astype(int) - samples).max() < 20


def test_white_in_lossy_htj2k_stays_white() -> None:
    samples = np.full((64, 64), 255, dtype=np.uint8)
    samples[:, :20] = SMOOTH[:64, :20]
    stream = bytes(imagecodecs.htj2k_encode(samples, 0.01, reversible=False))
    decoded, _ = decode(stream, samples, f"{JPEG}.203")
    assert np.abs(decoded.astype(int) - samples).max() < 16


def test_jp2_boxes_around_the_code_stream_are_taken_off() -> None:
    stream = bytes(imagecodecs.jpeg2k_encode(COLOUR, codecformat="jp2", reversible=True))
    assert not stream.startswith(b"\xff\x4f")
    decoded, _ = decode(stream, COLOUR, f"{JPEG}.90", "YBR_RCT")
    assert np.array_equal(decoded, COLOUR)


@pytest.mark.parametrize("stated", ["YBR_RCT", "YBR_ICT", "RGB"])
def test_component_transforms_of_jpeg_2000_come_back_as_rgb(stated: str) -> None:
    assert decode(j2k(COLOUR), COLOUR, f"{JPEG}.90", stated)[1] == "RGB"


def baseline(colorspace: str) -> bytes:
    picture = np.stack([SMOOTH, SMOOTH[::-1], np.full_like(SMOOTH, 40)], axis=-1)
    return bytes(imagecodecs.jpeg8_encode(picture, 98, colorspace="RGB", outcolorspace=colorspace, subsampling="444"))


def test_baseline_rgb_is_called_rgb_whatever_the_header_says() -> None:
    decoded, photometric = decode(baseline("RGB"), np.zeros((64, 80, 3), np.uint8), f"{JPEG}.50", "YBR_FULL_422")
    assert photometric == "RGB"
    assert np.abs(decoded[..., 2].astype(int) - 40).max() < 8


def test_baseline_ycbcr_is_not_converted_and_called_ybr_full() -> None:
    decoded, photometric = decode(baseline("YCbCr"), np.zeros((64, 80, 3), np.uint8), f"{JPEG}.50", "RGB")
    assert photometric == "YBR_FULL"
    luminance = 0.299 * SMOOTH + 0.587 * SMOOTH[::-1] + 0.114 * 40
    assert np.abs(decoded[..., 0] - luminance).max() < 4


def test_lossless_jpeg_colour_is_what_the_header_says() -> None:
    assert decode(lossless_jpeg(COLOUR), COLOUR, f"{JPEG}.70", "YBR_FULL")[1] == "YBR_FULL"


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("part", [0, 1, 17, 41, 63, 64, 90, -40, -3])
def test_a_truncated_stream_is_malformed(name: str, part: int) -> None:
    encode, syntax = ENCODERS[name]
    with pytest.raises(MalformedError):
        decode(encode(GREY_16)[:part], GREY_16, syntax)


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize(
    "like", [GREY_16[:-1], np.repeat(GREY_16[..., None], 3, axis=2), GREY_8], ids=["rows", "rgb", "8 bit"]
)
def test_a_stream_of_another_size_than_the_header_is_malformed(name: str, like: Array) -> None:
    encode, syntax = ENCODERS[name]
    with pytest.raises(MalformedError):
        decode(encode(GREY_16), like, syntax)


@pytest.mark.parametrize(
    ("encode", "syntax", "offset"),
    [(lossless_jpeg, f"{JPEG}.70", "sof"), (jpeg_ls, f"{JPEG}.80", "sof"), (j2k, f"{JPEG}.90", "siz")],
    ids=["JPEG", "JPEG-LS", "JPEG 2000"],
)
def test_a_bomb_is_refused_by_its_header(encode: Callable[[Array], bytes], syntax: str, offset: str) -> None:
    stream = bytearray(encode(GREY_8))
    if offset == "siz":
        struct.pack_into(">II", stream, 8, 60_000, 60_000)
    else:
        marker = b"\xff\xf7" if syntax.endswith("80") else b"\xff\xc3"
        struct.pack_into(">HH", stream, stream.index(marker) + 5, 60_000, 60_000)
    with pytest.raises(MalformedError, match="60000x60000"):
        decode(bytes(stream), GREY_8, syntax)


@pytest.mark.parametrize("syntax", [f"{JPEG}.50", f"{JPEG}.51", f"{JPEG}.80"])
def test_a_jpeg_process_of_another_transfer_syntax_is_malformed(syntax: str) -> None:
    with pytest.raises(MalformedError, match="FFC3"):
        decode(lossless_jpeg(GREY_8), GREY_8, syntax)


def test_a_jpeg_with_scan_after_scan_is_malformed() -> None:
    stream = lossless_jpeg(GREY_8)
    start, end = stream.index(b"\xff\xda"), stream.rindex(b"\xff\xd9")
    with pytest.raises(MalformedError, match="scans"):
        decode(stream[:end] + stream[start:end] * 3 + stream[end:], GREY_8, f"{JPEG}.70")


def test_a_jpeg_that_never_starts_its_frame_is_malformed() -> None:
    comments = b"\xff\xfe\x00\x02" * 5000
    with pytest.raises(MalformedError, match="start of frame"):
        decode(b"\xff\xd8" + comments + lossless_jpeg(GREY_8)[2:], GREY_8, f"{JPEG}.70")


def test_fill_bytes_before_a_marker_are_allowed() -> None:
    stream = lossless_jpeg(GREY_8)
    decoded, _ = decode(b"\xff\xd8\xff\xff\xff" + stream[2:], GREY_8, f"{JPEG}.70")
    assert np.array_equal(decoded, GREY_8)


def test_subsampled_jpeg_2000_is_not_supported() -> None:
    stream = bytearray(j2k(COLOUR))
    stream[46] = 2  # XRsiz of the second component
    with pytest.raises(UnsupportedPixelsError):
        decode(bytes(stream), COLOUR, f"{JPEG}.90")


@pytest.mark.parametrize("count", [0, 1, 3, 15, 16, 0xFFFFFFFF])
def test_an_rle_frame_with_a_wrong_number_of_segments_is_malformed(count: int) -> None:
    stream = bytearray(rle(GREY_16))
    struct.pack_into("<I", stream, 0, count)
    with pytest.raises(MalformedError, match="segments"):
        decode(bytes(stream), GREY_16, RLE_LOSSLESS)


@pytest.mark.parametrize("second", [0, 63, 64, 0x7FFFFFFF])
def test_rle_offsets_that_do_not_ascend_inside_the_frame_are_malformed(second: int) -> None:
    stream = bytearray(rle(GREY_16))
    struct.pack_into("<I", stream, 8, second)
    with pytest.raises(MalformedError, match="ascend"):
        decode(bytes(stream), GREY_16, RLE_LOSSLESS)


def test_an_rle_segment_too_short_for_its_frame_is_malformed_before_anything_is_allocated() -> None:
    stream = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\x00" * 100
    shape = (60_000, 60_000)
    with pytest.raises(MalformedError, match="too short"):
        codecs.decode(stream, transfer_syntax=RLE_LOSSLESS, shape=shape, dtype=np.dtype("u1"), photometric="MONOCHROME2")


@pytest.mark.parametrize("syntax", sorted(ENCAPSULATED))
def test_every_encapsulated_syntax_has_its_codec(syntax: str) -> None:
    with pytest.raises(MalformedError):
        decode(b"", GREY_8, syntax)


def test_only_encapsulated_syntaxes_are_lossless_code_streams() -> None:
    assert codecs.LOSSLESS < ENCAPSULATED


def test_another_transfer_syntax_is_not_supported() -> None:
    with pytest.raises(UnsupportedPixelsError):
        decode(b"", GREY_8, f"{JPEG}.100")


def test_the_gpl_codec_is_not_installed_and_not_imported() -> None:
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution("pylibjpeg-libjpeg")
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(Path(codecs.__file__).read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert "imagecodecs" in imported
    assert not imported & {"libjpeg", "pylibjpeg"}
