"""Small records for one person: HPKE (RFC 9180) with ML-KEM-768 and X25519 together.

The key encapsulation is MLKEM768-X25519 (draft-ietf-hpke-pq; the combiner of X-Wing), which stays shut as long as either
half holds, with HKDF-SHA-256 and AES-256-GCM. A record begins with one line, the name of the format and of its suite; then
comes the 20-byte id of the key that opens it, the encapsulated key (1120 bytes) and the encrypted record with its tag (16
bytes).

What a record is about (origin, release, recipient, purpose, expiry) is its context. It is stored nowhere here; opened as
about anything else, the record stays shut. Who sealed it, it does not say: whoever has the public key can.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from leadglass.errors import InputError, SealBrokenError
from leadglass.seal.public import KEY_ID_SIZE, PrivateKey, PublicKey

FORMAT = b"leadglass/hpke@v1 MLKEM768-X25519 HKDF-SHA256 AES-256-GCM\n"
MAX_RECORD = 1 << 20
"""Plain bytes."""

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_OVERHEAD = 1120 + 16


def seal_for(record: bytes, *, to: PublicKey, context: bytes) -> bytes:
    """``record`` for the holder of a person's pair, and for one ``context``. OpenSSL draws the randomness.

    Raises:
        InputError: the key is no pair, or the record has more than 1 MiB.
    """
    if len(record) > MAX_RECORD:
        raise InputError(f"a record for one person has at most {MAX_RECORD} bytes, not {len(record)}")
    if not isinstance(to.loaded, MLKEM768PublicKey) or not to.x25519:
        raise InputError(f"records are sealed for a person's key, not for one of the kind {to.kind}", hint=_MAKE_ONE)
    pair = MLKEM768X25519PublicKey(to.loaded, X25519PublicKey.from_public_bytes(to.x25519))
    return FORMAT + to.key_id + _SUITE.encrypt(record, pair, _info(context))


def open_for(sealed: bytes, *, key: PrivateKey, context: bytes) -> bytes:
    """What was sealed.

    Raises:
        SealBrokenError: changed or cut, for another key, or for another context.
        InputError: the key is no person's pair.
    """
    if not isinstance(key.loaded, MLKEM768PrivateKey) or key.x25519 is None:
        raise InputError(f"records are opened with a person's key, not with one of the kind {key.kind}", hint=_MAKE_ONE)
    if sealed_for(sealed) != key.key_id:
        raise SealBrokenError("the record is for another key", hint="open it with the key that it names")
    try:
        return _SUITE.decrypt(
            sealed[len(FORMAT) + KEY_ID_SIZE :], MLKEM768X25519PrivateKey(key.loaded, key.x25519), _info(context)
        )
    except (InvalidTag, ValueError) as error:
        raise SealBrokenError("the record was changed, or is not of this key and context") from error


def sealed_for(sealed: bytes) -> bytes:
    """The id of the key that opens a record, 20 bytes, as the record says.

    Raises:
        SealBrokenError: these bytes are no such record.
    """
    if not sealed.startswith(FORMAT) or not 0 <= len(sealed) - len(FORMAT) - KEY_ID_SIZE - _OVERHEAD <= MAX_RECORD:
        raise SealBrokenError("these bytes are no record for a person's key of version 1")
    return sealed[len(FORMAT) : len(FORMAT) + KEY_ID_SIZE]


_MAKE_ONE = "leadglass people key new makes a person's key"


def _info(context: bytes) -> bytes:
    return FORMAT + context
