"""Envelopes for people: how they are built, who is refused, and what a reader passes over."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence

import pytest
from asn1crypto import cms as asn1
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from leadglass.errors import InputError, MalformedError, SealBrokenError
from leadglass.seal.cms import (
    Recipient,
    authenvelope,
    envelope,
    kek_ids,
    open_authenveloped,
    open_enveloped,
    open_with_key,
    recipients,
)
from leadglass.seal.der import Reader, bit_string, element, integer
from leadglass.seal.public import PrivateKey, PublicKey, new_person_key, read_private, read_public
from leadglass.seal.recipients import (
    AgreementEntry,
    KemEntry,
    RecipientKind,
    TransportEntry,
    agreement_info,
    content_key,
    kem_content_key,
    kem_info,
    read_entries,
    transport_info,
)

CEK, NONCE, IV = bytes(range(32, 64)), bytes(range(12)), bytes(range(16))
KEK, KEK_ID = bytes(range(32)), b"region-key-id-01"
PLAIN = b"heart, 400 pixels"
WRAP = element(0x30, element(0x06, bytes.fromhex("60864801650304012d")))


def private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | mlkem.MLKEM1024PrivateKey) -> PrivateKey:
    return read_private(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


PERSON, OTHER = new_person_key(seed=bytes(range(96))), new_person_key(seed=bytes(96))
CURVE = private(ec.derive_private_key(7, ec.SECP256R1()))
LARGE = private(mlkem.MLKEM1024PrivateKey.from_seed_bytes(bytes(64)))
RSA, OTHER_RSA = (private(rsa.generate_private_key(65537, 2048)) for _ in range(2))


def sealed(*to: PrivateKey, plain: bytes = PLAIN) -> bytes:
    return authenvelope(plain, cek=CEK, nonce=NONCE, to=[key.public for key in to])


def standard(*to: PrivateKey, plain: bytes = PLAIN) -> bytes:
    return envelope(plain, to=[key.public for key in to], cek=CEK, iv=IV)


@pytest.mark.parametrize("key", [PERSON, CURVE, LARGE], ids=lambda key: key.kind)
@pytest.mark.parametrize("size", [0, 1, 127, 128, 70_000])
def test_what_was_sealed_for_a_key_comes_back(key: PrivateKey, size: int) -> None:
    plain = bytes(n % 251 for n in range(size))
    assert open_with_key(sealed(key, plain=plain), key) == plain


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 70_000])
def test_what_was_sealed_for_an_rsa_key_comes_back(size: int) -> None:
    plain = bytes(n % 251 for n in range(size))
    assert open_with_key(standard(RSA, plain=plain), RSA) == plain


def test_the_standards_name_what_is_in_it() -> None:
    found = asn1.ContentInfo.load(sealed(PERSON, CURVE), strict=True)
    assert found["content_type"].native == "authenticated_enveloped_data"
    agreement, other = found["content"]["recipient_infos"]
    assert agreement.name == "kari"
    assert agreement.chosen["version"].native == "v3"
    assert agreement.chosen["key_encryption_algorithm"]["algorithm"].dotted == "1.3.132.1.11.1"
    assert other.name == "ori"
    assert other.chosen["ori_type"].dotted == "1.2.840.113549.1.9.16.13.3"


def test_the_conformant_envelope_is_as_ps3_15_has_it() -> None:
    found = asn1.ContentInfo.load(standard(RSA), strict=True)
    content = found["content"]
    assert (found["content_type"].native, content["version"].native) == ("enveloped_data", "v2")
    recipient = content["recipient_infos"][0].chosen
    assert recipient["version"].native == "v2"
    assert recipient["key_encryption_algorithm"]["algorithm"].native == "rsaes_pkcs1v15"
    assert content["encrypted_content_info"]["content_encryption_algorithm"]["algorithm"].native == "aes256_cbc"


@pytest.mark.parametrize(("key", "limit"), [(PERSON, 1_400), (CURVE, 700), (RSA, 700)], ids=lambda each: str(each)[:5])
def test_a_recipient_takes_little_room(key: PrivateKey, limit: int) -> None:
    made = standard(key, plain=bytes(70_000)) if key is RSA else sealed(key, plain=bytes(70_000))
    assert len(made) - 70_000 <= limit


def test_who_can_open_it_is_told_without_a_key() -> None:
    made = authenvelope(PLAIN, cek=CEK, nonce=NONCE, kek=KEK, kek_id=KEK_ID, to=[PERSON.public, CURVE.public])
    assert set(recipients(made)) == {
        Recipient(RecipientKind.KEM, PERSON.key_id),
        Recipient(RecipientKind.ECDH, CURVE.key_id),
        Recipient(RecipientKind.KEK, KEK_ID),
    }
    assert recipients(standard(RSA)) == (Recipient(RecipientKind.RSA, RSA.key_id),)
    assert kek_ids(made) == (KEK_ID,)
    assert open_authenveloped(made, kek=KEK, kek_id=KEK_ID) == PLAIN


def test_one_more_recipient_leaves_the_content_as_it_is() -> None:
    alone = authenvelope(PLAIN, cek=CEK, nonce=NONCE, kek=KEK, kek_id=KEK_ID)
    more = authenvelope(PLAIN, cek=CEK, nonce=NONCE, kek=KEK, kek_id=KEK_ID, to=[CURVE.public])
    assert more.endswith(alone[-len(PLAIN) - 18 :])


def test_recipients_of_kinds_that_are_not_known_are_told_as_others() -> None:
    other = element(0xA4, element(0x06, b"\x2a\x03"), element(0x30))
    password = element(0xA3, integer(0), element(0x30), element(0x04, b"key"))
    kinds = [type(each).__name__ for each in read_entries(Reader(other + password))]
    assert kinds == ["OtherEntry", "OtherEntry"]


@pytest.mark.parametrize("key", [OTHER, RSA, CURVE], ids=lambda key: key.kind)
def test_nobody_else_opens_it(key: PrivateKey) -> None:
    with pytest.raises(SealBrokenError):
        open_with_key(sealed(PERSON), key)


def test_another_rsa_key_opens_nothing() -> None:
    with pytest.raises(SealBrokenError):
        open_with_key(standard(RSA), OTHER_RSA)


def test_nobody_to_open_it_is_refused() -> None:
    with pytest.raises(InputError):
        authenvelope(PLAIN, cek=CEK, nonce=NONCE)
    with pytest.raises(InputError, match="somebody"):
        envelope(PLAIN, to=[], cek=CEK, iv=IV)


@pytest.mark.parametrize("arguments", [{"kek": KEK}, {"kek_id": KEK_ID}, {"kek": KEK[:16], "kek_id": KEK_ID}])
def test_half_a_key_encryption_key_is_refused(arguments: dict[str, bytes]) -> None:
    with pytest.raises(InputError):
        authenvelope(PLAIN, cek=CEK, nonce=NONCE, to=[PERSON.public], **arguments)


def test_keys_that_a_profile_has_no_use_for_are_refused() -> None:
    with pytest.raises(InputError) as refused:
        sealed(RSA)
    assert "ps3.15" in str(refused.value.hint)
    with pytest.raises(InputError, match="EC P-256"):
        standard(RSA, CURVE)


@pytest.mark.parametrize(("make", "wrong"), [(kem_info, CURVE), (agreement_info, RSA), (transport_info, PERSON)])
def test_a_recipient_of_another_kind_is_refused(make: Callable[[bytes, PublicKey], bytes], wrong: PrivateKey) -> None:
    with pytest.raises(InputError, match="is asked for"):
        make(CEK, wrong.public)


def test_too_many_recipients_are_refused() -> None:
    with pytest.raises(InputError, match="people"):
        authenvelope(PLAIN, cek=CEK, nonce=NONCE, to=[CURVE.public] * 100)
    with pytest.raises(MalformedError, match="recipients"):
        list(read_entries(Reader(element(0xA3) * 101)))


@pytest.mark.parametrize("arguments", [{"cek": CEK[:16]}, {"iv": bytes(12)}])
def test_a_length_that_does_not_do_is_refused(arguments: dict[str, bytes]) -> None:
    with pytest.raises(InputError):
        envelope(PLAIN, to=[RSA.public], **{"cek": CEK, "iv": IV, **arguments})


def rebuilt(made: bytes, change: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The envelope with some bytes, which stand in it once, replaced by as many."""
    for old, new in change:
        assert made.count(old) == 1
        assert len(old) == len(new)
        made = made.replace(old, new)
    return made


