"""Proofs that an entry is in the log and that the log only grew; the receipt that carries the first.

RFC 6962 section 2.1.1 and 2.1.2 say how proofs are made, RFC 9162 section 2.1.3.2 and 2.1.4.2 how they are checked,
c2sp.org/tlog-proof how a receipt is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leadglass.errors import InputError, MalformedError, ProofError
from leadglass.ledger.checkpoint import Checkpoint, check_checkpoint, decimal
from leadglass.ledger.note import VerifierKey, from_base64, to_base64
from leadglass.ledger.tree import HASH_SIZE, MAX_SIZE, leaf_hash, node_hash, root

Span = tuple[int, int]
"""The leaves from the first number up to, and without, the second."""

RECEIPT_FORMAT = "c2sp.org/tlog-proof@v1"
MAX_PROOF = 63
"""Hashes; the height of the tallest tree."""

MAX_RECEIPT = 2_000_000
"""Bytes; an entry has at most 65,535."""


def prove_inclusion(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of leaf ``index``, from its sibling up to the child of the root.

    Raises:
        InputError: there is no such leaf.
    """
    return tuple(root(leaf_hashes[start:stop]) for start, stop in inclusion_spans(index, size=len(leaf_hashes)))


def prove_consistency(leaf_hashes: Sequence[bytes], old: int) -> tuple[bytes, ...]:
    """The proof that the tree of the first ``old`` leaves is a beginning of this one.

    Raises:
        InputError: ``old`` is zero (every log begins with the empty one: nothing to prove) or more than there are.
    """
    return tuple(root(leaf_hashes[start:stop]) for start, stop in consistency_spans(old, size=len(leaf_hashes)))


def inclusion_spans(index: int, *, size: int) -> list[Span]:
    """The subtrees whose roots are the audit path of leaf ``index`` in a tree of ``size`` leaves."""
    if not 0 <= index < size:
        raise InputError(f"there is no entry {index} in a log of {size}")
    spans: list[Span] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            spans.append((middle, stop))
            stop = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(old: int, *, size: int) -> list[Span]:
    """The subtrees whose roots are the consistency proof from ``old`` leaves to ``size``."""
    if not 0 < old <= size:
        raise InputError(f"there is no consistency proof from size {old} to {size}")
    spans: list[Span] = []
    start, stop = 0, size
    while stop != old:
        middle = start + _split(stop - start)
        if old <= middle:
            spans.append((middle, stop))
            stop = middle
        else:
            spans.append((start, middle))
            start = middle
    # The walk ends at the last perfect piece of the old tree. Where that is the whole old tree, its root is known.
    return ([(start, stop)] if start else []) + spans[::-1]


def check_inclusion(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """The leaf with hash ``leaf`` stands at ``index`` in the tree of ``size`` leaves that has this root.

    Raises:
        ProofError: the proof does not show it.
    """
    if not 0 <= index < size < MAX_SIZE:
        raise ProofError("the entry's index lies outside the log")
    _check_hashes(leaf, root, *proof)
    node, last, digest = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long for the log")
        if node & 1 or node == last:
            digest = node_hash(sibling, digest)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the inclusion proof is too short for the log")
    if digest != root:
        raise ProofError("the inclusion proof does not lead to the root of the log")


def check_consistency(*, old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """The tree of ``old_size`` leaves is a beginning of the tree of ``new_size`` leaves.

    A size of zero is refused: from the empty tree any proof would do, so it shows nothing.

    Raises:
        ProofError: the proof does not show it.
    """
    if not 0 < old_size <= new_size < MAX_SIZE:
        raise ProofError("there is no consistency proof between these sizes")
    _check_hashes(old_root, new_root, *proof)
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ProofError("two roots of one size differ, or come with a proof")
        return
    if not proof:
        raise ProofError("the consistency proof is empty")
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_digest = new_digest = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long for the log")
        if node & 1 or node == last:
            old_digest, new_digest = node_hash(sibling, old_digest), node_hash(sibling, new_digest)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new_digest = node_hash(new_digest, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the consistency proof is too short for the log")
    if old_digest != old_root or new_digest != new_root:
        raise ProofError("the consistency proof does not lead to both roots", hint="one of the two logs was rewritten")


@dataclass(frozen=True)
class Receipt:
    """One entry with the proof that it is in the log, to be kept and checked without the log.

    ``checkpoint`` is the signed note, with whatever cosignatures it had.
    """

    entry: bytes
    index: int
    proof: tuple[bytes, ...]
    checkpoint: str

    def encode(self) -> bytes:
        """A ``.tlog-proof`` file, the entry in its line of extra data."""
        head = (RECEIPT_FORMAT, f"extra {to_base64(self.entry)}", f"index {self.index}", *map(to_base64, self.proof))
        return ("\n".join(head) + "\n\n" + self.checkpoint).encode()

    @staticmethod
    def decode(data: bytes) -> Receipt:
        """The receipt in a ``.tlog-proof`` file; nothing of it is checked yet.

        Raises:
            MalformedError: the bytes are no receipt, or one without its entry.
        """
        if len(data) > MAX_RECEIPT:
            raise MalformedError(f"{len(data)} bytes are too many for a receipt")
        try:
            head, blank, checkpoint = data.decode().partition("\n\n")
        except UnicodeDecodeError as error:
            raise MalformedError(f"the receipt is not UTF-8 at offset {error.start}") from error
        lines = head.split("\n")
        if not blank or lines[0] != RECEIPT_FORMAT:
            raise MalformedError(f"this is not a receipt ({RECEIPT_FORMAT})")
        if len(lines) < 3 or len(lines) > 3 + MAX_PROOF:
            raise MalformedError(f"a receipt does not have {len(lines)} lines before its checkpoint")
        entry, index = _field(lines[1], "extra"), _field(lines[2], "index")
        return Receipt(from_base64(entry), decimal(index), tuple(map(from_base64, lines[3:])), checkpoint)


def check_receipt(receipt: Receipt, *, verifier_key: VerifierKey) -> Checkpoint:
    """The signed checkpoint in which the receipt's entry is proved to stand.

    Raises:
        ProofError: another log's receipt, a wrong signature, or a proof that does not hold.
    """
    checkpoint = check_checkpoint(receipt.checkpoint, verifier_key=verifier_key)
    leaf = leaf_hash(receipt.entry)
    check_inclusion(leaf, index=receipt.index, size=checkpoint.size, proof=receipt.proof, root=checkpoint.root)
    return checkpoint


def _field(line: str, name: str) -> str:
    if not line.startswith(f"{name} "):
        raise MalformedError(f"the receipt has no line {name!r} where it belongs")
    return line[len(name) + 1 :]


def _split(size: int) -> int:
    """The largest power of two smaller than ``size``."""
    return 1 << (size - 1).bit_length() - 1


def _check_hashes(*hashes: bytes) -> None:
    if any(len(digest) != HASH_SIZE for digest in hashes):
        raise ProofError(f"a hash in the proof is not {HASH_SIZE} bytes long")
