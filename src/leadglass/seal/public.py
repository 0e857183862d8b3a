"""Public and private keys of people and other institutions, from the files in which they keep them.

ML-KEM-768 and -1024 (FIPS 203, RFC 9935), EC keys on the NIST curves (RFC 5480) and RSA keys (RFC 8017), as PEM (RFC 7468):
SubjectPublicKeyInfo or an X.509 certificate for public ones, PKCS#8 (RFC 5958) for private ones, under a passphrase or not.

A person of leadglass has a pair, ML-KEM-768 and X25519. Both together open HPKE records; a CMS envelope is for the
ML-KEM-768 key alone. Each mixes names of its own into what it derives, so the one use tells nothing about the other. The
pair lies in one file of two PEM blocks, ML-KEM-768 first, after the line ``leadglass/person-key@v1``, which PEM readers
pass over.

Whether a certificate is to be trusted, and until when, is for whoever names it.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha1, sha3_256, sha256

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
    MLKEM1024PrivateKey,
    MLKEM1024PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from leadglass.errors import InputError
from leadglass.seal.der import NULL, OCTETS, OID, SEQUENCE, Reader, element, integer

FORMAT = "leadglass/person-key@v1"
SEED_SIZE = 96
"""Bytes: 64 for ML-KEM-768, 32 for X25519."""
RANDOMNESS_SIZE = 64
"""Bytes: salt and initialisation vector for each of two blocks."""
KEY_ID_SIZE = 20
MIN_RSA = 2048
PASSPHRASE_ROUNDS = 600_000
"""Of PBKDF2-HMAC-SHA-256: what OWASP asks for."""

_MAX_FILE = 1 << 16
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----.*?-----END \1-----", re.DOTALL)
_PRIVATE = {b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY"}
_PUBLIC = {b"PUBLIC KEY", b"CERTIFICATE"}
_PBES2 = bytes.fromhex("2a864886f70d01050d")  # 1.2.840.113549.1.5.13
_PBKDF2 = bytes.fromhex("2a864886f70d01050c")  # 1.2.840.113549.1.5.12
_HMAC_SHA256 = bytes.fromhex("2a864886f70d0209")  # 1.2.840.113549.2.9
_AES256_CBC = bytes.fromhex("60864801650304012a")  # 2.16.840.1.101.3.4.1.42

_ML_KEM_SEED = 64
_ML_KEM: Mapping[bytes, type[MLKEM768PrivateKey] | type[MLKEM1024PrivateKey]] = {
    bytes.fromhex("608648016503040402"): MLKEM768PrivateKey,  # 2.16.840.1.101.3.4.4.2
    bytes.fromhex("608648016503040403"): MLKEM1024PrivateKey,
}

LoadedPublicKey = RSAPublicKey | EllipticCurvePublicKey | MLKEM768PublicKey | MLKEM1024PublicKey
LoadedPrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | MLKEM768PrivateKey | MLKEM1024PrivateKey


class KeyKind(StrEnum):
    """What a key is, as people say it."""

    PERSON = "ML-KEM-768 with X25519"
    ML_KEM_768 = "ML-KEM-768"
    ML_KEM_1024 = "ML-KEM-1024"
    P256 = "EC P-256"
    P384 = "EC P-384"
    P521 = "EC P-521"
    RSA = "RSA"


_CURVES = {"secp256r1": KeyKind.P256, "secp384r1": KeyKind.P384, "secp521r1": KeyKind.P521}


@dataclass(frozen=True)
class PublicKey:
    """A key to seal for. Keys are equal where kind and encoding are.

    ``spki`` is the DER SubjectPublicKeyInfo (of the ML-KEM-768 half of a person's pair), ``x25519`` the other half, 32 bytes
    or none. ``names`` are the DER RecipientIdentifiers (RFC 5652 section 6.2.1) that a CMS recipient may call it by, first
    the one to write: its key id, or issuer and serial number where it came from a certificate.
    """

    kind: KeyKind
    spki: bytes = field(repr=False)
    x25519: bytes = field(default=b"", repr=False)
    names: tuple[bytes, ...] = field(default=(), compare=False, repr=False)
    loaded: LoadedPublicKey = field(kw_only=True, compare=False, repr=False)

    @property
    def key_id(self) -> bytes:
        """20 bytes: the front of the SHA-256 of the key without its algorithm (RFC 7093 section 2, method 1)."""
        return sha256(_key_bits(self.spki)).digest()[:KEY_ID_SIZE]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all of the key, both halves of a pair, in lower-case hex: what two people compare."""
        return sha256(self.spki + self.x25519).hexdigest()

    def may_be(self, name: bytes) -> bool:
        """A CMS recipient of that DER RecipientIdentifier may be this key.

        A key that came without a certificate cannot tell whether an issuer and serial number mean it.
        """
        certified = any(each[0] == SEQUENCE for each in self.names)
        return name in self.names or (not certified and name[:1] == bytes([SEQUENCE]))


@dataclass(frozen=True)
class PrivateKey:
    """A key that opens; its ``repr`` shows the public half alone."""

    public: PublicKey
    loaded: LoadedPrivateKey = field(compare=False, repr=False)
    x25519: X25519PrivateKey | None = field(default=None, compare=False, repr=False)

    @property
    def kind(self) -> KeyKind:
        return self.public.kind

    @property
    def key_id(self) -> bytes:
        """As of the public half."""
        return self.public.key_id


def new_person_key(*, seed: bytes) -> PrivateKey:
    """The pair that is made of ``seed``, 96 random bytes.

    Raises:
        InputError: the seed has another length.
    """
    if len(seed) != SEED_SIZE:
        raise InputError(f"the seed of a person's key has {SEED_SIZE} bytes, not {len(seed)}")
    return _pair(MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:]))


