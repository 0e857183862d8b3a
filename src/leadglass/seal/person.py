"""A person's signing key, unlocked by a passphrase, and what is signed with it.

The Ed25519 seed is encrypted with AES-256-GCM under Argon2id (RFC 9106) of the passphrase. An unknown name gets a decoy,
so that asking costs and answers the same whether or not somebody is there.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from hashlib import sha256

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from leadglass.errors import InputError, MalformedError, ProofError, RefusedError, UnavailableError

SEED_SIZE = 32
SALT_SIZE = 16
NONCE_SIZE = 12

PARAMETERS = "leadglass/identity@v1 argon2id m=19456 t=2 p=1"
"""What new identities are made with: memory in KiB, passes, lanes."""

_PARAMETERS = re.compile(r"leadglass/identity@v1 argon2id m=([0-9]{1,7}) t=([0-9]{1,2}) p=([0-9]{1,2})", re.ASCII)
_MAX_MEMORY, _MAX_PASSES, _MAX_LANES = 1 << 20, 16, 16
_SIGNATURE = b"leadglass/signature@v1\n"


@dataclass(frozen=True)
class Identity:
    """An account's key as it is stored; without the passphrase it signs nothing.

    ``sealed_key`` is a 12-byte nonce and the encrypted seed; ``parameters`` say format, version and cost.
    """

    public_key: bytes
    salt: bytes
    sealed_key: bytes
    parameters: str


def new_identity(*, passphrase: str, seed: bytes, salt: bytes, nonce: bytes) -> Identity:
    """The identity whose Ed25519 key is made of ``seed`` (32 bytes); ``salt`` has 16 bytes, ``nonce`` 12, both random.

    Raises:
        InputError: the passphrase is empty, or one of the others has another length.
        UnavailableError: no memory for Argon2id (19 MiB).
    """
    if not passphrase:
        raise InputError("the passphrase is empty")
    if len(salt) != SALT_SIZE or len(nonce) != NONCE_SIZE:
        raise InputError(f"an identity takes {SALT_SIZE} bytes of salt and {NONCE_SIZE} of nonce")
    key = public_key(seed)
    cipher = AESGCM(_stretch(passphrase, salt=salt, parameters=PARAMETERS))
    sealed = cipher.encrypt(nonce, seed, _bound(key, salt=salt, parameters=PARAMETERS))
    return Identity(key, salt, nonce + sealed, PARAMETERS)


def unlock(identity: Identity, *, passphrase: str) -> bytes:
    """The seed of the identity's key. Takes the same time whatever the answer.

    Raises:
        RefusedError: another passphrase, or the identity was changed.
        MalformedError: its parameters are unknown or ask for more than 1 GiB, 16 passes or 16 lanes.
        UnavailableError: no memory for Argon2id.
    """
    cipher = AESGCM(_stretch(passphrase, salt=identity.salt, parameters=identity.parameters))
    nonce, sealed = identity.sealed_key[:NONCE_SIZE], identity.sealed_key[NONCE_SIZE:]
    bound = _bound(identity.public_key, salt=identity.salt, parameters=identity.parameters)
    try:
        return cipher.decrypt(nonce, sealed, bound)
    except (InvalidTag, ValueError) as error:
        raise RefusedError("no account of this name opens with this passphrase") from error


def decoy(salt: bytes) -> Identity:
    """An identity for a name that nobody has: ``unlock`` takes its time over it, and refuses.

    Raises:
        InputError: the salt has not 16 bytes.
    """
    if len(salt) != SALT_SIZE:
        raise InputError(f"an identity takes {SALT_SIZE} bytes of salt")
    # Nothing was ever encrypted to give these bytes, so no passphrase opens them.
    filler = sha256(b"leadglass/decoy@v1\n" + salt).digest() * 2
    return Identity(filler[:32], salt, filler[: NONCE_SIZE + SEED_SIZE + 16], PARAMETERS)


def public_key(seed: bytes) -> bytes:
    """The 32-byte Ed25519 public key of a 32-byte seed.

    Raises:
        InputError: the seed has another length.
    """
    return _private_key(seed).public_key().public_bytes_raw()


def sign(seed: bytes, *, message: bytes, context: str) -> bytes:
    """The 64-byte Ed25519 signature over ``message`` for one ``context``, which says what the message is.

    Raises:
        InputError: the seed has another length, or the context more than 255 bytes.
    """
    return _private_key(seed).sign(_signed(message, context))


def check_signature(public_key: bytes, *, message: bytes, context: str, signature: bytes) -> None:
    """The holder of ``public_key`` signed ``message`` for this context.

    Raises:
        ProofError: not so.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _signed(message, context))
    except (InvalidSignature, ValueError) as error:
        raise ProofError("the signature is not of this key, message and context") from error


def _stretch(passphrase: str, *, salt: bytes, parameters: str) -> bytes:
    match = _PARAMETERS.fullmatch(parameters)
    if not match:
        raise MalformedError("the identity has unknown parameters")
    memory, passes, lanes = map(int, match.groups())
    if not (8 * lanes <= memory <= _MAX_MEMORY and 0 < passes <= _MAX_PASSES and 0 < lanes <= _MAX_LANES):
        raise MalformedError("the identity asks for an unreasonable amount of work")
    if len(salt) != SALT_SIZE:
        raise MalformedError(f"the salt of the identity has {len(salt)} bytes, not {SALT_SIZE}")
    # One passphrase typed on two keyboards may arrive composed or decomposed; NFC makes it one (RFC 8265 section 4.2).
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
    try:
        return hash_secret_raw(
            secret, salt, time_cost=passes, memory_cost=memory, parallelism=lanes, hash_len=32, type=Type.ID
        )
    except HashingError as error:
        raise UnavailableError(f"no memory to check a passphrase ({memory} KiB)") from error


def _bound(public_key: bytes, *, salt: bytes, parameters: str) -> bytes:
    """What the encrypted seed is bound to: salt and key have fixed lengths, so the parts cannot run into each other."""
    return salt + public_key + parameters.encode()


def _signed(message: bytes, context: str) -> bytes:
    label = context.encode()
    if len(label) > 255:
        raise InputError(f"the context of a signature has at most 255 bytes, this one {len(label)}")
    return _SIGNATURE + bytes([len(label)]) + label + message


def _private_key(seed: bytes) -> Ed25519PrivateKey:
    if len(seed) != SEED_SIZE:
        raise InputError(f"an Ed25519 seed has {SEED_SIZE} bytes, this one {len(seed)}")
    return Ed25519PrivateKey.from_private_bytes(seed)
