"""Pixel data elements: native and compressed files that pydicom brings, and structures that are not as they should be."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array

from leadglass.dicom.frames import (
    MAX_DECODED_OBJECT,
    PixelLayout,
    constant_rle,
    decode,
    display,
    native,
    native_length,
    png,
    significant,
)
from leadglass.dicom.header import MAX_FRAGMENTS
from leadglass.dicom.source import BytesSource
from leadglass.errors import MalformedError, UnsupportedPixelsError
from leadglass.model.frame import Frame

END = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
NO_TABLE = b"\xfe\xff\x00\xe0\x00\x00\x00\x00"

GREY = PixelLayout(
    transfer_syntax="1.2.840.10008.1.2.1",
    rows=3,
    columns=5,
    frames=1,
    samples_per_pixel=1,
    planar=0,
    bits_allocated=16,
    bits_stored=12,
    high_bit=11,
    signed=False,
    photometric="MONOCHROME2",
)
COLOUR = replace(GREY, samples_per_pixel=3, bits_allocated=8, bits_stored=8, high_bit=7, photometric="RGB")
RLE = replace(GREY, transfer_syntax="1.2.840.10008.1.2.5")


def opened(name: str) -> tuple[PixelLayout, BytesSource, bool]:
    """Layout, value and kind of a file inside the pydicom wheel."""
    path = get_testdata_file(name, download=False)
    assert path is not None, f"the pydicom wheel has no {name}"
    dataset = pydicom.dcmread(str(path))
    syntax = dataset.file_meta.TransferSyntaxUID
    layout = PixelLayout(
        transfer_syntax=str(syntax),
        rows=dataset.Rows,
        columns=dataset.Columns,
        frames=int(dataset.get("NumberOfFrames") or 1),
        samples_per_pixel=dataset.SamplesPerPixel,
        planar=dataset.get("PlanarConfiguration", 0),
        bits_allocated=dataset.BitsAllocated,
        bits_stored=dataset.BitsStored,
        high_bit=dataset.HighBit,
        signed=bool(dataset.PixelRepresentation),
        photometric=dataset.PhotometricInterpretation,
    )
    return layout, BytesSource(dataset.PixelData), bool(syntax.is_encapsulated)


def all_frames(layout: PixelLayout, value: bytes | BytesSource, *, encapsulated: bool) -> list[Frame]:
    source = BytesSource(value) if isinstance(value, bytes) else value
    return list(decode(layout, source, encapsulated=encapsulated))


def film(name: str) -> list[Frame]:
    layout, value, encapsulated = opened(name)
    return all_frames(layout, value, encapsulated=encapsulated)


def item(content: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_implicit.dcm",
        "MR_small_padded.dcm",
        "SC_rgb_small_odd.dcm",
        "examples_overlay.dcm",
        "examples_palette.dcm",
        "rtdose.dcm",
        "MR_small_RLE.dcm",
        "SC_rgb_rle.dcm",
        "SC_rgb_rle_16bit_2frame.dcm",
        "SC_rgb_rle_32bit.dcm",
        "rtdose_rle.dcm",
        "693_J2KI.dcm",
        "GDCMJ2K_TextGBR.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "JPEG2000.dcm",
        "MR_small_jp2klossless.dcm",
        "SC_rgb_gdcm_KY.dcm",
        "examples_jpeg2k.dcm",
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # pydicom speaks of padding and of mismatched signs
@pytest.mark.filterwarnings("ignore::UserWarning:openjpeg")
def test_stored_values_are_what_pydicom_reads(name: str) -> None:
    layout, value, encapsulated = opened(name)
    decoded = all_frames(layout, value, encapsulated=encapsulated)
    expected = pixel_array(get_testdata_file(name, download=False), raw=True)
    values = np.stack([significant(frame, high_bit=layout.high_bit).samples for frame in decoded])
    assert len(decoded) == layout.frames
    assert np.array_equal(values, expected if layout.frames > 1 else expected[None])


@pytest.mark.parametrize(
    ("lossy", "original", "most"),
    [
        ("SC_rgb_jpeg_gdcm.dcm", "SC_rgb_rle.dcm", 0),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm", 0),
        ("SC_rgb_jls_lossy_line.dcm", "SC_rgb_rle.dcm", 10),
        ("SC_rgb_jls_lossy_sample.dcm", "SC_rgb_rle.dcm", 10),
        ("SC_rgb_dcmtk_+eb+cr.dcm", "SC_rgb_rle.dcm", 10),
    ],
)
def test_what_pydicom_alone_cannot_decode_is_like_its_uncompressed_twin(lossy: str, original: str, most: int) -> None:
    (first,), (second,) = film(lossy), film(original)
    assert first.photometric == second.photometric
    assert np.abs(first.samples.astype(int) - second.samples).max() <= most


@pytest.mark.parametrize("name", ["SC_rgb_dcmtk_+eb+cy+s2.dcm", "SC_rgb_jpeg_lossy_gdcm.dcm", "SC_rgb_jpeg_dcmtk.dcm"])
def test_ycbcr_is_shown_as_the_rgb_it_was_made_of(name: str) -> None:
    (frame,) = film(name)
    (original,) = film("SC_rgb_rle.dcm")
    assert frame.photometric == "YBR_FULL"
    # Chrominance was averaged across edges; most of these bars is flat.
    assert np.median(np.abs(display(frame).astype(int) - original.samples)) <= 3


@pytest.mark.parametrize(
    "name", ["JPEG-lossy.dcm", "JPGExtended.dcm", "JPEGLSNearLossless_08.dcm", "JPEGLSNearLossless_16.dcm"]
)
def test_further_compressed_files_are_read(name: str) -> None:
    layout, value, _ = opened(name)
    (frame,) = all_frames(layout, value, encapsulated=True)
    assert frame.samples.shape == (layout.rows, layout.columns)
    assert int(np.ptp(frame.samples)) > 50


def test_thirty_frames_of_a_cine_loop_come_one_at_a_time() -> None:
    layout, value, _ = opened("examples_ybr_color.dcm")
    decoded = decode(layout, value, encapsulated=True)
    tracemalloc.start()
    try:
        shapes = [frame.samples.shape for frame in decoded]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert shapes == [(240, 320, 3)] * 30
    assert peak < 10 * 240 * 320 * 3


def test_a_file_with_a_spoilt_code_stream_is_malformed() -> None:
    layout, value, _ = opened("JPEG2000-embedded-sequence-delimiter.dcm")
    with pytest.raises(MalformedError):
        all_frames(layout, value, encapsulated=True)


@pytest.mark.parametrize(
    "syntax",
    ["1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.110"],
)
def test_an_unsupported_transfer_syntax_is_named(syntax: str) -> None:
    with pytest.raises(UnsupportedPixelsError, match=syntax) as raised:
        decode(replace(GREY, transfer_syntax=syntax), BytesSource(bytes(30)), encapsulated=False)
    assert "JPEG 2000" in (raised.value.hint or "")


def test_what_stands_for_a_transfer_syntax_and_is_no_uid_is_not_repeated() -> None:
    with pytest.raises(UnsupportedPixelsError) as raised:
        decode(replace(GREY, transfer_syntax="DOE^JANE"), BytesSource(bytes(30)), encapsulated=False)
    assert "DOE" not in str(raised.value)


@pytest.mark.parametrize(
    "change",
    [
        {"bits_allocated": 1, "bits_stored": 1, "high_bit": 0},
        {"bits_allocated": 12},
        {"bits_allocated": 64},
        {"samples_per_pixel": 2},
        {"samples_per_pixel": 4},
        {"photometric": "YBR_FULL_422", "samples_per_pixel": 3},
    ],
)
def test_pixels_that_cannot_make_the_round_trip_are_refused_at_once(change: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedPixelsError):
        decode(replace(GREY, **change), BytesSource(bytes(1000)), encapsulated=False)


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 0},
        {"columns": -1},
        {"rows": 70_000},
        {"frames": 0},
        {"bits_stored": 0},
        {"bits_stored": 17, "high_bit": 16},
        {"high_bit": 10},
        {"high_bit": 16},
        {"planar": 2},
    ],
)
def test_a_layout_that_makes_no_image_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        decode(replace(GREY, **change), BytesSource(bytes(1000)), encapsulated=False)


def test_native_pixels_that_are_too_short_are_malformed() -> None:
    with pytest.raises(MalformedError, match="29 bytes where the header calls for 30"):
        decode(GREY, BytesSource(bytes(29)), encapsulated=False)


def test_a_false_size_costs_no_memory() -> None:
    with pytest.raises(MalformedError):
        decode(replace(GREY, rows=65_535, columns=65_535, frames=1_000_000_000), BytesSource(bytes(30)), encapsulated=False)


def test_a_compressed_frame_beyond_the_limit_is_refused_at_once() -> None:
    with pytest.raises(UnsupportedPixelsError, match="60000x60000"):
        decode(replace(RLE, rows=60_000, columns=60_000), BytesSource(bytes(30)), encapsulated=True)


@pytest.mark.parametrize(("layout", "encapsulated"), [(GREY, True), (RLE, False)])
def test_encapsulation_has_to_agree_with_the_transfer_syntax(layout: PixelLayout, encapsulated: bool) -> None:
    with pytest.raises(MalformedError, match="encapsulated"):
        decode(layout, BytesSource(bytes(30)), encapsulated=encapsulated)


def test_unused_high_bits_are_kept_by_decode_and_cleared_by_significant() -> None:
    value = np.full((3, 5), 0xF123, dtype="<u2").tobytes()
    (frame,) = all_frames(GREY, value, encapsulated=False)
    assert (frame.samples == 0xF123).all()
    assert (significant(frame, high_bit=11).samples == 0x0123).all()


def test_significant_moves_stored_bits_down_and_extends_their_sign() -> None:
    frame = Frame(np.array([[0x7FF5, 0x0800 << 1]], dtype=np.int16), "MONOCHROME2", 12)
    assert significant(frame, high_bit=12).samples.tolist() == [[-6, -2048]]


def test_significant_refuses_bits_outside_the_container() -> None:
    with pytest.raises(ValueError, match="container"):
        significant(Frame(np.zeros((2, 2), np.uint8), "MONOCHROME2", 8), high_bit=8)


def test_samples_are_read_only() -> None:
    (frame,) = all_frames(GREY, bytes(30), encapsulated=False)
    with pytest.raises(ValueError, match="read-only"):
        frame.samples[0, 0] = 1


def test_native_refuses_a_frame_of_another_container() -> None:
    with pytest.raises(ValueError, match="container"):
        list(native([Frame(np.zeros((3, 5), np.int16), "MONOCHROME2", 12)], GREY))


def constant_streams(count: int, layout: PixelLayout = RLE) -> tuple[list[bytes], list[int]]:
    """RLE frames of different constants."""
    levels = [10 * (number + 1) for number in range(count)]
    values = [constant_rle(layout, level) for level in levels]
    return [value[16:-8] for value in values], levels


def shown_levels(decoded: list[Frame]) -> list[int]:
    return [int(frame.samples[0, 0]) for frame in decoded]


def offset_table(*offsets: int) -> bytes:
    return item(struct.pack(f"<{len(offsets)}I", *offsets))


def jpeg_2000_frames(count: int) -> tuple[list[bytes], PixelLayout]:
    layout = replace(GREY, transfer_syntax="1.2.840.10008.1.2.4.90", rows=8, columns=8, frames=count)
    pictures = [np.arange(64, dtype=np.uint16).reshape(8, 8) + 10 * (number + 1) for number in range(count)]
    return [bytes(imagecodecs.jpeg2k_encode(each, codecformat="j2k", reversible=True)) for each in pictures], layout


@pytest.mark.parametrize("has_table", [True, False])
def test_frames_that_pydicom_encapsulated_are_found(has_table: bool) -> None:
    streams, levels = constant_streams(3)
    value = encapsulate(streams, has_bot=has_table)
    assert shown_levels(all_frames(replace(RLE, frames=3), value, encapsulated=True)) == levels


def test_frames_in_several_fragments_are_found_by_the_offset_table() -> None:
    streams, layout = jpeg_2000_frames(3)
    value = encapsulate(streams, fragments_per_frame=3, has_bot=True)
    assert shown_levels(all_frames(layout, value, encapsulated=True)) == [10, 20, 30]


def test_frames_in_several_fragments_are_found_by_their_ends() -> None:
    streams, layout = jpeg_2000_frames(3)
    value = encapsulate(streams, fragments_per_frame=3, has_bot=False) + END
    assert shown_levels(all_frames(layout, value, encapsulated=True)) == [10, 20, 30]


def test_one_frame_in_several_fragments_is_joined() -> None:
    streams, layout = jpeg_2000_frames(1)
    value = encapsulate(streams, fragments_per_frame=4, has_bot=False) + END
    assert shown_levels(all_frames(layout, value, encapsulated=True)) == [10]


def fragmented(*parts: bytes) -> bytes:
    return NO_TABLE + b"".join(parts)


_STREAM = constant_streams(1)[0][0]
_LENGTH = len(_STREAM)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        NO_TABLE[:7],
        END,
        NO_TABLE,
        fragmented(END),
        item(bytes(3)) + item(_STREAM) + END,
        offset_table(0, 4) + item(_STREAM) + END,
        offset_table(2) + item(_STREAM) + END,
        item(bytes(4))[:6] + b"\xff\xff" + item(_STREAM),
        fragmented(item(_STREAM)[:-2]),
        fragmented(item(_STREAM), END[:5]),
        fragmented(item(_STREAM), END, b"more"),
        fragmented(item(_STREAM), END, item(_STREAM)),
        fragmented(item(_STREAM), END[:4], b"\x02\x00\x00\x00"),
        fragmented(item(b""), item(_STREAM), END),
        fragmented(b"\xfe\xff\x00\xe0\xff\xff\xff\xff", _STREAM, END),
        fragmented(b"\xe0\x7f\x10\x00\x04\x00\x00\x00abcd", END),
        fragmented(item(_STREAM + bytes(1 << 21)), END),
    ],
)
def test_hostile_fragments_are_malformed(value: bytes) -> None:
    with pytest.raises(MalformedError):
        all_frames(RLE, value, encapsulated=True)


@pytest.mark.parametrize("offsets", [(0, 0), (0, 8), (8, _LENGTH + 8), (_LENGTH + 8, 0), (0, 1 << 31), (0, _LENGTH + 10)])
def test_an_offset_table_that_misses_its_fragments_is_malformed(offsets: tuple[int, int]) -> None:
    value = offset_table(*offsets) + item(_STREAM) * 2 + END
    with pytest.raises(MalformedError):
        all_frames(replace(RLE, frames=2), value, encapsulated=True)


def test_the_offset_table_of_two_frames_is_followed() -> None:
    value = offset_table(0, _LENGTH + 8) + item(_STREAM) * 2 + END
    assert len(all_frames(replace(RLE, frames=2), value, encapsulated=True)) == 2


@pytest.mark.parametrize("present", [1, 3])
def test_frames_of_another_number_than_stated_are_malformed(present: int) -> None:
    with pytest.raises(MalformedError, match="frames"):
        all_frames(replace(RLE, frames=2), fragmented(item(_STREAM) * present, END), encapsulated=True)


def test_a_last_frame_without_an_end_is_malformed() -> None:
    streams, layout = jpeg_2000_frames(2)
    parts = [item(streams[0][:20]), item(streams[0][20:]), item(streams[1][:-2])]
    with pytest.raises(MalformedError):
        all_frames(layout, fragmented(*parts, END), encapsulated=True)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"])
def test_an_object_too_large_to_be_held_is_refused_before_any_frame(syntax: str) -> None:
    layout = replace(GREY, transfer_syntax=syntax, rows=8192, columns=8192, frames=60)
    with pytest.raises(UnsupportedPixelsError, match=f"60 frames of 8192x8192 pixels.*{MAX_DECODED_OBJECT} bytes"):
        decode(layout, BytesSource(fragmented(*[item(b"tiny")] * 60, END)), encapsulated=True)


def test_an_object_as_large_as_can_be_held_is_taken() -> None:
    layout = replace(RLE, rows=8192, columns=8192, frames=8)
    assert native_length(layout) == MAX_DECODED_OBJECT
    assert decode(layout, BytesSource(fragmented(*[item(b"tiny")] * 8, END)), encapsulated=True)


LOSSLESS = {
    "1.2.840.10008.1.2.4.80": lambda samples: imagecodecs.jpegls_encode(samples),
    "1.2.840.10008.1.2.4.90": lambda samples: imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True),
}


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize(
    ("values", "stored", "high_bit"),
    [([0, 4096], 12, 11), ([0, 65535], 12, 11), ([0, 4095], 12, 15)],
    ids=["above by one", "above by far", "below the stored bits"],
)
def test_lossless_values_outside_the_stored_bits_are_refused(
    syntax: str, values: list[int], stored: int, high_bit: int
) -> None:
    samples = np.resize(np.array(values, dtype=np.uint16), (8, 8))
    layout = replace(GREY, transfer_syntax=syntax, rows=8, columns=8, bits_stored=stored, high_bit=high_bit)
    with pytest.raises(UnsupportedPixelsError, match=r"\(0028,0101\)"):
        all_frames(layout, fragmented(item(bytes(LOSSLESS[syntax](samples))), END), encapsulated=True)


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize(("values", "stored", "high_bit"), [([0, 4095], 12, 11), ([16, 65520], 12, 15)])
def test_lossless_values_inside_the_stored_bits_are_shown_whole(
    syntax: str, values: list[int], stored: int, high_bit: int
) -> None:
    samples = np.resize(np.array(values, dtype=np.uint16), (8, 8))
    layout = replace(GREY, transfer_syntax=syntax, rows=8, columns=8, bits_stored=stored, high_bit=high_bit)
    (frame,) = all_frames(layout, fragmented(item(bytes(LOSSLESS[syntax](samples))), END), encapsulated=True)
    shown = significant(frame, high_bit=high_bit).samples
    assert np.array_equal(shown << (high_bit + 1 - stored), samples)


def test_lossy_values_may_overshoot_the_stored_bits() -> None:
    samples = np.resize(np.array([0, 4200], dtype=np.uint16), (8, 8))
    stream = bytes(imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True))
    layout = replace(GREY, transfer_syntax="1.2.840.10008.1.2.4.91", rows=8, columns=8)
    assert len(all_frames(layout, fragmented(item(stream), END), encapsulated=True)) == 1


def test_too_many_fragments_are_malformed_soon() -> None:
    value = fragmented(item(b"ab") * (MAX_FRAGMENTS + 1), END)
    with pytest.raises(MalformedError, match="fragments"):
        all_frames(replace(RLE, frames=2), value, encapsulated=True)


def test_a_constant_film_is_sixty_times_smaller_than_its_pixels() -> None:
    layout = replace(RLE, rows=2500, columns=2048, frames=3)
    assert 60 * len(constant_rle(layout, 7)) < native_length(layout)


@pytest.mark.parametrize(("layout", "level"), [(GREY, -1), (GREY, 1 << 16), (replace(GREY, signed=True), 1 << 15)])
def test_a_level_that_does_not_fit_the_container_is_refused(layout: PixelLayout, level: int) -> None:
    with pytest.raises(ValueError, match="container"):
        constant_rle(layout, level)


def test_a_constant_film_of_absurdly_many_frames_is_refused() -> None:
    with pytest.raises(UnsupportedPixelsError, match="0028,0008"):
        constant_rle(replace(RLE, frames=1 << 31), 0)


def ramp() -> Frame:
    return Frame(np.arange(4096, dtype=np.uint16).reshape(64, 64), "MONOCHROME2", 12)


def test_a_window_is_applied_as_the_standard_says() -> None:
    shown = display(ramp(), window=(2048, 4096)).ravel()
    # PS3.3 C.11.2.1.2.1, the note's example: black at or below 0, white above 4095, linear between.
    assert shown[0] == 0
    assert shown[4095] == 255
    assert np.array_equal(shown, np.rint(np.arange(4096) / 4095 * 255))


def test_a_window_one_wide_is_a_threshold() -> None:
    shown = display(ramp(), window=(100.5, 1)).ravel()
    assert shown[100] == 0
    assert shown[101] == 255


def test_the_window_by_default_leaves_out_the_extremes() -> None:
    samples = ramp().samples.copy()
    samples[0, 0] = 60_000
    shown = display(Frame(samples, "MONOCHROME2", 16)).ravel()
    assert abs(int(shown[2048]) - 128) <= 2
    assert shown[0] == shown[4095] == 255


def test_monochrome1_is_turned_over() -> None:
    other = replace(ramp(), photometric="MONOCHROME1")
    assert np.array_equal(display(other), 255 - display(ramp()))


def test_a_flat_film_can_be_shown() -> None:
    assert len(np.unique(display(Frame(np.full((4, 4), 9, np.int16), "MONOCHROME2", 16)))) == 1


def test_a_window_narrower_than_one_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        display(ramp(), window=(1.0, 0.5))


def test_rgb_passes_through() -> None:
    samples = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    assert np.array_equal(display(Frame(samples, "RGB", 8)), samples)


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
def test_a_png_holds_the_picture(shape: tuple[int, ...]) -> None:
    picture: NDArray[np.uint8] = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    assert np.array_equal(imagecodecs.png_decode(png(picture)), picture)


def test_a_png_has_right_checksums() -> None:
    data = png(np.zeros((3, 3), np.uint8))
    at, names = 8, []
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        assert zlib.crc32(data[at + 4 : at + 8 + length]) == struct.unpack_from(">I", data, at + 8 + length)[0]
        names.append(data[at + 4 : at + 8])
        at += 12 + length
    assert names == [b"IHDR", b"IDAT", b"IEND"]


@pytest.mark.parametrize("picture", [np.zeros((3, 3), np.uint16), np.zeros((3, 3, 4), np.uint8), np.zeros(3, np.uint8)])
def test_a_png_of_anything_else_is_refused(picture: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        png(picture)


def test_native_length_counts_every_frame_and_sample() -> None:
    assert native_length(replace(COLOUR, frames=4)) == 4 * 3 * 5 * 3
