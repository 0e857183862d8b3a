"""The recipients of a CMS envelope: one content key, once for each key that opens it.

* a key-encryption key that both sides have (KEKRecipientInfo, RFC 5652 section 6.2.3, with AES key wrap, RFC 3394, 3565);
* ML-KEM (KEMRecipientInfo, RFC 9629 and RFC 9936, HKDF with SHA-256);
* ECDH with a key made for this envelope (KeyAgreeRecipientInfo, RFC 5753, X9.63 KDF with SHA-256);
* RSA (KeyTransRecipientInfo, RFC 3370 and RFC 8017 section 7.2; OAEP of RFC 3560 is read).

Encapsulation, RSA padding and the ephemeral EC key draw their randomness from OpenSSL, which takes none from outside; two
calls give different bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM1024PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA224, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from leadglass.errors import InputError, MalformedError
from leadglass.seal.der import (
    INTEGER,
    NULL,
    OCTETS,
    OID,
    SEQUENCE,
    Reader,
    bit_string,
    element,
    integer,
)
from leadglass.seal.public import KeyKind, PrivateKey, PublicKey

MAX_RECIPIENTS = 100
"""Of one envelope: each may cost its reader an RSA operation."""

_TRANSPORT, _AGREEMENT, _KEK, _OTHER = SEQUENCE, 0xA1, 0xA2, 0xA4
_KEY_ID = 0x80
_AES_WRAP = bytes.fromhex("608648016503040105"), bytes.fromhex("608648016503040119"), bytes.fromhex("60864801650304012d")
_WRAP_SIZES = dict(zip(_AES_WRAP, (16, 24, 32), strict=True))  # 2.16.840.1.101.3.4.1.5, .25, .45
_WRAP_256 = element(SEQUENCE, element(OID, _AES_WRAP[2]))
_RSA_PKCS1 = bytes.fromhex("2a864886f70d010101")  # 1.2.840.113549.1.1.1
_RSA_OAEP = bytes.fromhex("2a864886f70d010107")  # 1.2.840.113549.1.1.7
_MGF1 = bytes.fromhex("2a864886f70d010108")  # 1.2.840.113549.1.1.8
_P_SPECIFIED = bytes.fromhex("2a864886f70d010109")  # 1.2.840.113549.1.1.9
_EC = bytes.fromhex("2a8648ce3d0201")  # 1.2.840.10045.2.1
_ECDH_SHA256 = bytes.fromhex("2b8104010b01")  # 1.3.132.1.11.1
_ORI_KEM = bytes.fromhex("2a864886f70d010910 0d03")  # 1.2.840.113549.1.9.16.13.3
_HKDF_SHA256 = bytes.fromhex("2a864886f70d010910 031c")  # 1.2.840.113549.1.9.16.3.28
_ML_KEM: Mapping[KeyKind, bytes] = {
    KeyKind.PERSON: bytes.fromhex("608648016503040402"),  # 2.16.840.1.101.3.4.4.2
    KeyKind.ML_KEM_768: bytes.fromhex("608648016503040402"),
    KeyKind.ML_KEM_1024: bytes.fromhex("608648016503040403"),
}
_SHA1 = SHA1()  # noqa: S303  OpenSSL's default in ECDH and OAEP, where nothing hangs on collisions
_ECDH: Mapping[bytes, HashAlgorithm] = {  # the curves have cofactor 1, so both forms of the scheme agree on one secret
    bytes.fromhex("2b81051086483f0002"): _SHA1,  # 1.3.133.16.840.63.0.2
    bytes.fromhex("2b81051086483f0003"): _SHA1,
    bytes.fromhex("2b8104010b00"): SHA224(),  # 1.3.132.1.11.0
    _ECDH_SHA256: SHA256(),
    bytes.fromhex("2b8104010b02"): SHA384(),
    bytes.fromhex("2b8104010b03"): SHA512(),
    bytes.fromhex("2b8104010e00"): SHA224(),  # 1.3.132.1.14.0
    bytes.fromhex("2b8104010e01"): SHA256(),
    bytes.fromhex("2b8104010e02"): SHA384(),
    bytes.fromhex("2b8104010e03"): SHA512(),
}
_HKDF: Mapping[bytes, HashAlgorithm] = {
    _HKDF_SHA256: SHA256(),
    bytes.fromhex("2a864886f70d010910 031d"): SHA384(),
    bytes.fromhex("2a864886f70d010910 031e"): SHA512(),
}
_HASHES: Mapping[bytes, HashAlgorithm] = {
    bytes.fromhex("2b0e03021a"): _SHA1,  # 1.3.14.3.2.26
    bytes.fromhex("608648016503040204"): SHA224(),
    bytes.fromhex("608648016503040201"): SHA256(),
    bytes.fromhex("608648016503040202"): SHA384(),
    bytes.fromhex("608648016503040203"): SHA512(),
}


class RecipientKind(StrEnum):
    """How a recipient comes to the content key."""

    KEK = "kek"
    RSA = "rsa"
    ECDH = "ecdh"
    KEM = "kem"
    OTHER = "other"


@dataclass(frozen=True)
class KekEntry:
    """For the holder of a symmetric key. ``wrap`` is the DER AlgorithmIdentifier."""

    name: bytes
    wrap: bytes
    wrapped: bytes


@dataclass(frozen=True)
class TransportEntry:
    """For the holder of an RSA key. ``name`` is a DER RecipientIdentifier, ``scheme`` a DER AlgorithmIdentifier."""

    name: bytes
    scheme: bytes
    sealed: bytes


@dataclass(frozen=True)
class AgreementEntry:
    """For the holder of an EC key: the sender's point, the scheme's OID, and what the shared secret wraps."""

    name: bytes
    point: bytes
    scheme: bytes
    ukm: bytes | None
    wrap: bytes
    wrapped: bytes


@dataclass(frozen=True)
class KemEntry:
    """For the holder of an ML-KEM key: the encapsulated secret, and what it wraps. ``kem`` and ``kdf`` are OIDs."""

    name: bytes
    kem: bytes
    ciphertext: bytes
    kdf: bytes
    kek_length: int
    ukm: bytes | None
    wrap: bytes
    wrapped: bytes


@dataclass(frozen=True)
class OtherEntry:
    """For somebody with a key of a kind that is not read here."""


Entry = KekEntry | TransportEntry | AgreementEntry | KemEntry | OtherEntry


def kek_info(cek: bytes, *, kek: bytes, kek_id: bytes) -> bytes:
    """A DER RecipientInfo for the holder of ``kek``, 32 bytes, who finds it by ``kek_id``."""
    return element(
        _KEK, integer(4), element(SEQUENCE, element(OCTETS, kek_id)), _WRAP_256, element(OCTETS, aes_key_wrap(kek, cek))
    )


def kem_info(cek: bytes, key: PublicKey) -> bytes:
    """A DER RecipientInfo for the holder of an ML-KEM key or of a person's pair.

    Raises:
        InputError: a key of another kind.
    """
    if key.kind not in _ML_KEM or isinstance(key.loaded, EllipticCurvePublicKey | RSAPublicKey):
        raise _wrong_kind(key, "an ML-KEM key")
    secret, ciphertext = key.loaded.encapsulate()
    kek = _kem_kek(secret, SHA256(), wrap=_WRAP_256, kek_length=32, ukm=None)
    info = element(
        SEQUENCE,
        integer(0),
        key.names[0],
        element(SEQUENCE, element(OID, _ML_KEM[key.kind])),
        element(OCTETS, ciphertext),
        element(SEQUENCE, element(OID, _HKDF_SHA256)),
        integer(32),
        _WRAP_256,
        element(OCTETS, aes_key_wrap(kek, cek)),
    )
    return element(_OTHER, element(OID, _ORI_KEM), info)


def agreement_info(cek: bytes, key: PublicKey) -> bytes:
    """A DER RecipientInfo for the holder of an EC key.

    Raises:
        InputError: a key of another kind.
    """
    if not isinstance(key.loaded, EllipticCurvePublicKey):
        raise _wrong_kind(key, "an EC key")
    ephemeral = generate_private_key(key.loaded.curve)
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    kek = _agreed_kek(ephemeral.exchange(ECDH(), key.loaded), SHA256(), wrap=_WRAP_256, kek_length=32, ukm=None)
    originator = element(0xA1, element(SEQUENCE, element(OID, _EC)), bit_string(point))
    name = Reader(key.names[0])
    # Key agreement has an identifier of its own, in which a key id may be followed by a date.
    rid = element(0xA0, element(OCTETS, name.take(_KEY_ID).octets)) if name.tag == _KEY_ID else key.names[0]
    return element(
        _AGREEMENT,
        integer(3),
        element(0xA0, originator),
        element(SEQUENCE, element(OID, _ECDH_SHA256), _WRAP_256),
        element(SEQUENCE, element(SEQUENCE, rid, element(OCTETS, aes_key_wrap(kek, cek)))),
    )


def transport_info(cek: bytes, key: PublicKey) -> bytes:
    """A DER RecipientInfo for the holder of an RSA key, with the padding of PKCS #1 v1.5 that PS3.15 E.1.1 asks for.

    Raises:
        InputError: a key of another kind.
    """
    if not isinstance(key.loaded, RSAPublicKey):
        raise _wrong_kind(key, "an RSA key")
    return element(
        _TRANSPORT,
        integer(transport_version(key)),
        key.names[0],
        element(SEQUENCE, element(OID, _RSA_PKCS1), element(NULL)),
        element(OCTETS, key.loaded.encrypt(cek, PKCS1v15())),
    )


def transport_version(key: PublicKey) -> int:
    """The version of that key's RSA recipient: 0 where a certificate is named, 2 for a key id (RFC 5652 section 6.2.1)."""
    return _version(key.names[0])


