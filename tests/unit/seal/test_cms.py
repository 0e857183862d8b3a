"""CMS envelopes: read by another parser, several recipients, hostile bytes."""

from __future__ import annotations

import pytest
from asn1crypto import cms as asn1

from leadglass.errors import InputError, MalformedError, SealBrokenError
from leadglass.seal.cms import authenvelope, kek_ids, open_authenveloped

KEK, KEK_ID, CEK, NONCE = bytes(range(32)), b"region-key-id-01", bytes(range(32, 64)), bytes(range(12))
PLAIN = b"heart, 400 pixels"
ICV = b"\x02\x01\x10"
ENVELOPE = authenvelope(PLAIN, kek=KEK, kek_id=KEK_ID, cek=CEK, nonce=NONCE)


def der(tag: int, contents: bytes) -> bytes:
    """A DER element of less than 65536 bytes."""
    if len(contents) < 0x80:
        return bytes([tag, len(contents)]) + contents
    if len(contents) < 0x100:
        return bytes([tag, 0x81, len(contents)]) + contents
    return bytes([tag, 0x82]) + len(contents).to_bytes(2, "big") + contents


def recipients_of(envelope: bytes) -> bytes:
    """The DER of the recipient infos, without their SET."""
    return bytes(asn1.ContentInfo.load(envelope)["content"]["recipient_infos"].contents)


def with_recipients(recipients: bytes, *, after: bytes = b"") -> bytes:
    """Our envelope with other recipient infos, and with ``after`` behind its tag."""
    content = asn1.ContentInfo.load(ENVELOPE)["content"]
    return wrapped(recipients, content["auth_encrypted_content_info"].dump() + content["mac"].dump() + after)


def with_content(
    *, kind: str = "2a864886f70d010701", gcm: str = "60864801650304012e", parameters: bytes = ICV, tag: int = 16
) -> bytes:
    """Our envelope with its content described otherwise, and as much of its tag."""
    content = asn1.ContentInfo.load(ENVELOPE)["content"]
    body = content["auth_encrypted_content_info"]["encrypted_content"].native
    algorithm = der(0x30, der(0x06, bytes.fromhex(gcm)) + der(0x30, der(0x04, NONCE) + parameters))
    info = der(0x30, der(0x06, bytes.fromhex(kind)) + algorithm + der(0x80, body))
    return wrapped(recipients_of(ENVELOPE), info + der(0x04, content["mac"].native[:tag]))


def wrapped(recipients: bytes, inner: bytes) -> bytes:
    data = der(0x30, b"\x02\x01\x00" + der(0x31, recipients) + inner)
    return der(0x30, bytes.fromhex("060b2a864886f70d0109100117") + der(0xA0, data))


@pytest.mark.parametrize("size", [0, 1, 20, 100, 127, 128, 200, 255, 256, 65_000, 65_536, 1 << 20])
def test_what_was_enveloped_comes_back(size: int) -> None:
    data = bytes(n % 251 for n in range(size))
    envelope = authenvelope(data, kek=KEK, kek_id=KEK_ID, cek=CEK, nonce=NONCE)
    assert open_authenveloped(envelope, kek=KEK, kek_id=KEK_ID) == data


@pytest.mark.parametrize("size", [0, 100, 200, 70_000])
def test_another_parser_finds_der_in_it(size: int) -> None:
    envelope = authenvelope(bytes(size), kek=KEK, kek_id=KEK_ID, cek=CEK, nonce=NONCE)
    parsed = asn1.ContentInfo.load(envelope, strict=True)
    recipient = parsed["content"]["recipient_infos"][0].chosen
    assert parsed["content_type"].native == "authenticated_enveloped_data"
    assert recipient["kekid"]["key_identifier"].native == KEK_ID
    assert recipient["key_encryption_algorithm"]["algorithm"].native == "aes256_wrap"
    assert parsed.dump(force=True) == envelope


def test_the_content_is_described_in_one_way() -> None:
    assert with_content() == ENVELOPE


@pytest.mark.parametrize(
    "envelope",
    [
        with_content(kind="2a864886f70d010702"),
        with_content(gcm="60864801650304012d"),
        with_content(parameters=b""),
        with_content(parameters=b"\x02\x01\x0c"),
        with_content(parameters=ICV + b"\x05\x00"),
        with_content(tag=12),
    ],
)
def test_content_described_in_another_way_is_refused(envelope: bytes) -> None:
    with pytest.raises(MalformedError):
        open_authenveloped(envelope, kek=KEK, kek_id=KEK_ID)