def test_every_failure_of_an_rsa_envelope_reads_the_same() -> None:
    """Whether RSA padding, key length or CBC padding did not fit is told to nobody (Bleichenbacher, Vaudenay)."""
    made = standard(RSA)
    assert isinstance(RSA.public.loaded, rsa.RSAPublicKey)
    (entry,) = read_entries(Reader(asn1.ContentInfo.load(made)["content"]["recipient_infos"].contents))
    assert isinstance(entry, TransportEntry)
    said = set()
    for other in (
        entry.sealed[:-1] + bytes([entry.sealed[-1] ^ 1]),
        RSA.public.loaded.encrypt(bytes(32), PKCS1v15()),
        RSA.public.loaded.encrypt(bytes(16), PKCS1v15()),
        RSA.public.loaded.encrypt(b"", PKCS1v15()),
        bytes(256),
        b"\xff" * 256,
    ):
        try:
            # A wrong content key leaves padding that fits by chance, once in 256 times, and nothing to tell by.
            assert open_with_key(rebuilt(made, [(entry.sealed, other)]), RSA) != PLAIN
        except SealBrokenError as error:
            said.add((error.message, error.hint, error.__cause__))
    assert len(said) == 1


@pytest.mark.parametrize("ukm", [b"", b"user keying material"])
def test_keying_material_of_the_sender_is_mixed_in(ukm: bytes) -> None:
    secret = bytes(range(32))
    mixed = element(0xA0, element(0x04, ukm))
    info = element(0x30, WRAP, integer(32), mixed)
    kek = hmac.digest(hmac.digest(bytes(32), secret, "sha256"), info + b"\x01", "sha256")
    kdf = bytes.fromhex("2a864886f70d010910031c")
    entry = KemEntry(b"", b"", b"", kdf, 32, ukm, WRAP, aes_key_wrap(kek, CEK))
    assert kem_content_key(entry, secret=secret) == CEK


