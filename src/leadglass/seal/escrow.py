"""A root key in three shares, of which any two give it back and one alone tells nothing.

Shamir's scheme (A. Shamir, "How to share a secret", CACM 22(11), 1979) byte by byte over GF(2**8) with the polynomial of AES
(FIPS 197 section 4.2): share ``x`` of the byte ``s`` is ``s + a * x``, with a random ``a`` for each byte. Whatever one share
says, all 256 values of the byte are equally possible beside it.

A share is a line of text that somebody can print and type again::

    leadglass/share@v1 <origin> <root generation> <set> <x> <share in hex> <checksum>

The checksum, the first 8 hex digits of the SHA-256 of all before it, finds slips of the pen. It does not find a share that
was changed on purpose: whoever recovers a key holds it against what it opens.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from leadglass.errors import InputError

FORMAT = "leadglass/share@v1"
SECRET_SIZE = 32
SET_SIZE = 4
"""Bytes; tells shares of one splitting from those of another."""
RANDOMNESS_SIZE = SECRET_SIZE + SET_SIZE
SHARES, NEEDED = 3, 2

_POLYNOMIAL = 0x11B
_CHECKSUM = 8


@dataclass(frozen=True)
class Share:
    """What one officer keeps. ``x`` is 1 to 3, ``data`` 32 bytes; ``origin`` and ``generation`` say of which root key."""

    origin: str
    generation: int
    set_id: str
    x: int
    data: bytes = field(repr=False)

    def encode(self) -> str:
        """The line of text, without its line feed."""
        said = f"{FORMAT} {self.origin} {self.generation} {self.set_id} {self.x} {self.data.hex()}"
        return f"{said} {_checksum(said)}"

    @staticmethod
    def decode(line: str) -> Share:
        """The share in a line of text; white space around and within it does not count.

        Raises:
            InputError: it is no share, or one that was mistyped.
        """
        words = line.split()
        if not words or words[0] != FORMAT:
            raise InputError(f"this is no {FORMAT}", hint="a share is one line of text that begins with these words")
        if len(words) != 7 or words[6].lower() != _checksum(" ".join([*words[:3], *map(str.lower, words[3:6])])):
            raise InputError("the share was mistyped or cut", hint="compare it with the print, digit by digit")
        try:
            generation, set_id, x = int(words[2]), words[3].lower(), int(words[4])
            data = bytes.fromhex(words[5])
        except ValueError as error:
            raise InputError("the numbers of the share cannot be read") from error
        if not 1 <= x <= SHARES or len(data) != SECRET_SIZE:
            raise InputError(f"a share has a number from 1 to {SHARES} and {SECRET_SIZE} bytes")
        return Share(words[1], generation, set_id, x, data)


def split(secret: bytes, *, origin: str, generation: int, randomness: bytes) -> tuple[Share, ...]:
    """Three shares of ``secret``, 32 bytes, any two of which give it back.

    ``randomness`` is 36 uniform bytes that serve for this splitting alone; whoever knows them and one share has the secret.

    Raises:
        InputError: secret or randomness has another length, or the origin is no single word.
    """
    if len(secret) != SECRET_SIZE or len(randomness) != RANDOMNESS_SIZE:
        raise InputError(f"{SECRET_SIZE} secret and {RANDOMNESS_SIZE} random bytes are split")
    if not origin or origin.split() != [origin]:
        raise InputError("the origin of a share is one word")
    set_id, slopes = randomness[:SET_SIZE].hex(), randomness[SET_SIZE:]
    return tuple(
        Share(origin, generation, set_id, x, bytes(s ^ _times(a, x) for s, a in zip(secret, slopes, strict=True)))
        for x in range(1, SHARES + 1)
    )


def recover(one: Share, other: Share) -> bytes:
    """The secret of two shares.

    Raises:
        InputError: the shares are of different sites, root keys or splittings, or are the same one twice.
    """
    if one.origin != other.origin:
        raise InputError("the shares are of different sites", hint=f"{one.origin} and {other.origin}")
    if one.generation != other.generation:
        raise InputError(
            f"one share is of root key {one.generation}, the other of root key {other.generation}",
            hint="take two that were made at the same time",
        )
    if one.set_id != other.set_id:
        raise InputError("the shares come from different splittings", hint=f"sets {one.set_id} and {other.set_id}")
    if one.x == other.x:
        raise InputError(f"share {one.x} was given twice", hint="two different ones are needed")
    # The line through two points, at 0: (y1 * x2 + y2 * x1) / (x1 + x2), where plus is exclusive or.
    scale = _inverse(one.x ^ other.x)
    at_one, at_other = _times(other.x, scale), _times(one.x, scale)
    return bytes(_times(a, at_one) ^ _times(b, at_other) for a, b in zip(one.data, other.data, strict=True))


def _times(a: int, b: int) -> int:
    """The product in GF(2**8)."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= _POLYNOMIAL
        b >>= 1
    return product


def _inverse(a: int) -> int:
    """The inverse of what is not 0: a ** 254, since a ** 255 is 1."""
    power = 1
    for _ in range(254):
        power = _times(power, a)
    return power


def _checksum(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()[:_CHECKSUM]