def read_public(pem: bytes) -> PublicKey:
    """The one public key, certificate or person's public pair of a PEM file.

    Raises:
        InputError: none or several keys, a private key, or one of another kind or too short; the hint says what to do.
    """
    blocks = _blocks(pem)
    if any(label in _PRIVATE for label, _ in blocks):
        raise InputError(
            "this is a private key, and the public one is asked for", hint="openssl pkey -pubout writes that half"
        )
    found = [block for block in blocks if block[0] in _PUBLIC]
    if len(found) == 2 and _says_person(pem):
        return _public_pair(*(_der_of(text) for _, text in found))
    if len(found) != 1:
        raise InputError(
            f"the file holds {len(found)} public keys or certificates, not one", hint="give each key its own file"
        )
    label, text = found[0]
    return _certified(text) if label == b"CERTIFICATE" else _public(_der_of(text))


def read_private(pem: bytes, *, passphrase: str | None = None) -> PrivateKey:
    """The one private key or person's pair of a PEM file; a certificate of its key beside it adds the names that it gives.

    Raises:
        InputError: none or several keys, another kind, a passphrase that is missing or wrong; the hint says what to do.
    """
    blocks = _blocks(pem)
    found = [text for label, text in blocks if label in _PRIVATE]
    if not found and any(label in _PUBLIC for label, _ in blocks):
        raise InputError("this is a public key, and the private one is asked for", hint="only the private key opens")
    loaded = [_load_private(text, passphrase) for text in found[:3]]
    if len(loaded) == 2 and _says_person(pem):
        kem, agreement = loaded
        if isinstance(kem, MLKEM768PrivateKey) and isinstance(agreement, X25519PrivateKey):
            return _pair(kem, agreement)
        raise InputError(
            "a person's key file holds an ML-KEM-768 key and then an X25519 key", hint="restore it from its backup"
        )
    if len(loaded) != 1:
        raise InputError(f"the file holds {len(found)} private keys, not one", hint="give each key its own file")
    certificates = [_certified(text) for label, text in blocks if label == b"CERTIFICATE"]
    return _private(loaded[0], certificates)


def write_public(key: PublicKey) -> bytes:
    """The key as PEM, which ``read_public`` reads; a certificate that it came from is left out."""
    if key.kind is not KeyKind.PERSON:
        return _pem("PUBLIC KEY", key.spki)
    exchange = X25519PublicKey.from_public_bytes(key.x25519)
    second = exchange.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"{FORMAT}\n".encode() + _pem("PUBLIC KEY", key.spki) + _pem("PUBLIC KEY", second)