def test_keying_material_is_mixed_into_key_agreement() -> None:
    sender = ec.derive_private_key(11, ec.SECP256R1())
    assert isinstance(CURVE.public.loaded, ec.EllipticCurvePublicKey)
    secret = sender.exchange(ec.ECDH(), CURVE.public.loaded)
    party = element(0xA0, element(0x04, b"ukm"))
    shared = element(0x30, WRAP, party, element(0xA2, element(0x04, (256).to_bytes(4, "big"))))
    kek = hashlib.sha256(secret + b"\0\0\0\1" + shared).digest()
    point = sender.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    scheme = bytes.fromhex("2b8104010b01")
    info = element(
        0xA1,
        integer(3),
        element(0xA0, element(0xA1, element(0x30, element(0x06, bytes.fromhex("2a8648ce3d0201"))), bit_string(point))),
        element(0xA1, element(0x04, b"ukm")),
        element(0x30, element(0x06, scheme), WRAP),
        element(
            0x30,
            element(0x30, element(0xA0, element(0x04, CURVE.key_id)), element(0x04, aes_key_wrap(kek, CEK))),
        ),
    )
    (entry,) = read_entries(Reader(info))
    assert isinstance(entry, AgreementEntry)
    assert entry.ukm == b"ukm"
    assert content_key(entry, CURVE) == CEK


def test_a_point_off_the_curve_opens_nothing() -> None:
    entry = AgreementEntry(b"", b"\x04" + bytes(63) + b"\x07", bytes.fromhex("2b8104010b01"), None, WRAP, bytes(40))
    assert content_key(entry, CURVE) is None


def test_the_wrap_key_has_the_length_that_its_recipient_says() -> None:
    kdf = bytes.fromhex("2a864886f70d010910031c")
    entry = KemEntry(b"", b"", b"", kdf, 16, None, WRAP, bytes(40))
    assert kem_content_key(entry, secret=bytes(32)) is None


def test_open_authenveloped_and_open_enveloped_keep_to_their_kind() -> None:
    with pytest.raises(MalformedError, match="not AuthEnvelopedData"):
        open_authenveloped(standard(RSA), kek=KEK, kek_id=KEK_ID)
    with pytest.raises(MalformedError, match="not AuthEnvelopedData"):
        kek_ids(standard(RSA))
    with pytest.raises(MalformedError, match="not EnvelopedData"):
        open_enveloped(authenvelope(PLAIN, cek=CEK, nonce=NONCE, kek=KEK, kek_id=KEK_ID), kek=KEK, kek_id=KEK_ID)


def test_authenticated_content_is_not_read_as_unauthenticated() -> None:
    """AES-GCM content moved into EnvelopedData, or AES-CBC content into AuthEnvelopedData, is refused."""
    authenticated, plain = "060b2a864886f70d0109100117", "06092a864886f70d010703"
    inner = asn1.ContentInfo.load(sealed(CURVE))["content"].dump()
    moved = element(0x30, bytes.fromhex(plain), inner)
    with pytest.raises(MalformedError, match="algorithm"):
        open_with_key(moved, CURVE)
    inner = asn1.ContentInfo.load(standard(RSA))["content"].dump().replace(b"\x02\x01\x02", b"\x02\x01\x00", 1)
    moved = element(0x30, bytes.fromhex(authenticated), inner)
    with pytest.raises(MalformedError, match="algorithm"):
        open_with_key(moved, RSA)


def test_a_key_with_its_certificate_passes_over_other_certificates() -> None:
    """A recipient named by another certificate is somebody else's, even if the key would fit."""
    public = read_public(CURVE.loaded.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    named = PublicKey(public.kind, public.spki, names=(b"\x30\x05\x30\x00\x02\x01\x05",), loaded=public.loaded)
    made = authenvelope(PLAIN, cek=CEK, nonce=NONCE, to=[named])
    assert open_with_key(made, CURVE) == PLAIN
    certified = PrivateKey(
        PublicKey(public.kind, public.spki, names=(b"\x30\x05\x30\x00\x02\x01\x06",), loaded=public.loaded), CURVE.loaded
    )
    with pytest.raises(SealBrokenError):
        open_with_key(made, certified)


def test_one_key_agreement_for_too_many_is_refused() -> None:
    sender = element(0xA0, element(0xA1, element(0x30, element(0x06, bytes.fromhex("2a8648ce3d0201"))), bit_string(b"\x04")))
    scheme = element(0x30, element(0x06, bytes.fromhex("2b8104010b01")), WRAP)
    key = element(0x30, element(0xA0, element(0x04, b"id")), element(0x04, bytes(40)))
    info = element(0xA1, integer(3), sender, scheme, element(0x30, key * 101))
    with pytest.raises(MalformedError, match="recipients"):
        list(read_entries(Reader(info)))
