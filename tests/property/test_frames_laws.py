"""Laws of pixel data: nothing is lost on the way to frames and back."""

from __future__ import annotations

import warnings
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pydicom
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array
from pydicom.uid import RLELossless

from leadglass.dicom.frames import (
    PixelLayout,
    constant_rle,
    decode,
    native,
    native_length,
    significant,
)
from leadglass.dicom.header import ENCAPSULATED
from leadglass.dicom.source import BytesSource
from leadglass.errors import LeadglassError


@st.composite
def layouts(draw: st.DrawFn) -> PixelLayout:
    allocated = draw(st.sampled_from([8, 16, 32]))
    stored = draw(st.integers(1, allocated))
    samples = draw(st.sampled_from([1, 3]))
    return PixelLayout(
        transfer_syntax=draw(st.sampled_from(["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])),
        rows=draw(st.integers(1, 9)),
        columns=draw(st.integers(1, 9)),
        frames=draw(st.integers(1, 3)),
        samples_per_pixel=samples,
        planar=draw(st.sampled_from([0, 1])),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=draw(st.integers(stored - 1, allocated - 1)),
        signed=draw(st.booleans()),
        photometric="RGB" if samples == 3 else draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2"])),
    )


@given(layouts(), st.data(), st.binary(max_size=3))
def test_native_bytes_survive_decoding_and_encoding(layout: PixelLayout, data: st.DataObject, tail: bytes) -> None:
    value = data.draw(st.binary(min_size=native_length(layout), max_size=native_length(layout)))
    frames = decode(layout, BytesSource(value + tail), encapsulated=False)
    assert b"".join(native(frames, layout)) == value


@given(layouts(), st.data())
def test_native_frames_are_what_pydicom_reads(layout: PixelLayout, data: st.DataObject) -> None:
    # pydicom knows no High Bit other than Bits Stored - 1, nor signed colour.
    layout = replace(layout, high_bit=layout.bits_stored - 1, signed=layout.signed and layout.samples_per_pixel == 1)
    value = data.draw(st.binary(min_size=native_length(layout), max_size=native_length(layout)))
    frames = [
        significant(frame, high_bit=layout.high_bit).samples
        for frame in decode(layout, BytesSource(value), encapsulated=False)
    ]
    assert np.array_equal(np.stack(frames), masked(read_by_pydicom(layout, value), layout))


@given(layouts(), st.data())
def test_significant_values_are_stored_values(layout: PixelLayout, data: st.DataObject) -> None:
    value = data.draw(st.binary(min_size=native_length(layout), max_size=native_length(layout)))
    lowest = layout.high_bit + 1 - layout.bits_stored
    for frame in decode(layout, BytesSource(value), encapsulated=False):
        expected = [
            stored_value(int(sample), lowest=lowest, bits=layout.bits_stored, signed=layout.signed)
            for sample in frame.samples.ravel()
        ]
        assert significant(frame, high_bit=layout.high_bit).samples.ravel().tolist() == expected


@given(layouts(), st.data())
def test_significant_is_done_once(layout: PixelLayout, data: st.DataObject) -> None:
    value = data.draw(st.binary(min_size=native_length(layout), max_size=native_length(layout)))
    for frame in decode(layout, BytesSource(value), encapsulated=False):
        once = significant(frame, high_bit=layout.high_bit)
        assert once.same_as(significant(once, high_bit=layout.bits_stored - 1))


@given(layouts(), st.integers(1, 600), st.data())
def test_a_constant_film_is_what_pydicom_reads(layout: PixelLayout, columns: int, data: st.DataObject) -> None:
    layout = replace(
        layout,
        transfer_syntax=RLELossless,
        columns=columns,
        planar=0,
        high_bit=layout.bits_stored - 1,
        signed=layout.signed and layout.samples_per_pixel == 1,
    )
    lowest = -(1 << (layout.bits_stored - 1)) if layout.signed else 0
    level = data.draw(st.integers(lowest, lowest + (1 << layout.bits_stored) - 1))
    shape = (layout.frames, layout.rows, columns, layout.samples_per_pixel)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A tiny film that happens to be as long encoded as decoded makes pydicom suspect its transfer syntax.
        warnings.filterwarnings("ignore", "The number of bytes of compressed pixel data matches")
        read = read_by_pydicom(layout, constant_rle(layout, level))
    assert np.array_equal(read.reshape(shape), np.full(shape, level))


@given(layouts(), st.integers(1, 600), st.data())
def test_a_constant_film_decodes_to_its_level(layout: PixelLayout, columns: int, data: st.DataObject) -> None:
    layout = replace(layout, transfer_syntax=RLELossless, columns=columns)
    lowest = -(1 << (layout.bits_allocated - 1)) if layout.signed else 0
    level = data.draw(st.integers(lowest, lowest + (1 << layout.bits_allocated) - 1))
    frames = list(decode(layout, BytesSource(constant_rle(layout, level)), encapsulated=True))
    assert len(frames) == layout.frames
    assert all((frame.samples == level).all() for frame in frames)


@given(st.sampled_from(sorted(ENCAPSULATED)), st.lists(st.binary(max_size=200), max_size=4), st.binary(max_size=20))
def test_whatever_stands_for_compressed_pixels_is_refused_by_a_clear_error(
    syntax: str, fragments: list[bytes], tail: bytes
) -> None:
    layout = PixelLayout(syntax, 4, 4, max(1, len(fragments)), 1, 0, 16, 12, 11, False, "MONOCHROME2")
    value = encapsulate(fragments, has_bot=False) + tail if all(fragments) and fragments else tail
    with suppress(LeadglassError):
        assert len(list(decode(layout, BytesSource(value), encapsulated=True))) == layout.frames


def stored_value(sample: int, *, lowest: int, bits: int, signed: bool) -> int:
    stored = (sample >> lowest) & ((1 << bits) - 1)
    return stored - (1 << bits) if signed and stored >> (bits - 1) else stored


def masked(values: NDArray[Any], layout: PixelLayout) -> NDArray[Any]:
    flat = [stored_value(int(value), lowest=0, bits=layout.bits_stored, signed=layout.signed) for value in values.ravel()]
    shape = (layout.frames, layout.rows, layout.columns)
    return np.array(flat).reshape(shape if layout.samples_per_pixel == 1 else (*shape, layout.samples_per_pixel))


def read_by_pydicom(layout: PixelLayout, value: bytes) -> NDArray[Any]:
    """The samples as pydicom sees them, without any colour conversion."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(layout.transfer_syntax)
    dataset.Rows, dataset.Columns = layout.rows, layout.columns
    dataset.NumberOfFrames = layout.frames
    dataset.SamplesPerPixel = layout.samples_per_pixel
    dataset.PhotometricInterpretation = layout.photometric
    if layout.samples_per_pixel > 1:
        dataset.PlanarConfiguration = layout.planar
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = layout.bits_allocated, layout.bits_stored, layout.high_bit
    dataset.PixelRepresentation = int(layout.signed)
    dataset.PixelData = value + bytes(len(value) % 2)
    dataset["PixelData"].VR = "OB" if layout.bits_allocated == 8 else "OW"
    return pixel_array(dataset, raw=True)
