"""Proofs and receipts where the laws do not reach: their edges and their bytes."""

from __future__ import annotations

import pytest

from leadglass.errors import InputError, MalformedError, ProofError
from leadglass.ledger.checkpoint import Checkpoint
from leadglass.ledger.note import sign
from leadglass.ledger.proof import Receipt, check_consistency, check_inclusion, prove_consistency, prove_inclusion
from leadglass.ledger.tree import EMPTY_ROOT, leaf_hash, root

LEAVES = [leaf_hash(b"%d" % n) for n in range(7)]
NOTE = sign(Checkpoint("log.example", 7, root(LEAVES)).encode(), name="log.example", seed=bytes(32))
RECEIPT = Receipt(b"3", 3, prove_inclusion(LEAVES, 3), NOTE)
TEXT = RECEIPT.encode()


@pytest.mark.parametrize("index", [-1, 7])
def test_there_is_no_proof_for_an_entry_outside_the_log(index: int) -> None:
    with pytest.raises(InputError):
        prove_inclusion(LEAVES, index)


@pytest.mark.parametrize("old", [-1, 0, 8])
def test_there_is_no_consistency_proof_from_a_size_outside_the_log(old: int) -> None:
    with pytest.raises(InputError):
        prove_consistency(LEAVES, old)


def test_consistency_with_the_empty_tree_shows_nothing_and_is_refused() -> None:
    with pytest.raises(ProofError):
        check_consistency(old_size=0, new_size=7, old_root=EMPTY_ROOT, new_root=root(LEAVES), proof=[])


def test_a_hash_of_another_length_is_refused() -> None:
    with pytest.raises(ProofError, match="32 bytes"):
        check_inclusion(b"", index=0, size=1, proof=[], root=b"")


def test_an_index_as_large_as_the_size_is_refused() -> None:
    with pytest.raises(ProofError, match="outside"):
        check_inclusion(LEAVES[0], index=1, size=1, proof=[], root=LEAVES[0])


def test_a_receipt_is_read_as_it_was_written() -> None:
    assert Receipt.decode(TEXT) == RECEIPT


def test_a_receipt_of_the_only_entry_has_no_hashes() -> None:
    receipt = Receipt(b"", 0, (), NOTE)
    assert Receipt.decode(receipt.encode()) == receipt


def test_a_receipt_reads_like_the_specification() -> None:
    lines = TEXT.decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra Mw==", "index 3"]
    assert lines[6:9] == ["", "log.example", "7"]


@pytest.mark.parametrize(
    "change",
    [
        (b"@v1", b"@v2"),
        (b"extra Mw==\n", b""),
        (b"extra Mw==", b"extra Mx=="),
        (b"index 3", b"index 03"),
        (b"index 3", b"index"),
        (b"index 3\n", b"index 3\n" * 100),
        (b"\n\n", b"\n"),
        (b"log.example", b"\xff"),
        (b"log.example", b"x" * 2_000_000),
    ],
)
def test_what_is_not_a_receipt_is_refused(change: tuple[bytes, bytes]) -> None:
    assert change[0] in TEXT
    with pytest.raises(MalformedError):
        Receipt.decode(TEXT.replace(*change))