def read_entries(recipients: Reader, *, of: frozenset[RecipientKind] = frozenset(RecipientKind)) -> Iterator[Entry]:
    """The entries of a recipientInfos in their order; only those of the kinds ``of`` are looked into.

    Raises:
        MalformedError: one is not built as its kind is, or there are more than 100.
    """
    count = 0
    while not recipients.done:
        kind, read = _READERS.get(recipients.tag or 0, (RecipientKind.OTHER, _read_other))
        entry = recipients.take()
        found = tuple(islice(read(entry), MAX_RECIPIENTS + 1)) if kind in of else ()
        count += max(1, len(found))
        if count > MAX_RECIPIENTS:
            raise MalformedError(f"CMS: more than {MAX_RECIPIENTS} recipients")
        yield from found


def kind_of(entry: Entry) -> RecipientKind:
    """What kind of recipient that is."""
    return _KINDS[type(entry)]


def kind_for(key: PrivateKey) -> RecipientKind:
    """The kind of recipient that a key opens."""
    if key.kind is KeyKind.RSA:
        return RecipientKind.RSA
    return RecipientKind.KEM if key.kind in _ML_KEM else RecipientKind.ECDH


def content_key(entry: Entry, key: PrivateKey) -> bytes | None:
    """The content key that an entry holds; None where this key does not give it.

    AES key wrap notices a change. RSA with PKCS #1 v1.5 does not: of a sealed key that was changed, OpenSSL makes bytes that
    nobody without the private key can foretell or tell from a content key (implicit rejection), of any length.
    """
    match entry, key.loaded:
        case TransportEntry(), RSAPrivateKey() as rsa:
            return _transported(entry, rsa)
        case AgreementEntry(), EllipticCurvePrivateKey() as ec:
            return _agreed(entry, ec)
        case KemEntry(), MLKEM768PrivateKey() | MLKEM1024PrivateKey() as kem if entry.kem == _ML_KEM[key.kind]:
            return _decapsulated(entry, kem)
    return None