@pytest.mark.parametrize("length", ["80", "8105", "820080", "ff", "8900ffffffffffffffff", "84", "840100"])
def test_a_length_that_is_not_der_is_refused(length: str) -> None:
    with pytest.raises(MalformedError, match="length at offset 1 "):
        kek_ids(b"\x30" + bytes.fromhex(length) + bytes(200 if len(length) > 2 and length != "840100" else 0))


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert authenvelope(PLAIN, kek=KEK, kek_id=KEK_ID, cek=CEK, nonce=NONCE) == ENVELOPE


def test_the_ids_of_its_keys_are_found() -> None:
    assert kek_ids(ENVELOPE) == (KEK_ID,)


def test_recipients_of_other_kinds_and_ids_are_passed_over() -> None:
    other = recipients_of(authenvelope(b"", kek=CEK, kek_id=b"another", cek=KEK, nonce=NONCE))
    unknown = der(0xA4, der(0x06, b"\x2a\x03") + der(0x30, b""))
    envelope = with_recipients(unknown + other + recipients_of(ENVELOPE))
    assert kek_ids(envelope) == (b"another", KEK_ID)
    assert open_authenveloped(envelope, kek=KEK, kek_id=KEK_ID) == PLAIN


def test_recipients_that_share_an_id_are_each_tried() -> None:
    other = recipients_of(authenvelope(b"", kek=CEK, kek_id=KEK_ID, cek=KEK, nonce=NONCE))
    assert open_authenveloped(with_recipients(other + recipients_of(ENVELOPE)), kek=KEK, kek_id=KEK_ID) == PLAIN


def test_unauthenticated_attributes_are_passed_over() -> None:
    envelope = with_recipients(recipients_of(ENVELOPE), after=der(0xA2, der(0x30, b"")))
    assert open_authenveloped(envelope, kek=KEK, kek_id=KEK_ID) == PLAIN


def test_authenticated_attributes_that_nobody_authenticated_are_noticed() -> None:
    mac = asn1.ContentInfo.load(ENVELOPE)["content"]["mac"].dump()
    envelope = ENVELOPE[: -len(mac)] + der(0xA1, b"") + mac
    grown = with_lengths_raised(envelope, by=2)
    with pytest.raises(SealBrokenError, match="content"):
        open_authenveloped(grown, kek=KEK, kek_id=KEK_ID)


def with_lengths_raised(envelope: bytes, *, by: int) -> bytes:
    """The envelope with the lengths of its three outer elements raised (each is in the two-byte form ``81 nn``)."""
    data = bytearray(envelope)
    for at in (2, 18, 21):
        assert data[at - 1] == 0x81
        data[at] += by
    return bytes(data)


def test_a_key_with_another_id_does_not_open_it() -> None:
    with pytest.raises(SealBrokenError, match="no recipient"):
        open_authenveloped(ENVELOPE, kek=KEK, kek_id=b"other")


def test_another_key_with_that_id_does_not_open_it() -> None:
    with pytest.raises(SealBrokenError, match="does not open"):
        open_authenveloped(ENVELOPE, kek=CEK, kek_id=KEK_ID)


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\x30",
        b"\x30\x80\x00\x00",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x89" + b"\xff" * 9,
        b"\x30\xff",
        b"\x30\x81\x05" + bytes(5),
        b"\x30\x82\x00\x80" + bytes(128),
        b"\x3f\x01\x00",
        der(0x30, der(0x06, bytes.fromhex("2a864886f70d010703"))),
        b"\x30\x80" * 10_000,
        ENVELOPE + b"\x00",
        ENVELOPE[:-1],
    ],
)
def test_what_is_not_der_or_not_an_envelope_is_refused(hostile: bytes) -> None:
    with pytest.raises(MalformedError, match="CMS"):
        open_authenveloped(hostile, kek=KEK, kek_id=KEK_ID)


def test_an_envelope_without_content_is_refused() -> None:
    content = bytes(asn1.ContentInfo.load(ENVELOPE)["content"]["auth_encrypted_content_info"]["encrypted_content"].dump())
    assert ENVELOPE.count(content) == 1
    with pytest.raises(MalformedError):
        open_authenveloped(ENVELOPE.replace(content, b"\x81" + content[1:]), kek=KEK, kek_id=KEK_ID)


def test_an_error_names_the_offset() -> None:
    with pytest.raises(MalformedError, match=f"offset {len(ENVELOPE)}"):
        kek_ids(ENVELOPE + b"\x00")


@pytest.mark.parametrize("arguments", [{"kek": b""}, {"cek": KEK[:16]}, {"nonce": bytes(16)}, {"kek_id": b""}])
def test_a_length_that_does_not_do_is_refused(arguments: dict[str, bytes]) -> None:
    with pytest.raises(InputError):
        authenvelope(PLAIN, **{"kek": KEK, "kek_id": KEK_ID, "cek": CEK, "nonce": NONCE, **arguments})
