"""What rides sealed in a file: our bytes as pydicom reads them, and bytes that are not ours."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian

from leadglass.dicom.sealed import decode_attributes, decode_sealed, encode_attributes, encode_sealed
from leadglass.errors import MalformedError

CONTEXT = b'{"instance":"7","kind":"heart","v":"leadglass/patch@v1"}'


def der(length: int) -> bytes:
    """A DER SEQUENCE of ``length`` content bytes."""
    if length < 0x80:
        return bytes([0x30, length]) + bytes(length)
    size = (length.bit_length() + 7) // 8
    return bytes([0x30, 0x80 | size]) + length.to_bytes(size, "big") + bytes(length)


def read(data: bytes) -> Dataset:
    return read_dataset(BytesIO(data), is_implicit_VR=False, is_little_endian=True)


@given(st.lists(st.sampled_from([0, 1, 2, 3, 126, 127, 128, 129, 255, 256, 257, 65_535, 65_536]).map(der), min_size=1))
def test_contents_come_back_without_their_padding(contents: list[bytes]) -> None:
    assert decode_sealed(encode_sealed(contents)) == tuple(contents)


@given(st.text(max_size=40), st.binary(max_size=300))
def test_context_and_patch_come_back_exactly(text: str, patch: bytes) -> None:
    context = b"{" + text.encode() + b"}"
    assert decode_attributes(encode_attributes(context=context, patch=patch)) == (context, patch)


def test_pydicom_reads_the_encrypted_attributes_sequence() -> None:
    contents = [der(11), der(300)]
    dataset = read(encode_sealed(contents))
    assert [item.EncryptedContentTransferSyntaxUID for item in dataset.EncryptedAttributesSequence] == [
        "1.2.840.10008.1.2.1"
    ] * 2
    assert [item.EncryptedContent for item in dataset.EncryptedAttributesSequence] == [der(11) + b"\x00", der(300)]


def test_pydicom_reads_the_encrypted_attributes_data_set() -> None:
    context = '{"recipient":"协和"}'.encode()
    dataset = read(encode_attributes(context=context, patch=b"abc"))
    (item,) = dataset.ModifiedAttributesSequence
    block = item.private_block(0x0099, "LEADGLASS SEAL 1.0")
    assert block[0x01].VR == "UT"
    assert block[0x01].value == context.decode()
    assert block[0x02].value == b"abc\x00"
    assert block[0x03].value == 3


@pytest.mark.parametrize("undefined", [(True, False), (False, True), (True, True)])
def test_lengths_that_other_software_left_undefined_are_read(undefined: tuple[bool, bool]) -> None:
    contents = (der(5), der(200), der(1000))
    dataset = read(encode_sealed(contents))
    element = dataset["EncryptedAttributesSequence"]
    element.is_undefined_length = undefined[0]
    for item in element.value:
        item.is_undefined_length_sequence_item = undefined[1]
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    write_dataset(out, dataset)
    rewritten = out.getvalue()
    assert rewritten != encode_sealed(contents)
    assert decode_sealed(rewritten) == contents


def test_a_sealed_file_survives_pydicom() -> None:
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID, film.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "2.25.1"
    film.update(read(encode_sealed([der(99)])))
    file = BytesIO()
    dcmwrite(file, film, enforce_file_format=True)
    again = dcmread(BytesIO(file.getvalue()))
    assert again.EncryptedAttributesSequence[0].EncryptedContent[:-1] == der(99)


@pytest.mark.parametrize(
    "contents", [[], [b""], [b"\x30"], [der(4) + b"\x00"], [der(4)[:-1]], [b"\x04\x01a"], [der(3), b"x"]]
)
def test_only_single_der_values_are_put_into_a_sequence(contents: list[bytes]) -> None:
    with pytest.raises(ValueError, match="DER"):
        encode_sealed(contents)


@pytest.mark.parametrize("context", [b"", b"{", b"[]", b"{} ", b" {}"])
def test_a_context_that_is_no_object_is_refused(context: bytes) -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode_attributes(context=context, patch=b"")


def with_content(content: bytes) -> bytes:
    """A sequence of one item around any content, DER or not; the length of ``content`` is even."""
    item = b"\x00\x04\x10\x05UI\x14\x001.2.840.10008.1.2.1\x00\x00\x04\x20\x05OB\x00\x00" + struct.pack("<I", len(content))
    item += content
    body = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item
    return b"\x00\x04\x00\x05SQ\x00\x00" + struct.pack("<I", len(body)) + body


def test_the_hand_made_sequence_is_right() -> None:
    assert with_content(der(4)) == encode_sealed([der(4)])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x30\x80\x00\x00",  # BER: indefinite length
        b"\x30\x81\x02\x00\x00\x00",  # not the shortest form
        b"\x30\x82\x00\x80" + bytes(128),
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\xff" + bytes(126),
        b"\x31\x02ab",
        b"\x30\x01a!",  # pad byte other than zero
        b"\x30\x02ab\x00\x00",
        b"\x30\x04ab",
    ],
)
def test_content_that_is_not_one_der_value_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedError, match="0400,0520"):
        decode_sealed(with_content(content))


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(old, new, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:0],
        lambda data: data[:11],
        lambda data: data[:-1],
        lambda data: data + b"\x00",
        lambda data: data[:8] + bytes(4),
        replaced(b"SQ", b"OB"),
        replaced(b"\x00\x04\x00\x05", b"\x00\x04\x01\x05"),
        replaced(b"10008.1.2.1", b"10008.1.2.2"),
        replaced(b"\x00\x04\x20\x05", b"\x10\x00\x10\x00"),
        replaced(b"OB\x00\x00\x06", b"OB\x00\x00\x07"),
        replaced(b"OB\x00\x00\x06", b"OB\x00\x00\x04"),
        replaced(b"OB\x00\x00\x06\x00\x00\x00", b"OB\x00\x00\xff\xff\xff\xff"),
        lambda data: data[:8] + b"\xff\xff\xff\xff" + data[12:],
        lambda data: data[:16] + b"\xff\xff\xff\xff" + data[20:],
    ],
)
def test_a_damaged_sequence_is_malformed(change: Callable[[bytes], bytes]) -> None:
    data = encode_sealed([der(4)])
    changed = change(data)
    assert changed != data
    with pytest.raises(MalformedError):
        decode_sealed(changed)


def test_an_empty_sequence_is_malformed() -> None:
    with pytest.raises(MalformedError, match="no item"):
        decode_sealed(b"\x00\x04\x00\x05SQ\x00\x00" + bytes(4))


@given(st.data())
def test_no_flipped_bit_in_the_layout_goes_unseen(data: st.DataObject) -> None:
    patch = b"patch"
    plain = encode_attributes(context=CONTEXT, patch=patch)
    position = data.draw(st.integers(0, 8 * len(plain) - 1))
    changed = bytearray(plain)
    changed[position // 8] ^= 1 << position % 8
    inside = [(plain.rindex(part), plain.rindex(part) + len(part)) for part in (CONTEXT[1:-1], patch)]
    if any(start <= position // 8 < stop for start, stop in inside):
        assert decode_attributes(bytes(changed)) != (CONTEXT, patch)
    else:
        with pytest.raises(MalformedError):
            decode_attributes(bytes(changed))


@given(st.binary(max_size=120), st.integers(0, 120))
def test_no_data_set_but_our_own_is_read(junk: bytes, kept: int) -> None:
    changed = encode_attributes(context=CONTEXT, patch=b"patch")[:kept] + b"\x01" + junk
    with pytest.raises(MalformedError):
        decode_attributes(changed)


@given(st.binary(max_size=120), st.integers(0, 80))
def test_a_sequence_is_read_as_contents_or_refused(junk: bytes, kept: int) -> None:
    with suppress(MalformedError):
        contents = decode_sealed(with_content(der(40))[:kept] + junk)
        assert decode_sealed(encode_sealed(contents)) == contents


def test_more_than_one_item_is_malformed() -> None:
    data = encode_attributes(context=CONTEXT, patch=b"abcd")
    body = data[12:] * 2
    with pytest.raises(MalformedError, match="2 items"):
        decode_attributes(data[:8] + struct.pack("<I", len(body)) + body)


def test_many_items_of_undefined_length_take_no_time() -> None:
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + encode_sealed([der(4)])[20:] + b"\xfe\xff\x0d\xe0" + bytes(4)
    data = b"\x00\x04\x00\x05SQ\x00\x00\xff\xff\xff\xff" + item * 20_000 + b"\xfe\xff\xdd\xe0" + bytes(4)
    assert len(decode_sealed(data)) == 20_000
