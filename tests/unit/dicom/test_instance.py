"""The states of an instance: what scan takes, what compose writes, what a recipient gets."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from dataclasses import replace

import hostile as h
import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless

from leadglass.dicom.frames import constant_rle
from leadglass.dicom.header import explicit
from leadglass.dicom.instance import (
    IMPLEMENTATION_CLASS_UID,
    Clean,
    HeaderPlan,
    Identified,
    Treated,
    compose,
    compose_rendition,
    identity_elements,
    scan,
)
from leadglass.dicom.plan import Plan, run
from leadglass.dicom.source import BytesSource
from leadglass.errors import InputError, MalformedError, NotDicomError, UnsupportedPixelsError


def identified(data: bytes) -> Identified:
    return scan(BytesSource(data))


def kept(received: Identified) -> HeaderPlan:
    """A header plan that changes nothing."""
    elements = {
        element.tag: tuple(explicit(received.header, element, signed=received.layout.signed))
        for element in received.header.elements
        if element.tag >> 16 != 0x7FE0
    }
    return HeaderPlan(received, received.sop_instance_uid, tuple(sorted(elements.items())), (), ())


def at_rest(received: Identified, level: int = 7) -> Clean:
    return compose(kept(received), Treated(RLELossless, constant_rle(received.layout, level)))


def written(chunks: Iterable[bytes]) -> pydicom.Dataset:
    return pydicom.dcmread(io.BytesIO(b"".join(chunks)))


COLOUR = [
    h.element(0x00280002, "US", 3),
    h.element(0x00280004, "CS", "RGB"),
    h.element(0x00280006, "US", 0),
]


def test_a_scan_says_what_the_header_says() -> None:
    found = identified(
        h.film([h.element(0x00185101, "CS", "PA"), h.element(0x00080005, "CS", "ISO 2022 IR 6\\ISO 2022 IR 58")])
    )
    assert (found.sop_class, found.sop_instance_uid, found.study_uid, found.series_uid) == (
        h.DR,
        "1.2.3.4.5",
        "1.2.3.4",
        "1.2.3.4.1",
    )
    assert (found.modality, found.view_position, found.charset) == ("DX", "PA", ("ISO 2022 IR 6", "ISO 2022 IR 58"))


def test_the_layout_is_that_of_the_image_pixel_module() -> None:
    layout = identified(h.film(rows=3, columns=5)).layout
    assert (layout.rows, layout.columns, layout.frames, layout.bits_stored, layout.high_bit, layout.signed) == (
        3,
        5,
        1,
        16,
        15,
        False,
    )


def test_native_pixels_are_the_samples_without_what_follows_them() -> None:
    found = identified(h.film(pixels=h.element(0x7FE00010, "OW", b"ab" * 16 + b"tail")))
    assert found.pixels.read(0, 100) == b"ab" * 16


def test_encapsulated_pixels_are_the_whole_value() -> None:
    found = identified(h.film(syntax=h.JPEG_2000, pixels=h.encapsulated(b"abcd")))
    assert (found.encapsulated, found.pixels.read(0, 100)) == (True, h.fragments(b"abcd"))


def test_a_raw_value_can_be_asked_for() -> None:
    assert identified(h.film([h.element(0x04000500, "OB", b"ab")])).value(0x04000500) == b"ab"


def test_a_value_that_is_not_there_is_none() -> None:
    assert identified(h.film()).value(0x00100010) is None


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"text" * 100, NotDicomError, "not a DICOM file"),
        (h.film(pixels=b""), InputError, "no pixel data"),
        (h.film(pixels=h.element(0x7FE00008, "OF", bytes(64))), UnsupportedPixelsError, r"\(7FE0,0008\).*floating"),
        (h.film([h.element(0x00280100, "US", 1)]), UnsupportedPixelsError, r"\(0028,0100\) Bits Allocated 1:"),
        (h.film([h.element(0x00280100, "US", 64)]), UnsupportedPixelsError, r"\(0028,0100\) Bits Allocated 64:"),
        (h.film(without=[0x00280010]), MalformedError, r"\(0028,0010\) is missing"),
        (h.film(without=[0x00280004]), MalformedError, r"\(0028,0004\) is missing"),
        (h.film(without=[0x00080018]), MalformedError, r"\(0008,0018\) is missing"),
        (h.film([h.element(0x00280010, "US", 0)]), MalformedError, r"\(0028,0010\) Rows 0 .* no image"),
        (h.film([h.element(0x00280008, "IS", "two")]), MalformedError, r"\(0028,0008\) IS of length 4"),
        (h.film([h.element(0x00280101, "US", 17)]), MalformedError, "do not lie inside 16 bits"),
        (h.film([h.element(0x00280102, "US", 16)]), MalformedError, "do not lie inside 16 bits"),
        (h.film([h.element(0x00280103, "US", 2)]), MalformedError, r"\(0028,0103\) is neither"),
        (h.film([h.element(0x00280002, "US", 3)]), MalformedError, "contradicts"),
        (h.film([h.element(0x00280004, "CS", "SMITH")]), UnsupportedPixelsError, r"\(0028,0004\)"),
        (h.film([h.element(0x00280011, "US", b"abcd")]), MalformedError, r"\(0028,0011\) US has length 4"),
        (h.film([h.element(0x00280011, "US", 5)]), MalformedError, "has length 32, and its image needs 40"),
        (h.film([h.element(0x00280010, "US", 4)] * 2), MalformedError, r"\(0028,0010\) stands twice"),
        (h.film(pixels=h.encapsulated(b"ab")), MalformedError, "encapsulated where"),
        (h.film(syntax=h.JPEG_2000), MalformedError, "encapsulated where"),
    ],
)
def test_what_cannot_make_the_round_trip_is_refused(data: bytes, error: type[InputError], message: str) -> None:
    with pytest.raises(error, match=message):
        identified(data)


@pytest.mark.parametrize("text", ["WANG^XIAOMING", "Pa", "SECRETNAME"])
def test_what_is_no_term_is_not_told(text: str) -> None:
    found = identified(h.film([h.element(0x00080060, "CS", text), h.element(0x00185101, "CS", text)]))
    assert (found.modality, found.view_position) == (None, None)


@pytest.mark.parametrize(
    ("element", "tag"),
    [
        (h.element(0x00080016, "LO", h.DR), r"\(0008,0016\)"),
        (h.element(0x0020000D, "OB", "1.2.3.4"), r"\(0020,000D\)"),
        (h.element(0x00280010, "UL", bytes(4)), r"\(0028,0010\)"),
    ],
)
def test_what_an_image_cannot_be_read_without_is_stated_under_its_own_vr(element: bytes, tag: str) -> None:
    with pytest.raises(MalformedError, match=f"{tag} is encoded as"):
        identified(h.film([element]))


def test_an_error_does_not_repeat_the_value() -> None:
    with pytest.raises(InputError) as caught:
        identified(h.film([h.element(0x00280004, "CS", "ZQXW")]))
    assert "ZQXW" not in f"{caught.value} {caught.value.hint}"


def test_nobody_makes_a_clean_but_compose() -> None:
    with pytest.raises(TypeError):
        Clean(Plan(()), (), "1.2.3", Plan(()), None, object())


def test_a_clean_cannot_be_changed_into_another() -> None:
    with pytest.raises((TypeError, ValueError)):
        replace(at_rest(identified(h.film())), sop_instance_uid="1.2.3")


@pytest.mark.parametrize("syntax", [h.EXPLICIT, h.IMPLICIT])
def test_a_film_at_rest_is_what_pydicom_reads(syntax: str) -> None:
    film = written(at_rest(identified(h.film(syntax=syntax))).chunks())
    assert (film.file_meta.TransferSyntaxUID, film.Modality, np.unique(film.pixel_array).tolist()) == (
        RLELossless,
        "DX",
        [7],
    )


def test_the_size_of_a_clean_is_that_of_its_file() -> None:
    clean = at_rest(identified(h.film()))
    assert clean.size == len(b"".join(clean.chunks())) == clean.source.size


@pytest.mark.parametrize(
    "data",
    [
        h.film(),
        h.film(syntax=h.IMPLICIT),
        h.film(file_meta=b""),
        h.film(file_meta=h.meta(h.EXPLICIT, preamble=b"P" * 128), after=b"trailing bytes"),
        h.film(pixels=h.element(0x7FE00010, "OW", b"ab" * 16 + b"tail"), after=h.element(0xFFFCFFFC, "OB", b"pad!")),
        h.film(syntax=h.JPEG_2000, pixels=h.encapsulated(b"abcd", b"ef")),
        h.film(bits=8, rows=3, columns=3),
    ],
    ids=["explicit", "implicit", "no meta", "preamble and trailing", "tail", "encapsulated", "odd"],
)
def test_the_inverse_gives_back_the_received_file(data: bytes) -> None:
    received = identified(data)
    clean = at_rest(received)
    out = BytesSource(b"".join(clean.chunks()))
    assert b"".join(run(clean.inverse, (out, received.pixels))) == data


def test_the_inverse_holds_no_pixels() -> None:
    received = identified(h.film(rows=64, columns=64))
    assert sum(len(op.data) for op in at_rest(received).inverse.ops if hasattr(op, "data")) < 600


def test_colour_at_rest_is_stored_by_plane() -> None:
    received = identified(h.film(COLOUR, bits=8, pixels=h.element(0x7FE00010, "OB", bytes(48))))
    film = written(at_rest(received).chunks())
    assert (film.PlanarConfiguration, film.pixel_array.shape) == (1, (4, 4, 3))


def test_decoded_jpeg_2000_is_no_longer_ybr() -> None:
    elements = [h.element(0x00280004, "CS", "YBR_RCT"), *COLOUR[::2]]
    received = identified(h.film(elements, bits=8, syntax=h.JPEG_2000, pixels=h.encapsulated(b"abcd")))
    assert (
        written(compose(kept(received), Treated(RLELossless, h.fragments(b"ab"))).chunks()).PhotometricInterpretation
        == "RGB"
    )


def test_offset_tables_of_the_old_pixels_go() -> None:
    table = h.element(0x7FE00001, "OV", bytes(8))
    received = identified(h.film([table], syntax=h.JPEG_2000, pixels=h.encapsulated(b"abcd")))
    assert 0x7FE00001 not in written(at_rest(received).chunks())


def test_the_file_meta_is_ours() -> None:
    more = h.element(0x00020013, "SH", "THEIRS") + h.element(0x00020016, "AE", "WARD7")
    clean = at_rest(identified(h.film(file_meta=h.meta(h.EXPLICIT, more=more, preamble=b"TIFF" * 32))))
    data = b"".join(clean.chunks())
    film = written([data])
    assert film.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert film.file_meta.MediaStorageSOPInstanceUID == film.SOPInstanceUID
    assert not any(word in data for word in (b"THEIRS", b"WARD7", b"TIFF"))


def test_elements_come_out_in_ascending_order() -> None:
    data = h.film([h.element(0x00200013, "IS", "1"), h.element(0x00080008, "CS", "ORIGINAL")], in_order=False)
    header = scan(at_rest(identified(data)).source).header
    found = [element.tag for element in header.elements]
    assert found == sorted(found)


def rendition(data: bytes, **changes: object) -> pydicom.Dataset:
    clean = at_rest(identified(data))
    layout = replace(scan(clean.source).layout, transfer_syntax=h.EXPLICIT)
    arguments: dict[str, object] = {
        "frames": bytes(range(32)),
        "layout": layout,
        "sop_instance_uid": "2.25.7",
        "set_elements": {},
        "remove": (),
        "sealed": None,
    }
    made = compose_rendition(clean.source, **{**arguments, **changes})  # type: ignore[arg-type]  # a dict of them
    assert made.size == len(b"".join(made.chunks()))
    return written(made.chunks())


def test_a_rendition_is_native_and_has_its_own_uid() -> None:
    film = rendition(h.film(syntax=h.IMPLICIT))
    assert film.file_meta.TransferSyntaxUID == h.EXPLICIT
    assert film.file_meta.MediaStorageSOPInstanceUID == film.SOPInstanceUID == "2.25.7"
    assert film.pixel_array.tobytes() == bytes(range(32))


def test_a_rendition_takes_and_leaves_elements() -> None:
    film = rendition(h.film(), set_elements={0x00100010: ("PN", b"Doe^J")}, remove=[0x00080060])
    assert (film.PatientName, "Modality" in film) == ("Doe^J", False)


def test_a_rendition_carries_what_is_sealed() -> None:
    sealed = h.sequence(0x04000500, [[h.element(0x04000510, "UI", h.EXPLICIT), h.element(0x04000520, "OB", b"CMS!")]])
    assert rendition(h.film(), sealed=sealed).EncryptedAttributesSequence[0].EncryptedContent == b"CMS!"


def test_what_was_sealed_before_does_not_go_over() -> None:
    film = h.film([h.sequence(0x04000500, [[h.element(0x04000520, "OB", b"CMS!")]])])
    assert 0x04000500 not in rendition(film)


def test_a_rendition_can_be_scanned_again() -> None:
    clean = at_rest(identified(h.film()))
    made = compose_rendition(
        clean.source,
        frames=bytes(32),
        layout=scan(clean.source).layout,
        sop_instance_uid="2.25.7",
        set_elements={},
        remove=(),
        sealed=h.sequence(0x04000500, [[h.element(0x04000520, "OB", b"CMS!")]]),
    )
    assert b"CMS!" in (scan(made.source).value(0x04000500) or b"")


def test_frames_of_another_size_are_refused() -> None:
    with pytest.raises(MalformedError, match="30 bytes, and the layout asks for 32"):
        rendition(h.film(), frames=bytes(30))


@pytest.mark.parametrize("length", [65_535, 65_536, 70_000])
def test_an_identity_too_long_for_its_vr_goes_over(length: int) -> None:
    comments = h.head(0x00104000, "LT", length, implicit=True) + b"a" * length
    granted = identity_elements(BytesSource(h.film([comments], syntax=h.IMPLICIT)))
    # pydicom leaves a value as bytes that is UN because it is long.
    assert rendition(h.film(), set_elements=granted).PatientComments.rstrip(b"\0") == b"a" * length


@pytest.mark.parametrize("tag", [0x00020010, 0x00020016, 0x00000002])
def test_file_meta_information_is_no_attribute_to_set(tag: int) -> None:
    with pytest.raises(ValueError, match="no attribute of a data set"):
        rendition(h.film(), set_elements={tag: ("LO", b"SMITH")})


def test_odd_pixels_are_padded() -> None:
    clean = at_rest(identified(h.film(bits=8, rows=3, columns=3)))
    layout = scan(clean.source).layout
    made = compose_rendition(
        clean.source, frames=bytes(9), layout=layout, sop_instance_uid="2.25.7", set_elements={}, remove=(), sealed=None
    )
    assert len(written(made.chunks()).PixelData) == 10


@pytest.mark.parametrize("syntax", [h.EXPLICIT, h.IMPLICIT])
def test_identity_is_the_original_bytes(syntax: str) -> None:
    name = "王^小东".encode("gb18030")
    implicit = syntax == h.IMPLICIT
    data = h.film(
        [h.element(0x00100010, "PN", name, implicit=implicit), h.element(0x00100020, "LO", "P1", implicit=implicit)],
        syntax=syntax,
    )
    padded = h.element(0x00100010, "PN", name)[8:]
    assert identity_elements(BytesSource(data)) == {0x00100010: ("PN", padded), 0x00100020: ("LO", b"P1")}


def test_other_attributes_are_no_identity() -> None:
    data = h.film([h.element(0x00081030, "LO", "Chest"), h.element(0x00100040, "CS", "F")])
    assert set(identity_elements(BytesSource(data))) == {0x00100040}


def test_signed_pixels_make_signed_header_values() -> None:
    padding = h.element(0x00280120, "SS", struct.pack("<h", -5), implicit=True)
    signed = h.element(0x00280103, "US", 1, implicit=True)
    assert written(at_rest(identified(h.film([padding, signed], syntax=h.IMPLICIT))).chunks()).PixelPaddingValue == -5
