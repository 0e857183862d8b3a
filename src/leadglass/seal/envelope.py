"""Sealed bytes that can be read anywhere: C2SP chunked encryption, Cobblestone-256.

After the line ``leadglass/seal@v1`` comes exactly a message of c2sp.org/chunked-encryption with SHA-512 and AES-256-GCM:
the salt, a commitment to key and context, and chunks of 16 KiB, each with its tag, of which the last is always short.
The context goes into the derivation of the message key, so it binds every byte and takes no room.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from leadglass.dicom.source import BytesSource, Source
from leadglass.errors import InputError, SealBrokenError

FORMAT = b"leadglass/seal@v1\n"
KEY_SIZE = 32
NONCE_SIZE = 24

_INFO = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00"
_COMMITMENT = 32
_HEADER = len(FORMAT) + NONCE_SIZE + _COMMITMENT
_CHUNK = 16 * 1024
_TAG = 16
_SEALED_CHUNK = _CHUNK + _TAG
_MAX_CHUNKS = 1 << 38
_BATCH = 64
"""Chunks that are read, opened or handed on together: a megabyte at a time, however long the message."""


def seal(plaintext: bytes, *, key: bytes, nonce: bytes, context: bytes) -> bytes:
    """``plaintext`` sealed under a 32-byte ``key``, for one ``context``.

    ``nonce`` is 24 bytes (the salt of the specification) and never used twice with one key.

    Raises:
        InputError: key or nonce has another length.
    """
    return b"".join(seal_stream([plaintext], key=key, nonce=nonce, context=context))


def seal_stream(chunks: Iterable[bytes], *, key: bytes, nonce: bytes, context: bytes) -> Iterator[bytes]:
    """Like ``seal`` over the concatenation of ``chunks``, a megabyte in memory at a time.

    Raises:
        InputError: key or nonce has another length, or there are more than 4 PiB.
    """
    if len(nonce) != NONCE_SIZE:
        raise InputError(f"the nonce of a seal has {NONCE_SIZE} bytes, not {len(nonce)}")
    message = _Message(key=key, salt=nonce, context=context)
    return _sealed(chunks, message, head=FORMAT + nonce + message.commitment)


def unseal(sealed: bytes, *, key: bytes, context: bytes) -> bytes:
    """What was sealed.

    Raises:
        SealBrokenError: changed or cut, or sealed with another key or context.
        InputError: the key has another length.
    """
    opened = Unsealed(BytesSource(sealed), key=key, context=context)
    return opened.read(0, opened.size)


def sealed_size(plain_size: int) -> int:
    """The number of sealed bytes for that number of plain ones."""
    return _HEADER + plain_size + _TAG * (plain_size // _CHUNK + 1)


class Unsealed:
    """The plain bytes of a sealed source, as a source: what is read is verified first, what is not is left alone.

    Opening verifies key, context and length.

    Raises:
        SealBrokenError: here or in ``read``: changed or cut, or sealed with another key or context.
        InputError: the key has another length.
    """

    def __init__(self, source: Source, *, key: bytes, context: bytes) -> None:
        head = source.read(0, _HEADER)
        if len(head) < _HEADER or not head.startswith(FORMAT):
            raise SealBrokenError("these bytes do not begin as a seal of version 1")
        salt, commitment = head[len(FORMAT) : -_COMMITMENT], head[-_COMMITMENT:]
        self._source = source
        self._message = _Message(key=key, salt=salt, context=context)
        if not hmac.compare_digest(commitment, self._message.commitment):
            raise SealBrokenError("the seal is not of this key and context")
        self._size = _plain_size(source.size)
        # Only a last chunk that is short and in its place shows that nothing was cut off.
        self._chunks(self._size // _CHUNK, self._size // _CHUNK + 1)

    @property
    def size(self) -> int:
        """Number of plain bytes."""
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """The plain bytes from ``offset``; fewer than ``length`` only at the end."""
        if offset < 0 or length < 0:
            raise InputError("bytes are read from an offset and for a length that are not negative")
        stop = min(offset + length, self._size)
        if offset >= stop:
            return b""
        first, last = offset // _CHUNK, (stop - 1) // _CHUNK
        pieces: list[bytes] = []
        for start in range(first, last + 1, _BATCH):
            pieces += self._chunks(start, min(start + _BATCH, last + 1))
        pieces[-1] = pieces[-1][: stop - last * _CHUNK]
        pieces[0] = pieces[0][offset - first * _CHUNK :]
        return b"".join(pieces)

    def _chunks(self, start: int, stop: int) -> list[bytes]:
        """The chunks from ``start`` up to ``stop``, verified."""
        at = _HEADER + start * _SEALED_CHUNK
        length = min((stop - start) * _SEALED_CHUNK, sealed_size(self._size) - at)
        sealed = memoryview(self._source.read(at, length))
        if len(sealed) != length:
            raise SealBrokenError(f"the sealed bytes end before offset {at + length}")
        return [
            self._message.open(number, sealed[(number - start) * _SEALED_CHUNK : (number - start + 1) * _SEALED_CHUNK])
            for number in range(start, stop)
        ]


class _Message:
    """The key, base nonce and commitment of one message, after the specification's section on key derivation."""

    def __init__(self, *, key: bytes, salt: bytes, context: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise InputError(f"the key of a seal has {KEY_SIZE} bytes, not {len(key)}")
        derived = HKDFExpand(SHA512(), length=KEY_SIZE + 12 + _COMMITMENT, info=_INFO + salt + context).derive(key)
        self._cipher = AESGCM(derived[:KEY_SIZE])
        self._base = int.from_bytes(derived[KEY_SIZE : KEY_SIZE + 12], "big")
        self.commitment = derived[KEY_SIZE + 12 :]

    def close(self, number: int, chunk: memoryview) -> bytes:
        if number >= _MAX_CHUNKS:
            raise InputError("a message to seal has at most 4 PiB")
        return self._cipher.encrypt((self._base ^ number).to_bytes(12, "big"), chunk, None)

    def open(self, number: int, sealed: memoryview) -> bytes:
        try:
            return self._cipher.decrypt((self._base ^ number).to_bytes(12, "big"), sealed, None)
        except InvalidTag as error:
            offset = _HEADER + number * _SEALED_CHUNK
            raise SealBrokenError(f"the sealed chunk at offset {offset} was changed") from error


def _sealed(chunks: Iterable[bytes], message: _Message, *, head: bytes) -> Iterator[bytes]:
    yield head
    number, rest = 0, bytearray()
    for chunk in chunks:
        data = memoryview(chunk)
        if rest:
            room = _CHUNK - len(rest)
            rest += data[:room]
            data = data[room:]
            if len(rest) < _CHUNK:
                continue
            yield message.close(number, memoryview(rest))
            number, rest = number + 1, bytearray()
        whole = len(data) // _CHUNK * _CHUNK
        for start in range(0, whole, _BATCH * _CHUNK):
            starts = range(start, min(start + _BATCH * _CHUNK, whole), _CHUNK)
            yield b"".join([message.close(number + n, data[at : at + _CHUNK]) for n, at in enumerate(starts)])
            number += len(starts)
        rest += data[whole:]
    yield message.close(number, memoryview(rest))


def _plain_size(size: int) -> int:
    """The number of plain bytes in a sealed message of ``size`` bytes, whose last chunk is a short one."""
    chunks, last = divmod(size - _HEADER, _SEALED_CHUNK)
    if last < _TAG or chunks >= _MAX_CHUNKS:
        raise SealBrokenError(f"a seal is not {size} bytes long: the end is missing or does not belong to it")
    return chunks * _CHUNK + last - _TAG
