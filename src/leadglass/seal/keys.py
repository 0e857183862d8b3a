"""Keys from keys, keys under keys, and names that only a key's holder can make.

Keys go root, instance, release, region. Each step is HKDF-SHA-256 (RFC 5869) under a label of its own, or a random key
wrapped with AES-256-GCM, so that no key tells anything about the ones beside or above it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from leadglass.errors import InputError, SealBrokenError

KEY_SIZE = 32
WRAP_NONCE_SIZE = 12
WRAP_FORMAT = b"leadglass/wrap@v1\n"
MAX_DERIVED = 255 * 32
"""Bytes; the limit of HKDF-SHA-256."""

_DERIVE = b"leadglass/derive@v1\n"
_KEYED = b"leadglass/keyed@v1\n"


def derive(key: bytes, *, label: str, context: bytes = b"", length: int = KEY_SIZE) -> bytes:
    """``length`` bytes that only the holder of ``key`` (32 uniform bytes) can make, for one label and context.

    Raises:
        InputError: the key has another length, or ``length`` is not in 1 to 8160.
    """
    _check_key(key)
    if not 0 < length <= MAX_DERIVED:
        raise InputError(f"{length} bytes cannot be derived at once")
    return HKDF(SHA256(), length=length, salt=None, info=_DERIVE + _framed(label) + context).derive(key)


def wrap(data_key: bytes, *, kek: bytes, context: bytes, nonce: bytes) -> bytes:
    """``data_key`` (or a small record) encrypted under ``kek`` for one context.

    ``nonce`` is 12 bytes and never used twice with one ``kek``; random ones serve for 2**32 wraps.

    Raises:
        InputError: the key-encryption key or the nonce has another length.
    """
    _check_key(kek)
    if len(nonce) != WRAP_NONCE_SIZE:
        raise InputError(f"the nonce of a wrapped key has {WRAP_NONCE_SIZE} bytes, not {len(nonce)}")
    return WRAP_FORMAT + nonce + AESGCM(kek).encrypt(nonce, data_key, WRAP_FORMAT + context)


def unwrap(wrapped: bytes, *, kek: bytes, context: bytes) -> bytes:
    """What ``wrap`` was given.

    Raises:
        SealBrokenError: changed, or wrapped under another key or for another context.
        InputError: the key-encryption key has another length.
    """
    _check_key(kek)
    start = len(WRAP_FORMAT) + WRAP_NONCE_SIZE
    if not wrapped.startswith(WRAP_FORMAT) or len(wrapped) < start + 16:
        raise SealBrokenError("these bytes are not a wrapped key of version 1")
    try:
        return AESGCM(kek).decrypt(wrapped[len(WRAP_FORMAT) : start], wrapped[start:], WRAP_FORMAT + context)
    except InvalidTag as error:
        raise SealBrokenError("the wrapped key was changed, or is not of this key and context") from error


def keyed(key: bytes, *, kind: str, value: str | bytes) -> str:
    """A name for ``value`` in lower-case hex: equality to the holder of ``key``, noise to anybody else.

    Values of different kinds never share a name. Text counts as its UTF-8 bytes, unpaired surrogates included.

    Raises:
        InputError: the key has another length.
    """
    _check_key(key)
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return hmac.digest(key, _KEYED + _framed(kind) + data, "sha256").hex()


@dataclass(frozen=True)
class RegionKey:
    """The key-encryption key of one region in one release, and the opaque 16-byte id that finds it in a file."""

    kek: bytes
    kek_id: bytes


def region_key(release_key: bytes, *, context: bytes) -> RegionKey:
    """The key of the region that ``context`` names, in one way only, within the release.

    AES key wrap takes no associated data, so the context is bound here: another context is another key.

    Raises:
        InputError: the release key has another length.
    """
    return RegionKey(
        kek=derive(release_key, label="region kek", context=context),
        kek_id=derive(release_key, label="region kek id", context=context, length=16),
    )


def _framed(word: str) -> bytes:
    """The word after its length: what follows cannot be read as a part of it."""
    data = word.encode()
    if len(data) > 255:
        raise InputError(f"a label or kind has at most 255 bytes, this one {len(data)}")
    return bytes([len(data)]) + data


def _check_key(key: bytes) -> None:
    if len(key) != KEY_SIZE:
        raise InputError(f"a key has {KEY_SIZE} bytes, not {len(key)}")