def kem_content_key(entry: KemEntry, *, secret: bytes) -> bytes | None:
    """The content key of an entry, for whoever decapsulated its 32-byte ``secret``; None where it does not verify."""
    algorithm = _HKDF.get(entry.kdf)
    if algorithm is None or entry.kek_length != _wrap_size(entry.wrap):
        return None
    kek = _kem_kek(secret, algorithm, wrap=entry.wrap, kek_length=entry.kek_length, ukm=entry.ukm)
    return unwrapped(entry.wrapped, kek=kek, wrap=entry.wrap)


def wraps_with_aes_256(entry: KekEntry) -> bool:
    """A key-encryption key of 32 bytes opens that entry."""
    return _wrap_size(entry.wrap) == 32


def unwrapped(wrapped: bytes, *, kek: bytes, wrap: bytes) -> bytes | None:
    """What ``kek`` unwraps by the DER AlgorithmIdentifier ``wrap``; None where it does not verify or fit."""
    if _wrap_size(wrap) != len(kek):
        return None
    try:
        return aes_key_unwrap(kek, wrapped)
    except (InvalidUnwrap, ValueError):
        return None


def _transported(entry: TransportEntry, rsa: RSAPrivateKey) -> bytes | None:
    scheme = Reader(entry.scheme).take(SEQUENCE)
    algorithm = scheme.take(OID).octets
    padding: PKCS1v15 | OAEP | None = None
    if algorithm == _RSA_PKCS1:
        padding = PKCS1v15()
        if not scheme.done:
            scheme.take(NULL).check_done()
        scheme.check_done()
    elif algorithm == _RSA_OAEP:
        padding = _oaep(scheme)
    if padding is None:
        return None
    try:
        return rsa.decrypt(entry.sealed, padding)
    except ValueError:
        return None