def write_private(key: PrivateKey, *, passphrase: str | None, randomness: bytes) -> bytes:
    """The key as PEM, which ``read_private`` reads: PKCS#8, encrypted where there is a passphrase.

    AES-256-CBC under PBKDF2-HMAC-SHA-256 with 600,000 rounds (PBES2, RFC 8018), which OpenSSL opens too. ``randomness`` is
    64 random bytes that no other file is written with. With no passphrase the file opens to whoever can read it.

    Raises:
        InputError: the passphrase is empty, or the randomness has another length.
    """
    if len(randomness) != RANDOMNESS_SIZE:
        raise InputError(f"a key file takes {RANDOMNESS_SIZE} random bytes, not {len(randomness)}")
    if passphrase == "":
        raise InputError("the passphrase is empty")
    halves = [key.loaded] if key.x25519 is None else [key.loaded, key.x25519]
    blocks = [half.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) for half in halves]
    front = b"" if key.x25519 is None else f"{FORMAT}\n".encode()
    if passphrase is None:
        return front + b"".join(_pem("PRIVATE KEY", each) for each in blocks)
    parts = [randomness[start : start + 32] for start in (0, 32)]
    sealed = [
        _encrypted(each, passphrase=passphrase, salt=part[:16], iv=part[16:])
        for each, part in zip(blocks, parts, strict=False)  # one key has one block, and leaves the second half
    ]
    return front + b"".join(_pem("ENCRYPTED PRIVATE KEY", each) for each in sealed)


def _blocks(pem: bytes) -> list[tuple[bytes, bytes]]:
    """Label and text of each PEM block."""
    if len(pem) > _MAX_FILE:
        raise InputError("the file is too long to be a key")
    found = [(match.group(1), match.group(0)) for match in _BLOCK.finditer(pem)]
    if not found:
        raise InputError(
            "the file is no PEM key or certificate", hint="openssl pkey or openssl x509 convert DER: -inform DER"
        )
    return found


def _says_person(pem: bytes) -> bool:
    return any(line.strip() == FORMAT.encode() for line in pem.splitlines())


def _der_of(text: bytes) -> bytes:
    body = b"".join(text.splitlines()[1:-1])
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise InputError("the PEM block of the key is not base64") from error


def _public(spki: bytes) -> PublicKey:
    try:
        loaded = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("the public key cannot be read", hint=_USABLE) from error
    return _named(loaded)


def _named(loaded: object) -> PublicKey:
    kind, usable = _kind(loaded)
    spki = usable.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = PublicKey(kind, spki, loaded=usable)
    # Other programs take the SHA-1 of the same bits (RFC 5280 section 4.2.1.2, method 1).
    own = (_named_by_id(key.key_id), _named_by_id(sha1(_key_bits(spki), usedforsecurity=False).digest()))
    return PublicKey(kind, spki, names=own, loaded=usable)


_USABLE = "use an ML-KEM-768, EC P-256 or RSA key of 2048 bits or more"


def _kind(loaded: object) -> tuple[KeyKind, LoadedPublicKey]:
    match loaded:
        case MLKEM768PublicKey():
            return KeyKind.ML_KEM_768, loaded
        case MLKEM1024PublicKey():
            return KeyKind.ML_KEM_1024, loaded
        case EllipticCurvePublicKey() if isinstance(loaded.curve, SECP256R1 | SECP384R1 | SECP521R1):
            return _CURVES[loaded.curve.name], loaded
        case RSAPublicKey() if loaded.key_size >= MIN_RSA:
            return KeyKind.RSA, loaded
        case RSAPublicKey():
            raise InputError(f"an RSA key of {loaded.key_size} bits is too short", hint=_USABLE)
    raise InputError("nothing can be sealed for a key of this kind", hint=_USABLE)


def _public_pair(first: bytes, second: bytes) -> PublicKey:
    kem = _public(first)
    try:
        exchange = load_der_public_key(second)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("the second half of the person's key cannot be read") from error
    if not isinstance(exchange, X25519PublicKey) or kem.kind is not KeyKind.ML_KEM_768:
        raise InputError("a person's public key is an ML-KEM-768 key and then an X25519 key", hint="ask for the file again")
    return PublicKey(KeyKind.PERSON, kem.spki, exchange.public_bytes_raw(), kem.names, loaded=kem.loaded)


def _pair(kem: MLKEM768PrivateKey, exchange: X25519PrivateKey) -> PrivateKey:
    half = _named(kem.public_key())
    raw = exchange.public_key().public_bytes_raw()
    return PrivateKey(PublicKey(KeyKind.PERSON, half.spki, raw, half.names, loaded=half.loaded), kem, exchange)


def _certified(text: bytes) -> PublicKey:
    """The key of a certificate, called as the certificate calls it (RFC 5652 section 6.2.1)."""
    try:
        certificate = x509.load_pem_x509_certificate(text)
        key = _named(certificate.public_key())
        extensions = [each.value for each in certificate.extensions]
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise InputError("the certificate cannot be read", hint=_USABLE) from error
    given = tuple(_named_by_id(each.digest) for each in extensions if isinstance(each, x509.SubjectKeyIdentifier))
    names = dict.fromkeys((_issuer_and_serial(certificate.tbs_certificate_bytes), *given, *key.names))
    return PublicKey(key.kind, key.spki, names=tuple(names), loaded=key.loaded)


