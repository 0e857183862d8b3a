"""Key files: what they hold, what is asked of them, and what is said when they do not do."""

from __future__ import annotations

import base64
import datetime
from hashlib import sha1, sha3_256, sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, mlkem, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from leadglass.errors import InputError
from leadglass.seal.der import element, integer
from leadglass.seal.public import (
    FORMAT,
    PASSPHRASE_ROUNDS,
    KeyKind,
    new_person_key,
    read_private,
    read_public,
    write_private,
    write_public,
)

PERSON = new_person_key(seed=bytes(range(96)))
CURVE = ec.derive_private_key(7, ec.SECP256R1())
LONG, SHORT = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 1024)  # noqa: S505  refused below
RANDOMNESS = bytes(range(64))


def public_pem(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def private_pem(key: Any, kind: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, kind, NoEncryption())
    return pem


def certificate(key: ec.EllipticCurvePrivateKey, *, key_id: bytes | None = None) -> bytes:
    """A self-signed certificate in PEM, with that subject key identifier."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Reader 读片")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), 77, start, start.replace(year=2030))
    if key_id is not None:
        built = built.add_extension(x509.SubjectKeyIdentifier(key_id), critical=False)
    return built.sign(key, SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (CURVE, KeyKind.P256),
        (ec.derive_private_key(7, ec.SECP384R1()), KeyKind.P384),
        (ec.derive_private_key(7, ec.SECP521R1()), KeyKind.P521),
        (LONG, KeyKind.RSA),
        (mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes(64)), KeyKind.ML_KEM_768),
        (mlkem.MLKEM1024PrivateKey.from_seed_bytes(bytes(64)), KeyKind.ML_KEM_1024),
    ],
)
def test_both_halves_of_a_key_are_one_key(key: object, kind: KeyKind) -> None:
    public, private = read_public(public_pem(key)), read_private(private_pem(key))
    assert (public.kind, private.kind) == (kind, kind)
    assert private.public == public
    assert private.key_id == public.key_id
    assert read_public(write_public(public)) == public
    assert read_private(write_private(private, passphrase=None, randomness=RANDOMNESS)) == private


def test_the_key_id_is_of_rfc7093() -> None:
    bits = mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes(range(64))).public_key().public_bytes_raw()
    assert PERSON.key_id == sha256(bits).digest()[:20]
    assert PERSON.public.names == (b"\x80\x14" + PERSON.key_id, b"\x80\x14" + sha1(bits, usedforsecurity=False).digest())


def test_a_fingerprint_tells_both_halves_of_a_pair() -> None:
    other = new_person_key(seed=bytes(range(95)) + b"!")
    assert other.key_id == PERSON.key_id
    assert other.public != PERSON.public
    assert other.public.fingerprint != PERSON.public.fingerprint


def test_a_certificate_names_its_key() -> None:
    key = read_public(certificate(CURVE, key_id=b"an id of its own"))
    assert key == read_public(public_pem(CURVE))
    issuer = key.names[0]
    assert issuer[0] == 0x30
    assert "Reader 读片".encode() in issuer
    assert issuer.endswith(b"\x02\x01\x4d")
    assert b"\x80\x10an id of its own" in key.names


def test_a_private_key_takes_the_names_of_its_certificate() -> None:
    alone = read_private(private_pem(CURVE))
    beside = read_private(private_pem(CURVE) + certificate(CURVE))
    foreign = read_private(private_pem(CURVE) + certificate(ec.derive_private_key(8, ec.SECP256R1())))
    issuer = read_public(certificate(CURVE)).names[0]
    assert beside == alone == foreign
    assert beside.public.names[0] == issuer
    assert foreign.public.names == alone.public.names
    assert alone.public.may_be(issuer)
    assert beside.public.may_be(issuer)
    assert not beside.public.may_be(issuer[:-1] + b"\x4e")
    assert not alone.public.may_be(b"\x80\x02id")


def test_the_same_seed_is_the_same_person() -> None:
    assert new_person_key(seed=bytes(range(96))) == PERSON
    assert new_person_key(seed=bytes(96)) != PERSON
    with pytest.raises(InputError, match="96 bytes"):
        new_person_key(seed=bytes(95))


@pytest.mark.parametrize("passphrase", [None, "correct horse", "é 密码"])
def test_a_person_key_file_comes_back(passphrase: str | None) -> None:
    written = write_private(PERSON, passphrase=passphrase, randomness=RANDOMNESS)
    assert written.startswith(f"{FORMAT}\n-----BEGIN ".encode())
    read = read_private(written, passphrase=passphrase)
    assert read == PERSON
    assert read.x25519 is not None
    assert read.x25519.public_key().public_bytes_raw() == PERSON.public.x25519
    assert read_public(write_public(PERSON.public)) == PERSON.public


def test_a_passphrase_is_one_however_it_was_typed() -> None:
    written = write_private(PERSON, passphrase="Zoe\u0308", randomness=RANDOMNESS)
    assert read_private(written, passphrase="Zo\u00eb") == PERSON


def test_a_passphrase_costs_time_and_hides_the_key() -> None:
    plain = write_private(PERSON, passphrase=None, randomness=RANDOMNESS)
    sealed = write_private(PERSON, passphrase="correct horse", randomness=RANDOMNESS)
    assert PASSPHRASE_ROUNDS >= 600_000
    assert plain.splitlines()[2][:40] not in sealed
    assert sealed.count(b"ENCRYPTED PRIVATE KEY") == 4


@pytest.mark.parametrize("passphrase", ["wrong", ""])
def test_a_wrong_passphrase_is_refused(passphrase: str) -> None:
    written = write_private(read_private(private_pem(CURVE)), passphrase="right", randomness=RANDOMNESS)
    with pytest.raises(InputError, match="passphrase"):
        read_private(written, passphrase=passphrase)


def test_a_missing_passphrase_is_asked_for() -> None:
    traditional = CURVE.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"right"))
    for written in (write_private(PERSON, passphrase="right", randomness=RANDOMNESS), traditional):
        with pytest.raises(InputError, match="needs its passphrase"):
            read_private(written)
    assert read_private(traditional, passphrase="right") == read_private(private_pem(CURVE))


def test_a_passphrase_for_an_open_file_does_no_harm() -> None:
    assert read_private(private_pem(CURVE), passphrase="any") == read_private(private_pem(CURVE))


@pytest.mark.parametrize(("passphrase", "randomness"), [("", RANDOMNESS), ("right", bytes(63)), (None, b"")])
def test_what_cannot_be_written_is_refused(passphrase: str | None, randomness: bytes) -> None:
    with pytest.raises(InputError):
        write_private(PERSON, passphrase=passphrase, randomness=randomness)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_older_private_formats_are_read(form: PrivateFormat) -> None:
    assert read_private(private_pem(LONG, form)) == read_private(private_pem(LONG))
    assert read_private(private_pem(CURVE, form)) == read_private(private_pem(CURVE))


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (b"", "no PEM"),
        (CURVE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "no PEM"),
        (private_pem(CURVE), "private key"),
        (public_pem(CURVE) * 2, "2 public keys"),
        (write_public(PERSON.public).partition(b"\n")[2], "2 public keys"),
        (f"{FORMAT}\n".encode() + public_pem(CURVE) * 2, "ML-KEM-768"),
        (public_pem(SHORT), "1024 bits is too short"),
        (public_pem(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))), "this kind"),
        (public_pem(x25519.X25519PrivateKey.from_private_bytes(bytes(32))), "this kind"),
        (public_pem(ec.derive_private_key(7, ec.SECP256K1())), "this kind"),
        (public_pem(dsa.generate_private_key(1024)), "this kind"),  # noqa: S505  refused
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "cannot be read"),
        (b"-----BEGIN PUBLIC KEY-----\n*\n-----END PUBLIC KEY-----\n", "base64"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        (b"-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n", "0 public keys"),
        (public_pem(CURVE) + bytes(1 << 20), "too long"),
    ],
)
def test_what_is_no_public_key_to_seal_for_is_refused(pem: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_public(pem)


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (public_pem(CURVE), "public key"),
        (private_pem(CURVE) * 2, "2 private keys"),
        (f"{FORMAT}\n".encode() + private_pem(CURVE) * 2, "ML-KEM-768"),
        (private_pem(SHORT), "1024 bits is too short"),
        (private_pem(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))), "this kind"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "cannot be read"),
    ],
)
def test_what_is_no_private_key_to_open_with_is_refused(pem: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_private(pem)


def test_refusals_say_what_to_do() -> None:
    for pem in (b"", private_pem(CURVE), public_pem(SHORT)):
        with pytest.raises(InputError) as refused:
            read_public(pem)
        assert refused.value.hint


def test_what_is_shown_of_a_private_key_is_no_secret() -> None:
    shown = repr(PERSON)
    assert "ML-KEM-768 with X25519" in shown
    assert len(shown) < 200


def seed_and_expanded(seed: bytes, expanded: bytes) -> bytes:
    """A PKCS#8 file of ML-KEM-768 as OpenSSL writes it."""
    algorithm = element(0x30, element(0x06, bytes.fromhex("608648016503040402")))
    both = element(0x30, element(0x04, seed), element(0x04, expanded))
    body = base64.encodebytes(element(0x30, integer(0), algorithm, element(0x04, both)))
    return b"-----BEGIN PRIVATE KEY-----\n" + body + b"-----END PRIVATE KEY-----\n"


def test_an_ml_kem_key_with_its_expanded_key_is_read() -> None:
    seed = bytes(range(64))
    public = mlkem.MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()
    expanded = bytes(1152) + public + sha3_256(public).digest() + seed[32:]
    key = read_private(seed_and_expanded(seed, expanded))
    assert key.kind is KeyKind.ML_KEM_768
    assert key.public.spki == PERSON.public.spki
    with pytest.raises(InputError, match="not of one key"):
        read_private(seed_and_expanded(bytes(64), expanded))
    with pytest.raises(InputError, match="cannot be read"):
        read_private(seed_and_expanded(seed[:-1], expanded))
