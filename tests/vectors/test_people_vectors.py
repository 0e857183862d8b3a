"""CMS for people against public vectors: OpenSSL's envelopes, RFC 9936, and Wycheproof for every primitive in use.

Where a primitive is reached only through an entry of an envelope, the entry is built here around the vector, with key
derivation from ``hashlib`` and ``hmac``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as asn1
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from leadglass.errors import MalformedError, SealBrokenError
from leadglass.seal.cms import Recipient, authenvelope, open_authenveloped, open_enveloped, open_with_key, recipients
from leadglass.seal.der import Reader
from leadglass.seal.public import PrivateKey, new_person_key, read_private, read_public
from leadglass.seal.recipients import (
    AgreementEntry,
    KemEntry,
    RecipientKind,
    TransportEntry,
    content_key,
    kek_info,
    kem_content_key,
    read_entries,
    unwrapped,
)

DATA = Path(__file__).parent / "data"
CEK, NAME = bytes(range(32, 64)), b"\x80\x02id"
ECDH_SHA256, HKDF_SHA256 = bytes.fromhex("2b8104010b01"), bytes.fromhex("2a864886f70d010910031c")
ML_KEM_768 = bytes.fromhex("608648016503040402")
AES_WRAP = {16: "05", 24: "19", 32: "2d"}
AES_CBC = {16: "02", 24: "16", 32: "2a"}
RSA_PKCS1 = bytes.fromhex("300d06092a864886f70d0101010500")
OAEP_SHA1 = bytes.fromhex("300d06092a864886f70d0101073000")
OAEP_SHA256 = bytes.fromhex(
    "303806092a864886f70d010107302ba00d300b0609608648016503040201a11a301806092a864886f70d010108300b0609608648016503040201"
)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


WYCHEPROOF = {
    "aes_wrap": "aes_wrap_test.json",
    "aes_cbc": "aes_cbc_pkcs5_test.json",
    "ecdh_p256": "ecdh_secp256r1_ecpoint_test.json",
    "rsa_pkcs1": "rsa_pkcs1_2048_test.json",
    "rsa_oaep_sha1": "rsa_oaep_2048_sha1_mgf1sha1_test.json",
    "rsa_oaep_sha256": "rsa_oaep_2048_sha256_mgf1sha256_test.json",
}
"""Files of testvectors_v1 in C2SP/wycheproof."""


def wycheproof(folder: Path, name: str) -> list[dict[str, Any]]:
    """The tests of a file, each with the private key of its group where that has one."""
    path = folder / "wycheproof" / WYCHEPROOF[name]
    if not path.exists():
        pytest.skip(f"LEADGLASS_VECTORS has no wycheproof/{path.name}: copy it there from C2SP/wycheproof, testvectors_v1")
    groups = load(path)["testGroups"]
    return [test | {"pkcs8": group.get("privateKeyPkcs8")} for group in groups for test in group["tests"]]


def octets(test: dict[str, Any], *names: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(test[name]) for name in names)


def der(tag: int, *parts: bytes) -> bytes:
    """A DER element."""
    contents = b"".join(parts)
    length = len(contents)
    if length < 0x80:
        return bytes([tag, length]) + contents
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + contents


def wrap_algorithm(size: int) -> bytes:
    return der(0x30, der(0x06, bytes.fromhex("6086480165030401" + AES_WRAP[size])))


def pem(pkcs8: bytes) -> bytes:
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(pkcs8) + b"-----END PRIVATE KEY-----\n"


@cache
def rsa_key(pkcs8: str) -> PrivateKey:
    return read_private(pem(bytes.fromhex(pkcs8)))


def opened_kem(entry: KemEntry, secret: bytes) -> bytes:
    """The key-encryption key of a KEM entry with AES-256 key wrap: HKDF-SHA-256 (RFC 5869), of one block."""
    info = der(0x30, wrap_algorithm(32), b"\x02\x01\x20")
    extracted = hmac.digest(bytes(32), secret, "sha256")
    assert entry.kek_length == 32
    return hmac.digest(extracted, info + b"\x01", "sha256")


@pytest.mark.parametrize("key", ["rsa", "ec"])
def test_the_envelopes_of_openssl_open(vectors_folder: Path, key: str) -> None:
    facts = load(vectors_folder / "cms/index.json")
    names = {
        "rsa": ["authenveloped_aes256gcm_two", "enveloped_aes256cbc_oaep", "enveloped_aes256cbc_pkcs1"],
        "ec": ["authenveloped_aes256gcm_two", "enveloped_aes256cbc_ecdh"],
    }[key]
    private = read_private((vectors_folder / f"cms/TEST_ONLY_{key}_key.pem").read_bytes())
    for name in names:
        plain = open_with_key((vectors_folder / f"cms/{name}.der").read_bytes(), private)
        assert hashlib.sha256(plain).hexdigest() == facts["plaintext_sha256"], name


@pytest.mark.parametrize("name", ["enveloped_aes256cbc_kek", "enveloped_sm4cbc_kek"])
def test_the_envelopes_of_openssl_with_a_kek_open(vectors_folder: Path, name: str) -> None:
    facts = load(vectors_folder / "cms/index.json")
    kek, kek_id = octets(facts, "kek_hex", "kek_id_hex")
    envelope = (vectors_folder / f"cms/{name}.der").read_bytes()
    assert recipients(envelope) == (Recipient(RecipientKind.KEK, kek_id),)
    plain = open_enveloped(envelope, kek=kek, kek_id=kek_id)
    assert hashlib.sha256(plain).hexdigest() == facts["plaintext_sha256"]


@pytest.mark.parametrize("key", ["rsa", "ec"])
@pytest.mark.parametrize("name", ["BAD_authenveloped_tag", "BAD_authenveloped_body"])
def test_the_broken_envelopes_stay_shut(vectors_folder: Path, key: str, name: str) -> None:
    private = read_private((vectors_folder / f"cms/TEST_ONLY_{key}_key.pem").read_bytes())
    with pytest.raises(SealBrokenError):
        open_with_key((vectors_folder / f"cms/{name}.der").read_bytes(), private)


def test_recipients_are_named_as_the_certificates_name_them(vectors_folder: Path) -> None:
    envelope = (vectors_folder / "cms/authenveloped_aes256gcm_two.der").read_bytes()
    certificates = [read_public((vectors_folder / f"cms/TEST_ONLY_{key}_cert.pem").read_bytes()) for key in ("rsa", "ec")]
    assert [each.key_id for each in recipients(envelope)] == [each.names[0] for each in certificates]


def test_rfc9936_gives_its_content_key() -> None:
    """From the shared secret on; ML-KEM-512 itself is not in use here."""
    facts = load(DATA / "rfc9936_mlkem512.json")
    envelope = base64.b64decode(facts["envelope"])
    content = asn1.ContentInfo.load(envelope)["content"]
    secret, kek, cek = octets(facts, "shared_secret_hex", "kek_hex", "cek_hex")
    (entry,) = read_entries(Reader(content["recipient_infos"].contents))
    assert isinstance(entry, KemEntry)
    assert entry.kek_length == 16
    assert unwrapped(entry.wrapped, kek=kek, wrap=entry.wrap) == cek
    assert kem_content_key(entry, secret=secret) == cek
    assert [each.kind for each in recipients(envelope)] == [RecipientKind.KEM]


def test_rfc9936_is_for_another_kind_of_key() -> None:
    envelope = base64.b64decode(load(DATA / "rfc9936_mlkem512.json")["envelope"])
    with pytest.raises(SealBrokenError):
        open_with_key(envelope, new_person_key(seed=bytes(96)))


def test_wycheproof_aes_key_wrap(vectors_folder: Path) -> None:
    tests = wycheproof(vectors_folder, "aes_wrap")
    for test in tests:
        key, message, wrapped = octets(test, "key", "msg", "ct")
        if len(key) not in AES_WRAP:
            continue
        found = unwrapped(wrapped, kek=key, wrap=wrap_algorithm(len(key)))
        wanted = {"valid": {message}, "acceptable": {message, None}, "invalid": {None}}[test["result"]]
        assert found in wanted, test["tcId"]


def test_wycheproof_aes_cbc(vectors_folder: Path) -> None:
    """Each is the content of an envelope; only what has padding that fits opens."""
    tests = wycheproof(vectors_folder, "aes_cbc")
    for test in tests:
        key, iv, message, body = octets(test, "key", "iv", "msg", "ct")
        algorithm = der(0x30, der(0x06, bytes.fromhex("6086480165030401" + AES_CBC[len(key)])), der(0x04, iv))
        info = der(0x30, bytes.fromhex("06092a864886f70d010701"), algorithm, der(0x80, body))
        data = der(0x30, b"\x02\x01\x02", der(0x31, kek_info(key, kek=CEK, kek_id=b"id")), info)
        envelope = der(0x30, bytes.fromhex("06092a864886f70d010703"), der(0xA0, data))
        if test["result"] == "valid":
            assert open_enveloped(envelope, kek=CEK, kek_id=b"id") == message, test["tcId"]
        else:
            with pytest.raises((SealBrokenError, MalformedError)):
                open_enveloped(envelope, kek=CEK, kek_id=b"id")


def test_wycheproof_ecdh_p256(vectors_folder: Path) -> None:
    """An entry whose key is wrapped under X9.63 of the shared secret opens; a bad point opens nothing."""
    tests = wycheproof(vectors_folder, "ecdh_p256")
    shared_info = der(0x30, wrap_algorithm(32), der(0xA2, der(0x04, (256).to_bytes(4, "big"))))
    for test in tests:
        point, secret = octets(test, "public", "shared")
        scalar = derive_private_key(int(test["private"], 16), SECP256R1())
        key = read_private(scalar.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        kek = hashlib.sha256(secret + b"\0\0\0\1" + shared_info).digest()
        entry = AgreementEntry(NAME, point, ECDH_SHA256, None, wrap_algorithm(32), aes_key_wrap(kek, CEK))
        wanted = {"valid": {CEK}, "acceptable": {CEK, None}, "invalid": {None}}[test["result"]]
        assert content_key(entry, key) in wanted, test["tcId"]


def test_wycheproof_rsa_pkcs1(vectors_folder: Path) -> None:
    """What has no proper padding gives no message, and no error that would tell so."""
    tests = wycheproof(vectors_folder, "rsa_pkcs1")
    for test in tests:
        key = rsa_key(test["pkcs8"])
        assert isinstance(key.loaded, RSAPrivateKey)
        modulus = key.loaded.public_key().public_numbers().n
        message, sealed = octets(test, "msg", "ct")
        found = content_key(TransportEntry(NAME, RSA_PKCS1, sealed), key)
        if test["result"] == "valid":
            assert found == message, test["tcId"]
        elif len(sealed) == 256 and int.from_bytes(sealed, "big") < modulus:
            assert found is not None, test["tcId"]
            assert found != message or not message, test["tcId"]
        else:  # anybody sees that this is no ciphertext of the key
            assert found is None, test["tcId"]


@pytest.mark.parametrize(("name", "scheme"), [("sha1", OAEP_SHA1), ("sha256", OAEP_SHA256)])
def test_wycheproof_rsa_oaep(vectors_folder: Path, name: str, scheme: bytes) -> None:
    tests = wycheproof(vectors_folder, f"rsa_oaep_{name}")
    for test in tests:
        key = rsa_key(test["pkcs8"])
        message, sealed, label = octets(test, "msg", "ct", "label")
        found = content_key(TransportEntry(NAME, labelled(scheme, label), sealed), key)
        assert found == (message if test["result"] == "valid" else None), test["tcId"]


def labelled(scheme: bytes, label: bytes) -> bytes:
    """The OAEP scheme with that label."""
    if not label:
        return scheme
    algorithm = Reader(scheme).take(0x30)
    oid, parameters = algorithm.take_whole(0x06), algorithm.take(0x30).octets
    source = der(0xA2, der(0x30, bytes.fromhex("06092a864886f70d010109"), der(0x04, label)))
    return der(0x30, oid, der(0x30, parameters, source))


def test_wycheproof_ml_kem_768(vectors_folder: Path) -> None:
    tests = [
        test
        for group in load(vectors_folder / "wycheproof/mlkem_768_test.json")["testGroups"]
        for test in group["tests"]
        if len(test["seed"]) == 128
    ]
    assert any(test["result"] == "valid" for test in tests)
    for test in tests:
        seed, ciphertext = octets(test, "seed", "c")
        key = new_person_key(seed=seed + bytes(32))
        blank = KemEntry(NAME, ML_KEM_768, ciphertext, HKDF_SHA256, 32, None, wrap_algorithm(32), b"")
        if test["result"] != "valid":
            assert content_key(blank, key) is None, test["tcId"]
            continue
        kek = opened_kem(blank, bytes.fromhex(test["K"]))
        entry = KemEntry(NAME, ML_KEM_768, ciphertext, HKDF_SHA256, 32, None, wrap_algorithm(32), aes_key_wrap(kek, CEK))
        assert content_key(entry, key) == CEK, test["tcId"]


def test_open_authenveloped_takes_no_envelope_of_people(vectors_folder: Path) -> None:
    envelope = (vectors_folder / "cms/authenveloped_aes256gcm_two.der").read_bytes()
    with pytest.raises(SealBrokenError, match="no recipient"):
        open_authenveloped(envelope, kek=CEK, kek_id=b"id")


def skeleton(reader: Reader) -> list[Any]:
    """The tags of the elements, nested as they are, and the values of object identifiers."""
    found: list[Any] = []
    while not reader.done:
        tag = reader.tag
        inside = reader.take()
        found.append((tag, skeleton(inside) if tag is not None and tag & 0x20 else inside.octets if tag == 0x06 else None))
    return found


def test_what_is_written_for_ml_kem_is_built_as_the_example_of_rfc9936() -> None:
    """But for the identifiers: ML-KEM-768, and AES with 256 bits, where the example has ML-KEM-512 and 128 bits."""
    key = new_person_key(seed=bytes(96))
    example = base64.b64decode(load(DATA / "rfc9936_mlkem512.json")["envelope"])
    ours = authenvelope(b"Hello, world!", cek=CEK, nonce=bytes(12), to=[key.public])
    words = {"608648016503040401": "608648016503040402", "608648016503040105": "60864801650304012d"}
    words |= {"608648016503040106": "60864801650304012e"}
    text = repr(skeleton(Reader(example)))
    for old, new in words.items():
        text = text.replace(repr(bytes.fromhex(old)), repr(bytes.fromhex(new)))
    assert repr(skeleton(Reader(ours))) == text