def _oaep(scheme: Reader) -> OAEP | None:
    """The padding that RSAES-OAEP-params describe (RFC 8017 section A.2.1); None of a hash that is not known here."""
    parameters = Reader(b"") if scheme.done else scheme.take(SEQUENCE)
    scheme.check_done()
    digest: HashAlgorithm | None = _SHA1
    mask: HashAlgorithm | None = _SHA1
    label = b""
    if parameters.tag == 0xA0:
        digest = _hash(parameters.take().take(SEQUENCE))
    if parameters.tag == 0xA1:
        generator = parameters.take().take(SEQUENCE)
        mask = _hash(generator.take(SEQUENCE)) if generator.take(OID).octets == _MGF1 else None
    if parameters.tag == 0xA2:
        source = parameters.take().take(SEQUENCE)
        if source.take(OID).octets != _P_SPECIFIED:
            return None
        label = source.take(OCTETS).octets
    parameters.check_done()
    return OAEP(mgf=MGF1(mask), algorithm=digest, label=label) if digest is not None and mask is not None else None


def _hash(algorithm: Reader) -> HashAlgorithm | None:
    return _HASHES.get(algorithm.take(OID).octets)


def _agreed(entry: AgreementEntry, ec: EllipticCurvePrivateKey) -> bytes | None:
    algorithm, kek_length = _ECDH.get(entry.scheme), _wrap_size(entry.wrap)
    if algorithm is None or kek_length is None:
        return None
    try:
        secret = ec.exchange(ECDH(), EllipticCurvePublicKey.from_encoded_point(ec.curve, entry.point))
    except ValueError:
        return None
    kek = _agreed_kek(secret, algorithm, wrap=entry.wrap, kek_length=kek_length, ukm=entry.ukm)
    return unwrapped(entry.wrapped, kek=kek, wrap=entry.wrap)


def _agreed_kek(secret: bytes, algorithm: HashAlgorithm, *, wrap: bytes, kek_length: int, ukm: bytes | None) -> bytes:
    """RFC 5753 section 7.2: the shared info names the wrap algorithm and the length of its key in bits."""
    party = b"" if ukm is None else element(0xA0, element(OCTETS, ukm))
    shared = element(SEQUENCE, wrap, party, element(0xA2, element(OCTETS, (8 * kek_length).to_bytes(4, "big"))))
    return X963KDF(algorithm, length=kek_length, sharedinfo=shared).derive(secret)


def _decapsulated(entry: KemEntry, kem: MLKEM768PrivateKey | MLKEM1024PrivateKey) -> bytes | None:
    try:
        secret = kem.decapsulate(entry.ciphertext)
    except ValueError:
        return None
    return kem_content_key(entry, secret=secret)


def _kem_kek(secret: bytes, algorithm: HashAlgorithm, *, wrap: bytes, kek_length: int, ukm: bytes | None) -> bytes:
    """RFC 9629 section 5: HKDF without salt over CMSORIforKEMOtherInfo."""
    keying = b"" if ukm is None else element(0xA0, element(OCTETS, ukm))
    info = element(SEQUENCE, wrap, integer(kek_length), keying)
    return HKDF(algorithm, length=kek_length, salt=None, info=info).derive(secret)


def _wrap_size(wrap: bytes) -> int | None:
    """Bytes of the key of that wrap algorithm, which has no parameters; None of one that is not known."""
    algorithm = Reader(wrap).take(SEQUENCE)
    size = _WRAP_SIZES.get(algorithm.take(OID).octets)
    return size if algorithm.done else None