def _issuer_and_serial(tbs: bytes) -> bytes:
    """The DER IssuerAndSerialNumber, of the bytes that stand in the certificate."""
    fields = Reader(tbs).take(SEQUENCE)
    if fields.tag == 0xA0:
        fields.take()
    serial = fields.take_whole()
    fields.take(SEQUENCE)
    return element(SEQUENCE, fields.take_whole(SEQUENCE), serial)


def _load_private(text: bytes, passphrase: str | None) -> object:
    secret = None if passphrase is None else _passphrase_bytes(passphrase)
    try:
        return load_pem_private_key(text, secret if b"ENCRYPTED" in text else None)
    except TypeError as error:
        raise InputError(
            "the private key needs its passphrase", hint="give the passphrase that it was written with"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        found = _with_expanded_key(text) if text.startswith(b"-----BEGIN PRIVATE KEY") else None
        if found is None:
            raise InputError("the private key cannot be read, or has another passphrase", hint=_READABLE) from error
        return found


_READABLE = "try the passphrase again; an ML-KEM key needs its seed: openssl pkey -provparam ml-kem.output_formats=seed-only"


def _with_expanded_key(text: bytes) -> MLKEM768PrivateKey | MLKEM1024PrivateKey | None:
    """An ML-KEM key whose file holds seed and expanded key, as OpenSSL writes it (RFC 9935 section 6); None of any other.

    Raises:
        InputError: the two are not of one key.
    """
    try:
        fields = Reader(_der_of(text)).take(SEQUENCE)
        fields.take_small()
        make = _ML_KEM.get(fields.take(SEQUENCE).take(OID).octets)
        both = Reader(fields.take(OCTETS).view).take(SEQUENCE)
        seed, expanded = both.take(OCTETS).octets, both.take(OCTETS).octets
    except InputError:
        return None
    if make is None or len(seed) != _ML_KEM_SEED:
        return None
    key = make.from_seed_bytes(seed)
    # FIPS 203 algorithm 16: a decapsulation key ends with the encapsulation key, its digest, and the seed's second half.
    public = key.public_key().public_bytes_raw()
    if not expanded.endswith(public + sha3_256(public).digest() + seed[32:]):
        raise InputError("seed and expanded key of the private key are not of one key", hint="restore it from its backup")
    return key


def _private(loaded: object, certificates: Sequence[PublicKey]) -> PrivateKey:
    if not isinstance(loaded, MLKEM768PrivateKey | MLKEM1024PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey):
        raise InputError("nothing is opened with a key of this kind", hint=_USABLE)
    public = _named(loaded.public_key())
    return PrivateKey(next((each for each in certificates if each == public), public), loaded)


def _named_by_id(key_id: bytes) -> bytes:
    """The DER RecipientIdentifier of a subject key identifier."""
    return element(0x80, key_id)


def _key_bits(spki: bytes) -> bytes:
    fields = Reader(spki).take(SEQUENCE)
    fields.take(SEQUENCE)
    return fields.take_bits()


def _encrypted(pkcs8: bytes, *, passphrase: str, salt: bytes, iv: bytes) -> bytes:
    """A DER EncryptedPrivateKeyInfo."""
    kdf = PBKDF2HMAC(algorithm=SHA256(), length=32, salt=salt, iterations=PASSPHRASE_ROUNDS)
    padder, cipher = PKCS7(128).padder(), Cipher(AES(kdf.derive(_passphrase_bytes(passphrase))), CBC(iv)).encryptor()
    sealed = cipher.update(padder.update(pkcs8) + padder.finalize()) + cipher.finalize()
    prf = element(SEQUENCE, element(OID, _HMAC_SHA256), element(NULL))
    derived = element(SEQUENCE, element(OCTETS, salt), integer(PASSPHRASE_ROUNDS), prf)
    scheme = element(
        SEQUENCE,
        element(SEQUENCE, element(OID, _PBKDF2), derived),
        element(SEQUENCE, element(OID, _AES256_CBC), element(OCTETS, iv)),
    )
    return element(SEQUENCE, element(SEQUENCE, element(OID, _PBES2), scheme), element(OCTETS, sealed))


def _passphrase_bytes(passphrase: str) -> bytes:
    # One passphrase typed on two keyboards may arrive composed or decomposed; NFC makes it one (RFC 8265 section 4.2).
    return unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")


def _pem(label: str, der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()
