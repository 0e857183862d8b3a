"""Sealed streams: their size, their chunks, and reading anywhere."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

import pytest
from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from leadglass.dicom.source import BytesSource
from leadglass.errors import InputError, SealBrokenError
from leadglass.seal.envelope import FORMAT, Unsealed, seal, seal_stream, sealed_size, unseal

KEY, NONCE, CONTEXT = bytes(range(32)), bytes(range(100, 124)), b"instance 1"
CHUNK = 16 * 1024
HEADER = len(FORMAT) + 56
EDGES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 70 * CHUNK + 5]


def plain(size: int) -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in range(size // 4 + 1))[:size]


def sealed(size: int) -> bytes:
    return seal(plain(size), key=KEY, nonce=NONCE, context=CONTEXT)


class Reads(BytesSource):
    """A source that remembers what was asked of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.asked: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        return super().read(offset, length)


@pytest.mark.parametrize("size", EDGES)
def test_what_was_sealed_comes_back(size: int) -> None:
    assert unseal(sealed(size), key=KEY, context=CONTEXT) == plain(size)


@pytest.mark.parametrize("size", EDGES)
def test_the_sealed_size_is_known_beforehand(size: int) -> None:
    assert len(sealed(size)) == sealed_size(size)


@pytest.mark.parametrize("size", EDGES)
def test_another_implementation_opens_it(size: int) -> None:
    other = Cobblestone256Decryptor(KEY, CONTEXT)
    assert other.update(sealed(size)[len(FORMAT) :]) + other.finalize() == plain(size)


@pytest.mark.parametrize("size", EDGES)
def test_what_another_implementation_sealed_opens(size: int) -> None:
    other = Cobblestone256Encryptor(KEY, CONTEXT)
    assert unseal(FORMAT + other.update(plain(size)) + other.finalize(), key=KEY, context=CONTEXT) == plain(size)


def test_the_bytes_are_those_of_the_specification() -> None:
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\x00" + NONCE + CONTEXT
    first = hmac.digest(KEY, info + b"\x01", "sha512")
    derived = first + hmac.digest(KEY, first + info + b"\x02", "sha512")
    message_key, base, commitment = derived[:32], derived[32:44], derived[44:76]
    chunk = AESGCM(message_key).encrypt(base, b"chest", None)
    assert seal(b"chest", key=KEY, nonce=NONCE, context=CONTEXT) == FORMAT + NONCE + commitment + chunk


@pytest.mark.parametrize("step", [1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_stream_in_any_pieces_gives_the_same_bytes(step: int) -> None:
    data = plain(3 * CHUNK + 7)
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    assert b"".join(seal_stream(pieces, key=KEY, nonce=NONCE, context=CONTEXT)) == sealed(len(data))


def test_a_long_piece_leaves_a_megabyte_at_a_time() -> None:
    stream = seal_stream([bytes(5 << 20)], key=KEY, nonce=NONCE, context=CONTEXT)
    assert max(map(len, stream)) == 64 * (CHUNK + 16)


def test_a_stream_does_not_run_ahead_of_its_reader() -> None:
    taken = []

    def pieces() -> Iterator[bytes]:
        for n in range(3):
            taken.append(n)
            yield bytes(CHUNK)

    stream = seal_stream(pieces(), key=KEY, nonce=NONCE, context=CONTEXT)
    next(stream), next(stream)
    assert taken == [0]


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 10), (CHUNK - 3, 6), (CHUNK, CHUNK), (5, 3 * CHUNK), (3 * CHUNK, 99), (10**9, 5)]
)
def test_any_range_can_be_read(offset: int, length: int) -> None:
    opened = Unsealed(BytesSource(sealed(3 * CHUNK + 50)), key=KEY, context=CONTEXT)
    assert opened.read(offset, length) == plain(3 * CHUNK + 50)[offset : offset + length]


def test_a_range_costs_the_chunks_it_touches() -> None:
    source = Reads(sealed(40 * CHUNK))
    opened = Unsealed(source, key=KEY, context=CONTEXT)
    source.asked.clear()
    opened.read(7 * CHUNK + 1, 10)
    assert source.asked == [(HEADER + 7 * (CHUNK + 16), CHUNK + 16)]


def test_nothing_before_the_start_can_be_read() -> None:
    with pytest.raises(InputError):
        Unsealed(BytesSource(sealed(5)), key=KEY, context=CONTEXT).read(-1, 2)


def test_a_changed_chunk_leaves_the_others_readable() -> None:
    data = bytearray(sealed(3 * CHUNK))
    data[HEADER + CHUNK + 16 + 5] ^= 1
    opened = Unsealed(BytesSource(bytes(data)), key=KEY, context=CONTEXT)
    assert opened.read(0, CHUNK) == plain(CHUNK)
    with pytest.raises(SealBrokenError, match=f"offset {HEADER + CHUNK + 16} "):
        opened.read(CHUNK - 1, 2)


@pytest.mark.parametrize(
    "left", [0, HEADER - 1, HEADER, HEADER + 15, HEADER + CHUNK, HEADER + CHUNK + 16, HEADER + CHUNK + 31]
)
def test_a_cut_seal_does_not_even_tell_its_size(left: int) -> None:
    with pytest.raises(SealBrokenError):
        Unsealed(BytesSource(sealed(2 * CHUNK)[:left]), key=KEY, context=CONTEXT)


def test_chunks_that_changed_places_are_noticed() -> None:
    data, step = sealed(2 * CHUNK), CHUNK + 16
    swapped = (
        data[:HEADER] + data[HEADER + step : HEADER + 2 * step] + data[HEADER : HEADER + step] + data[HEADER + 2 * step :]
    )
    with pytest.raises(SealBrokenError):
        unseal(swapped, key=KEY, context=CONTEXT)


@pytest.mark.parametrize("arguments", [{"key": KEY[:16]}, {"nonce": NONCE[:12]}])
def test_a_key_or_nonce_of_another_length_is_refused(arguments: dict[str, bytes]) -> None:
    with pytest.raises(InputError):
        seal_stream([b""], **{"key": KEY, "nonce": NONCE, "context": CONTEXT, **arguments})
