"""The Merkle tree of the log: RFC 6962 section 2.1 (RFC 9162 section 2.1) with SHA-256.

Leaves and nodes are hashed with different first bytes, so that no node can be shown as an entry. A tree of n leaves is
the left-packed one: its left half is the largest perfect tree smaller than n.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from leadglass.errors import MalformedError

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves."""

MAX_SIZE = 2**63
"""No tree has as many leaves; a number of this size comes from a broken or hostile file."""

FRONTIER_FORMAT = b"leadglass/frontier@v1\n"


def leaf_hash(data: bytes) -> bytes:
    """The hash of one entry."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the node over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The Merkle Tree Hash over the leaves, in their order."""
    if not leaf_hashes:
        return EMPTY_ROOT
    level = list(leaf_hashes)
    while len(level) > 1:
        # An odd last node moves up unchanged; that gives the left-packed tree of the RFC.
        odd = level[-1:] if len(level) % 2 else []
        level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)] + odd
    return level[0]


@dataclass(frozen=True)
class Frontier:
    """All that is needed of a tree to append to it and to know its root, however many leaves it has.

    ``hashes`` are the roots of the perfect subtrees that the tree consists of, the largest first: one for each bit that
    is set in ``size``.

    Raises:
        MalformedError: the hashes do not fit the size.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size < MAX_SIZE or self.size.bit_count() != len(self.hashes):
            raise MalformedError(f"a frontier of {len(self.hashes)} hashes does not fit its size")
        if any(len(digest) != HASH_SIZE for digest in self.hashes):
            raise MalformedError(f"a hash in a frontier is not {HASH_SIZE} bytes long")

    def extend(self, leaf_hashes: Iterable[bytes]) -> Frontier:
        """The frontier of the tree with these leaves appended."""
        size, hashes = self.size, list(self.hashes)
        for digest in leaf_hashes:
            # Like a carry in binary addition: each trailing one bit is a perfect subtree as large as what is added.
            carry = size
            while carry & 1:
                digest = node_hash(hashes.pop(), digest)
                carry >>= 1
            hashes.append(digest)
            size += 1
        return Frontier(size, tuple(hashes))

    @property
    def root(self) -> bytes:
        """The Merkle Tree Hash of the whole tree."""
        return fold(self.hashes)

    def encode(self) -> bytes:
        """``leadglass/frontier@v1``, a newline, the size as eight big-endian bytes, the hashes."""
        return FRONTIER_FORMAT + self.size.to_bytes(8, "big") + b"".join(self.hashes)

    @staticmethod
    def decode(data: bytes) -> Frontier:
        """The frontier that ``encode`` wrote.

        Raises:
            MalformedError: the bytes are not exactly one encoded frontier.
        """
        start = len(FRONTIER_FORMAT) + 8
        if not data.startswith(FRONTIER_FORMAT) or len(data) < start or (len(data) - start) % HASH_SIZE:
            raise MalformedError(f"{len(data)} bytes are not a frontier of version 1")
        size = int.from_bytes(data[start - 8 : start], "big")
        return Frontier(size, tuple(data[at : at + HASH_SIZE] for at in range(start, len(data), HASH_SIZE)))


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees of falling size, the largest first."""
    if not hashes:
        return EMPTY_ROOT
    digest = hashes[-1]
    for left in reversed(hashes[:-1]):
        digest = node_hash(left, digest)
    return digest