def _read_transport(entry: Reader) -> Iterator[Entry]:
    version, name = entry.take_small(), _take_name(entry)
    if version != _version(name):
        raise MalformedError("CMS: the version of an RSA recipient does not belong to how it is named")
    yield TransportEntry(name, entry.take_whole(SEQUENCE), entry.take(OCTETS).octets)
    entry.check_done()


def _read_agreement(entry: Reader) -> Iterator[Entry]:
    if entry.take(INTEGER).octets != b"\x03":
        raise MalformedError("CMS: the version of a key agreement recipient is not 3")
    originator = entry.take(0xA0)
    if originator.tag != 0xA1:  # a static key of the sender, known by its certificate
        yield OtherEntry()
        return
    sender = originator.take()
    algorithm, point = sender.take(SEQUENCE).take(OID).octets, sender.take_bits()
    ukm = entry.take(0xA1).take(OCTETS).octets if entry.tag == 0xA1 else None
    scheme = entry.take(SEQUENCE)
    scheme_id = scheme.take(OID).octets
    # Schemes that are not known may have other parameters.
    wrap = scheme.take_whole(SEQUENCE) if algorithm == _EC and scheme_id in _ECDH else None
    keys = entry.take(SEQUENCE)
    entry.check_done()
    while not keys.done and wrap is not None:
        key = keys.take(SEQUENCE)
        rid = element(_KEY_ID, key.take(0xA0).take(OCTETS).view) if key.tag == 0xA0 else key.take_whole(SEQUENCE)
        yield AgreementEntry(rid, point, scheme_id, ukm, wrap, key.take(OCTETS).octets)
        key.check_done()


def _read_kek(entry: Reader) -> Iterator[Entry]:
    if entry.take(INTEGER).octets != b"\x04":
        raise MalformedError("CMS: the version of a KEK recipient is not 4")
    identifier = entry.take(SEQUENCE)  # a date and other attributes may follow
    name = identifier.take(OCTETS).octets
    yield KekEntry(name, entry.take_whole(SEQUENCE), entry.take(OCTETS).octets)
    entry.check_done()


def _read_kem(entry: Reader) -> Iterator[Entry]:
    if entry.take(OID).octets != _ORI_KEM:
        yield OtherEntry()
        return
    info = entry.take(SEQUENCE)
    entry.check_done()
    if info.take(INTEGER).octets != b"\x00":
        raise MalformedError("CMS: the version of a KEM recipient is not 0")
    name = _take_name(info)
    kem, ciphertext = info.take(SEQUENCE).take(OID).octets, info.take(OCTETS).octets
    kdf, kek_length = info.take(SEQUENCE).take(OID).octets, info.take_small()
    ukm = info.take(0xA0).take(OCTETS).octets if info.tag == 0xA0 else None
    yield KemEntry(name, kem, ciphertext, kdf, kek_length, ukm, info.take_whole(SEQUENCE), info.take(OCTETS).octets)
    info.check_done()


def _read_other(_entry: Reader) -> Iterator[Entry]:
    yield OtherEntry()


def _version(name: bytes) -> int:
    return 2 if name[0] == _KEY_ID else 0


def _take_name(entry: Reader) -> bytes:
    """A DER RecipientIdentifier: issuer and serial number, or a key id."""
    if entry.tag not in (SEQUENCE, _KEY_ID):
        raise MalformedError(f"CMS: no recipient is named at offset {entry.at}")
    return entry.take_whole()


def _wrong_kind(key: PublicKey, wanted: str) -> InputError:
    return InputError(f"a key of the kind {key.kind} is given where {wanted} is asked for", hint="see the profiles of seal")


_READERS: Mapping[int, tuple[RecipientKind, Callable[[Reader], Iterator[Entry]]]] = {
    _TRANSPORT: (RecipientKind.RSA, _read_transport),
    _AGREEMENT: (RecipientKind.ECDH, _read_agreement),
    _KEK: (RecipientKind.KEK, _read_kek),
    _OTHER: (RecipientKind.KEM, _read_kem),
}
_KINDS: Mapping[type[Entry], RecipientKind] = {
    KekEntry: RecipientKind.KEK,
    TransportEntry: RecipientKind.RSA,
    AgreementEntry: RecipientKind.ECDH,
    KemEntry: RecipientKind.KEM,
    OtherEntry: RecipientKind.OTHER,
}
